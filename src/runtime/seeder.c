/* Trying the seeds: names, addresses, handshakes, and a sentence for people about each failure. */
#include <stdio.h>
#include <string.h>

#include "runtime/node_impl.h"
#include "runtime/resolver.h"

/* When threads or handshakes are used up, a seed tries again so soon. */
#define BUSY_PAUSE_NS (100 * SG_NS_PER_MS)

static bool are_wanted(const struct sg_node *node)
{
    return node->base_neighbors == 0;
}

/* With so few neighbours the node may be part of a small island: now and then the seeds are asked
 * who else there is. */
#define NEIGHBORS_FEW 3
#define RESEED_NS (300 * SG_NS_PER_S)

/* Many who start at the same time can be an island beside the rest: so long after the start, by
 * half of it more or less, one of the seeds is asked again. */
#define MIX_NS (10 * SG_NS_PER_S)

sg_time_ns sg_rt_reseed_deadline(const struct sg_node *node)
{
    bool is_set = node->reseed_at != 0 && node->base_neighbors < NEIGHBORS_FEW;
    sg_time_ns mix_at = node->mix_at == 0 ? SG_TIME_NEVER : node->mix_at;
    return is_set ? sg_time_min(node->reseed_at, mix_at) : mix_at;
}

void sg_rt_mix_later(struct sg_node *node)
{
    if (node->seeds.count > 0)
        node->mix_at = sg_time_add(node->now, sg_prng_jitter(&node->prng, MIX_NS, 50));
}

static void mix(struct sg_node *node)
{
    if (node->mix_at == 0 || node->mix_at > node->now)
        return;
    node->mix_at = 0;
    if (node->seeds.count > 0)
        sg_rt_seed_want(node->seeds.seed[sg_prng_below(&node->prng, node->seeds.count)], node->now);
}

/* Each time the neighbours become few the interval begins anew, so that the survivors of a large
 * failure do not come all at once. */
static void reseed(struct sg_node *node)
{
    bool is_due = node->reseed_at != 0 && node->base_neighbors < NEIGHBORS_FEW &&
                  node->reseed_at <= node->now;
    if (is_due)
        sg_rt_want_seeds(node);
    if (node->base_neighbors >= NEIGHBORS_FEW || node->seeds.count == 0)
        node->reseed_at = 0;
    else if (is_due || node->reseed_at == 0)
        node->reseed_at = sg_time_add(node->now, sg_prng_jitter(&node->prng, RESEED_NS, 25));
}

void sg_rt_want_seeds(struct sg_node *node)
{
    for (size_t i = 0; i < node->seeds.count; i++)
        sg_rt_seed_want(node->seeds.seed[i], node->now);
}

/* ---- failures -------------------------------------------------------------------------------- */

/* What to tell people, by error; answered: somebody was there. */
static const struct {
    sg_err err;
    const char *text;
} advices[] = {
    {SG_ERR_RESOLVE, "the name does not resolve; check its spelling and DNS"},
    {SG_ERR_INVALID_ARGUMENT, "the name does not resolve; check its spelling and DNS"},
    {SG_ERR_WRONG_NETWORK, "the peer belongs to another network; check the network's name"},
    {SG_ERR_WRONG_PROFILE, "the peer uses another crypto profile"},
    {SG_ERR_VERSION, "the peer speaks another protocol version; update the older one"},
    {SG_ERR_BANNED, "refused after earlier violations; wait a minute"},
    {SG_ERR_AUTH, "the peer there did not prove a key; is it a node?"},
    {SG_ERR_UNREACHABLE, "this socket cannot reach such an address; check --listen"},
    {SG_ERR_FULL, "the peer is busy and refused; tried again later"},
    {SG_ERR_REFUSED, "the peer is busy and refused; tried again later"},
};

