#include "options.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "distance.h"

/* One option as it stands on the command line. */
struct given {
    const char *name; /* without dashes [name_len] */
    size_t name_len;
    const char *value; /* NULL when there is no "=" */
};

static enum sg_opt_result bad(struct sg_opt_args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum sg_opt_result bad(struct sg_opt_args *args, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(args->error, sizeof(args->error), format, arguments);
    va_end(arguments);
    return SG_OPT_BAD;
}

static struct given split(const char *word)
{
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    return (struct given){name, len, equals != NULL ? equals + 1 : NULL};
}

static const struct sg_opt *find(const struct sg_opt_set *set, const struct given *given)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *name = set->opts[i].name;
        if (strlen(name) == given->name_len && memcmp(name, given->name, given->name_len) == 0)
            return &set->opts[i];
    }
    return NULL;
}

static enum sg_opt_result unknown(const struct sg_opt_set *set, const struct given *given,
                                  struct sg_opt_args *args)
{
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)(given->name_len < 60 ? given->name_len : 60),
             given->name);
    const char *best = NULL;
    size_t best_distance = SG_APP_DISTANCE_NEAR + 1;
    for (size_t i = 0; i < set->count; i++) {
        size_t distance = sg_app_distance(name, set->opts[i].name);
        if (distance < best_distance) {
            best = set->opts[i].name;
            best_distance = distance;
        }
    }
    if (best == NULL)
        return bad(args, "unknown option --%s", name);
    return bad(args, "unknown option --%s, did you mean --%s?", name, best);
}

static enum sg_opt_result read_count(const struct sg_opt *opt, const char *text,
                                     struct sg_opt_args *args)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9';
    if (!digits || *end != '\0')
        return bad(args, "--%s wants a whole number, not '%s'", opt->name, text);
    uint64_t max = opt->max != 0 ? opt->max : UINT64_MAX;
    if (errno == ERANGE || number < opt->min || number > max) {
        if (max == UINT64_MAX)
            return bad(args, "--%s must be at least %llu", opt->name, (unsigned long long)opt->min);
        return bad(args, "--%s must be between %llu and %llu", opt->name,
                   (unsigned long long)opt->min, (unsigned long long)max);
    }
    *(uint64_t *)opt->value = number;
    return SG_OPT_OK;
}

/* A decimal number >= 0; *end is where it ends. */
static bool read_decimal(const char *text, double *number, char **end)
{
    bool begins = (text[0] >= '0' && text[0] <= '9') || text[0] == '.';
    *number = strtod(text, end);
    return begins && *end != text && isfinite(*number) && strpbrk(text, "xX") == NULL;
}

static enum sg_opt_result read_number(const struct sg_opt *opt, const char *text,
                                      struct sg_opt_args *args)
{
    char *end;
    double number;
    if (!read_decimal(text, &number, &end) || *end != '\0')
        return bad(args, "--%s wants a number, not '%s'", opt->name, text);
    if (number < (double)opt->min || (opt->max != 0 && number > (double)opt->max))
        return bad(args, "--%s must be between %llu and %llu", opt->name,
                   (unsigned long long)opt->min, (unsigned long long)opt->max);
    *(double *)opt->value = number;
    return SG_OPT_OK;
}

static enum sg_opt_result read_share(const struct sg_opt *opt, const char *text,
                                     struct sg_opt_args *args)
{
    char *end;
    double number;
    bool ok = read_decimal(text, &number, &end);
    if (ok && strcmp(end, "%") == 0)
        number /= 100;
    else if (ok && *end != '\0')
        ok = false;
    if (!ok || number > 1)
        return bad(args, "--%s wants a share such as 0.1 or 10%%, not '%s'", opt->name, text);
    *(double *)opt->value = number;
    return SG_OPT_OK;
}

/* A century: what is longer means the same. */
#define TIME_MAX_MS 3.2e12

static uint64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    for (size_t i = 0; i < SG_COUNT(UNITS); i++) {
        if (strcmp(UNITS[i].name, unit) == 0)
            return UNITS[i].ms;
    }
    return 0;
}

