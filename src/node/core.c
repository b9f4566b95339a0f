/* The core: inputs in, ordered outputs out. See core.h for the contract, internal.h for the parts.
 *
 * The way of a frame: route.c decodes it and finds its scope; scope.c feeds the machine and turns
 * the machine's outputs into frames, pushes and events; links.c finds or opens the link; outbox.c
 * collects. Nothing calls back up. What a step finds out on its way (a peer without address, a link
 * to be closed) is noted and worked off at the end of the input, in sg_core_end. */
#include "node/internal.h"

#include <assert.h>
#include <stddef.h>

#include "base/prefetch.h"

/* Most nodes are in few scopes. */
#define PREFETCH_SCOPES 2

struct sg_core_config sg_core_config_default(const struct sg_mem *mem)
{
    return (struct sg_core_config){
        .mem = mem,
        .hpv = sg_hpv_config_default(mem),
        .pt = sg_pt_config_default(mem),
        .swim = sg_swim_config_default(mem),
        .links_max = 256,
        .scopes_max = 1 + SG_TOPICS_MAX,
        .book_max = 2048,
        .keys_max = 512,
        .roots_max = 512,
        .authors_max = 512,
        .held_bytes_max = UINT64_C(32) << 20,
        .retention_ns = 900 * SG_NS_PER_S,
        .retention_bytes_max = UINT64_C(16) << 20,
        .retention_max = 65536,
        .backfill_interval_ns = 30 * SG_NS_PER_S,
        .large_bytes_max = UINT64_C(64) << 20,
        .large_have_ns = 50 * SG_NS_PER_MS,
        .verify_rate = 1000,
        .verify_burst = 2000,
        .batch_max = SG_BATCH_MAX,
        .linger_ns = 5 * SG_NS_PER_MS,
        .unsigned_bytes_max = UINT64_C(4) << 20,
        .sign_jobs_max = 16,
        .verify_jobs_max = 256,
        .waiting_bytes_max = UINT64_C(8) << 20,
        .frame_rate = 20000,
        .pubsub_rate = 200000,
        .byte_rate = 262144,
        .repair_rate = 1024,
        .repair_burst = 4096,
        .message_ttl_ms = 900000,
        .ttl_max_ms = 900000,
        .skew_ms = 600000,
        .link_linger_ns = 10 * SG_NS_PER_S,
        .ban_ns = 60 * SG_NS_PER_S,
        .scope_linger_ns = 60 * SG_NS_PER_S,
        .find_interval_ns = 500 * SG_NS_PER_MS,
        .find_interval_max_ns = 30 * SG_NS_PER_S,
        .advert_interval_ns = 300 * SG_NS_PER_S,
    };
}

static bool config_is_good(const struct sg_core_config *config)
{
    bool has_parts = config->mem != NULL && config->suite != NULL && config->signer.sign != NULL;
    bool has_network = config->network.len >= 1 && config->network.len <= SG_NETWORK_NAME_MAX;
    bool has_room = config->links_max > 0 && config->scopes_max > 0 &&
                    config->book_max > SG_HPV_CONTACTS_MAX && config->keys_max > 0 &&
                    config->roots_max > 0 && config->authors_max > 0;
    /* every active neighbour must find a place in the tree */
    bool tree_fits = config->pt.peers_max >= config->hpv.active_max;
    bool fits_sequence = config->boot <= UINT32_MAX;
    bool batches = config->batch_max >= 1 && config->batch_max <= SG_BATCH_MAX &&
                   config->sign_jobs_max >= 1 && config->verify_jobs_max >= 1;
    has_room = has_room && config->held_bytes_max >= (UINT64_C(1) << 20) &&
               config->retention_bytes_max >= (UINT64_C(1) << 20) && config->retention_max > 0 &&
               config->retention_max <= (UINT32_C(1) << 20) && config->backfill_interval_ns > 0 &&
               config->large_bytes_max >= SG_LARGE_MAX && config->link_linger_ns > 0;
    return has_parts && has_network && has_room && tree_fits && fits_sequence && batches &&
           config->message_ttl_ms <= config->ttl_max_ms && config->meta.len <= SG_SWIM_META_MAX;
}

