/* Member records: what a member says of itself, signed with its key - that it is alive after all,
 * that it leaves, what it is (metadata). Nobody else can say that.
 *
 *     signature = ML-DSA(key, context "saorsa member v1", network | PeerId | incarnation | leaves |
 *                        len(meta) | meta)
 *
 * A record floods over the links in use; each node verifies it once, before it forwards it. The
 * newest of each member is kept as it came and served to those who see in a TABLE that they lack
 * it. Refutations are rare, so that a signature each is cheap; a node that is accused by liars
 * again and again is slowed by the machine (one announcement per half second). */
#include <assert.h>

#include "node/internal.h"

static const struct sg_bytes record_context = {(const uint8_t *)"saorsa member v1", 16};

/* network, id, incarnation, leaves, length, meta */
#define SIGNED_MAX (SG_HASH_LEN + SG_ID_LEN + 8 + 1 + 2 + SG_SWIM_META_MAX)
/* Of one member, a second: who refutes makes two. */
#define PASSED_RATE 4
#define PASSED_BURST 8
#define RECORD_BODY_MAX (SG_SIG_PUBLIC_MAX + SG_SIG_MAX + SG_SWIM_META_MAX + 32)

static size_t signed_part(const struct sg_core *core, const struct sg_peer_id *subject,
                          const struct sg_swim_record *record, uint8_t out[SIGNED_MAX])
{
    struct sg_writer w = sg_writer(out, SIGNED_MAX);
    sg_write_bytes(&w, sg_bytes(core->network, SG_HASH_LEN));
    sg_write_bytes(&w, sg_bytes(subject->b, SG_ID_LEN));
    sg_write_u64(&w, record->incarnation);
    sg_write_u8(&w, record->leaves ? 1 : 0);
    sg_write_u16(&w, (uint16_t)record->meta.len);
    sg_write_bytes(&w, record->meta);
    assert(w.err == SG_OK);
    return w.len;
}

static void subject_of(const struct sg_core *core, struct sg_bytes public_key,
                       struct sg_peer_id *subject)
{
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa peer v1"), public_key};
    core->config.suite->hash(parts, 2, subject->b);
}

/* ---- the table ---- */

static struct sg_record *find(const struct sg_core *core, const struct sg_peer_id *peer)
{
    const struct sg_records *records = &core->records;
    uint32_t at = records->slots == NULL ? SG_INDEX_NONE : sg_index_get(&records->index, peer->b);
    return at == SG_INDEX_NONE ? NULL : &records->slots[at];
}

/* Room for one more record, and for the memory of it. Most nodes hear of few. */
static sg_err reserve(struct sg_core *core)
{
    const struct sg_mem *mem = core->config.mem;
    struct sg_records *records = &core->records;
    uint32_t max = (uint32_t)core->config.swim.members_max + core->config.swim.dead_max;
    if (records->recent_key == 0) {
        records->recent_key = sg_prng_next(&core->prng) | 1;
        sg_index_init(&records->index, &core->index_keys, sizeof(*records->slots));
        records->max = max;
    }
    if (records->recent_next == records->recent_cap && records->recent_cap < SG_RECENT_MAX) {
        uint64_t *recent =
            sg_mem_grow(mem, records->recent, &records->recent_cap, SG_RECENT_MAX, sizeof(*recent));
        if (recent == NULL)
            return SG_ERR_NO_MEMORY;
        records->recent = recent;
    }
    if (records->count == max)
        return SG_OK;
    SG_TRY(sg_index_reserve(&records->index, mem, records->count + 1));
    if (records->count < records->cap)
        return SG_OK;
    void *slots = sg_mem_grow(mem, records->slots, &records->cap, max, sizeof(*records->slots));
    if (slots == NULL)
        return SG_ERR_NO_MEMORY;
    records->slots = slots;
    sg_index_pool(&records->index, slots);
    return SG_OK;
}

