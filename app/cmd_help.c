/* saorsa help, saorsa version. */
#include <stdio.h>

#include <saorsa/gossip.h>

#include "command.h"
#include "json_out.h"
#include "options.h"

void sg_command_overview(FILE *out)
{
    fprintf(out, "saorsa %s: a post-quantum gossip overlay\n\nusage: saorsa COMMAND [OPTIONS]\n\n",
            sg_version());
    for (size_t i = 0; sg_command_at(i) != NULL; i++)
        fprintf(out, "  %-11s %s\n", sg_command_at(i)->name, sg_command_at(i)->summary);
    fputs("\n'saorsa COMMAND --help' explains one command. See it work: saorsa demo\n"
          "\nexit codes: 0 done, 1 failed, 2 wrong usage, 3 no node is running, 4 timed out\n"
          "environment: SAORSA_DIR state folder, SAORSA_SOCKET control socket\n",
          out);
}

static int run_help(int argc, char **argv)
{
    const struct sg_opt_set set = {&sg_cmd_help, NULL, 0, 0, 1};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (rest.count == 0) {
        sg_command_overview(stdout);
        return SG_EXIT_OK;
    }
    const struct sg_command *command = sg_command_find(rest.items[0]);
    if (command == NULL)
        return sg_opt_usage_error(&sg_cmd_help, "there is no command '%.40s'", rest.items[0]);
    char help[] = "--help";
    char *asked[] = {argv[1], help, NULL};
    return command->run(2, asked);
}

const struct sg_command sg_cmd_help = {
    .name = "help",
    .summary = "List the commands, or explain one.",
    .usage = "[COMMAND]",
    .example = "  saorsa help pub",
    .run = run_help,
};

static int run_version(int argc, char **argv)
{
    bool json = false;
    const struct sg_opt opts[] = {
        {"json", SG_OPT_FLAG, &json, NULL, "print {\"version\": ...}", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_version, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (!json)
        return printf("saorsa %s\n", sg_version()) > 0 ? SG_EXIT_OK : SG_EXIT_FAILURE;
    json_t *object = json_pack("{s:s}", "version", sg_version());
    return sg_json_print(object) ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

const struct sg_command sg_cmd_version = {
    .name = "version",
    .summary = "Print the version.",
    .usage = "[--json]",
    .example = "  saorsa version",
    .run = run_version,
};
