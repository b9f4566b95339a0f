/* A document takes in whatever comes: a first batch that is good, then pieces of the input as
 * batches whose header is made to fit, and as a state. What is taken in leaves a sound text, and a
 * second replica that gets the same batches must be the same. What decodes is encoded to the same
 * bytes. */
#include "crdt/state.h"
#include "doc_suite.h"

static void open_replica(struct sg_replica *r, enum sg_seq_kind order)
{
    struct sg_replica_config config = {.mem = sg_mem_default(),
                                       .suite = &suite,
                                       .limits = SG_CRDT_LIMITS_DEFAULT,
                                       .genesis = {.order = order}};
    config.limits.ops = 1 << 16;
    demand(sg_replica_init(r, &config) == SG_OK);
}

static const uint8_t author[SG_ID_LEN] = {7};

static void first_batch(struct sg_replica *r)
{
    const struct sg_value value = {SG_VALUE_TEXT, SG_BYTES_LIT("v")};
    uint32_t text;
    uint32_t set;
    uint32_t batch;
    demand(sg_replica_begin(r, author) == SG_OK);
    demand(sg_replica_cell(r, 0, SG_CELL_TEXT, SG_BYTES_LIT("t"), &text) == SG_OK);
    demand(sg_replica_cell(r, 0, SG_CELL_SET, SG_BYTES_LIT("s"), &set) == SG_OK);
    demand(sg_replica_insert(r, text, 0, SG_BYTES_LIT("hello")) == SG_OK);
    demand(sg_replica_delete(r, text, 1, 2) == SG_OK);
    demand(sg_replica_add(r, set, &value) == SG_OK);
    demand(sg_replica_commit(r, &batch) == SG_OK);
}

static void check_texts(const struct sg_replica *r)
{
    for (uint32_t i = 0; i < r->cells.count; i++) {
        const struct sg_cell *cell = &r->cells.cells[i];
        if (cell->kind == SG_CELL_TEXT && cell->text != NULL)
            sg_seq_check(cell->text);
    }
}

static sg_err copy_objects(struct sg_body_reader *body, struct sg_body_writer *w)
{
    for (uint32_t i = 0; i < body->ref_count; i++)
        (void)sg_body_ref(w, body->refs.data + (size_t)i * SG_ID_LEN);
    for (uint32_t i = 0; i < body->object_count; i++) {
        struct sg_body_object object;
        SG_TRY(sg_body_next_object(body, &object));
        (void)sg_body_object(w, &object);
    }
    return SG_OK;
}

/* Operations that can be read are written to the same bytes. */
static void check_body(const struct sg_batch *batch)
{
    static const struct sg_crdt_limits limits = SG_CRDT_LIMITS_DEFAULT;
    struct sg_body_reader body;
    struct sg_body_writer w;
    struct sg_column again = {.mem = sg_mem_default()};
    if (sg_body_open(&body, batch->body, &limits) != SG_OK)
        return;
    uint32_t chains = 1 + batch->dep_count + body.ref_count;
    uint32_t *last = calloc(chains, sizeof(*last));
    demand(last != NULL);
    sg_body_begin(&w, sg_mem_default(), 0, batch->dep_count);
    sg_err err = copy_objects(&body, &w);
    sg_body_start(&body, 0, last, chains);
    struct sg_op op;
    bool has_op = true;
    bool was_delete = false;
    bool is_comparable = true;
    while (has_op && err == SG_OK) {
        err = sg_body_next(&body, &op, &has_op);
        if (has_op && err == SG_OK) {
            /* deletions that touch would be written as one */
            is_comparable = is_comparable && !(op.kind == SG_OP_DELETE && was_delete);
            was_delete = op.kind == SG_OP_DELETE;
            sg_body_put(&w, &op);
        }
    }
    if (err == SG_OK && is_comparable) {
        demand(sg_body_end(&w, &again) == SG_OK);
        demand(again.len == batch->body.len &&
               memcmp(again.data, batch->body.data, again.len) == 0);
    }
    sg_body_fini(&w);
    sg_column_fini(&again);
    free(last);
}

