/* SIGINT, SIGTERM and SIGHUP as a descriptor for poll; SIGPIPE is ignored. */
#ifndef SG_APP_SIGNALS_H
#define SG_APP_SIGNALS_H

#include <stdbool.h>

/* Call once. False: no descriptors left (errno). */
bool sg_app_signals_init(void);
/* Becomes readable when a signal came, and stays so. */
int sg_app_signals_fd(void);
/* The signal that came, 0 for none. */
int sg_app_signals_caught(void);

#endif
