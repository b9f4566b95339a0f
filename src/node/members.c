/* Membership: SWIM between the links and the overlays (src/swim decides, this carries out).
 *
 * Packets ride on the datagram lane, tables and records on mship. A verdict takes the peer out of
 * every scope's views and closes its link; any frame from a peer is a sign of life. What is kept of
 * a member here is its signed record (records.c) and its address (book.c). */
#include <assert.h>

#include "node/internal.h"

/* Frames of other families are told as signs of life, but seldom: the machine measures seconds. */
#define HEARD_EVERY_NS (100 * SG_NS_PER_MS)
/* Through a peer that came back from the dead a whole half of a partition may come back: it is
 * joined through, which makes walks, so seldom. */
#define REJOIN_EVERY_NS (10 * SG_NS_PER_S)
/* A machine that has more to do at one time is fed again at the next timeout. */
#define TIMEOUT_STEPS_MAX 32

/* Outputs whose links' memory is under way. */
#define OUTS_AHEAD 3

/* Members named as candidates when a node is isolated. */
#define LADDER_CANDIDATES 64

sg_err sg_members_init(struct sg_core *core)
{
    struct sg_swim_config config = core->config.swim;
    struct sg_swim_start start = {.self = core->config.self,
                                  .incarnation = core->config.boot << 32,
                                  .now = core->now,
                                  .seed = sg_prng_next(&core->prng)};
    config.mem = core->config.mem;
    SG_TRY(sg_swim_new(&core->swim, &config, &start));
    core->swim_due = sg_swim_deadline(core->swim);
    return SG_OK;
}

/* ---- packets out ---- */

/* The frame of rumors alone made last: a flood says the same to all. */
struct flood {
    struct sg_buf *frame; /* one reference, or NULL */
    uint16_t rumor_at;
    uint8_t rumor_count;
};

/* As many of the rumors as fit; returns the bytes that they take. */
static size_t fill_packet(const struct sg_core *core, const struct sg_swim_outbox *box,
                          const struct sg_swim_out *out, struct sg_swim_packet *packet,
                          struct sg_hints *hints)
{
    size_t left = SG_SWIM_RUMOR_BYTES;
    packet->kind = out->packet;
    packet->seq = out->seq;
    packet->target = out->target;
    packet->count = 0;
    for (uint8_t i = 0; i < out->rumor_count && packet->count < SG_SWIM_RUMORS_MAX; i++) {
        const struct sg_swim_rumor *rumor = &box->rumor[out->rumor_at + i];
        struct sg_hints *h = &hints[packet->count];
        *h = (struct sg_hints){0};
        if (rumor->kind == SG_SWIM_ALIVE)
            sg_book_get(&core->book, &rumor->member, h);
        size_t len = sg_swim_rumor_len(rumor, h);
        if (len > left)
            break;
        left -= len;
        packet->rumor[packet->count++] = *rumor;
    }
    return SG_SWIM_RUMOR_BYTES - left;
}

/* QUIC acknowledges the datagram of a PING, and the pinger's runtime tells of that (LINK_ALIVE): an
 * ACK without news would say the same again, and would have to be acknowledged itself. */
static bool is_answered_below(const struct sg_core *core, const struct sg_swim_out *out)
{
    return core->ping.is_set && out->packet == SG_SWIM_ACK && out->rumor_count == 0 &&
           out->seq == core->ping.seq && sg_peer_id_equal(&out->peer, &core->ping.peer);
}

static struct sg_buf *packet_frame(const struct sg_core *core, const struct sg_swim_outbox *box,
                                   const struct sg_swim_out *out)
{
    struct sg_frame_head head = {.family = SG_FAMILY_SWIM};
    struct sg_hints hints[SG_SWIM_RUMORS_MAX];
    struct sg_swim_packet packet;
    struct sg_writer w;
    size_t len = fill_packet(core, box, out, &packet, hints);
    struct sg_buf *frame =
        sg_frame_begin(core, &head, SG_SWIM_PACKET_MAX - SG_SWIM_RUMOR_BYTES + len, &w);
    if (frame == NULL)
        return NULL;
    sg_swim_packet_encode(&w, &packet, hints);
    return sg_frame_end(frame, &w);
}

