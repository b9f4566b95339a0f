/* Identities and topics without a node. */
#include <string.h>

#include <saorsa/gossip.h>

#include "base/bytes.h"
#include "crypto/ids.h"
#include "runtime/keystore.h"
#include "wire/limits.h"

static struct sg_bytes passphrase_of(const char *text)
{
    if (text == NULL || text[0] == 0)
        return (struct sg_bytes){NULL, 0};
    return sg_bytes(text, strlen(text));
}

sg_err sg_identity_create(const char *dir, const char *passphrase, struct sg_peer_id *id)
{
    struct sg_keystore keystore;
    struct sg_identity *identity = NULL;
    if (dir == NULL || dir[0] == 0)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_keystore_init(&keystore, dir, NULL));
    sg_err err = sg_keystore_create(&keystore, passphrase_of(passphrase), &identity);
    if (err == SG_OK)
        *id = *sg_identity_peer_id(identity);
    sg_identity_free(identity);
    sg_keystore_fini(&keystore);
    return err;
}

/* A running node holds the folder's lock: the id of an unsealed key is read without it. */
sg_err sg_identity_show(const char *dir, const char *passphrase, struct sg_peer_id *id)
{
    struct sg_keystore_info info;
    struct sg_keystore keystore;
    struct sg_identity *identity = NULL;
    if (dir == NULL || dir[0] == 0)
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_bytes secret = passphrase_of(passphrase);
    SG_TRY(sg_keystore_read_info(dir, NULL, &info));
    if (!info.is_sealed && secret.data == NULL) {
        *id = info.peer_id;
        return SG_OK;
    }
    SG_TRY(sg_keystore_init(&keystore, dir, NULL));
    sg_err err = sg_keystore_load(&keystore, secret, &identity);
    if (err == SG_OK)
        *id = *sg_identity_peer_id(identity);
    sg_identity_free(identity);
    sg_keystore_fini(&keystore);
    return err;
}

sg_err sg_topic_from_name(const char *name, struct sg_topic_id *topic)
{
    size_t len = name == NULL ? 0 : strlen(name);
    if (len == 0 || len > SG_TOPIC_NAME_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    sg_topic_id_from_name(sg_suite_default(), sg_bytes(name, len), topic);
    return SG_OK;
}