/* Keyed, so that nobody can choose an id whose records look as if they had been seen; never 0. */
static uint64_t tag_of(const struct sg_records *records, const struct sg_peer_id *subject,
                       sg_incarnation incarnation)
{
    uint64_t word;
    memcpy(&word, subject->b, sizeof(word));
    word = (word ^ records->recent_key) * UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ word >> 32 ^ incarnation) * UINT64_C(0xd6e8feb86659fd93);
    return word | 1;
}

static bool was_recent(const struct sg_records *records, const struct sg_peer_id *subject,
                       sg_incarnation incarnation)
{
    uint64_t tag = tag_of(records, subject, incarnation);
    for (uint32_t i = 0; i < records->recent_count; i++) {
        if (records->recent[i] == tag)
            return true;
    }
    return false;
}

static void remember(struct sg_records *records, const struct sg_peer_id *subject,
                     sg_incarnation incarnation)
{
    records->recent[records->recent_next++] = tag_of(records, subject, incarnation);
    if (records->recent_count < records->recent_next)
        records->recent_count = records->recent_next;
    if (records->recent_next == SG_RECENT_MAX)
        records->recent_next = 0;
}

/* Keeps a record of a member in place of an older one; a full table keeps what it has. */
static void keep(struct sg_core *core, const struct sg_record *record)
{
    struct sg_records *records = &core->records;
    struct sg_record *slot = find(core, &record->peer);
    if (slot == NULL) {
        if (records->count == records->max)
            return;
        slot = &records->slots[records->count];
        *slot = (struct sg_record){.peer = record->peer};
        sg_bucket_init(&slot->passed, core->now, PASSED_BURST);
        sg_index_add(&records->index, records->count++);
    }
    const struct sg_bucket passed = slot->passed;
    sg_buf_unref(slot->frame);
    *slot = *record;
    slot->passed = passed;
    (void)sg_buf_ref(slot->frame);
}

void sg_record_forget(struct sg_core *core, const struct sg_peer_id *peer)
{
    struct sg_records *records = &core->records;
    struct sg_record *slot = find(core, peer);
    if (slot == NULL)
        return;
    uint32_t at = (uint32_t)(slot - records->slots);
    sg_buf_unref(slot->frame);
    sg_index_remove(&records->index, at);
    records->count--;
    if (at == records->count)
        return;
    *slot = records->slots[records->count];
    sg_index_moved(&records->index, records->count, at);
}

void sg_records_fini(struct sg_core *core)
{
    struct sg_records *records = &core->records;
    for (uint32_t i = 0; i < records->count; i++)
        sg_buf_unref(records->slots[i].frame);
    sg_index_fini(&records->index, core->config.mem);
    sg_mem_free(core->config.mem, records->recent);
    sg_mem_free(core->config.mem, records->slots);
    sg_buf_unref(core->own_record);
    sg_mem_free(core->config.mem, core->meta);
}

bool sg_record_is_held(const struct sg_core *core, const struct sg_peer_id *peer,
                       sg_incarnation incarnation)
{
    if (sg_peer_id_equal(peer, &core->config.self))
        return core->own_record != NULL;
    const struct sg_record *record = find(core, peer);
    return record != NULL && record->incarnation == incarnation;
}

struct sg_bytes sg_record_meta(const struct sg_core *core, const struct sg_peer_id *peer,
                               sg_incarnation incarnation)
{
    const struct sg_record *record = find(core, peer);
    /* a restarted member has not said yet what it is in this life */
    if (record == NULL || record->incarnation >> 32 != incarnation >> 32)
        return sg_bytes(NULL, 0);
    return sg_bytes(record->frame->data + record->meta_at, record->meta_len);
}

/* ---- our own ---- */

