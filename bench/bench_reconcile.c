/* Rateless IBLT beside the figures of the design (sync.md 2.3): symbols per difference, how often
 * one batch is enough, nanoseconds of CPU per item and per difference. Medians of several runs with
 * their spread. usage: bench_reconcile [--quick] */
#include <string.h>

#include "base/prng.h"
#include "reconcile/reconcile.h"
#include "timing.h"

enum { RUNS = 7 };

static int is_quick;
static struct sg_riblt_keys keys;
static struct sg_prng prng;
static double clock_cost;

static void need(sg_err err)
{
    demand(err, "bench_reconcile");
}

static void *new_array(size_t count, size_t size)
{
    void *array = calloc(count, size);
    if (array == NULL)
        need(SG_ERR_NO_MEMORY);
    return array;
}

static void make_set(struct sg_riblt_encoder *e, uint32_t count)
{
    need(sg_riblt_encoder_init(e, sg_mem_default(), count));
    for (uint32_t i = 0; i < count; i++)
        sg_riblt_encoder_set(e, &keys, i, sg_prng_next(&prng));
}

static void print_runs(double *runs, double theirs)
{
    qsort(runs, RUNS, sizeof(*runs), compare_doubles);
    (void)printf(" %6.0f %5.0f..%-5.0f %5.0f  %4.2f\n", runs[RUNS / 2], runs[0], runs[RUNS - 1],
                 theirs, runs[RUNS / 2] / theirs);
}

/* ---- CPU ---- */

static void measure_encode(uint32_t items, uint32_t symbols, double theirs)
{
    double runs[RUNS];
    struct sg_rec_symbol *out = new_array(symbols, sizeof(*out));
    uint32_t repeats = items < 100000 ? 20 : items < 1000000 ? 3 : 1;
    for (int run = 0; run < RUNS; run++) {
        runs[run] = 0;
        for (uint32_t i = 0; i < repeats; i++) {
            struct sg_riblt_encoder e;
            make_set(&e, items);
            double start = (cpu_s() * 1e9);
            need(sg_riblt_encode(&e, symbols, out));
            runs[run] += ((cpu_s() * 1e9) - start) / items / repeats;
            sg_riblt_encoder_fini(&e);
        }
    }
    (void)printf("encode, ns/item      n=%-8u m=%-6u", items, symbols);
    print_runs(runs, theirs);
    free(out);
}

static void measure_hash(void)
{
    enum { COUNT = 20000, REPEATS = 50 };
    double runs[RUNS];
    uint8_t *ids = new_array(COUNT, SG_ID_LEN);
    volatile uint64_t sink = 0;
    for (size_t i = 0; i < (size_t)COUNT * SG_ID_LEN; i++)
        ids[i] = (uint8_t)sg_prng_next(&prng);
    for (int run = 0; run < RUNS; run++) {
        double start = (cpu_s() * 1e9);
        for (int i = 0; i < REPEATS; i++) {
            for (size_t k = 0; k < COUNT; k++)
                sink ^= sg_siphash_id(&keys.id, &ids[k * SG_ID_LEN]);
        }
        runs[run] = ((cpu_s() * 1e9) - start) / COUNT / REPEATS;
    }
    (void)printf("keyed hash of an id, ns                 ");
    print_runs(runs, 9);
    free(ids);
}

/* What it costs to look at the clock: much beside the decoding of a hundred differences. */
static double clock_cost_ns(void)
{
    enum { LOOKS = 10001 };
    double *looks = new_array(LOOKS, sizeof(*looks));
    for (int i = 0; i < LOOKS; i++) {
        double start = (cpu_s() * 1e9);
        looks[i] = (cpu_s() * 1e9) - start;
    }
    qsort(looks, LOOKS, sizeof(*looks), compare_doubles);
    double cost = looks[LOOKS / 2];
    free(looks);
    return cost;
}

/* The symbols of the difference alone: what decoding costs does not depend on what is common. */
static uint32_t decode(struct sg_riblt_encoder *e, struct sg_riblt_decoder *d, double *ns)
{
    static const struct sg_rec_symbol none[65536];
    struct sg_rec_symbol *theirs = new_array(65536, sizeof(*theirs));
    sg_riblt_decoder_init(d, sg_mem_default(), &keys);
    *ns = 0;
    while (!sg_riblt_is_done(d)) {
        uint32_t step = d->count / 64 < 84 ? 84 : d->count / 64;
        need(sg_riblt_encode(e, step, theirs));
        double start = (cpu_s() * 1e9);
        need(sg_riblt_decode(d, step, theirs, none));
        *ns += (cpu_s() * 1e9) - start - clock_cost;
    }
    free(theirs);
    return d->count;
}