/* Tables grow as they fill: an idle node is small. */
static sg_err init_tables(struct sg_core *core)
{
    sg_index_keys_init(&core->index_keys, &core->prng);
    sg_index_init(&core->link_index, &core->index_keys, 0);
    sg_index_init(&core->scope_index, &core->index_keys, 0);
    sg_large_init(core);
    sg_adverts_init(core);
    sg_book_init(&core->book, core->config.mem, core->config.book_max, &core->index_keys);
    SG_TRY(sg_proofs_init(core));
    SG_TRY(sg_members_init(core));
    return sg_records_init(core);
}

/* Of all but members and links. */
static sg_time_ns rest_deadline(const struct sg_core *core)
{
    sg_time_ns at = sg_time_min(sg_author_deadline(core), core->large.due);
    at = sg_time_min(at, core->adverts.tell_at);
    if (core->topics_dirty)
        at = sg_time_min(at, core->topics_at);
    for (uint32_t i = 0; i < core->scope_count; i++)
        at = sg_time_min(at, sg_scope_deadline(core, core->scopes[i]));
    return at;
}

sg_err sg_core_new(struct sg_core **out, const struct sg_core_config *config, sg_time_ns now)
{
    static const struct sg_topic_id base = {{0}};
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa network v1"), config->network};
    struct sg_core_outbox none = {0};
    struct sg_scope *scope;
    *out = NULL;
    if (!config_is_good(config))
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_core *core = sg_mem_new(config->mem, 1, sizeof(*core));
    if (core == NULL)
        return SG_ERR_NO_MEMORY;
    core->config = *config;
    core->config.hpv.mem = config->mem;
    core->config.pt.mem = config->mem;
    core->config.network = (struct sg_bytes){NULL, 0};
    core->links_check_at = SG_TIME_NEVER;
    core->now = now;
    core->out = &none;
    config->suite->hash(parts, 2, core->network);
    sg_prng_init(&core->prng, config->seed);
    sg_err err = init_tables(core);
    if (err == SG_OK)
        err = sg_scope_open(core, &base, &scope);
    if (err != SG_OK) {
        sg_core_free(core);
        return err;
    }
    assert(none.count == 0);
    core->rest_due = rest_deadline(core);
    core->out = NULL;
    *out = core;
    return SG_OK;
}

void sg_core_free(struct sg_core *core)
{
    if (core == NULL)
        return;
    const struct sg_mem *mem = core->config.mem;
    for (uint32_t i = 0; i < core->scope_count; i++)
        sg_scope_free(core, core->scopes[i]);
    sg_mem_free(mem, core->scopes);
    sg_index_fini(&core->scope_index, mem);
    sg_links_fini(core);
    sg_book_fini(&core->book);
    sg_author_fini(core);
    sg_checks_fini(core);
    sg_large_fini(core);
    sg_adverts_fini(core);
    sg_proofs_fini(core);
    sg_records_fini(core);
    sg_swim_free(core->swim);
    sg_mem_free(mem, core->bans);
    sg_standings_fini(core);
    sg_mem_free(mem, core->todo);
    sg_mem_free(mem, core->priorities);
    sg_mem_free(mem, core);
}

void sg_core_begin(struct sg_core *core, sg_time_ns now, uint64_t wall_ms,
                   struct sg_core_outbox *out)
{
    core->now = now > core->now ? now : core->now;
    core->wall_ms = wall_ms;
    core->out = out;
    core->is_rest_stale = true;
}

void sg_core_end(struct sg_core *core)
{
    if (core->todo_count > 0)
        sg_scopes_todo(core);
    core->is_rest_stale = core->is_rest_stale || core->any_doomed;
    if (core->any_doomed)
        sg_links_reap(core);
    if (core->todo_count > 0)
        sg_scopes_todo(core);
    if (core->is_rest_stale)
        core->rest_due = rest_deadline(core);
    core->out = NULL;
}

static void input_frame(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_link *link = sg_link_find(core, &in->peer);
    if (link == NULL || link->state != SG_LINK_UP)
        return; /* closed by us meanwhile */
    core->stats.frames_in++;
    core->stats.bytes_in += in->bytes.len;
    sg_members_heard(core, link);
    if (sg_link_may_send(core, link, in->lane, in->bytes.len))
        sg_route_frame(core, link, in);
    else
        sg_refuse(core, link, NULL, SG_ERR_LIMIT);
}

