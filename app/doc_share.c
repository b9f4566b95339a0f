/* saorsa doc share: a document that is edited together, over a node of its own. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doc_cmd.h"
#include "json_out.h"
#include "signals.h"

#define LINE_MAX_LEN 8192
/* How long sessions may wait for their turn. */
#define TURN_MS 250

struct share {
    struct sg_doc_args *args;
    struct sg_node *node;
    struct sg_doc *doc;
    struct sg_doc_binding *binding;
    char line[LINE_MAX_LEN]; /* [used] of what was typed */
    size_t used;
    bool has_input, is_over, is_too_long;
};

static sg_err open_or_create(const struct sg_doc_options *options, const void *user,
                             struct sg_doc **doc)
{
    const struct sg_doc_args *args = user;
    struct sg_doc_options named = *options;
    sg_err err = sg_doc_open(options, doc);
    if (err != SG_ERR_NOT_FOUND)
        return err;
    named.shared_name = args->topic;
    return sg_doc_create(&named, args->rga ? SG_DOC_RGA : SG_DOC_FUGUE_MAX, doc);
}

/* ---- what is seen ---------------------------------------------------------------------------- */

/* All of it, in one line: people see what changed, programs read it. */
static void show(const struct share *s)
{
    json_t *tree = sg_doc_json(s->doc, SG_DOC_ROOT, SG_DOC_MAP);
    char *text = tree == NULL ? NULL : json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS);
    if (text != NULL)
        (void)puts(text);
    (void)fflush(stdout);
    free(text);
    json_decref(tree);
}

static void tell_news(const struct share *s, const struct sg_doc_news *news)
{
    if (news->applied > 0 || news->has_adopted)
        show(s);
    if (news->postponed > 0)
        sg_complain("there is no room in memory for some changes: they come again");
    if (news->has_floor)
        sg_complain("somebody has compacted: to take that over, name them with --trust");
}

/* ---- what is typed --------------------------------------------------------------------------- */

/* A word and what follows it; NULL at the end. */
static char *cut_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    if (*word == 0)
        return NULL;
    char *end = word + strcspn(word, " ");
    *rest = *end == 0 ? end : end + 1;
    *end = 0;
    return word;
}

static bool is_verb(const char *word)
{
    static const char *const verbs[] = {"add", "set", "rm", "text"};
    for (size_t i = 0; i < SG_COUNT(verbs); i++) {
        if (strcmp(verbs[i], word) == 0)
            return true;
    }
    return false;
}

static sg_err obey(struct share *s, char *line)
{
    struct sg_doc_args args = *s->args;
    args.kind = args.at = NULL;
    args.remove = 0;
    char *rest = line;
    const char *verb = cut_word(&rest);
    if (verb == NULL)
        return SG_OK;
    args.items[0] = verb;
    args.items[2] = cut_word(&rest);
    args.items[3] = rest + strspn(rest, " ");
    args.count = args.items[2] == NULL ? 2 : *args.items[3] == 0 ? 3 : 4;
    if (strcmp(verb, "quit") == 0) {
        s->is_over = true;
        return SG_OK;
    }
    if (strcmp(verb, "get") == 0) {
        show(s);
        return SG_OK;
    }
    bool is_short = strcmp(verb, "rm") == 0 ? args.count < 3 : args.count < 4;
    if (!is_verb(verb) || is_short) {
        sg_complain("type: add PATH VALUE, set PATH VALUE, rm PATH [VALUE], text PATH TEXT, get or "
                    "quit");
        return SG_OK;
    }
    sg_err err = sg_doc_edit(&args, s->doc);
    if (err == SG_ERR_STOPPED)
        return SG_OK; /* it has complained */
    if (err == SG_OK)
        show(s);
    else
        (void)sg_doc_fail(s->args->items[1], err);
    return err == SG_ERR_NO_MEMORY ? err : SG_OK;
}

