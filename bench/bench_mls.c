/* Cost of MLS operations by group size, in CPU time on one thread. A group is made by one commit
 * that adds all, then its tree is blank but for the creator's path; "full" means that so many
 * members have committed since that no node is blank. What the crypto library needs for one
 * operation is printed beside, since most of the cost is its.
 * usage: bench_mls [json] [blank | full] [SUITE [MEMBERS...]] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/init.h"
#include "mls/join.h"
#include "mls/package.h"

#define NOW UINT64_C(1800000000)
#define RUNS 5
/* Of what takes milliseconds: an ML-DSA signature needs a random number of attempts, so that a few
 * runs say nothing. */
#define SHORT_RUNS 41

struct bench {
    struct sg_mls_config config;
    const struct sg_mls_suite *suite;
    struct sg_mls_arena arena;
    struct sg_mls_package creator, *packages;
    struct sg_mls_proposal *adds;
    uint8_t (*signature_private)[SG_MLS_SIG_PRIVATE_MAX];
    uint32_t members; /* beside the creator */
};

static void demand(sg_err err, const char *what)
{
    if (err == SG_OK)
        return;
    (void)fprintf(stderr, "bench_mls: %s: %s\n", what, sg_err_text(err));
    exit(1);
}

static double now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void make_client(struct bench *b, uint32_t i, struct sg_mls_package *out)
{
    uint8_t *name = sg_mls_arena_new(&b->arena, 16, 1);
    uint8_t *public_key = sg_mls_arena_new(&b->arena, b->suite->sig_public_len, 1);
    struct sg_mls_package_options options = {.now = NOW, .lifetime = 86400 * 30};
    demand(b->suite->sig_generate(b->suite, b->config.random, b->signature_private[i], public_key),
           "signature key");
    struct sg_mls_identity identity = {
        .suite = b->suite,
        .credential = {SG_MLS_CREDENTIAL_BASIC,
                       sg_bytes(name, (size_t)snprintf((char *)name, 16, "m%u", i))},
        .signature_public = sg_bytes(public_key, b->suite->sig_public_len),
        .signature_private = sg_bytes(b->signature_private[i], b->suite->sig_private_len)};
    demand(sg_mls_package_make(&b->config, &identity, &options, &b->arena, out), "key package");
}

static void set_up(struct bench *b, uint16_t suite, uint32_t members)
{
    sg_mls_config_init(&b->config);
    b->config.mem = sg_mem_default();
    b->config.suites = sg_mls_suites(&b->config.suite_count);
    b->config.random = sg_mls_random_default();
    b->suite = sg_mls_suite_find(suite);
    b->members = members - 1;
    sg_mls_arena_init(&b->arena, sg_mem_default(), NULL);
    b->packages = sg_mls_arena_new(&b->arena, members, sizeof(*b->packages));
    b->adds = sg_mls_arena_new(&b->arena, members, sizeof(*b->adds));
    b->signature_private = sg_mls_arena_new(&b->arena, members, SG_MLS_SIG_PRIVATE_MAX);
    make_client(b, 0, &b->creator);
    for (uint32_t i = 0; i < b->members; i++) {
        make_client(b, i + 1, &b->packages[i]);
        b->adds[i].type = SG_MLS_ADD;
        b->adds[i].u.add = sg_mls_arena_new(&b->arena, 1, sizeof(*b->adds[i].u.add));
        struct sg_reader r = sg_reader(b->packages[i].package);
        sg_mls_read_key_package(&r, b->adds[i].u.add);
        demand(sg_reader_done(&r), "read");
    }
}

static struct sg_mls_package_keys keys_of(const struct bench *b, uint32_t i,
                                          const struct sg_mls_package *package)
{
    return (struct sg_mls_package_keys){
        package->package, package->init_private, package->encryption_private,
        sg_bytes(b->signature_private[i], b->suite->sig_private_len)};
}

static void write_tree(struct sg_writer *w, const void *tree)
{
    sg_mls_write_tree(w, tree);
}

static struct sg_mls_group *join(struct bench *b, uint32_t i, struct sg_bytes welcome,
                                 struct sg_bytes tree)
{
    struct sg_mls_group *group;
    struct sg_mls_join in = {.config = &b->config,
                             .welcome = welcome,
                             .keys = keys_of(b, i + 1, &b->packages[i]),
                             .tree = tree,
                             .now = NOW};
    demand(sg_mls_group_join(&in, &group), "join");
    return group;
}

static bool is_json;

static void sort(double *ms, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && ms[j] < ms[j - 1]; j--) {
            double swap = ms[j];
            ms[j] = ms[j - 1];
            ms[j - 1] = swap;
        }
}

