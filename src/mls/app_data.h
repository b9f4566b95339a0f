/* What a program keeps in a group: the app_data_dictionary extension and the AppDataUpdate proposal
 * (draft-ietf-mls-extensions-08 s4.6, s4.7). */
#ifndef SG_MLS_APP_DATA_H
#define SG_MLS_APP_DATA_H

#include "mls/config.h"

/* Updates in one commit. */
#define SG_MLS_APP_DATA_MAX 1024

/* Payload of app_data_dictionary. SG_ERR_MALFORMED: not sorted by component, or one comes twice;
 * errors of reading. */
SG_MUST_USE sg_err sg_mls_dictionary_check(struct sg_bytes data);
/* The entry of a component in a payload that was checked. */
bool sg_mls_dictionary_find(struct sg_bytes data, uint16_t component, struct sg_bytes *out);
/* The entry in a list of extensions. */
bool sg_mls_app_data_find(struct sg_bytes extensions, uint16_t component, struct sg_bytes *out);

/* May a GroupContextExtensions proposal lead from one list to the other? Not with another
 * dictionary where all members must know AppDataUpdate. SG_ERR_MLS_PROPOSAL. */
SG_MUST_USE sg_err sg_mls_app_data_check_extensions(struct sg_bytes before, struct sg_bytes after);
/* The extensions after the updates of a commit, in their order, in the arena. SG_ERR_MLS_PROPOSAL:
 * a component is both updated and removed, removed twice, or removed without being there; what
 * config->app_data says. */
SG_MUST_USE sg_err sg_mls_app_data_apply(const struct sg_mls_config *config,
                                         struct sg_mls_arena *arena,
                                         const struct sg_mls_app_data *const *updates,
                                         uint32_t count, struct sg_bytes *extensions);

#endif
