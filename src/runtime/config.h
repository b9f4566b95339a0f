/* Checks of a public configuration, before anything is opened. */
#ifndef SG_RUNTIME_CONFIG_H
#define SG_RUNTIME_CONFIG_H

#include <saorsa/gossip.h>

#include "base/mem.h"
#include "os/addr.h"
#include "runtime/seeds.h"

/* What is left of a config once it is checked. */
struct sg_rt_settings {
    struct sg_node_config config; /* pointers still borrowed */
    struct sg_addr listen;
    bool dual_stack;
};

/* A place for a sentence to people; text may be NULL. */
struct sg_rt_detail {
    char *text;
    size_t cap;
};
void sg_rt_detail(const struct sg_rt_detail *detail, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* SG_ERR_INVALID_ARGUMENT with a sentence. Seeds are only checked. */
SG_MUST_USE sg_err sg_rt_settings_of(const struct sg_node_config *config,
                                     struct sg_rt_settings *out, const struct sg_rt_detail *detail);

#endif
