/* The C side of the MLS interoperability tests: one JSON request per line on stdin, one reply per
 * line on stdout, byte strings in hex. Any number of actors live in one process; docs are in
 * tests/interop/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "crypto/init.h"
#include "mls/join.h"
#include "mls/package.h"
#include "mls/successor.h"

enum { ACTORS_MAX = 16, KEPT_MAX = 64, PROPOSALS_MAX = 64, NAME_MAX_LEN = 64, EXPORT_MAX = 1024 };

/* A key package whose private half we hold. */
struct kept {
    struct sg_mls_package package;
    struct sg_bytes signature_private;
};

struct psk {
    struct sg_bytes id;
    struct sg_bytes secret;
};

struct actor {
    char name[NAME_MAX_LEN];
    struct sg_mls_config config;
    struct sg_mls_identity identity;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    struct psk psks[KEPT_MAX];
    size_t psk_count;
    struct sg_mls_group *group;
    struct sg_mls_group *old; /* the closed or branched one */
};

static struct actor actors[ACTORS_MAX];
static size_t actor_count;
static struct sg_mls_arena arena; /* all that is read or made until a reset */

/* ---- JSON ---- */

static const char *text_of(const json_t *in, const char *name)
{
    const char *text = json_string_value(json_object_get(in, name));
    return text != NULL ? text : "";
}

static int64_t number_of(const json_t *in, const char *name)
{
    return json_integer_value(json_object_get(in, name));
}

static bool flag_of(const json_t *in, const char *name)
{
    return json_is_true(json_object_get(in, name));
}

static struct sg_bytes from_hex(const char *text)
{
    size_t len = strlen(text) / 2;
    uint8_t *out = sg_mls_arena_new(&arena, len + 1, 1);
    for (size_t i = 0; out != NULL && i < len; i++) {
        unsigned value = 0;
        (void)sscanf(text + 2 * i, "%2x", &value);
        out[i] = (uint8_t)value;
    }
    return sg_bytes(out, out != NULL ? len : 0);
}

static struct sg_bytes hex_of(const json_t *in, const char *name)
{
    return from_hex(text_of(in, name));
}

static void put_hex(json_t *out, const char *name, struct sg_bytes bytes)
{
    char *text = malloc(2 * bytes.len + 1);
    if (text == NULL)
        return;
    sg_hex(bytes.data, bytes.len, text);
    text[2 * bytes.len] = '\0';
    (void)json_object_set_new(out, name, json_string(text));
    free(text);
}

static uint64_t now(void)
{
    return (uint64_t)time(NULL);
}

static struct sg_mls_send send_of(const json_t *in)
{
    return (struct sg_mls_send){.is_private = flag_of(in, "private"), .now = now()};
}

/* ---- clients ---- */

static sg_err find_psk(void *user, const struct sg_mls_psk_id *id, struct sg_mls_psk_out *out)
{
    struct actor *a = user;
    for (size_t i = 0; i < a->psk_count && id->type == SG_MLS_PSK_EXTERNAL; i++) {
        if (!sg_bytes_equal(a->psks[i].id, id->id))
            continue;
        out->len = a->psks[i].secret.len;
        memcpy(out->secret, a->psks[i].secret.data, out->len);
        return SG_OK;
    }
    return SG_ERR_MLS_PSK;
}

static struct actor *actor_named(const char *name)
{
    for (size_t i = 0; i < actor_count; i++) {
        if (strcmp(actors[i].name, name) == 0)
            return &actors[i];
    }
    if (actor_count == ACTORS_MAX)
        return NULL;
    struct actor *a = &actors[actor_count++];
    (void)snprintf(a->name, sizeof(a->name), "%s", name);
    sg_mls_config_init(&a->config);
    a->config.accepts_outsiders = true;
    a->config.mem = sg_mem_default();
    a->config.suites = sg_mls_suites(&a->config.suite_count);
    a->config.random = sg_mls_random_default();
    a->config.psk = find_psk;
    a->config.user = a;
    return a;
}

