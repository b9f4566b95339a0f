/* Documents bound to topics: when a session is held, and with whom.
 *
 * Changes of a document are broadcast as ordinary messages of its topic. What a broadcast did not
 * bring is found by sessions (docflow.c): with a random neighbour every 30 s +- 20 %, and at once
 * with a new neighbour, for one of the two has something to catch up with. Who got something in a
 * session asks its other neighbours, too, once and soon: so what a newcomer or a healed partition
 * brings reaches everybody over all links, and where nothing is new that costs two hundred bytes.
 *
 * One session of our own and two of others per topic, of each peer one. Nobody keeps a place from
 * others: who has had his share of time gives it up when another neighbour asks whose last turn
 * began earlier, and our own one when other neighbours have not been asked for so long. A session
 * that is cut off goes on with the next one, so all get on in turns. A turn is not a session: who
 * closes one and opens the next is in the same turn until he has stayed away for as long as a share
 * is, and nobody begins a new one while places are too few for those who were refused and are
 * before him, so neighbours who hand places on to each other keep nobody out. How often a
 * neighbour may open one is counted for each by itself, so that one who floods us spends nobody
 * else's. */
#include "node/docflow_impl.h"

#define INTERVAL_NS (30 * SG_NS_PER_S)
#define JITTER_PERCENT 20
/* After this time a place is given to a neighbour who waits: enough for 30 MB on a good link. */
#define SHARE_NS (30 * SG_NS_PER_S)
/* After this time we ask others ourselves. */
#define OWN_SHARE_NS (120 * SG_NS_PER_S)
/* For so long a place is kept for one who was refused: he asks again within 8 s, mostly. */
#define WAIT_NS (40 * SG_NS_PER_S)
#define OPENS_RATE 1
#define OPENS_BURST 16

void sg_docturn_soon(struct sg_core *core, struct sg_docflow_state *docs, uint64_t most)
{
    uint64_t pause = sg_prng_below(&core->prng, most);
    docs->due = sg_time_min(docs->due, sg_time_add(core->now, pause));
}

/* ---- neighbours ------------------------------------------------------------------------------ */

sg_err sg_docflow_bind(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    if (scope == NULL || scope->is_base)
        return SG_ERR_NOT_FOUND;
    if (!in->on) {
        sg_docflow_free(core, scope);
        return SG_OK;
    }
    if (scope->docs != NULL)
        return SG_ERR_EXISTS;
    scope->docs = sg_mem_new(core->config.mem, 1, sizeof(*scope->docs));
    if (scope->docs == NULL)
        return SG_ERR_NO_MEMORY;
    scope->docs->due = core->now;
    return SG_OK;
}

static void forget_todo(struct sg_docflow_state *docs, const struct sg_peer_id *peer)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < docs->todo_count; i++) {
        if (!sg_peer_id_equal(&docs->todo[i], peer))
            docs->todo[kept++] = docs->todo[i];
    }
    docs->todo_count = kept;
}

static void add_todo(struct sg_docflow_state *docs, const struct sg_peer_id *peer)
{
    forget_todo(docs, peer);
    if (docs->todo_count < SG_DOC_TODO_MAX)
        docs->todo[docs->todo_count++] = *peer;
}

/* All neighbours but one. */
static void add_others(struct sg_scope *scope, const struct sg_peer_id *but)
{
    for (uint16_t i = 0; i < scope->hpv.active_count; i++) {
        if (!sg_peer_id_equal(&scope->hpv.active[i].id, but))
            add_todo(scope->docs, &scope->hpv.active[i].id);
    }
}

sg_err sg_docflow_soon(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_scope *scope = sg_scope_find(core, &in->topic);
    if (scope == NULL || scope->docs == NULL)
        return SG_ERR_NOT_FOUND;
    if (in->on)
        add_others(scope, &in->peer);
    sg_docturn_soon(core, scope->docs, SG_DOC_SOON_NS);
    return SG_OK;
}

void sg_docflow_neighbor_up(struct sg_core *core, struct sg_scope *scope,
                            const struct sg_peer_id *peer)
{
    if (scope->docs == NULL)
        return;
    add_todo(scope->docs, peer);
    scope->docs->failures = 0;
    sg_docturn_soon(core, scope->docs, SG_DOC_SOON_NS);
}

void sg_docflow_neighbor_down(struct sg_core *core, struct sg_scope *scope,
                              const struct sg_peer_id *peer)
{
    for (size_t i = 0; scope->docs != NULL && i < SG_DOC_FLOWS; i++) {
        struct sg_doc_flow *f = sg_docflow_at(scope->docs, i);
        if (f->handle != 0 && sg_peer_id_equal(&f->peer, peer))
            sg_docflow_end(core, scope, f, SG_ERR_CLOSED);
    }
    for (size_t i = 0; scope->docs != NULL && i < SG_DOC_PEERS_MAX; i++) {
        struct sg_doc_peer *p = &scope->docs->peers[i];
        if (sg_peer_id_equal(&p->peer, peer))
            p->is_waiting = false;
    }
}

