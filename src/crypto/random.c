#include "crypto/random.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "crypto/wipe.h"

sg_err sg_random(void *out, size_t len)
{
    if (len == 0)
        return SG_OK;
    if (len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1)
        return SG_OK;
    ERR_clear_error();
    sg_wipe(out, len);
    return SG_ERR_ENTROPY;
}
