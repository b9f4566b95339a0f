#include "runtime/links.h"

#include <assert.h>

void sg_rt_links_init(struct sg_rt_links *t, const struct sg_mem *mem,
                      const struct sg_peer_id *self)
{
    *t = (struct sg_rt_links){.mem = mem, .self = *self};
}

static void conn_free(struct sg_rt_links *t, struct sg_rt_conn *conn)
{
    sg_rt_frames_clear(&conn->held, t->mem);
    sg_mem_free(t->mem, conn);
}

static void link_clear(struct sg_rt_links *t, struct sg_rt_link *link)
{
    sg_rt_frames_clear(&link->backlog, t->mem);
    sg_flow_clear(&link->flow, t->mem);
    sg_flow_stats_add(&t->flow_gone, &link->flow.stats);
}

static void flow_begin(struct sg_rt_link *link, sg_time_ns now)
{
    const struct sg_flow_config config = sg_flow_config_default();
    sg_flow_init(&link->flow, &config, now);
}

void sg_rt_links_fini(struct sg_rt_links *t)
{
    for (size_t i = 0; i < t->conn_count; i++)
        conn_free(t, t->conns[i]);
    for (size_t i = 0; i < t->link_count; i++) {
        link_clear(t, t->links[i]);
        sg_mem_free(t->mem, t->links[i]);
    }
    sg_mem_free(t->mem, t->conns);
    sg_mem_free(t->mem, t->links);
    *t = (struct sg_rt_links){.mem = t->mem, .self = t->self};
}

struct sg_rt_conn *sg_rt_links_conn(const struct sg_rt_links *t, sg_rt_conn_id id)
{
    for (size_t i = 0; i < t->conn_count; i++) {
        if (t->conns[i]->id == id)
            return t->conns[i];
    }
    return NULL;
}

struct sg_rt_link *sg_rt_links_find(const struct sg_rt_links *t, const struct sg_peer_id *peer)
{
    for (size_t i = 0; i < t->link_count; i++) {
        if (sg_peer_id_equal(&t->links[i]->peer, peer))
            return t->links[i];
    }
    return NULL;
}

/* The newest connection to peer in that state, or NULL. */
static struct sg_rt_conn *newest(const struct sg_rt_links *t, const struct sg_peer_id *peer,
                                 enum sg_rt_conn_state state)
{
    for (size_t i = t->conn_count; i-- > 0;) {
        struct sg_rt_conn *conn = t->conns[i];
        if (conn->state == state && sg_peer_id_equal(&conn->peer, peer))
            return conn;
    }
    return NULL;
}

struct sg_rt_conn *sg_rt_links_greeting(const struct sg_rt_links *t, const struct sg_peer_id *peer)
{
    return newest(t, peer, SG_RT_CONN_HELLO);
}

static void add_act(struct sg_rt_acts *acts, struct sg_rt_act act)
{
    assert(acts->count < SG_RT_ACTS_MAX);
    acts->act[acts->count++] = act;
}

/* Room for one pointer more: list, moved when it had to grow, or NULL. */
static void *reserve(const struct sg_mem *mem, void *list, size_t *cap, size_t count)
{
    if (count < *cap)
        return list;
    size_t wanted = *cap == 0 ? 16 : *cap * 2;
    void *grown = sg_mem_resize(mem, list, wanted, sizeof(void *));
    if (grown != NULL)
        *cap = wanted;
    return grown;
}

static size_t count_of(const struct sg_rt_links *t, const struct sg_peer_id *peer)
{
    size_t count = 0;
    for (size_t i = 0; i < t->conn_count; i++)
        count += sg_peer_id_equal(&t->conns[i]->peer, peer);
    return count;
}

