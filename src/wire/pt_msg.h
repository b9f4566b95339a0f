/* Plumtree control messages (Leitao, Pereira, Rodrigues, "Epidemic broadcast trees", SRDS 2007;
 * TR-07-14) in decoded form, and their codec. The payload message itself is wire/gossip_msg.h. */
#ifndef SG_WIRE_PT_MSG_H
#define SG_WIRE_PT_MSG_H

#include <stdbool.h>

#include "base/reader.h"
#include "base/writer.h"
#include "wire/limits.h"

/* Values are the wire's. GOSSIP, ROOT, KEY and PROOF_WANT are in wire/gossip_msg.h. */
enum sg_pt_kind {
    SG_PT_IHAVE = 1,
    SG_PT_GRAFT = 2,
    SG_PT_PRUNE = 3,
    SG_PT_GOSSIP = 4,
    SG_PT_ROOT = 5,
    SG_PT_KEY = 6,
    SG_PT_PROOF_WANT = 7,
    SG_PT_DONTWANT = 8,
    SG_PT_DONTHAVE = 9
};

/* One announced message: with it the receiver would be at this hop, 1 .. SG_PT_HOP_MAX. */
struct sg_pt_have {
    struct sg_msg_id id;
    uint8_t hop;
};

/* Bodies (without frame header and kind byte). Decoders read to the end of the reader. Errors:
 * SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL, SG_ERR_OVERSIZED. */

/* IHAVE: have [count], 1 <= count <= SG_PT_IHAVE_MAX. */
void sg_pt_ihave_encode(struct sg_writer *w, const struct sg_pt_have *have, size_t count);
/* have [SG_PT_IHAVE_MAX] is filled; *count says how many. */
SG_MUST_USE sg_err sg_pt_ihave_decode(struct sg_reader *r, struct sg_pt_have *have, size_t *count);

/* GRAFT: with an id "send me this message and be eager", without one only "be eager". */
struct sg_pt_graft {
    bool has_id;
    struct sg_msg_id id;
};
void sg_pt_graft_encode(struct sg_writer *w, const struct sg_pt_graft *msg);
SG_MUST_USE sg_err sg_pt_graft_decode(struct sg_reader *r, struct sg_pt_graft *msg);

/* IDONTWANT: ids [count] of messages that need not be sent. IDONTHAVE: of messages that were asked
 * for and will not be sent, because they are kept no longer or the link has had its share of
 * repairs. 1 <= count <= SG_PT_IDS_MAX. */
void sg_pt_ids_encode(struct sg_writer *w, const struct sg_msg_id *ids, size_t count);
/* ids [SG_PT_IDS_MAX] is filled; *count says how many. */
SG_MUST_USE sg_err sg_pt_ids_decode(struct sg_reader *r, struct sg_msg_id *ids, size_t *count);

/* PRUNE has an empty body: the caller checks sg_reader_done. */

#endif
