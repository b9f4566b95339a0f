/* Table-driven command line options. One table per command serves the parser and --help.
 *
 * Accepted forms: --name value, --name=value, --flag, and -- before positional arguments. A value
 * that begins with -- is taken after = only: elsewhere one was forgotten. Options and positional
 * arguments may be mixed. -h and --help are known everywhere. */
#ifndef SG_APP_OPTIONS_H
#define SG_APP_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "command.h"

enum sg_opt_kind {
    SG_OPT_FLAG,   /* value: bool * */
    SG_OPT_TEXT,   /* value: const char ** */
    SG_OPT_COUNT,  /* value: uint64_t *, within min .. max (max 0 = no limit) */
    SG_OPT_NUMBER, /* value: double *, >= 0, within min .. max (max 0 = no limit) */
    SG_OPT_SHARE,  /* value: double *, "0.1" or "10%", 0 .. 1 */
    SG_OPT_TIME,   /* value: uint64_t *, milliseconds; "90s", "15m", "1h", "7d" or "500ms" */
    SG_OPT_LIST    /* value: struct sg_opt_list *, may be given many times */
};

struct sg_opt {
    const char *name; /* without dashes */
    enum sg_opt_kind kind;
    void *value;      /* keeps its default when the option is not given */
    const char *arg;  /* what help calls the argument, NULL for flags */
    const char *help; /* with the default in brackets; lines after the first are indented */
    uint64_t min, max;
};

#define SG_OPT_LIST_MAX 64

struct sg_opt_list {
    const char *items[SG_OPT_LIST_MAX];
    size_t count;
};

/* What a command accepts. */
struct sg_opt_set {
    const struct sg_command *command;
    const struct sg_opt *opts;
    size_t count;
    size_t args_min, args_max; /* positional arguments; args_max <= SG_OPT_ARGS_MAX */
};

#define SG_OPT_ARGS_MAX 4
/* Options of one command. */
#define SG_OPT_MAX 64

struct sg_opt_args {
    const char *items[SG_OPT_ARGS_MAX];
    size_t count;
    const char *given[SG_OPT_MAX]; /* by option: its last value, "" of a flag; NULL = not given */
    char error[256];               /* after SG_OPT_BAD: one line without the program's name */
};

enum sg_opt_result { SG_OPT_OK, SG_OPT_HELP, SG_OPT_BAD };

/* Reads argv[1 ..]; texts are borrowed from argv. Prints nothing. */
enum sg_opt_result sg_opt_parse(const struct sg_opt_set *set, int argc, char **argv,
                                struct sg_opt_args *args);
/* What the command line says of an option of the set; NULL when it is not there. */
const char *sg_opt_given(const struct sg_opt_set *set, const struct sg_opt_args *args,
                         const char *name);
void sg_opt_print_help(const struct sg_opt_set *set, FILE *out);

/* sg_opt_parse for commands: prints help or the error. True when the command should go on,
 * otherwise *code is its exit code. */
bool sg_opt_begin(const struct sg_opt_set *set, int argc, char **argv, struct sg_opt_args *args,
                  int *code);
/* Complains about the usage of a command and gives SG_EXIT_USAGE. */
int sg_opt_usage_error(const struct sg_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
