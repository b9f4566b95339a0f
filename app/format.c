#include "format.h"

#include <stdio.h>
#include <string.h>

static const char *scaled(char text[SG_FMT_CAP], double value, const char *unit)
{
    int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(text, SG_FMT_CAP, "%.*f %s", digits, value, unit);
    return text;
}

const char *sg_fmt_ns(char text[SG_FMT_CAP], double ns)
{
    if (ns < 999.5) {
        snprintf(text, SG_FMT_CAP, "%.0f ns", ns);
        return text;
    }
    if (ns < 999.5e3)
        return scaled(text, ns / 1e3, "us");
    if (ns < 999.5e6)
        return scaled(text, ns / 1e6, "ms");
    return scaled(text, ns / 1e9, "s");
}

const char *sg_fmt_age_ms(char text[SG_FMT_CAP], uint64_t ms)
{
    unsigned long long s = ms / 1000;
    if (s < 60)
        snprintf(text, SG_FMT_CAP, "%llu s", s);
    else if (s < 3600)
        snprintf(text, SG_FMT_CAP, "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, SG_FMT_CAP, "%llu h %llu min", s / 3600, s % 3600 / 60);
    else
        snprintf(text, SG_FMT_CAP, "%llu d %llu h", s / 86400, s % 86400 / 3600);
    return text;
}

const char *sg_fmt_size(char text[SG_FMT_CAP], double bytes)
{
    static const char *const UNITS[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1023.5) {
        snprintf(text, SG_FMT_CAP, "%.0f B", bytes);
        return text;
    }
    size_t unit = 0;
    double value = bytes / 1024;
    while (value >= 1023.5 && unit + 1 < sizeof(UNITS) / sizeof(UNITS[0])) {
        value /= 1024;
        unit++;
    }
    return scaled(text, value, UNITS[unit]);
}

const char *sg_fmt_share(char text[SG_FMT_CAP], double share)
{
    if (share >= 1)
        snprintf(text, SG_FMT_CAP, "100 %%");
    else
        snprintf(text, SG_FMT_CAP, "%.2f %%", share > 0.9999 ? 99.99 : share * 100);
    return text;
}

const char *sg_fmt_short_id(char text[SG_FMT_CAP], const uint8_t id[SG_ID_LEN])
{
    char full[SG_ID_TEXT_LEN + 1];
    sg_id_to_text(id, full);
    memcpy(text, full, 10);
    text[10] = '\0';
    return text;
}
