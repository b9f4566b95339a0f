/* What attackers send, to one machine and to a network of them: frames again and out of order,
 * numbers that nobody had, lies in concert, names that nobody has, probes of third parties. */
#include "unit/swim/fixture.h"
#include "unit/swim/meter.h"
#include "unit/swim/net.h"

/* ---- frames ---- */

/* A frame as it was once sent: a rumor or a table entry from somebody, or the member's record. */
struct frame {
    enum { RUMOR, ENTRY, RECORD, GOODBYE } form;
    const char *member;
    sg_incarnation incarnation;
    int what; /* enum sg_swim_rumor_kind or enum sg_swim_state */
    const char *accuser;
};

#define LIFE(boot, count) (BOOT(boot) + (count))
#define ALIVE(member, incarnation)                                                                 \
    {                                                                                              \
        RUMOR, member, incarnation, SG_SWIM_ALIVE, NULL                                            \
    }
#define SUSPECT(member, incarnation, by)                                                           \
    {                                                                                              \
        RUMOR, member, incarnation, SG_SWIM_SUSPECT, by                                            \
    }
#define DEAD(member, incarnation, by)                                                              \
    {                                                                                              \
        RUMOR, member, incarnation, SG_SWIM_DEAD, by                                               \
    }

static const char *give_table(struct bench *b, const char *from, const struct frame *f)
{
    static struct sg_swim_table table;
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TABLE, .peer = peer_named(from), .table = &table};
    table = (struct sg_swim_table){.count = 2};
    table.entry[0] = (struct sg_swim_entry){
        .member = in.peer, .incarnation = BOOT(1), .state = SG_SWIM_IS_ALIVE};
    table.entry[1] = (struct sg_swim_entry){.member = peer_named(f->member),
                                            .incarnation = f->incarnation,
                                            .state = (enum sg_swim_state)f->what};
    return feed(b, &in);
}

static const char *give(struct bench *b, const char *from, const struct frame *f)
{
    switch (f->form) {
    case RUMOR:
        return says(b, from, (enum sg_swim_rumor_kind)f->what, f->member, f->incarnation,
                    f->accuser);
    case ENTRY:
        return give_table(b, from, f);
    case RECORD:
    case GOODBYE:
        return record(b, f->member, f->incarnation, f->form == GOODBYE);
    }
    return NULL;
}

static bool has_event(const char *text)
{
    static const char *const words[] = {"join ",    "fail ",    "left ",   "update ",
                                        "suspect ", "refuted ", "dropped "};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0 ||
            (strchr(text, '\n') != NULL && has_event(strchr(text, '\n') + 1)))
            return true;
    return false;
}

/* All members with state and number, by name. */
static const char *snapshot(const struct bench *b)
{
    static char text[2048];
    struct sg_swim_view view;
    text[0] = '\0';
    for (const char *name = "abcdefghx"; *name != '\0'; name++) {
        struct sg_peer_id id = peer_named((const char[]){*name, '\0'});
        if (sg_swim_find(b->m, &id, &view) != SG_OK)
            continue;
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%c %d %llu.%llu; ", *name, (int)view.state,
                 (unsigned long long)(view.incarnation >> 32),
                 (unsigned long long)(view.incarnation & UINT32_MAX));
    }
    return text;
}

/* ---- played again ---- */

/* b is accused three times and refutes, c leaves and comes back, d leaves, f is restarted, e really
 * crashes, and this node itself is accused. */
static const struct frame history[] = {
    ALIVE("f", LIFE(1, 0)),
    {RECORD, "f", LIFE(1, 0), 0, NULL},
    SUSPECT("b", LIFE(1, 0), "a"),
    {RECORD, "b", LIFE(1, 1), 0, NULL},
    DEAD("b", LIFE(1, 1), "c"),
    {RECORD, "b", LIFE(1, 2), 0, NULL},
    {ENTRY, "b", LIFE(1, 2), SG_SWIM_IS_DEAD, NULL},
    {RECORD, "b", LIFE(1, 3), 0, NULL},
    {GOODBYE, "c", LIFE(1, 1), 0, NULL},
    {RECORD, "c", LIFE(2, 0), 0, NULL},
    ALIVE("c", LIFE(2, 0)),
    {RECORD, "d", LIFE(1, 0), 0, NULL},
    ALIVE("d", LIFE(1, 0)),
    {ENTRY, "d", LIFE(1, 0), SG_SWIM_IS_ALIVE, NULL},
    {GOODBYE, "d", LIFE(1, 1), 0, NULL},
    {RECORD, "f", LIFE(2, 0), 0, NULL},
    SUSPECT("f", LIFE(2, 0), "a"),
    {RECORD, "f", LIFE(2, 1), 0, NULL},
    SUSPECT("self", LIFE(1, 0), "a"),
    {RECORD, "e", LIFE(1, 1), 0, NULL},
    ALIVE("e", LIFE(1, 1)),
    {ENTRY, "e", LIFE(1, 1), SG_SWIM_IS_ALIVE, NULL},
    SUSPECT("e", LIFE(1, 1), "a"),
    SUSPECT("e", LIFE(1, 1), "b"),
    DEAD("e", LIFE(1, 1), "f"),
    DEAD("e", LIFE(1, 1), "x"),
};
#define HISTORY (sizeof(history) / sizeof(history[0]))

