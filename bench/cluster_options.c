/* The command line of bench_cluster. */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 100000

static bool read_number(const char *text, unsigned *value)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    *value = (unsigned)number;
    return end != text && *end == '\0' && number <= NUMBER_MAX;
}

bool cluster_parse(int argc, char **argv, struct cluster_options *o)
{
    *o = (struct cluster_options){
        .nodes = 24, .kills = 5, .settle_s = 5, .idle_s = 60, .burn_s = 30, .seed = 1};
    const struct {
        const char *name;
        unsigned *value;
    } known[] = {{"--nodes", &o->nodes},     {"--kills", &o->kills}, {"--idle", &o->idle_s},
                 {"--burners", &o->burners}, {"--burn", &o->burn_s}, {"--seed", &o->seed},
                 {"--settle", &o->settle_s}};
    const size_t count = sizeof known / sizeof known[0];
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < count && strcmp(argv[i], known[k].name) != 0)
            k++;
        if (strcmp(argv[i], "--respawn") == 0)
            o->respawn = true;
        else if (k == count || i + 1 == argc || !read_number(argv[++i], known[k].value))
            return false;
    }
    return o->nodes >= 3 && (o->respawn || o->kills + 2 <= o->nodes);
}
