/* The public storage of MLS members on store/mls_db.h. */
#include <stdlib.h>

#include "runtime/mls_impl.h"
#include "store/mls_db.h"

struct sg_mls_file {
    struct sg_mls_db *db;
};

sg_err sg_mls_file_open(const char *path, struct sg_mls_file **out)
{
    if (path == NULL || path[0] == '\0' || out == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    const struct sg_mls_db_options options = {path, sg_mem_default(), sg_file_sys_default()};
    struct sg_mls_file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_mls_db_open(&file->db, &options);
    if (err == SG_OK)
        *out = file;
    else
        free(file);
    return err;
}

void sg_mls_file_close(struct sg_mls_file *file)
{
    if (file == NULL)
        return;
    sg_mls_db_close(file->db);
    free(file);
}

static struct sg_mls_db_entry entry_of(const struct sg_mls_item *item)
{
    return (struct sg_mls_db_entry){item->kind, item->index, item->value,
                                    sg_mls_storage_is_secret(item->kind)};
}

static sg_err file_write(void *user, struct sg_bytes group_id, const struct sg_mls_item *items,
                         size_t count)
{
    struct sg_mls_file *file = user;
    struct sg_mls_db_entry *entries = calloc(count > 0 ? count : 1, sizeof(*entries));
    if (entries == NULL)
        return SG_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        entries[i] = entry_of(&items[i]);
    sg_err err = sg_mls_db_write(file->db, group_id, entries, count);
    free(entries);
    return err;
}

static sg_err file_read(void *user, struct sg_bytes group_id, const struct sg_mls_item *item,
                        struct sg_mls_blob *value)
{
    struct sg_mls_file *file = user;
    struct sg_mls_db_entry entry = entry_of(item);
    size_t len = 0;
    SG_TRY(sg_mls_db_find(file->db, group_id, &entry, &len));
    *value = (struct sg_mls_blob){malloc(len + 1), len};
    if (value->data == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_mls_db_read(file->db, value->data, len);
    if (err != SG_OK)
        sg_mls_blob_free(value);
    return err;
}

void sg_mls_file_storage(struct sg_mls_file *file, struct sg_mls_storage *out)
{
    *out = (struct sg_mls_storage){file, file_write, file_read};
}

sg_err sg_mls_file_group(struct sg_mls_file *file, size_t index, struct sg_mls_blob *group_id)
{
    struct sg_bytes name;
    SG_TRY(sg_mls_db_group(file->db, index, &name));
    return sg_mls_blob_copy(name, group_id);
}

sg_err sg_mls_file_drop(struct sg_mls_file *file, struct sg_bytes group_id)
{
    return sg_mls_db_drop(file->db, group_id);
}