/* A signed RECORD frame of this node; NULL when out of memory or the key fails. */
static struct sg_buf *make_record(struct sg_core *core, sg_incarnation incarnation, bool leaves)
{
    const struct sg_core_config *config = &core->config;
    struct sg_frame_head head = {.family = SG_FAMILY_SWIM};
    uint8_t to_sign[SIGNED_MAX];
    uint8_t signature[SG_SIG_MAX];
    struct sg_writer w;
    struct sg_swim_record record = {.public_key = config->signer.public_key,
                                    .incarnation = incarnation,
                                    .leaves = leaves,
                                    .meta = sg_bytes(core->meta, core->meta_len),
                                    .signature = sg_bytes(signature, config->suite->sig_len)};
    size_t len = signed_part(core, &config->self, &record, to_sign);
    if (config->signer.sign(config->signer.state, record_context, sg_bytes(to_sign, len),
                            signature) != SG_OK)
        return NULL;
    struct sg_buf *frame = sg_frame_begin(core, &head, RECORD_BODY_MAX, &w);
    if (frame == NULL)
        return NULL;
    core->stats.records_made++;
    sg_swim_record_encode(&w, &record);
    return sg_frame_end(frame, &w);
}

static void send_record(struct sg_core *core, const struct sg_peer_id *peer, struct sg_buf *frame)
{
    static const struct sg_topic_id base = {{0}};
    sg_frame_send(core, peer, SG_LANE_MSHIP, &base, sg_buf_ref(frame));
}

/* To all links in use and, of our own records, to all others as well. */
static void flood(struct sg_core *core, struct sg_buf *frame, const struct sg_link *from)
{
    for (uint32_t i = 0; i < core->link_count; i++) {
        const struct sg_link *link = core->links[i];
        bool is_in_use = link->uses > 0 || from == NULL;
        if (link != from && is_in_use && link->state == SG_LINK_UP && link->doomed == SG_CLOSE_NONE)
            send_record(core, &link->peer, frame);
    }
}

void sg_record_announce(struct sg_core *core, sg_incarnation incarnation, bool leaves)
{
    struct sg_buf *frame = make_record(core, incarnation, leaves);
    if (frame == NULL)
        return; /* the next accusation brings the next try */
    sg_buf_unref(core->own_record);
    core->own_record = frame;
    flood(core, frame, NULL);
}

void sg_record_greet(struct sg_core *core, const struct sg_peer_id *peer)
{
    if (core->own_record != NULL)
        send_record(core, peer, core->own_record);
}

sg_err sg_record_set_meta(struct sg_core *core, struct sg_bytes meta)
{
    uint8_t *copy = NULL;
    if (meta.len > SG_SWIM_META_MAX)
        return SG_ERR_TOO_LARGE;
    if (meta.len > 0) {
        copy = sg_mem_new(core->config.mem, meta.len, 1);
        if (copy == NULL)
            return SG_ERR_NO_MEMORY;
        memcpy(copy, meta.data, meta.len);
    }
    sg_mem_free(core->config.mem, core->meta);
    core->meta = copy;
    core->meta_len = (uint16_t)meta.len;
    return SG_OK;
}