static enum sg_opt_result read_time(const struct sg_opt *opt, const char *text,
                                    struct sg_opt_args *args)
{
    char *end;
    double number;
    uint64_t unit = read_decimal(text, &number, &end) ? unit_ms(end) : 0;
    if (unit == 0)
        return bad(args, "--%s wants a time such as 90s, 15m, 1h or 7d, not '%s'", opt->name, text);
    number *= (double)unit;
    if (number < (double)opt->min)
        return bad(args, "--%s must be at least %llu ms", opt->name, (unsigned long long)opt->min);
    double max = opt->max != 0 ? (double)opt->max : TIME_MAX_MS;
    *(uint64_t *)opt->value = (uint64_t)(number < max ? number : max);
    return SG_OPT_OK;
}

static enum sg_opt_result read_item(const struct sg_opt *opt, const char *text,
                                    struct sg_opt_args *args)
{
    struct sg_opt_list *list = opt->value;
    if (list->count == SG_OPT_LIST_MAX)
        return bad(args, "--%s can be given at most %d times", opt->name, SG_OPT_LIST_MAX);
    list->items[list->count++] = text;
    return SG_OPT_OK;
}

static enum sg_opt_result assign(const struct sg_opt *opt, const char *text,
                                 struct sg_opt_args *args)
{
    switch (opt->kind) {
    case SG_OPT_FLAG:
        *(bool *)opt->value = true;
        return SG_OPT_OK;
    case SG_OPT_TEXT:
        *(const char **)opt->value = text;
        return SG_OPT_OK;
    case SG_OPT_COUNT:
        return read_count(opt, text, args);
    case SG_OPT_NUMBER:
        return read_number(opt, text, args);
    case SG_OPT_SHARE:
        return read_share(opt, text, args);
    case SG_OPT_TIME:
        return read_time(opt, text, args);
    case SG_OPT_LIST:
        return read_item(opt, text, args);
    }
    return bad(args, "--%s cannot be read", opt->name);
}

/* Notes that an option is there, and takes its value. */
static enum sg_opt_result give(const struct sg_opt_set *set, const struct sg_opt *opt,
                               const char *text, struct sg_opt_args *args)
{
    args->given[opt - set->opts] = text != NULL ? text : "";
    return assign(opt, text, args);
}

/* Reads the option in argv[*at] and steps over what it took. */
static enum sg_opt_result take_option(const struct sg_opt_set *set, char **argv, int *at,
                                      struct sg_opt_args *args)
{
    struct given given = split(argv[*at]);
    const struct sg_opt *opt = find(set, &given);
    *at += 1;
    if (opt == NULL)
        return unknown(set, &given, args);
    if (opt->kind == SG_OPT_FLAG) {
        if (given.value != NULL)
            return bad(args, "--%s takes no value", opt->name);
        return give(set, opt, NULL, args);
    }
    if (given.value != NULL)
        return give(set, opt, given.value, args);
    if (argv[*at] == NULL)
        return bad(args, "--%s wants a value: --%s %s", opt->name, opt->name, opt->arg);
    /* rather a value that was forgotten than one that looks so */
    if (strncmp(argv[*at], "--", 2) == 0)
        return bad(args, "--%s wants a value, not '%.60s'; if that is the value: --%s=%.60s",
                   opt->name, argv[*at], opt->name, argv[*at]);
    *at += 1;
    return give(set, opt, argv[*at - 1], args);
}

/* Whether a usage begins with verbs, as "a|b|c FILE", and a word is none of them. */
static bool is_no_verb(const char *usage, const char *word, int *verbs_len)
{
    size_t len = strcspn(usage, " ");
    size_t word_len = strlen(word);
    *verbs_len = (int)len;
    if (memchr(usage, '|', len) == NULL)
        return false;
    for (size_t at = 0; at < len;) {
        size_t verb_len = strcspn(usage + at, "| ");
        if (verb_len == word_len && memcmp(usage + at, word, word_len) == 0)
            return false;
        at += verb_len + 1;
    }
    return true;
}