static struct sg_buf *flood_frame(const struct sg_core *core, const struct sg_swim_outbox *box,
                                  const struct sg_swim_out *out, struct flood *flood)
{
    bool is_same = flood->frame != NULL && flood->rumor_at == out->rumor_at &&
                   flood->rumor_count == out->rumor_count;
    if (!is_same) {
        sg_buf_unref(flood->frame);
        *flood = (struct flood){packet_frame(core, box, out), out->rumor_at, out->rumor_count};
    }
    return flood->frame == NULL ? NULL : sg_buf_ref(flood->frame);
}

/* The PING of a probe could not leave: that is no sign of anything. */
static void tell_untried(struct sg_core *core, const struct sg_swim_out *out, sg_err why)
{
    struct sg_swim_in untried = {.kind = SG_SWIM_IN_UNTRIED,
                                 .peer = out->peer,
                                 .seq = out->seq,
                                 .is_lasting = why == SG_ERR_NOT_FOUND};
    if (out->packet == SG_SWIM_PING)
        (void)sg_members_input(core, &untried);
}

static void send_packet(struct sg_core *core, const struct sg_swim_outbox *box,
                        const struct sg_swim_out *out, struct flood *flood)
{
    static const struct sg_topic_id base = {{0}};
    const struct sg_link *link = sg_link_find(core, &out->peer);
    bool is_up = link != NULL && link->state == SG_LINK_UP && link->doomed == SG_CLOSE_NONE;
    if ((!is_up && out->packet != SG_SWIM_PING) || is_answered_below(core, out))
        return;
    struct sg_buf *frame = out->packet == SG_SWIM_GOSSIP ? flood_frame(core, box, out, flood)
                                                         : packet_frame(core, box, out);
    struct sg_frame_wait wait = {.buf = frame, .topic = base, .lane = SG_LANE_DATAGRAM};
    sg_err err = frame == NULL ? SG_ERR_NO_MEMORY : sg_link_ping(core, &out->peer, &wait);
    if (err != SG_OK)
        tell_untried(core, out, err);
}

static void send_table(struct sg_core *core, const struct sg_peer_id *peer, bool wants_reply)
{
    static const struct sg_topic_id base = {{0}};
    struct sg_frame_head head = {.family = SG_FAMILY_SWIM};
    struct sg_swim_table table;
    struct sg_hints hints[SG_SWIM_TABLE_MAX];
    const struct sg_link *link = sg_link_find(core, peer);
    if (link == NULL || link->state != SG_LINK_UP)
        return;
    for (uint32_t part = 0; sg_swim_table(core->swim, part, &table); part++) {
        struct sg_writer w;
        table.wants_reply = wants_reply && part == 0;
        for (uint8_t i = 0; i < table.count; i++) {
            struct sg_swim_entry *entry = &table.entry[i];
            sg_book_get(&core->book, &entry->member, &hints[i]);
            entry->has_record = sg_record_is_held(core, &entry->member, entry->incarnation);
        }
        struct sg_buf *frame =
            sg_frame_begin(core, &head, SG_FRAME_MSHIP_MAX - SG_FRAME_HEAD_MAX, &w);
        if (frame == NULL)
            return;
        sg_swim_table_encode(&w, &table, hints);
        sg_frame_send(core, peer, SG_LANE_MSHIP, &base, sg_frame_end(frame, &w));
    }
}

/* ---- what the machine found out ---- */

static void member_event(struct sg_core *core, const struct sg_swim_out *out,
                         enum sg_core_member_kind kind)
{
    struct sg_core_out event = {.kind = SG_CORE_OUT_MEMBER,
                                .peer = out->peer,
                                .member = kind,
                                .incarnation = out->incarnation};
    sg_trace(&core->config.trace, SG_TRACE_MEMBER, out->peer.b, NULL, (uint64_t)kind);
    sg_emit(core, &event);
}

/* The verdict: out of all views, and its link is closed. */
static void bury(struct sg_core *core, const struct sg_peer_id *peer, sg_err why)
{
    struct sg_hpv_in dead = {.kind = SG_HPV_IN_DEAD, .peer = *peer};
    struct sg_link *link = sg_link_find(core, peer);
    core->down_err = why;
    for (uint32_t i = 0; i < core->scope_count; i++)
        (void)sg_scope_hpv(core, core->scopes[i], &dead);
    core->down_err = SG_OK;
    if (link != NULL && link->state == SG_LINK_UP)
        sg_link_doom(core, link, why == SG_OK ? SG_CLOSE_LEAVING : SG_CLOSE_STALLED);
}

