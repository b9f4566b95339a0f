/* The clocks of the machine. Only os/ and runtime/ read them; machines get `now` as an input. */
#ifndef SG_OS_CLOCK_H
#define SG_OS_CLOCK_H

#include <saorsa/types.h>

/* Monotonic nanoseconds since some moment before the process started. Never goes back, not set by
 * anybody; whether it runs while the machine sleeps is up to the system. Any thread. */
sg_time_ns sg_clock_now(void);

/* Milliseconds since 1970-01-01 UTC by the wall clock; 0 when the clock stands before that. It may
 * jump in both directions: for dates on the wire and in files, never for timers. */
uint64_t sg_clock_wall_ms(void);

#endif
