/* saorsa status: what a running node is and has done. */
#include <stdio.h>

#include "ctl_client.h"
#include "format.h"
#include "json_out.h"
#include "member_text.h"
#include "options.h"
#include "table.h"

typedef unsigned long long ull;

static const char *text_of(const json_t *object, const char *key)
{
    return sg_json_get_text(object, key, "none");
}

static void row(struct sg_app_table *table, const char *name)
{
    sg_app_table_add(table, "%s", name);
}

static void add_identity(struct sg_app_table *table, const json_t *status, const json_t *stats)
{
    char text[SG_FMT_CAP];
    row(table, "id");
    sg_app_table_add(table, "%s", text_of(status, "id"));
    row(table, "address");
    sg_app_table_add(table, "%s", text_of(status, "address"));
    row(table, "network");
    sg_app_table_add(table, "%s", text_of(status, "network"));
    row(table, "state folder");
    sg_app_table_add(table, "%s", text_of(status, "dir"));
    row(table, "running");
    sg_app_table_add(table, "%s, pid %llu, version %s, incarnation %llu",
                     sg_fmt_age_ms(text, sg_json_count(stats, "uptime_ms")),
                     (ull)sg_json_count(status, "pid"), text_of(status, "version"),
                     (ull)sg_json_count(stats, "incarnation"));
}

static void add_overlay(struct sg_app_table *table, const json_t *status, const json_t *stats)
{
    size_t index;
    json_t *topic;
    row(table, "overlay");
    sg_app_table_add(table, "%llu active, %llu passive peers; %llu connections",
                     (ull)sg_json_count(stats, "base_active"),
                     (ull)sg_json_count(stats, "base_passive"),
                     (ull)sg_json_count(stats, "connections"));
    json_array_foreach(json_object_get(status, "topics"), index, topic)
    {
        row(table, index == 0 ? "topics" : "");
        sg_app_table_add(table, "%s: neighbours %zu, subscriptions %llu", text_of(topic, "name"),
                         json_array_size(json_object_get(topic, "neighbors")),
                         (ull)sg_json_count(topic, "subscriptions"));
    }
    row(table, "trees");
    sg_app_table_add(table, "%llu eager, %llu lazy links over all topics",
                     (ull)sg_json_count(stats, "neighbors_eager"),
                     (ull)sg_json_count(stats, "neighbors_lazy"));
}

static void add_members(struct sg_app_table *table, const json_t *status, const json_t *stats)
{
    char meta[64];
    ull health = (ull)sg_json_count(stats, "health");
    row(table, "members");
    sg_app_table_add(table, "%llu others; %llu failures seen, %llu of them undone",
                     (ull)sg_json_count(stats, "members"), (ull)sg_json_count(stats, "failures"),
                     (ull)sg_json_count(stats, "failures_undone"));
    row(table, "health");
    if (health == 0)
        sg_app_table_add(table, "good; %llu probes, %llu without an answer",
                         (ull)sg_json_count(stats, "probes"),
                         (ull)sg_json_count(stats, "probes_failed"));
    else
        sg_app_table_add(table,
                         "%llu of 7: this node is slow itself, and judges others with more "
                         "patience",
                         health);
    sg_member_meta(meta, sizeof(meta), status);
    if (meta[0] == '\0')
        return;
    row(table, "metadata");
    sg_app_table_add(table, "%s", meta);
}

