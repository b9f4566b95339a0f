#include "mls_box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include "command.h"
#include "input_file.h"

#define NAME_MAX_LEN 128
#define SECRET_MAX 256
#define STORAGE_MAX 64
#define PACKAGES_MAX 10000

static bool path_in(const char *dir, const char *name, char out[SG_APP_PATH_MAX])
{
    int len = snprintf(out, SG_APP_PATH_MAX, "%s/%s", dir, name);
    if (len > 0 && len < SG_APP_PATH_MAX)
        return true;
    sg_complain("the path of the folder is too long: %.80s...", dir);
    return false;
}

/* ---- the client file ---- */

#define TYPES_MAX 16
/* "understands 65535" and a line break */
#define TYPE_TEXT_MAX 18
#define CLIENT_TEXT_MAX                                                                            \
    (NAME_MAX_LEN + 2 * SECRET_MAX + 2 * STORAGE_MAX + TYPE_TEXT_MAX * TYPES_MAX + 128)

struct identity {
    unsigned suite;
    char name[NAME_MAX_LEN + 1];
    uint8_t secret[SECRET_MAX];
    size_t secret_len;
    uint8_t storage[STORAGE_MAX]; /* storage secret; none: it follows from the other */
    size_t storage_len;
    uint16_t types[TYPES_MAX]; /* extension types that the client understands besides */
    size_t type_count;
};

/* A disk that fills up takes a part first, and tells why with the rest only. */
static bool write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put == 0 ? EIO : errno;
            return false;
        }
        data += put;
        len -= (size_t)put;
    }
    return true;
}

static bool write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write_all(fd, data, len) && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0 && close(fd) != 0 && is_written) {
        is_written = false;
        saved = errno;
    }
    errno = saved;
    return is_written;
}

/* RFC9420 s16.8: overwritten, as far as the file system lets one. */
static void overwrite(int fd)
{
    static const uint8_t zeros[8192];
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0 &&
        (size_t)info.st_size <= sizeof(zeros) && write(fd, zeros, (size_t)info.st_size) > 0)
        (void)fsync(fd);
}

/* The names in the folder of path, down to the disk. */
static bool sync_folder(const char *path)
{
    char dir[SG_APP_PATH_MAX];
    const char *slash = strrchr(path, '/'); /* path_in put one there */
    (void)snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: nothing to do on this file system */
    bool is_synced = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return is_synced;
}

/* Under another name first: a crash leaves no half of it where it would be read. What was there is
 * overwritten, but not before the new name is on the disk: a power loss would bring back the name
 * of what is zeros by then. */
static bool write_secret_file(const char *path, const void *data, size_t len)
{
    char fresh[SG_APP_PATH_MAX + 8];
    int old = open(path, O_WRONLY | O_CLOEXEC);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)unlink(fresh);
    bool is_there = write_file(fresh, data, len) && rename(fresh, path) == 0;
    bool is_durable = is_there && sync_folder(path);
    if (is_durable) {
        overwrite(old);
    } else {
        if (is_there)
            sg_complain("cannot write %s so that it lasts: %s", path, strerror(errno));
        else
            sg_complain_write(path, errno);
        (void)unlink(fresh);
    }
    if (old >= 0)
        close(old);
    return is_durable;
}

/* ---- its text ---- */

struct text {
    char at[CLIENT_TEXT_MAX];
    size_t len;
};

static void put_hex(struct text *text, const char *name, const uint8_t *data, size_t len)
{
    text->len += (size_t)snprintf(text->at + text->len, sizeof(text->at) - text->len, "%s ", name);
    for (size_t i = 0; i < len; i++)
        text->len +=
            (size_t)snprintf(text->at + text->len, sizeof(text->at) - text->len, "%02x", data[i]);
    text->at[text->len++] = '\n';
}

/* Version 1 had no storage secret, and no types. */
#define CLIENT_VERSION 2

