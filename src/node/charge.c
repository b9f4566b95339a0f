/* What misbehaviour costs. Points decay by one a second; at the limit the link is closed and the
 * peer banned for a while. Only the authenticated link pays, never a name in a body, and only for
 * what no correct peer does: a message that is late, dated ahead, or a second one under the same
 * number passed an honest relay's checks a moment ago, on another clock or in another order. Were
 * it charged, an author could make honest neighbours ban each other. */
#include "node/internal.h"

#define POINTS_BAN 100
/* A neighbour in a busy topic sends a few pubsub frames per message; 200 000/s is above what a core
 * can take in, and 20 000/s of anything else above all needs, so who sends more is shedding load
 * onto us. Short bursts are normal. */
#define FRAME_BURST_SECONDS 2

static void ban(struct sg_core *core, const struct sg_peer_id *peer)
{
    if (core->bans == NULL)
        core->bans = sg_mem_new(core->config.mem, SG_BANS_MAX, sizeof(*core->bans));
    if (core->bans == NULL)
        return; /* the link is closed all the same */
    struct sg_ban *slot = &core->bans[core->bans_next];
    core->bans_next = (core->bans_next + 1) % SG_BANS_MAX;
    slot->peer = *peer;
    slot->until = sg_time_add(core->now, core->config.ban_ns);
    core->stats.peers_banned++;
    sg_trace(&core->config.trace, SG_TRACE_BAN, peer->b, NULL, core->config.ban_ns / SG_NS_PER_S);
}

bool sg_is_banned(const struct sg_core *core, const struct sg_peer_id *peer)
{
    for (uint32_t i = 0; core->bans != NULL && i < SG_BANS_MAX; i++) {
        if (core->bans[i].until > core->now && sg_peer_id_equal(&core->bans[i].peer, peer))
            return true;
    }
    return false;
}

uint32_t sg_charge_points(const struct sg_core *core, const struct sg_link *link)
{
    uint64_t decayed = sg_time_since(core->now, link->points_at) / SG_NS_PER_S;
    return decayed >= link->points ? 0 : link->points - (uint32_t)decayed;
}

void sg_charge(struct sg_core *core, struct sg_link *link, enum sg_charge points)
{
    if (sg_time_since(core->now, link->points_at) >= SG_NS_PER_S) {
        link->points = sg_charge_points(core, link);
        link->points_at = core->now;
    }
    link->points += (uint32_t)points;
    core->stats.charges++;
    sg_trace(&core->config.trace, SG_TRACE_CHARGE, link->peer.b, NULL, (uint64_t)points);
    if (link->points < POINTS_BAN || link->doomed != SG_CLOSE_NONE)
        return;
    ban(core, &link->peer);
    sg_link_doom(core, link, SG_CLOSE_BANNED);
}

/* The counter and the price of each error; anything else is malformed. */
static enum sg_charge count_refused(struct sg_core_stats *stats, sg_err err)
{
    if (err == SG_ERR_BAD_SIGNATURE) {
        stats->refused_signature++;
        return SG_CHARGE_FORGED;
    }
    if (err == SG_ERR_BAD_PROOF) {
        stats->refused_proof++;
        return SG_CHARGE_FORGED;
    }
    if (err == SG_ERR_EXPIRED) {
        stats->refused_expired++;
        return SG_CHARGE_NONE;
    }
    if (err == SG_ERR_FUTURE) {
        stats->refused_future++;
        return SG_CHARGE_NONE;
    }
    if (err == SG_ERR_LIMIT) {
        stats->refused_overload++;
        return SG_CHARGE_FLOOD;
    }
    if (err == SG_ERR_VERSION) {
        stats->refused_version++;
        return SG_CHARGE_VERSION;
    }
    stats->refused_malformed++;
    return err == SG_ERR_PROTOCOL ? SG_CHARGE_PROTOCOL : SG_CHARGE_MALFORMED;
}

void sg_refuse(struct sg_core *core, struct sg_link *link, const struct sg_msg_id *id, sg_err err)
{
    enum sg_charge points = count_refused(&core->stats, err);
    sg_trace(&core->config.trace, SG_TRACE_REFUSE, link->peer.b, id == NULL ? NULL : id->b,
             (uint64_t)(-(int64_t)err));
    if (points != SG_CHARGE_NONE)
        sg_charge(core, link, points);
}

bool sg_link_may_send(struct sg_core *core, struct sg_link *link, enum sg_lane lane, size_t len)
{
    bool is_pubsub = lane == SG_LANE_PUBSUB;
    uint32_t rate = is_pubsub ? core->config.pubsub_rate : core->config.frame_rate;
    uint32_t bytes = core->config.byte_rate;
    uint64_t cost = (uint64_t)len * 1000 / 1024;
    uint32_t byte_burst = FRAME_BURST_SECONDS * bytes;
    if (sg_bucket_level(&link->bytes, core->now, bytes, byte_burst) < cost)
        return false;
    link->bytes.milli -= cost;
    return sg_bucket_take(is_pubsub ? &link->pubsub : &link->frames, core->now, rate,
                          FRAME_BURST_SECONDS * rate);
}

void sg_note_invalid(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                     sg_err err)
{
    const struct sg_pt_in in = {.kind = SG_PT_IN_CONDUCT, .peer = *peer, .event = SG_SCORE_INVALID};
    bool is_late = err == SG_ERR_EXPIRED || err == SG_ERR_FUTURE;
    if (sg_err_class_of(err) == SG_ERR_CLASS_PEER && !is_late)
        (void)sg_scope_pt(core, scope, &in);
}