static void print(const char *what, double *ms, int count, size_t bytes)
{
    sort(ms, count);
    if (is_json) {
        (void)printf(
            "{\"what\":\"%s\",\"ms\":%.3f,\"low\":%.3f,\"high\":%.3f,\"runs\":%d,\"bytes\":%zu}\n",
            what, ms[count / 2], ms[0], ms[count - 1], count, bytes);
        return;
    }
    (void)printf("  %-34s %9.2f ms  (%.2f .. %.2f, %d runs)", what, ms[count / 2], ms[0],
                 ms[count - 1], count);
    if (bytes > 0)
        (void)printf("  %zu B", bytes);
    (void)printf("\n");
}

static void print_head(const struct bench *b, uint32_t members, const char *tree)
{
    if (is_json)
        (void)printf("{\"suite\":\"%s\",\"members\":%u,\"tree\":\"%s\"}\n", b->suite->name, members,
                     tree);
    else
        (void)printf("%s, %u members, %s tree\n", b->suite->name, members, tree);
}

static int runs_for(uint32_t members)
{
    return members > 2000 ? 3 : RUNS;
}

/* ---- what the crypto library needs ---- */

#define CRYPTO_RUNS 200

static void bench_crypto(struct bench *b)
{
    const struct sg_mls_suite *suite = b->suite;
    uint8_t signature[SG_MLS_SIG_MAX], public_key[SG_MLS_SIG_PUBLIC_MAX], data[300] = {7};
    uint8_t kem_private[SG_MLS_KEM_PRIVATE_MAX], kem_public[SG_MLS_KEM_PUBLIC_MAX];
    uint8_t enc[SG_MLS_KEM_ENC_MAX], out[300 + 64];
    size_t len;
    double signed_ms = 0, verified = 0, sealed = 0;
    struct sg_bytes key = sg_bytes(b->signature_private[0], suite->sig_private_len);
    struct sg_mls_to_sign to_sign = {key, sg_bytes(data, sizeof(data)), NULL};
    demand(suite->sig_public(suite, key, public_key), "public key");
    demand(suite->kem_generate(suite, b->config.random, kem_private, kem_public), "KEM key");
    for (int i = 0; i < CRYPTO_RUNS; i++) {
        double start = now_ms();
        demand(suite->sign(suite, b->config.random, &to_sign, signature, &len), "sign");
        signed_ms += now_ms() - start;
        start = now_ms();
        demand(suite->verify(suite, sg_bytes(public_key, suite->sig_public_len), to_sign.content,
                             sg_bytes(signature, len)),
               "verify");
        verified += now_ms() - start;
        struct sg_mls_hpke_to to = {.public_key = sg_bytes(kem_public, suite->kem_public_len),
                                    .plain = sg_bytes(data, suite->hash_len)};
        start = now_ms();
        demand(suite->hpke_seal(suite, b->config.random, &to, enc, out), "seal");
        sealed += now_ms() - start;
    }
    signed_ms /= CRYPTO_RUNS;
    verified /= CRYPTO_RUNS;
    sealed /= CRYPTO_RUNS;
    print("one signature", &signed_ms, 1, len);
    print("one verification", &verified, 1, 0);
    print("one HPKE seal", &sealed, 1, suite->kem_enc_len);
}

/* ---- memory ---- */

/* Live bytes of what is allocated through it. */
static void *count_alloc(void *user, size_t size)
{
    uint64_t *block = malloc(size + 16);
    if (block == NULL)
        return NULL;
    *block = size;
    *(uint64_t *)user += size;
    return block + 2;
}

static void count_free(void *user, void *ptr)
{
    if (ptr == NULL)
        return;
    uint64_t *block = (uint64_t *)ptr - 2;
    *(uint64_t *)user -= *block;
    free(block);
}

static void *count_realloc(void *user, void *ptr, size_t size)
{
    void *grown = count_alloc(user, size);
    if (grown == NULL)
        return NULL;
    if (ptr != NULL) {
        uint64_t len = ((uint64_t *)ptr)[-2];
        memcpy(grown, ptr, len < size ? len : size);
    }
    count_free(user, ptr);
    return grown;
}

/* One commit by from, followed by to; what each cost. */
static size_t commit(struct bench *b, struct sg_mls_group *from, struct sg_mls_group *to,
                     double *made, double *followed)
{
    struct sg_mls_arena arena;
    struct sg_mls_commit_options options = {.send = {.now = NOW}};
    struct sg_mls_commit_result result;
    struct sg_mls_event event;
    sg_mls_arena_init(&arena, sg_mem_default(), b->suite->wipe);
    double start = now_ms();
    demand(sg_mls_group_commit(from, &arena, &options, &result), "commit");
    demand(sg_mls_group_merge(from), "merge");
    *made = now_ms() - start;
    start = now_ms();
    demand(sg_mls_group_process(to, result.commit, NOW, &event), "process");
    sg_mls_event_fini(&event);
    *followed = now_ms() - start;
    size_t len = result.commit.len;
    sg_mls_arena_fini(&arena);
    return len;
}

