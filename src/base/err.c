#include "base/err.h"

const char *sg_err_text(sg_err err)
{
    switch (err) {
#define CASE_(name, value, text)                                                                   \
    case name:                                                                                     \
        return text;
        SG_ERR_TABLE(CASE_)
#undef CASE_
    default:
        return "unknown error";
    }
}

const char *sg_err_name(sg_err err)
{
    switch (err) {
#define CASE_(name, value, text)                                                                   \
    case name:                                                                                     \
        return #name;
        SG_ERR_TABLE(CASE_)
#undef CASE_
    default:
        return "SG_ERR_UNKNOWN";
    }
}

static int is_listed(sg_err err)
{
    switch (err) {
#define CASE_(name, value, text) case name:
        SG_ERR_TABLE(CASE_)
#undef CASE_
        return 1;
    default:
        return 0;
    }
}

enum sg_err_class sg_err_class_of(sg_err err)
{
    if (err == SG_OK || !is_listed(err))
        return SG_ERR_CLASS_NONE;
    if (err > -100)
        return SG_ERR_CLASS_USAGE;
    if (err > -200)
        return SG_ERR_CLASS_RESOURCE;
    if (err > -300)
        return SG_ERR_CLASS_PEER;
    if (err > -400)
        return SG_ERR_CLASS_IO;
    return SG_ERR_CLASS_CRYPTO;
}