static void measure_decode(uint32_t differences, double theirs)
{
    double runs[RUNS];
    uint32_t repeats = differences < 10000 ? 100000 / differences : 1;
    for (int run = 0; run < RUNS; run++) {
        runs[run] = 0;
        for (uint32_t i = 0; i < repeats; i++) {
            struct sg_riblt_encoder e;
            struct sg_riblt_decoder d;
            double ns;
            make_set(&e, differences);
            (void)decode(&e, &d, &ns);
            runs[run] += ns / differences / repeats;
            sg_riblt_decoder_fini(&d);
            sg_riblt_encoder_fini(&e);
        }
    }
    (void)printf("decode, ns/difference d=%-15u", differences);
    print_runs(runs, theirs);
}

/* ---- symbols ---- */

static uint32_t symbols_needed(uint32_t differences)
{
    struct sg_riblt_encoder e;
    struct sg_riblt_decoder d;
    struct sg_rec_symbol theirs;
    static const struct sg_rec_symbol none;
    make_set(&e, differences);
    sg_riblt_decoder_init(&d, sg_mem_default(), &keys);
    while (!sg_riblt_is_done(&d)) {
        need(sg_riblt_encode(&e, 1, &theirs));
        need(sg_riblt_decode(&d, 1, &theirs, &none));
    }
    uint32_t count = d.count;
    sg_riblt_decoder_fini(&d);
    sg_riblt_encoder_fini(&e);
    return count;
}

static void measure_symbols(uint32_t differences, double mean, double p99)
{
    uint32_t runs = differences <= 100 ? 20000 : differences <= 1000 ? 1000 : 100;
    if (is_quick)
        runs /= 20;
    double *needed = new_array(runs, sizeof(*needed));
    double sum = 0;
    for (uint32_t i = 0; i < runs; i++) {
        needed[i] = (double)symbols_needed(differences) / differences;
        sum += needed[i];
    }
    qsort(needed, runs, sizeof(*needed), compare_doubles);
    (void)printf("%8u %7.3f %6.3f %9.3f %6.3f  %6u\n", differences, sum / runs,
                 needed[(size_t)runs * 99 / 100], mean, p99, runs);
    free(needed);
}

static void measure_batch(uint32_t symbols, uint32_t differences, double theirs)
{
    uint32_t runs = is_quick ? 500 : 20000;
    uint32_t good = 0;
    static const struct sg_rec_symbol none[128];
    for (uint32_t i = 0; i < runs; i++) {
        struct sg_riblt_encoder e;
        struct sg_riblt_decoder d;
        struct sg_rec_symbol out[128];
        make_set(&e, differences);
        sg_riblt_decoder_init(&d, sg_mem_default(), &keys);
        need(sg_riblt_encode(&e, symbols, out));
        need(sg_riblt_decode(&d, symbols, out, none));
        good += sg_riblt_is_done(&d) ? 1 : 0;
        sg_riblt_decoder_fini(&d);
        sg_riblt_encoder_fini(&e);
    }
    (void)printf("%8u %8u %8.4f %8.3f  %6u\n", symbols, differences, (double)good / runs, theirs,
                 runs);
}

static void all_symbols(void)
{
    (void)printf(
        "\nsymbols per difference   (design)\n       d    mean    p99      mean    p99    runs\n");
    measure_symbols(1, 1.0, 1.0);
    measure_symbols(2, 1.57, 5.0);
    measure_symbols(5, 1.76, 4.2);
    measure_symbols(10, 1.72, 3.5);
    measure_symbols(20, 1.64, 2.7);
    measure_symbols(50, 1.52, 2.0);
    measure_symbols(100, 1.45, 1.75);
    measure_symbols(1000, 1.38, 1.45);
    if (!is_quick)
        measure_symbols(10000, 1.358, 1.383);
    (void)printf(
        "\none batch is enough      (design)\n symbols        d  measured   design    runs\n");
    measure_batch(48, 5, 1.0);
    measure_batch(48, 10, 0.998);
    measure_batch(48, 20, 0.981);
    measure_batch(64, 30, 0.980);
    measure_batch(90, 40, 0.995);
    measure_batch(89, 40, 0.995);
    measure_batch(90, 50, 0.954);
}

