#include "os/entropy.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

sg_err sg_entropy_seed(uint64_t *out)
{
    if (getentropy(out, sizeof(*out)) == 0)
        return SG_OK;
    *out = 0;
    return SG_ERR_ENTROPY;
}
