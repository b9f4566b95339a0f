#include "quic/token.h"

#include <assert.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "crypto/random.h"
#include "crypto/wipe.h"

static_assert(SG_TOKEN_MAX >= NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2, "room for a Retry token");
static_assert(SG_TOKEN_MAX >= NGTCP2_CRYPTO_MAX_REGULAR_TOKENLEN, "room for a NEW_TOKEN token");

sg_err sg_quic_token_keys_init(struct sg_quic_token_keys *keys, uint64_t period_ns, sg_time_ns now)
{
    keys->period_ns = period_ns;
    keys->rotate_at = sg_time_add(now, period_ns);
    SG_TRY(sg_random(keys->current, sizeof(keys->current)));
    return sg_random(keys->previous, sizeof(keys->previous));
}

void sg_quic_token_keys_wipe(struct sg_quic_token_keys *keys)
{
    sg_wipe(keys, sizeof(*keys));
}

/* Without entropy the secret in use simply lives longer. */
static void rotate(struct sg_quic_token_keys *keys, sg_time_ns now)
{
    uint8_t fresh[SG_TOKEN_SECRET_LEN];
    if (now < keys->rotate_at || sg_random(fresh, sizeof(fresh)) != SG_OK)
        return;
    memcpy(keys->previous, keys->current, sizeof(keys->previous));
    memcpy(keys->current, fresh, sizeof(keys->current));
    if (now - keys->rotate_at >= keys->period_ns) /* two periods passed: neither may live on */
        (void)!sg_random(keys->previous, sizeof(keys->previous));
    keys->rotate_at = sg_time_add(now, keys->period_ns);
    sg_wipe(fresh, sizeof(fresh));
}

static bool verify_retry(const uint8_t *secret, const ngtcp2_pkt_hd *hd, const ngtcp2_addr *remote,
                         sg_time_ns now, ngtcp2_cid *odcid)
{
    return ngtcp2_crypto_verify_retry_token2(
               odcid, hd->token, hd->tokenlen, secret, SG_TOKEN_SECRET_LEN, hd->version,
               remote->addr, remote->addrlen, &hd->dcid, SG_TOKEN_RETRY_LIFE_NS, now) == 0;
}

static bool verify_new(const struct sg_quic_token_keys *keys, const uint8_t *secret,
                       const ngtcp2_pkt_hd *hd, const ngtcp2_addr *remote, sg_time_ns now)
{
    return ngtcp2_crypto_verify_regular_token(hd->token, hd->tokenlen, secret, SG_TOKEN_SECRET_LEN,
                                              remote->addr, remote->addrlen, 2 * keys->period_ns,
                                              now) == 0;
}

enum sg_quic_token_verdict sg_quic_token_verify(struct sg_quic_token_keys *keys,
                                                const ngtcp2_pkt_hd *hd, const ngtcp2_addr *remote,
                                                sg_time_ns now, ngtcp2_cid *odcid)
{
    if (hd->tokenlen == 0)
        return SG_TOKEN_NONE;
    rotate(keys, now);
    if (hd->token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
        bool valid = verify_retry(keys->current, hd, remote, now, odcid) ||
                     verify_retry(keys->previous, hd, remote, now, odcid);
        return valid ? SG_TOKEN_RETRY : SG_TOKEN_BAD;
    }
    if (hd->token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_REGULAR) {
        bool valid = verify_new(keys, keys->current, hd, remote, now) ||
                     verify_new(keys, keys->previous, hd, remote, now);
        return valid ? SG_TOKEN_VALID : SG_TOKEN_NONE;
    }
    return SG_TOKEN_NONE;
}

size_t sg_quic_token_retry(struct sg_quic_token_keys *keys, const struct sg_quic_retry *retry,
                           sg_time_ns now, uint8_t *out)
{
    rotate(keys, now);
    ngtcp2_ssize n = ngtcp2_crypto_generate_retry_token2(
        out, keys->current, SG_TOKEN_SECRET_LEN, retry->hd->version, retry->remote->addr,
        retry->remote->addrlen, retry->scid, &retry->hd->dcid, now);
    return n < 0 ? 0 : (size_t)n;
}

size_t sg_quic_token_new(struct sg_quic_token_keys *keys, const ngtcp2_addr *remote, sg_time_ns now,
                         uint8_t *out)
{
    rotate(keys, now);
    ngtcp2_ssize n = ngtcp2_crypto_generate_regular_token(out, keys->current, SG_TOKEN_SECRET_LEN,
                                                          remote->addr, remote->addrlen, now);
    return n < 0 ? 0 : (size_t)n;
}

struct item {
    struct sg_quic_node node;
    struct sg_addr addr;
    size_t len;
    uint8_t token[];
};

void sg_quic_token_cache_init(struct sg_quic_token_cache *cache, const struct sg_mem *mem,
                              size_t max)
{
    *cache = (struct sg_quic_token_cache){.mem = mem, .max = max};
    sg_quic_list_init(&cache->items);
}

static void drop(struct sg_quic_token_cache *cache, struct item *item)
{
    sg_quic_list_remove(&item->node);
    cache->count--;
    sg_mem_free(cache->mem, item);
}

void sg_quic_token_cache_fini(struct sg_quic_token_cache *cache)
{
    if (cache->mem == NULL)
        return;
    for (struct item *item; (item = sg_quic_list_first(&cache->items)) != NULL;)
        drop(cache, item);
}

static struct item *find(struct sg_quic_token_cache *cache, const struct sg_addr *addr)
{
    for (struct sg_quic_node *n = cache->items.head.next; n != &cache->items.head; n = n->next) {
        struct item *item = n->owner;
        if (sg_addr_equal(&item->addr, addr))
            return item;
    }
    return NULL;
}

void sg_quic_token_cache_put(struct sg_quic_token_cache *cache, const struct sg_addr *addr,
                             struct sg_bytes token)
{
    if (token.len == 0 || token.len > SG_TOKEN_MAX || cache->max == 0)
        return;
    struct item *old = find(cache, addr);
    if (old == NULL && cache->count >= cache->max)
        old = sg_quic_list_first(&cache->items);
    if (old != NULL)
        drop(cache, old);
    struct item *item = sg_mem_new(cache->mem, 1, sizeof(*item) + token.len);
    if (item == NULL)
        return;
    item->node.owner = item;
    item->addr = *addr;
    item->len = token.len;
    memcpy(item->token, token.data, token.len);
    sg_quic_list_push(&cache->items, &item->node);
    cache->count++;
}

size_t sg_quic_token_cache_take(struct sg_quic_token_cache *cache, const struct sg_addr *addr,
                                uint8_t *out)
{
    struct item *item = find(cache, addr);
    if (item == NULL)
        return 0;
    size_t len = item->len;
    memcpy(out, item->token, len);
    drop(cache, item);
    return len;
}
