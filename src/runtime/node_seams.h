/* What a test puts in the place of the machine below a node. */
#ifndef SG_RUNTIME_NODE_SEAMS_H
#define SG_RUNTIME_NODE_SEAMS_H

#include <saorsa/gossip.h>

#include "os/file.h"
#include "os/udp.h"

/* All zero: the real things. Everything is borrowed for the node's life, mem also for the life of
 * messages that outlive it. */
struct sg_node_seams {
    const struct sg_mem *mem;           /* the node's memory; OpenSSL and libuv have their own */
    const struct sg_udp_ops *udp_ops;   /* the socket's system calls */
    const struct sg_file_sys *file_sys; /* the keystore's */
    enum sg_udp_path udp_path;
};

/* sg_node_new with seams. */
SG_MUST_USE sg_err sg_node_new_with(const struct sg_node_config *config,
                                    const struct sg_node_seams *seams, struct sg_node **node,
                                    char *detail, size_t detail_cap);

#endif