/* Also again, with another suite: the group stays. */
static sg_err do_init(struct actor *a, const json_t *in, json_t *out)
{
    const struct sg_mls_suite *suite = sg_mls_suite_find((uint16_t)number_of(in, "suite"));
    if (suite == NULL)
        return SG_ERR_UNSUPPORTED;
    uint8_t *keys = sg_mls_arena_new(&arena, 1, SG_MLS_SIG_PRIVATE_MAX + SG_MLS_SIG_PUBLIC_MAX);
    if (keys == NULL)
        return SG_ERR_NO_MEMORY;
    uint8_t *public_key = keys + SG_MLS_SIG_PRIVATE_MAX;
    SG_TRY(suite->sig_generate(suite, a->config.random, keys, public_key));
    a->identity = (struct sg_mls_identity){
        .suite = suite,
        .credential = {SG_MLS_CREDENTIAL_BASIC, sg_bytes(a->name, strlen(a->name))},
        .signature_public = sg_bytes(public_key, suite->sig_public_len),
        .signature_private = sg_bytes(keys, suite->sig_private_len)};
    put_hex(out, "signature_key", a->identity.signature_public);
    return SG_OK;
}

static sg_err make_package(struct actor *a, struct kept **out)
{
    struct sg_mls_package_options options = {
        .now = now(), .lifetime = UINT64_C(30) * 86400, .has_no_grease = false};
    if (a->kept_count == KEPT_MAX)
        return SG_ERR_FULL;
    *out = &a->kept[a->kept_count];
    (*out)->signature_private = a->identity.signature_private;
    SG_TRY(sg_mls_package_make(&a->config, &a->identity, &options, &arena, &(*out)->package));
    a->kept_count++;
    return SG_OK;
}

static struct sg_mls_package_keys keys_of(const struct kept *k)
{
    return (struct sg_mls_package_keys){k->package.package, k->package.init_private,
                                        k->package.encryption_private, k->signature_private};
}

