#include "mls/app_data.h"

struct entry {
    uint16_t component;
    struct sg_bytes data;
};

/* ---- reading ---- */

static bool next_entry(struct sg_reader *list, struct entry *out)
{
    if (list->err != SG_OK || list->left == 0)
        return false;
    out->component = sg_read_u16(list);
    out->data = sg_mls_read_vector(list);
    return list->err == SG_OK;
}

sg_err sg_mls_dictionary_check(struct sg_bytes data)
{
    struct sg_reader r = sg_reader(data);
    struct sg_reader list = sg_reader(sg_mls_read_vector(&r));
    struct entry entry;
    uint32_t least = 0;
    SG_TRY(sg_reader_done(&r));
    while (next_entry(&list, &entry)) {
        /* draft-ietf-mls-extensions-08 s4.6: "MUST be sorted by component_id, and there MUST be at
         * most one entry for each" */
        if (entry.component < least)
            return SG_ERR_MALFORMED;
        least = (uint32_t)entry.component + 1;
    }
    return list.err;
}

bool sg_mls_dictionary_find(struct sg_bytes data, uint16_t component, struct sg_bytes *out)
{
    struct sg_reader r = sg_reader(data);
    struct sg_reader list = sg_reader(sg_mls_read_vector(&r));
    struct entry entry;
    while (next_entry(&list, &entry)) {
        if (entry.component != component)
            continue;
        *out = entry.data;
        return true;
    }
    return false;
}

bool sg_mls_app_data_find(struct sg_bytes extensions, uint16_t component, struct sg_bytes *out)
{
    struct sg_bytes data;
    return sg_mls_extension_find(extensions, SG_MLS_EXT_APP_DATA_DICTIONARY, &data) &&
           sg_mls_dictionary_find(data, component, out);
}

sg_err sg_mls_app_data_check_extensions(struct sg_bytes before, struct sg_bytes after)
{
    struct sg_mls_required required;
    struct sg_bytes data, old = {NULL, 0}, new = {NULL, 0};
    if (!sg_mls_extension_find(before, SG_MLS_EXT_REQUIRED_CAPABILITIES, &data))
        return SG_OK;
    SG_TRY(sg_mls_decode_required(data, &required));
    if (!sg_mls_u16s_has(required.proposals, SG_MLS_APP_DATA_UPDATE))
        return SG_OK;
    bool had = sg_mls_extension_find(before, SG_MLS_EXT_APP_DATA_DICTIONARY, &old);
    bool has = sg_mls_extension_find(after, SG_MLS_EXT_APP_DATA_DICTIONARY, &new);
    /* draft-ietf-mls-extensions-08 s4.7: then it "MUST NOT add, remove, or modify" it */
    return had == has && sg_bytes_equal(old, new) ? SG_OK : SG_ERR_MLS_PROPOSAL;
}

/* ---- updating ---- */

struct work {
    const struct sg_mls_config *config;
    struct sg_mls_arena *arena;
    const struct sg_mls_app_data *const *updates;
    uint32_t update_count;
    struct entry *entries; /* sorted */
    uint32_t count;
};

static sg_err load(struct work *work, struct sg_bytes extensions)
{
    struct sg_bytes data;
    work->entries =
        sg_mls_arena_new(work->arena, (size_t)work->update_count + 1, sizeof(*work->entries));
    if (work->entries == NULL)
        return SG_ERR_NO_MEMORY;
    if (!sg_mls_extension_find(extensions, SG_MLS_EXT_APP_DATA_DICTIONARY, &data))
        return SG_OK;
    SG_TRY(sg_mls_dictionary_check(data));
    struct entry entry;
    uint32_t count = 0;
    struct sg_reader r = sg_reader(data);
    const struct sg_reader body = sg_reader(sg_mls_read_vector(&r));
    for (struct sg_reader list = body; next_entry(&list, &entry);)
        count++;
    work->entries = sg_mls_arena_new(work->arena, (size_t)work->update_count + count + 1,
                                     sizeof(*work->entries));
    if (work->entries == NULL)
        return SG_ERR_NO_MEMORY;
    for (struct sg_reader list = body; next_entry(&list, &entry);)
        work->entries[work->count++] = entry;
    return SG_OK;
}

