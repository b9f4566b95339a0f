/* saorsa topic list, info, priority: the topics whose overlays a node is in. */
#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "format.h"
#include "json_out.h"
#include "options.h"
#include "table.h"
#include "topic_words.h"

typedef unsigned long long ull;

struct topic_args {
    struct sg_app_path_options paths;
    bool json;
};

/* The name, or the beginning of the id when nobody said the name at this node. */
static const char *name_of(const json_t *topic, char text[SG_FMT_CAP])
{
    const char *name = json_string_value(json_object_get(topic, "name"));
    if (name != NULL)
        return name;
    (void)snprintf(text, SG_FMT_CAP, "(id %.10s)", sg_json_get_text(topic, "id", "?"));
    return text;
}

static void add_topic(struct sg_app_table *table, const json_t *topic)
{
    char text[SG_FMT_CAP];
    sg_app_table_add(table, "%s", name_of(topic, text));
    sg_app_table_add(table, "%llu", (ull)sg_json_count(topic, "subscriptions"));
    sg_app_table_add(table, "%zu", json_array_size(json_object_get(topic, "neighbors")));
    sg_app_table_add(table, "%llu", (ull)sg_json_count(topic, "eager"));
    sg_app_table_add(table, "%llu", (ull)sg_json_count(topic, "lazy"));
    sg_app_table_add(table, "%s", sg_json_get_text(topic, "priority", "?"));
    sg_app_table_add(table, "%s", json_is_true(json_object_get(topic, "durable")) ? "yes" : "no");
    sg_app_table_add(table, "%llu", (ull)sg_json_count(topic, "received"));
    sg_app_table_add(table, "%llu", (ull)sg_json_count(topic, "duplicates"));
    sg_app_table_add(table, "%llu", (ull)sg_json_count(topic, "kept"));
}

