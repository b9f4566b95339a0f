/* A live group of three that is fed messages of its own, whole, damaged, cut, repeated, reordered
 * and spliced, and bytes of the fuzzer's. The input is a program: each byte an operation, the next
 * ones what it needs. All randomness follows from the input, so a crash plays back.
 *
 * After each operation:
 *   - an error has changed nothing: state, tree, waiting proposals, pending commit are as before;
 *   - a damaged message is never taken for anything but an echo of one's own;
 *   - the tree has the hash that the epoch says, and its parents' hashes are valid;
 *   - members in the same epoch of the same history have the same authenticator;
 *   - a guest joins by a welcome, with the tree in it or beside, that is as it was made, and by no
 *     other.
 *
 * With an odd last byte the suite is the one of tests/support/mls_clear.h, which takes any
 * signature and tag: then what is damaged gets to all that is behind those, as from a member who
 * lies, and is taken where nothing else is wrong with it. */
#include <assert.h>
#include <string.h>

#include "crypto/init.h"
#include "mls/create.h"
#include "mls/join.h"
#include "mls/package.h"
#include "mls/state.h"
#include "support/mls_clear.h"

#define NOW UINT64_C(1800000000)
#define MEMBERS 3
#define POOL 16
#define OPERATIONS 24

struct member {
    uint8_t name;
    uint8_t signature_private[SG_MLS_SIG_PRIVATE_MAX];
    uint8_t signature_public[SG_MLS_SIG_PUBLIC_MAX];
    struct sg_mls_identity identity;
    struct sg_mls_package package;
    struct sg_mls_group *group;
};

struct world {
    struct sg_mls_config config;
    struct sg_mls_random random;
    uint64_t seed;
    struct sg_mls_arena arena;
    struct member members[MEMBERS];
    struct member guest;        /* group NULL: not in one yet */
    struct sg_bytes welcome;    /* the last one for the guest; len 0: none */
    struct sg_bytes tree;       /* that goes with it; len 0: it is inside */
    struct sg_bytes pool[POOL]; /* messages that were sent */
    unsigned sent;
    struct sg_bytes in; /* what is left of the input */
    bool is_clear;
};

static sg_err fill(void *state, uint8_t *out, size_t len)
{
    uint64_t *seed = state;
    for (size_t i = 0; i < len; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(*seed >> 56);
    }
    return SG_OK;
}

static uint8_t next_byte(struct world *w)
{
    if (w->in.len == 0)
        return 0;
    uint8_t byte = w->in.data[0];
    w->in = sg_bytes(w->in.data + 1, w->in.len - 1);
    return byte;
}

static struct member *next_member(struct world *w)
{
    return &w->members[next_byte(w) % MEMBERS];
}

/* ---- the group ---- */

static void make_member(struct world *w, struct member *m, uint8_t name)
{
    const struct sg_mls_suite *suite = &w->config.suites[0];
    struct sg_mls_package_options options = {.now = NOW, .lifetime = 86400};
    m->name = name;
    assert(suite->sig_generate(suite, &w->random, m->signature_private, m->signature_public) ==
           SG_OK);
    m->identity = (struct sg_mls_identity){
        .suite = suite,
        .credential = {SG_MLS_CREDENTIAL_BASIC, sg_bytes(&m->name, 1)},
        .signature_public = sg_bytes(m->signature_public, suite->sig_public_len),
        .signature_private = sg_bytes(m->signature_private, suite->sig_private_len)};
    assert(sg_mls_package_make(&w->config, &m->identity, &options, &w->arena, &m->package) ==
           SG_OK);
}

static struct sg_mls_package_keys keys_of(const struct member *m)
{
    return (struct sg_mls_package_keys){m->package.package, m->package.init_private,
                                        m->package.encryption_private,
                                        m->identity.signature_private};
}

static struct sg_mls_proposal add_of(struct world *w, const struct member *m)
{
    struct sg_mls_proposal add = {.type = SG_MLS_ADD};
    add.u.add = sg_mls_arena_new(&w->arena, 1, sizeof(*add.u.add));
    assert(add.u.add != NULL);
    struct sg_reader r = sg_reader(m->package.package);
    sg_mls_read_key_package(&r, add.u.add);
    assert(sg_reader_done(&r) == SG_OK);
    return add;
}

