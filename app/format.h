/* Figures for people. Each function writes to text and returns it. */
#ifndef SG_APP_FORMAT_H
#define SG_APP_FORMAT_H

#include <stdint.h>

#include <saorsa/types.h>

#define SG_FMT_CAP 32

/* "950 ns", "12.3 us", "4.56 ms", "7.89 s" */
const char *sg_fmt_ns(char text[SG_FMT_CAP], double ns);
/* "17 s", "3 min 20 s", "5 h 12 min", "3 d 4 h" */
const char *sg_fmt_age_ms(char text[SG_FMT_CAP], uint64_t ms);
/* "812 B", "3.1 KiB", "9.8 MiB" */
const char *sg_fmt_size(char text[SG_FMT_CAP], double bytes);
/* "100 %", "99.87 %": shows 100 only when it is all. */
const char *sg_fmt_share(char text[SG_FMT_CAP], double share);
/* The first ten characters of an id, enough to tell peers apart. */
const char *sg_fmt_short_id(char text[SG_FMT_CAP], const uint8_t id[SG_ID_LEN]);

#endif