static bool save_identity(const char *dir, const struct identity *in)
{
    char path[SG_APP_PATH_MAX];
    struct text text;
    if (!path_in(dir, "client", path))
        return false;
    int len = snprintf(text.at, sizeof(text.at), "saorsa mls client %u\nsuite %u\nname %s\n",
                       CLIENT_VERSION, in->suite, in->name);
    text.len = (size_t)len;
    put_hex(&text, "secret", in->secret, in->secret_len);
    put_hex(&text, "storage", in->storage, in->storage_len);
    for (size_t i = 0; i < in->type_count; i++)
        text.len += (size_t)snprintf(text.at + text.len, sizeof(text.at) - text.len,
                                     "understands %u\n", in->types[i]);
    bool is_written = write_secret_file(path, text.at, text.len);
    explicit_bzero(&text, sizeof(text));
    return is_written;
}

/* A line "NAME HEX" at *text, of at most cap bytes; *text is then behind it. */
static bool get_hex(const char **text, const char *name, uint8_t *out, size_t cap, size_t *len)
{
    size_t name_len = strlen(name);
    const char *at = *text;
    if (strncmp(at, name, name_len) != 0 || at[name_len] != ' ')
        return false;
    for (at += name_len + 1; at[0] != '\0' && at[0] != '\n'; at += 2) {
        unsigned value;
        if (*len == cap || sscanf(at, "%2x", &value) != 1 || at[1] == '\n')
            return false;
        out[(*len)++] = (uint8_t)value;
    }
    *text = at[0] == '\n' ? at + 1 : at;
    return *len > 0;
}

static bool get_types(const char *text, struct identity *out)
{
    unsigned type;
    int len = 0;
    while (*text != '\0') {
        if (out->type_count == TYPES_MAX || sscanf(text, "understands %u\n%n", &type, &len) != 1 ||
            type > UINT16_MAX)
            return false;
        out->types[out->type_count++] = (uint16_t)type;
        text += len;
    }
    return true;
}

static bool parse_identity(const char *text, struct identity *out)
{
    unsigned version;
    int at = 0;
    memset(out, 0, sizeof(*out));
    if (sscanf(text, "saorsa mls client %u\nsuite %u\nname %128[^\n]\n%n", &version, &out->suite,
               out->name, &at) != 3 ||
        at == 0 || version < 1 || version > CLIENT_VERSION)
        return false;
    text += at;
    if (!get_hex(&text, "secret", out->secret, SECRET_MAX, &out->secret_len))
        return false;
    return version == 1 ||
           (get_hex(&text, "storage", out->storage, STORAGE_MAX, &out->storage_len) &&
            get_types(text, out));
}

static bool is_newer(const char *text)
{
    unsigned version;
    return sscanf(text, "saorsa mls client %u\n", &version) == 1 && version > CLIENT_VERSION;
}

static bool load_identity(const char *dir, struct identity *out)
{
    char path[SG_APP_PATH_MAX], text[CLIENT_TEXT_MAX] = {0};
    struct sg_mls_blob blob;
    if (!path_in(dir, "client", path))
        return false;
    if (access(path, F_OK) != 0) {
        sg_complain("%s has no MLS client: make one with 'saorsa mls new NAME --dir %s'", dir, dir);
        return false;
    }
    if (!sg_mls_read(path, &blob))
        return false;
    bool is_whole = blob.len < sizeof(text);
    memcpy(text, blob.data, is_whole ? blob.len : sizeof(text) - 1);
    sg_mls_blob_free(&blob);
    bool is_new = is_newer(text);
    bool is_good = is_whole && parse_identity(text, out);
    explicit_bzero(text, sizeof(text));
    if (is_good)
        return true;
    explicit_bzero(out, sizeof(*out)); /* as far as it was read */
    if (is_new)
        sg_complain("%s was written by a newer saorsa: use that", path);
    else
        sg_complain("%s is damaged: restore it from a backup", path);
    return false;
}

/* ---- the box ---- */

static bool make_dir(const char *dir)
{
    char inside[SG_APP_PATH_MAX];
    if (path_in(dir, "client", inside) && sg_app_path_make_parent(inside))
        return true;
    sg_complain("cannot make the folder %s: %s", dir, sg_input_why(errno));
    return false;
}

static bool is_name(const char *name)
{
    if (strlen(name) <= NAME_MAX_LEN && name[0] != '\0' && strchr(name, '\n') == NULL)
        return true;
    sg_complain("a name has 1 to %d bytes and no line break", NAME_MAX_LEN);
    return false;
}

