/* What is encrypted in MLS messages and so comes to the decoder only from members: group secrets,
 * commits, proposals, group contexts. The first byte chooses. */
#include <assert.h>

#include "mls/message.h"

static struct sg_mls_arena arena;

enum { SECRETS, COMMIT, PROPOSAL, CONTEXT, AUTHENTIC, KIND_COUNT };

union any {
    struct sg_mls_group_secrets secrets;
    struct sg_mls_commit commit;
    struct sg_mls_proposal proposal;
    struct sg_mls_group_context context;
    struct sg_mls_authentic authentic;
};

static void read_one(int kind, struct sg_reader *r, union any *out)
{
    if (kind == SECRETS)
        sg_mls_read_group_secrets(r, &arena, &out->secrets);
    else if (kind == COMMIT)
        sg_mls_read_commit(r, &arena, &out->commit);
    else if (kind == PROPOSAL)
        sg_mls_read_proposal(r, &arena, &out->proposal);
    else if (kind == CONTEXT)
        sg_mls_read_group_context(r, &out->context);
    else
        sg_mls_read_authentic(r, &arena, &out->authentic);
}

static void write_one(int kind, struct sg_writer *w, const union any *in)
{
    if (kind == SECRETS)
        sg_mls_write_group_secrets(w, &in->secrets);
    else if (kind == COMMIT)
        sg_mls_write_commit(w, &in->commit);
    else if (kind == PROPOSAL)
        sg_mls_write_proposal(w, &in->proposal);
    else if (kind == CONTEXT)
        sg_mls_write_group_context(w, &in->context);
    else
        sg_mls_write_authentic(w, &in->authentic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union any any;
    static uint8_t out[1 << 20];
    if (size == 0 || size > sizeof(out))
        return 0;
    int kind = data[0] % KIND_COUNT;
    struct sg_bytes in = sg_bytes(data + 1, size - 1);
    struct sg_reader r = sg_reader(in);
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    memset(&any, 0, sizeof(any));
    read_one(kind, &r, &any);
    sg_err err = sg_reader_done(&r);
    if (err == SG_OK) {
        write_one(kind, &w, &any);
        assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), in));
    } else {
        assert(sg_err_class_of(err) == SG_ERR_CLASS_PEER);
    }
    sg_mls_arena_fini(&arena);
    return 0;
}
