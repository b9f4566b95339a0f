#include "mls/epoch.h"

static void write_context(struct sg_writer *w, const void *context)
{
    sg_mls_write_group_context(w, context);
}

sg_err sg_mls_epoch_new(const struct sg_mem *mem, const struct sg_mls_suite *suite,
                        const struct sg_mls_group_context *context, struct sg_mls_epoch **out)
{
    struct sg_writer w = sg_writer_counting();
    sg_mls_write_group_context(&w, context);
    SG_TRY(sg_writer_done(&w));
    struct sg_mls_epoch *epoch = sg_mem_new(mem, 1, sizeof(*epoch));
    uint8_t *raw = sg_mem_new(mem, w.len, 1);
    if (epoch == NULL || raw == NULL) {
        sg_mem_free(mem, epoch);
        sg_mem_free(mem, raw);
        return SG_ERR_NO_MEMORY;
    }
    epoch->mem = mem;
    epoch->suite = suite;
    w = sg_writer(raw, w.len);
    sg_mls_write_group_context(&w, context);
    struct sg_reader r = sg_reader(sg_bytes(raw, w.len));
    sg_mls_read_group_context(&r, &epoch->context);
    epoch->context.raw = sg_bytes(raw, w.len);
    sg_err err = sg_reader_done(&r);
    if (err == SG_OK)
        *out = epoch;
    else
        sg_mls_epoch_free(epoch);
    return err;
}

void sg_mls_epoch_free(struct sg_mls_epoch *epoch)
{
    if (epoch == NULL)
        return;
    const struct sg_mem *mem = epoch->mem;
    sg_mls_secret_tree_fini(&epoch->ratchets);
    sg_mls_secret_tree_fini(&epoch->exports);
    sg_mem_free(mem, (void *)(uintptr_t)epoch->context.raw.data);
    epoch->suite->wipe(epoch, sizeof(*epoch));
    sg_mem_free(mem, epoch);
}

sg_err sg_mls_epoch_start(struct sg_mls_epoch *epoch, uint32_t leaves, struct sg_mls_window window)
{
    const struct sg_mls_suite *suite = epoch->suite;
    SG_TRY(sg_mls_confirmation_tag(suite, &epoch->secrets.confirmation_key,
                                   epoch->context.confirmed_hash, epoch->tag));
    sg_mls_interim_hash(suite, epoch->context.confirmed_hash, sg_bytes(epoch->tag, suite->hash_len),
                        epoch->interim);
    SG_TRY(sg_mls_secret_tree_init(&epoch->ratchets, epoch->mem, suite, leaves,
                                   &epoch->secrets.encryption));
    epoch->ratchets.window = window;
    suite->wipe(&epoch->secrets.encryption, sizeof(epoch->secrets.encryption));
    SG_TRY(sg_mls_secret_tree_init(&epoch->exports, epoch->mem, suite, SG_MLS_COMPONENTS,
                                   &epoch->secrets.application_export));
    suite->wipe(&epoch->secrets.application_export, sizeof(epoch->secrets.application_export));
    return SG_OK;
}

struct sg_mls_framing sg_mls_epoch_framing(struct sg_mls_epoch *epoch)
{
    return (struct sg_mls_framing){epoch->suite,
                                   epoch->mem,
                                   epoch->context.raw,
                                   &epoch->secrets.membership_key,
                                   &epoch->secrets.sender_data,
                                   &epoch->ratchets};
}

sg_err sg_mls_provisional_context(const struct sg_mls_epoch *from, struct sg_mls_tree *tree,
                                  struct sg_bytes extensions, struct sg_mls_arena *arena,
                                  struct sg_bytes *out)
{
    struct sg_mls_group_context context = from->context;
    context.epoch++;
    context.tree_hash = sg_mls_tree_root_hash(tree);
    context.extensions = extensions;
    return sg_mls_encode(arena, write_context, &context, out);
}

static sg_err derive(const struct sg_mls_advance *in, struct sg_mls_secret *joiner,
                     struct sg_mls_epoch *epoch)
{
    const struct sg_mls_secret *init = in->init != NULL ? in->init : &in->from->secrets.init;
    SG_TRY(sg_mls_joiner_secret(epoch->suite, init, in->commit, epoch->context.raw, joiner));
    SG_TRY(
        sg_mls_epoch_secrets(epoch->suite, joiner, in->psk, epoch->context.raw, &epoch->secrets));
    return sg_mls_epoch_start(epoch, in->tree->leaves, in->window);
}

sg_err sg_mls_epoch_advance(const struct sg_mls_advance *in, struct sg_mls_secret *joiner,
                            struct sg_mls_epoch **out)
{
    const struct sg_mls_suite *suite = in->from->suite;
    uint8_t confirmed[SG_MLS_HASH_MAX];
    struct sg_mls_confirmed_input input = {sg_bytes(in->from->interim, suite->hash_len),
                                           in->message->wire_format, in->message->content.raw,
                                           in->message->auth.signature};
    struct sg_mls_group_context context = in->from->context;
    struct sg_mls_epoch *epoch;
    if (context.epoch == UINT64_MAX)
        return SG_ERR_LIMIT;
    sg_mls_confirmed_hash(suite, &input, confirmed);
    context.epoch++;
    context.tree_hash = sg_mls_tree_root_hash(in->tree);
    context.confirmed_hash = sg_bytes(confirmed, suite->hash_len);
    context.extensions = in->extensions;
    SG_TRY(sg_mls_epoch_new(in->from->mem, suite, &context, &epoch));
    sg_err err = derive(in, joiner, epoch);
    if (err == SG_OK)
        *out = epoch;
    else
        sg_mls_epoch_free(epoch);
    return err;
}
