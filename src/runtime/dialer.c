/* Dials that the core asks for. */
#include "runtime/node_impl.h"

static void answer(struct sg_node *node, struct sg_rt_dial *dial)
{
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_LINK_DOWN, .peer = dial->peer, .err = dial->err};
    /* nobody there, or somebody else; not what we had no room for */
    if (dial->is_tried &&
        (sg_err_class_of(dial->err) == SG_ERR_CLASS_IO || dial->err == SG_ERR_WRONG_PEER))
        sg_rt_cache_failed(node, &dial->peer);
    sg_rt_dials_remove(&node->dials, dial);
    sg_rt_tell(node, &in);
}

bool sg_rt_is_own(const struct sg_node *node, const struct sg_addr *addr)
{
    if (addr->port != node->address.port)
        return false;
    if (sg_addr_is_any(&node->address))
        return sg_addr_is_loopback(addr);
    return sg_addr_equal(addr, &node->address);
}

bool sg_rt_reaches(const struct sg_node *node, const struct sg_addr *addr)
{
    if (addr->family != node->address.family && !node->dual_stack)
        return false;
    /* A socket bound to loopback cannot send elsewhere; others need not be told by strangers to
     * talk to what listens on this machine. */
    if (sg_addr_is_loopback(&node->address))
        return sg_addr_is_loopback(addr);
    return true;
}

static bool may_follow_hint(const struct sg_node *node, const struct sg_addr *addr)
{
    bool is_local = sg_addr_is_loopback(addr);
    bool trusts_local = node->has_local_peers || sg_addr_is_loopback(&node->address);
    return sg_rt_reaches(node, addr) && !sg_rt_is_own(node, addr) && (!is_local || trusts_local);
}

static void read_hints(const struct sg_node *node, const struct sg_hints *hints,
                       struct sg_rt_dial *dial)
{
    for (uint8_t i = 0; i < hints->count; i++) {
        struct sg_addr addr;
        struct sg_bytes hint = sg_bytes(hints->hint[i].b, hints->hint[i].len);
        if (sg_addr_hint_decode(hint, &addr) == SG_OK && may_follow_hint(node, &addr))
            dial->addr[dial->count++] = addr;
    }
}

void sg_rt_dial_wanted(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_rt_dial dial = {.peer = out->peer, .since = node->now};
    const struct sg_rt_conn *greeting = sg_rt_links_greeting(&node->links, &out->peer);
    read_hints(node, &out->hints, &dial);
    sg_err err = sg_rt_dials_add(&node->dials, &dial);
    if (err == SG_ERR_EXISTS)
        return;
    if (err != SG_OK) {
        const struct sg_core_in in = {.kind = SG_CORE_IN_LINK_DOWN, .peer = out->peer, .err = err};
        sg_rt_tell(node, &in);
        return;
    }
    node->more = true;
    if (greeting == NULL)
        return;
    /* The peer was faster: its connection is about to be the link. */
    struct sg_rt_dial *added = sg_rt_dials_of_peer(&node->dials, &out->peer);
    added->state = SG_RT_DIAL_GREETING;
    added->conn = greeting->id;
}

void sg_rt_dial_forget(struct sg_node *node, const struct sg_peer_id *peer)
{
    struct sg_rt_dial *dial = sg_rt_dials_of_peer(&node->dials, peer);
    if (dial == NULL)
        return;
    sg_quic_conn_id flying = dial->state == SG_RT_DIAL_FLYING ? dial->conn : 0;
    sg_rt_dials_remove(&node->dials, dial);
    if (flying != 0 && sg_rt_seeds_of_conn(&node->seeds, flying) == NULL)
        sg_quic_close(node->quic, node->now, flying, SG_CLOSE_LEAVING, false);
}

void sg_rt_dial_answered(struct sg_node *node, const struct sg_peer_id *peer)
{
    struct sg_rt_dial *dial = sg_rt_dials_of_peer(&node->dials, peer);
    /* A handshake that is still in flight goes on: the tie-break will choose. Ending it here could
     * end both, when the peer chooses the other one at the same moment. */
    if (dial != NULL)
        sg_rt_dials_remove(&node->dials, dial);
}

void sg_rt_dial_lost(struct sg_node *node, sg_quic_conn_id conn, const struct sg_peer_id *peer,
                     sg_err err)
{
    struct sg_rt_dial *dial = sg_rt_dials_of_conn(&node->dials, conn);
    if (dial == NULL)
        return;
    const struct sg_rt_conn *greeting = sg_rt_links_greeting(&node->links, &dial->peer);
    bool again = sg_rt_dial_failed(dial, err);
    if (greeting != NULL && greeting->id != conn) {
        dial->state = SG_RT_DIAL_GREETING;
        dial->conn = greeting->id;
    } else if (peer != NULL || !again) {
        /* The peer itself did not want us, and would not at its other addresses. */
        answer(node, dial);
    } else {
        node->more = true;
    }
}

sg_err sg_rt_dial_address(struct sg_node *node, const struct sg_addr *addr,
                          const struct sg_peer_id *expected, sg_quic_conn_id *conn)
{
    const struct sg_quic_dial dial = {.remote = *addr,
                                      .expected = expected,
                                      .initial_rtt_ns = sg_rt_paths_rtt(&node->paths, addr),
                                      .small_initial = sg_rt_paths_small(&node->paths, addr)};
    return sg_quic_dial(node->quic, node->now, &dial, conn);
}

/* Starts the handshake with the next address that may be dialled, or waits for the budget; false:
 * none is left, or the wait was long. */
static bool take_off(struct sg_node *node, struct sg_rt_dial *dial)
{
    while (dial->next < dial->count) {
        const struct sg_addr *addr = &dial->addr[dial->next];
        if (!sg_rt_paths_may_dial(&node->paths, node->now, addr, &dial->peer)) {
            dial->next++;
            dial->err = SG_ERR_UNREACHABLE;
            continue;
        }
        if (!sg_rt_budget_take(&node->budget, node->now, addr)) {
            dial->err = SG_ERR_LIMIT;
            dial->not_before = sg_time_add(node->now, SG_RT_BUDGET_PAUSE_NS);
            return sg_time_since(node->now, dial->since) < SG_RT_BUDGET_WAIT_NS;
        }
        dial->next++;
        dial->is_tried = true;
        dial->err = sg_rt_dial_address(node, addr, &dial->peer, &dial->conn);
        if (dial->err != SG_OK)
            continue;
        dial->state = SG_RT_DIAL_FLYING;
        return true;
    }
    return false;
}

static bool has_room(const struct sg_node *node)
{
    size_t flying = sg_rt_dials_flying(&node->dials);
    return flying < SG_RT_FLIGHTS_CORE &&
           flying + sg_rt_seeds_flying(&node->seeds) < SG_RT_FLIGHTS_MAX;
}

sg_time_ns sg_rt_dial_deadline(const struct sg_node *node)
{
    /* one that lands makes the next turn */
    return has_room(node) ? sg_rt_dials_deadline(&node->dials) : SG_TIME_NEVER;
}

void sg_rt_run_dials(struct sg_node *node)
{
    /* Each round starts one or answers one; an answer may bring new ones. */
    for (size_t i = 0; i < SG_RT_DIALS_MAX; i++) {
        struct sg_rt_dial *dial = sg_rt_dials_next(&node->dials, node->now);
        if (dial == NULL || !has_room(node))
            return;
        if (!take_off(node, dial))
            answer(node, dial);
    }
    node->more = true;
}