/* Into identity, which save_identity takes. */
static sg_err take_secrets(const struct sg_mls_client *client, struct identity *out)
{
    struct sg_mls_blob secret = {NULL, 0}, storage = {NULL, 0};
    sg_err err = sg_mls_client_secret(client, &secret);
    if (err == SG_OK)
        err = sg_mls_client_storage_secret(client, &storage);
    if (err == SG_OK && (secret.len > SECRET_MAX || storage.len > STORAGE_MAX))
        err = SG_ERR_TOO_LARGE;
    if (err == SG_OK) {
        memcpy(out->secret, secret.data, secret.len);
        out->secret_len = secret.len;
        memcpy(out->storage, storage.data, storage.len);
        out->storage_len = storage.len;
    }
    sg_mls_blob_free(&secret);
    sg_mls_blob_free(&storage);
    return err;
}

bool sg_mls_box_create(const char *dir, const char *name, uint16_t suite, bool is_public)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *client = NULL;
    struct identity identity = {.suite = suite};
    struct sg_mls_box box;
    char path[SG_APP_PATH_MAX];
    if (!is_name(name) || !path_in(dir, "client", path))
        return false;
    (void)strcpy(identity.name, name);
    if (access(path, F_OK) == 0) {
        sg_complain("%s has an MLS client already, nothing was changed", dir);
        return false;
    }
    sg_mls_client_config_init(&config);
    config.suite = suite;
    config.identity = sg_mls_text(name);
    sg_err err = sg_mls_client_new(&config, &client);
    if (err == SG_OK)
        err = take_secrets(client, &identity);
    /* one of its own, which does not follow from a signature key that may leak and be renewed */
    if (err == SG_OK && getentropy(identity.storage, identity.storage_len) != 0)
        err = SG_ERR_ENTROPY;
    if (err == SG_ERR_UNSUPPORTED)
        sg_complain("there is no suite 0x%04x: 'saorsa mls suites' lists them", suite);
    else if (err != SG_OK)
        sg_mls_complain(dir, err);
    bool is_made = err == SG_OK && make_dir(dir) && save_identity(dir, &identity);
    explicit_bzero(&identity, sizeof(identity));
    sg_mls_client_free(client);
    if (!is_made || !sg_mls_box_open(&box, dir, is_public))
        return false;
    sg_mls_box_close(&box);
    return true;
}

/* ---- pre-shared keys ---- */

#define PSK_ID_MAX 100
#define PSK_SECRET_MAX 256