static void bench_messages(struct bench *b, struct sg_mls_group *from, struct sg_mls_group *to)
{
    double sealed[SHORT_RUNS], opened[SHORT_RUNS];
    uint8_t data[64] = {0};
    size_t len = 0;
    for (int run = 0; run < SHORT_RUNS; run++) {
        struct sg_mls_arena arena;
        struct sg_bytes message;
        struct sg_mls_event event;
        sg_mls_arena_init(&arena, sg_mem_default(), b->suite->wipe);
        double start = now_ms();
        demand(sg_mls_group_protect(from, &arena, sg_bytes(data, 64), sg_bytes(NULL, 0), &message),
               "protect");
        sealed[run] = now_ms() - start;
        start = now_ms();
        demand(sg_mls_group_process(to, message, NOW, &event), "unprotect");
        opened[run] = now_ms() - start;
        len = message.len;
        sg_mls_event_fini(&event);
        sg_mls_arena_fini(&arena);
    }
    print("encrypt 64 B", sealed, SHORT_RUNS, len);
    print("decrypt", opened, SHORT_RUNS, 0);
}

/* A member that joins with an allocator that counts. */
static void bench_memory(struct bench *b, struct sg_bytes welcome, struct sg_bytes tree)
{
    uint64_t live = 0;
    const struct sg_mem counting = {count_alloc, count_realloc, count_free, &live};
    const struct sg_mem *before = b->config.mem;
    b->config.mem = &counting;
    struct sg_mls_group *group = join(b, 0, welcome, tree);
    if (is_json)
        (void)printf("{\"what\":\"memory\",\"bytes\":%llu}\n", (unsigned long long)live);
    else
        (void)printf("  %-34s %9.2f KB for each member\n", "state in memory",
                     (double)live / 1e3 / (b->members + 1));
    sg_mls_group_free(group);
    b->config.mem = before;
}

static void bench_blank(uint16_t suite, uint32_t members)
{
    const int count = runs_for(members);
    struct bench b = {0};
    struct sg_mls_group *creator = NULL, *first = NULL, *second;
    struct sg_mls_commit_result result;
    struct sg_bytes tree;
    double runs[4][RUNS];
    size_t commit_len = 0;
    set_up(&b, suite, members);
    print_head(&b, members, "blank");
    bench_crypto(&b);
    for (int run = 0; run < count; run++) {
        struct sg_mls_create in = {.config = &b.config,
                                   .group_id = SG_BYTES_LIT("bench"),
                                   .keys = keys_of(&b, 0, &b.creator),
                                   .now = NOW};
        struct sg_mls_commit_options options = {
            .send = {.now = NOW}, .values = b.adds, .count = b.members, .omits_path = true};
        sg_mls_group_free(creator);
        sg_mls_group_free(first);
        demand(sg_mls_group_create(&in, &creator), "create");
        double start = now_ms();
        demand(sg_mls_group_commit(creator, &b.arena, &options, &result), "add all");
        demand(sg_mls_group_merge(creator), "merge");
        runs[0][run] = now_ms() - start;
        demand(sg_mls_encode(&b.arena, write_tree, &creator->tree, &tree), "tree");
        start = now_ms();
        first = join(&b, 0, result.welcome, tree);
        runs[1][run] = now_ms() - start;
    }
    print("add all", runs[0], count, result.commit.len);
    print("join", runs[1], count, result.welcome.len);
    bench_memory(&b, result.welcome, tree);
    second = join(&b, b.members - 1, result.welcome, tree);
    for (int run = 0; run < count; run++)
        commit_len = commit(&b, second, first, &runs[2][run], &runs[3][run]);
    print("update", runs[2], count, commit_len);
    print("process", runs[3], count, 0);
    bench_messages(&b, second, first);
    sg_mls_group_free(creator);
    sg_mls_group_free(first);
    sg_mls_group_free(second);
    sg_mls_arena_fini(&b.arena);
}

/* ---- a full tree ---- */

/* Makes group that of member i + 1, who has only its leaf key: enough to commit. All members share
 * the secrets of an epoch, and to let each of them join would take hours. */
static void become(struct bench *b, struct sg_mls_group *group, uint32_t i)
{
    struct sg_mls_epoch *epoch = group->epoch;
    memset(&epoch->own, 0, sizeof(epoch->own));
    epoch->own.leaf = i + 1;
    sg_mls_private_put(&epoch->own, sg_mls_leaf_node(i + 1), b->packages[i].encryption_private);
    memcpy(epoch->signature_private, b->signature_private[i + 1], b->suite->sig_private_len);
}