static void live_through(struct bench *b)
{
    struct sg_swim_config config = quiet_config();
    bench_open(b, &config);
    members(b, "abcefx", true);
    for (size_t i = 0; i < HISTORY; i++) {
        if (strcmp(history[i].member, "e") == 0 && b->m->linked_count > 5)
            link_down(b, "e", false);
        give(b, "a", &history[i]);
        live(b, 100 * MS);
        if (history[i].form == GOODBYE && strcmp(history[i].member, "c") == 0) {
            struct sg_swim_in in = {
                .kind = SG_SWIM_IN_LINK_UP, .peer = peer_named("c"), .incarnation = LIFE(2, 0)};
            feed(b, &in);
        }
    }
    const char *text = live(b, 10 * SEC);
    assert_non_null(strstr(text, "fail e 1.1\n"));
    assert_string_equal(snapshot(b), "a 1 1.0; b 1 1.3; c 1 2.0; e 3 1.1; f 1 2.1; x 1 1.0; ");
    assert_int_equal(sg_swim_incarnation(b->m), LIFE(1, 1));
}

/* All of them, many times and in any order, by anybody: nobody comes, goes or is even suspected.
 * Only to what is said of itself this node answers again, for who repeats it may not know better;
 * at most every two seconds. */
static void frames_played_again_say_nothing(void **state)
{
    (void)state;
    struct bench b;
    struct sg_prng prng;
    char before[2048];
    live_through(&b);
    sg_time_ns start = b.now;
    sg_prng_init(&prng, 5);
    snprintf(before, sizeof(before), "%s", snapshot(&b));
    for (unsigned i = 0; i < 3000; i++) {
        const char *from = i % 3 == 0 ? "x" : i % 3 == 1 ? "a" : "stranger";
        assert_false(has_event(give(&b, from, &history[sg_prng_below(&prng, HISTORY)])));
        if (i % 10 == 0)
            assert_false(has_event(live(&b, 300 * MS)));
    }
    assert_string_equal(snapshot(&b), before);
    assert_in_range(sg_swim_incarnation(b.m), LIFE(1, 1),
                    LIFE(1, 1) + (b.now - start) / (2 * SEC) + 1);
    bench_close(&b);
}

/* ---- out of order ---- */

/* What ends with b 1.2, c 2.1, d gone, f 3.0 and g as it says itself. */
static const struct frame mixed[] = {
    ALIVE("b", LIFE(1, 0)),
    {RECORD, "b", LIFE(1, 0), 0, NULL},
    SUSPECT("b", LIFE(1, 0), "a"),
    {RECORD, "b", LIFE(1, 1), 0, NULL},
    DEAD("b", LIFE(1, 1), "x"),
    {ENTRY, "b", LIFE(1, 1), SG_SWIM_IS_DEAD, NULL},
    {RECORD, "b", LIFE(1, 2), 0, NULL},
    {RECORD, "c", LIFE(1, 0), 0, NULL},
    {GOODBYE, "c", LIFE(1, 1), 0, NULL},
    ALIVE("c", LIFE(2, 0)),
    SUSPECT("c", LIFE(2, 0), "a"),
    {RECORD, "c", LIFE(2, 1), 0, NULL},
    ALIVE("d", LIFE(1, 0)),
    {RECORD, "d", LIFE(1, 0), 0, NULL},
    SUSPECT("d", LIFE(1, 0), "x"),
    {ENTRY, "d", LIFE(1, 0), SG_SWIM_IS_ALIVE, NULL},
    {GOODBYE, "d", LIFE(1, 1), 0, NULL},
    {RECORD, "f", LIFE(1, 7), 0, NULL},
    {RECORD, "f", LIFE(2, 0), 0, NULL},
    DEAD("f", LIFE(2, 0), "a"),
    {RECORD, "f", LIFE(3, 0), 0, NULL},
    ALIVE("g", UINT64_MAX), /* a ghost, whenever it is told of */
    {ENTRY, "g", LIFE(9, 9), SG_SWIM_IS_ALIVE, NULL},
    {RECORD, "g", LIFE(1, 0), 0, NULL},
    ALIVE("g", LIFE(5, 0)),
};
#define MIXED (sizeof(mixed) / sizeof(mixed[0]))

