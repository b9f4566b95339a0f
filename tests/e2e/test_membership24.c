/* 24 real `saorsa node` processes: all learn of all; four are killed within three seconds and every
 * survivor knows of each in less than 5 s; two stand still for 2 s and no healthy node gives them
 * up; one comes back with its key as the same member, one with a lost disk as a new one; at the
 * end all tables agree. At no time does a node that never stood still give up a living one.
 *
 * Times are those that the daemons log with their events (at_ns, the monotonic clock of the
 * machine), so a slow reader of the logs changes nothing.
 * TIMEOUT: 240 */
#include "daemons.h"

#define NODES 24
#define KILLS 4
#define STOPS 2
#define BOUND_MS 5000 /* what is promised for a crash */
#define STALL_MS 2000 /* what must not look like one */
/* For what has no promised time: a correct run under sanitizers on two busy cores needs a fraction
 * of it. */
#define PATIENCE_MS 40000

static const unsigned VICTIMS[KILLS] = {0, 7, 13, 21}; /* the seed of all is one of them */
/* Between one kill and the next: different phases of probing, and suspicions that overlap. */
static const unsigned PAUSES_MS[KILLS] = {0, 350, 1150, 700};
static const unsigned STALLED[STOPS] = {3, 11};
#define SAME_KEY 7
#define LOST_DISK 13
#define LEFT_DEAD_1 0
#define LEFT_DEAD_2 21

/* Of events: observer, and the member's place in ids, as a member may be spoken of before its own
 * ready line is read. */
static bool sees[DAEMONS_MAX][DAEMONS_MAX];
static uint64_t fail_ns[DAEMONS_MAX][DAEMONS_MAX];
static char ids[DAEMONS_MAX][DAEMON_TEXT];
static unsigned id_count;
static uint64_t died_ns[DAEMONS_MAX];
static bool has_stalled[DAEMONS_MAX];
static unsigned wrong, wrong_by_stalled, suspicions; /* about living ones */
static char wrong_text[200];
static char lost_id[DAEMON_TEXT]; /* of the node whose disk was lost */
static uint64_t begin_ns;
static bool is_done;

static void say(const char *what)
{
    print_message("%6.2f s  %s\n", (double)(now_ns() - begin_ns) / 1e9, what);
}

static bool is_living(unsigned i)
{
    return daemons[i].pid > 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The place of an id, given when it is first seen. */
static unsigned place_of(const char *id)
{
    unsigned i = 0;
    while (i < id_count && strcmp(ids[i], id) != 0)
        i++;
    if (i == id_count) {
        assert_true(id_count < DAEMONS_MAX);
        memcpy(ids[id_count++], id, strlen(id) + 1);
    }
    return i;
}

/* The daemon with that id; one that is not ready yet is not found and counts as living. */
static int find(const char *id)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (strcmp(daemons[i].id, id) == 0)
            return (int)i;
    }
    return -1;
}

static void note_fail(unsigned by, const char *id, uint64_t at_ns)
{
    unsigned place = place_of(id);
    int peer = find(id);
    sees[by][place] = false;
    if (peer >= 0 && !is_living((unsigned)peer) && at_ns >= died_ns[peer]) {
        if (fail_ns[by][place] == 0)
            fail_ns[by][place] = at_ns;
    } else if (has_stalled[by]) {
        wrong_by_stalled++;
    } else {
        wrong++;
        (void)snprintf(wrong_text, sizeof wrong_text, "node %u gave up node %d, which lives", by,
                       peer);
    }
}

static void daemon_said(unsigned by, const char *line)
{
    char event[DAEMON_TEXT];
    char id[DAEMON_TEXT];
    if (strstr(line, "ERROR: AddressSanitizer") != NULL || strstr(line, "runtime error:") != NULL)
        fail_msg("node %u: %s", by, line);
    if (!json_text(line, "event", event) || !json_text(line, "peer", id))
        return;
    if (strcmp(event, "member_join") == 0)
        sees[by][place_of(id)] = true;
    else if (strcmp(event, "member_leave") == 0)
        sees[by][place_of(id)] = false;
    else if (strcmp(event, "member_fail") == 0)
        note_fail(by, id, json_number(line, "at_ns"));
    else if (strcmp(event, "member_suspect") == 0)
        suspicions += find(id) >= 0 && is_living((unsigned)find(id));
}

static void expect_nobody_wronged(void)
{
    if (wrong > 0)
        fail_msg("%u wrong verdicts; the last: %s", wrong, wrong_text);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static bool all_ready(void)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (is_living(i) && daemons[i].address[0] == '\0')
            return false;
    }
    return true;
}

static unsigned pairs_missing(void)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < daemon_count; i++) {
        for (unsigned j = 0; j < daemon_count; j++)
            missing += i != j && is_living(i) && is_living(j) && !sees[i][place_of(daemons[j].id)];
    }
    return missing;
}

static bool all_see_all(void)
{
    return pairs_missing() == 0;
}

static bool is_known_to_all(unsigned victim)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (is_living(i) && fail_ns[i][place_of(daemons[victim].id)] == 0)
            return false;
    }
    return true;
}

