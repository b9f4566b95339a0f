/* saorsa node: a node in the foreground. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "daemon.h"
#include "json_out.h"
#include "meta_arg.h"
#include "options.h"
#include "passphrase.h"
#include "paths.h"
#include "signals.h"
#include "topic_words.h"

#define REPEAT_NS UINT64_C(60000000000) /* the same complaint at most once a minute */
/* Lines about members of one kind per minute: all that happens in a small network, and no more than
 * a page when a large one falls apart. */
#define MEMBER_BURST 32

struct node_args {
    struct sg_app_path_options paths;
    const char *listen;
    const char *network;
    const char *passphrase_file;
    struct sg_opt_list seeds;
    struct sg_opt_list topics;
    struct sg_opt_list durables;
    struct sg_opt_list criticals;
    struct sg_opt_list bulks;
    uint64_t durable_ms;
    uint64_t durable_mib;
    struct sg_opt_list contacts;
    const char *meta;
    uint64_t contact_slots;
    uint64_t members_max;
    bool ephemeral;
    bool json;
    bool verbose;
};

/* The library's sentence says what to do. */
static int explain(sg_err err, const char *detail)
{
    const char *what = detail[0] != '\0' ? detail : sg_err_text(err);
    if (err == SG_ERR_INVALID_ARGUMENT)
        return sg_opt_usage_error(&sg_cmd_node, "%s", what);
    sg_complain("cannot start: %s", what);
    return SG_EXIT_FAILURE;
}

/* Makes the node of daemon->dir with the metadata of daemon->meta. */
static int make_node(const struct node_args *args, struct sg_daemon *daemon)
{
    struct sg_node_config config;
    char detail[256] = "";
    char passphrase[SG_PASSPHRASE_CAP];
    if (!sg_passphrase_read(args->passphrase_file, passphrase))
        return SG_EXIT_FAILURE;
    sg_node_config_init(&config);
    config.state_dir = daemon->dir;
    config.passphrase = passphrase[0] != '\0' ? passphrase : NULL;
    config.seeds = args->seeds.items;
    config.seed_count = args->seeds.count;
    if (args->listen != NULL)
        config.listen = args->listen;
    if (args->network != NULL)
        config.network = args->network;
    config.members_max = (uint32_t)args->members_max;
    config.contact_slots = (uint32_t)args->contact_slots;
    config.durable_age_ms = args->durable_ms;
    config.durable_bytes_max = args->durable_mib << 20;
    config.meta = daemon->meta;
    config.meta_len = daemon->meta_len;
    sg_err err = sg_node_new(&config, &daemon->node, detail, sizeof(detail));
    sg_passphrase_wipe(passphrase);
    return err == SG_OK ? SG_EXIT_OK : explain(err, detail);
}

static int add_contacts(struct sg_daemon *daemon, const struct sg_opt_list *contacts)
{
    for (size_t i = 0; i < contacts->count; i++) {
        char why[SG_APP_WHY_CAP];
        sg_err err = sg_app_contact_add(daemon->node, contacts->items[i], why);
        if (err == SG_ERR_INVALID_ARGUMENT)
            return sg_opt_usage_error(&sg_cmd_node, "--contact %.130s: %s", contacts->items[i],
                                      why);
        if (err != SG_OK) {
            sg_complain("cannot start: --contact %.130s: %s", contacts->items[i], why);
            return SG_EXIT_FAILURE;
        }
    }
    return SG_EXIT_OK;
}

/* Of the disk the node can tell more. */
static void complain_of(const struct sg_daemon *daemon, const struct sg_daemon_topic *topic,
                        sg_err err)
{
    char text[256] = "";
    if (sg_err_class_of(err) == SG_ERR_CLASS_IO || err == SG_ERR_UNSUPPORTED)
        sg_node_last_error(daemon->node, text, sizeof(text));
    sg_complain("cannot subscribe to topic '%.80s': %s", topic->name,
                text[0] != '\0' ? text : sg_err_text(err));
}

static bool subscribe_topics(struct sg_daemon *daemon, const struct sg_opt_list *names,
                             bool is_durable)
{
    const struct sg_subscribe_options options = {.queue_max = 1024,
                                                 .queue_bytes_max = (size_t)16 << 20,
                                                 .policy = SG_FULL_DROP_OLDEST,
                                                 .durable = is_durable};
    for (size_t i = 0; i < names->count; i++) {
        struct sg_daemon_topic *topic = &daemon->topics[daemon->topic_count];
        topic->name = names->items[i];
        sg_err err = sg_topic_from_name(topic->name, &topic->id);
        sg_app_topic_names_learn(&daemon->names, &topic->id, topic->name);
        if (err == SG_OK)
            err = sg_subscribe(daemon->node, &topic->id, &options, &topic->sub);
        if (err != SG_OK) {
            complain_of(daemon, topic, err);
            return false;
        }
        daemon->topic_count++;
    }
    return true;
}

