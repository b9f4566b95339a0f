/* State folders and muted sockets for the tests over the public API. */
#ifndef SG_TESTS_E2E_STATE_FIXTURE_H
#define SG_TESTS_E2E_STATE_FIXTURE_H

#include "node_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/udp_ops.h"
#include "runtime/node_seams.h"

/* A fresh folder of its own as *state; the teardown removes it with the files of a node. */
static inline int state_setup(void **state)
{
    char *dir = strdup("/tmp/sg-node-XXXXXX");
    *state = dir;
    return dir != NULL && mkdtemp(dir) != NULL ? 0 : -1;
}

static inline int state_teardown(void **state)
{
    static const char *const files[] = {
        "identity.key",   "boot",         "lock",        "peers.db",
        "peers.db-wal",   "peers.db-shm", "messages.db", "messages.db-wal",
        "messages.db-shm"};
    char path[256];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", (char *)*state, files[i]);
        (void)unlink(path);
    }
    int failed = rmdir(*state);
    free(*state);
    return failed;
}

static inline struct sg_node *start_with_state(const char *dir, const char *seed)
{
    struct sg_node_config config = local_config();
    config.state_dir = dir;
    config.seeds = &seed;
    config.seed_count = seed != NULL;
    struct sg_node *node = make_node(&config);
    assert_int_equal(sg_node_start(node), SG_OK);
    return node;
}

/* While it is set, what a muted node sends is lost: to the others it has crashed. */
static atomic_bool is_mute;

static inline ssize_t mute_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (!atomic_load(&is_mute))
        return sg_udp_ops_default()->sendmsg(fd, msg, flags);
    size_t len = 0;
    for (size_t i = 0; i < msg->msg_iovlen; i++)
        len += msg->msg_iov[i].iov_len;
    return (ssize_t)len;
}

static inline int mute_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    if (!atomic_load(&is_mute))
        return sg_udp_ops_default()->sendmmsg(fd, msgs, count, flags);
    for (unsigned i = 0; i < count; i++)
        msgs[i].msg_len = 1;
    return (int)count;
}

/* A running node that obeys is_mute; dir and seed may be NULL. */
static inline struct sg_node *start_mutable(const char *dir, const char *seed)
{
    static struct sg_udp_ops ops;
    struct sg_node_config config = local_config();
    struct sg_node *node = NULL;
    ops = *sg_udp_ops_default();
    ops.sendmsg = mute_sendmsg;
    ops.sendmmsg = mute_sendmmsg;
    const struct sg_node_seams seams = {.udp_ops = &ops};
    config.state_dir = dir;
    config.seeds = &seed;
    config.seed_count = seed != NULL;
    assert_int_equal(sg_node_new_with(&config, &seams, &node, NULL, 0), SG_OK);
    assert_int_equal(sg_node_start(node), SG_OK);
    return node;
}

#endif
