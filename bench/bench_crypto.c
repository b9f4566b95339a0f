/* Microseconds per crypto operation on one thread: the median of several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/aead.h"
#include "crypto/argon2id.h"
#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "crypto/hmac.h"
#include "crypto/identity.h"
#include "crypto/init.h"
#include "crypto/kem.h"
#include "crypto/random.h"

enum { RUNS = 9 };

static uint8_t buffer[16384 + SG_AEAD_TAG_LEN];
static uint8_t signature[SG_SIG_MAX];
static uint8_t kem_public[1184];
static uint8_t kem_ciphertext[1088];
static struct sg_identity *identity;
static struct sg_kem_key *kem_key;

static void demand(sg_err err)
{
    if (err == SG_OK)
        return;
    (void)fprintf(stderr, "bench_crypto: %s\n", sg_err_text(err));
    exit(1);
}

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* size is passed on to op; each run calls it count times. */
static void measure(const char *name, void (*op)(size_t size), size_t size, size_t count)
{
    double runs[RUNS];
    op(size);
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        for (size_t i = 0; i < count; i++)
            op(size);
        runs[run] = (now_us() - start) / (double)count;
    }
    qsort(runs, RUNS, sizeof(runs[0]), compare);
    (void)printf("%-28s %6zu B %10.2f us\n", name, size, runs[RUNS / 2]);
}

static void do_sha256(size_t size)
{
    uint8_t out[32];
    struct sg_bytes input = {buffer, size};
    sg_hash(SG_HASH_SHA256, &input, 1, out);
}

static void do_hmac(size_t size)
{
    uint8_t out[32];
    struct sg_bytes input = {buffer, size};
    demand(sg_hmac(SG_HASH_SHA256, sg_bytes(buffer, 32), &input, 1, out));
}

static void do_hkdf(size_t size)
{
    uint8_t out[64];
    demand(sg_hkdf_extract(SG_HASH_SHA256, sg_bytes(NULL, 0), sg_bytes(buffer, 32), out));
    demand(sg_hkdf_expand(SG_HASH_SHA256, sg_bytes(out, 32), sg_bytes(NULL, 0), out + 32, size));
}

static void seal(enum sg_aead_alg alg, size_t size)
{
    struct sg_aead aead = {alg, kem_public, kem_public, {NULL, 0}};
    demand(sg_aead_seal(&aead, sg_bytes(buffer, size), buffer));
}

static void do_gcm(size_t size)
{
    seal(SG_AEAD_AES_256_GCM, size);
}

static void do_chacha(size_t size)
{
    seal(SG_AEAD_CHACHA20_POLY1305, size);
}

static void do_random(size_t size)
{
    demand(sg_random(buffer, size));
}

static void do_sig_keygen(size_t size)
{
    struct sg_identity *another;
    (void)size;
    demand(sg_identity_new_random(sg_mem_default(), &another));
    sg_identity_free(another);
}

static void do_sign(size_t size)
{
    const struct sg_signer *signer = sg_identity_signer(identity);
    demand(signer->sign(signer->state, SG_BYTES_LIT("bench"), sg_bytes(buffer, size), signature));
}

static void do_verify(size_t size)
{
    const struct sg_signer *signer = sg_identity_signer(identity);
    demand(signer->suite->verify(signer->public_key, SG_BYTES_LIT("bench"), sg_bytes(buffer, size),
                                 sg_bytes(signature, signer->suite->sig_len)));
}

static void do_kem_keygen(size_t size)
{
    struct sg_kem_seed seed = {{1}};
    struct sg_kem_key *key;
    (void)size;
    demand(sg_kem_key_new(sg_mem_default(), SG_KEM_ML_KEM_768, &seed, &key));
    sg_kem_key_free(key);
}

static void do_encaps(size_t size)
{
    struct sg_kem_secret secret;
    (void)size;
    demand(sg_kem_encaps(SG_KEM_ML_KEM_768, sg_bytes(kem_public, sizeof(kem_public)),
                         kem_ciphertext, &secret));
}

static void do_decaps(size_t size)
{
    struct sg_kem_secret secret;
    (void)size;
    demand(sg_kem_decaps(kem_key, sg_bytes(kem_ciphertext, sizeof(kem_ciphertext)), &secret));
}

static void do_argon2id(size_t size)
{
    struct sg_argon2id_cost cost = sg_argon2id_cost_default();
    uint8_t out[32];
    demand(sg_argon2id(&cost, sg_bytes(buffer, size), sg_bytes(buffer, 16), out, sizeof(out)));
}

static void prepare(void)
{
    struct sg_kem_seed seed = {{1}};
    demand(sg_crypto_init());
    demand(sg_identity_new_random(sg_mem_default(), &identity));
    demand(sg_kem_key_new(sg_mem_default(), SG_KEM_ML_KEM_768, &seed, &kem_key));
    demand(sg_kem_key_public(kem_key, kem_public));
}

int main(void)
{
    static const size_t sizes[] = {64, 1024, 16384};
    prepare();
    for (size_t i = 0; i < 3; i++)
        measure("sha256", do_sha256, sizes[i], 10000);
    measure("hmac-sha256", do_hmac, 64, 5000);
    measure("hkdf extract + expand", do_hkdf, 32, 2000);
    for (size_t i = 0; i < 3; i++)
        measure("aes-256-gcm seal", do_gcm, sizes[i], 5000);
    for (size_t i = 0; i < 3; i++)
        measure("chacha20-poly1305 seal", do_chacha, sizes[i], 5000);
    measure("random", do_random, 32, 5000);
    measure("ml-dsa-65 identity", do_sig_keygen, 0, 100);
    measure("ml-dsa-65 sign", do_sign, 100, 100);
    measure("ml-dsa-65 verify", do_verify, 100, 200);
    measure("ml-kem-768 keygen", do_kem_keygen, 0, 500);
    measure("ml-kem-768 encaps", do_encaps, 0, 500);
    measure("ml-kem-768 decaps", do_decaps, 0, 500);
    measure("argon2id, default cost", do_argon2id, 13, 1);
    sg_identity_free(identity);
    sg_kem_key_free(kem_key);
    return 0;
}
