#include "doc_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"

/* ---- values ---------------------------------------------------------------------------------- */

struct sg_doc_value sg_doc_value_word(const char *text, bool is_text)
{
    static const char *const words[] = {"null", "false", "true"};
    struct sg_doc_value value = {.kind = SG_DOC_STRING,
                                 .bytes = {(const uint8_t *)text, strlen(text)}};
    char *end;
    for (int i = 0; i < 3 && !is_text; i++) {
        if (strcmp(text, words[i]) == 0)
            return (struct sg_doc_value){.kind = (enum sg_doc_value_kind)i};
    }
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!is_text && errno == 0 && end != text && *end == 0)
        value = (struct sg_doc_value){.kind = SG_DOC_INT, .number = number};
    return value;
}

json_t *sg_doc_value_json(const struct sg_doc_value *value)
{
    json_t *object;
    switch (value->kind) {
    case SG_DOC_NULL:
        return json_null();
    case SG_DOC_FALSE:
        return json_false();
    case SG_DOC_TRUE:
        return json_true();
    case SG_DOC_INT:
        return json_integer(value->number);
    case SG_DOC_STRING:
        return json_stringn((const char *)value->bytes.data, value->bytes.len);
    case SG_DOC_BYTES:
        object = json_object();
        if (!sg_json_set_payload(object, value->bytes)) {
            json_decref(object);
            return NULL;
        }
        return object;
    case SG_DOC_DOUBLE:
        return json_real(value->real);
    }
    return json_null();
}

char *sg_doc_text_all(const struct sg_doc *doc, sg_doc_node text, size_t *len)
{
    uint32_t bytes = sg_doc_text_len(doc, text, SG_DOC_UTF8);
    char *all = malloc((size_t)bytes + 1);
    *len = 0;
    if (all == NULL)
        return NULL;
    while (*len < bytes) {
        uint32_t pos = sg_doc_text_convert(doc, text, (uint32_t)*len, SG_DOC_UTF8, SG_DOC_CHARS);
        struct sg_bytes piece = sg_doc_text_read(doc, text, pos);
        memcpy(all + *len, piece.data, piece.len);
        *len += piece.len;
    }
    all[*len] = 0;
    return all;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static json_t *text_json(const struct sg_doc *doc, sg_doc_node node)
{
    size_t len;
    char *text = sg_doc_text_all(doc, node, &len);
    json_t *string = text == NULL ? NULL : json_stringn(text, len);
    free(text);
    return string;
}

static json_t *list_json(const struct sg_doc *doc, sg_doc_node node, enum sg_doc_kind kind)
{
    json_t *list = json_array();
    struct sg_doc_entry entry = {.node = SG_DOC_NONE};
    struct sg_doc_value value;
    while (kind == SG_DOC_SET && sg_doc_next(doc, node, entry.node, &entry) == SG_OK)
        (void)json_array_append_new(list, sg_doc_value_json(&entry.value));
    for (uint32_t i = 0; kind == SG_DOC_MULTI && sg_doc_get(doc, node, i, &value) == SG_OK; i++)
        (void)json_array_append_new(list, sg_doc_value_json(&value));
    return list;
}

static const char *kind_name(enum sg_doc_kind kind)
{
    static const char *const names[] = {"map",      "text",  "set",    "counter",
                                        "register", "multi", "element"};
    return names[kind];
}

static bool is_alone(const struct sg_doc *doc, sg_doc_node map, const char *key)
{
    sg_doc_node node;
    int count = 0;
    for (int kind = SG_DOC_MAP; kind < SG_DOC_ELEMENT; kind++)
        count += sg_doc_find(doc, map, (enum sg_doc_kind)kind, key, &node) == SG_OK;
    return count < 2;
}

static json_t *map_json(const struct sg_doc *doc, sg_doc_node node)
{
    json_t *object = json_object();
    struct sg_doc_entry entry = {.node = SG_DOC_NONE};
    while (sg_doc_next(doc, node, entry.node, &entry) == SG_OK) {
        char key[300];
        (void)snprintf(key, sizeof(key), "%.*s", (int)entry.key.len, (const char *)entry.key.data);
        if (!is_alone(doc, node, key)) {
            size_t len = strlen(key);
            (void)snprintf(key + len, sizeof(key) - len, ".%s", kind_name(entry.kind));
        }
        (void)json_object_set_new(object, key, sg_doc_json(doc, entry.node, entry.kind));
    }
    return object;
}

json_t *sg_doc_json(const struct sg_doc *doc, sg_doc_node node, enum sg_doc_kind kind)
{
    struct sg_doc_value value;
    switch (kind) {
    case SG_DOC_MAP:
        return map_json(doc, node);
    case SG_DOC_TEXT:
        return text_json(doc, node);
    case SG_DOC_SET:
    case SG_DOC_MULTI:
        return list_json(doc, node, kind);
    case SG_DOC_COUNTER:
        return json_integer(sg_doc_counter(doc, node));
    case SG_DOC_REGISTER:
        return sg_doc_get(doc, node, 0, &value) == SG_OK ? sg_doc_value_json(&value) : json_null();
    case SG_DOC_ELEMENT:
        break;
    }
    return json_null();
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* The next part of a path -> key [256]; false when it is too long or empty. */
static bool next_part(const char **path, char key[256], bool *is_last)
{
    size_t len = strcspn(*path, "/");
    if (len == 0 || len > 255)
        return false;
    memcpy(key, *path, len);
    key[len] = 0;
    *is_last = (*path)[len] == 0;
    *path += len + !*is_last;
    return true;
}

sg_err sg_doc_path_find(const struct sg_doc *doc, const char *path, enum sg_doc_kind kind,
                        sg_doc_node *node, enum sg_doc_kind *found)
{
    char key[256];
    bool is_last = *path == 0;
    *node = SG_DOC_ROOT;
    *found = SG_DOC_MAP;
    while (!is_last) {
        sg_doc_node map = *node;
        if (!next_part(&path, key, &is_last))
            return SG_ERR_NOT_FOUND;
        *found = is_last ? kind : SG_DOC_MAP;
        sg_err err = SG_ERR_NOT_FOUND;
        if (*found != SG_DOC_ELEMENT)
            err = sg_doc_find(doc, map, *found, key, node);
        for (int any = SG_DOC_MAP; *found == SG_DOC_ELEMENT && any < SG_DOC_ELEMENT; any++) {
            err = sg_doc_find(doc, map, (enum sg_doc_kind)any, key, node);
            *found = err == SG_OK ? (enum sg_doc_kind)any : *found;
        }
        if (err != SG_OK)
            return err;
    }
    return SG_OK;
}

sg_err sg_doc_path_make(struct sg_doc *doc, const char *path, enum sg_doc_kind kind,
                        sg_doc_node *node)
{
    char key[256];
    bool is_last = false;
    *node = SG_DOC_ROOT;
    while (!is_last) {
        if (!next_part(&path, key, &is_last))
            return SG_ERR_INVALID_ARGUMENT;
        sg_err err = sg_doc_node_of(doc, *node, is_last ? kind : SG_DOC_MAP, key, node);
        if (err != SG_OK)
            return err;
    }
    return SG_OK;
}
