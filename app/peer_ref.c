#include "peer_ref.h"

#include <stdio.h>
#include <string.h>

/* The digit of base32 in lower case, 0 when it is none. */
static char digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7') ? c : '\0';
}

bool sg_app_ref_begin(struct sg_app_ref *ref, const char *text, size_t len)
{
    memset(ref, 0, sizeof(*ref));
    if (len < SG_APP_REF_MIN || len > SG_ID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        ref->text[i] = digit_of(text[i]);
        if (ref->text[i] == '\0')
            return false;
    }
    ref->len = len;
    if (len < SG_ID_TEXT_LEN)
        return true;
    ref->count = 1;
    return sg_id_from_text(ref->text, len, ref->found[0].b) == SG_OK;
}

static bool is_found(const struct sg_app_ref *ref, const struct sg_peer_id *id)
{
    for (size_t i = 0; i < ref->count; i++) {
        if (memcmp(ref->found[i].b, id->b, SG_ID_LEN) == 0)
            return true;
    }
    return false;
}

void sg_app_ref_offer(struct sg_app_ref *ref, const struct sg_peer_id *candidate)
{
    char text[SG_ID_TEXT_LEN + 1];
    sg_id_to_text(candidate->b, text);
    if (memcmp(text, ref->text, ref->len) != 0 || is_found(ref, candidate))
        return;
    if (ref->count == SG_APP_REF_LISTED)
        ref->is_more = true;
    else
        ref->found[ref->count++] = *candidate;
}

/* Characters that two ids have in common at their beginning. */
static size_t common_of(const char *a, const char *b)
{
    size_t len = 0;
    while (a[len] != '\0' && a[len] == b[len])
        len++;
    return len;
}

/* So many characters that all found ones differ, and at least as many as tables show. */
static size_t telling_len(const char texts[][SG_ID_TEXT_LEN + 1], size_t count)
{
    size_t len = 10;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            size_t common = common_of(texts[i], texts[j]);
            len = common + 1 > len ? common + 1 : len;
        }
    }
    return len < SG_ID_TEXT_LEN ? len : SG_ID_TEXT_LEN;
}

const char *sg_app_ref_list(const struct sg_app_ref *ref, char *text, size_t cap)
{
    char texts[SG_APP_REF_LISTED][SG_ID_TEXT_LEN + 1];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ref->count; i++)
        sg_id_to_text(ref->found[i].b, texts[i]);
    size_t len = telling_len((const char(*)[SG_ID_TEXT_LEN + 1]) texts, ref->count);
    for (size_t i = 0; i < ref->count && used < cap; i++)
        used += (size_t)snprintf(text + used, cap - used, "%s%.*s", i > 0 ? ", " : "", (int)len,
                                 texts[i]);
    if (ref->is_more && used < cap)
        (void)snprintf(text + used, cap - used, " and others");
    return text;
}