static bool psk_path(const struct sg_mls_box *box, struct sg_bytes id, char out[SG_APP_PATH_MAX])
{
    char name[2 * PSK_ID_MAX + 8] = "psk-";
    if (id.len == 0 || id.len > PSK_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        (void)snprintf(name + 4 + 2 * i, 3, "%02x", id.data[i]);
    return path_in(box->dir, name, out);
}

bool sg_mls_box_keep_psk(const struct sg_mls_box *box, const char *id,
                         const struct sg_mls_blob *secret)
{
    char path[SG_APP_PATH_MAX];
    if (id[0] == '\0' || strlen(id) > PSK_ID_MAX) {
        sg_complain("the id of a pre-shared key has 1 to %d bytes", PSK_ID_MAX);
        return false;
    }
    if (secret->len == 0 || secret->len > PSK_SECRET_MAX) {
        sg_complain("a pre-shared key has 1 to %d bytes; this one has %zu", PSK_SECRET_MAX,
                    secret->len);
        return false;
    }
    return psk_path(box, sg_mls_text(id), path) &&
           write_secret_file(path, secret->data, secret->len);
}

static sg_err find_psk(void *user, struct sg_bytes id, uint8_t *secret, size_t *len)
{
    char path[SG_APP_PATH_MAX];
    struct sg_mls_blob blob;
    if (!psk_path(user, id, path) || access(path, F_OK) != 0)
        return SG_ERR_MLS_PSK;
    if (!sg_mls_read(path, &blob))
        return SG_ERR_IO;
    bool fits = blob.len > 0 && blob.len <= PSK_SECRET_MAX;
    if (fits)
        memcpy(secret, blob.data, blob.len);
    *len = blob.len;
    sg_mls_blob_free(&blob);
    return fits ? SG_OK : SG_ERR_CORRUPT;
}

bool sg_mls_box_open(struct sg_mls_box *box, const char *dir, bool is_public)
{
    struct sg_mls_client_config config;
    struct identity identity;
    char path[SG_APP_PATH_MAX];
    memset(box, 0, sizeof(*box));
    if (!path_in(dir, "", box->dir) || !path_in(dir, "mls.db", path) ||
        !load_identity(dir, &identity))
        return false;
    box->dir[strlen(dir)] = '\0';
    sg_err err = sg_mls_file_open(path, &box->file);
    if (err != SG_OK) {
        sg_mls_complain(path, err);
        explicit_bzero(&identity, sizeof(identity));
        return false;
    }
    sg_mls_client_config_init(&config);
    config.suite = (uint16_t)identity.suite;
    config.identity = sg_mls_text(identity.name);
    config.secret = (struct sg_bytes){identity.secret, identity.secret_len};
    config.storage_secret = (struct sg_bytes){identity.storage, identity.storage_len};
    config.more_extensions = identity.types;
    config.more_extension_count = identity.type_count;
    config.public_handshake = is_public;
    config.user = box;
    config.find_psk = find_psk;
    sg_mls_file_storage(box->file, &config.storage);
    err = sg_mls_client_new(&config, &box->client);
    explicit_bzero(&identity, sizeof(identity));
    if (err == SG_OK)
        return true;
    sg_mls_complain(dir, err);
    sg_mls_box_close(box);
    return false;
}

void sg_mls_box_close(struct sg_mls_box *box)
{
    sg_mls_member_free(box->member);
    sg_mls_client_free(box->client);
    sg_mls_file_close(box->file);
    box->member = NULL;
    box->client = NULL;
    box->file = NULL;
}

static void shred(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    overwrite(fd);
    if (fd >= 0)
        close(fd);
    if (unlink(path) != 0)
        sg_complain("cannot delete %s, which is no longer needed: %s", path, strerror(errno));
}

static bool is_package(const char *name)
{
    size_t len = strlen(name);
    return strncmp(name, "package-", 8) == 0 && len > 12 &&
           (strcmp(name + len - 4, ".key") == 0 || strcmp(name + len - 5, ".last") == 0);
}

/* Those of another signature key: nobody joins by them any more. */
static void shred_packages(const struct sg_mls_box *box)
{
    char path[SG_APP_PATH_MAX];
    const struct dirent *entry;
    DIR *dir = opendir(box->dir);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (is_package(entry->d_name) && path_in(box->dir, entry->d_name, path))
            shred(path);
    if (dir != NULL)
        closedir(dir);
}

/* The types of a renewal after those that are there, each once. False: complained. */
static bool add_types(const struct sg_mls_box_renewal *renewal, struct identity *identity)
{
    for (size_t i = 0; i < renewal->type_count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < identity->type_count; k++)
            is_there = is_there || identity->types[k] == renewal->types[i];
        if (is_there)
            continue;
        if (identity->type_count == TYPES_MAX) {
            sg_complain("a client understands %d further extension types at most", TYPES_MAX);
            return false;
        }
        identity->types[identity->type_count++] = renewal->types[i];
    }
    return true;
}

static bool renew(struct sg_mls_box *box, const struct sg_mls_box_renewal *renewal,
                  struct identity *identity)
{
    struct sg_mls_client_config config;
    if (!is_name(renewal->name) || !add_types(renewal, identity))
        return false;
    (void)strcpy(identity->name, renewal->name);
    sg_mls_client_config_init(&config);
    config.identity = sg_mls_text(identity->name);
    if (renewal->keeps_key)
        config.secret = (struct sg_bytes){identity->secret, identity->secret_len};
    config.more_extensions = identity->types;
    config.more_extension_count = identity->type_count;
    sg_err err = sg_mls_client_renew(box->client, &config);
    if (err == SG_OK)
        err = take_secrets(box->client, identity);
    if (err == SG_OK)
        return save_identity(box->dir, identity);
    sg_mls_complain("renew", err);
    return false;
}