/* rest: what is behind the header. author of the first batch, or another one that has seen it. */
static void bring(struct sg_replica *r, struct sg_replica *copy, struct sg_bytes rest)
{
    struct sg_batch batch = {.rest = rest};
    struct sg_column bytes = {.mem = sg_mem_default()};
    uint8_t prefix[SG_BATCH_PREFIX_MAX];
    enum sg_import result;
    bool is_own = rest.len > 0 && rest.data[rest.len - 1] % 2 == 0;
    memcpy(batch.document, r->document, SG_ID_LEN);
    batch.author[0] = is_own ? 7 : 5;
    uint32_t chain = sg_log_longest(&r->log, batch.author);
    batch.seq = chain == SG_LOG_NONE ? 0 : r->log.chains[chain].end_seq;
    if (batch.seq > 0)
        memcpy(batch.prev, r->log.chains[chain].head, SG_ID_LEN);
    size_t len = sg_batch_prefix(&batch, prefix);
    sg_put_bytes(&bytes, sg_bytes(prefix, len));
    /* a good Lamport time, and the heads of others when there were none */
    sg_put_uint(&bytes, r->log.lamport + 1);
    uint32_t heads = 0;
    for (uint32_t i = 0; i < r->log.head_count; i++)
        heads += memcmp(r->log.batches[r->log.heads[i]].name, batch.prev, SG_ID_LEN) != 0;
    sg_put_uint(&bytes, heads > 1 ? 0 : heads);
    for (uint32_t i = 0; i < r->log.head_count && heads == 1; i++) {
        const uint8_t *name = r->log.batches[r->log.heads[i]].name;
        if (memcmp(name, batch.prev, SG_ID_LEN) != 0)
            sg_put_bytes(&bytes, sg_bytes(name, SG_ID_LEN));
    }
    sg_put_bytes(&bytes, rest);
    struct sg_batch decoded;
    if (sg_batch_decode(sg_column_bytes(&bytes), &r->config.limits, &decoded) == SG_OK) {
        size_t again = sg_batch_prefix(&decoded, prefix);
        demand(again == len && memcmp(prefix, bytes.data, len) == 0);
        check_body(&decoded);
    }
    sg_err err = sg_replica_import(r, sg_column_bytes(&bytes), 0, &result);
    demand(sg_replica_import(copy, sg_column_bytes(&bytes), 0, &result) == err);
    demand(!r->is_broken);
    sg_column_fini(&bytes);
}

static void check_same(const struct sg_replica *a, const struct sg_replica *b)
{
    struct sg_column x = {.mem = sg_mem_default()};
    struct sg_column y = {.mem = sg_mem_default()};
    struct sg_replica again;
    demand(sg_state_encode(a, &x) == SG_OK && sg_state_encode(b, &y) == SG_OK);
    demand(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    open_replica(&again, a->config.genesis.order);
    demand(sg_state_decode(&again, sg_column_bytes(&x), false) == SG_OK);
    y.len = 0;
    demand(sg_state_encode(&again, &y) == SG_OK);
    demand(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    sg_replica_fini(&again);
    sg_column_fini(&x);
    sg_column_fini(&y);
}

static void try_state(const uint8_t *data, size_t size)
{
    struct sg_replica r;
    struct sg_column bytes = {.mem = sg_mem_default()};
    uint8_t genesis[SG_GENESIS_LEN];
    open_replica(&r, SG_SEQ_FUGUE_MAX);
    sg_genesis_encode(&r.config.genesis, genesis);
    sg_put_u8(&bytes, SG_BATCH_VERSION);
    sg_put_bytes(&bytes, sg_bytes(genesis, sizeof(genesis)));
    sg_put_bytes(&bytes, sg_bytes(data, size));
    if (sg_state_decode(&r, sg_column_bytes(&bytes), false) == SG_OK)
        check_texts(&r);
    sg_replica_fini(&r);
    sg_column_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_replica r;
    struct sg_replica copy;
    struct sg_batch batch;
    static const struct sg_crdt_limits limits = SG_CRDT_LIMITS_DEFAULT;
    if (size < 2 || size > 4096)
        return 0;
    if (data[0] == 0xff) {
        try_state(data + 1, size - 1);
        return 0;
    }
    if (sg_batch_decode(sg_bytes(data, size), &limits, &batch) == SG_OK)
        check_body(&batch);
    enum sg_seq_kind order = data[0] % 2 == 0 ? SG_SEQ_FUGUE_MAX : SG_SEQ_RGA;
    open_replica(&r, order);
    open_replica(&copy, order);
    first_batch(&r);
    first_batch(&copy);
    struct sg_reader in = sg_reader(sg_bytes(data + 1, size - 1));
    while (in.left > 0 && in.err == SG_OK) {
        size_t len = sg_read_u8(&in);
        bring(&r, &copy, sg_read_bytes(&in, len < in.left ? len : in.left));
    }
    check_texts(&r);
    check_same(&r, &copy);
    sg_replica_fini(&r);
    sg_replica_fini(&copy);
    return 0;
}
