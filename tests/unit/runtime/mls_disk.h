/* Storage of members in memory, which can fail. */
#ifndef MLS_DISK_H
#define MLS_DISK_H

#include <stdlib.h>

#include "mls_fixture.h"

#define ENTRIES 1024

struct entry {
    uint8_t group[32];
    size_t group_len;
    uint32_t kind, index;
    uint8_t *value;
    size_t len;
};

struct disk {
    struct entry entries[ENTRIES];
    size_t count;
    bool fails;
    bool fails_to_read;
};

static inline struct entry *find(struct disk *disk, struct sg_bytes group,
                                 const struct sg_mls_item *item)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct entry *e = &disk->entries[i];
        if (e->kind == item->kind && e->index == item->index && e->group_len == group.len &&
            memcmp(e->group, group.data, group.len) == 0)
            return e;
    }
    return NULL;
}

static inline sg_err disk_write(void *user, struct sg_bytes group, const struct sg_mls_item *items,
                                size_t count)
{
    struct disk *disk = user;
    if (disk->fails)
        return SG_ERR_NO_SPACE;
    for (size_t i = 0; i < count; i++) {
        struct entry *e = find(disk, group, &items[i]);
        if (e == NULL) {
            assert_true(disk->count < ENTRIES && group.len <= sizeof(e->group));
            e = &disk->entries[disk->count++];
            *e = (struct entry){
                .group_len = group.len, .kind = items[i].kind, .index = items[i].index};
            memcpy(e->group, group.data, group.len);
        }
        free(e->value);
        e->value = NULL;
        e->len = items[i].value.len;
        if (items[i].value.data == NULL)
            continue;
        e->value = malloc(e->len + 1);
        memcpy(e->value, items[i].value.data, e->len);
    }
    return SG_OK;
}

static inline sg_err disk_read(void *user, struct sg_bytes group, const struct sg_mls_item *item,
                               struct sg_mls_blob *value)
{
    struct disk *disk = user;
    struct entry *e = find(disk, group, item);
    if (disk->fails_to_read)
        return SG_ERR_IO;
    if (e == NULL || e->value == NULL)
        return SG_ERR_NOT_FOUND;
    *value = (struct sg_mls_blob){malloc(e->len + 1), e->len};
    memcpy(value->data, e->value, e->len);
    return SG_OK;
}

static inline void disk_fini(struct disk *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        free(disk->entries[i].value);
}

static inline void disk_free(struct disk *disk)
{
    disk_fini(disk);
    free(disk);
}

#endif
