#include "trace_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "json_out.h"
#include "table.h"

typedef unsigned long long ull;

/* What one node knows of one message. */
struct view {
    const char *node;
    const char *message;
    const char *topic;  /* NULL: not known */
    const json_t *head; /* the step PUBLISHED or FIRST, or NULL */
    uint64_t at_us;     /* of head, else of the first step */
    size_t copies;      /* that came, the first one included */
    json_t *steps;      /* an array, one reference */
};

struct views {
    struct view *items;
    size_t count, cap;
};

static const char *text_of(const json_t *step, const char *key)
{
    return sg_json_get_text(step, key, "?");
}

static bool is_kind(const json_t *step, const char *kind)
{
    return strcmp(text_of(step, "kind"), kind) == 0;
}

static void views_fini(struct views *views)
{
    for (size_t i = 0; i < views->count; i++)
        json_decref(views->items[i].steps);
    free(views->items);
}

static struct view *view_of(struct views *views, const char *node, const char *message)
{
    for (size_t i = views->count; i-- > 0;) {
        struct view *view = &views->items[i];
        if (strcmp(view->node, node) == 0 && strcmp(view->message, message) == 0)
            return view;
    }
    if (views->count == views->cap) {
        size_t cap = views->cap == 0 ? 64 : views->cap * 2;
        void *items = realloc(views->items, cap * sizeof(*views->items));
        if (items == NULL)
            return NULL;
        views->items = items;
        views->cap = cap;
    }
    views->items[views->count] =
        (struct view){.node = node, .message = message, .steps = json_array()};
    return &views->items[views->count++];
}

static void take_step(struct views *views, const char *node, json_t *step)
{
    struct view *view = view_of(views, node, text_of(step, "message"));
    if (view == NULL || json_array_append(view->steps, step) != 0)
        return;
    bool is_head = is_kind(step, "published") || is_kind(step, "first");
    view->copies += is_kind(step, "first") || is_kind(step, "copy");
    if (is_head || view->at_us == 0)
        view->at_us = sg_json_count(step, "at_us");
    if (!is_head)
        return;
    view->head = step;
    view->topic = sg_json_get_text(step, "topic", NULL);
    if (view->topic == NULL)
        view->topic = sg_json_get_text(step, "topic_id", NULL);
}

/* Everything from the answers, which own the texts. */
static void take_answers(struct views *views, const json_t *answers)
{
    size_t i, j;
    json_t *answer, *step;
    json_array_foreach(answers, i, answer)
    {
        json_array_foreach(json_object_get(answer, "steps"), j, step)
        {
            take_step(views, text_of(answer, "id"), step);
        }
    }
}

/* ---- the list -------------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
    const struct view *x = a;
    const struct view *y = b;
    return x->at_us == y->at_us ? strcmp(x->node, y->node) : x->at_us < y->at_us ? 1 : -1;
}

static void add_view(struct sg_app_table *table, const struct view *view)
{
    char time_text[32] = "?";
    time_t seconds = (time_t)(view->at_us / 1000000);
    struct tm broken;
    bool is_own = view->head != NULL && is_kind(view->head, "published");
    if (localtime_r(&seconds, &broken) != NULL)
        (void)strftime(time_text, sizeof(time_text), "%H:%M:%S", &broken);
    sg_app_table_add(table, "%s.%03llu", time_text, (ull)(view->at_us / 1000 % 1000));
    sg_app_table_add(table, "%.10s", view->message);
    sg_app_table_add(table, "%.24s", view->topic != NULL ? view->topic : "?");
    sg_app_table_add(table, "%.10s", view->node);
    if (view->head == NULL)
        sg_app_table_add(table, "not any more known");
    else if (is_own)
        sg_app_table_add(table, "published here");
    else
        sg_app_table_add(table, "%.10s", text_of(view->head, "peer"));
    sg_app_table_add(table, "%llu",
                     view->head == NULL ? 0 : (ull)sg_json_count(view->head, "hops"));
    sg_app_table_add(table, "%zu", view->copies);
}

static int print_list(struct views *views, size_t max)
{
    static const char *const HEAD[] = {"TIME",      "MESSAGE", "TOPIC", "NODE",
                                       "CAME FROM", "HOPS",    "COPIES"};
    struct sg_app_table table;
    if (views->count == 0) {
        puts("no messages yet: nodes remember those of topics that they subscribe to or publish "
             "on");
        return SG_EXIT_OK;
    }
    sg_app_table_init(&table, SG_COUNT(HEAD));
    table.right[5] = table.right[6] = true;
    for (size_t i = 0; i < SG_COUNT(HEAD); i++)
        sg_app_table_add(&table, "%s", HEAD[i]);
    for (size_t i = 0; i < views->count && i < max; i++)
        add_view(&table, &views->items[i]);
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

static json_t *view_json(const struct view *view)
{
    return json_pack("{s:s,s:s,s:O}", "node", view->node, "message", view->message, "steps",
                     view->steps);
}

static int print_json(const struct views *views, size_t max)
{
    json_t *array = json_array();
    for (size_t i = 0; i < views->count && i < max; i++)
        json_array_append_new(array, view_json(&views->items[i]));
    return sg_json_print(json_pack("{s:o}", "messages", array)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

int sg_trace_view_list(const json_t *answers, size_t max, bool json)
{
    struct views views = {0};
    take_answers(&views, answers);
    if (views.count > 1)
        qsort(views.items, views.count, sizeof(*views.items), newest_first);
    int code = json ? print_json(&views, max) : print_list(&views, max);
    views_fini(&views);
    return code;
}

/* ---- one message ---------------------------------------------------------------------------- */

