#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "distance.h"

static const struct sg_command *const COMMANDS[] = {
    &sg_cmd_demo,   &sg_cmd_id,      &sg_cmd_node,    &sg_cmd_pub,   &sg_cmd_sub,
    &sg_cmd_topic,  &sg_cmd_trace,   &sg_cmd_bench,   &sg_cmd_peers, &sg_cmd_members,
    &sg_cmd_status, &sg_cmd_join,    &sg_cmd_contact, &sg_cmd_meta,  &sg_cmd_force_leave,
    &sg_cmd_leave,  &sg_cmd_stop,    &sg_cmd_sim,     &sg_cmd_doc,   &sg_cmd_mls,
    &sg_cmd_help,   &sg_cmd_version,
};

const struct sg_command *sg_command_at(size_t index)
{
    return index < SG_COUNT(COMMANDS) ? COMMANDS[index] : NULL;
}

const struct sg_command *sg_command_find(const char *name)
{
    for (size_t i = 0; i < SG_COUNT(COMMANDS); i++) {
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
    }
    return NULL;
}

const struct sg_command *sg_command_nearest(const char *name)
{
    const struct sg_command *best = NULL;
    size_t best_distance = SG_APP_DISTANCE_NEAR + 1;
    for (size_t i = 0; i < SG_COUNT(COMMANDS); i++) {
        size_t distance = sg_app_distance(name, COMMANDS[i]->name);
        if (distance < best_distance) {
            best = COMMANDS[i];
            best_distance = distance;
        }
    }
    return best;
}

void sg_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("saorsa: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
