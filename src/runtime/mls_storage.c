/* Between mls/state.h and the storage that the program gives: secrets are sealed on their way,
 * under a key that the program gives, or that follows from the client's first signature key. So
 * storage, its caches and its backups hold no secret in the clear, and what a program protects the
 * client's secret with protects all. A client that changes its signature key keeps this one beside
 * it; one that follows from a key that leaked protects nothing any more.
 *
 *   storage key = HKDF-Expand(HKDF-Extract("saorsa mls storage", signature private key), "", n)
 *   entry = nonce, AEAD(storage key, nonce, kind | index | group id, value)
 *
 * The nonce is random: 2^32 writes of one client before two are equal with a chance of 2^-33. */
#include <stdlib.h>

#include "runtime/mls_impl.h"

/* ---- sealing ---- */

struct place {
    struct sg_bytes group_id;
    uint32_t kind;
    uint32_t index;
};

static void write_place(struct sg_writer *w, const void *what)
{
    const struct place *place = what;
    sg_write_u32(w, place->kind);
    sg_write_u32(w, place->index);
    sg_write_bytes(w, place->group_id);
}

static size_t overhead(const struct sg_mls_suite *suite)
{
    return (size_t)suite->aead_nonce_len + suite->aead_tag_len;
}

static sg_err seal(const struct sg_mls_client *client, struct sg_mls_arena *arena,
                   const struct place *place, struct sg_bytes *value)
{
    const struct sg_mls_suite *suite = client->suite;
    const struct sg_mls_random *random = client->mls.random;
    struct sg_mls_aead aead = {.key = client->storage_key};
    uint8_t *out = sg_mls_arena_new(arena, value->len + overhead(suite), 1);
    if (out == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_encode(arena, write_place, place, &aead.aad));
    SG_TRY(random->fill(random->state, out, suite->aead_nonce_len));
    aead.nonce = out;
    SG_TRY(suite->aead_seal(suite, &aead, *value, out + suite->aead_nonce_len));
    *value = sg_bytes(out, value->len + overhead(suite));
    return SG_OK;
}

/* In place; another key or place is SG_ERR_CORRUPT. */
static sg_err open_value(const struct sg_mls_client *client, struct sg_mls_arena *arena,
                         const struct place *place, struct sg_mls_blob *value)
{
    const struct sg_mls_suite *suite = client->suite;
    struct sg_mls_aead aead = {.key = client->storage_key, .nonce = value->data};
    if (value->len < overhead(suite))
        return SG_ERR_CORRUPT;
    SG_TRY(sg_mls_encode(arena, write_place, place, &aead.aad));
    struct sg_bytes sealed =
        sg_bytes(value->data + suite->aead_nonce_len, value->len - suite->aead_nonce_len);
    sg_err err = suite->aead_open(suite, &aead, sealed, value->data + suite->aead_nonce_len);
    return err == SG_ERR_AUTH ? SG_ERR_CORRUPT : err;
}

/* ---- the store of mls/ ---- */

static sg_err seal_all(const struct sg_mls_client *client, struct sg_bytes group_id,
                       struct sg_mls_arena *arena, struct sg_mls_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct place place = {group_id, items[i].kind, items[i].index};
        if (items[i].value.data != NULL && sg_mls_storage_is_secret(items[i].kind))
            SG_TRY(seal(client, arena, &place, &items[i].value));
    }
    return SG_OK;
}

static sg_err store_write(void *user, struct sg_bytes group_id, const struct sg_mls_record *records,
                          uint32_t count)
{
    const struct sg_mls_client *client = user;
    const struct sg_mls_storage *storage = &client->config.storage;
    struct sg_mls_arena arena;
    sg_mls_client_arena(client, &arena);
    struct sg_mls_item *items = sg_mls_arena_new(&arena, count, sizeof(*items));
    sg_err err = items == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    for (uint32_t i = 0; err == SG_OK && i < count; i++)
        items[i] = (struct sg_mls_item){records[i].kind, records[i].index, records[i].value};
    if (err == SG_OK)
        err = seal_all(client, group_id, &arena, items, count);
    if (err == SG_OK)
        err = storage->write(storage->user, group_id, items, count);
    sg_mls_arena_fini(&arena);
    return err;
}

static sg_err store_read(void *user, struct sg_bytes group_id, const struct sg_mls_record *which,
                         struct sg_mls_arena *arena, struct sg_bytes *value)
{
    const struct sg_mls_client *client = user;
    const struct sg_mls_storage *storage = &client->config.storage;
    struct sg_mls_item item = {which->kind, which->index, {NULL, 0}};
    struct place place = {group_id, which->kind, which->index};
    struct sg_mls_blob blob = {NULL, 0};
    bool is_secret = sg_mls_storage_is_secret(which->kind);
    SG_TRY(storage->read(storage->user, group_id, &item, &blob));
    sg_err err = is_secret ? open_value(client, arena, &place, &blob) : SG_OK;
    size_t before = is_secret ? client->suite->aead_nonce_len : 0;
    size_t around = is_secret ? overhead(client->suite) : 0;
    if (err == SG_OK)
        err = sg_mls_arena_copy(arena, sg_bytes(blob.data + before, blob.len - around), value);
    sg_mls_blob_free(&blob);
    return err;
}

sg_err sg_mls_storage_init(struct sg_mls_client *client, struct sg_bytes secret)
{
    const struct sg_mls_suite *suite = client->suite;
    uint8_t prk[SG_MLS_HASH_MAX];
    struct sg_bytes ikm = client->identity.signature_private;
    client->store = (struct sg_mls_store){client, store_write, store_read};
    if (secret.len > 0) {
        if (secret.len != suite->aead_key_len)
            return SG_ERR_MALFORMED;
        memcpy(client->storage_key, secret.data, secret.len);
        return SG_OK;
    }
    sg_err err = suite->extract(suite, SG_BYTES_LIT("saorsa mls storage"), SG_MLS_PARTS(ikm), prk);
    if (err == SG_OK)
        err = suite->expand(suite, sg_bytes(prk, suite->hash_len), SG_MLS_PARTS(sg_bytes(NULL, 0)),
                            client->storage_key, suite->aead_key_len);
    suite->wipe(prk, sizeof(prk));
    return err;
}

sg_err sg_mls_storage_check_new(struct sg_mls_client *client, struct sg_bytes group_id)
{
    struct sg_mls_item item = {SG_MLS_RECORD_STATE, 0, {NULL, 0}};
    struct sg_mls_blob blob = {NULL, 0};
    if (client->config.storage.read == NULL)
        return SG_OK;
    sg_err err = client->config.storage.read(client->config.storage.user, group_id, &item, &blob);
    sg_mls_blob_free(&blob);
    if (err == SG_OK)
        return SG_ERR_EXISTS;
    return err == SG_ERR_NOT_FOUND ? SG_OK : err;
}
