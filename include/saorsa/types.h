/* Plain types shared by the whole public API. */
#ifndef SG_SAORSA_TYPES_H
#define SG_SAORSA_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <saorsa/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Monotonic nanoseconds from an origin that the clock chooses. It only grows. */
typedef uint64_t sg_time_ns;
#define SG_TIME_NEVER UINT64_MAX
#define SG_NS_PER_US UINT64_C(1000)
#define SG_NS_PER_MS UINT64_C(1000000)
#define SG_NS_PER_S UINT64_C(1000000000)

#define SG_ID_LEN 32
/* Characters of an id as text (lower-case base32 without padding), without the final NUL. */
#define SG_ID_TEXT_LEN 52

/* PeerId = SHA-256("saorsa peer v1" || public key) [32]. */
struct sg_peer_id {
    uint8_t b[SG_ID_LEN];
};
/* TopicId = SHA-256("saorsa topic v1" || name) [32], or 32 random bytes for a private topic. */
struct sg_topic_id {
    uint8_t b[SG_ID_LEN];
};
/* Message id, recomputable by anyone from what travels [32]. */
struct sg_msg_id {
    uint8_t b[SG_ID_LEN];
};

/* Borrowed span of bytes: valid only as long as its owner says. */
struct sg_bytes {
    const uint8_t *data;
    size_t len;
};

/* id [32] -> text [53 bytes with the NUL]: lower-case RFC 4648 base32 without padding. */
SG_API void sg_id_to_text(const uint8_t id[SG_ID_LEN], char text[SG_ID_TEXT_LEN + 1]);
/* text [52] -> id [32]; upper case is accepted.
 * SG_ERR_MALFORMED: not 52 base32 characters, or the unused last bits are not zero. */
SG_API SG_MUST_USE sg_err sg_id_from_text(const char *text, size_t len, uint8_t id[SG_ID_LEN]);

#ifdef __cplusplus
}
#endif
#endif