/* Too few or too many words: the wrong verb is what is to be told. */
static enum sg_opt_result wrong_count(const struct sg_opt_set *set, const char *unexpected,
                                      struct sg_opt_args *args)
{
    const char *usage = set->command->usage;
    int len;
    if (args->count > 0 && is_no_verb(usage, args->items[0], &len))
        return bad(args, "'%.40s' is none of %.*s", args->items[0], len, usage);
    if (unexpected != NULL)
        return bad(args, "unexpected argument '%.80s'", unexpected);
    return bad(args, "an argument is missing, usage: saorsa %s %s", set->command->name, usage);
}

static enum sg_opt_result take_argument(const struct sg_opt_set *set, const char *word,
                                        struct sg_opt_args *args)
{
    if (args->count == set->args_max)
        return wrong_count(set, word, args);
    args->items[args->count++] = word;
    return SG_OPT_OK;
}

enum sg_opt_result sg_opt_parse(const struct sg_opt_set *set, int argc, char **argv,
                                struct sg_opt_args *args)
{
    bool only_arguments = false;
    enum sg_opt_result result = SG_OPT_OK;
    assert(set->count <= SG_OPT_MAX);
    memset(args, 0, sizeof(*args));
    for (int at = 1; at < argc && result == SG_OPT_OK;) {
        const char *word = argv[at];
        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            at++;
            result = take_argument(set, word, args);
        } else if (strcmp(word, "--") == 0) {
            at++;
            only_arguments = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            return SG_OPT_HELP;
        } else if (word[1] == '-') {
            result = take_option(set, argv, &at, args);
        } else {
            result = bad(args, "unknown option %.40s, options begin with --", word);
        }
    }
    if (result == SG_OPT_OK && args->count < set->args_min)
        return wrong_count(set, NULL, args);
    return result;
}

const char *sg_opt_given(const struct sg_opt_set *set, const struct sg_opt_args *args,
                         const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->opts[i].name, name) == 0)
            return args->given[i];
    }
    return NULL;
}

/* Prints help text; its further lines begin below the first. */
static void print_indented(FILE *out, const char *text, int indent)
{
    for (; *text != '\0'; text++) {
        fputc(*text, out);
        if (*text == '\n')
            fprintf(out, "%*s", indent, "");
    }
    fputc('\n', out);
}

void sg_opt_print_help(const struct sg_opt_set *set, FILE *out)
{
    const struct sg_command *command = set->command;
    fprintf(out, "%s\n\nusage: saorsa %s %s\n", command->summary, command->name, command->usage);
    if (command->about != NULL)
        fprintf(out, "\n%s\n", command->about);
    fputs("\noptions:\n", out);
    for (size_t i = 0; i < set->count; i++) {
        char left[64];
        const struct sg_opt *opt = &set->opts[i];
        snprintf(left, sizeof(left), "--%s%s%s", opt->name, opt->arg != NULL ? " " : "",
                 opt->arg != NULL ? opt->arg : "");
        fprintf(out, "  %-24s ", left);
        print_indented(out, opt->help, 27);
    }
    fprintf(out, "  %-24s %s\n", "--help", "this text");
    if (command->example != NULL)
        fprintf(out, "\nexample:\n%s\n", command->example);
}

bool sg_opt_begin(const struct sg_opt_set *set, int argc, char **argv, struct sg_opt_args *args,
                  int *code)
{
    switch (sg_opt_parse(set, argc, argv, args)) {
    case SG_OPT_OK:
        return true;
    case SG_OPT_HELP:
        sg_opt_print_help(set, stdout);
        *code = SG_EXIT_OK;
        return false;
    case SG_OPT_BAD:
        *code = sg_opt_usage_error(set->command, "%s", args->error);
        return false;
    }
    return false;
}

int sg_opt_usage_error(const struct sg_command *command, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "saorsa %s: %s (see 'saorsa %s --help')\n", command->name, text, command->name);
    return SG_EXIT_USAGE;
}
