/* saorsa members: who is there, and who comes and goes. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_client.h"
#include "format.h"
#include "json_out.h"
#include "member_text.h"
#include "options.h"
#include "signals.h"
#include "table.h"

#define RECENT_MS UINT64_C(3600000) /* failed members of longer ago are shown by --all only */
#define META_SHOWN 48               /* bytes of metadata in a table */

struct members {
    struct sg_app_path_options paths;
    bool json;
    bool watch;
    bool all;
    bool out_gone; /* whoever read our stdout is gone */
    struct sg_ctl_client client;
};

/* ---- the table ----------------------------------------------------------------------------- */

static bool is_state(const json_t *member, const char *state)
{
    return strcmp(sg_json_get_text(member, "state", ""), state) == 0;
}

static bool is_hidden(const struct members *args, const json_t *member)
{
    return !args->all && is_state(member, "failed") &&
           sg_json_count(member, "state_ms") > RECENT_MS;
}

static void add_member(const struct members *args, struct sg_app_table *table, const json_t *member)
{
    char text[SG_FMT_CAP];
    char meta[SG_CTL_META_MAX * 2];
    const char *id = sg_json_get_text(member, "id", "?");
    sg_app_table_add(table, "%.*s", args->all ? SG_ID_TEXT_LEN : 10, id);
    sg_app_table_add(table, "%s", sg_json_get_text(member, "state", "?"));
    sg_app_table_add(table, "%s", sg_member_incarnation(text, member));
    sg_app_table_add(table, "%s", sg_fmt_age_ms(text, sg_json_count(member, "state_ms")));
    if (json_is_integer(json_object_get(member, "heard_ms")))
        sg_app_table_add(table, "%s", sg_fmt_age_ms(text, sg_json_count(member, "heard_ms")));
    else
        sg_app_table_add(table, "never");
    sg_app_table_add(table, "%s", sg_json_get_text(member, "address", "-"));
    sg_app_table_add(table, "%s", sg_member_flags(member));
    sg_app_table_add(table, "%s",
                     sg_member_meta(meta, args->all ? sizeof(meta) : META_SHOWN, member));
}

static void print_counts(const json_t *members, size_t hidden)
{
    size_t index;
    json_t *member;
    size_t alive = 0;
    size_t suspect = 0;
    size_t failed = 0;
    json_array_foreach(members, index, member)
    {
        alive += is_state(member, "alive");
        suspect += is_state(member, "suspect");
        failed += is_state(member, "failed");
    }
    printf("\n%zu alive, %zu suspect, %zu failed", alive, suspect, failed);
    if (hidden > 0)
        printf(" (%zu of them more than an hour ago, see --all)", hidden);
    putchar('\n');
}

static void print_table(const struct members *args, const json_t *members)
{
    static const char *const HEAD[] = {"MEMBER", "STATE",   "INCARNATION", "SINCE",
                                       "HEARD",  "ADDRESS", "FLAGS",       "META"};
    struct sg_app_table table;
    size_t index;
    json_t *member;
    size_t hidden = 0;
    if (json_array_size(members) == 0) {
        puts("no other members yet: join through a node with 'saorsa join HOST:PORT'");
        return;
    }
    sg_app_table_init(&table, SG_COUNT(HEAD));
    for (size_t i = 2; i <= 4; i++)
        table.right[i] = true;
    for (size_t i = 0; i < SG_COUNT(HEAD); i++)
        sg_app_table_add(&table, "%s", HEAD[i]);
    json_array_foreach(members, index, member)
    {
        if (is_hidden(args, member))
            hidden++;
        else
            add_member(args, &table, member);
    }
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    print_counts(members, hidden);
}

