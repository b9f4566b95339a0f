/* What is held against neighbours that have gone: who leaves and comes back finds its score as it
 * would be had it stayed. Praise is not kept, and who has nothing against it takes no place. As
 * many as four full views are kept, so that it takes as many bad neighbours to push one out. */
#include "plumtree/state.h"

#define LEFT_MAX 64

void sg_pt_left_fini(struct sg_pt *m)
{
    sg_mem_free(m->config.mem, m->left.slots);
}

static struct sg_pt_left *find(const struct sg_pt *m, const struct sg_peer_id *id)
{
    for (uint32_t i = 0; i < m->left.count; i++) {
        if (sg_peer_id_equal(&m->left.slots[i].id, id))
            return &m->left.slots[i];
    }
    return NULL;
}

void sg_pt_left_note(struct sg_pt *m, const struct sg_pt_peer *peer)
{
    struct sg_pt_left_ring *left = &m->left;
    struct sg_pt_left *slot = find(m, &peer->id);
    struct sg_score score = peer->score;
    sg_score_decay(&score, m->now);
    bool is_marked = (score.missing | score.invalid | score.broken | score.fault) != 0;
    if (slot == NULL && !is_marked)
        return;
    if (left->slots == NULL)
        left->slots = sg_mem_new(m->config.mem, LEFT_MAX, sizeof(*left->slots));
    if (left->slots == NULL)
        return;
    if (slot == NULL) {
        slot = &left->slots[left->next];
        left->next = (left->next + 1) % LEFT_MAX;
        left->count += left->count < LEFT_MAX ? 1 : 0;
    }
    *slot = (struct sg_pt_left){peer->id, score};
}

void sg_pt_left_restore(const struct sg_pt *m, struct sg_pt_peer *peer)
{
    const struct sg_pt_left *slot = find(m, &peer->id);
    if (slot == NULL)
        return;
    struct sg_score *score = &peer->score;
    score->at = slot->score.at;
    score->missing = slot->score.missing;
    score->invalid = slot->score.invalid;
    score->broken = slot->score.broken;
    score->fault = slot->score.fault;
    sg_score_decay(score, m->now);
}
