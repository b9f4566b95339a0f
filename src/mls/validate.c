#include "mls/validate.h"

#include "mls/app_data.h"

/* A list of types of any length, to be asked more than once: a long one becomes a bit map, so that
 * nobody's two long lists take the product of their lengths. */
struct types {
    struct sg_bytes list;
    bool is_map;
    uint64_t map[1024];
};

static void types_init(struct types *t, struct sg_bytes list)
{
    size_t count = sg_mls_u16s_count(list);
    t->list = list;
    t->is_map = count > 64;
    if (!t->is_map)
        return;
    memset(t->map, 0, sizeof(t->map));
    for (size_t i = 0; i < count; i++) {
        uint16_t type = sg_mls_u16s_at(list, i);
        t->map[type / 64] |= UINT64_C(1) << type % 64;
    }
}

static bool types_has(const struct types *t, uint16_t type)
{
    return t->is_map ? (t->map[type / 64] >> type % 64 & 1) != 0 : sg_mls_u16s_has(t->list, type);
}

/* RFC9420 s7.3, s13.4: the group's extensions, and what required_capabilities asks for. Types that
 * every client knows need not be listed (s7.2). */
static bool supports_extension(const struct types *extensions, uint16_t type)
{
    return sg_mls_is_default_extension(type) || types_has(extensions, type);
}

static bool is_default_proposal(uint16_t type)
{
    return type <= SG_MLS_GROUP_CONTEXT_EXTENSIONS;
}

static bool is_default_credential(uint16_t type)
{
    (void)type;
    return false;
}

/* Is each type wanted in the list, or known to all? */
static bool has_all(struct sg_bytes list, struct sg_bytes wanted, bool (*is_default)(uint16_t))
{
    struct types types;
    types_init(&types, list);
    for (size_t i = 0; i < sg_mls_u16s_count(wanted); i++) {
        uint16_t type = sg_mls_u16s_at(wanted, i);
        if (!is_default(type) && !types_has(&types, type))
            return false;
    }
    return true;
}

static sg_err check_required(struct sg_bytes data, const struct sg_mls_capabilities *capabilities)
{
    struct sg_mls_required required;
    SG_TRY(sg_mls_decode_required(data, &required));
    return has_all(capabilities->extensions, required.extensions, sg_mls_is_default_extension) &&
                   has_all(capabilities->proposals, required.proposals, is_default_proposal) &&
                   has_all(capabilities->credentials, required.credentials, is_default_credential)
               ? SG_OK
               : SG_ERR_MLS_CAPABILITY;
}

sg_err sg_mls_check_support(struct sg_bytes extensions,
                            const struct sg_mls_capabilities *capabilities)
{
    struct sg_mls_extension one;
    struct types types;
    types_init(&types, capabilities->extensions);
    while (sg_mls_extension_next(&extensions, &one)) {
        if (!supports_extension(&types, one.type))
            return SG_ERR_MLS_CAPABILITY;
        if (one.type == SG_MLS_EXT_REQUIRED_CAPABILITIES)
            SG_TRY(check_required(one.data, capabilities));
    }
    return SG_OK;
}

static bool lists_all(const struct sg_mls_capabilities *capabilities, struct sg_bytes extensions)
{
    struct sg_mls_extension one;
    struct types types;
    bool all = true;
    types_init(&types, capabilities->extensions);
    while (sg_mls_extension_next(&extensions, &one))
        all = all && supports_extension(&types, one.type);
    return all;
}

/* What a leaf says of itself must fit what it contains. */
static sg_err check_consistent(const struct sg_mls_rules *rules, const struct sg_mls_leaf *leaf)
{
    const struct sg_mls_capabilities *capabilities = &leaf->capabilities;
    /* RFC9420 s11.1: all members support the version and the cipher suite in use */
    if (!sg_mls_u16s_has(capabilities->versions, SG_MLS_VERSION_10) ||
        !sg_mls_u16s_has(capabilities->suites, rules->suite->id))
        return SG_ERR_MLS_CAPABILITY;
    /* RFC9420 s7.2: "the credential type used in the LeafNode MUST be included in the credentials
     * field" */
    if (!sg_mls_u16s_has(capabilities->credentials, leaf->credential.type))
        return SG_ERR_MLS_LEAF;
    /* RFC9420 s7.3: "the ID for each extension in the extensions field is listed" */
    if (!lists_all(capabilities, leaf->extensions))
        return SG_ERR_MLS_LEAF;
    return sg_mls_check_support(rules->extensions, capabilities);
}