static int set_priorities(struct sg_daemon *daemon, const struct sg_opt_list *names,
                          enum sg_priority priority)
{
    struct sg_topic_id topic;
    for (size_t i = 0; i < names->count; i++) {
        sg_err err = sg_topic_from_name(names->items[i], &topic);
        if (err == SG_OK)
            err = sg_topic_set_priority(daemon->node, &topic, priority);
        if (err != SG_OK)
            return sg_opt_usage_error(&sg_cmd_node, "--%s '%.80s': a topic has 1 to %d bytes",
                                      sg_app_priority_word(priority), names->items[i],
                                      SG_CTL_TOPIC_MAX);
        sg_app_topic_names_learn(&daemon->names, &topic, names->items[i]);
    }
    return SG_EXIT_OK;
}

static void print_ready(const struct sg_daemon *daemon)
{
    struct sg_peer_id id;
    char text[SG_ID_TEXT_LEN + 1];
    char address[64];
    sg_node_id(daemon->node, &id);
    sg_id_to_text(id.b, text);
    sg_node_address(daemon->node, address, sizeof(address));
    if (!daemon->json) {
        printf("ready: node %s listens at %s, control socket %s\n", text, address, daemon->socket);
        fflush(stdout);
        return;
    }
    json_t *object = json_object();
    (void)json_object_set_new(object, "event", json_string("ready"));
    (void)json_object_set_new(object, "id", json_string(text));
    (void)json_object_set_new(object, "address", json_string(address));
    (void)json_object_set_new(object, "socket", sg_json_text(daemon->socket));
    (void)json_object_set_new(object, "network", sg_json_text(daemon->network));
    (void)json_object_set_new(object, "version", json_string(sg_version()));
    (void)json_object_set_new(object, "pid", json_integer(getpid()));
    (void)sg_json_print(object);
}

/* Runs a node that exists; it is stopped and freed by the caller. */
static int serve(struct sg_daemon *daemon, const struct node_args *args)
{
    int code = SG_EXIT_FAILURE;
    daemon->server = sg_ctl_server_new(daemon, daemon->socket);
    if (daemon->server != NULL && subscribe_topics(daemon, &args->durables, true) &&
        subscribe_topics(daemon, &args->topics, false)) {
        print_ready(daemon);
        code = sg_daemon_run(daemon);
    }
    sg_ctl_server_free(daemon->server);
    for (size_t i = 0; i < daemon->topic_count; i++)
        sg_subscription_free(daemon->topics[i].sub);
    sg_app_neighbors_fini(&daemon->neighbors);
    sg_app_topic_names_fini(&daemon->names);
    return code;
}

static int run_daemon(const struct node_args *args, struct sg_daemon *daemon)
{
    int code = make_node(args, daemon);
    if (code != SG_EXIT_OK)
        return code;
    code = add_contacts(daemon, &args->contacts);
    if (code == SG_EXIT_OK)
        code = set_priorities(daemon, &args->criticals, SG_PRIORITY_CRITICAL);
    if (code == SG_EXIT_OK)
        code = set_priorities(daemon, &args->bulks, SG_PRIORITY_BULK);
    if (code == SG_EXIT_OK)
        code = serve(daemon, args);
    sg_node_stop(daemon->node);
    sg_node_free(daemon->node);
    return code;
}

static int start(const struct node_args *args)
{
    static struct sg_daemon daemon; /* large */
    char dir[SG_APP_PATH_MAX];
    char socket[SG_SOCKET_PATH_MAX];
    if (!sg_app_path_socket(&args->paths, socket) ||
        (!args->ephemeral && !sg_app_path_state(&args->paths, dir)))
        return SG_EXIT_FAILURE;
    if (!sg_app_signals_init()) {
        sg_complain("no descriptors left");
        return SG_EXIT_FAILURE;
    }
    int code = SG_EXIT_OK;
    if (args->meta != NULL)
        code = sg_meta_arg_read(args->meta, daemon.meta, &daemon.meta_len);
    if (code != SG_EXIT_OK)
        return code;
    sg_app_limiter_init(&daemon.limiter, REPEAT_NS, 1);
    sg_app_limiter_init(&daemon.member_limiter, REPEAT_NS, MEMBER_BURST);
    daemon.network = args->network != NULL ? args->network : "saorsa";
    daemon.dir = args->ephemeral ? NULL : dir;
    daemon.socket = socket;
    daemon.json = args->json;
    daemon.verbose = args->verbose;
    return run_daemon(args, &daemon);
}