static void add_traffic(struct sg_app_table *table, const json_t *stats)
{
    char in[SG_FMT_CAP];
    char out[SG_FMT_CAP];
    char handshake[SG_FMT_CAP];
    row(table, "messages");
    sg_app_table_add(table,
                     "%llu published, %llu delivered, %llu duplicates, %llu dropped for slow "
                     "readers",
                     (ull)sg_json_count(stats, "published"), (ull)sg_json_count(stats, "delivered"),
                     (ull)sg_json_count(stats, "payloads_duplicate"),
                     (ull)sg_json_count(stats, "subscriber_dropped"));
    ull slow = (ull)sg_json_count(stats, "peers_slow");
    ull slowed = (ull)sg_json_count(stats, "peers_slowed");
    if (slowed > 0) {
        row(table, "slow peers");
        sg_app_table_add(table,
                         "%llu now, %llu so far, %llu of them came back; %llu pushes dropped", slow,
                         slowed, (ull)sg_json_count(stats, "slow_recovered"),
                         (ull)sg_json_count(stats, "push_dropped"));
    }
    row(table, "repairs");
    sg_app_table_add(table, "%llu recovered by GRAFT, %llu given up",
                     (ull)sg_json_count(stats, "recovered"), (ull)sg_json_count(stats, "given_up"));
    row(table, "traffic");
    sg_app_table_add(table, "%s in, %s out, %llu packets lost",
                     sg_fmt_size(in, (double)sg_json_count(stats, "bytes_in")),
                     sg_fmt_size(out, (double)sg_json_count(stats, "bytes_out")),
                     (ull)sg_json_count(stats, "packets_lost"));
    row(table, "handshakes");
    sg_app_table_add(table, "%llu done in %s on average, %llu failed",
                     (ull)sg_json_count(stats, "handshakes_done"),
                     sg_fmt_ns(handshake, 1e3 * (double)sg_json_count(stats, "handshake_mean_us")),
                     (ull)sg_json_count(stats, "handshakes_failed"));
}

/* How neighbours behave, when any of them did not. */
static void add_conduct(struct sg_app_table *table, const json_t *stats)
{
    ull faults = (ull)sg_json_count(stats, "faults");
    ull broken = (ull)sg_json_count(stats, "promises_broken");
    ull away = (ull)sg_json_count(stats, "put_away");
    if (faults + broken + away == 0)
        return;
    row(table, "conduct");
    sg_app_table_add(table, "%llu faults, %llu promises broken, %llu neighbours put away", faults,
                     broken, away);
}

/* What was refused, when anything was: a sign of trouble or of an attack. */
static void add_refused(struct sg_app_table *table, const json_t *stats)
{
    static const char *const KEYS[] = {
        "refused_signature", "refused_proof",   "refused_expired", "refused_future",
        "refused_malformed", "refused_version", "refused_network", "refused_overload",
    };
    const size_t prefix = sizeof("refused_") - 1;
    for (size_t i = 0; i < SG_COUNT(KEYS); i++) {
        uint64_t count = sg_json_count(stats, KEYS[i]);
        if (count == 0)
            continue;
        row(table, "refused");
        sg_app_table_add(table, "%llu times: %s", (ull)count, KEYS[i] + prefix);
    }
}

static int print_status(const json_t *status)
{
    struct sg_app_table table;
    const json_t *stats = json_object_get(status, "stats");
    sg_app_table_init(&table, 2);
    add_identity(&table, status, stats);
    add_overlay(&table, status, stats);
    add_members(&table, status, stats);
    add_traffic(&table, stats);
    add_conduct(&table, stats);
    add_refused(&table, stats);
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct sg_app_path_options paths = {0};
    bool json = false;
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_TEXT, &paths.dir, "DIR", "state folder of the node", 0, 0},
        {"socket", SG_OPT_TEXT, &paths.socket, "PATH", "control socket of the node", 0, 0},
        {"json", SG_OPT_FLAG, &json, NULL, "print everything the node counts, as an object", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_status, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (!sg_ctl_client_open(&client, &paths, &code))
        return code;
    code = sg_ctl_client_ask_simple(&client, SG_CTL_STATUS, &answer);
    sg_ctl_client_close(&client);
    if (code != SG_EXIT_OK)
        return code;
    json_object_del(answer, "ok");
    json_object_del(answer, "op");
    if (json)
        return sg_json_print(answer) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    code = print_status(answer);
    json_decref(answer);
    return code;
}

const struct sg_command sg_cmd_status = {
    .name = "status",
    .summary = "Show who the node is, its overlays, members, traffic and counters.",
    .usage = "[--json] [...]",
    .example = "  saorsa status\n  saorsa status --json | jq .stats.delivered",
    .run = run,
};
