/* Scopes: one HyParView and one Plumtree machine per topic, and one pair for the base overlay that
 * holds every node. This file is where the two machines meet: a neighbour of the one is a peer of
 * the other. */
#include "node/internal.h"

#include <assert.h>

/* Steps of one machine per timeout input; more work leaves its deadline at once, so that no scope
 * holds up the others. */
#define TIMEOUT_STEPS_MAX 4

/* Up to so many scopes are compared one by one, which touches less memory than the table. */
#define FEW_SCOPES 4

static struct sg_scope *find_among_few(const struct sg_core *core, const struct sg_topic_id *topic)
{
    for (uint32_t i = 0; i < core->scope_count; i++) {
        if (sg_topic_id_equal(&core->scopes[i]->topic, topic))
            return core->scopes[i];
    }
    return NULL;
}

struct sg_scope *sg_scope_find(const struct sg_core *core, const struct sg_topic_id *topic)
{
    if (core->scope_count <= FEW_SCOPES)
        return find_among_few(core, topic);
    uint32_t at = sg_index_get(&core->scope_index, topic->b);
    return at == SG_INDEX_NONE ? NULL : core->scopes[at];
}

sg_time_ns sg_scope_pt_deadline(const struct sg_scope *scope)
{
    return scope->pt == NULL ? SG_TIME_NEVER : sg_pt_deadline(scope->pt);
}

static sg_err init_machines(struct sg_core *core, struct sg_scope *scope)
{
    const struct sg_core_config *config = &core->config;
    uint64_t hpv_seed = sg_prng_next(&core->prng);
    uint64_t pt_seed = sg_prng_next(&core->prng);
    SG_TRY(sg_hpv_init(&scope->hpv, &config->hpv, &config->self, core->now, hpv_seed));
    if (!scope->is_base)
        SG_TRY(sg_pt_new(&scope->pt, &config->pt, core->now, pt_seed));
    /* one more than the machine caches: a message is put in before the oldest is forgotten */
    sg_store_init(&scope->store, config->pt.cache_max + 1, &core->index_keys);
    sg_windows_init(&scope->windows, config->authors_max, &core->index_keys);
    scope->hpv_due = sg_hpv_deadline(&scope->hpv);
    scope->pt_due = sg_scope_pt_deadline(scope);
    return SG_OK;
}

void sg_scope_free(struct sg_core *core, struct sg_scope *scope)
{
    sg_backfill_free(core, scope);
    sg_docflow_free(core, scope);
    sg_history_free(scope->history, core->config.mem);
    sg_windows_fini(&scope->windows, core->config.mem);
    sg_store_fini(&scope->store, core->config.mem);
    sg_pt_free(scope->pt);
    if (scope->hpv.active != NULL)
        sg_hpv_fini(&scope->hpv);
    sg_mem_free(core->config.mem, scope);
}

/* Room for one more scope. */
static sg_err grow_scopes(struct sg_core *core)
{
    const struct sg_mem *mem = core->config.mem;
    if (core->scope_count == core->config.scopes_max)
        return SG_ERR_LIMIT;
    SG_TRY(sg_index_reserve(&core->scope_index, mem, core->scope_count + 1));
    if (core->scope_count < core->scope_cap)
        return SG_OK;
    void *scopes = sg_mem_grow(mem, core->scopes, &core->scope_cap, core->config.scopes_max,
                               sizeof(struct sg_scope *));
    if (scopes == NULL)
        return SG_ERR_NO_MEMORY;
    core->scopes = scopes;
    sg_index_pool(&core->scope_index, scopes);
    return SG_OK;
}

sg_err sg_scope_open(struct sg_core *core, const struct sg_topic_id *topic, struct sg_scope **out)
{
    SG_TRY(grow_scopes(core));
    struct sg_scope *scope = sg_mem_new(core->config.mem, 1, sizeof(*scope));
    if (scope == NULL)
        return SG_ERR_NO_MEMORY;
    scope->topic = *topic;
    scope->is_base = sg_scope_is_base(topic);
    scope->klass = sg_scope_class(core, topic);
    scope->find_pause_ns = core->config.find_interval_ns;
    scope->find_at = scope->is_base ? SG_TIME_NEVER : core->now;
    scope->linger_until = sg_time_add(core->now, core->config.scope_linger_ns);
    sg_err err = init_machines(core, scope);
    if (err != SG_OK) {
        sg_scope_free(core, scope);
        return err;
    }
    core->scopes[core->scope_count] = scope;
    sg_index_add(&core->scope_index, core->scope_count++);
    *out = scope;
    sg_trace(&core->config.trace, SG_TRACE_SCOPE_OPEN, NULL, topic->b, 0);
    sg_adverts_open(core, scope);
    if (!scope->is_base) {
        sg_topics_changed(core);
        sg_topics_ask_neighbors(core, scope);
        sg_adverts_meet(core, scope);
    }
    return SG_OK;
}

