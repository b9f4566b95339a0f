/* The actions of 'saorsa mls': one function each, after the box is open. */
#ifndef SG_APP_MLS_ACTIONS_H
#define SG_APP_MLS_ACTIONS_H

#include "mls_box.h"
#include "options.h"

struct sg_mls_args {
    const char *dir;
    const char *group;
    const char *suite;
    const char *out;
    const char *welcome; /* of commit: where it goes; of join: none, it is the argument */
    const char *tree;
    const char *aad;
    const char *context;
    uint64_t length;
    uint64_t days;
    struct sg_opt_list add;
    struct sg_opt_list remove;
    struct sg_opt_list psk;
    struct sg_opt_list resume;
    struct sg_opt_list extension;
    struct sg_opt_list app_data;
    struct sg_opt_list understands;
    const char *reinit;
    bool no_extensions;
    bool without_waiting;
    bool renew;
    bool keep_key;
    bool last_resort;
    bool tree_beside;
    bool is_public;
    bool resync;
    bool json;
    const char *rest[SG_OPT_ARGS_MAX]; /* after the action's name; NULL: not given */
};

/* Each gives an exit code. box->member is there for those that need one. */
int sg_mls_do_package(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_create(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_join(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_join_external(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_renew(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_add(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_remove(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_update(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_leave(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_keep_psk(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_psk(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_resume(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_commit(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_accept(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_discard(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_process(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_protect(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_unprotect(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_forget(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_members(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_groups(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_export(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_tree(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_info(struct sg_mls_box *box, const struct sg_mls_args *args);
/* These need no box: it is NULL. */
int sg_mls_do_inspect(struct sg_mls_box *box, const struct sg_mls_args *args);
int sg_mls_do_suites(struct sg_mls_box *box, const struct sg_mls_args *args);

/* A number up to max, decimal or 0x and hexadecimal, and then the character stop. */
bool sg_mls_read_number(const char *text, char stop, uint64_t max, uint64_t *out);
/* The epochs of a list into out [list->count]. False: complained. */
bool sg_mls_read_epochs(const struct sg_opt_list *list, uint64_t *out);
/* The leaf that a number or a member's name means; a name that several have is refused. False:
 * complained. */
bool sg_mls_find_leaf(const struct sg_mls_member *member, const char *text, uint32_t *leaf);

#endif
