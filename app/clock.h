/* Time as the executable needs it. */
#ifndef SG_APP_CLOCK_H
#define SG_APP_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds: one clock for all processes of a machine. */
uint64_t sg_app_now_ns(void);
/* Milliseconds until deadline_ns, rounded up, for poll; 0 when it has passed, at most one hour. */
int sg_app_poll_ms(uint64_t now_ns, uint64_t deadline_ns);

#endif
