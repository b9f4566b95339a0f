/* Evidence of authors who wrote two batches with one number, and what it proves. */
#include "crdt/fork.h"
#include "runtime/doc_impl.h"

/* One side, up to the nearest checkpoint that speaks for the batch: of its chain, or of one that
 * forked from it later. */
static sg_err put_side(struct sg_doc *doc, uint32_t batch, struct sg_column *out)
{
    struct sg_column checkpoint = {.mem = doc->mem};
    uint32_t last = batch;
    sg_err err = sg_doc_find_checkpoint(doc, batch, &checkpoint, &last);
    if (err == SG_OK || err == SG_ERR_NOT_FOUND)
        err = sg_fork_put_side(doc->replica, batch, last, sg_column_bytes(&checkpoint), out);
    sg_column_fini(&checkpoint);
    return err;
}

sg_err sg_doc_fork_proof(struct sg_doc *doc, uint32_t at, struct sg_doc_bytes *proof)
{
    struct sg_column out = {.mem = doc->mem};
    uint32_t batches[2];
    *proof = (struct sg_doc_bytes){0};
    SG_TRY(sg_doc_load_history(doc));
    SG_TRY(sg_fork_batches(doc->replica, at, batches));
    sg_err err = put_side(doc, batches[0], &out);
    if (err == SG_OK)
        err = put_side(doc, batches[1], &out);
    if (err != SG_OK) {
        sg_column_fini(&out);
        return err;
    }
    *proof = (struct sg_doc_bytes){out.data, out.len};
    return SG_OK;
}

sg_err sg_doc_fork_verify(struct sg_bytes proof, struct sg_doc_fork *fork)
{
    struct sg_fork_proof got;
    *fork = (struct sg_doc_fork){0};
    SG_TRY(sg_fork_read(sg_suite_default(), proof, &got));
    memcpy(fork->document, got.document, SG_ID_LEN);
    memcpy(fork->author.b, got.author, SG_ID_LEN);
    fork->seq = got.seq;
    fork->is_signed = got.is_signed[0] && got.is_signed[1];
    return SG_OK;
}