/* Where a component is, or would be. */
static uint32_t place_of(const struct work *work, uint16_t component)
{
    uint32_t at = 0;
    while (at < work->count && work->entries[at].component < component)
        at++;
    return at;
}

static bool is_at(const struct work *work, uint32_t at, uint16_t component)
{
    return at < work->count && work->entries[at].component == component;
}

static sg_err remove_entry(struct work *work, uint16_t component)
{
    uint32_t at = place_of(work, component);
    if (!is_at(work, at, component))
        return SG_ERR_MLS_PROPOSAL;
    work->count--;
    memmove(&work->entries[at], &work->entries[at + 1],
            (work->count - at) * sizeof(*work->entries));
    return SG_OK;
}

static sg_err update_entry(struct work *work, const struct sg_mls_app_data *update)
{
    uint32_t at = place_of(work, update->component);
    bool is_there = is_at(work, at, update->component);
    struct sg_mls_app_data_change change = {
        update->component, is_there ? work->entries[at].data : sg_bytes(NULL, 0), update->data};
    struct sg_bytes after = update->data;
    if (work->config->app_data != NULL)
        SG_TRY(work->config->app_data(work->config->user, &change, work->arena, &after));
    if (!is_there) {
        memmove(&work->entries[at + 1], &work->entries[at],
                (work->count - at) * sizeof(*work->entries));
        work->count++;
    }
    work->entries[at] = (struct entry){update->component, after};
    return SG_OK;
}

/* "(a) a single remove operation or (b) one or more update operation" for each component. */
static sg_err check_mixed(const struct work *work, uint32_t i)
{
    const struct sg_mls_app_data *one = work->updates[i];
    for (uint32_t j = 0; j < i; j++) {
        const struct sg_mls_app_data *other = work->updates[j];
        if (other->component == one->component && (one->is_remove || other->is_remove))
            return SG_ERR_MLS_PROPOSAL;
    }
    return SG_OK;
}

static void write_dictionary(struct sg_writer *w, const void *what)
{
    const struct work *work = what;
    size_t list = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < work->count; i++) {
        sg_write_u16(w, work->entries[i].component);
        sg_write_vector(w, work->entries[i].data);
    }
    sg_write_vector_end(w, list);
}

struct extensions {
    struct sg_bytes before;
    struct sg_bytes dictionary;
};

/* The others stay where they are; a first dictionary comes last. */
static void write_extensions(struct sg_writer *w, const void *what)
{
    const struct extensions *in = what;
    struct sg_bytes rest = in->before;
    struct sg_mls_extension one;
    bool is_written = false;
    while (sg_mls_extension_next(&rest, &one)) {
        bool is_dictionary = one.type == SG_MLS_EXT_APP_DATA_DICTIONARY;
        sg_mls_write_extension(w, one.type, is_dictionary ? in->dictionary : one.data);
        is_written = is_written || is_dictionary;
    }
    if (!is_written)
        sg_mls_write_extension(w, SG_MLS_EXT_APP_DATA_DICTIONARY, in->dictionary);
}

sg_err sg_mls_app_data_apply(const struct sg_mls_config *config, struct sg_mls_arena *arena,
                             const struct sg_mls_app_data *const *updates, uint32_t count,
                             struct sg_bytes *extensions)
{
    struct work work = {config, arena, updates, count, NULL, 0};
    struct extensions out = {*extensions, {NULL, 0}};
    SG_TRY(load(&work, *extensions));
    for (uint32_t i = 0; i < count; i++) {
        SG_TRY(check_mixed(&work, i));
        if (updates[i]->is_remove)
            SG_TRY(remove_entry(&work, updates[i]->component));
        else
            SG_TRY(update_entry(&work, updates[i]));
    }
    SG_TRY(sg_mls_encode(arena, write_dictionary, &work, &out.dictionary));
    return sg_mls_encode(arena, write_extensions, &out, extensions);
}