/* A dead member answers again, on a link of ours: the overlay behind it may be new to us. */
static void rejoin(struct sg_core *core, const struct sg_peer_id *peer)
{
    struct sg_scope *base = core->scopes[0];
    struct sg_hpv_in join = {.kind = SG_HPV_IN_JOIN, .peer = *peer};
    const struct sg_link *link = sg_link_find(core, peer);
    if (link == NULL || link->state != SG_LINK_UP || !link->dialled || core->now < core->rejoin_at)
        return;
    core->rejoin_at = sg_time_add(core->now, REJOIN_EVERY_NS);
    if (!sg_hpv_is_active(&base->hpv, peer) && !sg_hpv_is_pending(&base->hpv, peer))
        (void)sg_scope_hpv(core, base, &join);
}

/* A place is free. */
static void repeat_links(struct sg_core *core)
{
    for (uint32_t i = 0; i < core->link_count; i++)
        sg_link_repeat(core, core->links[i]);
}

static void run_output(struct sg_core *core, const struct sg_swim_outbox *box,
                       const struct sg_swim_out *out, struct flood *flood)
{
    switch (out->kind) {
    case SG_SWIM_OUT_SEND:
        send_packet(core, box, out, flood);
        break;
    case SG_SWIM_OUT_TABLE:
        send_table(core, &out->peer, out->wants_reply);
        break;
    case SG_SWIM_OUT_ANNOUNCE:
        sg_record_announce(core, out->incarnation, out->leaves);
        break;
    case SG_SWIM_OUT_JOIN:
        member_event(core, out, SG_CORE_MEMBER_JOIN);
        sg_link_repeat(core, sg_link_find(core, &out->peer));
        break;
    case SG_SWIM_OUT_SUSPECT:
        member_event(core, out, SG_CORE_MEMBER_SUSPECT);
        break;
    case SG_SWIM_OUT_REFUTED:
        member_event(core, out, SG_CORE_MEMBER_REFUTED);
        sg_link_repeat(core, sg_link_find(core, &out->peer));
        break;
    case SG_SWIM_OUT_FAIL:
        member_event(core, out, SG_CORE_MEMBER_FAIL);
        bury(core, &out->peer, SG_ERR_TIMEOUT);
        repeat_links(core);
        break;
    case SG_SWIM_OUT_LEFT:
        member_event(core, out, SG_CORE_MEMBER_LEAVE);
        sg_record_forget(core, &out->peer);
        bury(core, &out->peer, SG_OK);
        repeat_links(core);
        break;
    case SG_SWIM_OUT_DROPPED:
        member_event(core, out, SG_CORE_MEMBER_DROPPED);
        sg_record_forget(core, &out->peer);
        break;
    case SG_SWIM_OUT_UPDATE: /* records.c tells of new metadata */
        break;
    }
}

sg_err sg_members_input(struct sg_core *core, const struct sg_swim_in *in)
{
    struct sg_swim_outbox box;
    struct flood flood = {0};
    SG_TRY(sg_swim_input(core->swim, core->now, in, &box));
    core->swim_due = sg_swim_deadline(core->swim);
    for (size_t i = 0; i < box.count; i++) {
        if (i + OUTS_AHEAD < box.count && box.out[i + OUTS_AHEAD].kind == SG_SWIM_OUT_SEND)
            sg_link_prefetch(core, &box.out[i + OUTS_AHEAD].peer);
        run_output(core, &box, &box.out[i], &flood);
    }
    sg_buf_unref(flood.frame);
    return SG_OK;
}

void sg_members_timeout(struct sg_core *core)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
    for (int i = 0; i < TIMEOUT_STEPS_MAX && core->swim_due <= core->now; i++)
        (void)sg_members_input(core, &in);
}

/* ---- links ---- */

