/* app/mls_box.c: secret files appear whole or not at all, and a damaged one leaves no secret in
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mls_box.h"

static char dir[64];

static void set_up(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/saorsa-box-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void tear_down(void)
{
    char command[100];
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static bool is_there(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

/* No file may grow beyond len bytes, as on a full disk. */
static void limit_files(rlim_t len)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = len;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What sg_complain writes goes to a file in dir until said_so. */
static int stderr_was;

static void listen(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/said", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    stderr_was = dup(STDERR_FILENO);
    assert_true(fd >= 0 && stderr_was >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
}

static bool said_so(const char *text)
{
    char path[128], said[512];
    assert_true(dup2(stderr_was, STDERR_FILENO) >= 0);
    close(stderr_was);
    (void)snprintf(path, sizeof(path), "%s/said", dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    fclose(file);
    return strstr(said, text) != NULL;
}

/* A full disk takes a part of a write; only the next one tells why. */
static void a_short_write_says_why(void **state)
{
    struct sg_mls_box box = {.file = NULL};
    static uint8_t data[200];
    (void)state;
    set_up();
    (void)strcpy(box.dir, dir);
    (void)signal(SIGXFSZ, SIG_IGN);
    listen();
    limit_files(150); /* more than the complaint has */
    bool is_kept = sg_mls_box_keep_psk(&box, "id", &(struct sg_mls_blob){data, 200});
    limit_files(RLIM_INFINITY);
    bool is_told = said_so("psk-6964: it is too large");
    assert_false(is_kept);
    assert_true(is_told);
    tear_down();
}

static void no_half_of_a_secret_is_left(void **state)
{
    struct sg_mls_box box = {.file = NULL};
    static uint8_t data[1000] = {1};
    const struct sg_mls_blob secret = {data, sizeof(data)};
    (void)state;
    set_up();
    (void)strcpy(box.dir, dir);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(100);
    assert_false(sg_mls_box_keep_secret(&box, &secret, false));
    assert_false(sg_mls_box_keep_psk(&box, "id", &(struct sg_mls_blob){data, 200}));
    limit_files(10); /* less than a client file */
    assert_false(sg_mls_box_create(dir, "alice", 1, false));
    limit_files(RLIM_INFINITY);
    assert_false(is_there("package-1.key"));
    assert_false(is_there("package-1.key.new"));
    assert_false(is_there("psk-6964"));
    assert_false(is_there("client"));
    /* what a crash left under the other name is not in the way */
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/package-1.key.new", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    assert_true(sg_mls_box_keep_secret(&box, &secret, false));
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/package-1.key", dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 1000);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_false(is_there("package-1.key.new"));
    assert_true(sg_mls_box_create(dir, "alice", 1, false));
    tear_down();
}

static size_t read_client(char out[2000])
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/client", dir);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, out, 1999);
    close(fd);
    assert_true(len > 0);
    out[len] = '\0';
    return (size_t)len;
}

/* A client that cannot be written is as it was; one that can be keeps what its groups are sealed
 * with. */
static void a_renewal_is_whole_or_not_at_all(void **state)
{
    static const uint16_t types[] = {0xf0a1, 0xf0a2, 0xf0a1};
    static uint16_t many[17];
    struct sg_mls_box box;
    struct sg_mls_blob storage, again;
    struct sg_mls_box_renewal renewal = {.name = "alicia", .types = types, .type_count = 3};
    char before[2000], after[2000];
    (void)state;
    set_up();
    assert_true(sg_mls_box_create(dir, "alice", 1, false));
    size_t len = read_client(before);
    assert_true(sg_mls_box_open(&box, dir, false));
    assert_int_equal(sg_mls_client_storage_secret(box.client, &storage), SG_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(10);
    assert_false(sg_mls_box_renew(&box, &renewal));
    limit_files(RLIM_INFINITY);
    assert_int_equal(read_client(after), len);
    assert_string_equal(before, after);
    for (uint16_t i = 0; i < 17; i++)
        many[i] = (uint16_t)(0xf0b0 + i);
    assert_false(sg_mls_box_renew(&box, &(struct sg_mls_box_renewal){.name = ""}));
    assert_false(sg_mls_box_renew(
        &box, &(struct sg_mls_box_renewal){.name = "x", .types = many, .type_count = 17}));
    assert_true(sg_mls_box_renew(&box, &renewal));
    sg_mls_box_close(&box);
    (void)read_client(after);
    assert_memory_equal(after, "saorsa mls client 2\nsuite 1\nname alicia\nsecret ", 47);
    assert_non_null(strstr(after, "\nunderstands 61601\nunderstands 61602\n"));
    assert_true(sg_mls_box_open(&box, dir, false));
    assert_int_equal(sg_mls_client_storage_secret(box.client, &again), SG_OK);
    assert_int_equal(storage.len, again.len);
    assert_memory_equal(storage.data, again.data, again.len);
    sg_mls_blob_free(&storage);
    sg_mls_blob_free(&again);
    sg_mls_box_close(&box);
    tear_down();
}

/* By key packages of an earlier signature key nobody joins; their secrets do not stay. */
static void a_new_key_takes_the_packages_of_the_old_along(void **state)
{
    static uint8_t data[8] = {1};
    const struct sg_mls_blob secret = {data, sizeof(data)};
    struct sg_mls_box_renewal renewal = {.name = "alice", .keeps_key = true};
    struct sg_mls_box box;
    (void)state;
    set_up();
    assert_true(sg_mls_box_create(dir, "alice", 1, false));
    assert_true(sg_mls_box_open(&box, dir, false));
    assert_true(sg_mls_box_keep_secret(&box, &secret, false));
    assert_true(sg_mls_box_keep_secret(&box, &secret, true));
    assert_true(sg_mls_box_keep_psk(&box, "id", &secret));
    assert_true(sg_mls_box_renew(&box, &renewal));
    assert_true(is_there("package-1.key"));
    assert_true(is_there("package-1.last"));
    renewal.keeps_key = false;
    assert_true(sg_mls_box_renew(&box, &renewal));
    assert_false(is_there("package-1.key"));
    assert_false(is_there("package-1.last"));
    assert_true(is_there("psk-6964"));
    sg_mls_box_close(&box);
    tear_down();
}

/* What storage would be sealed with if that followed from the client's signature key. */
static bool follows_from_key(const struct sg_mls_client *client)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *same;
    struct sg_mls_blob secret, storage, derived;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = sg_mls_text("alice");
    assert_int_equal(sg_mls_client_secret(client, &secret), SG_OK);
    config.secret = sg_mls_bytes(&secret);
    assert_int_equal(sg_mls_client_new(&config, &same), SG_OK);
    assert_int_equal(sg_mls_client_storage_secret(client, &storage), SG_OK);
    assert_int_equal(sg_mls_client_storage_secret(same, &derived), SG_OK);
    assert_int_equal(storage.len, derived.len);
    bool is_equal = memcmp(storage.data, derived.data, derived.len) == 0;
    sg_mls_client_free(same);
    sg_mls_blob_free(&secret);
    sg_mls_blob_free(&storage);
    sg_mls_blob_free(&derived);
    return is_equal;
}

static void write_client(const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/client", dir);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* A signature key that leaks, and is renewed, opens no storage of a client of today; one of version
 * 1 is read as it was. */
static void storage_is_sealed_by_a_secret_of_its_own(void **state)
{
    struct sg_mls_box box;
    char client[2000];
    (void)state;
    set_up();
    assert_true(sg_mls_box_create(dir, "alice", 1, false));
    assert_true(sg_mls_box_open(&box, dir, false));
    assert_false(follows_from_key(box.client));
    sg_mls_box_close(&box);
    (void)read_client(client);
    client[18] = '1';
    *strstr(client, "storage ") = '\0';
    write_client(client);
    assert_true(sg_mls_box_open(&box, dir, false));
    assert_true(follows_from_key(box.client));
    sg_mls_box_close(&box);
    tear_down();
}

/* ---- what is in memory ---- */

#define NEEDLE 24
#define MASK 0x5a

/* The needle xored with MASK, so that this file does not hold it. */
static const uint8_t masked[NEEDLE + 1] = "masked secret of a client";

static bool is_needle(const uint8_t *at)
{
    size_t k = 0;
    while (k < NEEDLE && at[k] == (masked[k] ^ MASK))
        k++;
    return k == NEEDLE;
}

static unsigned count_in(const uint8_t *data, size_t len)
{
    unsigned found = 0;
    const uint8_t *end = data + len, *at = data;
    while ((at = memchr(at, masked[0] ^ MASK, (size_t)(end - at))) != NULL) {
        found += end - at >= NEEDLE && is_needle(at);
        at++;
    }
    return found;
}

static unsigned count_in_memory(void)
{
    char line[512];
    unsigned found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' ||
            mode[1] != 'w' || to - from > (64 << 20))
            continue;
        uint8_t *copy = malloc(to - from);
        /* the heap may have grown while this was read: what is gone is not there */
        ssize_t got = pread(memory, copy, to - from, (off_t)from);
        found += got > 0 ? count_in(copy, (size_t)got) : 0;
        explicit_bzero(copy, to - from);
        free(copy);
    }
    (void)fclose(maps);
    (void)close(memory);
    return found;
}

