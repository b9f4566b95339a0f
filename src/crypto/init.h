/* Start of the crypto library. */
#ifndef SG_CRYPTO_INIT_H
#define SG_CRYPTO_INIT_H

#include "base/err.h"

/* Fetches every algorithm that the adapters use, once per process; later calls cost one atomic
 * load. All adapters call it themselves: a program calls it at its start so that a missing
 * algorithm is an error there and hashing cannot fail afterwards. Any thread; after an error it may
 * be tried again. SG_ERR_CRYPTO: OpenSSL lacks an algorithm. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_crypto_init(void);

#endif