void sg_members_link_up(struct sg_core *core, struct sg_link *link, uint64_t boot)
{
    struct sg_swim_in up = {
        .kind = SG_SWIM_IN_LINK_UP, .peer = link->peer, .incarnation = boot << 32};
    struct sg_peer_id peer = link->peer;
    struct sg_swim_view view;
    bool was_dead =
        sg_swim_find(core->swim, &peer, &view) == SG_OK && view.state == SG_SWIM_IS_DEAD;
    link->heard_at = core->now;
    link->boot = boot;
    (void)sg_members_input(core, &up);
    sg_members_watch(core, link);
    if (link->srtt_ns > 0) {
        struct sg_swim_in path = {.kind = SG_SWIM_IN_RTT,
                                  .peer = peer,
                                  .srtt_ns = link->srtt_ns,
                                  .rttvar_ns = link->rttvar_ns};
        (void)sg_members_input(core, &path);
    }
    sg_record_greet(core, &peer);
    if (was_dead)
        rejoin(core, &peer);
}

void sg_members_link_down(struct sg_core *core, const struct sg_peer_id *peer, bool is_failure)
{
    struct sg_swim_in down = {
        .kind = SG_SWIM_IN_LINK_DOWN, .peer = *peer, .is_failure = is_failure};
    (void)sg_members_input(core, &down);
}

void sg_members_watch(struct sg_core *core, struct sg_link *link)
{
    struct sg_swim_in watch = {.kind = SG_SWIM_IN_WATCH, .peer = link->peer, .on = link->uses > 0};
    if (link->state == SG_LINK_UP && link->is_watched != watch.on) {
        link->is_watched = watch.on;
        (void)sg_members_input(core, &watch);
    }
}

void sg_members_heard(struct sg_core *core, struct sg_link *link)
{
    struct sg_swim_in heard = {.kind = SG_SWIM_IN_HEARD, .peer = link->peer};
    if (core->now < sg_time_add(link->heard_at, HEARD_EVERY_NS))
        return;
    link->heard_at = core->now;
    (void)sg_members_input(core, &heard);
}

void sg_members_alive(struct sg_core *core, const struct sg_peer_id *peer)
{
    struct sg_swim_in heard = {.kind = SG_SWIM_IN_HEARD, .peer = *peer};
    struct sg_link *link = sg_link_find(core, peer);
    if (link == NULL || link->state != SG_LINK_UP)
        return;
    link->heard_at = core->now;
    (void)sg_members_input(core, &heard);
}

/* ---- frames in ---- */

/* Rumors that start something here: an unknown member, an accusation of one that lives. A link may
 * bring a whole table at once, and some a second after that. */
#define NEWS_RATE 16
#define NEWS_BURST 512
/* Accusations of strangers: four make a verdict, and copies of one come over one link only. */
#define STRANGER_RATE 4
#define STRANGER_BURST 64

static bool is_work(const struct sg_core *core, const struct sg_swim_rumor *rumor)
{
    struct sg_swim_view view;
    if (sg_peer_id_equal(&rumor->member, &core->config.self))
        return false;
    if (sg_swim_find(core->swim, &rumor->member, &view) != SG_OK)
        return rumor->kind == SG_SWIM_ALIVE;
    return rumor->kind != SG_SWIM_ALIVE && view.state == SG_SWIM_IS_ALIVE;
}

static bool may_tell(struct sg_core *core, struct sg_link *link, const struct sg_swim_rumor *rumor)
{
    if (sg_swim_is_stranger_news(core->swim, rumor))
        return sg_bucket_take(&link->strangers, core->now, STRANGER_RATE, STRANGER_BURST);
    return !is_work(core, rumor) || sg_bucket_take(&link->news, core->now, NEWS_RATE, NEWS_BURST);
}

/* Leaves out what is above the link's share; false when nothing is left of a packet of rumors. */
static bool shed_rumors(struct sg_core *core, struct sg_link *link, struct sg_swim_packet *packet,
                        struct sg_hints *hints)
{
    uint8_t had = packet->count;
    uint8_t kept = 0;
    for (uint8_t i = 0; i < had; i++) {
        if (!may_tell(core, link, &packet->rumor[i])) {
            core->stats.refused_overload++;
            continue;
        }
        packet->rumor[kept] = packet->rumor[i];
        hints[kept++] = hints[i];
    }
    packet->count = kept;
    return packet->kind != SG_SWIM_GOSSIP || had == 0 || kept > 0;
}