static int oldest_first(const void *a, const void *b)
{
    return newest_first(b, a);
}

/* "+1.23 ms", "-0.10 ms": clocks of two machines differ. */
static const char *offset(char text[SG_FMT_CAP], uint64_t at_us, uint64_t from_us)
{
    char value[SG_FMT_CAP];
    bool is_before = at_us < from_us;
    double us = is_before ? (double)(from_us - at_us) : (double)(at_us - from_us);
    (void)snprintf(text, SG_FMT_CAP, "%c%.24s", is_before ? '-' : '+', sg_fmt_ns(value, 1e3 * us));
    return text;
}

/* All steps of a kind in a line of their own; nothing when there is none. */
static void print_kind(const struct view *view, const char *kind, const char *what)
{
    size_t index;
    size_t count = 0;
    json_t *step;
    char text[SG_FMT_CAP];
    json_array_foreach(view->steps, index, step)
    {
        if (!is_kind(step, kind))
            continue;
        printf("%s %.10s (%s)", count++ == 0 ? what : ",", text_of(step, "peer"),
               offset(text, sg_json_count(step, "at_us"), view->at_us));
    }
    if (count > 0)
        putchar('\n');
}

static void print_tree(const struct view *view)
{
    if (view->head == NULL)
        return;
    printf("    its links in this topic then: %llu eager (pushed to), %llu lazy (told ids)\n",
           (ull)sg_json_count(view->head, "eager"), (ull)sg_json_count(view->head, "lazy"));
}

static void print_view(const struct view *view, uint64_t begin_us)
{
    char text[SG_FMT_CAP];
    printf("\n%.10s  ", view->node);
    if (view->head == NULL) {
        printf("remembers only later steps\n");
    } else if (is_kind(view->head, "published")) {
        printf("published it (%s)\n", offset(text, view->at_us, begin_us));
    } else {
        ull hops = (ull)sg_json_count(view->head, "hops");
        printf("got it %s, from %.10s, after %llu link%s\n", offset(text, view->at_us, begin_us),
               text_of(view->head, "peer"), hops, hops == 1 ? "" : "s");
    }
    print_kind(view, "asked", "    it was announced and did not come: asked by GRAFT");
    print_kind(view, "copy", "    copies too many came from");
    print_kind(view, "pushed", "    pushed it to");
    print_kind(view, "dropped", "    queue full or peer slow, so only the id went to");
    print_tree(view);
}

static size_t count_nodes(const json_t *answers)
{
    return json_array_size(answers);
}

static int print_message(const struct views *views, const json_t *answers)
{
    const struct view *first = &views->items[0];
    const char *topic = NULL;
    size_t silent = count_nodes(answers) - views->count;
    for (size_t i = 0; i < views->count && topic == NULL; i++)
        topic = views->items[i].topic;
    printf("message %s\ntopic   %s\nknown to %zu of %zu nodes asked; times are since the first "
           "step\n",
           first->message, topic != NULL ? topic : "?", views->count, count_nodes(answers));
    for (size_t i = 0; i < views->count; i++)
        print_view(&views->items[i], first->at_us);
    if (silent > 0)
        printf("\n%zu node%s asked do%s not know it: it did not come there, or longer than 4096 "
               "steps ago\n",
               silent, silent == 1 ? "" : "s", silent == 1 ? "es" : "");
    return SG_EXIT_OK;
}

/* Whether all views are of one message; else complains. */
static bool is_one(const struct views *views, const char *text)
{
    if (views->count == 0) {
        sg_complain("no node asked remembers a message that begins with '%.60s'; 'saorsa trace' "
                    "lists those it does",
                    text);
        return false;
    }
    for (size_t i = 1; i < views->count; i++) {
        if (strcmp(views->items[i].message, views->items[0].message) == 0)
            continue;
        sg_complain("'%.60s' begins more than one id: %.16s and %.16s; give more characters", text,
                    views->items[0].message, views->items[i].message);
        return false;
    }
    return true;
}

int sg_trace_view_message(const json_t *answers, const char *text, bool json)
{
    struct views views = {0};
    take_answers(&views, answers);
    if (views.count > 1)
        qsort(views.items, views.count, sizeof(*views.items), oldest_first);
    int code = SG_EXIT_FAILURE;
    if (is_one(&views, text))
        code = json ? print_json(&views, views.count) : print_message(&views, answers);
    views_fini(&views);
    return code;
}