static void set_up(struct world *w)
{
    sg_mls_config_init(&w->config);
    w->config.mem = sg_mem_default();
    w->config.suites = w->is_clear
                           ? sg_mls_clear_suite()
                           : sg_mls_suite_find(SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    w->config.suite_count = 1;
    w->random = (struct sg_mls_random){&w->seed, fill};
    w->config.random = &w->random;
    w->config.undo_epochs = 2;
    sg_mls_arena_init(&w->arena, sg_mem_default(), NULL);
    for (uint8_t i = 0; i < MEMBERS; i++)
        make_member(w, &w->members[i], (uint8_t)('a' + i));
    make_member(w, &w->guest, 'g');
    struct sg_mls_create create = {.config = &w->config,
                                   .group_id = SG_BYTES_LIT("g"),
                                   .keys = keys_of(w->members),
                                   .now = NOW};
    assert(sg_mls_group_create(&create, &w->members[0].group) == SG_OK);
    struct sg_mls_proposal adds[] = {add_of(w, &w->members[1]), add_of(w, &w->members[2])};
    struct sg_mls_commit_options options = {
        .send = {.now = NOW}, .values = adds, .count = 2, .tree_in_welcome = true};
    struct sg_mls_commit_result result;
    assert(sg_mls_group_commit(w->members[0].group, &w->arena, &options, &result) == SG_OK);
    assert(sg_mls_group_merge(w->members[0].group) == SG_OK);
    for (unsigned i = 1; i < MEMBERS; i++) {
        struct sg_mls_join join = {.config = &w->config,
                                   .welcome = result.welcome,
                                   .keys = keys_of(&w->members[i]),
                                   .now = NOW};
        assert(sg_mls_group_join(&join, &w->members[i].group) == SG_OK);
    }
}

/* ---- invariants ---- */

static void write_fingerprint(struct sg_writer *w, const void *what)
{
    const struct sg_mls_group *group = what;
    sg_mls_write_epoch(w, group->epoch);
    sg_mls_write_tree(w, &group->tree);
    sg_write_u32(w, group->cache_count);
    sg_write_u32(w, group->past_count);
    sg_write_u8(w, group->pending != NULL);
    sg_write_u8(w, group->is_removed);
    for (uint32_t i = 0; i < group->past_count; i++)
        sg_mls_write_epoch(w, group->past[i].epoch);
}

static struct sg_bytes fingerprint(struct world *w, const struct member *m)
{
    struct sg_bytes out;
    assert(sg_mls_encode(&w->arena, write_fingerprint, m->group, &out) == SG_OK);
    return out;
}

static void check_tree(struct sg_mls_group *group)
{
    assert(sg_bytes_equal(sg_mls_tree_root_hash(&group->tree), group->epoch->context.tree_hash));
    assert(sg_mls_tree_verify_parents(&group->tree) == SG_OK);
    assert(group->tree.keys.duplicates == 0);
}

static void check_same(const struct world *w, const struct sg_mls_group *a,
                       const struct sg_mls_group *b)
{
    if (w->is_clear || a->is_removed || b->is_removed ||
        !sg_bytes_equal(a->epoch->context.raw, b->epoch->context.raw))
        return;
    assert(memcmp(a->epoch->secrets.authenticator.b, b->epoch->secrets.authenticator.b, 32) == 0);
}

static void check(struct world *w)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct sg_mls_group *group = w->members[i].group;
        check_tree(group);
        check_same(w, group, w->members[(i + 1) % MEMBERS].group);
        if (w->guest.group != NULL)
            check_same(w, group, w->guest.group);
    }
    if (w->guest.group != NULL)
        check_tree(w->guest.group);
}

/* ---- operations ---- */

static void send(struct world *w, sg_err err, struct sg_bytes message)
{
    if (err != SG_OK)
        return;
    w->pool[w->sent % POOL] = message;
    w->sent++;
}