static void input_rtt(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_link *link = sg_link_find(core, &in->peer);
    struct sg_pt_in rtt = {
        .kind = SG_PT_IN_RTT, .peer = in->peer, .srtt_ns = in->srtt_ns, .rttvar_ns = in->rttvar_ns};
    struct sg_swim_in path = {.kind = SG_SWIM_IN_RTT,
                              .peer = in->peer,
                              .srtt_ns = in->srtt_ns,
                              .rttvar_ns = in->rttvar_ns,
                              .lost_permille = in->lost_permille};
    if (link == NULL)
        return;
    link->srtt_ns = in->srtt_ns;
    link->rttvar_ns = in->rttvar_ns;
    (void)sg_members_input(core, &path);
    for (uint32_t i = 0; i < core->scope_count; i++) {
        if (sg_hpv_is_active(&core->scopes[i]->hpv, &in->peer))
            (void)sg_scope_pt(core, core->scopes[i], &rtt);
    }
}

static void input_push_dropped(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    struct sg_pt_in dropped = {.kind = SG_PT_IN_PUSH_DROPPED, .peer = in->peer, .id = in->id};
    struct sg_link *link = sg_link_find(core, &in->peer);
    static const struct sg_msg_id none = {{0}};
    if (in->lane == SG_LANE_BULK && sg_msg_id_equal(&in->id, &none)) {
        sg_docflow_dropped(core, in);
        return;
    }
    if (in->lane == SG_LANE_BULK) {
        sg_large_push_dropped(core, in);
        return;
    }
    if (sg_scope_is_base(&in->topic)) { /* it carries no payload: this is a proof */
        if (link != NULL)
            sg_push_proof_dropped(link, &in->id);
        return;
    }
    core->stats.push_dropped++;
    sg_trace(&core->config.trace, SG_TRACE_PUSH_DROPPED, in->peer.b, in->id.b, 0);
    if (scope != NULL)
        (void)sg_scope_pt(core, scope, &dropped);
}

static sg_err input_seed(struct sg_core *core, const struct sg_core_in *in)
{
    const struct sg_hpv_in join = {.kind = SG_HPV_IN_JOIN, .peer = in->peer};
    const struct sg_hpv_in exchange = {
        .kind = SG_HPV_IN_CANDIDATES, .peers = &in->peer, .count = 1, .on = true, .is_soon = true};
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    if (sg_hpv_is_active(base, &in->peer) || sg_hpv_is_pending(base, &in->peer))
        return SG_OK;
    bool is_in = base->active_count >= base->config.active_target;
    return sg_scope_hpv(core, core->scopes[0], is_in ? &exchange : &join);
}

static sg_err input_subscribe(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    if (sg_scope_is_base(&in->topic))
        return SG_ERR_INVALID_ARGUMENT;
    if (scope == NULL)
        SG_TRY(sg_scope_open(core, &in->topic, &scope));
    if (scope->subscriptions++ == 0)
        sg_backfill_subscribed(core, scope);
    scope->durables += in->on ? 1 : 0;
    return SG_OK;
}

static sg_err input_unsubscribe(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    if (scope == NULL)
        return SG_ERR_NOT_FOUND;
    uint32_t of_this_kind = in->on ? scope->durables : scope->subscriptions - scope->durables;
    if (of_this_kind == 0)
        return SG_ERR_NOT_FOUND;
    scope->subscriptions--;
    scope->durables -= in->on ? 1 : 0;
    /* what was just published is still offered to the neighbours */
    scope->linger_until = scope->offered_until;
    if (scope->subscriptions == 0 && core->now >= scope->offered_until)
        sg_scope_close(core, scope);
    return SG_OK;
}