sg_err sg_rt_links_connected(struct sg_rt_links *t, sg_time_ns now, const struct sg_rt_conn *conn)
{
    if (count_of(t, &conn->peer) >= SG_RT_CONNS_PER_PEER_MAX)
        return SG_ERR_LIMIT;
    struct sg_rt_conn **list = reserve(t->mem, t->conns, &t->conn_cap, t->conn_count);
    if (list == NULL)
        return SG_ERR_NO_MEMORY;
    t->conns = list;
    struct sg_rt_conn *copy = sg_mem_new(t->mem, 1, sizeof *copy);
    if (copy == NULL)
        return SG_ERR_NO_MEMORY;
    *copy = (struct sg_rt_conn){.id = conn->id,
                                .peer = conn->peer,
                                .state = SG_RT_CONN_HELLO,
                                .dialled = conn->dialled,
                                .since = now,
                                .deadline = sg_time_add(now, SG_RT_HELLO_NS)};
    sg_rt_frames_init(&copy->held, SG_RT_HELD_MAX, SG_RT_HELD_BYTES_MAX);
    t->conns[t->conn_count++] = copy;
    return SG_OK;
}

static sg_err link_new(struct sg_rt_links *t, sg_time_ns now, const struct sg_rt_conn *conn)
{
    struct sg_rt_link **list = reserve(t->mem, t->links, &t->link_cap, t->link_count);
    if (list == NULL)
        return SG_ERR_NO_MEMORY;
    t->links = list;
    struct sg_rt_link *link = sg_mem_new(t->mem, 1, sizeof *link);
    if (link == NULL)
        return SG_ERR_NO_MEMORY;
    link->peer = conn->peer;
    link->main = conn->id;
    link->boot = conn->boot;
    link->since = now;
    sg_rt_frames_init(&link->backlog, SG_RT_BACKLOG_MAX, SG_RT_BACKLOG_BYTES_MAX);
    flow_begin(link, now);
    t->links[t->link_count++] = link;
    return SG_OK;
}

static void link_remove(struct sg_rt_links *t, struct sg_rt_link *link)
{
    size_t at = 0;
    while (t->links[at] != link)
        at++;
    t->link_count--;
    for (; at < t->link_count; at++)
        t->links[at] = t->links[at + 1];
    link_clear(t, link);
    sg_mem_free(t->mem, link);
}

/* The connection has lost; more spares than allowed make the oldest one due. */
static void make_spare(struct sg_rt_links *t, sg_time_ns now, struct sg_rt_conn *conn)
{
    bool decides = sg_rt_is_decider(&t->self, &conn->peer);
    uint64_t linger = decides ? SG_RT_LINGER_DECIDER_NS : SG_RT_LINGER_OTHER_NS;
    conn->state = SG_RT_CONN_SPARE;
    conn->deadline = sg_time_add(now, linger);
    size_t spares = 0;
    for (size_t i = t->conn_count; i-- > 0;) {
        struct sg_rt_conn *other = t->conns[i];
        if (other->state == SG_RT_CONN_SPARE && sg_peer_id_equal(&other->peer, &conn->peer) &&
            ++spares > SG_RT_SPARES_MAX)
            other->deadline = now;
    }
}

static void make_main(struct sg_rt_link *link, struct sg_rt_conn *conn, struct sg_rt_acts *acts)
{
    conn->state = SG_RT_CONN_MAIN;
    conn->deadline = SG_TIME_NEVER;
    link->main = conn->id;
    add_act(acts, (struct sg_rt_act){.kind = SG_RT_ACT_MAIN, .peer = link->peer, .conn = conn->id});
}

/* The peer has restarted: for the core the old link ends and a new one begins. */
static void reborn(struct sg_rt_links *t, sg_time_ns now, struct sg_rt_link *link,
                   struct sg_rt_conn *conn, struct sg_rt_acts *acts)
{
    link_clear(t, link);
    flow_begin(link, now);
    link->main = conn->id;
    link->boot = conn->boot;
    link->since = now;
    link->told = (struct sg_rt_told){0};
    conn->state = SG_RT_CONN_MAIN;
    conn->deadline = SG_TIME_NEVER;
    add_act(acts,
            (struct sg_rt_act){.kind = SG_RT_ACT_DOWN, .peer = link->peer, .err = SG_ERR_CLOSED});
    add_act(acts, (struct sg_rt_act){.kind = SG_RT_ACT_UP, .peer = link->peer, .conn = conn->id});
}