static void all_cpu(void)
{
    static const struct {
        uint32_t items, symbols;
        double ns;
    } encode[] = {{10000, 64, 36},   {10000, 1024, 85},    {10000, 16384, 134},
                  {100000, 64, 71},  {100000, 1024, 105},  {100000, 16384, 141},
                  {1000000, 64, 72}, {1000000, 1024, 105}, {1000000, 16384, 140}};
    (void)printf("CPU, %d runs                            median  min..max  design ratio\n", RUNS);
    for (size_t i = 0; i < sizeof(encode) / sizeof(encode[0]); i++) {
        if (!is_quick || encode[i].items < 1000000)
            measure_encode(encode[i].items, encode[i].symbols, encode[i].ns);
    }
    measure_hash();
    clock_cost = clock_cost_ns();
    (void)printf("a look at the clock, taken off, ns        %6.0f\n", clock_cost);
    measure_decode(100, 127);
    measure_decode(1000, 152);
    measure_decode(10000, 294);
    measure_decode(100000, 435);
    if (!is_quick)
        measure_decode(1000000, 532);
}

/* ---- sessions: the case table of sync.md 2.5 ---- */

struct side {
    struct sg_rec rec;
    uint64_t *ids;
    uint32_t count;
    double ns;
};

struct session {
    struct side side[2]; /* [0] opens */
    uint32_t bytes, symbols, rounds;
    sg_err err;
};

/* Frames under way, by who is to get them. */
struct frame {
    uint8_t bytes[16384];
    size_t len;
};
static struct frame frames[2][4096];
static uint32_t heads[2];
static uint32_t tails[2];

static void session_input(struct session *s, int at, const struct sg_rec_in *in)
{
    struct sg_rec_outbox *out = new_array(1, sizeof(*out));
    double start = (cpu_s() * 1e9);
    need(sg_rec_input(&s->side[at].rec, 2, in, out));
    s->side[at].ns += (cpu_s() * 1e9) - start;
    for (size_t i = 0; i < out->count; i++) {
        const struct sg_rec_msg *msg = &out->out[i].msg;
        struct frame *frame = &frames[1 - at][tails[1 - at] % 4096];
        if (out->out[i].kind != SG_REC_OUT_SEND) {
            s->err = at == 0 ? out->out[i].err : s->err;
            continue;
        }
        struct sg_writer w = sg_writer(frame->bytes, sizeof(frame->bytes));
        sg_rec_msg_encode(&w, msg);
        frame->len = w.len;
        tails[1 - at]++;
        s->bytes += (uint32_t)w.len;
        s->symbols += msg->symbol_count;
        s->rounds +=
            msg->kind == SG_REC_OPEN || msg->kind == SG_REC_MORE || msg->kind == SG_REC_LIST;
    }
    free(out);
}

static void give_set(struct session *s, int at)
{
    struct sg_rec_in set = {.kind = SG_REC_IN_SET, .keys = keys};
    set.ids = s->side[at].ids;
    set.count = s->side[at].count;
    session_input(s, at, &set);
}

static void session_deliver(struct session *s, int to)
{
    static struct sg_rec_room room;
    struct sg_rec_msg msg;
    struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = &msg};
    const struct frame *frame = &frames[to][heads[to]++ % 4096];
    struct sg_reader r = sg_reader(sg_bytes(frame->bytes, frame->len));
    need(sg_rec_msg_decode(&r, &msg, &room));
    if (msg.kind == SG_REC_OPEN || (msg.kind == SG_REC_SKETCH && !s->side[0].rec.has_set))
        give_set(s, to);
    session_input(s, to, &in);
}