/* Addresses of those that are members now. */
static void learn_hints(struct sg_core *core, const struct sg_swim_packet *packet,
                        const struct sg_hints *hints)
{
    for (uint8_t i = 0; i < packet->count; i++) {
        struct sg_swim_view view;
        if (packet->rumor[i].kind == SG_SWIM_ALIVE &&
            sg_swim_find(core->swim, &packet->rumor[i].member, &view) == SG_OK)
            sg_book_learn(&core->book, &packet->rumor[i].member, &hints[i], false);
    }
}

/* The rumors of a packet are about members all over the tables: their memory comes at the same time
 * and not one after the other. */
static void look_ahead(const struct sg_core *core, const struct sg_swim_packet *packet)
{
    for (unsigned stage = 0; stage < 2; stage++) {
        for (uint8_t i = 0; i < packet->count; i++) {
            sg_swim_prefetch_member(core->swim, &packet->rumor[i].member, stage);
            if (packet->rumor[i].kind == SG_SWIM_ALIVE)
                sg_book_prefetch(&core->book, &packet->rumor[i].member, stage);
        }
    }
}

void sg_members_packet(struct sg_core *core, struct sg_link *link, struct sg_reader *r)
{
    struct sg_swim_packet packet;
    struct sg_hints hints[SG_SWIM_RUMORS_MAX];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = link->peer, .packet = &packet};
    sg_err err = sg_swim_packet_decode(r, &packet, hints);
    if (err == SG_OK)
        look_ahead(core, &packet);
    if (err == SG_OK && !shed_rumors(core, link, &packet, hints))
        return;
    if (err == SG_OK) {
        link->heard_at = core->now;
        core->ping =
            (struct sg_ping){.is_set = core->config.datagram_acks && packet.kind == SG_SWIM_PING,
                             .seq = packet.seq,
                             .peer = link->peer};
        err = sg_members_input(core, &in);
        core->ping.is_set = false;
    }
    if (err == SG_OK)
        learn_hints(core, &packet, hints);
    if (err != SG_OK && err != SG_ERR_NO_MEMORY)
        sg_refuse(core, link, NULL, err);
}

static bool offer_members(struct sg_core *core, size_t most);

/* Members are candidates for who hardly knows anybody else: walks for a newcomer may find no place,
 * and its first neighbour may be its last. */
static void offer_few(struct sg_core *core)
{
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    uint16_t few = base->config.active_target / 2;
    if (base->active_count + base->passive_count >= few)
        return;
    /* not the same ones as everybody else who has got this table */
    core->ladder_at = (uint32_t)sg_prng_below(&core->prng, sg_swim_count(core->swim));
    (void)offer_members(core, few);
}

static void table_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r)
{
    struct sg_swim_table table;
    struct sg_hints hints[SG_SWIM_TABLE_MAX];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TABLE, .peer = link->peer, .table = &table};
    sg_err err = sg_swim_table_decode(r, &table, hints);
    if (err == SG_OK && !sg_link_may_walk(core, link)) {
        core->stats.refused_overload++;
        return;
    }
    for (uint8_t i = 0; err == SG_OK && i < table.count; i++) {
        if (!sg_peer_id_equal(&table.entry[i].member, &core->config.self))
            sg_book_learn(&core->book, &table.entry[i].member, &hints[i], false);
    }
    if (err == SG_OK)
        err = sg_members_input(core, &in);
    if (err == SG_OK) {
        sg_record_ask(core, link, &table);
        offer_few(core);
    } else if (err != SG_ERR_NO_MEMORY) {
        sg_refuse(core, link, NULL, err);
    }
}

void sg_members_frame(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                      struct sg_bytes frame)
{
    uint8_t kind = sg_read_u8(r);
    if (kind == SG_SWIM_TABLE)
        table_arrived(core, link, r);
    else if (kind == SG_SWIM_RECORD)
        sg_record_arrived(core, link, r, frame);
    else if (kind == SG_SWIM_WANT)
        sg_record_wanted(core, link, r);
    else
        sg_refuse(core, link, NULL, r->err == SG_OK ? SG_ERR_MALFORMED : r->err);
}

