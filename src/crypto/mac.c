#include "crypto/mac.h"

#include "crypto/wipe.h"

enum { BLOCK_MAX = 128 }; /* SHA-384 and SHA-512 */

/* The key of RFC 2104 s2: zero-padded, or hashed where it is longer than a block. */
struct key_block {
    uint8_t b[BLOCK_MAX];
};

sg_err sg_mac_begin(struct sg_mac *mac, enum sg_hash_alg alg)
{
    const struct sg_evp *evp;
    SG_TRY(sg_evp_begin(&evp));
    mac->hash_len = sg_hash_alg_len(alg);
    mac->block_len = alg == SG_HASH_SHA256 ? 64 : BLOCK_MAX;
    mac->ctx = EVP_MD_CTX_new();
    if (mac->ctx != NULL && EVP_DigestInit_ex2(mac->ctx, evp->md[alg], NULL) == 1)
        return SG_OK;
    EVP_MD_CTX_free(mac->ctx);
    mac->ctx = NULL;
    return sg_evp_error(SG_ERR_CRYPTO);
}

void sg_mac_end(struct sg_mac *mac)
{
    EVP_MD_CTX_free(mac->ctx); /* wipes its state */
    mac->ctx = NULL;
}

static bool feed(const struct sg_mac *mac, struct sg_bytes part)
{
    return part.len == 0 || EVP_DigestUpdate(mac->ctx, part.data, part.len) == 1;
}

static bool feed_parts(const struct sg_mac *mac, struct sg_mls_parts parts)
{
    bool ok = true;
    for (size_t i = 0; i < parts.count; i++)
        ok = ok && feed(mac, parts.at[i]);
    return ok;
}

static bool restart(const struct sg_mac *mac)
{
    return EVP_DigestInit_ex2(mac->ctx, NULL, NULL) == 1;
}

/* Starts a hash with the key block xored with pad. */
static bool start(const struct sg_mac *mac, const struct key_block *key, uint8_t pad)
{
    struct key_block padded;
    for (size_t i = 0; i < sizeof(padded.b); i++)
        padded.b[i] = key->b[i] ^ pad;
    bool ok = restart(mac) && EVP_DigestUpdate(mac->ctx, padded.b, mac->block_len) == 1;
    sg_wipe(&padded, sizeof(padded));
    return ok;
}

/* The outer hash over the inner one that was fed. */
static bool finish(const struct sg_mac *mac, const struct key_block *key, uint8_t *out)
{
    uint8_t inner[SG_HASH_ALG_LEN_MAX];
    bool ok = EVP_DigestFinal_ex(mac->ctx, inner, NULL) == 1 && start(mac, key, 0x5c) &&
              EVP_DigestUpdate(mac->ctx, inner, mac->hash_len) == 1 &&
              EVP_DigestFinal_ex(mac->ctx, out, NULL) == 1;
    sg_wipe(inner, sizeof(inner));
    return ok;
}

static bool set_key(const struct sg_mac *mac, struct sg_bytes key, struct key_block *block)
{
    memset(block, 0, sizeof(*block));
    if (key.len > mac->block_len)
        return restart(mac) && feed(mac, key) && EVP_DigestFinal_ex(mac->ctx, block->b, NULL) == 1;
    if (key.len > 0)
        memcpy(block->b, key.data, key.len);
    return true;
}

sg_err sg_mac_hmac(const struct sg_mac *mac, struct sg_bytes key, struct sg_mls_parts parts,
                   uint8_t *out)
{
    struct key_block block;
    bool ok = set_key(mac, key, &block) && start(mac, &block, 0x36) && feed_parts(mac, parts) &&
              finish(mac, &block, out);
    sg_wipe(&block, sizeof(block));
    if (ok)
        return SG_OK;
    sg_wipe(out, mac->hash_len);
    return sg_evp_error(SG_ERR_CRYPTO);
}

sg_err sg_mac_expand(const struct sg_mac *mac, struct sg_bytes prk, struct sg_mls_parts info,
                     uint8_t *out, size_t out_len)
{
    struct key_block block;
    uint8_t t[SG_HASH_ALG_LEN_MAX];
    size_t t_len = 0;
    size_t done = 0;
    if (prk.len < mac->hash_len || out_len == 0 || out_len > 255 * mac->hash_len) {
        sg_wipe(out, out_len);
        return SG_ERR_INVALID_ARGUMENT;
    }
    bool ok = set_key(mac, prk, &block);
    for (uint8_t counter = 1; ok && done < out_len; counter++) {
        ok = start(mac, &block, 0x36) && feed(mac, sg_bytes(t, t_len)) && feed_parts(mac, info) &&
             feed(mac, sg_bytes(&counter, 1)) && finish(mac, &block, t);
        t_len = mac->hash_len;
        size_t take = out_len - done < t_len ? out_len - done : t_len;
        memcpy(out + done, t, take);
        done += take;
    }
    sg_wipe(&block, sizeof(block));
    sg_wipe(t, sizeof(t));
    if (ok)
        return SG_OK;
    sg_wipe(out, out_len);
    return sg_evp_error(SG_ERR_CRYPTO);
}
