/* Documents as JSON, and values and paths from the command line. */
#ifndef SG_APP_DOC_JSON_H
#define SG_APP_DOC_JSON_H

#include <stdbool.h>

#include <jansson.h>
#include <saorsa/crdt.h>

/* What is at a node: texts as strings, maps as objects, sets and multi-value registers as lists. A
 * key that holds several kinds of things gets their names behind it, as in "note.text". New
 * reference, or NULL when out of memory. */
json_t *sg_doc_json(const struct sg_doc *doc, sg_doc_node node, enum sg_doc_kind kind);
json_t *sg_doc_value_json(const struct sg_doc_value *value);
/* A word of the command line: a whole number, true, false, null, else a string (always, when
 * is_text). Borrows text. */
struct sg_doc_value sg_doc_value_word(const char *text, bool is_text);
/* The text at a node -> *len bytes, owned by the caller; NULL when out of memory. */
char *sg_doc_text_all(const struct sg_doc *doc, sg_doc_node text, size_t *len);

/* Finds the thing at a path, "key" or "map/key"; of kind, or any when kind is SG_DOC_ELEMENT.
 * "" is the whole document. SG_ERR_NOT_FOUND. */
SG_MUST_USE sg_err sg_doc_path_find(const struct sg_doc *doc, const char *path,
                                    enum sg_doc_kind kind, sg_doc_node *node,
                                    enum sg_doc_kind *found);
/* The same, made when it is not there. SG_ERR_INVALID_ARGUMENT. */
SG_MUST_USE sg_err sg_doc_path_make(struct sg_doc *doc, const char *path, enum sg_doc_kind kind,
                                    sg_doc_node *node);

#endif
