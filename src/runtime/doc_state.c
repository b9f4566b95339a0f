/* The state of a document on its way to a replica that is behind the floor.
 *
 * A state may be larger than any message, so it goes in parts. What has come of it outlives the
 * session: the next one, with whomever, says how far it got, and the rest is sent. Who does not
 * take a floor over says so in the next session, too, and is not sent it again: its signer is not
 * trusted here, or an earlier floor stands for what it lacks, or all that it stands for is here
 * anyway. That is forgotten when the document is opened anew, for then others may be trusted, and
 * when its own floor becomes another one.
 *
 * Until all of it is here nothing can be verified. So parts are gathered only under the name of a
 * signer who is trusted, and only one state at a time. */
#include "runtime/doc_impl.h"

/* What a state may cost of memory before it is verified: the text of 256 large books. */
#define STATE_MAX (UINT32_C(256) << 20)
#define FLOOR_MAX (SG_SIG_PUBLIC_MAX + SG_SIG_MAX + 16)

uint64_t sg_doc_floor_id(struct sg_bytes floor)
{
    uint8_t hash[SG_HASH_LEN];
    sg_suite_default()->hash(&floor, 1, hash);
    return sg_load64(hash);
}

/* ---- what is not taken over ------------------------------------------------------------------ */

void sg_doc_refuse_floor(struct sg_doc *doc, uint64_t id)
{
    for (uint32_t i = 0; i < doc->refused_count; i++) {
        if (doc->refused[i] == id)
            return;
    }
    if (doc->refused_count == SG_DOC_REFUSED_MAX)
        memmove(doc->refused, doc->refused + 1, --doc->refused_count * sizeof(doc->refused[0]));
    doc->refused[doc->refused_count++] = id;
}

void sg_doc_state_forget(struct sg_doc *doc)
{
    sg_column_fini(&doc->gathered);
    doc->gathered_floor = 0;
    doc->gathered_len = 0;
}

struct sg_doc_wish sg_doc_state_wish(const struct sg_doc *doc)
{
    struct sg_doc_wish wish = {.has_part = doc->gathered.len > 0,
                               .part = doc->gathered_floor,
                               .part_len = (uint32_t)doc->gathered.len};
    for (uint32_t i = 0; i < doc->refused_count; i++) { /* rising */
        uint32_t at = i;
        for (; at > 0 && wish.refused[at - 1] > doc->refused[i]; at--)
            wish.refused[at] = wish.refused[at - 1];
        wish.refused[at] = doc->refused[i];
    }
    wish.refused_count = doc->refused_count;
    return wish;
}

/* ---- giving ---------------------------------------------------------------------------------- */

static bool is_refused(const struct sg_doc_wish *wish, uint64_t id)
{
    for (uint32_t i = 0; i < wish->refused_count; i++) {
        if (wish->refused[i] == id)
            return true;
    }
    return false;
}

sg_err sg_doc_state_begin(struct sg_doc *doc, const struct sg_doc_wish *wish,
                          struct sg_doc_state_out *out)
{
    uint64_t id = sg_doc_floor_id(sg_bytes(doc->floor, doc->floor_len));
    if (is_refused(wish, id))
        return SG_OK;
    SG_TRY(sg_doc_put_record(doc, &out->record));
    out->floor = id;
    out->at = wish->has_part && wish->part == id ? wish->part_len : 0;
    if (out->record.len <= STATE_MAX && out->at < out->record.len)
        return SG_OK;
    /* too large: the other one sees that there is a floor, and takes it as a file */
    sg_err err = out->at >= out->record.len ? SG_ERR_PROTOCOL : SG_OK;
    out->at = (uint32_t)out->record.len;
    return err;
}

void sg_doc_state_put(struct sg_doc_state_out *s, struct sg_column *out)
{
    size_t left = s->record.len - s->at;
    size_t len = left < SG_DOC_STATE_PIECE ? left : SG_DOC_STATE_PIECE;
    sg_doc_put_id(out, s->floor);
    sg_put_uint(out, s->record.len);
    sg_put_uint(out, s->at);
    sg_put_bytes(out, sg_bytes(s->record.data + s->at, len));
    s->at += (uint32_t)len;
    if (s->at == s->record.len)
        sg_column_fini(&s->record);
}

/* ---- taking ---------------------------------------------------------------------------------- */

struct part {
    uint64_t floor;
    uint32_t len, at;
    struct sg_bytes bytes;
};

static sg_err read_part(struct sg_bytes body, struct part *part)
{
    struct sg_reader in = sg_reader(body);
    struct sg_bytes id = sg_read_bytes(&in, 8);
    part->len = sg_get_u32(&in, STATE_MAX);
    part->at = sg_get_u32(&in, STATE_MAX);
    part->bytes = sg_read_bytes(&in, in.left);
    SG_TRY(in.err);
    part->floor = sg_load64(id.data);
    bool fits = part->at < part->len && part->bytes.len <= part->len - part->at;
    return part->bytes.len > 0 && fits ? SG_OK : SG_ERR_MALFORMED;
}

/* The first part has the floor in it. */
static sg_err begin_gathering(struct sg_doc *doc, const struct part *part, bool *is_wanted)
{
    struct sg_reader in = sg_reader(part->bytes);
    struct sg_bytes floor = sg_get_vector(&in, FLOOR_MAX);
    SG_TRY(in.err);
    if (sg_doc_floor_id(floor) != part->floor)
        return SG_ERR_MALFORMED;
    *is_wanted = sg_doc_floor_is_trusted(doc, floor);
    if (!*is_wanted) {
        sg_doc_refuse_floor(doc, part->floor);
        return SG_OK;
    }
    sg_doc_state_forget(doc);
    doc->gathered_floor = part->floor;
    doc->gathered_len = part->len;
    return SG_OK;
}

sg_err sg_doc_state_take(struct sg_doc *doc, struct sg_bytes body, enum sg_doc_gathering *result)
{
    struct part part;
    bool is_wanted = true;
    SG_TRY(read_part(body, &part));
    *result = SG_DOC_STATE_UNWANTED;
    bool is_again = part.floor == doc->gathered_floor && part.len == doc->gathered_len &&
                    part.at + part.bytes.len <= doc->gathered.len;
    if (is_again) { /* two neighbours send the same one */
        *result = SG_DOC_STATE_MORE;
        return SG_OK;
    }
    if (part.at == 0)
        SG_TRY(begin_gathering(doc, &part, &is_wanted));
    for (uint32_t i = 0; i < doc->refused_count; i++)
        is_wanted = is_wanted && doc->refused[i] != part.floor;
    if (!is_wanted) /* the rest of it may be under way */
        return SG_OK;
    if (part.floor != doc->gathered_floor || part.len != doc->gathered_len ||
        part.at != doc->gathered.len)
        return SG_ERR_PROTOCOL;
    sg_put_bytes(&doc->gathered, part.bytes);
    if (doc->gathered.has_failed) {
        sg_doc_state_forget(doc);
        return SG_ERR_NO_MEMORY;
    }
    *result = doc->gathered.len == doc->gathered_len ? SG_DOC_STATE_WHOLE : SG_DOC_STATE_MORE;
    return SG_OK;
}

sg_err sg_doc_state_bundle(struct sg_doc *doc, struct sg_column *bundle)
{
    sg_bundle_begin(doc->replica, bundle);
    sg_bundle_put(bundle, SG_BUNDLE_STATE, sg_column_bytes(&doc->gathered));
    sg_doc_state_forget(doc);
    return bundle->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}
