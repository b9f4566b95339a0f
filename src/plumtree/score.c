#include "plumtree/score.h"

#include <stddef.h>

#define STEP_NS (5 * SG_NS_PER_S)
/* After so many steps nothing is left of any counter. */
#define STEPS_MAX 4096
/* Counters stop here: 10^5 events. */
#define COUNT_MAX 100000000u
/* What is less than a tenth of an event is over. */
#define COUNT_MIN 100u
/* Its silence says something after so many messages by others, and this time .. */
#define SILENT_MESSAGES 32
#define SILENT_MIN_NS (20 * SG_NS_PER_S)
/* .. or after one message, and this time (threats.md 11). */
#define SILENT_MAX_NS (300 * SG_NS_PER_S)
/* Kept promises that make up for a broken one. Who sheds load drops some of what it announced;
 * whose only purpose is to be asked in vain has to bring four messages for it. */
#define KEPT_PER_BROKEN 4
/* Free of charge. */
#define BROKEN_FREE 1
#define FAULT_FREE 8
#define CROWD_FREE 2
/* More would only be held against it for longer. */
#define MISSING_MAX (40 * SG_SCORE_ONE)
#define NS_PER_MINUTE (60 * SG_NS_PER_S)

struct sg_score_weights sg_score_weights_default(void)
{
    return (struct sg_score_weights){
        .time = 1,
        .time_cap = 10,
        .first = 1,
        .first_cap = 50,
        .missing = 1,
        .missing_cap = 20,
        .invalid = 40,
        .broken = 10,
        .fault = 1,
        .crowd = 5,
        .crowd_cap = 15,
        .gossip_min = -30,
        .publish_min = -50,
        .accept_min = -80,
    };
}

void sg_score_init(struct sg_score *s, sg_time_ns now)
{
    *s = (struct sg_score){.at = now, .since = SG_TIME_NEVER, .first_at = now};
}

void sg_score_linked(struct sg_score *s, sg_time_ns now, uint64_t total)
{
    s->since = now;
    s->first_at = now;
    s->first_no = total;
}

void sg_score_unlinked(struct sg_score *s)
{
    s->since = SG_TIME_NEVER;
}

static void count(uint32_t *counter)
{
    *counter = *counter > COUNT_MAX - SG_SCORE_ONE ? COUNT_MAX : *counter + SG_SCORE_ONE;
}

void sg_score_note(struct sg_score *s, sg_time_ns now, enum sg_score_event event, uint64_t total)
{
    sg_score_decay(s, now);
    switch (event) {
    case SG_SCORE_FIRST:
        count(&s->first);
        s->first_at = now;
        s->first_no = total;
        return;
    case SG_SCORE_MISSING:
        if (s->missing < MISSING_MAX)
            count(&s->missing);
        return;
    case SG_SCORE_INVALID:
        count(&s->invalid);
        return;
    case SG_SCORE_BROKEN:
        count(&s->broken);
        return;
    case SG_SCORE_KEPT:
        s->broken -=
            s->broken < SG_SCORE_ONE / KEPT_PER_BROKEN ? s->broken : SG_SCORE_ONE / KEPT_PER_BROKEN;
        return;
    case SG_SCORE_FAULT:
        count(&s->fault);
        return;
    }
}

/* factor: 2^16 * 2^(-5 s / half-life). */
static void fade(uint32_t *counter, uint32_t factor)
{
    *counter = (uint32_t)((uint64_t)*counter * factor >> 16);
    if (*counter < COUNT_MIN)
        *counter = 0;
}

void sg_score_decay(struct sg_score *s, sg_time_ns now)
{
    uint64_t steps = sg_time_since(now, s->at) / STEP_NS;
    if (steps == 0)
        return;
    s->at = sg_time_add(s->at, steps * STEP_NS);
    for (uint64_t i = 0; i < steps && i < STEPS_MAX; i++) {
        if ((s->first | s->missing | s->invalid | s->broken | s->fault) == 0)
            return;
        fade(&s->first, 63670);   /* 120 s */
        fade(&s->missing, 64596); /* 240 s */
        fade(&s->invalid, 65159); /* 600 s */
        fade(&s->broken, 63670);
        fade(&s->fault, 61858); /* 60 s */
    }
}

/* Weights are any int32 and no part exceeds 2^60: the sum of five of them cannot wrap. */
static int64_t capped(int64_t value, int32_t cap)
{
    return value < cap ? value : cap;
}

static int64_t square_above(uint32_t counter, uint32_t is_free, int32_t weight)
{
    uint64_t over = counter > is_free * SG_SCORE_ONE ? counter - is_free * SG_SCORE_ONE : 0;
    uint64_t hundredths = over / (SG_SCORE_ONE / 100); /* <= 10^7 */
    uint64_t square = hundredths * hundredths / 10000;
    if (square > (UINT64_C(1) << 29))
        square = UINT64_C(1) << 29;
    return (int64_t)square * weight;
}

static int64_t blame(const struct sg_score *s, const struct sg_score_weights *w)
{
    int64_t crowd = s->crowd > CROWD_FREE ? s->crowd - CROWD_FREE : 0;
    int64_t unproven = capped((int64_t)s->missing * w->missing / SG_SCORE_ONE, w->missing_cap) +
                       capped(crowd * w->crowd, w->crowd_cap);
    /* neither alone nor together are they reason enough to stop talking with it */
    if (w->gossip_min < 0 && unproven > -(int64_t)w->gossip_min - 1)
        unproven = -(int64_t)w->gossip_min - 1;
    return unproven + square_above(s->invalid, 0, w->invalid) +
           square_above(s->broken, BROKEN_FREE, w->broken) +
           square_above(s->fault, FAULT_FREE, w->fault);
}

static int64_t praise(const struct sg_score *s, const struct sg_score_weights *w, sg_time_ns now)
{
    uint64_t minutes = s->since == SG_TIME_NEVER ? 0 : sg_time_since(now, s->since) / NS_PER_MINUTE;
    int64_t stay = (int64_t)(minutes > UINT32_MAX ? UINT32_MAX : minutes) * w->time;
    return capped(stay, w->time_cap) +
           capped((int64_t)s->first * w->first / SG_SCORE_ONE, w->first_cap);
}

int32_t sg_score_value(const struct sg_score *s, const struct sg_score_weights *w, sg_time_ns now)
{
    int64_t against = blame(s, w);
    int64_t value = against > 0 ? -against : praise(s, w, now);
    if (value < INT32_MIN)
        return INT32_MIN;
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

bool sg_score_is_source(const struct sg_score *s, sg_time_ns now, uint64_t total)
{
    if (s->since == SG_TIME_NEVER)
        return false;
    uint64_t by_others = total - s->first_no;
    uint64_t silent = sg_time_since(now, s->first_at);
    if (by_others >= 1 && silent >= SILENT_MAX_NS)
        return false;
    return by_others < SILENT_MESSAGES || silent < SILENT_MIN_NS;
}
