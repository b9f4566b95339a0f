/* File formats, in TLS presentation language (RFC 8446 s3). Everything is fixed-size, so a file has
 * exactly one length, and every bit of it is covered by the check.
 *
 *   enum { plain(1), sealed(2), (255) } KeyKind;
 *
 *   struct {
 *       opaque magic[8] = "SAORSKEY";
 *       uint8 version = 1;
 *       uint8 suite;                  sg_suite.id
 *       KeyKind kind;
 *       opaque peer_id[32];
 *       select (kind) {
 *           case plain:  opaque seed[32];
 *           case sealed: uint32 memory_kib; uint32 passes; uint32 lanes;   Argon2id
 *                        opaque salt[16]; opaque nonce[12];
 *                        opaque box[48];  AES-256-GCM of the seed; AAD: all bytes before box
 *       };
 *       opaque check[32];             HMAC-SHA-256("saorsa file v1", all bytes before check)
 *   } KeyFile;
 *
 *   struct {
 *       opaque magic[8] = "SAORSBOO";
 *       uint8 version = 1;
 *       uint32 boot;
 *       opaque check[32];
 *   } BootFile;
 *
 * check is no protection (its key is public) but tells damage from a wrong passphrase, keeps
 * damaged cost numbers away from Argon2id, and stays last in later versions, so that a sound file
 * of a newer program is told from a damaged one. It is an HMAC because sg_hash remembers its
 * input. peer_id is compared with the identity made from the seed: a node that loads a key is the
 * node that made it. */
#include "runtime/keystore.h"

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/wipe.h"

#define VERSION 1
#define MAGIC_LEN 8
#define CHECK_LEN 32
#define BOX_LEN (SG_SIG_SEED_LEN + SG_AEAD_TAG_LEN)
#define FILE_MODE 0600

#define HEAD_LEN (MAGIC_LEN + 3 + SG_ID_LEN)
#define PLAIN_LEN (HEAD_LEN + SG_SIG_SEED_LEN + CHECK_LEN)
#define SEALED_LEN (HEAD_LEN + 12 + SG_ARGON2ID_SALT_LEN + SG_AEAD_NONCE_LEN + BOX_LEN + CHECK_LEN)
#define BOOT_LEN (MAGIC_LEN + 1 + 4 + CHECK_LEN)
/* Room for a larger file of a later version, so that it is recognised. */
#define READ_CAP 512

static const char key_magic[] = "SAORSKEY";
static const char boot_magic[] = "SAORSBOO";

enum key_kind { KEY_PLAIN = 1, KEY_SEALED = 2 };

/* A key file taken apart. Holds the secret of a plain one: wiped by its users. */
struct key_file {
    uint8_t suite;
    uint8_t kind;
    struct sg_peer_id peer_id;
    struct sg_sig_seed seed; /* plain only */
    struct sg_argon2id_cost cost;
    uint8_t salt[SG_ARGON2ID_SALT_LEN];
    uint8_t nonce[SG_AEAD_NONCE_LEN];
    uint8_t box[BOX_LEN];
    uint8_t aad[SEALED_LEN]; /* the bytes before box */
    size_t aad_len;
};

static sg_err make_check(struct sg_bytes bytes, uint8_t check[CHECK_LEN])
{
    return sg_hmac(SG_HASH_SHA256, SG_BYTES_LIT("saorsa file v1"), &bytes, 1, check);
}

/* Takes check, magic and version off; what is left is r's. A damaged file is SG_ERR_CORRUPT, a
 * sound one of another version SG_ERR_UNSUPPORTED. */
static sg_err open_frame(struct sg_bytes file, const char *magic, struct sg_reader *r)
{
    uint8_t check[CHECK_LEN];
    if (file.len < MAGIC_LEN + 1 + CHECK_LEN || memcmp(file.data, magic, MAGIC_LEN) != 0)
        return SG_ERR_CORRUPT;
    struct sg_bytes body = {file.data, file.len - CHECK_LEN};
    SG_TRY(make_check(body, check));
    if (!sg_secret_equal(check, file.data + body.len, CHECK_LEN))
        return SG_ERR_CORRUPT;
    *r = sg_reader(body);
    (void)sg_read_bytes(r, MAGIC_LEN);
    return sg_read_u8(r) == VERSION ? SG_OK : SG_ERR_UNSUPPORTED;
}

