/* Editing traces of github.com/josephg/editing-traces (CC BY 4.0: Joseph Gentle; Vadim Dalecky;
 * Martin Kleppmann et al.), which are not part of this repository: from the folder that
 * SAORSA_VECTORS names, else from ../shared/vectors beside the checkout or above. */
#ifndef TEST_VECTORS_TRACES_H
#define TEST_VECTORS_TRACES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct trace_patch {
    uint32_t pos, deleted;
    char *text; /* [len] UTF-8, NUL behind it */
    size_t len;
};

struct trace_txn {
    uint32_t agent;
    uint32_t *parents; /* [parent_count] */
    uint32_t parent_count;
    uint32_t first, count; /* of the patches */
};

struct trace {
    char *end; /* endContent */
    struct trace_txn *txns;
    struct trace_patch *patches;
    uint32_t txn_count, patch_count, agents;
    uint64_t inserted, deleted; /* characters */
};

struct trace_in {
    char *data;
    size_t at, len;
};

static inline void trace_demand(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "trace: %s\n", what);
    abort();
}

static inline void *trace_grow(void *array, uint32_t count, size_t size)
{
    if ((count & (count - 1)) != 0 && count != 0)
        return array;
    array = realloc(array, (count == 0 ? 1 : 2 * (size_t)count) * size);
    trace_demand(array != NULL, "out of memory");
    return array;
}

/* The next character that means something. */
static inline char trace_peek(struct trace_in *in)
{
    while (in->at < in->len && strchr(" \t\r\n", in->data[in->at]) != NULL)
        in->at++;
    trace_demand(in->at < in->len, "ends too early");
    return in->data[in->at];
}

static inline bool trace_accept(struct trace_in *in, char c)
{
    bool is_it = trace_peek(in) == c;
    in->at += is_it;
    return is_it;
}

static inline void trace_expect(struct trace_in *in, char c)
{
    trace_demand(trace_accept(in, c), "not the JSON that was expected");
}

static inline uint32_t trace_number(struct trace_in *in)
{
    char *end;
    (void)trace_peek(in);
    unsigned long value = strtoul(in->data + in->at, &end, 10);
    trace_demand(end != in->data + in->at, "no number");
    in->at = (size_t)(end - in->data);
    return (uint32_t)value;
}

static inline size_t trace_put_char(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3; /* nothing lies above U+FFFF in these traces */
}

static inline size_t trace_escape(struct trace_in *in, char *out)
{
    static const char from[] = "nrtbf";
    static const char to[] = "\n\r\t\b\f";
    char c = in->data[in->at++];
    const char *at = strchr(from, c);
    if (c == 'u') {
        char hex[5] = {0};
        memcpy(hex, in->data + in->at, 4);
        in->at += 4;
        return trace_put_char(out, (uint32_t)strtoul(hex, NULL, 16));
    }
    out[0] = at == NULL ? c : to[at - from];
    return 1;
}

static inline char *trace_string(struct trace_in *in, size_t *len)
{
    trace_expect(in, '"');
    char *out = malloc(32);
    size_t cap = 32;
    *len = 0;
    while (in->data[in->at] != '"') {
        if (*len + 8 > cap) {
            cap *= 2;
            out = realloc(out, cap);
        }
        trace_demand(out != NULL && in->at < in->len, "bad string");
        char c = in->data[in->at++];
        if (c == '\\')
            *len += trace_escape(in, out + *len);
        else
            out[(*len)++] = c;
    }
    in->at++;
    out[*len] = 0;
    return out;
}

static inline void trace_skip(struct trace_in *in)
{
    size_t len;
    int depth = 0;
    do {
        char c = trace_peek(in);
        if (c == '"') {
            free(trace_string(in, &len));
            continue;
        }
        depth += (c == '[' || c == '{') - (c == ']' || c == '}');
        if (depth == 0 && (c == ',' || c == ']' || c == '}')) {
            in->at += c == ']' || c == '}';
            return;
        }
        in->at++;
        if (depth < 0) { /* the end of what the number is in */
            in->at--;
            return;
        }
    } while (depth > 0 || (trace_peek(in) != ',' && trace_peek(in) != '}'));
}

static inline uint32_t trace_chars(const char *text, size_t len)
{
    uint32_t chars = 0;
    for (size_t i = 0; i < len; i++)
        chars += ((uint8_t)text[i] & 0xc0) != 0x80;
    return chars;
}