/* A client file whose secret ends in something that is no hex. */
static void write_damaged_client(void)
{
    char path[128], text[256];
    (void)snprintf(path, sizeof(path), "%s/client", dir);
    int len = snprintf(text, sizeof(text), "saorsa mls client 1\nsuite 1\nname alice\nsecret ");
    for (size_t i = 0; i < NEEDLE; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%02x", masked[i] ^ MASK);
    len += snprintf(text + len, sizeof(text) - (size_t)len, "xy\n");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, text, (size_t)len), len);
    close(fd);
}

static void a_damaged_client_leaves_no_secret_in_memory(void **state)
{
    struct sg_mls_box box;
    (void)state;
    set_up();
    uint8_t *proof = malloc(NEEDLE);
    for (size_t i = 0; i < NEEDLE; i++)
        proof[i] = masked[i] ^ MASK;
    assert_true(count_in_memory() > 0); /* it would be found */
    explicit_bzero(proof, NEEDLE);
    assert_int_equal(count_in_memory(), 0);
    free(proof);
    write_damaged_client();
    assert_false(sg_mls_box_open(&box, dir, false));
    assert_int_equal(count_in_memory(), 0);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_write_says_why),
        cmocka_unit_test(no_half_of_a_secret_is_left),
        cmocka_unit_test(a_renewal_is_whole_or_not_at_all),
        cmocka_unit_test(a_new_key_takes_the_packages_of_the_old_along),
        cmocka_unit_test(storage_is_sealed_by_a_secret_of_its_own),
        cmocka_unit_test(a_damaged_client_leaves_no_secret_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