static void write_frame_start(struct sg_writer *w, const char *magic)
{
    sg_write_bytes(w, sg_bytes(magic, MAGIC_LEN));
    sg_write_u8(w, VERSION);
}

static sg_err write_frame_end(struct sg_writer *w)
{
    uint8_t check[CHECK_LEN];
    SG_TRY(make_check(sg_bytes(w->data, w->len), check));
    sg_write_bytes(w, sg_bytes(check, sizeof(check)));
    return sg_writer_done(w);
}

static void decode_sealed(struct sg_reader *r, struct sg_bytes file, struct key_file *out)
{
    out->cost.memory_kib = sg_read_u32(r);
    out->cost.passes = sg_read_u32(r);
    out->cost.lanes = sg_read_u32(r);
    sg_read_copy(r, out->salt, sizeof(out->salt));
    sg_read_copy(r, out->nonce, sizeof(out->nonce));
    if (file.len == SEALED_LEN) {
        out->aad_len = SEALED_LEN - BOX_LEN - CHECK_LEN;
        memcpy(out->aad, file.data, out->aad_len);
    }
    sg_read_copy(r, out->box, sizeof(out->box));
    if (!sg_argon2id_cost_is_valid(&out->cost))
        sg_reader_fail(r, SG_ERR_CORRUPT);
}

static sg_err key_decode(struct sg_bytes file, struct key_file *out)
{
    struct sg_reader r;
    SG_TRY(open_frame(file, key_magic, &r));
    memset(out, 0, sizeof(*out));
    out->suite = sg_read_u8(&r);
    out->kind = sg_read_u8(&r);
    sg_read_copy(&r, out->peer_id.b, sizeof(out->peer_id.b));
    if (r.err == SG_OK && out->suite != sg_suite_default()->id)
        return SG_ERR_UNSUPPORTED;
    if (out->kind == KEY_PLAIN)
        sg_read_copy(&r, out->seed.b, sizeof(out->seed.b));
    else if (out->kind == KEY_SEALED)
        decode_sealed(&r, file, out);
    else
        return SG_ERR_CORRUPT;
    return sg_reader_done(&r) == SG_OK ? SG_OK : SG_ERR_CORRUPT;
}

/* Reads and takes apart dir's key file. The caller wipes *out, also after an error. */
static sg_err key_read(const struct sg_keystore_options *options, const char *dir,
                       struct key_file *out)
{
    char path[SG_FILE_PATH_MAX];
    uint8_t file[READ_CAP];
    size_t len;
    SG_TRY(sg_file_path(path, dir, "identity.key"));
    sg_err err = sg_file_read_private(options->sys, path, file, sizeof(file), &len);
    if (err == SG_OK)
        err = key_decode(sg_bytes(file, len), out);
    sg_wipe(file, sizeof(file));
    return err == SG_ERR_TOO_LARGE ? SG_ERR_CORRUPT : err;
}

static sg_err box_key(const struct key_file *file, struct sg_bytes passphrase,
                      uint8_t key[SG_AEAD_KEY_LEN])
{
    return sg_argon2id(&file->cost, passphrase, sg_bytes(file->salt, sizeof(file->salt)), key,
                       SG_AEAD_KEY_LEN);
}

/* file->box -> file->seed. The check has passed: what does not open is the passphrase's fault. */
static sg_err unseal(struct key_file *file, struct sg_bytes passphrase)
{
    uint8_t key[SG_AEAD_KEY_LEN];
    sg_err err = box_key(file, passphrase, key);
    if (err == SG_OK) {
        struct sg_aead aead = {SG_AEAD_AES_256_GCM, key, file->nonce,
                               sg_bytes(file->aad, file->aad_len)};
        err = sg_aead_open(&aead, sg_bytes(file->box, sizeof(file->box)), file->seed.b);
    }
    sg_wipe(key, sizeof(key));
    return err == SG_ERR_AUTH ? SG_ERR_PASSPHRASE : err;
}

/* Appends the sealed seed behind what w holds already, the AAD. */
static sg_err seal(const struct key_file *file, struct sg_bytes passphrase, struct sg_writer *w)
{
    uint8_t key[SG_AEAD_KEY_LEN];
    uint8_t box[BOX_LEN];
    sg_err err = box_key(file, passphrase, key);
    if (err == SG_OK) {
        struct sg_aead aead = {SG_AEAD_AES_256_GCM, key, file->nonce, sg_bytes(w->data, w->len)};
        err = sg_aead_seal(&aead, sg_bytes(file->seed.b, sizeof(file->seed.b)), box);
    }
    sg_wipe(key, sizeof(key));
    SG_TRY(err);
    sg_write_bytes(w, sg_bytes(box, sizeof(box)));
    return SG_OK;
}

