/* What the tests of the MLS suites share: a repeatable source of randomness, and a key pair of each
 * kind for a suite. */
#ifndef TEST_CRYPTO_MLS_FIXTURE_H
#define TEST_CRYPTO_MLS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "crypto/mls_suite.h"

enum { TEXT_MAX = 128 };

/* Randomness that repeats. */
static inline sg_err fixture_fill(void *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)sg_prng_next(state);
    return SG_OK;
}

struct fixture {
    const struct sg_mls_suite *s;
    struct sg_prng prng;
    struct sg_mls_random random;
    uint8_t kem_private[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t kem_public[SG_MLS_KEM_PUBLIC_MAX];
    uint8_t sig_private[SG_MLS_SIG_PRIVATE_MAX];
    uint8_t sig_public[SG_MLS_SIG_PUBLIC_MAX];
    uint8_t enc[SG_MLS_KEM_ENC_MAX];
    uint8_t sealed[TEXT_MAX];
    uint8_t out[TEXT_MAX];
    uint8_t signature[SG_MLS_SIG_MAX];
    size_t signature_len;
};

static const struct sg_bytes fixture_plain = {(const uint8_t *)"the plain text", 14};
static const struct sg_bytes fixture_info = {(const uint8_t *)"info", 4};
static const struct sg_bytes fixture_aad = {(const uint8_t *)"aad", 3};

static inline void fixture_init(struct fixture *f, const struct sg_mls_suite *suite)
{
    *f = (struct fixture){.s = suite};
    sg_prng_init(&f->prng, suite->id);
    f->random = (struct sg_mls_random){&f->prng, fixture_fill};
}

static inline struct sg_bytes fixture_kem_public(const struct fixture *f)
{
    return sg_bytes(f->kem_public, f->s->kem_public_len);
}

static inline struct sg_bytes fixture_sig_public(const struct fixture *f)
{
    return sg_bytes(f->sig_public, f->s->sig_public_len);
}

static inline struct sg_mls_hpke_to fixture_to(const struct fixture *f)
{
    return (struct sg_mls_hpke_to){.public_key = fixture_kem_public(f),
                                   .info = fixture_info,
                                   .aad = fixture_aad,
                                   .plain = fixture_plain};
}

/* The message that fixture_seal left. */
static inline struct sg_mls_hpke_from fixture_from(const struct fixture *f)
{
    return (struct sg_mls_hpke_from){
        .private_key = sg_bytes(f->kem_private, f->s->kem_private_len),
        .public_key = fixture_kem_public(f),
        .enc = sg_bytes(f->enc, f->s->kem_enc_len),
        .info = fixture_info,
        .aad = fixture_aad,
        .sealed = sg_bytes(f->sealed, fixture_plain.len + f->s->aead_tag_len)};
}

static inline struct sg_mls_to_sign fixture_to_sign(const struct fixture *f)
{
    return (struct sg_mls_to_sign){sg_bytes(f->sig_private, f->s->sig_private_len), fixture_plain,
                                   NULL};
}

static inline sg_err fixture_keys(struct fixture *f)
{
    SG_TRY(f->s->kem_generate(f->s, &f->random, f->kem_private, f->kem_public));
    return f->s->sig_generate(f->s, &f->random, f->sig_private, f->sig_public);
}

static inline sg_err fixture_seal(struct fixture *f)
{
    struct sg_mls_hpke_to to = fixture_to(f);
    return f->s->hpke_seal(f->s, &f->random, &to, f->enc, f->sealed);
}

static inline sg_err fixture_open(struct fixture *f)
{
    struct sg_mls_hpke_from from = fixture_from(f);
    return f->s->hpke_open(f->s, &from, f->out);
}

static inline sg_err fixture_sign(struct fixture *f)
{
    struct sg_mls_to_sign in = fixture_to_sign(f);
    return f->s->sign(f->s, &f->random, &in, f->signature, &f->signature_len);
}

static inline sg_err fixture_verify(struct fixture *f)
{
    return f->s->verify(f->s, fixture_sig_public(f), fixture_plain,
                        sg_bytes(f->signature, f->signature_len));
}

static inline void assert_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(data[i], 0);
}

#endif
