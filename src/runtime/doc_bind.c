/* Documents bound to a topic of a node.
 *
 * The node's loop never touches a document: documents wait for the disk. It puts what happens to
 * sessions (node/docflow.c) into a queue of its own of the binding's subscription, and whoever
 * calls run works that off in turns with the messages of the topic, so that neither a storm of
 * broadcasts nor a busy session keeps the other waiting. A session's message is acknowledged when
 * it is worked off, so what waits is one message for each of few sessions.
 *
 * In the queue, what is of a session is a message of the zero topic, which no real one has:
 * author = the peer, sequence = the session, hops = enum sg_core_doc_kind, time_ms = -err. */
#include "node/core.h"
#include "os/clock.h"
#include "runtime/doc_impl.h"
#include "runtime/node_impl.h"

/* Sessions that node/docflow.c has at a time, and one that has just ended. */
#define FLOWS 4
/* Worked off by one run. */
#define STEPS_MAX 256

struct flow {
    uint64_t job; /* 0: none */
    struct sg_peer_id peer;
    struct sg_doc_session *session;
    bool is_sending;
};

struct sg_doc_binding {
    struct sg_doc *doc;
    struct sg_node *node;
    struct sg_topic_id topic;
    struct sg_subscription *sub;
    struct flow flows[FLOWS];
    uint32_t oldest;    /* of flows, when there is no room */
    uint32_t published; /* batches of the log that need not be broadcast .. */
    uint32_t loaded;    /* .. as it was numbered then */
    bool has_lent;      /* the document signs with the node's identity */
};

/* ---- the node's side ------------------------------------------------------------------------- */

void sg_rt_doc_event(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_message message = {.author = out->peer,
                                 .last_hop = out->peer,
                                 .sequence = out->job,
                                 .hops = (uint8_t)out->doc,
                                 .time_ms = (uint64_t)(-(int64_t)out->err)};
    if (out->buf != NULL) {
        message.len = out->buf->len;
        message.payload = out->buf->data;
    }
    sg_rt_subs_tell_doc(&node->subs, &out->topic, &message, out->doc == SG_CORE_DOC_CLOSED);
}

static sg_err tell(struct sg_doc_binding *b, const struct sg_core_in *in)
{
    SG_TRY(sg_rt_enter(b->node));
    sg_err err = sg_rt_feed(b->node, in);
    sg_rt_leave(b->node);
    return err;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static struct flow *find(struct sg_doc_binding *b, uint64_t job)
{
    for (size_t i = 0; i < FLOWS; i++) {
        if (b->flows[i].job == job)
            return &b->flows[i];
    }
    return NULL;
}

/* With anybody, or with all neighbours but one. */
static void want_session(struct sg_doc_binding *b, const struct sg_peer_id *but)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_DOC_SOON, .topic = b->topic, .on = but != NULL};
    if (but != NULL)
        in.peer = *but;
    sg_err told = tell(b, &in); /* a node that has stopped has none */
    (void)told;
}

/* What it brought may be news for the other neighbours. */
static void drop(struct sg_doc_binding *b, struct flow *f)
{
    struct sg_doc_import_result result = {0};
    const struct sg_peer_id peer = f->peer;
    if (f->session != NULL)
        (void)sg_doc_session_is_done(f->session, &result);
    sg_doc_session_free(f->session);
    *f = (struct flow){0};
    if (result.applied > 0)
        want_session(b, &peer);
}

/* err SG_OK: both sides have said all. */
static void close_flow(struct sg_doc_binding *b, struct flow *f, sg_err err)
{
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_DOC_CLOSE, .topic = b->topic, .job = f->job, .err = err};
    sg_err told = tell(b, &in); /* it may be over by itself */
    (void)told;
    drop(b, f);
}

static struct flow *open_flow(struct sg_doc_binding *b, const struct sg_message *event)
{
    struct flow *f = find(b, 0);
    if (f == NULL) { /* one of them has ended, and the queue was too full to tell */
        f = &b->flows[b->oldest++ % FLOWS];
        close_flow(b, f, SG_ERR_LIMIT);
    }
    f->job = event->sequence;
    f->peer = event->author;
    sg_err err = sg_doc_session_new(b->doc, sg_load32(event->author.b), &f->session);
    if (err != SG_OK) {
        close_flow(b, f, err);
        return NULL;
    }
    sg_doc_session_adopts(f->session);
    return f;
}