static void begin(struct sg_core *core, struct sg_doc_flow *f, const struct sg_peer_id *peer)
{
    *f = (struct sg_doc_flow){
        .handle = ++core->job,
        .peer = *peer,
        .resend_at = SG_TIME_NEVER,
        .heard_at = core->now,
        .begun_at = core->now,
    };
}

/* ---- sessions that others open --------------------------------------------------------------- */

/* What is known of a neighbour; the one that was heard of least lately makes room for a new one. */
static struct sg_doc_peer *known(struct sg_core *core, struct sg_docflow_state *docs,
                                 const struct sg_peer_id *peer)
{
    struct sg_doc_peer *oldest = &docs->peers[0];
    for (size_t i = 0; i < SG_DOC_PEERS_MAX; i++) {
        struct sg_doc_peer *p = &docs->peers[i];
        if (p->is_known && sg_peer_id_equal(&p->peer, peer))
            return p;
        if (oldest->is_known && (!p->is_known || p->heard_at < oldest->heard_at))
            oldest = p;
    }
    *oldest = (struct sg_doc_peer){.peer = *peer, .is_known = true};
    sg_bucket_init(&oldest->opens, core->now, OPENS_BURST);
    return oldest;
}

void sg_docturn_left(struct sg_core *core, struct sg_docflow_state *docs,
                     const struct sg_doc_flow *f)
{
    for (size_t i = 0; !f->is_mine && i < SG_DOC_PEERS_MAX; i++) {
        struct sg_doc_peer *p = &docs->peers[i];
        if (p->is_known && sg_peer_id_equal(&p->peer, &f->peer))
            p->left_at = core->now;
    }
}

/* Whether its next session is of a new turn. */
static bool has_rested(const struct sg_core *core, const struct sg_doc_peer *p)
{
    return !p->was_served || sg_time_add(p->left_at, SHARE_NS) <= core->now;
}

static bool had_share(const struct sg_core *core, sg_time_ns turn_at)
{
    return sg_time_add(turn_at, SHARE_NS) <= core->now;
}

/* It was refused a place lately. */
static bool waits(const struct sg_core *core, const struct sg_doc_peer *p)
{
    return p->is_known && p->is_waiting && core->now < sg_time_add(p->waits_at, WAIT_NS);
}

static void note_refusal(const struct sg_core *core, struct sg_doc_peer *p)
{
    if (!waits(core, p))
        p->waits_since = core->now;
    p->is_waiting = true;
    p->waits_at = core->now;
}

/* The order of new turns: who had none yet, by when he was first refused; then by when the last one
 * began. Of two at most one is before the other one, so they never wait for each other. */
static bool is_before(const struct sg_core *core, const struct sg_doc_peer *a,
                      const struct sg_doc_peer *b)
{
    if (a->was_served != b->was_served)
        return b->was_served;
    if (a->was_served)
        return a->turn_at < b->turn_at;
    return a->waits_since < (waits(core, b) ? b->waits_since : core->now);
}

/* Neighbours that wait and whose turn is before this one's. */
static uint32_t count_waiting(const struct sg_core *core, const struct sg_docflow_state *docs,
                              const struct sg_doc_peer *peer)
{
    uint32_t count = 0;
    for (size_t i = 0; i < SG_DOC_PEERS_MAX; i++) {
        const struct sg_doc_peer *p = &docs->peers[i];
        count += p != peer && waits(core, p) && is_before(core, p, peer);
    }
    return count;
}

/* The place that a neighbour may have, NULL: none now. */
static struct sg_doc_flow *find_place(struct sg_core *core, struct sg_docflow_state *docs,
                                      const struct sg_doc_peer *peer)
{
    struct sg_doc_flow *oldest = &docs->theirs[0];
    struct sg_doc_flow *unused = NULL;
    uint32_t to_be_had = 0;
    for (size_t i = 0; i < SG_DOC_SESSIONS_MAX; i++) {
        struct sg_doc_flow *f = &docs->theirs[i];
        if (f->handle != 0 && sg_peer_id_equal(&f->peer, &peer->peer))
            return f; /* its own one, which it has forgotten */
        unused = f->handle == 0 ? f : unused;
        to_be_had += f->handle == 0 || had_share(core, f->turn_at);
        oldest = f->turn_at < oldest->turn_at ? f : oldest;
    }
    bool is_new_turn = has_rested(core, peer) || had_share(core, peer->turn_at);
    if (is_new_turn && to_be_had <= count_waiting(core, docs, peer))
        return NULL;
    if (unused != NULL)
        return unused;
    bool has_turn = !peer->was_served || peer->turn_at < oldest->turn_at;
    return had_share(core, oldest->turn_at) && has_turn ? oldest : NULL;
}

