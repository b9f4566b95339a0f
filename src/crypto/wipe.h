/* Forgetting and comparing secrets. */
#ifndef SG_CRYPTO_WIPE_H
#define SG_CRYPTO_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroes len bytes at data in a way that no compiler removes. data may be NULL when len is 0. */
void sg_wipe(void *data, size_t len);

/* Are the len bytes at a and b equal? Takes the same time wherever they differ. */
bool sg_secret_equal(const void *a, const void *b, size_t len);

#endif