static inline void trace_patches(struct trace *t, struct trace_in *in, struct trace_txn *txn)
{
    txn->first = t->patch_count;
    trace_expect(in, '[');
    while (!trace_accept(in, ']')) {
        t->patches = trace_grow(t->patches, t->patch_count, sizeof(t->patches[0]));
        struct trace_patch *patch = &t->patches[t->patch_count++];
        trace_expect(in, '[');
        patch->pos = trace_number(in);
        trace_expect(in, ',');
        patch->deleted = trace_number(in);
        trace_expect(in, ',');
        patch->text = trace_string(in, &patch->len);
        trace_expect(in, ']');
        t->inserted += trace_chars(patch->text, patch->len);
        t->deleted += patch->deleted;
        (void)trace_accept(in, ',');
    }
    txn->count = t->patch_count - txn->first;
}

static inline void trace_one_txn(struct trace *t, struct trace_in *in, struct trace_txn *txn)
{
    size_t len;
    trace_expect(in, '{');
    while (!trace_accept(in, '}')) {
        char *name = trace_string(in, &len);
        trace_expect(in, ':');
        if (strcmp(name, "patches") == 0) {
            trace_patches(t, in, txn);
        } else if (strcmp(name, "agent") == 0) {
            txn->agent = trace_number(in);
            t->agents = txn->agent + 1 > t->agents ? txn->agent + 1 : t->agents;
        } else if (strcmp(name, "parents") == 0) {
            trace_expect(in, '[');
            while (!trace_accept(in, ']')) {
                txn->parents = trace_grow(txn->parents, txn->parent_count, sizeof(uint32_t));
                txn->parents[txn->parent_count++] = trace_number(in);
                (void)trace_accept(in, ',');
            }
        } else {
            trace_skip(in);
        }
        free(name);
        (void)trace_accept(in, ',');
    }
}

static inline void trace_parse(struct trace *t, struct trace_in *in)
{
    size_t len;
    trace_expect(in, '{');
    while (!trace_accept(in, '}')) {
        char *name = trace_string(in, &len);
        trace_expect(in, ':');
        if (strcmp(name, "endContent") == 0) {
            t->end = trace_string(in, &len);
        } else if (strcmp(name, "txns") == 0) {
            trace_expect(in, '[');
            while (!trace_accept(in, ']')) {
                struct trace_txn txn = {0};
                trace_one_txn(t, in, &txn);
                t->txns = trace_grow(t->txns, t->txn_count, sizeof(t->txns[0]));
                t->txns[t->txn_count++] = txn;
                (void)trace_accept(in, ',');
            }
        } else {
            trace_skip(in);
        }
        free(name);
        (void)trace_accept(in, ',');
    }
}

/* False where the file is in none of the folders. name: "sequential/rustcode" */
static inline bool trace_load(struct trace *t, const char *name, const char *source_dir)
{
    char path[4096];
    char command[4200];
    const char *base[] = {getenv("SAORSA_VECTORS"), source_dir, source_dir};
    static const char *const below[] = {"", "/../shared/vectors", "/../../shared/vectors"};
    bool is_found = false;
    *t = (struct trace){.agents = 1};
    for (size_t i = 0; i < 3 && !is_found; i++) {
        (void)snprintf(path, sizeof(path), "%s%s/editing-traces/%s.json.gz",
                       base[i] == NULL ? "" : base[i], below[i], name);
        is_found = base[i] != NULL && access(path, R_OK) == 0;
    }
    if (!is_found)
        return false;
    (void)snprintf(command, sizeof(command), "gzip -dc '%s'", path);
    FILE *file = popen(command, "r");
    struct trace_in in = {malloc(1 << 24), 0, 0};
    trace_demand(file != NULL && in.data != NULL, "cannot be read");
    in.len = fread(in.data, 1, (1 << 24) - 1, file);
    in.data[in.len] = 0;
    trace_demand(pclose(file) == 0, "cannot be unpacked");
    trace_parse(t, &in);
    free(in.data);
    return true;
}

static inline void trace_free(struct trace *t)
{
    for (uint32_t i = 0; i < t->patch_count; i++)
        free(t->patches[i].text);
    for (uint32_t i = 0; i < t->txn_count; i++)
        free(t->txns[i].parents);
    free(t->patches);
    free(t->txns);
    free(t->end);
}

#endif