static int run(int argc, char **argv)
{
    struct node_args args = {.contact_slots = 2,
                             .members_max = 256,
                             .durable_ms = UINT64_C(7) * 86400000,
                             .durable_mib = 1024};
    const struct sg_opt opts[] = {
        {"listen", SG_OPT_TEXT, &args.listen, "ADDR:PORT",
         "UDP address to listen at [0.0.0.0:0, port 0 = any free]", 0, 0},
        {"seed", SG_OPT_LIST, &args.seeds, "[ID@]HOST:PORT",
         "a node to join through, may be repeated; with an id, no other\n"
         "node is accepted at that address",
         0, 0},
        {"topic", SG_OPT_LIST, &args.topics, "NAME", "subscribe at start, may be repeated", 0, 0},
        {"durable", SG_OPT_LIST, &args.durables, "NAME",
         "like --topic, and keep its messages in the state folder, may\nbe repeated", 0, 0},
        {"durable-age", SG_OPT_TIME, &args.durable_ms, "TIME", "keep them so long [7d]", 1000, 0},
        {"durable-size", SG_OPT_COUNT, &args.durable_mib, "MIB",
         "keep so many MiB of them, over all topics [1024]", 1, 1 << 20},
        {"critical", SG_OPT_LIST, &args.criticals, "NAME",
         "messages of this topic go before others where a link is slow,\n"
         "may be repeated; 'saorsa topic priority' changes it later",
         0, 0},
        {"bulk", SG_OPT_LIST, &args.bulks, "NAME", "likewise, behind others", 0, 0},
        {"contact", SG_OPT_LIST, &args.contacts, "ID[@ADDR:PORT]",
         "a peer you vouch for, may be repeated; kept in the state\n"
         "folder, see 'saorsa contact --help'",
         0, 0},
        {"contact-slots", SG_OPT_COUNT, &args.contact_slots, "N",
         "neighbour places that are kept for contacts [2]; 3 where\n"
         "strangers may be hostile",
         0, 8},
        {"meta", SG_OPT_TEXT, &args.meta, "TEXT|@FILE",
         "tell all members this about the node, up to 512 bytes;\n"
         "'saorsa meta' changes it later",
         0, 0},
        {"members-max", SG_OPT_COUNT, &args.members_max, "N",
         "how many members to know of [256]; of a larger network a\nsample", 16,
         SG_CTL_MEMBERS_MAX},
        {"network", SG_OPT_TEXT, &args.network, "NAME",
         "nodes of different networks never mix [saorsa]", 0, 0},
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR",
         "state folder, made with a new identity when missing\n"
         "[$SAORSA_DIR, else ~/.local/share/saorsa]",
         0, 0},
        {"socket", SG_OPT_TEXT, &args.paths.socket, "PATH",
         "control socket [$SAORSA_SOCKET, else control.sock in the\nstate folder]", 0, 0},
        {"passphrase-file", SG_OPT_TEXT, &args.passphrase_file, "FILE",
         "its first line opens a sealed identity", 0, 0},
        {"ephemeral", SG_OPT_FLAG, &args.ephemeral, NULL,
         "an identity in memory, gone with the node", 0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL,
         "print the ready line and events as JSON objects on stdout", 0, 0},
        {"verbose", SG_OPT_FLAG, &args.verbose, NULL,
         "log the overlays of topics, every message, and suspicions\nabout members, too", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_node, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (args.durables.count > 0 && args.ephemeral)
        return sg_opt_usage_error(&sg_cmd_node, "--durable needs a state folder");
    if (args.durables.count + args.topics.count > SG_DAEMON_TOPICS_MAX)
        return sg_opt_usage_error(&sg_cmd_node, "at most %d topics", SG_DAEMON_TOPICS_MAX);
    return start(&args);
}

const struct sg_command sg_cmd_node = {
    .name = "node",
    .summary = "Run a node in the foreground until SIGINT or SIGTERM.",
    .usage = "[--listen ADDR:PORT] [--seed [ID@]HOST:PORT]... [--topic NAME]... [...]",
    .about = "Prints one line when it is ready. The other commands talk to it through its control\n"
             "socket, which only you can use. A seed that cannot be reached is tried for ever.",
    .example = "  saorsa node --listen 127.0.0.1:7000\n"
               "  saorsa node --dir /tmp/b --seed 127.0.0.1:7000 --topic chat",
    .run = run,
};