static struct sg_rt_claim claim_of(const struct sg_rt_conn *conn)
{
    return (struct sg_rt_claim){conn->dialled, conn->boot, conn->since};
}

static void contest(struct sg_rt_links *t, sg_time_ns now, struct sg_rt_link *link,
                    struct sg_rt_conn *conn, struct sg_rt_acts *acts)
{
    struct sg_rt_conn *main = sg_rt_links_conn(t, link->main);
    struct sg_rt_claim newer = claim_of(conn);
    struct sg_rt_claim older = claim_of(main);
    if (!sg_rt_newer_wins(&t->self, &conn->peer, &older, &newer, now)) {
        make_spare(t, now, conn);
        return;
    }
    bool restarted = conn->boot > link->boot;
    make_spare(t, now, main);
    if (!restarted) {
        make_main(link, conn, acts);
        return;
    }
    main->deadline = now;
    reborn(t, now, link, conn, acts);
}

sg_err sg_rt_links_hello(struct sg_rt_links *t, sg_time_ns now, sg_rt_conn_id id, uint64_t boot,
                         struct sg_rt_acts *acts)
{
    acts->count = 0;
    struct sg_rt_conn *conn = sg_rt_links_conn(t, id);
    assert(conn != NULL && conn->state == SG_RT_CONN_HELLO);
    struct sg_rt_link *link = sg_rt_links_find(t, &conn->peer);
    conn->boot = boot;
    if (link == NULL) {
        SG_TRY(link_new(t, now, conn));
        conn->state = SG_RT_CONN_MAIN;
        conn->deadline = SG_TIME_NEVER;
        add_act(acts,
                (struct sg_rt_act){.kind = SG_RT_ACT_UP, .peer = conn->peer, .conn = conn->id});
    } else if (link->main != 0) {
        contest(t, now, link, conn, acts);
    } else if (boot > link->boot) {
        reborn(t, now, link, conn, acts);
    } else {
        make_main(link, conn, acts);
    }
    return SG_OK;
}

void sg_rt_links_closing(struct sg_rt_links *t, sg_rt_conn_id id)
{
    struct sg_rt_conn *conn = sg_rt_links_conn(t, id);
    if (conn == NULL)
        return;
    assert(conn->state != SG_RT_CONN_MAIN);
    conn->state = SG_RT_CONN_CLOSING;
    conn->deadline = SG_TIME_NEVER;
    sg_rt_frames_clear(&conn->held, t->mem);
}

static void conn_remove(struct sg_rt_links *t, struct sg_rt_conn *conn)
{
    size_t at = 0;
    while (t->conns[at] != conn)
        at++;
    t->conn_count--;
    for (; at < t->conn_count; at++)
        t->conns[at] = t->conns[at + 1];
    conn_free(t, conn);
}

void sg_rt_links_closed(struct sg_rt_links *t, sg_time_ns now, sg_rt_conn_id id,
                        const struct sg_rt_act *why, struct sg_rt_acts *acts)
{
    acts->count = 0;
    struct sg_rt_conn *conn = sg_rt_links_conn(t, id);
    if (conn == NULL)
        return;
    bool was_main = conn->state == SG_RT_CONN_MAIN;
    struct sg_rt_link *link = sg_rt_links_find(t, &conn->peer);
    conn_remove(t, conn);
    if (!was_main)
        return;
    struct sg_rt_conn *spare = newest(t, &link->peer, SG_RT_CONN_SPARE);
    if (spare != NULL && spare->boot == link->boot) {
        make_main(link, spare, acts);
    } else if (why->reason == SG_CLOSE_DUPLICATE) {
        link->main = 0;
        link->limbo_until = sg_time_add(now, SG_RT_LIMBO_NS);
    } else {
        add_act(acts,
                (struct sg_rt_act){.kind = SG_RT_ACT_DOWN, .peer = link->peer, .err = why->err});
        link_remove(t, link);
    }
}

