/* The operations of a batch, in columns.
 *
 *   ref count, refs [32 each]             names of batches whose chains are referred to
 *   object count, objects                 parent (0 = root map, else object + 1), kind, key
 *   heads, origins, values                each with its length
 *   text                                  to the end
 *
 * A head is (argument << 4 | kind). Elements are (chain, counter): a chain is 0, the author's own;
 * 1 .. the dependencies' in their order; then the refs'. Counters are written as the difference to
 * the last one of that chain. What can be written in a short form must be.
 *
 * Counters go on by one for each character that is inserted and by one for each other operation. A
 * deletion is one however long its range is: so what a batch takes of the counters there are is
 * bounded by its bytes, and nobody can use up a document's by deleting the same again and again. */
#ifndef SG_CRDT_BODY_H
#define SG_CRDT_BODY_H

#include "crdt/columns.h"
#include "crdt/limits.h"
#include "crdt/seq.h"

enum sg_cell_kind {
    SG_CELL_MAP = 0,
    SG_CELL_TEXT = 1,
    SG_CELL_SET = 2,
    SG_CELL_COUNTER = 3,
    SG_CELL_REGISTER = 4, /* last writer wins */
    SG_CELL_MULTI = 5,    /* multi-value register */
    SG_CELL_ELEMENT = 6   /* of a set; not on the wire */
};

enum sg_value_kind {
    SG_VALUE_NULL = 0,
    SG_VALUE_FALSE = 1,
    SG_VALUE_TRUE = 2,
    SG_VALUE_INT = 3,  /* bytes: zigzag LEB128 */
    SG_VALUE_TEXT = 4, /* UTF-8 */
    SG_VALUE_BYTES = 5,
    SG_VALUE_DOUBLE = 6 /* 8 bytes, IEEE 754, little-endian */
};

struct sg_value {
    uint8_t kind; /* enum sg_value_kind */
    struct sg_bytes bytes;
};

enum sg_op_kind {
    SG_OP_SELECT = 0, /* argument: object; what follows is about it */
    SG_OP_INSERT = 1, /* argument: characters */
    SG_OP_DELETE = 2, /* argument: elements */
    SG_OP_SET = 3,    /* of a register; argument: value kind */
    SG_OP_CLEAR = 4,  /* register or set: nothing is left of what the author had seen */
    SG_OP_COUNT = 5,  /* delta in the values column */
    SG_OP_ADD = 6,    /* to a set; argument: value kind */
    SG_OP_REMOVE = 7  /* from a set; argument: value kind */
};

#define SG_BODY_SELF 0

struct sg_body_element {
    uint32_t ref; /* SG_SEQ_CHAIN_NONE: none */
    uint32_t counter;
};

struct sg_op {
    enum sg_op_kind kind;
    uint32_t object;
    uint32_t count;                     /* characters, elements, else 1 */
    struct sg_body_element left, right; /* INSERT */
    struct sg_body_element target;      /* DELETE: target .. target + count - 1 */
    struct sg_bytes text;               /* INSERT; checked */
    struct sg_utf8_counts text_counts;
    struct sg_value value;
    int64_t delta;
};

struct sg_body_object {
    uint32_t parent; /* object + 1; 0 = the document's map */
    uint8_t kind;
    struct sg_bytes key; /* checked UTF-8 */
};

/* What both directions remember. last [chains]: counters. */
struct sg_body_state {
    uint32_t *last;
    uint32_t chains;
    struct sg_body_element inserted; /* the newest inserted element */
    struct sg_body_element right;    /* right origin of the newest insert */
};

/* ---- writing ---- */

struct sg_body_writer {
    const struct sg_mem *mem;
    struct sg_column refs, objects, heads, origins, values, text;
    uint32_t ref_count, object_count;
    struct sg_body_state state;
    uint32_t counter; /* of the next operation */
    /* the operation that may still grow; count 0: none */
    struct sg_op open;
    uint32_t open_at;  /* counter of its first element */
    uint32_t selected; /* object + 1 */
    bool has_failed;
};

/* counter: of the first operation. chains: own and dependencies'. */
void sg_body_begin(struct sg_body_writer *w, const struct sg_mem *mem, uint32_t counter,
                   uint32_t deps);
void sg_body_fini(struct sg_body_writer *w);
/* A further chain; gives its number. */
uint32_t sg_body_ref(struct sg_body_writer *w, const uint8_t name[SG_ID_LEN]);
uint32_t sg_body_object(struct sg_body_writer *w, const struct sg_body_object *object);
/* Appends; joins what goes together. */
void sg_body_put(struct sg_body_writer *w, const struct sg_op *op);
/* Appends the whole body to out. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_body_end(struct sg_body_writer *w, struct sg_column *out);

/* ---- reading ---- */

struct sg_body_reader {
    const struct sg_crdt_limits *limits;
    struct sg_bytes refs; /* [32 * ref_count] */
    uint32_t ref_count, object_count;
    struct sg_reader objects; /* sg_body_next_object */
    struct sg_reader heads, origins, values, text;
    struct sg_body_state state;
    uint32_t counter;
    uint32_t selected;
    struct sg_op before; /* the operation before; count 0: none */
};

/* Splits a body. last [1 + deps + refs <= limits] is the caller's, see sg_body_chains.
 * SG_ERR_TRUNCATED, SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL, SG_ERR_OVERSIZED. */
SG_MUST_USE sg_err sg_body_open(struct sg_body_reader *r, struct sg_bytes body,
                                const struct sg_crdt_limits *limits);
/* Before the first operation. last: zeroed, [chains]. */
void sg_body_start(struct sg_body_reader *r, uint32_t counter, uint32_t *last, uint32_t chains);
/* object_count times. Errors as above, and SG_ERR_MALFORMED: a parent that is no map or no earlier
 * object, a kind that there is not, a key that is no UTF-8. */
SG_MUST_USE sg_err sg_body_next_object(struct sg_body_reader *r, struct sg_body_object *object);
/* The next operation; *has_op false at the end. Errors as above. */
SG_MUST_USE sg_err sg_body_next(struct sg_body_reader *r, struct sg_op *op, bool *has_op);

/* Whether the bytes of a value fit its kind: SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL,
 * SG_ERR_OVERSIZED. */
SG_MUST_USE sg_err sg_value_check(const struct sg_value *value,
                                  const struct sg_crdt_limits *limits);

#endif
