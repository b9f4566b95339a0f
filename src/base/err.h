/* The error table lives in <saorsa/err.h>; this adds the one control macro of the project. */
#ifndef SG_BASE_ERR_H
#define SG_BASE_ERR_H

#include <saorsa/err.h>

/* Returns the error of a fallible call from the current function. */
#define SG_TRY(call)                                                                               \
    do {                                                                                           \
        sg_err sg_try_err_ = (call);                                                               \
        if (sg_try_err_ != SG_OK)                                                                  \
            return sg_try_err_;                                                                    \
    } while (0)

#endif