static void run_session(struct session *s, uint32_t common, uint32_t difference, uint32_t estimate)
{
    struct sg_rec_config config = sg_rec_config_default(sg_mem_default());
    struct sg_rec_in open = {.kind = SG_REC_IN_OPEN, .number = 1, .to = 1, .estimate = estimate};
    config.symbols_max = 1 << 20;
    config.bytes_max = 1 << 24;
    memset(s, 0, sizeof(*s));
    for (int at = 0; at < 2; at++) {
        uint32_t own = at == 0 ? difference / 2 : difference - difference / 2;
        s->side[at].count = common + own;
        s->side[at].ids = new_array(common + own + 1, sizeof(uint64_t));
        for (uint32_t i = common; i < common + own; i++)
            s->side[at].ids[i] = sg_prng_next(&prng);
        sg_rec_init(&s->side[at].rec, &config, 1);
    }
    for (uint32_t i = 0; i < common; i++) {
        s->side[0].ids[i] = sg_prng_next(&prng);
        s->side[1].ids[i] = s->side[0].ids[i];
    }
    open.count = s->side[0].count;
    session_input(s, 0, &open);
    struct sg_rec_in timeout = {.kind = SG_REC_IN_TIMEOUT};
    /* the answering side sends all it may before a word of the opener arrives: the dearest case */
    while (heads[0] != tails[0] || heads[1] != tails[1]) {
        if (heads[1] != tails[1])
            session_deliver(s, 1);
        else if (sg_rec_deadline(&s->side[1].rec) <= 2)
            session_input(s, 1, &timeout);
        else
            session_deliver(s, 0);
    }
    need(s->err);
    if (s->side[0].rec.theirs_count + s->side[0].rec.ours_count != difference)
        need(SG_ERR_CORRUPT);
    for (int at = 0; at < 2; at++) {
        sg_rec_fini(&s->side[at].rec);
        free(s->side[at].ids);
    }
}

static void measure_case(uint32_t common, uint32_t difference, uint32_t estimate, const char *must)
{
    uint32_t runs = common <= 10000 ? 300 : common <= 100000 ? 60 : 3;
    if (is_quick)
        runs = runs / 20 + 1;
    double *bytes = new_array(runs, sizeof(*bytes));
    double sum = 0;
    double symbols = 0;
    double ns[2] = {0, 0};
    uint32_t rounds = 0;
    uint32_t rounds_max = 0;
    for (uint32_t i = 0; i < runs; i++) {
        struct session s;
        run_session(&s, common, difference, estimate);
        bytes[i] = s.bytes;
        sum += s.bytes;
        symbols += s.symbols;
        rounds += s.rounds;
        rounds_max = s.rounds > rounds_max ? s.rounds : rounds_max;
        ns[0] += s.side[0].ns;
        ns[1] += s.side[1].ns;
    }
    qsort(bytes, runs, sizeof(*bytes), compare_doubles);
    (void)printf("%8u %7u %7u %9.0f %9.0f %6.2f %5.2f %3u %8.2f %8.2f %4u  %s\n", common,
                 difference, estimate, sum / runs, bytes[(size_t)runs * 99 / 100],
                 difference > 0 ? symbols / runs / difference : 0, (double)rounds / runs,
                 rounds_max, ns[0] / runs / 1e6, ns[1] / runs / 1e6, runs, must);
    free(bytes);
}

static void all_cases(void)
{
    (void)printf(
        "\nsessions: bytes of all bodies both ways; CPU of the opener and of the other side\n"
        "  common       d       e     bytes       p99  sym/d   RTT max  open ms answ. ms runs "
        " must\n");
    measure_case(10000, 0, 0, "64 B, 1 RTT");
    measure_case(10000, 0, 10, "700 B, 1 RTT");
    measure_case(10000, 10, 10, "700 B, 1 RTT, 1 ms");
    measure_case(10000, 10, 0, "2 RTT");
    measure_case(10000, 40, 40, "one datagram, 99 %");
    measure_case(10000, 50, 50, "2.2 symbols each");
    measure_case(100000, 100, 100, "mean 3.0 kB, p99 4.0 kB, 2 RTT, 15 ms");
    measure_case(100000, 100, 0, "");
    measure_case(1000000, 1000, 1000, "30 kB, 3 RTT, 150 ms");
    measure_case(1000000, 1000, 0, "");
    if (!is_quick) {
        measure_case(1000000, 100000, 100000, "");
        measure_case(1000000, 100000, 0, "");
    }
}

int main(int argc, char **argv)
{
    uint8_t bytes[SG_RIBLT_KEYS_LEN];
    is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    sg_prng_init(&prng, 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)sg_prng_next(&prng);
    keys = sg_riblt_keys(bytes);
    all_cpu();
    all_symbols();
    all_cases();
    return 0;
}