static sg_err key_encode(const struct key_file *file, struct sg_bytes passphrase,
                         struct sg_writer *w)
{
    write_frame_start(w, key_magic);
    sg_write_u8(w, file->suite);
    sg_write_u8(w, file->kind);
    sg_write_bytes(w, sg_bytes(file->peer_id.b, sizeof(file->peer_id.b)));
    if (file->kind == KEY_PLAIN) {
        sg_write_bytes(w, sg_bytes(file->seed.b, sizeof(file->seed.b)));
    } else {
        sg_write_u32(w, file->cost.memory_kib);
        sg_write_u32(w, file->cost.passes);
        sg_write_u32(w, file->cost.lanes);
        sg_write_bytes(w, sg_bytes(file->salt, sizeof(file->salt)));
        sg_write_bytes(w, sg_bytes(file->nonce, sizeof(file->nonce)));
        SG_TRY(seal(file, passphrase, w));
    }
    return write_frame_end(w);
}

static struct sg_keystore_options with_defaults(const struct sg_keystore_options *options)
{
    struct sg_keystore_options all = {0};
    if (options != NULL)
        all = *options;
    if (all.mem == NULL)
        all.mem = sg_mem_default();
    if (all.sys == NULL)
        all.sys = sg_file_sys_default();
    if (all.cost.memory_kib == 0 && all.cost.passes == 0 && all.cost.lanes == 0)
        all.cost = sg_argon2id_cost_default();
    return all;
}

sg_err sg_keystore_init(struct sg_keystore *ks, const char *dir,
                        const struct sg_keystore_options *options)
{
    char path[SG_FILE_PATH_MAX];
    memset(ks, 0, sizeof(*ks));
    ks->options = with_defaults(options);
    ks->lock_fd = -1;
    SG_TRY(sg_file_path(path, dir, "identity.key.tmp")); /* the longest name */
    memcpy(ks->dir, dir, strlen(dir) + 1);
    SG_TRY(sg_file_mkdirs(ks->options.sys, dir));
    SG_TRY(sg_file_path(path, dir, "lock"));
    SG_TRY(sg_file_lock(ks->options.sys, path, &ks->lock_fd));
    if (sg_file_path(path, dir, "identity.key") == SG_OK)
        sg_file_tidy(ks->options.sys, path);
    return SG_OK;
}

void sg_keystore_fini(struct sg_keystore *ks)
{
    sg_file_unlock(ks->options.sys, ks->lock_fd);
    ks->lock_fd = -1;
}

/* Fills file with a new seed, and what goes with it. */
static sg_err key_generate(const struct sg_keystore *ks, bool is_sealed, struct key_file *file,
                           struct sg_identity **out)
{
    SG_TRY(sg_random(&file->seed, sizeof(file->seed)));
    SG_TRY(sg_random(file->salt, sizeof(file->salt)));
    SG_TRY(sg_random(file->nonce, sizeof(file->nonce)));
    SG_TRY(sg_identity_new(ks->options.mem, &file->seed, out));
    file->kind = is_sealed ? KEY_SEALED : KEY_PLAIN;
    file->suite = sg_identity_suite(*out)->id;
    file->peer_id = *sg_identity_peer_id(*out);
    file->cost = ks->options.cost;
    return SG_OK;
}

sg_err sg_keystore_create(struct sg_keystore *ks, struct sg_bytes passphrase,
                          struct sg_identity **out)
{
    char path[SG_FILE_PATH_MAX];
    uint8_t bytes[SEALED_LEN];
    struct sg_writer w = sg_writer(bytes, sizeof(bytes));
    struct key_file file = {0};
    *out = NULL;
    SG_TRY(sg_file_path(path, ks->dir, "identity.key"));
    sg_err err = key_generate(ks, passphrase.len > 0, &file, out);
    if (err == SG_OK)
        err = key_encode(&file, passphrase, &w);
    if (err == SG_OK)
        err = sg_file_create(ks->options.sys, path, sg_bytes(bytes, w.len), FILE_MODE);
    sg_wipe(&file, sizeof(file));
    sg_wipe(bytes, sizeof(bytes));
    if (err != SG_OK) {
        sg_identity_free(*out);
        *out = NULL;
    }
    return err;
}

