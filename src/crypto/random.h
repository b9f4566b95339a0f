/* Randomness for keys and nonces, from OpenSSL's generator. Choices of protocol machines come from
 * base/prng.h instead. */
#ifndef SG_CRYPTO_RANDOM_H
#define SG_CRYPTO_RANDOM_H

#include <stddef.h>

#include "base/err.h"

/* Fills out [len] with secret random bytes. Any thread.
 * SG_ERR_ENTROPY: the generator failed; out is zeroed, and there is no second source. */
SG_MUST_USE sg_err sg_random(void *out, size_t len);

#endif