/* RFC9420 s7.2: "Applications MUST define a maximum total lifetime"; s7.3: the range. */
static sg_err check_lifetime(const struct sg_mls_rules *rules,
                             const struct sg_mls_leaf_check *check)
{
    const struct sg_mls_leaf *leaf = check->leaf;
    if (leaf->source != SG_MLS_LEAF_KEY_PACKAGE)
        return SG_OK;
    if (leaf->not_after < leaf->not_before)
        return SG_ERR_MLS_LEAF;
    if (!rules->is_sending && (rules->config->accepts_expired || check->is_in_tree))
        return SG_OK;
    if (leaf->not_after - leaf->not_before > rules->config->lifetime_max)
        return SG_ERR_MLS_LEAF;
    /* who comes back after a long time follows the commits of that time */
    if (rules->is_committed)
        return SG_OK;
    if (rules->now > leaf->not_after)
        return SG_ERR_EXPIRED;
    return rules->now < leaf->not_before ? SG_ERR_FUTURE : SG_OK;
}

static sg_err check_credential(const struct sg_mls_rules *rules,
                               const struct sg_mls_leaf_check *check)
{
    struct sg_mls_credential_check in = {&check->leaf->credential, check->leaf->signature_key,
                                         check->before, rules->now};
    /* RFC9420 s5.3.1: "Whenever a new credential is introduced in the group, it MUST be validated
     * with the AS" */
    return rules->config->credential == NULL ? SG_OK
                                             : rules->config->credential(rules->config->user, &in);
}

sg_err sg_mls_check_resync(const struct sg_mls_config *config,
                           const struct sg_mls_credential *before,
                           const struct sg_mls_credential *credential)
{
    return config->credential != NULL || sg_mls_credential_equal(before, credential)
               ? SG_OK
               : SG_ERR_MLS_CREDENTIAL;
}

sg_err sg_mls_check_leaf(const struct sg_mls_rules *rules, const struct sg_mls_leaf_check *check)
{
    const struct sg_mls_suite *suite = rules->suite;
    struct sg_mls_leaf_place place = {rules->group_id, check->index};
    if (check->source != 0 && check->leaf->source != check->source)
        return SG_ERR_MLS_LEAF;
    SG_TRY(check_consistent(rules, check->leaf));
    SG_TRY(check_lifetime(rules, check));
    if (!check->is_in_tree)
        SG_TRY(suite->kem_check(suite, check->leaf->encryption_key));
    if (!rules->is_verified)
        SG_TRY(sg_mls_leaf_verify(suite, rules->config->mem, &place, check->leaf));
    return check_credential(rules, check);
}

sg_err sg_mls_check_key_package(const struct sg_mls_rules *rules,
                                const struct sg_mls_key_package *key_package)
{
    const struct sg_mls_suite *suite = rules->suite;
    struct sg_mls_leaf_check check = {.leaf = &key_package->leaf,
                                      .source = SG_MLS_LEAF_KEY_PACKAGE};
    /* RFC9420 s10.1: "the cipher suite and protocol version of the KeyPackage match those in the
     * GroupContext" */
    if (key_package->version != SG_MLS_VERSION_10 || key_package->suite != suite->id)
        return SG_ERR_MLS_LEAF;
    /* RFC9420 s10.1: "leaf_node.encryption_key is different from the value of the init_key" */
    if (sg_bytes_equal(key_package->init_key, key_package->leaf.encryption_key))
        return SG_ERR_MLS_LEAF;
    SG_TRY(suite->kem_check(suite, key_package->init_key));
    SG_TRY(sg_mls_check_leaf(rules, &check));
    /* RFC9420 s10, s13.4: its extensions ought to be among the capabilities, but unknown ones "MUST
     * be ignored", and other stacks put GREASE there without listing it */
    /* RFC9420 s10: "A KeyPackage object with an invalid signature field MUST be considered
     * malformed" */
    return rules->is_verified ? SG_OK
                              : sg_mls_key_package_verify(suite, rules->config->mem, key_package);
}

static sg_err check_external_senders(const struct sg_mls_rules *rules, struct sg_bytes data)
{
    struct sg_mls_external_sender sender;
    const uint32_t max = rules->config->credential == NULL ? 0 : SG_MLS_EXTERNAL_SENDERS_MAX;
    sg_err err = sg_mls_decode_external_sender(data, max, &sender);
    if (max == 0 || (err != SG_OK && err != SG_ERR_NOT_FOUND))
        return err == SG_ERR_NOT_FOUND ? SG_OK : err;
    if (err == SG_OK)
        return SG_ERR_LIMIT; /* each is looked up from the first one on: before that */
    for (uint32_t i = 0;; i++) {
        err = sg_mls_decode_external_sender(data, i, &sender);
        if (err == SG_ERR_NOT_FOUND)
            return SG_OK;
        SG_TRY(err);
        struct sg_mls_credential_check in = {&sender.credential, sender.signature_key, NULL,
                                             rules->now};
        SG_TRY(rules->config->credential(rules->config->user, &in));
    }
}