static_assert(sizeof(struct sg_pt_stats) % sizeof(uint64_t) == 0, "counters only");

static void add_pt_stats(struct sg_pt_stats *sum, const struct sg_pt_stats *add)
{
    uint64_t to[sizeof(*sum) / sizeof(uint64_t)];
    uint64_t from[sizeof(*add) / sizeof(uint64_t)];
    memcpy(to, sum, sizeof(to));
    memcpy(from, add, sizeof(from));
    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
        to[i] += from[i];
    memcpy(sum, to, sizeof(to));
}

void sg_core_stats(const struct sg_core *core, struct sg_core_stats *stats)
{
    *stats = core->stats;
    stats->swim = *sg_swim_stats(core->swim);
    for (uint32_t i = 1; i < core->scope_count; i++)
        add_pt_stats(&stats->pt, sg_pt_stats(core->scopes[i]->pt));
}

void sg_scope_close(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_LEAVE};
    scope->is_closing = true; /* the tree is not repaired any more */
    (void)sg_scope_hpv(core, scope, &in);
    uint32_t at = sg_index_get(&core->scope_index, scope->topic.b);
    assert(at != SG_INDEX_NONE && core->scopes[at] == scope);
    sg_index_remove(&core->scope_index, at);
    core->scope_count--;
    for (uint32_t i = at; i < core->scope_count; i++) {
        core->scopes[i] = core->scopes[i + 1];
        sg_index_moved(&core->scope_index, i + 1, i);
    }
    add_pt_stats(&core->stats.pt, sg_pt_stats(scope->pt));
    sg_large_scope_closed(core, scope);
    sg_trace(&core->config.trace, SG_TRACE_SCOPE_CLOSE, NULL, scope->topic.b, 0);
    sg_scope_free(core, scope);
    sg_topics_changed(core);
}

static void neighbor_event(struct sg_core *core, const struct sg_scope *scope,
                           const struct sg_peer_id *peer, bool up)
{
    struct sg_core_out out = {.kind = up ? SG_CORE_OUT_NEIGHBOR_UP : SG_CORE_OUT_NEIGHBOR_DOWN,
                              .peer = *peer,
                              .topic = scope->topic,
                              .err = up ? SG_OK : core->down_err};
    sg_trace(&core->config.trace, up ? SG_TRACE_NEIGHBOR_UP : SG_TRACE_NEIGHBOR_DOWN, peer->b,
             scope->topic.b, 0);
    sg_emit(core, &out);
}

bool sg_core_is_contact(const struct sg_core *core, const struct sg_peer_id *peer)
{
    for (uint8_t i = 0; i < core->contact_count; i++) {
        if (sg_peer_id_equal(&core->contacts[i], peer))
            return true;
    }
    return false;
}

void sg_scope_about(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_ABOUT, .peer = *peer};
    in.group = sg_book_group(&core->book, peer);
    in.is_trusted = sg_core_is_contact(core, peer);
    (void)sg_scope_pt(core, scope, &in); /* SG_ERR_PROTOCOL: no neighbour here */
}

static void neighbor_up(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                        bool renewed)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_NEIGHBOR_UP, .peer = *peer};
    struct sg_link *link = sg_link_find(core, peer);
    sg_link_count_uses(core, peer);
    sg_err err = sg_scope_pt(core, scope, &in);
    assert(err == SG_OK); /* the tree has room for every active view (core.c) */
    (void)err;
    sg_scope_about(core, scope, peer);
    if (link != NULL && link->srtt_ns > 0) {
        in.kind = SG_PT_IN_RTT;
        in.srtt_ns = link->srtt_ns;
        in.rttvar_ns = link->rttvar_ns;
        (void)sg_scope_pt(core, scope, &in);
    }
    if (!renewed)
        neighbor_event(core, scope, peer, true);
    sg_backfill_neighbor(core, scope, peer);
    sg_large_neighbor_up(core, scope, peer);
    sg_docflow_neighbor_up(core, scope, peer);
    if (scope->is_base) {
        core->ladder = 0;
        sg_topics_tell(core, peer);
    }
    if (link != NULL && link->early_count > 0)
        sg_link_release_early(core, link, &scope->topic);
}