static void add_up(struct sg_doc_news *news, const struct sg_doc_import_result *got)
{
    news->applied += got->applied;
    news->refused += got->refused;
    news->postponed += got->postponed;
    if (news->refusal == SG_OK)
        news->refusal = got->refusal;
    news->has_floor = news->has_floor || got->has_floor;
}

/* The next message of a session, or its end. */
static void pump(struct sg_doc_binding *b, struct flow *f, struct sg_doc_news *news)
{
    struct sg_doc_import_result result;
    struct sg_core_in in = {.kind = SG_CORE_IN_DOC_SEND, .topic = b->topic, .job = f->job};
    if (f->is_sending)
        return;
    sg_err err = sg_doc_session_next(f->session, &in.bytes);
    bool is_done = sg_doc_session_is_done(f->session, &result);
    if (err == SG_OK && in.bytes.len == 0) {
        if (!is_done)
            return;
        news->sessions++;
        close_flow(b, f, SG_OK);
        return;
    }
    if (err == SG_OK)
        err = tell(b, &in);
    if (err != SG_OK) {
        bool again = err == SG_ERR_INVALID_STATE; /* the document was loaded anew */
        close_flow(b, f, err);
        if (again)
            want_session(b, NULL);
        return;
    }
    f->is_sending = true;
}

static sg_err take_message(struct sg_doc_binding *b, const struct sg_message *event,
                           struct sg_doc_news *news)
{
    struct sg_doc_import_result before;
    struct sg_doc_import_result after;
    const struct sg_core_in taken = {
        .kind = SG_CORE_IN_DOC_TAKEN, .topic = b->topic, .job = event->sequence};
    struct flow *f = find(b, event->sequence);
    if (f == NULL)
        f = open_flow(b, event);
    if (f == NULL)
        return SG_OK;
    uint32_t loaded = b->doc->loaded;
    (void)sg_doc_session_is_done(f->session, &before);
    sg_err err = sg_doc_session_input(f->session, sg_bytes(event->payload, event->len));
    (void)sg_doc_session_is_done(f->session, &after);
    after.applied -= before.applied;
    after.refused -= before.refused;
    after.postponed -= before.postponed;
    add_up(news, &after);
    news->has_adopted = news->has_adopted || b->doc->loaded != loaded;
    if (err == SG_OK)
        err = tell(b, &taken);
    if (err == SG_OK) {
        pump(b, f, news);
        return SG_OK;
    }
    close_flow(b, f, err);
    return sg_err_class_of(err) == SG_ERR_CLASS_IO || err == SG_ERR_NO_SPACE ? err : SG_OK;
}

static sg_err take_event(struct sg_doc_binding *b, const struct sg_message *event,
                         struct sg_doc_news *news)
{
    struct flow *f = find(b, event->sequence);
    switch ((enum sg_core_doc_kind)event->hops) {
    case SG_CORE_DOC_OPENED:
        f = open_flow(b, event);
        if (f != NULL)
            pump(b, f, news);
        return SG_OK;
    case SG_CORE_DOC_MESSAGE:
        return take_message(b, event, news);
    case SG_CORE_DOC_READY:
        if (f != NULL) {
            f->is_sending = false;
            pump(b, f, news);
        }
        return SG_OK;
    case SG_CORE_DOC_CLOSED:
        if (f != NULL)
            drop(b, f);
        return SG_OK;
    }
    return SG_OK;
}

/* ---- broadcasts ------------------------------------------------------------------------------ */

/* A broadcast of somebody. What is not a bundle of this document is nobody's business here. */
static sg_err take_broadcast(struct sg_doc_binding *b, const struct sg_message *message,
                             struct sg_doc_news *news)
{
    struct sg_doc_import_result got = {0};
    struct sg_doc_bytes unsynced = {0};
    const struct sg_bytes bundle = sg_bytes(message->payload, message->len);
    sg_err err = SG_ERR_MALFORMED;
    if (!sg_doc_is_packed(bundle))
        err = sg_doc_import(b->doc, bundle, sg_load32(message->author.b), &got);
    if (sg_err_class_of(err) == SG_ERR_CLASS_PEER) {
        news->refused++;
        news->refusal = news->refusal == SG_OK ? err : news->refusal;
        add_up(news, &got); /* what came before it */
        return SG_OK;
    }
    if (err == SG_OK && got.has_floor) {
        sg_err adopted = sg_doc_adopt(b->doc, bundle, &unsynced);
        got.has_floor = adopted != SG_OK;
        news->has_adopted = news->has_adopted || adopted == SG_OK;
        sg_doc_bytes_free(&unsynced); /* the store keeps it */
        bool is_refused = adopted == SG_ERR_PERMISSION || adopted == SG_ERR_EXPIRED;
        err = !is_refused && sg_err_class_of(adopted) == SG_ERR_CLASS_IO ? adopted : SG_OK;
    }
    add_up(news, &got);
    if (got.pending > 0)
        want_session(b, NULL);
    return err;
}