static bool all_deaths_known(void)
{
    for (unsigned k = 0; k < KILLS; k++) {
        if (!is_known_to_all(VICTIMS[k]))
            return false;
    }
    return true;
}

/* ---- member tables --------------------------------------------------------------------------- */

static const char *members_of(unsigned index)
{
    const char *answer = ask_daemon(index, "{\"op\":\"members\"}");
    if (answer == NULL || strstr(answer, "\"ok\":true") == NULL)
        fail_msg("node %u does not show its members", index);
    return answer;
}

static unsigned count_in(const char *answer, const char *text)
{
    unsigned count = 0;
    for (const char *at = answer; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

struct entry {
    char state[DAEMON_TEXT]; /* "" = no such member */
    uint64_t incarnation;
};

static struct entry entry_of(const char *answer, const char *id)
{
    struct entry entry = {"", 0};
    char pattern[DAEMON_TEXT + 8];
    char number[DAEMON_TEXT];
    (void)snprintf(pattern, sizeof pattern, "\"id\":\"%s\"", id);
    const char *at = strstr(answer, pattern);
    if (at != NULL && json_text(at, "state", entry.state) && json_text(at, "incarnation", number))
        entry.incarnation = strtoull(number, NULL, 10);
    return entry;
}

static unsigned living(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < daemon_count; i++)
        count += is_living(i);
    return count;
}

/* The table has exactly the living ones as alive, and nobody in doubt. */
static bool table_is_right(unsigned index)
{
    const char *answer = members_of(index);
    if (count_in(answer, "\"state\":\"alive\"") != living() - 1 ||
        count_in(answer, "\"state\":\"suspect\"") != 0)
        return false;
    for (unsigned i = 0; i < daemon_count; i++) {
        if (i != index && is_living(i) &&
            strcmp(entry_of(answer, daemons[i].id).state, "alive") != 0)
            return false;
    }
    return true;
}

static bool all_tables_right(void)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (is_living(i) && !table_is_right(i))
            return false;
    }
    return true;
}

static bool lost_is_forgotten(void)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (is_living(i) && entry_of(members_of(i), lost_id).state[0] != '\0')
            return false;
    }
    return true;
}

static void expect_agreement(const char *when)
{
    if (wait_until(all_tables_right, PATIENCE_MS))
        return;
    for (unsigned i = 0; i < daemon_count; i++) {
        if (!is_living(i) || table_is_right(i))
            continue;
        const char *answer = members_of(i);
        print_error("node %u: %u alive, %u suspect, %u failed\n", i,
                    count_in(answer, "\"state\":\"alive\""),
                    count_in(answer, "\"state\":\"suspect\""),
                    count_in(answer, "\"state\":\"failed\""));
    }
    fail_msg("%s: the tables do not agree, %u nodes live", when, living());
}

/* ---- the scenario ---------------------------------------------------------------------------- */

static void expect_all_know_all(const char *who)
{
    if (!wait_until(all_ready, PATIENCE_MS))
        fail_msg("%s: not every node became ready", who);
    if (!wait_until(all_see_all, PATIENCE_MS))
        fail_msg("%s: %u pairs do not know each other", who, pairs_missing());
}

static void all_start(void)
{
    start_daemon(new_daemon(), "127.0.0.1:0", NULL);
    assert_true(wait_until(all_ready, PATIENCE_MS));
    for (unsigned i = 1; i < NODES; i++)
        start_daemon(new_daemon(), "127.0.0.1:0", daemons[0].address);
    expect_all_know_all("start");
    say("all know all, by their events");
    expect_agreement("start");
    expect_nobody_wronged();
}

/* Prints when the survivors knew, and holds it against the promise. */
static void judge_death(unsigned victim)
{
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    unsigned missing = 0;
    for (unsigned i = 0; i < daemon_count; i++) {
        uint64_t at = fail_ns[i][place_of(daemons[victim].id)];
        missing += is_living(i) && at == 0;
        if (!is_living(i) || at == 0)
            continue;
        first = at < first ? at : first;
        last = at > last ? at : last;
    }
    double first_ms = first == UINT64_MAX ? -1 : (double)(first - died_ns[victim]) / NS_PER_MS;
    double last_ms = last == 0 ? -1 : (double)(last - died_ns[victim]) / NS_PER_MS;
    print_message("          node %u killed: first survivor knew after %.0f ms, the last after "
                  "%.0f ms, %u never\n",
                  victim, first_ms, last_ms, missing);
    if (missing > 0 || last_ms >= BOUND_MS)
        fail_msg("the death of node %u was not known to all within %u ms", victim, BOUND_MS);
}

static void four_die(void)
{
    for (unsigned k = 0; k < KILLS; k++) {
        let_run(PAUSES_MS[k]);
        died_ns[VICTIMS[k]] = now_ns();
        kill_daemon(VICTIMS[k]);
    }
    (void)wait_until(all_deaths_known, 2 * BOUND_MS); /* judged one by one */
    say("four killed");
    for (unsigned k = 0; k < KILLS; k++)
        judge_death(VICTIMS[k]);
    expect_nobody_wronged();
    expect_agreement("after the kills");
}

