#include "crypto/ids.h"

static void id_hash(const struct sg_suite *suite, struct sg_bytes label, struct sg_bytes of,
                    uint8_t out[SG_ID_LEN])
{
    struct sg_bytes parts[] = {label, of};
    suite->hash(parts, 2, out);
}

sg_err sg_peer_id_from_public_key(const struct sg_suite *suite, struct sg_bytes public_key,
                                  struct sg_peer_id *out)
{
    if (public_key.len != suite->sig_public_len)
        return SG_ERR_MALFORMED;
    id_hash(suite, SG_BYTES_LIT("saorsa peer v1"), public_key, out->b);
    return SG_OK;
}

void sg_topic_id_from_name(const struct sg_suite *suite, struct sg_bytes name,
                           struct sg_topic_id *out)
{
    id_hash(suite, SG_BYTES_LIT("saorsa topic v1"), name, out->b);
}