/* Every second member but the other one commits once, those far apart first, so that the tree fills
 * soon; leaf 2 comes last, whose path is as long as any. */
static void fill(struct bench *b, struct sg_mls_group *group, struct sg_mls_group *other)
{
    double ignored[2];
    for (uint32_t step = group->tree.leaves / 2; step > 1; step /= 2)
        for (uint32_t leaf = step; leaf <= b->members; leaf += 2 * step) {
            if (leaf == sg_mls_group_leaf(other) || leaf == 2)
                continue;
            become(b, group, leaf - 1);
            (void)commit(b, group, other, &ignored[0], &ignored[1]);
        }
    become(b, group, 1);
    (void)commit(b, group, other, &ignored[0], &ignored[1]);
}

/* Undoes UNDO commits and follows them again. */
#define UNDO 16

static void bench_rollback(struct bench *b, struct sg_mls_group *from, struct sg_mls_group *to)
{
    struct sg_bytes commits[UNDO];
    struct sg_mls_event event;
    double ms;
    for (int i = 0; i < UNDO; i++) {
        struct sg_mls_commit_options options = {.send = {.now = NOW}};
        struct sg_mls_commit_result result;
        demand(sg_mls_group_commit(from, &b->arena, &options, &result), "commit");
        demand(sg_mls_group_merge(from), "merge");
        demand(sg_mls_group_process(to, result.commit, NOW, &event), "process");
        sg_mls_event_fini(&event);
        commits[i] = result.commit;
    }
    double start = now_ms();
    for (int i = 0; i < UNDO; i++)
        demand(sg_mls_group_rollback(to), "roll back");
    ms = now_ms() - start;
    print("roll back 16 commits", &ms, 1, 0);
    for (int i = 0; i < UNDO; i++) {
        demand(sg_mls_group_process(to, commits[i], NOW, &event), "process");
        sg_mls_event_fini(&event);
    }
    ms = now_ms() - start;
    print("roll back 16 and follow again", &ms, 1, 0);
}

static void bench_full(uint16_t suite, uint32_t members)
{
    struct bench b = {0};
    struct sg_mls_group *group, *other;
    struct sg_mls_commit_result result;
    double made[SHORT_RUNS], followed[SHORT_RUNS], back[2];
    struct sg_bytes tree;
    size_t len = 0;
    set_up(&b, suite, members);
    b.config.undo_epochs = UNDO;
    b.config.past_epochs = UNDO;
    struct sg_mls_create in = {.config = &b.config,
                               .group_id = SG_BYTES_LIT("bench"),
                               .keys = keys_of(&b, 0, &b.creator),
                               .now = NOW};
    struct sg_mls_commit_options options = {
        .send = {.now = NOW}, .values = b.adds, .count = b.members, .omits_path = true};
    demand(sg_mls_group_create(&in, &group), "create");
    demand(sg_mls_group_commit(group, &b.arena, &options, &result), "add all");
    demand(sg_mls_group_merge(group), "merge");
    demand(sg_mls_encode(&b.arena, write_tree, &group->tree, &tree), "tree");
    other = join(&b, b.members - 1, result.welcome, tree);
    (void)commit(&b, group, other, &back[0], &back[1]); /* the path of leaf 0 */
    fill(&b, group, other);
    (void)commit(&b, other, group, &back[0], &back[1]);
    print_head(&b, members, "full");
    for (int run = 0; run < SHORT_RUNS; run++) {
        len = commit(&b, group, other, &made[run], &followed[run]);
        (void)commit(&b, other, group, &back[0], &back[1]);
    }
    print("update", made, SHORT_RUNS, len);
    print("process", followed, SHORT_RUNS, 0);
    bench_messages(&b, group, other);
    bench_rollback(&b, group, other);
    sg_mls_group_free(group);
    sg_mls_group_free(other);
    sg_mls_arena_fini(&b.arena);
}

int main(int argc, char **argv)
{
    int at = 1;
    is_json = argc > at && strcmp(argv[at], "json") == 0;
    at += is_json;
    bool only_full = argc > at && strcmp(argv[at], "full") == 0;
    bool only_blank = argc > at && strcmp(argv[at], "blank") == 0;
    at += only_full || only_blank;
    uint16_t suite = argc > at ? (uint16_t)strtoul(argv[at], NULL, 0) : 1;
    demand(sg_crypto_init(), "crypto");
    for (int i = at + 1; i < argc || i == at + 1; i++) {
        uint32_t members = i < argc ? (uint32_t)strtoul(argv[i], NULL, 0) : 1000;
        if (!only_full)
            bench_blank(suite, members);
        if (!only_blank)
            bench_full(suite, members);
    }
    return 0;
}