/* Asks for the table and prints it. */
static int show(struct members *args)
{
    json_t *answer;
    bool ok = true;
    int code = sg_ctl_client_ask_simple(&args->client, SG_CTL_MEMBERS, &answer);
    if (code != SG_EXIT_OK)
        return code;
    if (args->json)
        ok = sg_json_print(json_pack("{s:O}", "members", json_object_get(answer, "members")));
    else
        print_table(args, json_object_get(answer, "members"));
    json_decref(answer);
    /* a stdout that takes nothing is the business of main */
    args->out_gone = fflush(stdout) != 0 || ferror(stdout);
    return ok ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

/* ---- watching ------------------------------------------------------------------------------ */

static const struct {
    const char *event;
    const char *word;
} CHANGES[] = {
    {"member_join", "join"}, {"member_suspect", "suspect"}, {"member_refuted", "refuted"},
    {"member_fail", "fail"}, {"member_leave", "leave"},     {"member_update", "update"},
};

/* The word of a change, NULL for events about anything else. */
static const char *change_of(const json_t *object)
{
    const char *event = sg_json_get_text(object, "event", "");
    for (size_t i = 0; i < SG_COUNT(CHANGES); i++) {
        if (strcmp(CHANGES[i].event, event) == 0)
            return CHANGES[i].word;
    }
    return NULL;
}

/* "12:03:04  fail     abcdefghij  192.0.2.1:7000  meta" */
static bool print_change(const struct members *args, const json_t *object, const char *word)
{
    char when[16] = "";
    char meta[SG_CTL_META_MAX * 2];
    struct tm local;
    const json_t *member = json_object_get(object, "member");
    time_t seconds = (time_t)(sg_json_count(object, "time_ms") / 1000);
    if (localtime_r(&seconds, &local) != NULL)
        (void)strftime(when, sizeof(when), "%H:%M:%S", &local);
    sg_member_meta(meta, args->all ? sizeof(meta) : META_SHOWN, member);
    printf("%s  %-7s  %.*s  %s%s%s\n", when, word, args->all ? SG_ID_TEXT_LEN : 10,
           sg_json_get_text(object, "peer", "?"), sg_json_get_text(member, "address", "-"),
           meta[0] != '\0' ? "  " : "", meta);
    return fflush(stdout) == 0 && !ferror(stdout);
}

static void take_object(struct members *args, json_t *object)
{
    const char *word = change_of(object);
    bool is_notice = strcmp(sg_json_get_text(object, "event", ""), "dropped") == 0;
    bool ok = true;
    if (args->json && (word != NULL || is_notice))
        ok = sg_json_print(json_incref(object)) && !ferror(stdout);
    else if (word != NULL)
        ok = print_change(args, object, word);
    else if (is_notice)
        sg_complain("too slow: %llu events were left out, 'saorsa members' shows how it is now",
                    (unsigned long long)sg_json_count(object, "count"));
    args->out_gone = args->out_gone || !ok;
    json_decref(object);
}

static bool is_done(const struct members *args)
{
    return args->out_gone || sg_app_signals_caught() != 0;
}

/* Takes all objects that have been read; MORE when the stream goes on. */
static enum sg_ctl_client_result take_ready(struct members *args)
{
    for (;;) {
        json_t *object;
        enum sg_ctl_client_result result = sg_ctl_client_next(&args->client, &object);
        if (result != SG_CTL_CLIENT_OBJECT)
            return result;
        take_object(args, object);
        if (is_done(args))
            return SG_CTL_CLIENT_MORE;
    }
}

/* Waits for the node, a signal, or the end of whoever reads our stdout. */
static enum sg_ctl_client_result wait_for_more(struct members *args)
{
    struct pollfd fds[] = {{.fd = args->client.fd, .events = POLLIN},
                           {.fd = sg_app_signals_fd(), .events = POLLIN},
                           {.fd = STDOUT_FILENO, .events = 0}};
    if (poll(fds, SG_COUNT(fds), -1) <= 0)
        return SG_CTL_CLIENT_MORE;
    if ((fds[2].revents & POLLERR) != 0)
        args->out_gone = true;
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        return sg_ctl_client_fill(&args->client);
    return SG_CTL_CLIENT_MORE;
}

/* Events are asked for first and the table after them: no change falls between the two. */
static int watch(struct members *args)
{
    json_t *answer;
    int code = sg_ctl_client_ask_simple(&args->client, SG_CTL_EVENTS, &answer);
    if (code != SG_EXIT_OK)
        return code;
    json_decref(answer);
    code = show(args);
    while (code == SG_EXIT_OK && !args->out_gone) {
        enum sg_ctl_client_result result = take_ready(args);
        if (is_done(args))
            return SG_EXIT_OK;
        if (result == SG_CTL_CLIENT_MORE)
            result = wait_for_more(args);
        if (result != SG_CTL_CLIENT_MORE)
            return sg_ctl_client_lost(&args->client, result);
    }
    return code;
}

static int run(int argc, char **argv)
{
    struct members args = {0};
    const struct sg_opt opts[] = {
        {"watch", SG_OPT_FLAG, &args.watch, NULL,
         "go on with a line for each change: join, suspect, refuted,\nfail, leave, update", 0, 0},
        {"all", SG_OPT_FLAG, &args.all, NULL,
         "full ids and metadata, and members that failed more than an\nhour ago", 0, 0},
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR", "state folder of the node", 0, 0},
        {"socket", SG_OPT_TEXT, &args.paths.socket, "PATH", "control socket of the node", 0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL,
         "print {\"members\": [...]} with all fields of all members,\n"
         "then an object for each change",
         0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_members, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (args.watch && !sg_app_signals_init()) {
        sg_complain("no descriptors left");
        return SG_EXIT_FAILURE;
    }
    if (!sg_ctl_client_open(&args.client, &args.paths, &code))
        return code;
    code = args.watch ? watch(&args) : show(&args);
    sg_ctl_client_close(&args.client);
    return code;
}

const struct sg_command sg_cmd_members = {
    .name = "members",
    .summary = "List the nodes of the network that this one knows of.",
    .usage = "[--watch] [--all] [--json] [...]",
    .about =
        "STATE is alive; suspect: does not answer, but may be slow; or failed: given up, but\n"
        "remembered for a day in case it comes back. INCARNATION grows with each start of that\n"
        "node and, after the point, each time it speaks up for itself. SINCE is how long it is in\n"
        "this state, HEARD when this node last heard from it directly. FLAGS: a neighbour in the\n"
        "overlay, linked for another reason, a contact. META is what the node says about itself\n"
        "('saorsa meta').\n"
        "\n"
        "--watch says leave of those who said goodbye or were given up, and of failed ones that\n"
        "are forgotten: after a day, or when more than 256 have failed.\n"
        "\n"
        "Known are up to --members-max nodes ('saorsa node --help'); of a larger network it is a\n"
        "sample. --watch ends with exit code 0 at SIGINT, with 3 when the node ends.",
    .example = "  saorsa members\n"
               "  saorsa members --watch\n"
               "  saorsa members --json | jq -r '.members[] | select(.state == \"failed\").id'",
    .run = run,
};
