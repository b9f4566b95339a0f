#include "crypto/identity.h"

#include "crypto/evp.h"
#include "crypto/identity_evp.h"
#include "crypto/ids.h"
#include "crypto/random.h"

struct sg_identity {
    const struct sg_mem *mem;
    struct sg_sig_key *key;
    struct sg_peer_id peer_id;
    struct sg_signer signer;
    uint8_t public_key[SG_SIG_PUBLIC_MAX];
};

static sg_err identity_sign(void *state, struct sg_bytes context, struct sg_bytes message,
                            uint8_t *signature)
{
    const struct sg_identity *identity = state;
    return sg_sig_sign(identity->key, context, message, signature);
}

static sg_err identity_fill(struct sg_identity *id, const struct sg_sig_seed *seed)
{
    const struct sg_suite *suite = sg_suite_default();
    SG_TRY(sg_sig_key_new(id->mem, SG_SIG_ML_DSA_65, seed, &id->key));
    SG_TRY(sg_sig_key_public(id->key, id->public_key));
    id->signer = (struct sg_signer){
        .suite = suite,
        .public_key = sg_bytes(id->public_key, suite->sig_public_len),
        .state = id,
        .sign = identity_sign,
    };
    return sg_peer_id_from_public_key(suite, id->signer.public_key, &id->peer_id);
}

sg_err sg_identity_new(const struct sg_mem *mem, const struct sg_sig_seed *seed,
                       struct sg_identity **out)
{
    *out = NULL;
    struct sg_identity *identity = sg_mem_new(mem, 1, sizeof(*identity));
    if (identity == NULL)
        return SG_ERR_NO_MEMORY;
    identity->mem = mem;
    sg_err err = identity_fill(identity, seed);
    if (err != SG_OK) {
        sg_identity_free(identity);
        return err;
    }
    *out = identity;
    return SG_OK;
}

sg_err sg_identity_new_random(const struct sg_mem *mem, struct sg_identity **out)
{
    struct sg_sig_seed seed;
    *out = NULL;
    SG_TRY(sg_random(&seed, sizeof(seed)));
    sg_err err = sg_identity_new(mem, &seed, out);
    sg_sig_seed_wipe(&seed);
    return err;
}

void sg_identity_free(struct sg_identity *identity)
{
    if (identity == NULL)
        return;
    sg_sig_key_free(identity->key);
    sg_mem_free(identity->mem, identity);
}

const struct sg_suite *sg_identity_suite(const struct sg_identity *identity)
{
    return identity->signer.suite;
}

struct sg_bytes sg_identity_public_key(const struct sg_identity *identity)
{
    return identity->signer.public_key;
}

const struct sg_peer_id *sg_identity_peer_id(const struct sg_identity *identity)
{
    return &identity->peer_id;
}

const struct sg_signer *sg_identity_signer(const struct sg_identity *identity)
{
    return &identity->signer;
}

EVP_PKEY *sg_identity_evp(const struct sg_identity *identity)
{
    return sg_sig_key_evp(identity->key);
}
