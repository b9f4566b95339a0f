/* A folder of its own for a test of files. */
#ifndef SG_TESTS_SCRATCH_DIR_H
#define SG_TESTS_SCRATCH_DIR_H

#include <stdio.h>
#include <stdlib.h>

static char dir[] = "/tmp/saorsa-app-XXXXXX";

/* Its path until the next call. */
static inline const char *in_dir(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static inline int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

#endif