static void neighbor_down(struct sg_core *core, struct sg_scope *scope,
                          const struct sg_peer_id *peer, bool renewed)
{
    struct sg_pt_in in = {.kind = SG_PT_IN_NEIGHBOR_DOWN, .peer = *peer};
    if (!scope->is_closing)
        (void)sg_scope_pt(core, scope, &in);
    sg_large_neighbor_down(core, scope, peer);
    sg_docflow_neighbor_down(core, scope, peer);
    sg_link_count_uses(core, peer);
    if (!renewed)
        neighbor_event(core, scope, peer, false);
    if (!scope->is_base) {
        scope->find_pause_ns = core->config.find_interval_ns;
        scope->find_at = sg_time_min(scope->find_at, sg_time_add(core->now, scope->find_pause_ns));
    }
}

static void isolated(struct sg_core *core, struct sg_scope *scope)
{
    sg_trace(&core->config.trace, SG_TRACE_ISOLATED, NULL, scope->topic.b, 0);
    if (scope->is_base)
        sg_members_isolated(core);
    else
        sg_topics_ask_neighbors(core, scope);
}

/* Whether a neighbour that goes comes back with the same input, or one that comes went with it: it
 * asked for the link anew (hyparview.c). What runs over the link starts again; whoever is told of
 * neighbours sees no change. */
static bool is_renewed(const struct sg_hpv_outbox *box, size_t at)
{
    const struct sg_hpv_out *out = &box->out[at];
    const enum sg_hpv_out_kind other =
        out->kind == SG_HPV_OUT_NEIGHBOR_UP ? SG_HPV_OUT_NEIGHBOR_DOWN : SG_HPV_OUT_NEIGHBOR_UP;
    for (size_t i = 0; i < box->count; i++) {
        bool is_between = (i < at) == (other == SG_HPV_OUT_NEIGHBOR_DOWN);
        if (is_between && box->out[i].kind == other &&
            sg_peer_id_equal(&box->out[i].peer, &out->peer))
            return true;
    }
    return false;
}

sg_err sg_scope_hpv(struct sg_core *core, struct sg_scope *scope, const struct sg_hpv_in *in)
{
    struct sg_hpv_outbox box;
    core->is_rest_stale = true;
    SG_TRY(sg_hpv_input(&scope->hpv, core->now, in, &box));
    scope->hpv_due = sg_hpv_deadline(&scope->hpv);
    for (size_t i = 0; i < box.count; i++) {
        const struct sg_hpv_out *out = &box.out[i];
        switch (out->kind) {
        case SG_HPV_OUT_SEND:
            sg_send_hpv(core, &scope->topic, &out->peer, &out->msg);
            break;
        case SG_HPV_OUT_NEIGHBOR_UP:
            neighbor_up(core, scope, &out->peer, is_renewed(&box, i));
            break;
        case SG_HPV_OUT_NEIGHBOR_DOWN:
            neighbor_down(core, scope, &out->peer, is_renewed(&box, i));
            break;
        case SG_HPV_OUT_ISOLATED:
            isolated(core, scope);
            break;
        }
    }
    return SG_OK;
}

/* The tree's graylist is the core's: the link is closed and the peer refused for a while. */
static void put_away(struct sg_core *core, const struct sg_scope *scope,
                     const struct sg_peer_id *peer)
{
    struct sg_link *link = sg_link_find(core, peer);
    sg_trace(&core->config.trace, SG_TRACE_PUT_AWAY, peer->b, scope->topic.b, 0);
    if (link != NULL)
        sg_charge(core, link, SG_CHARGE_FORGED);
}

sg_err sg_scope_pt(struct sg_core *core, struct sg_scope *scope, const struct sg_pt_in *in)
{
    struct sg_pt_outbox box;
    struct sg_announce announce = {0};
    core->is_rest_stale = true;
    if (scope->is_base) /* it has no tree */
        return SG_OK;
    SG_TRY(sg_pt_input(scope->pt, core->now, in, &box));
    scope->pt_due = sg_pt_deadline(scope->pt);
    for (size_t i = 0; i < box.count; i++) {
        const struct sg_pt_out *out = &box.out[i];
        switch (out->kind) {
        case SG_PT_OUT_GOSSIP:
            sg_push(core, scope, &out->peer, &out->id, out->hop);
            break;
        case SG_PT_OUT_IHAVE:
            sg_send_ihave(core, scope, out, &announce);
            break;
        case SG_PT_OUT_GRAFT:
        case SG_PT_OUT_PRUNE:
        case SG_PT_OUT_DONTWANT:
        case SG_PT_OUT_DONTHAVE:
            sg_send_pt(core, scope, out);
            break;
        case SG_PT_OUT_FORGET:
            sg_trace(&core->config.trace, SG_TRACE_FORGET, NULL, out->id.b, 0);
            sg_store_forget(&scope->store, &out->id);
            sg_large_forget(core, &out->id);
            break;
        case SG_PT_OUT_PUT_AWAY:
            put_away(core, scope, &out->peer);
            break;
        }
    }
    sg_buf_unref(announce.frame);
    return SG_OK;
}