static const char *advice(const struct sg_rt_seed_loss *loss)
{
    if (loss->err == SG_ERR_TIMEOUT && !loss->answered)
        return "connection refused or no answer within 5 s; does a node listen there?";
    if (loss->err == SG_ERR_TIMEOUT)
        return "the handshake did not finish in time; is the path or the peer overloaded?";
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        if (advices[i].err == loss->err)
            return advices[i].text;
    }
    return sg_err_text(loss->err);
}

static void report(struct sg_node *node, const struct sg_rt_seed *seed,
                   const struct sg_rt_seed_loss *loss)
{
    struct sg_event event = {.kind = SG_EVENT_SEED_FAILED, .err = loss->err};
    char place[SG_ADDR_TEXT_CAP] = "";
    char wanted[SG_ID_TEXT_LEN + 1];
    (void)snprintf(place, sizeof place, "%.48s:%u", seed->host, (unsigned)seed->port);
    if (seed->has_id)
        event.peer = seed->id;
    if (loss->err == SG_ERR_WRONG_PEER && seed->has_id) {
        sg_id_to_text(seed->id.b, wanted);
        (void)snprintf(event.text, sizeof event.text,
                       "%s: the peer there is not %.12s..; check the id in the seed", place,
                       wanted);
    } else if (seed->is_self) {
        (void)snprintf(event.text, sizeof event.text, "%s: that is this node itself; skipped",
                       place);
    } else {
        (void)snprintf(event.text, sizeof event.text, "%s: %s", place, advice(loss));
    }
    sg_rt_note_error(node, "seed %s", event.text);
    sg_rt_events_push(&node->events, &event);
}

static void fail(struct sg_node *node, struct sg_rt_seed *seed, const struct sg_rt_seed_loss *loss)
{
    report(node, seed, loss);
    sg_rt_seed_failed(seed, node->now, are_wanted(node), &node->prng);
}

/* ---- one try --------------------------------------------------------------------------------- */

static void postpone(struct sg_node *node, struct sg_rt_seed *seed)
{
    seed->state = SG_RT_SEED_WAITING;
    seed->at = sg_time_add(node->now, BUSY_PAUSE_NS);
}

static bool has_flight(const struct sg_node *node)
{
    size_t flying = sg_rt_dials_flying(&node->dials) + sg_rt_seeds_flying(&node->seeds);
    return flying < SG_RT_FLIGHTS_MAX;
}

/* Dials the next address that can be dialled. */
static void dial_next(struct sg_node *node, struct sg_rt_seed *seed, struct sg_rt_seed_loss loss)
{
    while (seed->addr_at < seed->addr_count) {
        const struct sg_addr *addr = &seed->addr[seed->addr_at];
        if (!has_flight(node)) {
            postpone(node, seed);
            return;
        }
        seed->addr_at++;
        if (sg_rt_is_own(node, addr)) {
            seed->is_self = true;
            continue;
        }
        if (!sg_rt_reaches(node, addr)) {
            if (loss.err == SG_OK)
                loss.err = SG_ERR_UNREACHABLE;
            continue;
        }
        const struct sg_peer_id *expected = seed->has_id ? &seed->id : NULL;
        sg_err err = sg_rt_dial_address(node, addr, expected, &seed->conn);
        if (err == SG_OK) {
            seed->is_self = false;
            seed->state = SG_RT_SEED_DIALLING;
            return;
        }
        loss = (struct sg_rt_seed_loss){.err = err};
    }
    if (seed->is_self && loss.err == SG_OK)
        loss.err = SG_ERR_INVALID_ARGUMENT;
    fail(node, seed, &loss);
}

static void join(struct sg_node *node, struct sg_rt_seed *seed)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_SEED, .peer = seed->peer};
    bool is_neighbor;
    uint16_t topics;
    sg_rt_seed_reached(seed, node->now, &node->prng);
    sg_core_peer_use(node->core, &seed->peer, &is_neighbor, &topics);
    if (!is_neighbor)
        sg_rt_tell(node, &in);
}