static void frames_may_come_in_any_order(void **state)
{
    (void)state;
    struct sg_prng prng;
    sg_prng_init(&prng, 7);
    for (unsigned round = 0; round < 400; round++) {
        struct bench b;
        struct sg_swim_config config = quiet_config();
        size_t order[MIXED];
        bench_open(&b, &config);
        members(&b, "ax", false);
        for (size_t i = 0; i < MIXED; i++) {
            size_t k = sg_prng_below(&prng, i + 1);
            order[i] = order[k];
            order[k] = i;
        }
        for (size_t i = 0; i < MIXED; i++) {
            const char *text = give(&b, i % 2 == 0 ? "a" : "x", &mixed[order[i]]);
            assert_null(strstr(text, "fail "));
            b.now += MS;
        }
        assert_string_equal(snapshot(&b), "a 1 1.0; b 1 1.2; c 1 2.1; f 1 3.0; g 1 1.0; x 1 1.0; ");
        bench_close(&b);
    }
}

/* ---- lies in concert ---- */

enum { NODES = 24, LIARS = 3 };

/* Each liar accuses all honest ones at once, of the number that they have or of none that they
 * had, in its own name, in those of the other liars and of honest nodes. */
static void lie(struct net *n, uint16_t liar, unsigned turn)
{
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = net_id(liar), .packet = &packet};
    for (uint16_t victim = LIARS; victim < NODES; victim++) {
        struct sg_swim_rumor *rumor = &packet.rumor[packet.count++];
        uint16_t accuser = (uint16_t)((liar + turn) % (2 * LIARS));
        *rumor = (struct sg_swim_rumor){
            .kind = turn % 2 == 0 ? SG_SWIM_DEAD : SG_SWIM_SUSPECT,
            .member = net_id(victim),
            .incarnation = turn % 3 == 0 ? UINT64_MAX : sg_swim_incarnation(n->node[victim].m),
            .accuser = net_id(accuser == victim ? liar : accuser)};
        if (packet.count < 10 && victim + 1 < NODES)
            continue;
        for (uint16_t i = LIARS; i < NODES; i++)
            if (n->node[i].is_up && n->node[i].is_linked[liar])
                net_input(n, i, &in);
        packet.count = 0;
    }
}

/* An eighth lies together, each 250 ms for 10 s: nobody who lives is given up, and a real
 * crash in the middle of it is known to all honest ones within 12 s. */
static void liars_in_concert_kill_nobody(void **state)
{
    (void)state;
    enum { VICTIM = NODES - 1 };
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    struct net *n = net_open(NODES, 8, &config, 43);
    net_run(n, 20 * SEC);
    sg_time_ns killed_at = 0;
    for (unsigned turn = 0; turn < 40; turn++) {
        for (uint16_t liar = 0; liar < LIARS; liar++)
            lie(n, liar, turn);
        net_run(n, 250 * MS);
        if (turn == 12) {
            net_kill(n, VICTIM);
            killed_at = n->now;
        }
    }
    assert_true(NET_TOTAL(n, suspects) > NODES); /* there was an attack */
    for (uint16_t i = LIARS; i < VICTIM; i++) {
        assert_int_equal(n->node[i].fails, 1);
        assert_in_range(n->node[i].failed_at[VICTIM], killed_at, killed_at + 12 * SEC);
        assert_int_equal(sg_swim_count(n->node[i].m), NODES - 2);
    }
    net_close(n);
}

/* ---- third parties ---- */

static void pass_time(struct bench *b, uint64_t ns)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
    sg_time_ns end = b->now + ns;
    while (sg_swim_deadline(b->m) <= end) {
        b->now = sg_swim_deadline(b->m) > b->now ? sg_swim_deadline(b->m) : b->now;
        assert_int_equal(sg_swim_input(b->m, b->now, &in, &b->out), SG_OK);
    }
    b->now = end;
}

/* Four peers ask for a probe of the same member 12 times a second each, for two minutes: it is
 * dialled once in ten seconds for all of them together, and nobody else is for anybody. */
