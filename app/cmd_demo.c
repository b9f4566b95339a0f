/* saorsa demo: the command line of demo.c. */
#include "command.h"
#include "demo.h"
#include "options.h"

static int run(int argc, char **argv)
{
    struct sg_demo_options options = {.nodes = 10, .rate = 20, .seed = 1};
    const struct sg_opt opts[] = {
        {"nodes", SG_OPT_COUNT, &options.nodes, "N", "how many processes [10]", 2,
         SG_DEMO_NODES_MAX},
        {"messages", SG_OPT_COUNT, &options.messages, "N",
         "how many to publish [100, or each line of --input once];\n"
         "lines are repeated as needed",
         1, SG_DEMO_MESSAGES_MAX},
        {"rate", SG_OPT_NUMBER, &options.rate, "N",
         "messages per second [20], 0 = as fast as it goes", 0, 100000},
        {"size", SG_OPT_COUNT, &options.size, "BYTES",
         "stretch or cut each line to so many bytes [0 = as it is]", 0, SG_CTL_PAYLOAD_MAX},
        {"input", SG_OPT_TEXT, &options.input, "FILE",
         "lines to publish, - for stdin [a text that comes with\nthe program]", 0, 0},
        {"kill", SG_OPT_COUNT, &options.kill, "K",
         "kill K nodes half-way; the others must still get every\n"
         "message, and notice: the report says how soon [0]",
         0, SG_DEMO_NODES_MAX},
        {"seed", SG_OPT_COUNT, &options.seed, "N", "who publishes and who is killed [1]", 0, 0},
        {"timeout", SG_OPT_COUNT, &options.timeout_s, "S",
         "give up after S seconds [60 + the time publishing takes]", 1, 86400},
        {"keep", SG_OPT_FLAG, &options.keep, NULL, "keep the nodes' logs and state", 0, 0},
        {"json", SG_OPT_FLAG, &options.json, NULL, "print the report as an object", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_demo, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (options.kill > options.nodes - 2)
        return sg_opt_usage_error(&sg_cmd_demo, "--kill must leave at least two nodes");
    if (options.messages == 0 && options.input == NULL)
        options.messages = 100;
    return sg_demo_run(&options);
}

const struct sg_command sg_cmd_demo = {
    .name = "demo",
    .summary = "Run a network of real nodes on this machine and measure it.",
    .usage = "[--nodes N] [--messages N] [--rate N] [--size BYTES] [--kill K] [...]",
    .about = "Starts node processes that join through the first one, publishes lines of text from\n"
             "random nodes, and prints how well they arrived. Exit code 0 only when every message\n"
             "reached every node unchanged; 4 when that did not happen in time.",
    .example = "  saorsa demo\n"
               "  saorsa demo --nodes 30 --kill 5\n"
               "  seq 1000 | saorsa demo --input - --rate 200 --json",
    .run = run,
};
