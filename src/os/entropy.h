/* Seeds for base/prng.h straight from the kernel. Keys and nonces come from crypto/random.h. */
#ifndef SG_OS_ENTROPY_H
#define SG_OS_ENTROPY_H

#include <stdint.h>

#include "base/err.h"

/* 64 unpredictable bits. SG_ERR_ENTROPY: the kernel gives none; *out is 0. Any thread. */
SG_MUST_USE sg_err sg_entropy_seed(uint64_t *out);

#endif
