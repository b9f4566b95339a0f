/* Ids that are hashes of something everybody can see (protocol.md s1). Pure: all hashing goes
 * through the suite, so the simulator's stand-in gives consistent ids of its own. */
#ifndef SG_CRYPTO_IDS_H
#define SG_CRYPTO_IDS_H

#include "crypto/suite.h"

/* PeerId = hash("saorsa peer v1" || public_key).
 * SG_ERR_MALFORMED: public_key is not [suite->sig_public_len]; out is then untouched. */
SG_MUST_USE sg_err sg_peer_id_from_public_key(const struct sg_suite *suite,
                                              struct sg_bytes public_key, struct sg_peer_id *out);

/* TopicId of a public topic = hash("saorsa topic v1" || name); name [any, also empty]. */
void sg_topic_id_from_name(const struct sg_suite *suite, struct sg_bytes name,
                           struct sg_topic_id *out);

#endif