static void input_leave(struct sg_core *core)
{
    struct sg_hpv_in leave = {.kind = SG_HPV_IN_LEAVE};
    struct sg_swim_in goodbye = {.kind = SG_SWIM_IN_LEAVE};
    sg_author_flush(core); /* with offload this is too late, see FLUSH */
    (void)sg_members_input(core, &goodbye);
    while (core->scope_count > 1)
        sg_scope_close(core, core->scopes[core->scope_count - 1]);
    (void)sg_scope_hpv(core, core->scopes[0], &leave);
    core->has_left = true;
    for (uint32_t i = 0; i < core->link_count; i++)
        sg_link_doom(core, core->links[i], SG_CLOSE_SHUTDOWN);
}

static sg_err input_candidate(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_hpv_in candidate = {.kind = SG_HPV_IN_CANDIDATES, .peers = &in->peer, .count = 1};
    if (sg_peer_id_equal(&in->peer, &core->config.self))
        return SG_ERR_INVALID_ARGUMENT;
    sg_book_learn(&core->book, &in->peer, &in->hints, false);
    return sg_scope_hpv(core, core->scopes[0], &candidate);
}

static sg_err input_contact(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_hpv_in contact = {.kind = SG_HPV_IN_CONTACT, .peer = in->peer, .on = in->on};
    uint8_t at = 0;
    if (sg_peer_id_equal(&in->peer, &core->config.self))
        return SG_ERR_INVALID_ARGUMENT;
    while (at < core->contact_count && !sg_peer_id_equal(&core->contacts[at], &in->peer))
        at++;
    if (in->on && at == SG_HPV_CONTACTS_MAX)
        return SG_ERR_LIMIT;
    if (!in->on && at == core->contact_count)
        return SG_ERR_NOT_FOUND;
    if (in->on) {
        core->contacts[at] = in->peer;
        core->contact_count = (uint8_t)(core->contact_count + (at == core->contact_count ? 1 : 0));
        sg_book_learn(&core->book, &in->peer, &in->hints, true);
        sg_book_pin(&core->book, &in->peer, true);
    } else {
        sg_book_pin(&core->book, &in->peer, false);
        core->contacts[at] = core->contacts[--core->contact_count];
    }
    for (uint32_t i = 1; i < core->scope_count; i++) {
        sg_scope_about(core, core->scopes[i], &in->peer);
        if (!in->on)
            sg_scope_part(core, core->scopes[i], &in->peer);
    }
    return sg_scope_hpv(core, core->scopes[0], &contact);
}

static sg_err input_meta(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_swim_in announce = {.kind = SG_SWIM_IN_ANNOUNCE};
    SG_TRY(sg_record_set_meta(core, in->bytes));
    return sg_members_input(core, &announce);
}

static sg_err input_forget(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_swim_in forget = {.kind = SG_SWIM_IN_FORGET, .peer = in->peer};
    return sg_members_input(core, &forget);
}

static void input_timeout(struct sg_core *core)
{
    sg_members_timeout(core);
    sg_scopes_timeout(core);
    sg_topics_timeout(core);
    sg_adverts_timeout(core);
    sg_links_timeout(core);
    sg_author_timeout(core);
    sg_large_timeout(core);
}

