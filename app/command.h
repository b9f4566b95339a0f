/* What every command of the executable shares: its description, exit codes, complaints. */
#ifndef SG_APP_COMMAND_H
#define SG_APP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SG_COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum sg_exit {
    SG_EXIT_OK = 0,
    SG_EXIT_FAILURE = 1, /* the command ran and did not succeed */
    SG_EXIT_USAGE = 2,   /* the command line is wrong; nothing was done */
    SG_EXIT_NO_NODE = 3, /* no node answers at the control socket */
    SG_EXIT_TIMEOUT = 4  /* something did not happen in time */
};

struct sg_command {
    const char *name;
    const char *summary;               /* one line, for the list of commands */
    const char *usage;                 /* what follows "saorsa <name>" */
    const char *about;                 /* a few lines for newcomers, may be NULL */
    const char *example;               /* lines to copy and paste */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; gives the exit code */
};

extern const struct sg_command sg_cmd_id;
extern const struct sg_command sg_cmd_node;
extern const struct sg_command sg_cmd_pub;
extern const struct sg_command sg_cmd_sub;
extern const struct sg_command sg_cmd_topic;
extern const struct sg_command sg_cmd_trace;
extern const struct sg_command sg_cmd_bench;
extern const struct sg_command sg_cmd_peers;
extern const struct sg_command sg_cmd_status;
extern const struct sg_command sg_cmd_members;
extern const struct sg_command sg_cmd_contact;
extern const struct sg_command sg_cmd_meta;
extern const struct sg_command sg_cmd_force_leave;
extern const struct sg_command sg_cmd_leave;
extern const struct sg_command sg_cmd_join;
extern const struct sg_command sg_cmd_stop;
extern const struct sg_command sg_cmd_doc;
extern const struct sg_command sg_cmd_demo;
extern const struct sg_command sg_cmd_sim;
extern const struct sg_command sg_cmd_mls;
extern const struct sg_command sg_cmd_help;
extern const struct sg_command sg_cmd_version;

/* All commands in the order of help; NULL when none has this name. */
const struct sg_command *sg_command_at(size_t index);
const struct sg_command *sg_command_find(const char *name);
/* The command whose name is nearest to a mistyped one, NULL when none is near. */
const struct sg_command *sg_command_nearest(const char *name);

/* What 'saorsa help' prints. */
void sg_command_overview(FILE *out);
/* "saorsa: <text>" and a newline on stderr. */
void sg_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
