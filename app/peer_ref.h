/* A peer as people name it: its id, or the first characters of it. A beginning that fits exactly
 * one of the candidates means that one. Pure: who the candidates are is the caller's business. */
#ifndef SG_APP_PEER_REF_H
#define SG_APP_PEER_REF_H

#include <stdbool.h>
#include <stddef.h>

#include <saorsa/types.h>

#define SG_APP_REF_MIN 6    /* characters: 30 bits, enough for any table a person looks at */
#define SG_APP_REF_LISTED 4 /* ids that an ambiguous beginning is answered with */

struct sg_app_ref {
    char text[SG_ID_TEXT_LEN + 1]; /* in lower case */
    size_t len;
    struct sg_peer_id found[SG_APP_REF_LISTED]; /* different ones, as they were offered */
    size_t count;
    bool is_more; /* than fit in found */
};

/* Begins with text [len]. False when it is neither an id nor SG_APP_REF_MIN or more characters of
 * one. A whole id needs no candidate: it is found at once. */
bool sg_app_ref_begin(struct sg_app_ref *ref, const char *text, size_t len);
/* Takes a candidate when it fits; the same one may be offered again. */
void sg_app_ref_offer(struct sg_app_ref *ref, const struct sg_peer_id *candidate);
/* "abcdefgh, abcdefgi and others": what was found, told apart; returns text [cap]. */
const char *sg_app_ref_list(const struct sg_app_ref *ref, char *text, size_t cap);

#endif