static void propose(struct world *w, struct member *m)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_REMOVE};
    struct sg_mls_send how = {.is_private = (next_byte(w) & 1) != 0, .now = NOW};
    struct sg_bytes message = sg_bytes(NULL, 0);
    sg_err err;
    switch (next_byte(w) % 4) {
    case 0:
        err = sg_mls_group_propose_update(m->group, &w->arena, NULL, &how, &message);
        break;
    case 1:
        proposal.u.removed = next_byte(w) % 4;
        err = sg_mls_group_propose(m->group, &w->arena, &proposal, &how, &message);
        break;
    case 2:
        proposal.type = SG_MLS_SELF_REMOVE;
        how.is_private = false;
        err = sg_mls_group_propose(m->group, &w->arena, &proposal, &how, &message);
        break;
    default:
        proposal.type = SG_MLS_APP_DATA_UPDATE;
        proposal.u.app_data = (struct sg_mls_app_data){next_byte(w) % 3, (next_byte(w) & 1) != 0,
                                                       SG_BYTES_LIT("data")};
        err = sg_mls_group_propose(m->group, &w->arena, &proposal, &how, &message);
    }
    send(w, err, message);
}

static void commit(struct world *w, struct member *m)
{
    uint8_t choice = next_byte(w);
    struct sg_mls_commit_options options = {.send = {.is_private = (choice & 1) != 0, .now = NOW},
                                            .omits_path = (choice & 2) != 0};
    struct sg_mls_commit_result result;
    sg_err err = sg_mls_group_commit(m->group, &w->arena, &options, &result);
    send(w, err, err == SG_OK ? result.commit : sg_bytes(NULL, 0));
    if (err == SG_OK && (choice & 4) != 0)
        assert(sg_mls_group_merge(m->group) == SG_OK);
}

static void protect(struct world *w, struct member *m)
{
    struct sg_bytes message = sg_bytes(NULL, 0);
    sg_err err = sg_mls_group_protect(m->group, &w->arena, SG_BYTES_LIT("hello"), sg_bytes(NULL, 0),
                                      &message);
    send(w, err, message);
}

/* Bytes, perhaps no longer what they were. */
static struct sg_bytes mutate(struct world *w, struct sg_bytes message)
{
    uint8_t *copy = sg_mls_arena_new(&w->arena, message.len + 1, 1);
    assert(copy != NULL);
    memcpy(copy, message.data, message.len);
    size_t at = ((size_t)next_byte(w) << 8 | next_byte(w)) % message.len, len = message.len;
    switch (next_byte(w) % 4) {
    case 0:
        copy[at] ^= (uint8_t)(next_byte(w) | 1);
        break;
    case 1:
        len = at;
        break;
    case 2:
        copy[len++] = next_byte(w);
        break;
    default: {
        const struct sg_bytes other = w->pool[next_byte(w) % POOL];
        for (size_t i = at; i < len && i < other.len; i++)
            copy[i] = other.data[i];
    }
    }
    return sg_bytes(copy, len);
}

/* A message from the pool. */
static struct sg_bytes damage(struct world *w, struct sg_bytes message, bool *is_damaged)
{
    struct sg_bytes out = mutate(w, message);
    *is_damaged = true;
    for (unsigned i = 0; i < POOL; i++)
        *is_damaged = *is_damaged && !sg_bytes_equal(out, w->pool[i]);
    return out;
}

static void deliver(struct world *w, struct member *m, struct sg_bytes message, bool is_damaged)
{
    struct sg_mls_event event;
    struct sg_bytes before = fingerprint(w, m);
    sg_err err = sg_mls_group_process(m->group, message, NOW, &event);
    if (err == SG_OK) {
        /* of a message of one's own only the sender is looked at */
        assert(w->is_clear || !is_damaged || event.kind == SG_MLS_EVENT_OWN);
        if (event.kind == SG_MLS_EVENT_OWN)
            assert(sg_bytes_equal(before, fingerprint(w, m)));
        sg_mls_event_fini(&event);
        return;
    }
    assert(err != SG_ERR_CRYPTO && err != SG_ERR_NO_MEMORY && err != SG_ERR_INVALID_ARGUMENT);
    assert(sg_bytes_equal(before, fingerprint(w, m)));
}