/* The place is given to a neighbour. */
static void take_place(struct sg_core *core, struct sg_scope *scope, struct sg_doc_flow *place,
                       struct sg_doc_peer *p)
{
    /* who opens again does not begin its time anew, nor its turn */
    bool is_again = place->handle != 0 && sg_peer_id_equal(&place->peer, &p->peer);
    sg_time_ns begun_at = is_again ? place->begun_at : core->now;
    if (is_again)
        p->turn_at = place->turn_at; /* it may have been forgotten meanwhile */
    else if (has_rested(core, p) || had_share(core, p->turn_at))
        p->turn_at = core->now;
    if (place->handle != 0 && !is_again)
        sg_docflow_send_close(core, scope, place, SG_DOC_BUSY);
    if (place->handle != 0)
        sg_docflow_end(core, scope, place, SG_ERR_CLOSED);
    begin(core, place, &p->peer);
    place->begun_at = begun_at;
    place->turn_at = p->turn_at;
    p->was_served = true;
    p->is_waiting = false;
}

struct sg_doc_flow *sg_docturn_accept(struct sg_core *core, struct sg_scope *scope,
                                      const struct sg_peer_id *peer, const struct sg_doc_msg *msg)
{
    struct sg_docflow_state *docs = scope->docs;
    /* both have opened one at the same time: that of the lower id goes on */
    if (docs->mine.handle != 0 && sg_peer_id_equal(&docs->mine.peer, peer)) {
        if (memcmp(core->config.self.b, peer->b, SG_ID_LEN) < 0)
            return NULL;
        sg_docflow_end(core, scope, &docs->mine, SG_OK);
    }
    struct sg_doc_peer *p = known(core, docs, peer);
    p->heard_at = core->now;
    if (!sg_bucket_take(&p->opens, core->now, OPENS_RATE, OPENS_BURST))
        return NULL;
    struct sg_doc_flow *place = find_place(core, docs, p);
    if (place == NULL) {
        note_refusal(core, p);
        return NULL;
    }
    take_place(core, scope, place, p);
    place->number = msg->session;
    return place;
}

/* ---- our own --------------------------------------------------------------------------------- */

/* The first one that is to be asked and is still there, else any neighbour. */
static struct sg_peer_id choose(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_docflow_state *docs = scope->docs;
    while (docs->todo_count > 0) {
        struct sg_peer_id peer = docs->todo[0];
        forget_todo(docs, &peer);
        if (sg_hpv_is_active(&scope->hpv, &peer))
            return peer;
    }
    return scope->hpv.active[sg_prng_below(&core->prng, scope->hpv.active_count)].id;
}

static void open_session(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_docflow_state *docs = scope->docs;
    struct sg_core_out out = {.doc = SG_CORE_DOC_OPENED};
    docs->due = sg_time_add(core->now, sg_prng_jitter(&core->prng, INTERVAL_NS, JITTER_PERCENT));
    if (scope->hpv.active_count == 0)
        return; /* the next neighbour is asked at once */
    struct sg_peer_id peer = choose(core, scope);
    if (docs->todo_count > 0)
        sg_docturn_soon(core, docs, SG_DOC_SOON_NS);
    for (size_t i = 0; i < SG_DOC_SESSIONS_MAX; i++) {
        if (docs->theirs[i].handle != 0 && sg_peer_id_equal(&docs->theirs[i].peer, &peer))
            return; /* there is one already */
    }
    begin(core, &docs->mine, &peer);
    docs->mine.is_mine = true;
    docs->mine.number = (uint32_t)docs->mine.handle;
    sg_docflow_emit(core, scope, &docs->mine, &out);
}

/* Our own session has lasted long, and there are others to be asked. */
static sg_time_ns gives_way_at(const struct sg_scope *scope)
{
    const struct sg_doc_flow *f = &scope->docs->mine;
    return scope->hpv.active_count > 1 ? sg_time_add(f->begun_at, OWN_SHARE_NS) : SG_TIME_NEVER;
}

sg_time_ns sg_docturn_deadline(const struct sg_scope *scope)
{
    return scope->docs->mine.handle == 0 ? scope->docs->due : gives_way_at(scope);
}

void sg_docturn_timeout(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_docflow_state *docs = scope->docs;
    if (docs->mine.handle != 0 && gives_way_at(scope) <= core->now) {
        const struct sg_peer_id peer = docs->mine.peer;
        sg_docflow_send_close(core, scope, &docs->mine, SG_DOC_GAVE_UP);
        sg_docflow_end(core, scope, &docs->mine, SG_ERR_TIMEOUT);
        add_others(scope, &peer);
        add_todo(docs, &peer); /* and then it goes on */
    }
    if (docs->mine.handle == 0 && docs->due <= core->now)
        open_session(core, scope);
}