sg_err sg_records_init(struct sg_core *core)
{
    struct sg_bytes meta = core->config.meta;
    core->config.meta = sg_bytes(NULL, 0);
    if (meta.len == 0)
        return SG_OK;
    SG_TRY(sg_record_set_meta(core, meta));
    core->own_record = make_record(core, sg_swim_incarnation(core->swim), false);
    return core->own_record == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

/* ---- others' ---- */

static sg_err verify(struct sg_core *core, struct sg_link *link, const struct sg_peer_id *subject,
                     const struct sg_swim_record *record)
{
    const struct sg_suite *suite = core->config.suite;
    uint8_t signed_bytes[SIGNED_MAX];
    if (!sg_bucket_take(&link->verify, core->now, core->config.verify_rate,
                        core->config.verify_burst))
        return SG_ERR_LIMIT;
    size_t len = signed_part(core, subject, record, signed_bytes);
    core->stats.records_verified++;
    return suite->verify(record->public_key, record_context, sg_bytes(signed_bytes, len),
                         record->signature);
}

/* Whether this is not below the member's own number. One that others said of it may be made up, so
 * high that the member never gets there. */
static bool is_current(const struct sg_swim_view *view, sg_incarnation incarnation)
{
    return !view->is_proven || incarnation >= view->incarnation;
}

/* Whether this record says more than what is known of the member. */
static bool is_news(const struct sg_core *core, const struct sg_peer_id *subject,
                    const struct sg_swim_record *record)
{
    const struct sg_record *held = find(core, subject);
    struct sg_swim_view view;
    bool is_known = sg_swim_find(core->swim, subject, &view) == SG_OK;
    if (held != NULL && record->incarnation <= held->incarnation)
        return false;
    /* a member whose record was let go of: it is kept now, so this happens once */
    if (is_known && held == NULL && !record->leaves && view.state != SG_SWIM_IS_DEAD &&
        is_current(&view, record->incarnation))
        return true;
    if (was_recent(&core->records, subject, record->incarnation))
        return false;
    return !is_known || is_current(&view, record->incarnation);
}

static bool meta_differs(const struct sg_core *core, const struct sg_peer_id *subject,
                         const struct sg_swim_record *record)
{
    const struct sg_record *held = find(core, subject);
    if (held == NULL)
        return record->meta.len > 0;
    struct sg_bytes old = sg_bytes(held->frame->data + held->meta_at, held->meta_len);
    return !sg_bytes_equal(old, record->meta);
}

/* A member signs as many records as it likes, and each goes over every link of the network: more
 * than one that refutes all the time makes are not passed on. Tables tell the others of the
 * last. */
static bool may_pass(struct sg_core *core, const struct sg_peer_id *subject,
                     const struct sg_swim_record *record)
{
    struct sg_record *held = find(core, subject);
    return held == NULL || record->leaves ||
           sg_bucket_take(&held->passed, core->now, PASSED_RATE, PASSED_BURST);
}

static void accept(struct sg_core *core, struct sg_link *link, const struct sg_peer_id *subject,
                   const struct sg_swim_record *record, struct sg_bytes frame)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = *subject,
                            .incarnation = record->incarnation,
                            .leaves = record->leaves};
    struct sg_buf *copy = sg_buf_copy(core->config.mem, frame);
    bool is_update = !record->leaves && meta_differs(core, subject, record);
    struct sg_swim_view view;
    if (copy == NULL || reserve(core) != SG_OK) {
        sg_buf_unref(copy);
        return;
    }
    remember(&core->records, subject, record->incarnation);
    if (may_pass(core, subject, record))
        flood(core, copy, link);
    else
        core->stats.refused_overload++;
    (void)sg_members_input(core, &in);
    if (!record->leaves && sg_swim_find(core->swim, subject, &view) == SG_OK &&
        view.state != SG_SWIM_IS_DEAD) {
        const struct sg_record kept = {.peer = *subject,
                                       .incarnation = record->incarnation,
                                       .frame = copy,
                                       .meta_at = (uint16_t)(record->meta.data - frame.data),
                                       .meta_len = (uint16_t)record->meta.len};
        struct sg_core_out event = {.kind = SG_CORE_OUT_MEMBER,
                                    .peer = *subject,
                                    .member = SG_CORE_MEMBER_UPDATE,
                                    .incarnation = record->incarnation};
        keep(core, &kept);
        if (is_update)
            sg_emit(core, &event);
    }
    sg_buf_unref(copy);
}

/* Our own, which others have kept: one of a higher number is of a life whose boot counter is lost,
 * and has to be outranked. */
