/* Cost of MLS operations by group size on one thread. A group is made by one commit that adds all
 * (the tree is blank but for the creator's path); "full" means that each member has committed once.
 * usage: bench_mls [full] [SUITE [MEMBERS...]] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/init.h"
#include "mls/join.h"
#include "mls/package.h"

#define NOW UINT64_C(1800000000)
#define RUNS 5

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

static void print(const char *what, double *ms, int count, size_t bytes)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && ms[j] < ms[j - 1]; j--) {
            double swap = ms[j];
            ms[j] = ms[j - 1];
            ms[j - 1] = swap;
        }
    (void)printf("  %-34s %9.2f ms  (%.2f .. %.2f, %d runs)", what, ms[count / 2], ms[0],
                 ms[count - 1], count);
    if (bytes > 0)
        (void)printf("  %zu B", bytes);
    (void)printf("\n");
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
    double sealed[RUNS], opened[RUNS];
    uint8_t data[64] = {0};
    size_t len = 0;
    for (int run = 0; run < RUNS; run++) {
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
    print("encrypt 64 B", sealed, RUNS, len);
    print("decrypt", opened, RUNS, 0);
}

static void bench_size(uint16_t suite, uint32_t members)
{
    struct bench b = {0};
    struct sg_mls_group *creator = NULL, *first = NULL, *second;
    struct sg_mls_commit_result result;
    struct sg_bytes tree;
    double runs[4][RUNS];
    size_t commit_len = 0;
    set_up(&b, suite, members);
    (void)printf("%s, %u members\n", b.suite->name, members);
    for (int run = 0; run < RUNS; run++) {
        struct sg_mls_create in = {.config = &b.config,
                                   .group_id = SG_BYTES_LIT("bench"),
                                   .keys = keys_of(&b, 0, &b.creator),
                                   .now = NOW};
        struct sg_mls_commit_options options = {
            .send = {.now = NOW}, .values = b.adds, .count = b.members};
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
    print("add all, one commit", runs[0], RUNS, result.commit.len);
    print("join", runs[1], RUNS, result.welcome.len);
    second = join(&b, b.members - 1, result.welcome, tree);
    commit_len = commit(&b, second, first, &runs[0][0], &runs[1][0]);
    print("update, blank tree", &runs[0][0], 1, commit_len);
    print("process it", &runs[1][0], 1, 0);
    for (int run = 0; run < RUNS; run++)
        commit_len = commit(&b, second, first, &runs[2][run], &runs[3][run]);
    print("update again", runs[2], RUNS, commit_len);
    print("process it", runs[3], RUNS, 0);
    bench_messages(&b, second, first);
    sg_mls_group_free(creator);
    sg_mls_group_free(first);
    sg_mls_group_free(second);
    sg_mls_arena_fini(&b.arena);
}

/* The creator adds member i, who commits at once: so no inner node stays blank. */
static struct sg_mls_group *grow(struct bench *b, struct sg_mls_group *creator, uint32_t i)
{
    struct sg_mls_arena arena;
    struct sg_mls_commit_options options = {
        .send = {.now = NOW}, .values = &b->adds[i], .count = 1, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    double ignored[2];
    sg_mls_arena_init(&arena, sg_mem_default(), b->suite->wipe);
    demand(sg_mls_group_commit(creator, &arena, &options, &result), "add");
    demand(sg_mls_group_merge(creator), "merge");
    struct sg_mls_group *joined = join(b, i, result.welcome, sg_bytes(NULL, 0));
    (void)commit(b, joined, creator, &ignored[0], &ignored[1]);
    sg_mls_arena_fini(&arena);
    return joined;
}

static void bench_full(uint16_t suite, uint32_t members)
{
    struct bench b = {0};
    struct sg_mls_group *creator, *last = NULL;
    double made[RUNS], followed[RUNS], back[2];
    size_t len = 0;
    set_up(&b, suite, members);
    struct sg_mls_create in = {.config = &b.config,
                               .group_id = SG_BYTES_LIT("bench"),
                               .keys = keys_of(&b, 0, &b.creator),
                               .now = NOW};
    demand(sg_mls_group_create(&in, &creator), "create");
    for (uint32_t i = 0; i < b.members; i++) {
        sg_mls_group_free(last);
        last = grow(&b, creator, i);
    }
    (void)printf("%s, %u members, full tree\n", b.suite->name, members);
    for (int run = 0; run < RUNS; run++) {
        len = commit(&b, last, creator, &made[run], &followed[run]);
        (void)commit(&b, creator, last, &back[0], &back[1]);
    }
    print("update", made, RUNS, len);
    print("process it", followed, RUNS, 0);
    sg_mls_group_free(creator);
    sg_mls_group_free(last);
    sg_mls_arena_fini(&b.arena);
}

int main(int argc, char **argv)
{
    bool is_full = argc > 1 && strcmp(argv[1], "full") == 0;
    int first = is_full ? 2 : 1;
    uint16_t suite = argc > first ? (uint16_t)strtoul(argv[first], NULL, 0) : 1;
    void (*const bench)(uint16_t, uint32_t) = is_full ? bench_full : bench_size;
    demand(sg_crypto_init(), "crypto");
    if (argc < first + 2)
        bench(suite, is_full ? 100 : 1000);
    for (int i = first + 1; i < argc; i++)
        bench(suite, (uint32_t)strtoul(argv[i], NULL, 0));
    return 0;
}
