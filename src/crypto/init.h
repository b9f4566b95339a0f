/* Start of the crypto library. */
#ifndef SG_CRYPTO_INIT_H
#define SG_CRYPTO_INIT_H

#include "base/err.h"

/* Fetches every algorithm that the adapters use and draws a random byte. The adapters do the first
 * themselves when nobody did; a program calls this at its start so that what is missing is an error
 * there and hashing cannot fail afterwards. Any thread. After an error it may be tried again, but
 * where OpenSSL itself ran out of memory while starting it may stay so.
 * SG_ERR_CRYPTO: OpenSSL lacks an algorithm, or lost it so. SG_ERR_ENTROPY. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_crypto_init(void);

#endif