static sg_err send_out(struct sg_doc_binding *b, struct sg_column *bundle, struct sg_doc_news *news)
{
    if (bundle->has_failed)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_publish(b->node, &b->topic, sg_column_bytes(bundle), NULL);
    if (err == SG_OK)
        news->published++;
    return err;
}

/* What the others have not of our own batches: the operations of other chains are not ours to tell.
 */
static sg_err view_of_own(const struct sg_doc *doc, struct sg_frontier_view *view)
{
    const struct sg_log *log = &doc->replica->log;
    *view = (struct sg_frontier_view){.end = log->count, .chains = log->chain_count};
    view->upto = sg_mem_new(doc->mem, log->chain_count + 1u, sizeof(view->upto[0]));
    if (view->upto == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < log->chain_count; i++) {
        const struct sg_log_chain *c = &log->chains[i];
        bool is_own = c->made_seq > 0 && memcmp(c->author, doc->author, SG_ID_LEN) == 0;
        view->upto[i] = is_own ? 0 : UINT32_MAX;
    }
    return SG_OK;
}

/* Pieces that are pushed, as far as batches go in one. */
static sg_err publish_batches(struct sg_doc_binding *b, struct sg_doc_news *news)
{
    struct sg_doc *doc = b->doc;
    struct sg_frontier_view view;
    if (b->loaded != doc->loaded) { /* what was not told goes by sessions */
        b->loaded = doc->loaded;
        b->published = doc->replica->log.count;
    }
    if (b->published == doc->replica->log.count)
        return SG_OK;
    SG_TRY(sg_doc_flush(doc));
    SG_TRY(view_of_own(doc, &view));
    sg_err err = SG_OK;
    while (b->published < view.end && err == SG_OK) {
        struct sg_column bundle = {.mem = doc->mem};
        uint32_t from = b->published;
        sg_bundle_begin(doc->replica, &bundle);
        size_t empty = bundle.len;
        err = sg_bundle_put_missing(doc->replica, &view, &from, SG_PAYLOAD_MAX / 2, &bundle);
        if (err == SG_OK && bundle.len > empty)
            err = send_out(b, &bundle, news);
        if (err == SG_OK)
            b->published = from;
        sg_column_fini(&bundle);
    }
    sg_mem_free(doc->mem, view.upto);
    return err;
}

static sg_err publish_checkpoints(struct sg_doc_binding *b, struct sg_doc_news *news)
{
    struct sg_doc *doc = b->doc;
    struct sg_column bundle = {.mem = doc->mem};
    if (doc->fresh.len == 0)
        return SG_OK;
    sg_bundle_begin(doc->replica, &bundle);
    sg_put_bytes(&bundle, sg_column_bytes(&doc->fresh));
    sg_err err = send_out(b, &bundle, news);
    sg_column_fini(&bundle);
    if (err == SG_OK)
        sg_column_fini(&doc->fresh);
    return err;
}