static sg_err do_key_package(struct actor *a, const json_t *in, json_t *out)
{
    struct kept *k;
    uint8_t head[] = {0, 1, 0, SG_MLS_WIRE_KEY_PACKAGE};
    (void)in;
    SG_TRY(make_package(a, &k));
    struct sg_bytes package = k->package.package;
    uint8_t *message = sg_mls_arena_new(&arena, sizeof(head) + package.len, 1);
    if (message == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(message, head, sizeof(head));
    memcpy(message + sizeof(head), package.data, package.len);
    put_hex(out, "key_package", sg_bytes(message, sizeof(head) + package.len));
    return SG_OK;
}

static sg_err do_psk(struct actor *a, const json_t *in, json_t *out)
{
    (void)out;
    if (a->psk_count == KEPT_MAX)
        return SG_ERR_FULL;
    a->psks[a->psk_count++] = (struct psk){hex_of(in, "id"), hex_of(in, "psk")};
    return SG_OK;
}

static sg_err do_create(struct actor *a, const json_t *in, json_t *out)
{
    struct kept *k;
    (void)out;
    SG_TRY(make_package(a, &k));
    struct sg_mls_create create = {.config = &a->config,
                                   .group_id = hex_of(in, "group_id"),
                                   .extensions = hex_of(in, "extensions"),
                                   .keys = keys_of(k),
                                   .now = now()};
    sg_mls_group_free(a->group);
    a->group = NULL;
    return sg_mls_group_create(&create, &a->group);
}

/* ---- proposals and commits ---- */

static sg_err read_add(struct sg_bytes message, struct sg_mls_proposal *out)
{
    struct sg_mls_message *m = sg_mls_arena_new(&arena, 1, sizeof(*m));
    if (m == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(sg_mls_decode_message(message, &arena, m));
    if (m->wire_format != SG_MLS_WIRE_KEY_PACKAGE)
        return SG_ERR_MALFORMED;
    out->type = SG_MLS_ADD;
    out->u.add = &m->u.key_package;
    return SG_OK;
}

static sg_err read_psk(const struct actor *a, const json_t *in, struct sg_mls_proposal *out)
{
    const struct sg_mls_suite *suite = a->identity.suite;
    uint8_t *nonce = sg_mls_arena_new(&arena, suite->hash_len, 1);
    if (nonce == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(a->config.random->fill(a->config.random->state, nonce, suite->hash_len));
    out->type = SG_MLS_PSK;
    out->u.psk = (struct sg_mls_psk_id){.type = SG_MLS_PSK_EXTERNAL,
                                        .id = hex_of(in, "id"),
                                        .nonce = sg_bytes(nonce, suite->hash_len)};
    if (strcmp(text_of(in, "type"), "resumption") != 0)
        return SG_OK;
    out->u.psk.type = SG_MLS_PSK_RESUMPTION;
    out->u.psk.usage = SG_MLS_USAGE_APPLICATION;
    out->u.psk.id = hex_of(in, "group_id");
    out->u.psk.epoch = (uint64_t)number_of(in, "epoch");
    return SG_OK;
}

static sg_err read_proposal(const struct actor *a, const json_t *in, struct sg_mls_proposal *out)
{
    const char *type = text_of(in, "type");
    memset(out, 0, sizeof(*out));
    if (strcmp(type, "add") == 0)
        return read_add(hex_of(in, "key_package"), out);
    if (strcmp(type, "psk") == 0 || strcmp(type, "resumption") == 0)
        return read_psk(a, in, out);
    if (strcmp(type, "remove") == 0) {
        out->type = SG_MLS_REMOVE;
        out->u.removed = (uint32_t)number_of(in, "leaf");
    } else if (strcmp(type, "extensions") == 0) {
        out->type = SG_MLS_GROUP_CONTEXT_EXTENSIONS;
        out->u.extensions = hex_of(in, "extensions");
    } else if (strcmp(type, "reinit") == 0) {
        out->type = SG_MLS_REINIT;
        out->u.reinit =
            (struct sg_mls_reinit){hex_of(in, "group_id"), SG_MLS_VERSION_10,
                                   (uint16_t)number_of(in, "suite"), hex_of(in, "extensions")};
    } else {
        return SG_ERR_UNSUPPORTED;
    }
    return SG_OK;
}

static sg_err read_proposals(const struct actor *a, const json_t *list, struct sg_mls_proposal *out,
                             uint32_t *count)
{
    *count = 0;
    if (json_array_size(list) > PROPOSALS_MAX)
        return SG_ERR_FULL;
    for (size_t i = 0; i < json_array_size(list); i++)
        SG_TRY(read_proposal(a, json_array_get(list, i), &out[(*count)++]));
    return SG_OK;
}

static sg_err do_propose(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_mls_proposal proposal;
    struct sg_bytes message;
    struct sg_mls_send send = send_of(in);
    const json_t *what = json_object_get(in, "proposal");
    if (strcmp(text_of(what, "type"), "update") == 0) {
        SG_TRY(sg_mls_group_propose_update(a->group, &arena, NULL, &send, &message));
    } else {
        SG_TRY(read_proposal(a, what, &proposal));
        SG_TRY(sg_mls_group_propose(a->group, &arena, &proposal, &send, &message));
    }
    put_hex(out, "message", message);
    return SG_OK;
}

static sg_err do_commit(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_mls_proposal values[PROPOSALS_MAX];
    struct sg_mls_commit_result result;
    struct sg_mls_commit_options options = {.send = send_of(in),
                                            .values = values,
                                            .omits_path = !flag_of(in, "force_path"),
                                            .tree_in_welcome = !flag_of(in, "external_tree"),
                                            .old = a->old};
    SG_TRY(read_proposals(a, json_object_get(in, "by_value"), values, &options.count));
    SG_TRY(sg_mls_group_commit(a->group, &arena, &options, &result));
    SG_TRY(sg_mls_group_merge(a->group));
    put_hex(out, "commit", result.commit);
    put_hex(out, "welcome", result.welcome);
    return SG_OK;
}

/* The private half of the key package that a Welcome is for. */
static sg_err find_kept(const struct actor *a, struct sg_bytes welcome, const struct kept **out)
{
    for (size_t i = a->kept_count; i-- > 0;) {
        *out = &a->kept[i];
        if (sg_mls_welcome_is_for(&a->config, welcome, (*out)->package.package) == SG_OK)
            return SG_OK;
    }
    return SG_ERR_MLS_WELCOME;
}

/* With old: the group that we are in is the one that the new one comes from. */
static sg_err do_join(struct actor *a, const json_t *in, json_t *out)
{
    const struct kept *k;
    struct sg_mls_group *joined;
    struct sg_bytes welcome = hex_of(in, "welcome");
    (void)out;
    SG_TRY(find_kept(a, welcome, &k));
    struct sg_mls_join join = {.config = &a->config,
                               .welcome = welcome,
                               .keys = keys_of(k),
                               .tree = hex_of(in, "tree"),
                               .old = flag_of(in, "old") ? a->group : NULL,
                               .now = now()};
    SG_TRY(sg_mls_group_join(&join, &joined));
    sg_mls_group_free(a->old);
    a->old = a->group;
    a->group = joined;
    return SG_OK;
}

static sg_err do_succeed(struct actor *a, const json_t *in, json_t *out)
{
    struct kept *k;
    struct sg_mls_group *fresh;
    struct sg_bytes welcome;
    struct sg_mls_proposal adds[PROPOSALS_MAX];
    struct sg_mls_successor next = {.config = &a->config,
                                    .old = a->group,
                                    .is_branch = flag_of(in, "branch"),
                                    .group_id = hex_of(in, "group_id"),
                                    .extensions = hex_of(in, "extensions"),
                                    .adds = adds,
                                    .tree_in_welcome = !flag_of(in, "external_tree"),
                                    .now = now()};
    SG_TRY(make_package(a, &k));
    next.keys = keys_of(k);
    SG_TRY(read_proposals(a, json_object_get(in, "adds"), adds, &next.count));
    SG_TRY(sg_mls_group_succeed(&next, &arena, &fresh, &welcome));
    sg_mls_group_free(a->old);
    a->old = a->group;
    a->group = fresh;
    put_hex(out, "welcome", welcome);
    return SG_OK;
}

/* ---- messages ---- */

static sg_err do_process(struct actor *a, const json_t *in, json_t *out)
{
    static const char *const kinds[] = {
        [SG_MLS_EVENT_APPLICATION] = "application",
        [SG_MLS_EVENT_PROPOSAL] = "proposal",
        [SG_MLS_EVENT_COMMIT] = "commit",
        [SG_MLS_EVENT_REMOVED] = "removed",
        [SG_MLS_EVENT_OWN] = "own",
    };
    struct sg_mls_event event;
    SG_TRY(sg_mls_group_process(a->group, hex_of(in, "message"), now(), &event));
    (void)json_object_set_new(out, "kind", json_string(kinds[event.kind]));
    put_hex(out, "data", event.data);
    put_hex(out, "aad", event.authenticated_data);
    sg_mls_event_fini(&event);
    return SG_OK;
}

static sg_err do_protect(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_bytes message;
    SG_TRY(sg_mls_group_protect(a->group, &arena, hex_of(in, "data"), hex_of(in, "aad"), &message));
    put_hex(out, "message", message);
    return SG_OK;
}

static sg_err do_export(struct actor *a, const json_t *in, json_t *out)
{
    uint8_t secret[EXPORT_MAX];
    const struct sg_mls_epoch *epoch = a->group->epoch;
    size_t len = (size_t)number_of(in, "length");
    const char *label = text_of(in, "label");
    struct sg_mls_expand expand = {sg_mls_secret_bytes(a->group->suite, &epoch->secrets.exporter),
                                   sg_bytes(label, strlen(label)), hex_of(in, "context")};
    if (len > sizeof(secret))
        return SG_ERR_TOO_LARGE;
    SG_TRY(sg_mls_exporter(a->group->suite, &expand, secret, len));
    put_hex(out, "secret", sg_bytes(secret, len));
    return SG_OK;
}

static void write_tree(struct sg_writer *w, const void *tree)
{
    sg_mls_write_tree(w, tree);
}

static sg_err do_tree(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_bytes tree;
    (void)in;
    SG_TRY(sg_mls_encode(&arena, write_tree, &a->group->tree, &tree));
    put_hex(out, "tree", tree);
    return SG_OK;
}

static sg_err do_group_info(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_bytes message;
    struct sg_mls_info_options options = {.has_tree = !flag_of(in, "external_tree"),
                                          .has_external_pub = true};
    SG_TRY(sg_mls_group_info(a->group, &arena, &options, &message));
    put_hex(out, "group_info", message);
    return SG_OK;
}

static sg_err do_external_join(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_mls_group *joined;
    struct sg_bytes commit;
    struct sg_mls_new_leaf leaf = {.signature_private = a->identity.signature_private};
    struct sg_mls_proposal psks[PROPOSALS_MAX];
    struct sg_mls_psk_id ids[PROPOSALS_MAX];
    struct sg_mls_external external = {.config = &a->config,
                                       .group_info = hex_of(in, "group_info"),
                                       .tree = hex_of(in, "tree"),
                                       .leaf = &leaf,
                                       .removes_prior = flag_of(in, "resync"),
                                       .psks = ids,
                                       .now = now()};
    SG_TRY(sg_mls_identity_leaf(&a->config, &a->identity, false, &arena, &leaf.leaf));
    SG_TRY(read_proposals(a, json_object_get(in, "psks"), psks, &external.psk_count));
    for (uint32_t i = 0; i < external.psk_count; i++)
        ids[i] = psks[i].u.psk;
    SG_TRY(sg_mls_group_external_join(&external, &arena, &joined, &commit));
    sg_mls_group_free(a->group);
    a->group = joined;
    put_hex(out, "commit", commit);
    return sg_mls_group_merge(a->group);
}

/* By an external sender, or with index -1 a new member's Add of itself. */
static sg_err do_propose_outside(struct actor *a, const json_t *in, json_t *out)
{
    struct sg_mls_proposal proposal;
    struct sg_bytes message;
    struct sg_mls_signer signer = {.suite = a->identity.suite,
                                   .random = a->config.random,
                                   .private_key = a->identity.signature_private};
    struct sg_mls_outside outside = {.signer = &signer,
                                     .group_id = hex_of(in, "group_id"),
                                     .epoch = (uint64_t)number_of(in, "epoch"),
                                     .sender_index = (uint32_t)number_of(in, "index")};
    SG_TRY(read_proposal(a, json_object_get(in, "proposal"), &proposal));
    SG_TRY(sg_mls_propose_from_outside(&outside, &arena, &proposal, &message));
    put_hex(out, "message", message);
    return SG_OK;
}

static sg_err do_state(struct actor *a, const json_t *in, json_t *out)
{
    (void)a;
    (void)in;
    (void)out;
    return SG_OK;
}

/* ---- the loop ---- */

static void put_state(const struct actor *a, json_t *out)
{
    if (a->group == NULL || a->group->is_removed)
        return;
    const struct sg_mls_epoch *epoch = a->group->epoch;
    (void)json_object_set_new(out, "epoch", json_integer((json_int_t)epoch->context.epoch));
    (void)json_object_set_new(out, "leaf", json_integer(sg_mls_group_leaf(a->group)));
    put_hex(out, "group_id", epoch->context.group_id);
    put_hex(out, "tree_hash", epoch->context.tree_hash);
    put_hex(out, "epoch_authenticator",
            sg_mls_secret_bytes(a->group->suite, &epoch->secrets.authenticator));
}

static sg_err run(struct actor *a, const json_t *in, json_t *out)
{
    static const struct {
        const char *verb;
        bool needs_group;
        sg_err (*call)(struct actor *a, const json_t *in, json_t *out);
    } verbs[] = {
        {"init", false, do_init},
        {"key_package", false, do_key_package},
        {"psk", false, do_psk},
        {"create", false, do_create},
        {"propose", true, do_propose},
        {"commit", true, do_commit},
        {"join", false, do_join},
        {"succeed", true, do_succeed},
        {"process", true, do_process},
        {"protect", true, do_protect},
        {"export", true, do_export},
        {"tree", true, do_tree},
        {"group_info", true, do_group_info},
        {"external_join", false, do_external_join},
        {"propose_outside", false, do_propose_outside},
        {"state", true, do_state},
    };
    const char *verb = text_of(in, "verb");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].verb, verb) != 0)
            continue;
        if (a == NULL || (verbs[i].needs_group && a->group == NULL))
            return SG_ERR_INVALID_STATE;
        return verbs[i].call(a, in, out);
    }
    return SG_ERR_UNSUPPORTED;
}