/* The identity of a key file, whose seed this fills in when it was sealed. */
static sg_err key_identity(const struct sg_keystore *ks, struct key_file *file,
                           struct sg_bytes passphrase, struct sg_identity **out)
{
    if ((passphrase.len > 0) != (file->kind == KEY_SEALED))
        return SG_ERR_PASSPHRASE;
    if (file->kind == KEY_SEALED)
        SG_TRY(unseal(file, passphrase));
    SG_TRY(sg_identity_new(ks->options.mem, &file->seed, out));
    if (sg_peer_id_equal(sg_identity_peer_id(*out), &file->peer_id))
        return SG_OK;
    sg_identity_free(*out);
    *out = NULL;
    return SG_ERR_CORRUPT;
}

sg_err sg_keystore_load(struct sg_keystore *ks, struct sg_bytes passphrase,
                        struct sg_identity **out)
{
    struct key_file file = {0};
    *out = NULL;
    sg_err err = key_read(&ks->options, ks->dir, &file);
    if (err == SG_OK)
        err = key_identity(ks, &file, passphrase, out);
    sg_wipe(&file, sizeof(file));
    return err;
}

static sg_err boot_decode(struct sg_bytes file, uint32_t *boot)
{
    struct sg_reader r;
    SG_TRY(open_frame(file, boot_magic, &r));
    *boot = sg_read_u32(&r);
    return sg_reader_done(&r) == SG_OK ? SG_OK : SG_ERR_CORRUPT;
}

static sg_err boot_read(const struct sg_keystore *ks, uint32_t *boot)
{
    char path[SG_FILE_PATH_MAX];
    uint8_t file[READ_CAP];
    size_t len;
    SG_TRY(sg_file_path(path, ks->dir, "boot"));
    sg_err err = sg_file_read(ks->options.sys, path, file, sizeof(file), &len);
    if (err == SG_OK)
        err = boot_decode(sg_bytes(file, len), boot);
    return err == SG_ERR_TOO_LARGE ? SG_ERR_CORRUPT : err;
}

static sg_err boot_write(const struct sg_keystore *ks, uint32_t boot)
{
    char path[SG_FILE_PATH_MAX];
    uint8_t file[BOOT_LEN];
    struct sg_writer w = sg_writer(file, sizeof(file));
    write_frame_start(&w, boot_magic);
    sg_write_u32(&w, boot);
    SG_TRY(write_frame_end(&w));
    SG_TRY(sg_file_path(path, ks->dir, "boot"));
    return sg_file_write(ks->options.sys, path, sg_bytes(file, w.len), FILE_MODE);
}

sg_err sg_keystore_load_or_create(struct sg_keystore *ks, struct sg_bytes passphrase,
                                  struct sg_identity **out)
{
    uint32_t boot = 0;
    sg_err err = sg_keystore_load(ks, passphrase, out);
    if (err != SG_ERR_NOT_FOUND)
        return err;
    err = boot_read(ks, &boot);
    if (err == SG_ERR_NOT_FOUND)
        return sg_keystore_create(ks, passphrase, out);
    return err == SG_OK ? SG_ERR_NOT_FOUND : err;
}

sg_err sg_keystore_boot(struct sg_keystore *ks, uint64_t wall_s, uint32_t *boot)
{
    uint32_t stored = 0;
    *boot = 0;
    sg_err err = boot_read(ks, &stored);
    if (err != SG_OK && err != SG_ERR_NOT_FOUND)
        return err;
    if (stored == UINT32_MAX)
        return SG_ERR_LIMIT;
    uint32_t next = stored + 1;
    if (wall_s <= UINT32_MAX && wall_s > next)
        next = (uint32_t)wall_s;
    SG_TRY(boot_write(ks, next));
    *boot = next;
    return SG_OK;
}

sg_err sg_keystore_read_info(const char *dir, const struct sg_keystore_options *options,
                             struct sg_keystore_info *out)
{
    struct sg_keystore_options all = with_defaults(options);
    struct key_file file = {0};
    sg_err err = key_read(&all, dir, &file);
    memset(out, 0, sizeof(*out));
    if (err == SG_OK) {
        out->peer_id = file.peer_id;
        out->is_sealed = file.kind == KEY_SEALED;
    }
    sg_wipe(&file, sizeof(file));
    return err;
}
