/* Error codes shared by every module and by the public API.
 *
 * Zero is success, every error is negative. The hundreds are classes, and a class decides the
 * reaction: usage (a bug in the caller), resource (shed load, try later), peer (drop the message,
 * charge the peer), io (retry or close), crypto (stop). */
#ifndef SG_SAORSA_ERR_H
#define SG_SAORSA_ERR_H

#include <stdint.h>

#if defined(_WIN32)
#define SG_API
#else
#define SG_API __attribute__((visibility("default")))
#endif
#define SG_MUST_USE __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, text): the one table of errors. */
#define SG_ERR_TABLE(X)                                                                            \
    X(SG_OK, 0, "ok")                                                                              \
    /* usage: the caller must change something */                                                  \
    X(SG_ERR_INVALID_ARGUMENT, -1, "invalid argument")                                             \
    X(SG_ERR_INVALID_STATE, -2, "not possible in this state")                                      \
    X(SG_ERR_NOT_FOUND, -3, "not found")                                                           \
    X(SG_ERR_EXISTS, -4, "already there")                                                          \
    X(SG_ERR_TOO_LARGE, -5, "larger than the limit")                                               \
    X(SG_ERR_STOPPED, -6, "the node is stopped")                                                   \
    X(SG_ERR_UNSUPPORTED, -7, "not supported by this build")                                       \
    /* resource: shed load or try again later */                                                   \
    X(SG_ERR_NO_MEMORY, -100, "out of memory")                                                     \
    X(SG_ERR_LIMIT, -101, "a limit is reached")                                                    \
    X(SG_ERR_WOULD_BLOCK, -102, "would block, try again later")                                    \
    X(SG_ERR_TIMEOUT, -103, "timed out")                                                           \
    X(SG_ERR_FULL, -104, "full")                                                                   \
    /* peer: drop the message and charge the peer */                                               \
    X(SG_ERR_TRUNCATED, -200, "message ends too early")                                            \
    X(SG_ERR_TRAILING, -201, "bytes after the end of the message")                                 \
    X(SG_ERR_MALFORMED, -202, "malformed message")                                                 \
    X(SG_ERR_NOT_CANONICAL, -203, "not in canonical form")                                         \
    X(SG_ERR_VERSION, -204, "unknown protocol version")                                            \
    X(SG_ERR_WRONG_NETWORK, -205, "the peer belongs to another network")                           \
    X(SG_ERR_WRONG_PROFILE, -206, "the peer uses another crypto profile")                          \
    X(SG_ERR_WRONG_PEER, -207, "the peer is not the one that was dialled")                         \
    X(SG_ERR_BAD_SIGNATURE, -208, "the signature does not verify")                                 \
    X(SG_ERR_BAD_PROOF, -209, "the proof does not lead to the signed root")                        \
    X(SG_ERR_EXPIRED, -210, "expired or outside the replay window")                                \
    X(SG_ERR_FUTURE, -211, "dated too far in the future")                                          \
    X(SG_ERR_DUPLICATE, -212, "already seen")                                                      \
    X(SG_ERR_OVERSIZED, -213, "message larger than its limit")                                     \
    X(SG_ERR_PROTOCOL, -214, "protocol violation")                                                 \
    X(SG_ERR_BANNED, -215, "the peer is refused after earlier violations")                         \
    X(SG_ERR_MLS_EPOCH, -230, "the MLS message is of another epoch")                               \
    X(SG_ERR_MLS_GROUP, -231, "the MLS message is of another group")                               \
    X(SG_ERR_MLS_LEAF, -232, "the MLS leaf or key package is not valid")                           \
    X(SG_ERR_MLS_TREE, -233, "the MLS ratchet tree is not valid")                                  \
    X(SG_ERR_MLS_PROPOSAL, -234, "the MLS proposal or list of proposals is not valid")             \
    X(SG_ERR_MLS_COMMIT, -235, "the MLS commit is not valid")                                      \
    X(SG_ERR_MLS_TAG, -236, "the MLS confirmation or membership tag is wrong")                     \
    X(SG_ERR_MLS_CAPABILITY, -237, "not supported by all members of the MLS group")                \
    X(SG_ERR_MLS_WELCOME, -238, "the MLS welcome is not for this key package")                     \
    X(SG_ERR_MLS_PSK, -239, "the MLS pre-shared key is not known or not allowed")                  \
    X(SG_ERR_MLS_TOO_FAR, -240, "the MLS message skips too many generations")                      \
    X(SG_ERR_MLS_CREDENTIAL, -241, "the MLS credential was refused")                               \
    X(SG_ERR_MLS_SENDER, -242, "the sender may not send this MLS message")                         \
    X(SG_ERR_MLS_REMOVED, -243, "no longer a member of the MLS group")                             \
    /* io: retry or close */                                                                       \
    X(SG_ERR_IO, -300, "input/output error")                                                       \
    X(SG_ERR_CLOSED, -301, "closed")                                                               \
    X(SG_ERR_REFUSED, -302, "connection refused")                                                  \
    X(SG_ERR_UNREACHABLE, -303, "unreachable")                                                     \
    X(SG_ERR_ADDRESS_IN_USE, -304, "address in use")                                               \
    X(SG_ERR_RESOLVE, -305, "the name does not resolve")                                           \
    X(SG_ERR_PERMISSION, -306, "permission denied")                                                \
    X(SG_ERR_NO_SPACE, -307, "no space left on the device")                                        \
    X(SG_ERR_CORRUPT, -308, "the file is damaged or not of this kind")                             \
    X(SG_ERR_LOCKED, -309, "in use by another process")                                            \
    X(SG_ERR_PASSPHRASE, -310, "wrong or missing passphrase")                                      \
    /* crypto: stop */                                                                             \
    X(SG_ERR_CRYPTO, -400, "the crypto library failed")                                            \
    X(SG_ERR_ENTROPY, -401, "no randomness available")                                             \
    X(SG_ERR_AUTH, -402, "authentication failed")

typedef int32_t sg_err;

enum sg_err_code {
#define SG_ERR_ENUM_(name, value, text) name = (value),
    SG_ERR_TABLE(SG_ERR_ENUM_)
#undef SG_ERR_ENUM_
};

/* The classes; see the top of the file. */
enum sg_err_class {
    SG_ERR_CLASS_NONE,
    SG_ERR_CLASS_USAGE,
    SG_ERR_CLASS_RESOURCE,
    SG_ERR_CLASS_PEER,
    SG_ERR_CLASS_IO,
    SG_ERR_CLASS_CRYPTO
};

/* The class of an error. SG_OK and values outside the table give SG_ERR_CLASS_NONE. */
SG_API enum sg_err_class sg_err_class_of(sg_err err);
/* A short text for people, never NULL, static. */
SG_API const char *sg_err_text(sg_err err);
/* The constant's name, e.g. "SG_ERR_IO", never NULL, static. */
SG_API const char *sg_err_name(sg_err err);

#ifdef __cplusplus
}
#endif
#endif