/* Forgets all actors. */
static void reset(void)
{
    for (size_t i = 0; i < actor_count; i++) {
        sg_mls_group_free(actors[i].group);
        sg_mls_group_free(actors[i].old);
    }
    memset(actors, 0, sizeof(actors));
    actor_count = 0;
    sg_mls_arena_fini(&arena);
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
}

static void answer(const char *line)
{
    json_t *in = json_loads(line, 0, NULL);
    json_t *out = json_object();
    if (strcmp(text_of(in, "verb"), "reset") == 0) {
        reset();
        (void)printf("{\"ok\":true}\n");
        (void)fflush(stdout);
        json_decref(in);
        json_decref(out);
        return;
    }
    struct actor *a = actor_named(text_of(in, "actor"));
    sg_err err = in == NULL ? SG_ERR_MALFORMED : run(a, in, out);
    (void)json_object_set_new(out, "ok", json_boolean(err == SG_OK));
    if (err != SG_OK)
        (void)json_object_set_new(out, "error", json_string(sg_err_name(err)));
    else
        put_state(a, out);
    char *text = json_dumps(out, JSON_COMPACT);
    (void)printf("%s\n", text != NULL ? text : "{}");
    (void)fflush(stdout);
    free(text);
    json_decref(in);
    json_decref(out);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    if (sg_crypto_init() != SG_OK)
        return 1;
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    while (getline(&line, &cap, stdin) >= 0)
        answer(line);
    free(line);
    reset();
    sg_mls_arena_fini(&arena);
    return 0;
}