bool sg_mls_box_renew(struct sg_mls_box *box, const struct sg_mls_box_renewal *renewal)
{
    struct identity identity;
    if (!load_identity(box->dir, &identity))
        return false;
    bool is_renewed = renew(box, renewal, &identity);
    if (is_renewed && !renewal->keeps_key)
        shred_packages(box);
    explicit_bzero(&identity, sizeof(identity));
    return is_renewed;
}

/* The id of the only group. */
static bool only_group(struct sg_mls_box *box, struct sg_mls_blob *id)
{
    struct sg_mls_blob second = {NULL, 0};
    sg_err err = sg_mls_file_group(box->file, 0, id);
    if (err != SG_OK) {
        sg_complain("%s has no group: 'saorsa mls create' makes one, 'saorsa mls join' joins one",
                    box->dir);
        return false;
    }
    if (sg_mls_file_group(box->file, 1, &second) == SG_ERR_NOT_FOUND)
        return true;
    sg_mls_blob_free(&second);
    sg_mls_blob_free(id);
    sg_complain("%s has several groups: name one with --group ('saorsa mls groups' lists them)",
                box->dir);
    return false;
}

bool sg_mls_box_load(struct sg_mls_box *box, const char *name)
{
    struct sg_mls_blob id = {NULL, 0};
    if (name == NULL && !only_group(box, &id))
        return false;
    struct sg_bytes group = name == NULL ? sg_mls_bytes(&id) : sg_mls_text(name);
    sg_err err = sg_mls_member_load(box->client, group, &box->member);
    sg_mls_blob_free(&id);
    if (err == SG_ERR_NOT_FOUND)
        sg_complain("%s has no group '%.80s' ('saorsa mls groups' lists them)", box->dir, name);
    else if (err != SG_OK)
        sg_mls_complain(box->dir, err);
    return err == SG_OK;
}

/* ---- secrets of key packages ---- */

bool sg_mls_box_keep_secret(const struct sg_mls_box *box, const struct sg_mls_blob *secret,
                            bool is_last_resort)
{
    char path[SG_APP_PATH_MAX], name[32];
    for (unsigned i = 1; i <= PACKAGES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "package-%u.%s", i, is_last_resort ? "last" : "key");
        if (!path_in(box->dir, name, path))
            return false;
        if (access(path, F_OK) != 0)
            return write_secret_file(path, secret->data, secret->len);
    }
    sg_complain("%s has %d key packages that wait for a welcome: delete some package-*.key",
                box->dir, PACKAGES_MAX);
    return false;
}

static sg_err try_secret(struct sg_mls_box *box, const struct sg_mls_join_request *request,
                         const char *name)
{
    char path[SG_APP_PATH_MAX];
    struct sg_mls_blob secret;
    struct sg_mls_join_request with = *request;
    if (!path_in(box->dir, name, path) || !sg_mls_read(path, &secret))
        return SG_ERR_IO;
    with.secret = sg_mls_bytes(&secret);
    sg_err err = sg_mls_member_join(box->client, &with, &box->member);
    sg_mls_blob_free(&secret);
    if (err == SG_OK && strstr(name, ".key") != NULL)
        shred(path);
    return err;
}

sg_err sg_mls_box_join(struct sg_mls_box *box, const struct sg_mls_join_request *request)
{
    DIR *dir = opendir(box->dir);
    const struct dirent *entry;
    sg_err err = SG_ERR_MLS_WELCOME, first = SG_ERR_MLS_WELCOME;
    if (dir == NULL)
        return SG_ERR_IO;
    /* another error than "not for this one" is of the one that it is for, or of a file that is
     * damaged: then the others are still tried */
    while (err != SG_OK && (entry = readdir(dir)) != NULL) {
        if (!is_package(entry->d_name))
            continue;
        err = try_secret(box, request, entry->d_name);
        first = first == SG_ERR_MLS_WELCOME ? err : first;
    }
    closedir(dir);
    return err == SG_OK ? SG_OK : first;
}
