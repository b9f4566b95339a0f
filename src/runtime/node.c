/* Making and ending a node, and the way in and out of its lock. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crypto/random.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "os/scratch.h"
#include "runtime/node_impl.h"

/* ---- lock and clocks ------------------------------------------------------------------------- */

void sg_rt_read_clocks(struct sg_node *node)
{
    node->now = sg_clock_now();
    node->wall_ms = sg_clock_wall_ms();
}

void sg_rt_enter_any(struct sg_node *node)
{
    sg_rt_lock_enter(&node->lock);
    sg_rt_read_clocks(node);
}

sg_err sg_rt_enter(struct sg_node *node)
{
    sg_rt_enter_any(node);
    int mode = atomic_load(&node->mode);
    if (mode != SG_RT_STOPPING && mode != SG_RT_STOPPED && !node->has_left)
        return SG_OK;
    sg_rt_leave_quiet(node);
    return SG_ERR_STOPPED;
}

void sg_rt_leave(struct sg_node *node)
{
    int mode = atomic_load(&node->mode);
    if (mode == SG_RT_THREADED || mode == SG_RT_STOPPING) {
        (void)uv_async_send(&node->wake);
    } else if (mode == SG_RT_DRIVEN) {
        sg_rt_write_socket(node);
        node->rearm = true; /* the socket may be full, or the write may have ended a connection */
    }
    sg_rt_leave_quiet(node);
}

void sg_rt_leave_quiet(struct sg_node *node)
{
    sg_rt_lock_leave(&node->lock);
}