static sg_err dispatch(struct sg_core *core, const struct sg_core_in *in)
{
    switch (in->kind) {
    case SG_CORE_IN_TIMEOUT:
        input_timeout(core);
        return SG_OK;
    case SG_CORE_IN_LINK_UP:
        return sg_link_up(core, in);
    case SG_CORE_IN_LINK_DOWN:
        sg_link_down(core, in);
        return SG_OK;
    case SG_CORE_IN_LINK_RTT:
        input_rtt(core, in);
        return SG_OK;
    case SG_CORE_IN_LINK_ALIVE:
        sg_members_alive(core, &in->peer);
        return SG_OK;
    case SG_CORE_IN_LINK_SECRET:
        sg_link_secret(core, in);
        return SG_OK;
    case SG_CORE_IN_PAST:
        return sg_past_take(core, in);
    case SG_CORE_IN_PAST_FLOOR:
        return sg_past_floor(core, in);
    case SG_CORE_IN_SEED:
        return input_seed(core, in);
    case SG_CORE_IN_FRAME:
        input_frame(core, in);
        return SG_OK;
    case SG_CORE_IN_PUSH_DROPPED:
        input_push_dropped(core, in);
        return SG_OK;
    case SG_CORE_IN_SUBSCRIBE:
        return input_subscribe(core, in);
    case SG_CORE_IN_UNSUBSCRIBE:
        return input_unsubscribe(core, in);
    case SG_CORE_IN_PRIORITY:
        return sg_scope_prioritise(core, &in->topic, in->klass);
    case SG_CORE_IN_CANDIDATE:
        return input_candidate(core, in);
    case SG_CORE_IN_CONTACT:
        return input_contact(core, in);
    case SG_CORE_IN_META:
        return input_meta(core, in);
    case SG_CORE_IN_FORGET:
        return input_forget(core, in);
    case SG_CORE_IN_SIGNED:
        return sg_author_signed(core, in);
    case SG_CORE_IN_VERIFIED:
        return sg_check_verified(core, in);
    case SG_CORE_IN_DOC_BIND:
        return sg_docflow_bind(core, in);
    case SG_CORE_IN_DOC_SOON:
        return sg_docflow_soon(core, in);
    case SG_CORE_IN_DOC_SEND:
        return sg_docflow_send(core, in);
    case SG_CORE_IN_DOC_TAKEN:
        return sg_docflow_taken(core, in);
    case SG_CORE_IN_DOC_CLOSE:
        return sg_docflow_close(core, in);
    case SG_CORE_IN_FLUSH:
        sg_author_flush(core);
        return SG_OK;
    case SG_CORE_IN_LEAVE:
        input_leave(core);
        return SG_OK;
    }
    return SG_ERR_INVALID_ARGUMENT;
}

sg_err sg_core_input(struct sg_core *core, sg_time_ns now, uint64_t wall_ms,
                     const struct sg_core_in *in, struct sg_core_outbox *out)
{
    if (core->has_left)
        return SG_ERR_STOPPED;
    sg_core_begin(core, now, wall_ms, out);
    /* most inputs are packets about members, most of which concern no scope: sg_scope_hpv and
     * sg_scope_pt tell */
    core->is_rest_stale = in->kind != SG_CORE_IN_FRAME || in->lane != SG_LANE_DATAGRAM;
    sg_err err = dispatch(core, in);
    sg_core_end(core);
    return err;
}

/* What an input looks at first, in the order in which one leads to the next. */
#define HOT_BYTES offsetof(struct sg_core, stats)

void sg_core_prefetch(const struct sg_core *core, const struct sg_peer_id *peer, bool is_packet,
                      unsigned stage)
{
    uint32_t at;
    switch (stage) {
    case 0:
        sg_prefetch(core, HOT_BYTES);
        sg_prefetch(&core->stats.frames_in, 1);
        sg_prefetch(&core->config.trace, 1);
        sg_prefetch(&core->config.frame_rate, 1);
        return;
    case 1:
        sg_swim_prefetch(core->swim, 0);
        if (!is_packet)
            sg_prefetch(core->scopes, 1);
        if (peer == NULL)
            return;
        sg_prefetch(core->links, core->link_count * sizeof(struct sg_link *));
        sg_index_prefetch(&core->link_index, peer->b);
        return;
    case 2:
        at = peer == NULL ? SG_INDEX_NONE : sg_index_guess(&core->link_index, peer->b);
        if (at != SG_INDEX_NONE)
            sg_prefetch(core->links[at], is_packet ? offsetof(struct sg_link, pubsub)
                                                   : offsetof(struct sg_link, verify));
        sg_swim_prefetch(core->swim, 1);
        for (uint32_t i = 0; !is_packet && i < core->scope_count && i < PREFETCH_SCOPES; i++)
            sg_prefetch(core->scopes[i], offsetof(struct sg_scope, is_base));
        return;
    default:
        for (uint32_t i = 1; !is_packet && i < core->scope_count && i < PREFETCH_SCOPES; i++)
            sg_pt_prefetch(core->scopes[i]->pt, peer == NULL, stage - 3);
        return;
    }
}

sg_time_ns sg_core_deadline(const struct sg_core *core)
{
    if (core->has_left)
        return SG_TIME_NEVER;
    return sg_time_min(core->rest_due, sg_time_min(core->links_check_at, core->swim_due));
}

/* Whom the table holds, it holds with its link. Not yet: suspects, and names that only hearsay
 * brought. */
