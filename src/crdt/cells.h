/* All of a document but the insides of its texts: maps, sets, counters, registers, as one ordered
 * tree of cells. See cells.c for the essay. */
#ifndef SG_CRDT_CELLS_H
#define SG_CRDT_CELLS_H

#include "crdt/body.h"
#include "crdt/log.h"

#define SG_CELL_ROOT 0 /* the document's map; the tree does not hold it */
#define SG_CELL_NONE UINT32_MAX

/* A value and the operation that set it. */
struct sg_cell_value {
    struct sg_seq_id dot;
    uint8_t kind; /* enum sg_value_kind */
    uint32_t len;
    uint8_t *bytes; /* [len] owned */
};

struct sg_cell {
    uint32_t owner;                 /* cell: of the map, or of the set */
    uint8_t kind;                   /* enum sg_cell_kind */
    uint8_t depth;                  /* maps around it */
    uint32_t left, right, priority; /* of the tree */
    uint32_t key_len;
    uint8_t *key; /* [key_len] owned; of an element: kind of the value and its bytes */
    /* Registers: all values that nobody had seen when he set his, the winner last. Elements: the
     * additions that are not yet taken back. */
    struct sg_cell_value *values; /* [value_count] by Lamport, author, .. */
    uint32_t value_count, value_cap;
    int64_t count;       /* of a counter, modulo 2^64 */
    struct sg_seq *text; /* of a text, owned */
};

struct sg_cells {
    const struct sg_mem *mem;
    const struct sg_log *log; /* borrowed */
    struct sg_prng prng;      /* shape of the tree only */
    struct sg_cell *cells;    /* [count]; 0 is the root map, free ones have kind FREE */
    uint32_t count, cap;
    uint32_t named; /* cells in use but elements of sets; the root too */
    uint32_t root;  /* of the tree */
    uint32_t free;  /* first free cell, linked by left */
};

SG_MUST_USE sg_err sg_cells_init(struct sg_cells *cells, const struct sg_mem *mem,
                                 const struct sg_log *log, uint64_t seed);
void sg_cells_fini(struct sg_cells *cells);

/* Gives a tree that is still empty all things of another one, without their contents and under the
 * same numbers, so that numbers stay good when a document is loaded again. Elements of sets have no
 * number that lasts. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_cells_keep_numbers(struct sg_cells *cells, const struct sg_cells *old);
/* The cell, or SG_CELL_NONE. */
uint32_t sg_cells_find(const struct sg_cells *cells, uint32_t owner, enum sg_cell_kind kind,
                       struct sg_bytes key);
/* Finds or makes it. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_cells_make(struct sg_cells *cells, uint32_t owner, enum sg_cell_kind kind,
                                 struct sg_bytes key, uint32_t *out);
/* Whether `at` is the number of a cell that is in the tree. */
bool sg_cells_is_used(const struct sg_cells *cells, uint32_t at);
/* The first cell of an owner in order of keys, then kinds, that comes after `after` (SG_CELL_NONE:
 * from the start); SG_CELL_NONE at the end. O(log n). */
uint32_t sg_cells_next(const struct sg_cells *cells, uint32_t owner, uint32_t after);
/* Whether there is something to be seen in it: a map with such a cell, a text with characters, a
 * counter that is not 0, a set with elements, a register with a value. */
bool sg_cells_is_present(const struct sg_cells *cells, uint32_t cell);
/* An element that nobody holds any more, gives back its memory. */
void sg_cells_tidy(struct sg_cells *cells, uint32_t cell);

struct sg_cells_memo {
    uint32_t turn, upto;
};

/* What an operation's author had seen. memo [chains of the log]: what was asked before. */
struct sg_cells_view {
    const struct sg_log *log;
    const struct sg_log_past *past;
    bool sees_all;
    uint32_t turn; /* counts up with each past, so that older entries mean nothing; not 0 */
    struct sg_cells_memo *memo;
};
bool sg_cells_has_seen(const struct sg_cells_view *view, struct sg_seq_id dot);

/* Takes away the values that the author had seen, but the one with dot `keep`. */
void sg_cell_clear(struct sg_cells *cells, uint32_t cell, const struct sg_cells_view *view,
                   struct sg_seq_id keep);
/* Adds a value (copied). SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_cell_put(struct sg_cells *cells, uint32_t cell, struct sg_seq_id dot,
                               const struct sg_value *value);
/* Key of an element: the kind of the value and its bytes. */
void sg_cell_element_key(struct sg_column *out, const struct sg_value *value);
struct sg_value sg_cell_element_value(const struct sg_cell *cell);

#endif
