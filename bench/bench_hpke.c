/* Microseconds of CPU time per operation of each MLS ciphersuite on one thread: median, and the
 * least and most of several runs. Arguments: ids of suites (hexadecimal), otherwise all. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/init.h"
#include "crypto/mls_suite.h"

enum { RUNS = 9, RUN_US = 4000, PLAIN_LEN = 64, INFO_LEN = 200 };

/* Everything an operation needs; made once per suite. */
struct state {
    const struct sg_mls_suite *suite;
    const struct sg_mls_random *random;
    uint8_t kem_private[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t kem_public[SG_MLS_KEM_PUBLIC_MAX];
    uint8_t sig_private[SG_MLS_SIG_PRIVATE_MAX];
    uint8_t sig_public[SG_MLS_SIG_PUBLIC_MAX];
    uint8_t info[INFO_LEN];
    uint8_t plain[PLAIN_LEN];
    uint8_t enc[SG_MLS_KEM_ENC_MAX];
    uint8_t sealed[PLAIN_LEN + SG_MLS_AEAD_TAG_MAX];
    uint8_t signature[SG_MLS_SIG_MAX];
    size_t signature_len;
};

static void demand(sg_err err)
{
    if (err == SG_OK)
        return;
    (void)fprintf(stderr, "bench_hpke: %s\n", sg_err_text(err));
    exit(1);
}

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, void (*op)(struct state *), struct state *s)
{
    double runs[RUNS];
    size_t count = 1;
    op(s);
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        double taken = 0;
        size_t done = 0;
        while (done < count || taken < RUN_US) {
            op(s);
            done++;
            taken = now_us() - start;
        }
        runs[run] = taken / (double)done;
    }
    qsort(runs, RUNS, sizeof(runs[0]), compare);
    (void)printf("  %-16s %9.2f us  (%.2f to %.2f)\n", name, runs[RUNS / 2], runs[0],
                 runs[RUNS - 1]);
}

static struct sg_mls_hpke_to to_of(const struct state *s)
{
    return (struct sg_mls_hpke_to){.public_key = sg_bytes(s->kem_public, s->suite->kem_public_len),
                                   .info = sg_bytes(s->info, INFO_LEN),
                                   .plain = sg_bytes(s->plain, s->suite->hash_len)};
}

static struct sg_mls_hpke_from from_of(const struct state *s)
{
    return (struct sg_mls_hpke_from){
        .private_key = sg_bytes(s->kem_private, s->suite->kem_private_len),
        .public_key = sg_bytes(s->kem_public, s->suite->kem_public_len),
        .enc = sg_bytes(s->enc, s->suite->kem_enc_len),
        .info = sg_bytes(s->info, INFO_LEN),
        .sealed = sg_bytes(s->sealed, s->suite->hash_len + (size_t)s->suite->aead_tag_len)};
}

static void do_seal(struct state *s)
{
    struct sg_mls_hpke_to to = to_of(s);
    demand(s->suite->hpke_seal(s->suite, s->random, &to, s->enc, s->sealed));
}

static void do_open(struct state *s)
{
    uint8_t out[PLAIN_LEN];
    struct sg_mls_hpke_from from = from_of(s);
    demand(s->suite->hpke_open(s->suite, &from, out));
}

static void do_derive(struct state *s)
{
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t public_key[SG_MLS_KEM_PUBLIC_MAX];
    demand(s->suite->kem_derive(s->suite, sg_bytes(s->plain, s->suite->hash_len), private_key,
                                public_key));
}

static void do_check(struct state *s)
{
    demand(s->suite->kem_check(s->suite, sg_bytes(s->kem_public, s->suite->kem_public_len)));
}

static void do_sign(struct state *s)
{
    struct sg_mls_to_sign in = {sg_bytes(s->sig_private, s->suite->sig_private_len),
                                sg_bytes(s->info, INFO_LEN), NULL};
    demand(s->suite->sign(s->suite, s->random, &in, s->signature, &s->signature_len));
}

static void do_verify(struct state *s)
{
    demand(s->suite->verify(s->suite, sg_bytes(s->sig_public, s->suite->sig_public_len),
                            sg_bytes(s->info, INFO_LEN), sg_bytes(s->signature, s->signature_len)));
}

static void do_expand(struct state *s)
{
    uint8_t out[SG_MLS_HASH_MAX];
    demand(s->suite->expand(s->suite, sg_bytes(s->plain, s->suite->hash_len),
                            SG_MLS_PARTS(sg_bytes(s->info, 20)), out, s->suite->hash_len));
}

static void do_aead(struct state *s)
{
    uint8_t out[PLAIN_LEN + SG_MLS_AEAD_TAG_MAX];
    struct sg_mls_aead aead = {s->info, s->info, sg_bytes(s->info, 40)};
    demand(s->suite->aead_seal(s->suite, &aead, sg_bytes(s->plain, PLAIN_LEN), out));
}

static void do_hash(struct state *s)
{
    uint8_t out[SG_MLS_HASH_MAX];
    s->suite->hash(s->suite, SG_MLS_PARTS(sg_bytes(s->info, INFO_LEN)), out);
}

static void bench_suite(const struct sg_mls_suite *suite)
{
    static const struct {
        const char *name;
        void (*op)(struct state *);
    } ops[] = {
        {"hpke seal", do_seal},  {"hpke open", do_open},      {"kem derive", do_derive},
        {"kem check", do_check}, {"sign", do_sign},           {"verify", do_verify},
        {"expand", do_expand},   {"aead seal 64 B", do_aead}, {"hash 200 B", do_hash},
    };
    static struct state s;
    s = (struct state){.suite = suite, .random = sg_mls_random_default()};
    demand(suite->kem_generate(suite, s.random, s.kem_private, s.kem_public));
    demand(suite->sig_generate(suite, s.random, s.sig_private, s.sig_public));
    (void)printf("%04x %s\n", suite->id, suite->name);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        measure(ops[i].name, ops[i].op, &s);
}

int main(int argc, char **argv)
{
    size_t count;
    const struct sg_mls_suite *suites = sg_mls_suites(&count);
    demand(sg_crypto_init());
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = argc == 1;
        for (int a = 1; a < argc; a++)
            is_wanted = is_wanted || strtoul(argv[a], NULL, 16) == suites[i].id;
        if (is_wanted)
            bench_suite(&suites[i]);
    }
    return 0;
}
