/* Which symbols an item enters: 0, then ever rarer, so that symbol i holds a share 1/(1 + i/2) of
 * all items (Yang, Gilad, Alizadeh, "Practical rateless set reconciliation", SIGCOMM 2024, s4.2).
 *
 * Both ends must get the same indexes from the same bits: IEEE 754 doubles, each operation rounded
 * once. This folder is built with -ffp-contract=off and without -ffast-math; -fno-math-errno makes
 * the square root, which IEEE 754 rounds correctly, one instruction. */
#ifndef SG_RECONCILE_MAPPING_H
#define SG_RECONCILE_MAPPING_H

#include <assert.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "reconcile/ needs exact IEEE 754 arithmetic"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "reconcile/ needs doubles that are not kept wider (no x87)"
#endif

/* The state before the first step, when the item is in symbol 0. A zero state would stay there. */
static inline uint64_t sg_riblt_state(uint64_t id)
{
    return id | 1;
}

/* (double)x, rounded once, without the branch that a conversion of an unsigned word costs: both
 * halves and the product are exact. */
static inline double sg_riblt_double(uint64_t x)
{
    return (double)(int64_t)(x >> 32) * 4294967296.0 + (double)(int64_t)(x & UINT32_MAX);
}

/* A step in three parts, so that many items can take theirs together. First the state moves on. */
static inline double sg_riblt_draw(uint64_t *state)
{
    *state *= UINT64_C(0xda942042e4dd58b5);
    return sg_riblt_double(*state);
}

/* Then the draw says how far, in relation to the index. */
static inline double sg_riblt_stretch(double draw)
{
    return 4294967296.0 / __builtin_sqrt(draw + 1.0) - 1.0;
}

/* Then the index after i, which is below SG_REC_SYMBOLS_MAX. May be far above it. */
static inline uint64_t sg_riblt_index(uint32_t i, double stretch)
{
    double step = ((double)(int32_t)i + 1.5) * stretch;
    int64_t whole = (int64_t)step;
    return i + (uint64_t)(whole + ((double)whole < step ? 1 : 0));
}

#endif