static void two_stand_still(void)
{
    unsigned before = suspicions;
    for (unsigned k = 0; k < STOPS; k++) {
        has_stalled[STALLED[k]] = true;
        assert_int_equal(kill(daemons[STALLED[k]].pid, SIGSTOP), 0);
    }
    let_run(STALL_MS);
    for (unsigned k = 0; k < STOPS; k++)
        assert_int_equal(kill(daemons[STALLED[k]].pid, SIGCONT), 0);
    /* A verdict could only come while somebody is suspect, and then a table would not be right. */
    expect_agreement("after the stall");
    say("two stood still for 2 s");
    print_message("          suspected %u times; verdicts by others 0 wanted, %u came; verdicts of "
                  "the two that stood still: %u\n",
                  suspicions - before, wrong, wrong_by_stalled);
    expect_nobody_wronged();
}

static void expect_higher(const char *id, uint64_t before)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (!is_living(i) || strcmp(daemons[i].id, id) == 0)
            continue;
        struct entry entry = entry_of(members_of(i), id);
        assert_string_equal(entry.state, "alive");
        if (entry.incarnation <= before)
            fail_msg("node %u: incarnation %llu is not above %llu", i,
                     (unsigned long long)entry.incarnation, (unsigned long long)before);
    }
}

static void same_key_returns(void)
{
    char id[DAEMON_TEXT];
    struct daemon *d = &daemons[SAME_KEY];
    memcpy(id, d->id, sizeof id);
    struct entry ghost = entry_of(members_of(1), id);
    assert_string_equal(ghost.state, "failed");
    memset(sees[SAME_KEY], 0, sizeof sees[SAME_KEY]);
    start_daemon(SAME_KEY, "127.0.0.1:0", daemons[1].address);
    expect_all_know_all("the one with its key");
    say("one is back with its key: it and all others know of each other by their events");
    assert_string_equal(d->id, id);
    expect_agreement("the one with its key");
    expect_higher(id, ghost.incarnation);
    say("one is back with its key: the same member, a higher incarnation, in every table");
    expect_nobody_wronged();
}

/* At every node: nobody's word does it elsewhere so soon after a death. */
static void give_up_everywhere(const char *id)
{
    char request[2 * DAEMON_TEXT];
    (void)snprintf(request, sizeof request, "{\"op\":\"force_leave\",\"peer\":\"%s\"}", id);
    for (unsigned i = 0; i < daemon_count; i++) {
        /* Who came later need not know of the dead. */
        if (!is_living(i) || strcmp(entry_of(members_of(i), id).state, "failed") != 0)
            continue;
        const char *answer = ask_daemon(i, request);
        assert_non_null(answer);
        if (strstr(answer, "\"ok\":true") == NULL)
            fail_msg("force-leave at node %u: %s", i, answer);
    }
}

static void lost_disk_returns(void)
{
    struct daemon *old = &daemons[LOST_DISK];
    unsigned new_one = new_daemon();
    memcpy(lost_id, old->id, sizeof lost_id);
    remove_tree(old->dir);
    memcpy(daemons[new_one].dir, old->dir, sizeof old->dir);
    /* At the same address: who looks for the dead one there meets another. */
    start_daemon(new_one, old->address, daemons[1].address);
    expect_all_know_all("the one with a lost disk");
    assert_string_not_equal(daemons[new_one].id, lost_id);
    expect_agreement("the one with a lost disk");
    assert_string_equal(entry_of(members_of(1), lost_id).state, "failed");
    say("one is back without its disk: a new member, the old one stays failed");
    give_up_everywhere(lost_id);
    if (!wait_until(lost_is_forgotten, PATIENCE_MS))
        fail_msg("the member that was given up is still in a table");
    say("the old one is given up by force-leave, everywhere");
    expect_nobody_wronged();
}

static void tables_agree(void)
{
    expect_agreement("the end");
    for (unsigned i = 0; i < daemon_count; i++) {
        /* Who came later need not know of the dead. */
        if (!is_living(i) || i == SAME_KEY || i >= NODES)
            continue;
        const char *answer = members_of(i);
        assert_string_equal(entry_of(answer, daemons[LEFT_DEAD_1].id).state, "failed");
        assert_string_equal(entry_of(answer, daemons[LEFT_DEAD_2].id).state, "failed");
        assert_int_equal(count_in(answer, "\"state\":\"failed\""), KILLS - 2);
    }
    say("all tables agree");
}

static void test_membership24(void **state)
{
    (void)state;
    begin_ns = now_ns();
    all_start();
    four_die();
    two_stand_still();
    same_key_returns();
    lost_disk_returns();
    tables_agree();
    expect_nobody_wronged();
    stop_daemons();
    say("all stopped in good order");
    is_done = true;
}

static int setup(void **state)
{
    (void)state;
    daemons_setup();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!is_done)
        print_tails();
    daemons_teardown();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_membership24, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