static void start(struct sg_node *node, struct sg_rt_seed *seed)
{
    const struct sg_rt_seed_loss none = {.err = SG_OK};
    if (seed->knows_peer && sg_rt_links_find(&node->links, &seed->peer) != NULL) {
        join(node, seed);
        return;
    }
    seed->addr_at = 0;
    seed->addr_count = 0;
    if (sg_addr_parse_ip(seed->host, seed->port, &seed->addr[0]) == SG_OK) {
        seed->addr_count = 1;
        dial_next(node, seed, none);
        return;
    }
    size_t running = 0;
    for (size_t i = 0; i < node->seeds.count; i++)
        running += node->seeds.seed[i]->resolve != NULL;
    if (running >= SG_RT_RESOLVES_MAX) {
        postpone(node, seed);
        return;
    }
    sg_err err = sg_rt_resolve_start(seed->host, seed->port, &node->wake, &seed->resolve);
    if (err == SG_OK) {
        seed->state = SG_RT_SEED_RESOLVING;
        return;
    }
    const struct sg_rt_seed_loss loss = {.err = err};
    fail(node, seed, &loss);
}

static void finish_resolve(struct sg_node *node, struct sg_rt_seed *seed)
{
    sg_err err = SG_OK;
    if (!sg_rt_resolve_result(seed->resolve, &err, seed->addr, &seed->addr_count))
        return;
    sg_rt_resolve_release(seed->resolve);
    seed->resolve = NULL;
    seed->addr_at = 0;
    const struct sg_rt_seed_loss loss = {.err = err};
    if (err == SG_OK)
        dial_next(node, seed, loss);
    else
        fail(node, seed, &loss);
}

void sg_rt_run_seeds(struct sg_node *node)
{
    if (node->has_left)
        return;
    mix(node);
    reseed(node);
    for (size_t i = 0; i < node->seeds.count; i++) {
        struct sg_rt_seed *seed = node->seeds.seed[i];
        if (seed->state == SG_RT_SEED_WAITING && seed->at <= node->now)
            start(node, seed);
        else if (seed->state == SG_RT_SEED_RESOLVING)
            finish_resolve(node, seed);
    }
}

/* ---- what became of it ----------------------------------------------------------------------- */

void sg_rt_seed_connected(struct sg_node *node, sg_quic_conn_id conn, const struct sg_peer_id *peer)
{
    struct sg_rt_seed *seed = sg_rt_seeds_of_conn(&node->seeds, conn);
    if (seed == NULL)
        return;
    seed->state = SG_RT_SEED_GREETING;
    seed->knows_peer = true;
    seed->peer = *peer;
}

void sg_rt_seed_link_up(struct sg_node *node, sg_quic_conn_id conn)
{
    struct sg_rt_seed *seed = sg_rt_seeds_of_conn(&node->seeds, conn);
    if (seed != NULL)
        join(node, seed);
}

bool sg_rt_seed_lost(struct sg_node *node, sg_quic_conn_id conn, const struct sg_rt_seed_loss *loss)
{
    struct sg_rt_seed *seed = sg_rt_seeds_of_conn(&node->seeds, conn);
    if (seed == NULL)
        return false;
    seed->conn = 0;
    bool is_linked = seed->knows_peer && sg_rt_links_find(&node->links, &seed->peer) != NULL;
    if (loss->reason == SG_CLOSE_DUPLICATE && is_linked)
        join(node, seed); /* it dialled us meanwhile, and that connection survived */
    else if (sg_err_class_of(loss->err) == SG_ERR_CLASS_PEER)
        fail(node, seed, loss); /* its other addresses lead to the same node */
    else
        dial_next(node, seed, *loss);
    return true;
}

bool sg_rt_seed_is_self(struct sg_node *node, sg_quic_conn_id conn)
{
    const struct sg_rt_seed_loss loss = {.err = SG_ERR_INVALID_ARGUMENT, .answered = true};
    struct sg_rt_seed *seed = sg_rt_seeds_of_conn(&node->seeds, conn);
    if (seed == NULL)
        return false;
    seed->is_self = true;
    fail(node, seed, &loss);
    return true;
}