/* Too much is under way: the next run tries again. */
static sg_err publish(struct sg_doc_binding *b, struct sg_doc_news *news)
{
    sg_err err = publish_batches(b, news);
    if (err == SG_OK)
        err = publish_checkpoints(b, news);
    return err == SG_ERR_WOULD_BLOCK ? SG_OK : err;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* The node's identity signs, where the document has none of its own. */
static void lend_identity(struct sg_doc_binding *b)
{
    struct sg_doc *doc = b->doc;
    if (doc->identity != NULL || memcmp(doc->author, b->node->self.b, SG_ID_LEN) != 0)
        return;
    doc->identity = b->node->identity;
    b->has_lent = true;
}

static sg_err subscribe(struct sg_doc_binding *b)
{
    struct sg_subscribe_options options;
    const struct sg_core_in in = {.kind = SG_CORE_IN_DOC_BIND, .topic = b->topic, .on = true};
    sg_rt_subscribe_options_default(&options);
    options.queue_bytes_max = 4 * (size_t)SG_DOC_MESSAGE_MAX;
    SG_TRY(sg_subscribe(b->node, &b->topic, &options, &b->sub));
    SG_TRY(sg_rt_enter(b->node));
    sg_err err = sg_rt_feed(b->node, &in);
    b->sub->takes_docs = err == SG_OK;
    sg_rt_leave(b->node);
    return err;
}

sg_err sg_doc_bind(struct sg_doc *doc, struct sg_node *node, const struct sg_topic_id *topic,
                   struct sg_doc_binding **binding)
{
    *binding = NULL;
    if (doc->is_bound || doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    struct sg_doc_binding *b = sg_mem_new(doc->mem, 1, sizeof(*b));
    if (b == NULL)
        return SG_ERR_NO_MEMORY;
    *b = (struct sg_doc_binding){.doc = doc, .node = node, .topic = *topic};
    b->loaded = doc->loaded;
    b->published = doc->replica->log.count;
    sg_err err = subscribe(b);
    if (err != SG_OK) {
        sg_subscription_free(b->sub);
        sg_mem_free(doc->mem, b);
        return err;
    }
    doc->is_bound = true;
    lend_identity(b);
    *binding = b;
    return SG_OK;
}

void sg_doc_unbind(struct sg_doc_binding *b)
{
    if (b == NULL)
        return;
    const struct sg_core_in in = {.kind = SG_CORE_IN_DOC_BIND, .topic = b->topic};
    for (size_t i = 0; i < FLOWS; i++) {
        if (b->flows[i].job != 0)
            close_flow(b, &b->flows[i], SG_ERR_CLOSED);
    }
    sg_err err = tell(b, &in); /* a node that has stopped knows of nothing any more */
    (void)err;
    if (b->has_lent && b->doc->unsigned_count > 0) {
        err = sg_doc_checkpoint(b->doc); /* what is not signed now is provisional for longer */
        (void)err;
    }
    if (b->has_lent)
        b->doc->identity = NULL;
    b->doc->is_bound = false;
    sg_doc_gather_forget(b->doc); /* only bound ones take states over */
    sg_doc_state_forget(b->doc);
    sg_column_fini(&b->doc->fresh);
    sg_subscription_free(b->sub);
    sg_mem_free(b->doc->mem, b);
}

int sg_doc_binding_fd(const struct sg_doc_binding *binding)
{
    return sg_subscription_fd(binding->sub);
}

/* ---- working --------------------------------------------------------------------------------- */

/* Not longer than until a checkpoint is due, or the copy of a state that nobody is given may go. */
static int wait_ms(struct sg_doc_binding *b, int timeout_ms, sg_err *err)
{
    uint64_t due_ms;
    *err = sg_doc_sign_due(b->doc, &due_ms);
    uint64_t idle_ms = sg_doc_state_expire(b->doc, sg_clock_now());
    due_ms = idle_ms < due_ms ? idle_ms : due_ms;
    bool is_sooner = timeout_ms < 0 || due_ms < (uint64_t)timeout_ms;
    return is_sooner && due_ms < INT32_MAX ? (int)due_ms : timeout_ms;
}

static sg_err work_off(struct sg_doc_binding *b, int timeout_ms, struct sg_doc_news *news)
{
    static const struct sg_topic_id none = {{0}};
    for (uint32_t step = 0; step < STEPS_MAX; step++) {
        struct sg_message *message;
        sg_err err = sg_subscription_next(b->sub, step == 0 ? timeout_ms : 0, &message);
        if (err == SG_ERR_WOULD_BLOCK || err == SG_ERR_TIMEOUT)
            return SG_OK;
        SG_TRY(err);
        err = sg_topic_id_equal(&message->topic, &none) ? take_event(b, message, news)
                                                        : take_broadcast(b, message, news);
        sg_message_free(message);
        SG_TRY(err);
    }
    return SG_OK;
}

sg_err sg_doc_binding_run(struct sg_doc_binding *b, int timeout_ms, struct sg_doc_news *news)
{
    sg_err err;
    *news = (struct sg_doc_news){0};
    if (b->doc->replica->txn.is_open)
        return SG_ERR_INVALID_STATE;
    sg_doc_gather_expire(b->doc, sg_clock_now());
    int wait = wait_ms(b, timeout_ms, &err);
    SG_TRY(err);
    SG_TRY(publish(b, news));
    err = work_off(b, wait, news);
    news->pending = b->doc->replica->pending.count;
    if (err == SG_OK)
        err = publish(b, news); /* a loaded document, a checkpoint */
    return err;
}