void sg_scope_part(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer)
{
    const struct sg_hpv_in in = {.kind = SG_HPV_IN_CONTACT, .peer = *peer, .on = false};
    (void)sg_scope_hpv(core, scope, &in);
}

void sg_scope_meet(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                   bool as_bridge)
{
    const struct sg_hpv_in contact = {.kind = SG_HPV_IN_CONTACT, .peer = *peer, .on = true};
    struct sg_hpv *hpv = &scope->hpv;
    if (sg_peer_id_equal(peer, &core->config.self))
        return;
    if (sg_core_is_contact(core, peer)) /* it shares the topic: it keeps a place there, too */
        (void)sg_scope_hpv(core, scope, &contact);
    if (sg_hpv_is_active(hpv, peer) || sg_hpv_is_pending(hpv, peer))
        return;
    bool alone = hpv->active_count == 0 && hpv->pending_count == 0;
    struct sg_hpv_in in = {.kind = alone ? SG_HPV_IN_JOIN : SG_HPV_IN_CANDIDATES,
                           .peer = *peer,
                           .on = as_bridge,
                           .peers = peer,
                           .count = 1};
    (void)sg_scope_hpv(core, scope, &in);
}

bool sg_scope_is_short(const struct sg_scope *scope)
{
    return scope->hpv.active_count < scope->hpv.config.active_target;
}

/* Whether a topic has a free place and nobody to ask but those who failed before. */
static bool needs_contacts(const struct sg_scope *scope)
{
    const struct sg_hpv *hpv = &scope->hpv;
    if (scope->is_base || !sg_scope_is_short(scope))
        return false;
    for (uint16_t i = 0; i < hpv->passive_count && hpv->active_count > 0; i++) {
        if (hpv->trial[i].failures == 0)
            return false;
    }
    return true;
}

static void find_timeout(struct sg_core *core, struct sg_scope *scope)
{
    if (core->now < scope->find_at)
        return;
    if (needs_contacts(scope)) {
        sg_topics_find(core, scope);
        return;
    }
    scope->find_pause_ns = core->config.find_interval_max_ns;
    scope->find_at = sg_time_add(core->now, scope->find_pause_ns);
}

static void scope_timeout(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_hpv_in hpv = {.kind = SG_HPV_IN_TIMEOUT};
    struct sg_pt_in pt = {.kind = SG_PT_IN_TIMEOUT};
    for (int i = 0; i < TIMEOUT_STEPS_MAX && sg_hpv_deadline(&scope->hpv) <= core->now; i++)
        (void)sg_scope_hpv(core, scope, &hpv);
    for (int i = 0; i < TIMEOUT_STEPS_MAX && sg_scope_pt_deadline(scope) <= core->now; i++)
        (void)sg_scope_pt(core, scope, &pt);
    sg_backfill_timeout(core, scope);
    sg_docflow_timeout(core, scope);
    find_timeout(core, scope);
    sg_adverts_scope_timeout(core, scope);
}

void sg_scopes_timeout(struct sg_core *core)
{
    for (uint32_t i = 0; i < core->scope_count; i++)
        scope_timeout(core, core->scopes[i]);
    for (uint32_t i = core->scope_count; i-- > 1;) {
        struct sg_scope *scope = core->scopes[i];
        if (scope->subscriptions == 0 && core->now >= scope->linger_until)
            sg_scope_close(core, scope);
    }
}

sg_time_ns sg_scope_deadline(const struct sg_core *core, const struct sg_scope *scope)
{
    sg_time_ns at = sg_time_min(scope->hpv_due, scope->pt_due);
    at = sg_time_min(at, scope->find_at);
    at = sg_time_min(at, sg_adverts_deadline(core, scope));
    at = sg_time_min(at, sg_backfill_deadline(scope));
    at = sg_time_min(at, sg_docflow_deadline(scope));
    if (!scope->is_base && scope->subscriptions == 0)
        at = sg_time_min(at, scope->linger_until);
    return at;
}

void sg_scopes_todo(struct sg_core *core)
{
    /* failing one peer may make others fail: the list is worked off from its end, and each failure
     * removes a candidate, so it comes to an end; the bound is for certain */
    for (int steps = 0; core->todo_count > 0 && steps < 4 * SG_TODO_MAX; steps++) {
        struct sg_todo todo = core->todo[--core->todo_count];
        struct sg_scope *scope = sg_scope_find(core, &todo.topic);
        struct sg_hpv_in in = {.kind = SG_HPV_IN_FAILED, .peer = todo.peer};
        if (scope != NULL)
            (void)sg_scope_hpv(core, scope, &in);
    }
    core->todo_count = 0;
}
