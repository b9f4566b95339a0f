/* Plays scenario files; the format is described in trace.h. */
#include "trace/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct trace_machine *const machines[] = {
    &trace_hpv,
    &trace_pt,
    &trace_swim,
};

#define WORDS_MAX 64

/* ---- text ---- */

static void text_reserve(struct trace_text *text, size_t more)
{
    if (text->cap - text->len > more)
        return;
    while (text->cap - text->len <= more)
        text->cap = text->cap == 0 ? 1024 : 2 * text->cap;
    text->data = realloc(text->data, text->cap);
    if (text->data == NULL)
        abort();
}

static void text_append(struct trace_text *text, const char *data, size_t len)
{
    text_reserve(text, len);
    if (len > 0)
        memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void trace_print(struct trace_text *text, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        abort();
    text_reserve(text, (size_t)len);
    vsnprintf(text->data + text->len, text->cap - text->len, format, again);
    va_end(again);
    text->len += (size_t)len;
}

static bool text_equal(const struct trace_text *a, const struct trace_text *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* ---- files ---- */

static bool read_file(const char *path, struct trace_text *text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    char buffer[4096];
    size_t len;
    while ((len = fread(buffer, 1, sizeof(buffer), file)) > 0)
        text_append(text, buffer, len);
    fclose(file);
    return true;
}

static bool write_file(const char *path, const struct trace_text *text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    bool ok = fwrite(text->data, 1, text->len, file) == text->len;
    return fclose(file) == 0 && ok;
}

static const struct trace_machine *machine_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t len = strcspn(name, "_");
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
        if (strlen(machines[i]->prefix) == len && strncmp(machines[i]->prefix, name, len) == 0)
            return machines[i];
    return NULL;
}

/* ---- playing ---- */

struct player {
    const char *path;
    const struct trace_machine *machine;
    bool rewrite;
    void *state;
    const char *at; /* rest of the file */
    unsigned line;  /* number of the last line taken */
    unsigned failures;
    struct trace_text rewritten;
    struct trace_text got; /* records of this block */
};

/* The next line without its end; false at the end of the file. */
static bool take_line(struct player *p, const char **line, size_t *len)
{
    if (*p->at == '\0')
        return false;
    *line = p->at;
    *len = strcspn(p->at, "\n");
    p->at += *len + (p->at[*len] == '\n');
    p->line++;
    return true;
}

static bool is_separator(const char *line, size_t len)
{
    return len == 4 && memcmp(line, "----", 4) == 0;
}

static void run_line(struct player *p, const char *line, size_t len)
{
    char copy[1024];
    char *words[WORDS_MAX];
    size_t count = 0;
    if (len == 0 || line[0] == '#')
        return;
    if (len >= sizeof(copy))
        abort();
    memcpy(copy, line, len);
    copy[len] = '\0';
    for (char *word = strtok(copy, " \t"); word != NULL; word = strtok(NULL, " \t"))
        if (count < WORDS_MAX)
            words[count++] = word;
    if (count == 0 || p->machine->run(p->state, words, count, &p->got))
        return;
    trace_print(&p->got, "error: %.*s\n", (int)len, line);
    fprintf(stderr, "%s:%u: this command failed: %.*s\n", p->path, p->line, (int)len, line);
    p->failures++;
}

static void compare(struct player *p, unsigned line, const struct trace_text *expected)
{
    if (p->rewrite || text_equal(expected, &p->got))
        return;
    p->failures++;
    fprintf(stderr, "%s:%u: other records than expected\n--- expected\n%.*s--- got\n%.*s", p->path,
            line, (int)expected->len, expected->len > 0 ? expected->data : "", (int)p->got.len,
            p->got.len > 0 ? p->got.data : "");
}

/* The records after a separator, up to and including the empty line. */
static void play_records(struct player *p)
{
    struct trace_text expected = {0};
    unsigned start = p->line;
    const char *line;
    size_t len;
    bool has_end = false;
    while (!has_end && take_line(p, &line, &len)) {
        has_end = len == 0;
        text_append(&expected, line, len);
        text_append(&expected, "\n", 1);
    }
    if (has_end)
        expected.len--;
    compare(p, start, &expected);
    if (p->got.len > 0)
        text_append(&p->rewritten, p->got.data, p->got.len);
    if (has_end)
        text_append(&p->rewritten, "\n", 1);
    p->got.len = 0;
    free(expected.data);
}

static void play(struct player *p)
{
    const char *line;
    size_t len;
    while (take_line(p, &line, &len)) {
        text_append(&p->rewritten, line, len);
        text_append(&p->rewritten, "\n", 1);
        if (is_separator(line, len))
            play_records(p);
        else
            run_line(p, line, len);
    }
    if (p->got.len > 0) {
        fprintf(stderr, "%s: commands without records at the end\n", p->path);
        p->failures++;
    }
}

static bool play_file(const char *path, bool rewrite)
{
    struct trace_text text = {0};
    struct player p = {.path = path, .machine = machine_of(path), .rewrite = rewrite};
    if (p.machine == NULL) {
        fprintf(stderr, "%s: no machine for this name\n", path);
        return false;
    }
    if (!read_file(path, &text))
        return false;
    text_append(&text, "", 0);
    p.at = text.data;
    p.state = p.machine->open();
    play(&p);
    p.machine->close(p.state);
    bool ok = p.failures == 0;
    if (rewrite && !text_equal(&text, &p.rewritten))
        ok = write_file(path, &p.rewritten) && ok;
    free(text.data);
    free(p.rewritten.data);
    free(p.got.data);
    return ok;
}

int main(int argc, char **argv)
{
    int first = argc > 1 && strcmp(argv[1], "--rewrite") == 0 ? 2 : 1;
    unsigned failed = 0;
    if (first >= argc) {
        fprintf(stderr, "usage: %s [--rewrite] FILE...\n", argv[0]);
        return 2;
    }
    for (int i = first; i < argc; i++)
        failed += !play_file(argv[i], first == 2);
    printf("%d scenarios, %u failed\n", argc - first, failed);
    return failed == 0 ? 0 : 1;
}