static void close_conn(struct sg_rt_links *t, struct sg_rt_conn *conn, enum sg_close_reason reason,
                       struct sg_rt_acts *acts)
{
    conn->state = SG_RT_CONN_CLOSING;
    conn->deadline = SG_TIME_NEVER;
    sg_rt_frames_clear(&conn->held, t->mem);
    add_act(acts, (struct sg_rt_act){.kind = SG_RT_ACT_CLOSE,
                                     .peer = conn->peer,
                                     .conn = conn->id,
                                     .reason = reason,
                                     .flush = true});
}

void sg_rt_links_drop(struct sg_rt_links *t, const struct sg_peer_id *peer,
                      enum sg_close_reason reason, struct sg_rt_acts *acts)
{
    acts->count = 0;
    struct sg_rt_link *link = sg_rt_links_find(t, peer);
    if (link == NULL)
        return;
    for (size_t i = 0; i < t->conn_count; i++) {
        struct sg_rt_conn *conn = t->conns[i];
        bool carries = conn->state == SG_RT_CONN_MAIN || conn->state == SG_RT_CONN_SPARE;
        if (!carries || !sg_peer_id_equal(&conn->peer, peer))
            continue;
        if (acts->count < SG_RT_ACTS_MAX)
            close_conn(t, conn, reason, acts);
        else
            conn->deadline = 0; /* one spare more than usual: the next expiry takes it */
    }
    link_remove(t, link);
}

sg_time_ns sg_rt_links_deadline(const struct sg_rt_links *t)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (size_t i = 0; i < t->conn_count; i++)
        at = sg_time_min(at, t->conns[i]->deadline);
    for (size_t i = 0; i < t->link_count; i++) {
        if (t->links[i]->main == 0)
            at = sg_time_min(at, t->links[i]->limbo_until);
    }
    return at;
}

static bool expire_conn(struct sg_rt_links *t, sg_time_ns now, struct sg_rt_acts *acts)
{
    for (size_t i = 0; i < t->conn_count; i++) {
        struct sg_rt_conn *conn = t->conns[i];
        if (conn->deadline > now)
            continue;
        bool is_spare = conn->state == SG_RT_CONN_SPARE;
        close_conn(t, conn, is_spare ? SG_CLOSE_DUPLICATE : SG_CLOSE_PROTOCOL, acts);
        return true;
    }
    return false;
}

bool sg_rt_links_expire(struct sg_rt_links *t, sg_time_ns now, struct sg_rt_acts *acts)
{
    acts->count = 0;
    if (expire_conn(t, now, acts))
        return true;
    for (size_t i = 0; i < t->link_count; i++) {
        struct sg_rt_link *link = t->links[i];
        if (link->main != 0 || link->limbo_until > now)
            continue;
        add_act(acts, (struct sg_rt_act){
                          .kind = SG_RT_ACT_DOWN, .peer = link->peer, .err = SG_ERR_CLOSED});
        link_remove(t, link);
        return true;
    }
    return false;
}

void sg_rt_links_check(const struct sg_rt_links *t)
{
    for (size_t i = 0; i < t->conn_count; i++) {
        const struct sg_rt_conn *conn = t->conns[i];
        if (conn->state != SG_RT_CONN_MAIN)
            continue;
        const struct sg_rt_link *link = sg_rt_links_find(t, &conn->peer);
        assert(link != NULL && link->main == conn->id);
        (void)link;
    }
    for (size_t i = 0; i < t->link_count; i++) {
        const struct sg_rt_link *link = t->links[i];
        if (link->main == 0)
            continue;
        const struct sg_rt_conn *main = sg_rt_links_conn(t, link->main);
        assert(main != NULL && main->state == SG_RT_CONN_MAIN);
        (void)main;
    }
}