/* All whole lines; false: there will be no more. */
static bool read_lines(struct share *s, sg_err *err)
{
    ssize_t got = read(STDIN_FILENO, s->line + s->used, sizeof(s->line) - s->used);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    s->used += (size_t)got;
    char *end;
    while (*err == SG_OK && (end = memchr(s->line, '\n', s->used)) != NULL) {
        size_t len = (size_t)(end - s->line) + 1;
        *end = 0;
        if (!s->is_too_long)
            *err = obey(s, s->line);
        s->is_too_long = false;
        memmove(s->line, s->line + len, s->used - len);
        s->used -= len;
    }
    if (s->used == sizeof(s->line)) {
        sg_complain("a line may have %d bytes", LINE_MAX_LEN - 1);
        s->is_too_long = true;
        s->used = 0;
    }
    return got > 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static sg_err turn(struct share *s)
{
    struct sg_doc_news news;
    struct pollfd fds[3] = {{.fd = sg_doc_binding_fd(s->binding), .events = POLLIN},
                            {.fd = sg_app_signals_fd(), .events = POLLIN},
                            {.fd = s->has_input ? STDIN_FILENO : -1, .events = POLLIN}};
    sg_err err = SG_OK;
    (void)poll(fds, 3, TURN_MS);
    if (sg_app_signals_caught() != 0)
        s->is_over = true;
    if (s->has_input && fds[2].revents != 0)
        s->has_input = read_lines(s, &err);
    if (err == SG_OK) {
        err = sg_doc_binding_run(s->binding, 0, &news);
        tell_news(s, &news);
    }
    return err;
}

static int serve(struct share *s)
{
    struct sg_topic_id topic;
    char address[64];
    sg_err err = sg_topic_from_name(s->args->topic, &topic);
    if (err == SG_OK)
        err = sg_node_start(s->node);
    if (err == SG_OK)
        err = sg_doc_bind(s->doc, s->node, &topic, &s->binding);
    if (err != SG_OK)
        return sg_doc_fail(s->args->items[1], err);
    sg_node_address(s->node, address, sizeof(address));
    (void)fprintf(stderr, "shares %s on '%s', listens at %s\n", s->args->items[1], s->args->topic,
                  address);
    show(s);
    while (err == SG_OK && !s->is_over)
        err = turn(s);
    sg_doc_unbind(s->binding);
    return err == SG_OK ? SG_EXIT_OK : sg_doc_fail(s->args->items[1], err);
}

static bool make_node(struct share *s)
{
    struct sg_node_config config;
    char detail[256] = "";
    char passphrase[SG_PASSPHRASE_CAP];
    if (!sg_passphrase_read(s->args->passphrase_file, passphrase))
        return false;
    sg_node_config_init(&config);
    config.state_dir = s->args->dir;
    config.passphrase = passphrase[0] != 0 ? passphrase : NULL;
    config.seeds = s->args->seeds.items;
    config.seed_count = s->args->seeds.count;
    if (s->args->listen != NULL)
        config.listen = s->args->listen;
    if (s->args->network != NULL)
        config.network = s->args->network;
    sg_err err = sg_node_new(&config, &s->node, detail, sizeof(detail));
    sg_passphrase_wipe(passphrase);
    if (err != SG_OK)
        sg_complain("cannot start: %s", detail[0] != 0 ? detail : sg_err_text(err));
    return err == SG_OK;
}

int sg_doc_run_share(struct sg_doc_args *args)
{
    static struct share s; /* large */
    s = (struct share){.args = args, .has_input = true};
    if (args->topic == NULL)
        return sg_opt_usage_error(&sg_cmd_doc, "share needs --topic NAME");
    if (!sg_app_signals_init()) {
        sg_complain("no descriptors left");
        return SG_EXIT_FAILURE;
    }
    /* the node has the identity; the document borrows it */
    if (!sg_app_path_state(&args->paths, args->dir) || !make_node(&s))
        return SG_EXIT_FAILURE;
    int code = SG_EXIT_FAILURE;
    if (sg_doc_open_with(args, args->items[1], open_or_create, args, &s.doc) == SG_OK) {
        code = serve(&s);
        int closed = sg_doc_finish(s.doc, args->items[1], SG_OK);
        code = code != SG_EXIT_OK ? code : closed;
    }
    sg_node_stop(s.node);
    sg_node_free(s.node);
    return code;
}
