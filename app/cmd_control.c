/* saorsa peers, join, stop: one request to a running node each. */
#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "format.h"
#include "json_out.h"
#include "options.h"
#include "table.h"

struct control_args {
    struct sg_app_path_options paths;
    bool json;
};

/* Options that every command of a running node has, to be put into a table. */
#define CONTROL_OPTIONS(args)                                                                      \
    {"dir", SG_OPT_TEXT, &(args).paths.dir, "DIR", "state folder of the node", 0, 0},              \
    {                                                                                              \
        "socket", SG_OPT_TEXT, &(args).paths.socket, "PATH", "control socket of the node", 0, 0    \
    }

/* ---- peers --------------------------------------------------------------------------------- */

static void add_peer(struct sg_app_table *table, const json_t *peer)
{
    char text[SG_FMT_CAP];
    const char *id = json_string_value(json_object_get(peer, "id"));
    const char *address = json_string_value(json_object_get(peer, "address"));
    sg_app_table_add(table, "%.10s", id != NULL ? id : "?");
    sg_app_table_add(table, "%s", address != NULL ? address : "?");
    sg_app_table_add(table, "%s", json_is_true(json_object_get(peer, "dialled")) ? "out" : "in");
    sg_app_table_add(table, "%s",
                     json_is_true(json_object_get(peer, "base_active")) ? "yes" : "no");
    sg_app_table_add(table, "%llu", (unsigned long long)sg_json_count(peer, "topics"));
    sg_app_table_add(table, "%s", sg_fmt_ns(text, 1e3 * (double)sg_json_count(peer, "rtt_us")));
    sg_app_table_add(table, "%s", sg_fmt_age_ms(text, sg_json_count(peer, "up_ms")));
    sg_app_table_add(table, "%s", sg_fmt_size(text, (double)sg_json_count(peer, "bytes_in")));
    sg_app_table_add(table, "%s", sg_fmt_size(text, (double)sg_json_count(peer, "bytes_out")));
    sg_app_table_add(table, "%s", sg_fmt_size(text, (double)sg_json_count(peer, "queued")));
    sg_app_table_add(table, "%s", json_is_true(json_object_get(peer, "slow")) ? "yes" : "no");
}

static int print_peers(const json_t *answer)
{
    static const char *const HEAD[] = {"PEER", "ADDRESS", "OPENED", "ACTIVE", "TOPICS", "RTT",
                                       "UP",   "IN",      "OUT",    "QUEUED", "SLOW"};
    struct sg_app_table table;
    size_t index;
    json_t *peer;
    json_t *peers = json_object_get(answer, "peers");
    if (json_array_size(peers) == 0) {
        puts("no peers yet: join through a node with 'saorsa join HOST:PORT'");
        return SG_EXIT_OK;
    }
    sg_app_table_init(&table, SG_COUNT(HEAD));
    for (size_t i = 4; i < SG_COUNT(HEAD); i++)
        table.right[i] = true;
    for (size_t i = 0; i < SG_COUNT(HEAD); i++)
        sg_app_table_add(&table, "%s", HEAD[i]);
    json_array_foreach(peers, index, peer)
    {
        add_peer(&table, peer);
    }
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

static int run_peers(int argc, char **argv)
{
    struct control_args args = {0};
    const struct sg_opt opts[] = {
        CONTROL_OPTIONS(args),
        {"json", SG_OPT_FLAG, &args.json, NULL, "print {\"peers\": [...]} with full ids", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_peers, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (!sg_ctl_client_open(&client, &args.paths, &code))
        return code;
    code = sg_ctl_client_ask_simple(&client, SG_CTL_PEERS, &answer);
    sg_ctl_client_close(&client);
    if (code != SG_EXIT_OK)
        return code;
    if (args.json)
        code = sg_json_print(json_pack("{s:O}", "peers", json_object_get(answer, "peers")))
                   ? SG_EXIT_OK
                   : SG_EXIT_FAILURE;
    else
        code = print_peers(answer);
    json_decref(answer);
    return code;
}

const struct sg_command sg_cmd_peers = {
    .name = "peers",
    .summary = "List the peers that the node has a link to.",
    .usage = "[--json] [...]",
    .about = "OPENED says who opened the link (out: this node); ACTIVE whether the peer is a\n"
             "neighbour in the base overlay; TOPICS how many topic overlays share the link.",
    .example = "  saorsa peers",
    .run = run_peers,
};

/* ---- join, stop ---------------------------------------------------------------------------- */

static int run_join(int argc, char **argv)
{
    struct control_args args = {0};
    struct sg_ctl_request request = {.op = SG_CTL_JOIN};
    const struct sg_opt opts[] = {
        CONTROL_OPTIONS(args),
        {"json", SG_OPT_FLAG, &args.json, NULL, "print {\"ok\": true}", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_join, opts, SG_COUNT(opts), 1, 1};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (rest.items[0][0] == '\0' || strlen(rest.items[0]) > SG_CTL_SEED_MAX)
        return sg_opt_usage_error(&sg_cmd_join, "a seed is written HOST:PORT or ID@HOST:PORT");
    memcpy(request.seed, rest.items[0], strlen(rest.items[0]) + 1);
    return sg_ctl_client_do(&args.paths, args.json, &request);
}

const struct sg_command sg_cmd_join = {
    .name = "join",
    .summary = "Tell the node of one more seed to join through.",
    .usage = "[ID@]HOST:PORT [--json] [...]",
    .about = "Returns at once; the node keeps trying until it has neighbours. See how it went\n"
             "with 'saorsa peers' or in the node's output.",
    .example = "  saorsa join 192.0.2.7:7000",
    .run = run_join,
};

static int run_stop(int argc, char **argv)
{
    struct control_args args = {0};
    const struct sg_ctl_request request = {.op = SG_CTL_STOP};
    const struct sg_opt opts[] = {
        CONTROL_OPTIONS(args),
        {"json", SG_OPT_FLAG, &args.json, NULL, "print {\"ok\": true}", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_stop, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    return sg_ctl_client_do(&args.paths, args.json, &request);
}

const struct sg_command sg_cmd_stop = {
    .name = "stop",
    .summary = "Stop the node: it says goodbye to its peers and ends.",
    .usage = "[--json] [...]",
    .about =
        "Returns at once; the node ends within a second, as at SIGINT and SIGTERM. 'saorsa leave'\n"
        "gives the goodbyes more time and returns when the node has ended.",
    .example = "  saorsa stop",
    .run = run_stop,
};
