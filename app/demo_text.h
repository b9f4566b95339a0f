/* What the demo publishes when no other input is named. */
#ifndef SG_APP_DEMO_TEXT_H
#define SG_APP_DEMO_TEXT_H

/* One message each; NULL ends them. */
extern const char *const sg_demo_text[];

#endif
