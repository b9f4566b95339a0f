#include "plumtree/state.h"

/* In a tree without cycles nobody sends a copy, and saying so would only cost frames. It is said
 * for so long, and for so many messages, after a copy came and after the machine began: the first
 * messages flood. */
#define COPIES_NS (30 * SG_NS_PER_S)
#define COPIES_MESSAGES 32

void sg_pt_unwanted_tell(struct sg_pt *m, const struct sg_pt_peer *but, const struct sg_msg_id *id,
                         struct sg_pt_outbox *out)
{
    if (sg_time_since(m->now, m->copy_at) >= COPIES_NS || m->copy_free >= COPIES_MESSAGES)
        return;
    m->copy_free++;
    for (uint32_t i = 0; i < m->peers_count; i++) {
        const struct sg_pt_peer *peer = &m->peers[i];
        if (peer == but || !sg_pt_peer_is_linked(peer))
            continue;
        sg_pt_emit(out, SG_PT_OUT_DONTWANT, &peer->id)->id = *id;
        m->stats.dontwants_sent++;
    }
}

void sg_pt_unwanted_add(struct sg_pt *m, struct sg_pt_peer *peer, const struct sg_msg_id *id)
{
    struct sg_pt_extra *extra = sg_pt_conduct_extra(m, peer);
    m->stats.dontwants_received++;
    if (extra == NULL || sg_pt_seen_find(m, id) != NULL)
        return; /* too late: it has been pushed */
    if (extra->unwanted == NULL)
        extra->unwanted = sg_mem_new(m->config.mem, SG_PT_UNWANTED_MAX, sizeof(*extra->unwanted));
    if (extra->unwanted == NULL)
        return;
    extra->unwanted[extra->unwanted_next] = (struct sg_pt_unwanted){
        .word = sg_load64(id->b), .until = sg_time_add(m->now, m->config.dontwant_ns)};
    extra->unwanted_next = (uint8_t)((extra->unwanted_next + 1) % SG_PT_UNWANTED_MAX);
}

bool sg_pt_unwanted_has(const struct sg_pt *m, const struct sg_pt_peer *peer,
                        const struct sg_msg_id *id)
{
    if (peer->extra == NULL || peer->extra->unwanted == NULL)
        return false;
    const struct sg_pt_unwanted *unwanted = peer->extra->unwanted;
    uint64_t word = sg_load64(id->b);
    for (uint32_t i = 0; i < SG_PT_UNWANTED_MAX; i++) {
        if (unwanted[i].word == word && m->now < unwanted[i].until)
            return true;
    }
    return false;
}