static bool is_link_in_table(const struct sg_core *core, const struct sg_link *link)
{
    struct sg_swim_view view;
    return sg_swim_find(core->swim, &link->peer, &view) != SG_OK ||
           view.state != SG_SWIM_IS_ALIVE || view.heard == 0 ||
           (view.is_linked && view.is_watched == link->is_watched);
}

static void check_link(const struct sg_core *core, uint32_t at)
{
    const struct sg_link *link = core->links[at];
    uint32_t uses = 0;
    assert(sg_index_get(&core->link_index, link->peer.b) == at);
    for (uint32_t i = 0; i < core->scope_count; i++)
        uses += sg_hpv_is_active(&core->scopes[i]->hpv, &link->peer) ? 1 : 0;
    assert(uses == link->uses);
    assert((uses > 0) == (link->unneeded_since == SG_TIME_NEVER));
    assert(link->doomed == SG_CLOSE_NONE);
    assert(link->is_watched == (uses > 0) || link->state == SG_LINK_DIALING);
    assert(link->state == SG_LINK_DIALING || link->queue_count == 0);
    assert(link->state == SG_LINK_DIALING || is_link_in_table(core, link));
}

void sg_core_check(const struct sg_core *core)
{
    for (uint32_t i = 0; i < core->scope_count; i++) {
        const struct sg_scope *scope = core->scopes[i];
        size_t eager = 0;
        size_t lazy = 0;
        assert(sg_index_get(&core->scope_index, scope->topic.b) == i);
        assert(scope->hpv_due == sg_hpv_deadline(&scope->hpv));
        assert(scope->pt_due == sg_scope_pt_deadline(scope));
        assert(scope->is_base == (i == 0) && scope->is_base == (scope->pt == NULL));
        sg_hpv_check(&scope->hpv);
        sg_history_check(scope);
        if (scope->is_base)
            continue;
        sg_pt_check(scope->pt);
        sg_pt_degrees(scope->pt, &eager, &lazy);
        assert(eager + lazy == scope->hpv.active_count);
    }
    for (uint32_t i = 0; i < core->link_count; i++)
        check_link(core, i);
    sg_author_check(core);
    sg_checks_check(core);
    sg_large_check(core);
    sg_docflow_check(core);
    sg_adverts_check(core);
    sg_swim_check(core->swim);
    assert(core->swim_due == sg_swim_deadline(core->swim));
    assert(core->rest_due == rest_deadline(core));
    assert(core->todo_count == 0 && !core->any_doomed && core->out == NULL);
}

size_t sg_core_hello(const struct sg_core *core, uint8_t frame[SG_HELLO_MAX])
{
    struct sg_hello hello = {.suite = core->config.suite->id, .boot = core->config.boot};
    struct sg_writer w = sg_writer(frame, SG_HELLO_MAX);
    memcpy(hello.network, core->network, SG_HASH_LEN);
    sg_hello_encode(&w, &hello);
    assert(w.err == SG_OK);
    return w.len;
}

sg_err sg_core_hello_check(const struct sg_core *core, const struct sg_peer_id *peer,
                           struct sg_bytes frame, uint64_t *boot)
{
    struct sg_hello hello;
    SG_TRY(sg_hello_decode(frame, &hello));
    if (memcmp(hello.network, core->network, SG_HASH_LEN) != 0)
        return SG_ERR_WRONG_NETWORK;
    if (hello.suite != core->config.suite->id)
        return SG_ERR_WRONG_PROFILE;
    if (sg_is_banned(core, peer))
        return SG_ERR_BANNED;
    *boot = hello.boot;
    return SG_OK;
}

enum sg_close_reason sg_core_hello_reason(sg_err err)
{
    if (err == SG_ERR_WRONG_NETWORK)
        return SG_CLOSE_WRONG_NETWORK;
    if (err == SG_ERR_WRONG_PROFILE)
        return SG_CLOSE_WRONG_PROFILE;
    if (err == SG_ERR_BANNED)
        return SG_CLOSE_BANNED;
    return err == SG_ERR_VERSION ? SG_CLOSE_VERSION : SG_CLOSE_PROTOCOL;
}