sg_err sg_mls_check_group_extensions(const struct sg_mls_rules *rules, struct sg_bytes extensions)
{
    struct sg_mls_required required;
    struct sg_bytes data;
    if (sg_mls_extension_find(extensions, SG_MLS_EXT_REQUIRED_CAPABILITIES, &data))
        SG_TRY(sg_mls_decode_required(data, &required));
    if (sg_mls_extension_find(extensions, SG_MLS_EXT_EXTERNAL_SENDERS, &data))
        SG_TRY(check_external_senders(rules, data));
    if (sg_mls_extension_find(extensions, SG_MLS_EXT_APP_DATA_DICTIONARY, &data))
        SG_TRY(sg_mls_dictionary_check(data));
    return SG_OK;
}

/* ---- all members ---- */

sg_err sg_mls_check_members_support(const struct sg_mls_tree *tree, struct sg_bytes extensions)
{
    for (uint32_t i = 0; i < tree->leaves; i++) {
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(tree, i))
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        SG_TRY(sg_mls_check_support(extensions, &leaf.capabilities));
    }
    return SG_OK;
}

/* RFC9420 s13.2: "MUST NOT be included in a commit unless the proposal type is supported by all" */
sg_err sg_mls_check_proposal_type(const struct sg_mls_tree *tree, uint16_t type,
                                  const uint8_t *leaving)
{
    if (type >= SG_MLS_ADD && type <= SG_MLS_GROUP_CONTEXT_EXTENSIONS)
        return SG_OK;
    for (uint32_t i = 0; i < tree->leaves; i++) {
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(tree, i) || leaving[i])
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        if (!sg_mls_u16s_has(leaf.capabilities.proposals, type))
            return SG_ERR_MLS_CAPABILITY;
    }
    return SG_OK;
}

void sg_mls_types_of(const struct sg_mls_tree *tree, struct sg_mls_types *out)
{
    memcpy(out->at, tree->types, sizeof(out->at));
    out->count = tree->type_count;
}

sg_err sg_mls_check_leaf_types(const struct sg_mls_tree *tree,
                               const struct sg_mls_capabilities *capabilities)
{
    for (uint32_t i = 0; i < tree->type_count; i++)
        if (!sg_mls_u16s_has(capabilities->credentials, tree->types[i].type))
            return SG_ERR_MLS_CAPABILITY;
    return SG_OK;
}

static bool has_type(const struct sg_mls_types *types, uint16_t type)
{
    for (uint32_t i = 0; i < types->count; i++)
        if (types->at[i].type == type)
            return true;
    return false;
}

sg_err sg_mls_check_new_types(const struct sg_mls_tree *tree, const struct sg_mls_types *before)
{
    bool is_new = false;
    for (uint32_t i = 0; i < tree->type_count; i++)
        is_new = is_new || !has_type(before, tree->types[i].type);
    for (uint32_t i = 0; is_new && i < tree->leaves; i++) {
        struct sg_mls_leaf leaf;
        if (!sg_mls_tree_has_leaf(tree, i))
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        SG_TRY(sg_mls_check_leaf_types(tree, &leaf.capabilities));
    }
    return SG_OK;
}

/* Keys that nobody could use; of a tree that we join no more is said of them. */
static sg_err check_key_lengths(const struct sg_mls_tree *tree)
{
    const struct sg_mls_suite *suite = tree->suite;
    for (uint32_t i = 0; i < sg_mls_node_count(tree->leaves); i++) {
        const struct sg_mls_node *node = tree->nodes[i];
        if (node == NULL)
            continue;
        if (sg_mls_node_key(node).len != suite->kem_public_len ||
            (sg_mls_is_leaf(i) && sg_mls_node_second(node).len != suite->sig_public_len))
            return SG_ERR_MALFORMED;
    }
    return SG_OK;
}

sg_err sg_mls_check_tree(const struct sg_mls_rules *rules, struct sg_mls_tree *tree)
{
    /* RFC9420 s7.3: signature and encryption keys are unique; s12.4.3.1: a parent's key appears in
     * no other node */
    if (tree->keys.duplicates != 0)
        return SG_ERR_MLS_TREE;
    SG_TRY(check_key_lengths(tree));
    SG_TRY(sg_mls_tree_verify_parents(tree));
    for (uint32_t i = 0; i < tree->leaves; i++) {
        struct sg_mls_leaf leaf;
        struct sg_mls_leaf_check check = {.leaf = &leaf, .index = i, .is_in_tree = true};
        if (!sg_mls_tree_has_leaf(tree, i))
            continue;
        sg_mls_tree_leaf(tree, i, &leaf);
        SG_TRY(sg_mls_check_leaf(rules, &check));
        SG_TRY(sg_mls_check_leaf_types(tree, &leaf.capabilities));
    }
    return SG_OK;
}