static int print_topics(const json_t *topics)
{
    static const char *const HEAD[] = {"TOPIC",    "SUBSCRIPTIONS", "NEIGHBOURS", "EAGER",  "LAZY",
                                       "PRIORITY", "DURABLE",       "RECEIVED",   "COPIES", "KEPT"};
    struct sg_app_table table;
    size_t index;
    json_t *topic;
    if (json_array_size(topics) == 0) {
        puts("no topics yet: subscribe with 'saorsa sub --topic NAME', or publish on one");
        return SG_EXIT_OK;
    }
    sg_app_table_init(&table, SG_COUNT(HEAD));
    for (size_t i = 0; i < SG_COUNT(HEAD); i++) {
        table.right[i] = (i >= 1 && i <= 4) || i >= 7;
        sg_app_table_add(&table, "%s", HEAD[i]);
    }
    json_array_foreach(topics, index, topic)
    {
        add_topic(&table, topic);
    }
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

/* ---- info ------------------------------------------------------------------------------------ */

static void print_neighbors(const json_t *neighbors)
{
    struct sg_app_table table;
    char text[SG_FMT_CAP];
    size_t index;
    json_t *neighbor;
    if (json_array_size(neighbors) == 0) {
        puts("\nno neighbours: nobody else is in this topic, or none was found yet");
        return;
    }
    sg_app_table_init(&table, 4);
    table.right[2] = true;
    sg_app_table_add(&table, "NEIGHBOUR");
    sg_app_table_add(&table, "GETS");
    sg_app_table_add(&table, "RTT");
    sg_app_table_add(&table, "SLOW");
    json_array_foreach(neighbors, index, neighbor)
    {
        bool is_eager = json_is_true(json_object_get(neighbor, "eager"));
        bool is_slow = json_is_true(json_object_get(neighbor, "slow"));
        sg_app_table_add(&table, "%s", sg_json_get_text(neighbor, "id", "?"));
        sg_app_table_add(&table, "%s", is_eager ? "messages (eager)" : "ids (lazy)");
        sg_app_table_add(&table, "%s",
                         sg_fmt_ns(text, 1e3 * (double)sg_json_count(neighbor, "rtt_us")));
        sg_app_table_add(&table, "%s", is_slow ? "yes: told ids only" : "no");
    }
    putchar('\n');
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
}

static int print_info(const json_t *topic)
{
    struct sg_app_table table;
    char text[SG_FMT_CAP];
    ull subscriptions = (ull)sg_json_count(topic, "subscriptions");
    sg_app_table_init(&table, 2);
    sg_app_table_add(&table, "topic");
    sg_app_table_add(&table, "%s", name_of(topic, text));
    sg_app_table_add(&table, "id");
    sg_app_table_add(&table, "%s", sg_json_get_text(topic, "id", "?"));
    sg_app_table_add(&table, "subscriptions");
    sg_app_table_add(&table, "%llu%s", subscriptions,
                     subscriptions == 0 ? ": it has published, and leaves when it is idle" : "");
    sg_app_table_add(&table, "priority");
    sg_app_table_add(&table, "%s", sg_json_get_text(topic, "priority", "?"));
    sg_app_table_add(&table, "durable");
    sg_app_table_add(&table, "%s", json_is_true(json_object_get(topic, "durable")) ? "yes" : "no");
    sg_app_table_add(&table, "kept");
    sg_app_table_add(&table, "%llu messages, %s in memory, for neighbours and 'sub --since'",
                     (ull)sg_json_count(topic, "kept"),
                     sg_fmt_size(text, (double)sg_json_count(topic, "kept_bytes")));
    sg_app_table_add(&table, "traffic");
    sg_app_table_add(&table, "%llu received, %llu copies too many, %llu sent, %llu recovered",
                     (ull)sg_json_count(topic, "received"), (ull)sg_json_count(topic, "duplicates"),
                     (ull)sg_json_count(topic, "sent"), (ull)sg_json_count(topic, "recovered"));
    sg_app_table_add(&table, "candidates");
    sg_app_table_add(&table, "%llu other subscribers known",
                     (ull)sg_json_count(topic, "candidates"));
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    print_neighbors(json_object_get(topic, "neighbors"));
    return SG_EXIT_OK;
}

static json_t *find_topic(const json_t *topics, const char *name)
{
    struct sg_topic_id id;
    char text[SG_ID_TEXT_LEN + 1] = "";
    size_t index;
    json_t *topic;
    if (sg_topic_from_name(name, &id) == SG_OK)
        sg_id_to_text(id.b, text);
    json_array_foreach(topics, index, topic)
    {
        const char *known = sg_json_get_text(topic, "id", "");
        if (strcmp(known, text) == 0 || strcmp(known, name) == 0)
            return topic;
    }
    return NULL;
}

static int show(const struct topic_args *args, const json_t *topics, const char *name)
{
    if (name == NULL && args->json)
        return sg_json_print(json_pack("{s:O}", "topics", topics)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    if (name == NULL)
        return print_topics(topics);
    json_t *topic = find_topic(topics, name);
    if (topic == NULL) {
        sg_complain("this node is not in topic '%.80s'; 'saorsa topic list' shows those it is in",
                    name);
        return SG_EXIT_FAILURE;
    }
    if (args->json)
        return sg_json_print(json_incref(topic)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    return print_info(topic);
}

/* name NULL: all of them. */
static int ask(const struct topic_args *args, const char *name)
{
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    if (!sg_ctl_client_open(&client, &args->paths, &code))
        return code;
    code = sg_ctl_client_ask_simple(&client, SG_CTL_TOPICS, &answer);
    sg_ctl_client_close(&client);
    if (code != SG_EXIT_OK)
        return code;
    code = show(args, json_object_get(answer, "topics"), name);
    json_decref(answer);
    return code;
}

static int set_priority(const struct topic_args *args, const char *name, const char *word)
{
    struct sg_ctl_request request = {.op = SG_CTL_PRIORITY};
    if (!sg_app_priority_of(word, &request.priority))
        return sg_opt_usage_error(&sg_cmd_topic, "a priority is " SG_APP_PRIORITIES ", not '%.40s'",
                                  word);
    memcpy(request.topic, name, strlen(name) + 1);
    return sg_ctl_client_do(&args->paths, args->json, &request);
}

static int run_verb(const struct topic_args *args, const struct sg_opt_args *rest)
{
    const char *verb = rest->items[0];
    const char *name = rest->count > 1 ? rest->items[1] : NULL;
    if (name != NULL && (name[0] == '\0' || strlen(name) > SG_CTL_TOPIC_MAX))
        return sg_opt_usage_error(&sg_cmd_topic, "a topic's name has 1 to %d bytes",
                                  SG_CTL_TOPIC_MAX);
    if (strcmp(verb, "list") == 0 && rest->count == 1)
        return ask(args, NULL);
    if (strcmp(verb, "info") == 0 && rest->count == 2)
        return ask(args, name);
    if (strcmp(verb, "priority") == 0 && rest->count == 3)
        return set_priority(args, name, rest->items[2]);
    if (strcmp(verb, "list") == 0)
        return sg_opt_usage_error(&sg_cmd_topic, "unexpected argument '%.80s'", name);
    if (strcmp(verb, "info") == 0)
        return sg_opt_usage_error(&sg_cmd_topic, "usage: saorsa topic info NAME");
    if (strcmp(verb, "priority") == 0)
        return sg_opt_usage_error(&sg_cmd_topic,
                                  "usage: saorsa topic priority NAME critical|normal|bulk");
    return sg_opt_usage_error(&sg_cmd_topic, "'%.40s' is neither 'list' nor 'info' nor 'priority'",
                              verb);
}

static int run(int argc, char **argv)
{
    struct topic_args args = {0};
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR", "state folder of the node", 0, 0},
        {"socket", SG_OPT_TEXT, &args.paths.socket, "PATH", "control socket of the node", 0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL,
         "print {\"topics\": [...]}, the topic, or {\"ok\": true}", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_topic, opts, SG_COUNT(opts), 1, 3};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    return run_verb(&args, &rest);
}

const struct sg_command sg_cmd_topic = {
    .name = "topic",
    .summary = "List the node's topics, look at one, or set whose messages go first.",
    .usage = "list | info NAME | priority NAME critical|normal|bulk [--json] [...]",
    .about = "A node is in the topics that it is subscribed to, and for a minute in those that it\n"
             "publishes on. Eager neighbours get messages in full, lazy ones ids. A priority\n"
             "matters where a neighbour takes less than there is to send: critical topics get\n"
             "16 parts of its link, normal ones 4, bulk ones 1. It lasts until the node ends\n"
             "('saorsa node --critical NAME' sets it at the start) and is not told to others.",
    .example = "  saorsa topic list\n"
               "  saorsa topic info chat\n"
               "  saorsa topic info chat --json | jq .neighbors\n"
               "  saorsa topic priority alarms critical",
    .run = run,
};
