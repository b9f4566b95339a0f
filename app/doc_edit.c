/* saorsa doc: verbs that write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doc_cmd.h"

static bool kind_of(const char *name, enum sg_doc_kind *kind)
{
    static const char *const names[] = {"set", "counter", "register", "multi"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            *kind = (enum sg_doc_kind)(SG_DOC_SET + i);
            return true;
        }
    }
    return false;
}

static sg_err change(struct sg_doc_args *args, struct sg_doc *doc, enum sg_doc_kind kind)
{
    struct sg_doc_value value = sg_doc_value_word(args->items[3], args->text);
    sg_doc_node node;
    sg_err err = sg_doc_path_make(doc, args->items[2], kind, &node);
    if (err != SG_OK)
        return err;
    if (kind == SG_DOC_COUNTER)
        return value.kind == SG_DOC_INT ? sg_doc_count(doc, node, value.number)
                                        : SG_ERR_INVALID_ARGUMENT;
    return kind == SG_DOC_SET ? sg_doc_add(doc, node, &value) : sg_doc_set(doc, node, &value);
}

static sg_err remove_thing(struct sg_doc_args *args, struct sg_doc *doc)
{
    enum sg_doc_kind kind;
    sg_doc_node node;
    bool is_element = args->count > 3;
    sg_err err = sg_doc_path_find(doc, args->items[2], is_element ? SG_DOC_SET : SG_DOC_ELEMENT,
                                  &node, &kind);
    if (err != SG_OK || !is_element)
        return err != SG_OK ? err : sg_doc_clear(doc, node);
    struct sg_doc_value value = sg_doc_value_word(args->items[3], args->text);
    return sg_doc_has(doc, node, &value) ? sg_doc_remove(doc, node, &value) : SG_ERR_NOT_FOUND;
}

static sg_err edit_text(struct sg_doc_args *args, struct sg_doc *doc)
{
    const char *text = args->count > 3 ? args->items[3] : "";
    sg_doc_node node;
    char *end;
    sg_err err = sg_doc_path_make(doc, args->items[2], SG_DOC_TEXT, &node);
    if (err != SG_OK)
        return err;
    uint32_t len = sg_doc_text_len(doc, node, SG_DOC_CHARS);
    unsigned long at = args->at == NULL ? len : strtoul(args->at, &end, 10);
    if (at > len || args->remove > len - at || (args->at != NULL && *end != 0))
        return SG_ERR_NOT_FOUND;
    if (args->remove > 0)
        err = sg_doc_text_delete(doc, node, (uint32_t)at, (uint32_t)args->remove);
    return err != SG_OK ? err : sg_doc_text_insert(doc, node, (uint32_t)at, text, strlen(text));
}

/* set: a register. add: an element of a set, or to a counter. */
static sg_err set_or_add(struct sg_doc_args *args, struct sg_doc *doc)
{
    bool is_add = strcmp(args->items[0], "add") == 0;
    enum sg_doc_kind kind = is_add ? SG_DOC_SET : SG_DOC_REGISTER;
    if (args->kind != NULL)
        (void)kind_of(args->kind, &kind); /* checked before */
    return change(args, doc, kind);
}

/* What was wrong with the words; SG_ERR_STOPPED. Other errors stay as they are. */
static sg_err explain(const struct sg_doc_args *args, sg_err err)
{
    const char *file = args->items[1];
    bool is_number = args->kind != NULL && strcmp(args->kind, "counter") == 0;
    if (err == SG_ERR_NOT_FOUND && strcmp(args->items[0], "rm") == 0)
        sg_complain("%s: there is no '%.80s' to be removed", file, args->items[args->count - 1]);
    else if (err == SG_ERR_NOT_FOUND)
        sg_complain("%s: the text is not that long", file);
    else if (err == SG_ERR_MALFORMED)
        sg_complain("%s: that is no valid UTF-8", file);
    else if (err == SG_ERR_OVERSIZED)
        sg_complain("%s: too large: a value may have 64 KiB, a change 1 MiB", file);
    else if (err == SG_ERR_INVALID_ARGUMENT && is_number)
        sg_complain("%s: a counter takes a whole number, at a path", file);
    else if (err == SG_ERR_INVALID_ARGUMENT)
        sg_complain("%s: a path is keys of 1 to 255 bytes of UTF-8, with '/' between them", file);
    else if (err == SG_ERR_LIMIT)
        sg_complain("%s: maps may be 16 deep, and have 65536 things with names in all", file);
    else
        return err;
    return SG_ERR_STOPPED;
}

static sg_err apply(struct sg_doc_args *args, struct sg_doc *doc)
{
    const char *verb = args->items[0];
    if (strcmp(verb, "rm") == 0)
        return remove_thing(args, doc);
    return strcmp(verb, "text") == 0 ? edit_text(args, doc) : set_or_add(args, doc);
}

sg_err sg_doc_edit(struct sg_doc_args *args, struct sg_doc *doc)
{
    sg_err err = sg_doc_begin(doc);
    if (err != SG_OK)
        return err;
    err = apply(args, doc);
    if (err == SG_OK)
        err = sg_doc_commit(doc);
    if (err == SG_OK || sg_err_class_of(err) == SG_ERR_CLASS_IO || err == SG_ERR_NO_SPACE)
        return err;
    err = explain(args, err);
    sg_err back = sg_doc_rollback(doc);
    return back != SG_OK ? back : err;
}

int sg_doc_run_edit(struct sg_doc_args *args)
{
    enum sg_doc_kind kind = SG_DOC_SET;
    bool is_add = strcmp(args->items[0], "add") == 0;
    bool has_kind = is_add || strcmp(args->items[0], "set") == 0;
    if (has_kind && args->kind != NULL &&
        (!kind_of(args->kind, &kind) || is_add != (kind < SG_DOC_REGISTER)))
        return sg_opt_usage_error(&sg_cmd_doc, "--kind of %s is %s", args->items[0],
                                  is_add ? "set or counter" : "register or multi");
    struct sg_doc *doc = sg_doc_open_args(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_err err = sg_doc_edit(args, doc);
    if (err != SG_ERR_STOPPED)
        return sg_doc_finish(doc, args->items[1], err);
    (void)sg_doc_close(doc);
    return SG_EXIT_FAILURE;
}
