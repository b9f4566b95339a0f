#include "crypto/mls_evp.h"

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/err.h>
#include <openssl/obj_mac.h>

static struct sg_mls_evp fetched;
static atomic_bool is_ready;
static pthread_mutex_t fetch_lock = PTHREAD_MUTEX_INITIALIZER;

/* target = fetch(name), unless an earlier attempt got it already. */
#define FETCH(target, fetch, name)                                                                 \
    ((target) != NULL || ((target) = fetch(NULL, (name), NULL)) != NULL)

static bool fetch_curves(struct sg_mls_evp *e)
{
    static const struct {
        int nid;
        const char *ecdsa;
    } curves[SG_EC_CURVE_COUNT] = {
        [SG_EC_P256] = {NID_X9_62_prime256v1, "ECDSA-SHA2-256"},
        [SG_EC_P384] = {NID_secp384r1, "ECDSA-SHA2-384"},
        [SG_EC_P521] = {NID_secp521r1, "ECDSA-SHA2-512"},
    };
    bool ok = FETCH(e->ec_keys, EVP_KEYMGMT_fetch, "EC");
    for (int i = 0; i < SG_EC_CURVE_COUNT; i++) {
        ok = ok && FETCH(e->ecdsa[i], EVP_SIGNATURE_fetch, curves[i].ecdsa);
        if (ok && e->curve[i] == NULL)
            e->curve[i] = EC_GROUP_new_by_curve_name_ex(NULL, NULL, curves[i].nid);
        ok = ok && e->curve[i] != NULL;
    }
    return ok;
}

static bool fetch_all(struct sg_mls_evp *e)
{
    return FETCH(e->shake256, EVP_MD_fetch, "SHAKE256") &&
           FETCH(e->sha3_256, EVP_MD_fetch, "SHA3-256") &&
           FETCH(e->x25519_keys, EVP_KEYMGMT_fetch, "X25519") &&
           FETCH(e->x448_keys, EVP_KEYMGMT_fetch, "X448") &&
           FETCH(e->x25519, EVP_KEYEXCH_fetch, "X25519") &&
           FETCH(e->x448, EVP_KEYEXCH_fetch, "X448") &&
           FETCH(e->ed25519_keys, EVP_KEYMGMT_fetch, "ED25519") &&
           FETCH(e->ed448_keys, EVP_KEYMGMT_fetch, "ED448") &&
           FETCH(e->ed25519, EVP_SIGNATURE_fetch, "ED25519") &&
           FETCH(e->ed448, EVP_SIGNATURE_fetch, "ED448") && fetch_curves(e);
}

static sg_err fetch_once(void)
{
    sg_err err = SG_OK;
    pthread_mutex_lock(&fetch_lock);
    if (!atomic_load_explicit(&is_ready, memory_order_relaxed)) {
        ERR_clear_error();
        if (fetch_all(&fetched))
            atomic_store_explicit(&is_ready, true, memory_order_release);
        else
            err = sg_evp_error(SG_ERR_CRYPTO);
    }
    pthread_mutex_unlock(&fetch_lock);
    return err;
}

sg_err sg_mls_evp_begin(const struct sg_mls_evp **evp)
{
    const struct sg_evp *base;
    SG_TRY(sg_evp_begin(&base));
    if (!atomic_load_explicit(&is_ready, memory_order_acquire))
        SG_TRY(fetch_once());
    *evp = &fetched;
    return SG_OK;
}