/* ---- never isolated ---- */

/* At most so many members, up to LADDER_CANDIDATES, as candidates of the base overlay; false when
 * none has an address. */
static bool offer_members(struct sg_core *core, size_t most)
{
    struct sg_peer_id peers[LADDER_CANDIDATES];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CANDIDATES, .peers = peers};
    struct sg_swim_view view;
    uint32_t i = core->ladder_at;
    for (; in.count < most && sg_swim_at(core->swim, i, &view); i++) {
        struct sg_hints hints;
        sg_book_get(&core->book, &view.peer, &hints);
        if (hints.count > 0)
            peers[in.count++] = view.peer;
    }
    /* another part of the table next time, from the front after its end */
    core->ladder_at = in.count < most ? 0 : i;
    if (in.count > 0)
        (void)sg_scope_hpv(core, core->scopes[0], &in);
    return in.count > 0;
}

void sg_members_isolated(struct sg_core *core)
{
    struct sg_core_out cache = {.kind = SG_CORE_OUT_NEED_CACHE};
    struct sg_core_out seeds = {.kind = SG_CORE_OUT_NEED_SEEDS};
    uint8_t rung = core->ladder;
    core->ladder = (uint8_t)((rung + 1) % 3);
    /* who is lost has no time for one rung after the other */
    bool has_offered = rung < 2 && offer_members(core, LADDER_CANDIDATES);
    if (rung == 0)
        sg_emit(core, &cache);
    else if (!has_offered)
        sg_emit(core, &seeds);
}

/* ---- for callers ---- */

static void fill_member(const struct sg_core *core, struct sg_core_member *member)
{
    const struct sg_peer_id *peer = &member->view.peer;
    sg_book_get(&core->book, peer, &member->hints);
    member->meta = sg_record_meta(core, peer, member->view.incarnation);
    member->is_contact = false;
    for (uint8_t i = 0; i < core->contact_count; i++)
        member->is_contact = member->is_contact || sg_peer_id_equal(&core->contacts[i], peer);
}

bool sg_core_member(const struct sg_core *core, uint32_t *at, struct sg_core_member *member)
{
    do {
        if (!sg_swim_at(core->swim, (*at)++, &member->view))
            return false;
    } while (member->view.is_doubted);
    fill_member(core, member);
    return true;
}

sg_err sg_core_member_find(const struct sg_core *core, const struct sg_peer_id *peer,
                           struct sg_core_member *member)
{
    SG_TRY(sg_swim_find(core->swim, peer, &member->view));
    fill_member(core, member);
    return SG_OK;
}

bool sg_core_is_sample(const struct sg_core *core)
{
    return sg_swim_is_sample(core->swim);
}

struct cache_fill {
    const struct sg_core *core;
    struct sg_peer_id *peers;
    struct sg_hints *hints;
    size_t count, cap;
};

static void cache_add(struct cache_fill *fill, const struct sg_peer_id *peer)
{
    if (fill->count == fill->cap)
        return;
    for (size_t i = 0; i < fill->count; i++) {
        if (sg_peer_id_equal(&fill->peers[i], peer))
            return;
    }
    sg_book_get(&fill->core->book, peer, &fill->hints[fill->count]);
    if (fill->hints[fill->count].count > 0)
        fill->peers[fill->count++] = *peer;
}

size_t sg_core_cache(const struct sg_core *core, struct sg_peer_id *peers, struct sg_hints *hints,
                     size_t cap)
{
    struct cache_fill fill = {.core = core, .peers = peers, .hints = hints, .cap = cap};
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    struct sg_swim_view view;
    for (uint16_t i = 0; i < base->active_count; i++)
        cache_add(&fill, &base->active[i].id);
    for (uint32_t i = 0; i < core->link_count; i++) {
        if (core->links[i]->state == SG_LINK_UP)
            cache_add(&fill, &core->links[i]->peer);
    }
    for (uint32_t i = 0; sg_swim_at(core->swim, i, &view); i++) {
        if (view.state != SG_SWIM_IS_DEAD)
            cache_add(&fill, &view.peer);
    }
    for (uint16_t i = 0; i < base->passive_count; i++)
        cache_add(&fill, &base->passive[i]);
    return fill.count;
}