static void receive(struct world *w, struct member *m, bool damages)
{
    struct sg_bytes message = w->pool[next_byte(w) % POOL];
    bool is_damaged = false;
    if (message.len == 0)
        return;
    if (damages)
        message = damage(w, message, &is_damaged);
    deliver(w, m, message, is_damaged);
}

/* ---- the guest ---- */

static void write_any_tree(struct sg_writer *w, const void *tree)
{
    sg_mls_write_tree(w, tree);
}

/* A commit that adds the guest, adopted at once, for then its tree can be given. */
static void invite(struct world *w, struct member *m)
{
    uint8_t choice = next_byte(w);
    struct sg_mls_proposal add = add_of(w, &w->guest);
    struct sg_mls_commit_options options = {.send = {.is_private = (choice & 1) != 0, .now = NOW},
                                            .values = &add,
                                            .count = 1,
                                            .skips_cached = (choice & 8) != 0,
                                            .omits_path = (choice & 2) != 0,
                                            .tree_in_welcome = (choice & 4) != 0};
    struct sg_mls_commit_result result;
    sg_err err = sg_mls_group_commit(m->group, &w->arena, &options, &result);
    if (err != SG_OK)
        return;
    send(w, err, result.commit);
    assert(sg_mls_group_merge(m->group) == SG_OK);
    w->welcome = result.welcome;
    w->tree = sg_bytes(NULL, 0);
    if (!options.tree_in_welcome)
        assert(sg_mls_encode(&w->arena, write_any_tree, &m->group->tree, &w->tree) == SG_OK);
}

/* The guest joins, once more if it has before. damages: 1 the welcome, 2 the tree. */
static void join(struct world *w, unsigned damages)
{
    struct sg_mls_join in = {.config = &w->config, .keys = keys_of(&w->guest), .now = NOW};
    struct sg_mls_group *group;
    if (w->welcome.len == 0)
        return;
    in.welcome = (damages & 1) != 0 ? mutate(w, w->welcome) : w->welcome;
    in.tree = (damages & 2) != 0 && w->tree.len > 0 ? mutate(w, w->tree) : w->tree;
    bool is_whole = sg_bytes_equal(in.welcome, w->welcome) && sg_bytes_equal(in.tree, w->tree);
    sg_err err = sg_mls_group_join(&in, &group);
    if (err != SG_OK) {
        assert(!is_whole || w->is_clear);
        assert(err != SG_ERR_CRYPTO && err != SG_ERR_NO_MEMORY && err != SG_ERR_INVALID_ARGUMENT);
        return;
    }
    assert(w->is_clear || is_whole);
    sg_mls_group_free(w->guest.group);
    w->guest.group = group;
}

static void operate(struct world *w)
{
    uint8_t what = next_byte(w) % 13;
    struct member *m = next_member(w);
    switch (what) {
    case 0:
        propose(w, m);
        break;
    case 1:
        commit(w, m);
        break;
    case 2:
        protect(w, m);
        break;
    case 3:
    case 4:
        receive(w, m, true);
        break;
    case 5:
        sg_mls_group_clear_pending(m->group);
        break;
    case 6: {
        sg_err err = sg_mls_group_rollback(m->group);
        assert(err == SG_OK || err == SG_ERR_NOT_FOUND);
        break;
    }
    case 7: {
        size_t len = w->in.len < 200 ? w->in.len : 200;
        deliver(w, m, sg_bytes(w->in.data, len), len > 0);
        break;
    }
    case 10:
        invite(w, m);
        break;
    case 11:
        join(w, next_byte(w) % 4);
        break;
    case 12:
        if (w->guest.group != NULL)
            receive(w, &w->guest, (next_byte(w) & 1) != 0);
        break;
    default:
        receive(w, m, false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.seed = 7, .in = sg_bytes(data, size)};
    if (size == 0)
        return 0;
    w.is_clear = (data[size - 1] & 1) != 0;
    assert(sg_crypto_init() == SG_OK);
    set_up(&w);
    for (unsigned i = 0; i < OPERATIONS && w.in.len > 0; i++) {
        operate(&w);
        check(&w);
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        sg_mls_group_free(w.members[i].group);
    sg_mls_group_free(w.guest.group);
    sg_mls_arena_fini(&w.arena);
    return 0;
}