void sg_rt_note_error(struct sg_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(node->last_error, sizeof node->last_error, format, args);
    va_end(args);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* What the steps of making a node need. */
struct making {
    const struct sg_rt_settings *settings;
    const struct sg_node_seams *seams;
    const struct sg_rt_detail *detail;
};

static const char *keystore_advice(sg_err err)
{
    if (err == SG_ERR_LOCKED)
        return "another process runs this identity; stop it or use another state folder";
    if (err == SG_ERR_CORRUPT)
        return "a file of the identity is damaged or not of this kind; restore it from a backup "
               "(nothing was changed)";
    if (err == SG_ERR_PASSPHRASE)
        return "the passphrase is wrong, or missing, or given for a key that has none";
    if (err == SG_ERR_PERMISSION)
        return "the identity cannot be read or written, or its files are open to others; they "
               "must belong to you, with mode 0600";
    if (err == SG_ERR_NO_SPACE)
        return "no space left on the device; nothing was overwritten";
    if (err == SG_ERR_NOT_FOUND)
        return "the identity's key file is gone; restore it from a backup, or create a new "
               "identity";
    if (err == SG_ERR_UNSUPPORTED)
        return "the identity was made by a newer version or for another crypto profile";
    return sg_err_text(err);
}

static sg_err open_keystore(struct sg_node *node, const struct making *m)
{
    const struct sg_node_config *config = &m->settings->config;
    struct sg_keystore_options options = {.mem = node->mem, .sys = m->seams->file_sys};
    struct sg_bytes passphrase = {NULL, 0};
    if (config->passphrase != NULL && config->passphrase[0] != 0)
        passphrase = sg_bytes(config->passphrase, strlen(config->passphrase));
    SG_TRY(sg_keystore_init(&node->keystore, config->state_dir, &options));
    node->has_keystore = true;
    SG_TRY(sg_keystore_load_or_create(&node->keystore, passphrase, &node->identity));
    uint32_t boot = 0;
    SG_TRY(sg_keystore_boot(&node->keystore, node->wall_ms / 1000, &boot));
    node->boot = boot;
    return SG_OK;
}

static sg_err make_identity(struct sg_node *node, const struct making *m)
{
    sg_err err = SG_OK;
    const char *dir = m->settings->config.state_dir;
    if (dir != NULL) {
        err = open_keystore(node, m);
        if (err != SG_OK)
            sg_rt_detail(m->detail, "%.120s: %s", dir, keystore_advice(err));
    } else {
        /* An identity that nobody saw before has no earlier boots to outrank. */
        node->boot = (uint32_t)(node->wall_ms / 1000);
        err = sg_identity_new_random(node->mem, &node->identity);
        if (err != SG_OK)
            sg_rt_detail(m->detail, "cannot make a key: %s", sg_err_text(err));
    }
    if (err == SG_OK)
        node->self = *sg_identity_peer_id(node->identity);
    return err;
}

static const char *peers_advice(sg_err err)
{
    if (err == SG_ERR_CORRUPT)
        return "damaged, or not a file of this kind; move it away to start with an empty one (the "
               "contacts in it have to be added again)";
    if (err == SG_ERR_UNSUPPORTED)
        return "made by a newer version; use that, or move the file away";
    if (err == SG_ERR_LOCKED)
        return "another program holds it";
    return sg_err_text(err);
}

static sg_err open_cache(struct sg_node *node, const struct making *m)
{
    const char *dir = m->settings->config.state_dir;
    sg_err err = sg_rt_cache_init(node, dir, m->seams->file_sys);
    if (err == SG_OK)
        err = sg_rt_contacts_load(node);
    if (err != SG_OK && dir != NULL)
        sg_rt_detail(m->detail, "%.120s/" SG_PEERS_FILE ": %s", dir, peers_advice(err));
    return err;
}

static const char *bind_advice(sg_err err)
{
    if (err == SG_ERR_ADDRESS_IN_USE)
        return "address in use; choose another --listen port";
    if (err == SG_ERR_PERMISSION)
        return "permission denied; choose a port above 1023";
    if (err == SG_ERR_UNREACHABLE)
        return "not an address of this machine; choose another --listen address";
    if (err == SG_ERR_UNSUPPORTED)
        return "this machine has no such address family";
    return sg_err_text(err);
}

static sg_err open_socket(struct sg_node *node, const struct making *m)
{
    char text[SG_ADDR_TEXT_CAP];
    struct sg_udp_options options = {.bind = m->settings->listen,
                                     .dual_stack = m->settings->dual_stack,
                                     .path = m->seams->udp_path,
                                     .mem = node->mem,
                                     .ops = m->seams->udp_ops};
    sg_err err = sg_udp_open(&options, &node->udp);
    if (err != SG_OK) {
        sg_rt_detail(m->detail, "cannot bind %s: %s", sg_addr_format(&m->settings->listen, text),
                     bind_advice(err));
        return err;
    }
    node->address = *sg_udp_local(node->udp);
    node->dual_stack = sg_udp_features(node->udp)->dual_stack;
    return SG_OK;
}

static sg_err make_endpoint(struct sg_node *node, const struct making *m)
{
    const struct sg_node_config *config = &m->settings->config;
    struct sg_quic_config quic;
    sg_quic_config_default(&quic);
    quic.mem = node->mem;
    quic.identity = node->identity;
    quic.datagram_acks = true;
    quic.limits.connections_max = config->max_connections;
    quic.limits.retry_threshold = config->retry_threshold;
    if (quic.limits.half_open_max > config->max_connections)
        quic.limits.half_open_max = config->max_connections;
    quic.idle_timeout_ns = config->idle_timeout_ms * SG_NS_PER_MS;
    quic.keep_alive_ns = config->keep_alive_ms * SG_NS_PER_MS;
    return sg_quic_endpoint_new(&quic, node->now, &node->quic);
}

static sg_err make_core(struct sg_node *node, const struct making *m)
{
    const struct sg_node_config *config = &m->settings->config;
    struct sg_core_config core = sg_core_config_default(node->mem);
    core.suite = sg_identity_suite(node->identity);
    core.signer = *sg_identity_signer(node->identity);
    core.self = node->self;
    core.network = sg_bytes(node->network, strlen(node->network));
    core.boot = node->boot;
    core.links_max = config->max_connections;
    core.message_ttl_ms = config->message_ttl_ms;
    core.trace = (struct sg_trace){sg_rt_on_trace, node};
    core.hpv.shuffle_interval_ns = config->shuffle_interval_ms * SG_NS_PER_MS;
    core.hpv.contact_slots = (uint8_t)config->contact_slots;
    core.swim.members_max = (uint16_t)config->members_max;
    core.meta = sg_bytes(config->meta, config->meta_len);
    core.seed = sg_prng_next(&node->prng);
    core.datagram_acks = true;
    core.offload = true;
    sg_rt_work_init(&node->work, node->mem, sg_identity_signer(node->identity), &node->wake);
    return sg_core_new(&node->core, &core, node->now);
}

static sg_err add_seeds(struct sg_node *node, const struct making *m)
{
    struct sg_rt_seed *seed;
    for (size_t i = 0; i < m->settings->config.seed_count; i++)
        SG_TRY(sg_rt_seeds_add(&node->seeds, node->mem, m->settings->config.seeds[i], &seed));
    return SG_OK;
}

static sg_err make_parts(struct sg_node *node, const struct making *m)
{
    uint64_t seed;
    SG_TRY(sg_entropy_seed(&seed));
    sg_prng_init(&node->prng, seed);
    (void)snprintf(node->network, sizeof node->network, "%s", m->settings->config.network);
    SG_TRY(add_seeds(node, m));
    SG_TRY(make_identity(node, m));
    node->links.self = node->self;
    SG_TRY(open_cache(node, m));
    SG_TRY(sg_rt_archive_init(node, &m->settings->config, m->seams->file_sys));
    SG_TRY(open_socket(node, m));
    SG_TRY(make_endpoint(node, m));
    SG_TRY(make_core(node, m));
    return sg_rt_loop_init(node);
}

/* A node with nothing but its locks. */
static sg_err make_bare(const struct sg_mem *mem, uint32_t event_max, struct sg_node **out)
{
    struct sg_node *node = sg_mem_new(mem, 1, sizeof *node);
    if (node == NULL)
        return SG_ERR_NO_MEMORY;
    node->mem = mem;
    atomic_init(&node->mode, SG_RT_NEW);
    node->watch_at = SG_TIME_NEVER;
    node->stop_at = SG_TIME_NEVER;
    sg_rt_links_init(&node->links, mem, &node->self);
    sg_rt_bulk_init(&node->bulk, mem);
    sg_rt_dials_init(&node->dials);
    sg_rt_paths_init(&node->paths);
    sg_rt_seeds_init(&node->seeds);
    sg_rt_read_clocks(node);
    node->born = node->now;
    sg_rt_budget_init(&node->budget, node->now);
    sg_err err = sg_rt_lock_init(&node->lock);
    if (err == SG_OK) {
        err = sg_rt_events_init(&node->events, mem, event_max);
        if (err != SG_OK)
            sg_rt_lock_fini(&node->lock);
    }
    if (err != SG_OK) {
        sg_mem_free(mem, node);
        return err;
    }
    *out = node;
    return SG_OK;
}

sg_err sg_node_new_with(const struct sg_node_config *config, const struct sg_node_seams *seams,
                        struct sg_node **node, char *detail, size_t detail_cap)
{
    const struct sg_rt_detail place = {detail, detail_cap};
    const struct sg_mem *mem = seams->mem != NULL ? seams->mem : sg_mem_default();
    struct sg_rt_settings settings;
    *node = NULL;
    sg_rt_detail(&place, "%s", "");
    SG_TRY(sg_rt_settings_of(config, &settings, &place));
    struct sg_node *made = NULL;
    sg_err err = make_bare(mem, config->event_queue_max, &made);
    if (err == SG_OK) {
        const struct making making = {&settings, seams, &place};
        err = make_parts(made, &making);
        if (err != SG_OK)
            sg_node_free(made);
    }
    if (err != SG_OK) {
        if (detail != NULL && detail_cap > 0 && detail[0] == 0)
            sg_rt_detail(&place, "cannot make the node: %s", sg_err_text(err));
        return err;
    }
    *node = made;
    return SG_OK;
}

sg_err sg_node_new(const struct sg_node_config *config, struct sg_node **node, char *detail,
                   size_t detail_cap)
{
    const struct sg_node_seams seams = {0};
    return sg_node_new_with(config, &seams, node, detail, detail_cap);
}

/* ---- ending ---------------------------------------------------------------------------------- */

void sg_node_free(struct sg_node *node)
{
    if (node == NULL)
        return;
    sg_node_stop(node);
    while (node->subs.first != NULL) {
        struct sg_subscription *sub = node->subs.first;
        (void)sg_rt_subs_remove(&node->subs, sub);
        sg_rt_sub_free(sub);
    }
    sg_rt_links_fini(&node->links);
    sg_rt_journal_fini(&node->journal, node->mem);
    sg_rt_bulk_fini(&node->bulk);
    sg_quic_endpoint_free(node->quic);
    sg_core_outbox_clear(&node->outbox);
    sg_core_outbox_fini(&node->outbox, node->mem);
    sg_core_free(node->core);
    sg_udp_close(node->udp);
    sg_scratch_put(node->mem, node->out.buf, SG_RT_BATCH_BYTES);
    sg_identity_free(node->identity);
    sg_rt_cache_fini(node);
    sg_rt_archive_fini(node);
    if (node->has_keystore)
        sg_keystore_fini(&node->keystore);
    sg_rt_seeds_fini(&node->seeds, node->mem);
    sg_rt_events_fini(&node->events);
    sg_rt_lock_fini(&node->lock);
    sg_mem_free(node->mem, node);
}
