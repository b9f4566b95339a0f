/* Proposals as the public API says them: for messages of members and of outsiders, and for commits
 * that have them by value. */
#include "runtime/mls_impl.h"

sg_err sg_mls_make_add(struct sg_mls_arena *arena, struct sg_bytes package,
                       struct sg_mls_proposal *out)
{
    *out = (struct sg_mls_proposal){.type = SG_MLS_ADD};
    out->u.add = sg_mls_arena_new(arena, 1, sizeof(*out->u.add));
    return out->u.add == NULL ? SG_ERR_NO_MEMORY
                              : sg_mls_decode_package(package, arena, out->u.add);
}

/* RFC9420 s8.4, s12.1.4: a fresh random nonce of KDF.Nh bytes. */
static sg_err make_nonce(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                         struct sg_bytes *out)
{
    const struct sg_mls_random *random = sg_mls_random_default();
    size_t len = suite->hash_len;
    uint8_t *nonce = sg_mls_arena_new(arena, len, 1);
    if (nonce == NULL)
        return SG_ERR_NO_MEMORY;
    *out = sg_bytes(nonce, len);
    return random->fill(random->state, nonce, len);
}

sg_err sg_mls_make_psk(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                       struct sg_bytes id, struct sg_mls_psk_id *out)
{
    *out = (struct sg_mls_psk_id){.type = SG_MLS_PSK_EXTERNAL, .id = id};
    return make_nonce(suite, arena, &out->nonce);
}

sg_err sg_mls_make_resumption(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                              const struct sg_mls_resumed *of, struct sg_mls_psk_id *out)
{
    *out = (struct sg_mls_psk_id){.type = SG_MLS_PSK_RESUMPTION,
                                  .usage = SG_MLS_USAGE_APPLICATION,
                                  .id = of->group_id,
                                  .epoch = of->epoch};
    return make_nonce(suite, arena, &out->nonce);
}

sg_err sg_mls_make_reinit(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                          const struct sg_mls_reinit_request *request, struct sg_mls_proposal *out)
{
    *out = (struct sg_mls_proposal){.type = SG_MLS_REINIT};
    out->u.reinit.group_id = request->group_id;
    out->u.reinit.version = SG_MLS_VERSION_10;
    out->u.reinit.suite = request->suite != 0 ? request->suite : suite->id;
    return sg_mls_encode_items(arena, request->extensions, request->extension_count,
                               &out->u.reinit.extensions);
}

void sg_mls_make_app_data(uint16_t component, struct sg_bytes update, struct sg_mls_proposal *out)
{
    *out = (struct sg_mls_proposal){.type = SG_MLS_APP_DATA_UPDATE};
    out->u.app_data = (struct sg_mls_app_data){component, update.data == NULL, update};
}

/* ---- by value ---- */

struct values {
    const struct sg_mls_member *member;
    const struct sg_mls_commit_request *request;
    struct sg_mls_arena *arena;
    struct sg_mls_proposal *at;
    size_t count;
};

static sg_err push_members(struct values *v)
{
    for (size_t i = 0; i < v->request->add_count; i++)
        SG_TRY(sg_mls_make_add(v->arena, v->request->add[i], &v->at[v->count++]));
    for (size_t i = 0; i < v->request->remove_count; i++)
        v->at[v->count++] =
            (struct sg_mls_proposal){.type = SG_MLS_REMOVE, .u.removed = v->request->remove[i]};
    return SG_OK;
}

static sg_err push_psks(struct values *v)
{
    const struct sg_mls_suite *suite = v->member->group->suite;
    struct sg_mls_resumed of = {v->member->group->epoch->context.group_id, 0};
    for (size_t i = 0; i < v->request->psk_count; i++) {
        struct sg_mls_proposal *psk = &v->at[v->count++];
        psk->type = SG_MLS_PSK;
        SG_TRY(sg_mls_make_psk(suite, v->arena, v->request->psks[i], &psk->u.psk));
    }
    for (size_t i = 0; i < v->request->resume_count; i++) {
        struct sg_mls_proposal *psk = &v->at[v->count++];
        psk->type = SG_MLS_PSK;
        of.epoch = v->request->resume[i];
        SG_TRY(sg_mls_make_resumption(suite, v->arena, &of, &psk->u.psk));
    }
    return SG_OK;
}

static sg_err push_others(struct values *v)
{
    const struct sg_mls_commit_request *request = v->request;
    for (size_t i = 0; i < request->app_data_count; i++)
        sg_mls_make_app_data(request->app_data[i].component, request->app_data[i].update,
                             &v->at[v->count++]);
    if (request->sets_extensions) {
        struct sg_mls_proposal *set = &v->at[v->count++];
        set->type = SG_MLS_GROUP_CONTEXT_EXTENSIONS;
        SG_TRY(sg_mls_encode_items(v->arena, request->extensions, request->extension_count,
                                   &set->u.extensions));
    }
    return request->reinit == NULL ? SG_OK
                                   : sg_mls_make_reinit(v->member->group->suite, v->arena,
                                                        request->reinit, &v->at[v->count++]);
}

sg_err sg_mls_make_values(const struct sg_mls_member *member,
                          const struct sg_mls_commit_request *request, struct sg_mls_arena *arena,
                          struct sg_mls_commit_options *out)
{
    const size_t counts[] = {request->add_count, request->remove_count, request->psk_count,
                             request->resume_count, request->app_data_count};
    struct values v = {member, request, arena, NULL, 0};
    size_t count = 2; /* new extensions, ReInit */
    if (request->extension_count > 0 && !request->sets_extensions)
        return SG_ERR_INVALID_ARGUMENT;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i] > UINT16_MAX)
            return SG_ERR_LIMIT;
        count += counts[i];
    }
    v.at = sg_mls_arena_new(arena, count, sizeof(*v.at));
    if (v.at == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(push_members(&v));
    SG_TRY(push_psks(&v));
    SG_TRY(push_others(&v));
    out->values = v.at;
    out->count = (uint32_t)v.count;
    return SG_OK;
}