static void a_third_party_is_dialled_rarely(void **state)
{
    (void)state;
    struct bench b;
    struct sg_swim_config config = quiet_config();
    config.dial_interval_ns = 10 * SEC;
    unsigned dials = 0;
    bench_open(&b, &config);
    members(&b, "abcx", false);
    record(&b, "far", BOOT(1), false);
    forget_rumors(&b);
    b.m->dial_at = SG_TIME_NEVER; /* no probes of its own */
    for (uint32_t i = 0; i < 6000; i++) {
        const char *from = (const char[]){"abcx"[i % 4], '\0'};
        const char *text = ping_req(&b, from, i % 8 < 4 ? "far" : "made-up", i);
        assert_null(strstr(text, "send made-up"));
        if (strstr(text, "send far PING") != NULL)
            dials++;
        pass_time(&b, 20 * MS);
        if (i % 10 == 0)
            for (const char *name = "abcx"; *name != '\0'; name++)
                heard(&b, (const char[]){*name, '\0'});
    }
    assert_in_range(dials, 11, 12);
    bench_close(&b);
}

/* ---- growth ---- */

static struct sg_peer_id made_up(struct sg_prng *prng)
{
    struct sg_peer_id id;
    for (size_t i = 0; i < SG_ID_LEN; i++)
        id.b[i] = (uint8_t)sg_prng_next(prng);
    return id;
}

/* Each name is accused by as many as a verdict takes. */
static void flood_packet(struct bench *b, struct sg_prng *prng, const char *from)
{
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP, .count = 12};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = peer_named(from), .packet = &packet};
    for (uint8_t i = 0; i < packet.count; i++) {
        struct sg_swim_rumor *rumor = &packet.rumor[i];
        *rumor = (struct sg_swim_rumor){.kind = i < 2        ? SG_SWIM_ALIVE
                                                : i % 2 == 0 ? SG_SWIM_SUSPECT
                                                             : SG_SWIM_DEAD,
                                        .member = made_up(prng),
                                        .incarnation = sg_prng_next(prng),
                                        .accuser = made_up(prng)};
        if (i > 2 && i % 5 != 2) {
            rumor->member = packet.rumor[i - 1].member;
            rumor->incarnation = packet.rumor[i - 1].incarnation;
        }
    }
    assert_int_equal(sg_swim_input(b->m, b->now, &in, &b->out), SG_OK);
}

/* Records are signed, so their number is the attacker's own keys; links, likewise. */
static void flood_identity(struct bench *b, struct sg_prng *prng, unsigned turn)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = made_up(prng),
                            .incarnation = BOOT(1),
                            .leaves = turn % 2 == 0};
    if (turn % 3 == 0)
        in = (struct sg_swim_in){
            .kind = SG_SWIM_IN_LINK_UP, .peer = in.peer, .incarnation = BOOT(1)};
    assert_int_equal(sg_swim_input(b->m, b->now, &in, &b->out), SG_OK);
    if (in.kind != SG_SWIM_IN_LINK_UP)
        return;
    in.kind = SG_SWIM_IN_LINK_DOWN;
    in.is_failure = turn % 2 == 0;
    assert_int_equal(sg_swim_input(b->m, b->now, &in, &b->out), SG_OK);
}

/* A quarter of an hour of names that nobody has, far more than fit anywhere: what is remembered of
 * them is bounded, and after ten minutes nothing grows any more. */
static void made_up_names_do_not_pile_up(void **state)
{
    (void)state;
    struct bench b;
    struct meter meter = {0};
    struct sg_mem mem = meter_mem(&meter);
    struct sg_prng prng;
    struct sg_swim_config config = sg_swim_config_default(&mem);
    size_t after_ten = 0;
    bench_open(&b, &config);
    members(&b, "abx", true);
    sg_prng_init(&prng, 9);
    for (unsigned i = 0; i < 4500; i++) {
        flood_packet(&b, &prng, i % 2 == 0 ? "x" : "a");
        flood_identity(&b, &prng, i);
        heard(&b, "a");
        heard(&b, "b");
        heard(&b, "x");
        pass_time(&b, 200 * MS);
        if (i == 3000)
            after_ten = meter.most;
    }
    sg_swim_check(b.m);
    assert_true(sg_swim_count(b.m) <= config.members_max);
    assert_true(b.m->settled_count > 0); /* verdicts on names, too */
    assert_int_equal(meter.most, after_ten);
    print_message("at most %zu bytes\n", meter.most);
    assert_true(meter.most <= 128 * 1024);
    bench_close(&b);
    assert_int_equal(meter.now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_played_again_say_nothing),
        cmocka_unit_test(frames_may_come_in_any_order),
        cmocka_unit_test(liars_in_concert_kill_nobody),
        cmocka_unit_test(a_third_party_is_dialled_rarely),
        cmocka_unit_test(made_up_names_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