static sg_err own_arrived(struct sg_core *core, struct sg_link *link,
                          const struct sg_swim_record *record)
{
    const struct sg_peer_id *self = &core->config.self;
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = *self,
                            .incarnation = record->incarnation,
                            .leaves = record->leaves};
    if (record->incarnation <= sg_swim_incarnation(core->swim) ||
        was_recent(&core->records, self, record->incarnation))
        return SG_OK;
    SG_TRY(verify(core, link, self, record));
    SG_TRY(reserve(core));
    remember(&core->records, self, record->incarnation);
    return sg_members_input(core, &in);
}

/* SG_OK for what is no news as well. */
static sg_err other_arrived(struct sg_core *core, struct sg_link *link,
                            const struct sg_peer_id *subject, const struct sg_swim_record *record,
                            struct sg_bytes frame)
{
    struct sg_swim_view view;
    if (!is_news(core, subject, record))
        return SG_OK;
    /* strangers are news without end: few of them for each link */
    if (sg_swim_find(core->swim, subject, &view) != SG_OK && !sg_link_may_walk(core, link)) {
        core->stats.refused_overload++;
        return SG_OK;
    }
    SG_TRY(verify(core, link, subject, record));
    accept(core, link, subject, record, frame);
    return SG_OK;
}

void sg_record_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                       struct sg_bytes frame)
{
    const struct sg_suite *suite = core->config.suite;
    struct sg_swim_record record;
    struct sg_peer_id subject;
    sg_err err = sg_swim_record_decode(r, &record);
    if (err == SG_OK &&
        (record.public_key.len != suite->sig_public_len || record.signature.len != suite->sig_len))
        err = SG_ERR_MALFORMED;
    if (err == SG_OK) {
        subject_of(core, record.public_key, &subject);
        err = sg_peer_id_equal(&subject, &core->config.self)
                  ? own_arrived(core, link, &record)
                  : other_arrived(core, link, &subject, &record, frame);
    }
    if (err == SG_OK)
        return;
    core->stats.records_refused++;
    if (err == SG_ERR_LIMIT)
        core->stats.refused_overload++; /* no fault of who relays */
    else if (err != SG_ERR_NO_MEMORY && err != SG_ERR_CRYPTO)
        sg_refuse(core, link, NULL, err);
}

void sg_record_ask(struct sg_core *core, const struct sg_link *link,
                   const struct sg_swim_table *table)
{
    static const struct sg_topic_id base = {{0}};
    struct sg_frame_head head = {.family = SG_FAMILY_SWIM};
    struct sg_peer_id wanted[SG_SWIM_WANT_MAX];
    struct sg_writer w;
    size_t count = 0;
    for (uint8_t i = 0; i < table->count && count < SG_SWIM_WANT_MAX; i++) {
        const struct sg_swim_entry *entry = &table->entry[i];
        struct sg_swim_view view;
        if (entry->has_record && !sg_record_is_held(core, &entry->member, entry->incarnation) &&
            sg_swim_find(core->swim, &entry->member, &view) == SG_OK &&
            is_current(&view, entry->incarnation))
            wanted[count++] = entry->member;
    }
    if (count == 0)
        return;
    struct sg_buf *frame = sg_frame_begin(core, &head, 8 + count * SG_ID_LEN, &w);
    if (frame == NULL)
        return;
    sg_swim_want_encode(&w, wanted, count);
    sg_frame_send(core, &link->peer, SG_LANE_MSHIP, &base, sg_frame_end(frame, &w));
}

void sg_record_wanted(struct sg_core *core, struct sg_link *link, struct sg_reader *r)
{
    struct sg_peer_id wanted[SG_SWIM_WANT_MAX];
    size_t count = 0;
    sg_err err = sg_swim_want_decode(r, wanted, &count);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    /* one token a record: they are a hundred times longer than their names */
    for (size_t i = 0; i < count && sg_link_may_walk(core, link); i++) {
        const struct sg_record *record = find(core, &wanted[i]);
        if (sg_peer_id_equal(&wanted[i], &core->config.self))
            sg_record_greet(core, &link->peer);
        else if (record != NULL)
            send_record(core, &link->peer, record->frame);
    }
}
