/* Time and memory of other processes, from the kernel. */
#include "cluster.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const NAMES[CLUSTER_MEMORY_KINDS] = {"program", "data",  "libraries",
                                                        "heap",    "stack", "other"};

const char *cluster_memory_name(enum cluster_memory_kind kind)
{
    return NAMES[kind];
}

uint64_t cluster_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void cluster_sleep_ms(uint64_t ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        continue;
}

/* The clock of the process counts nanoseconds; /proc/PID/stat only ticks of 10 ms. */
uint64_t cluster_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* "55d0c8a00000-55d0c8a21000 rw-p 00000000 00:00 0   [heap]" -> what it is. */
static enum cluster_memory_kind kind_of(const char *line)
{
    char mode[8] = "";
    char path[256] = "";
    (void)sscanf(line, "%*s %7s %*s %*s %*s %255[^\n]", mode, path);
    if (strstr(path, ".so") != NULL)
        return CLUSTER_LIBRARIES;
    if (path[0] == '/')
        return mode[1] == 'w' ? CLUSTER_DATA : CLUSTER_PROGRAM;
    if (strncmp(path, "[stack", 6) == 0)
        return CLUSTER_STACK;
    if (path[0] == '\0' || strcmp(path, "[heap]") == 0 || strncmp(path, "[anon", 5) == 0)
        return CLUSTER_HEAP;
    return CLUSTER_OTHER;
}

/* Pages of the executable that the loader wrote (relocations) are copies of this process. */
static void own_copies(struct cluster_memory *sum, double kb)
{
    sum->rss[CLUSTER_PROGRAM] -= kb;
    sum->pss[CLUSTER_PROGRAM] -= kb;
    sum->rss[CLUSTER_DATA] += kb;
    sum->pss[CLUSTER_DATA] += kb;
}

bool cluster_memory_add(pid_t pid, struct cluster_memory *sum)
{
    char line[512];
    enum cluster_memory_kind kind = CLUSTER_OTHER;
    (void)snprintf(line, sizeof line, "/proc/%d/smaps", (int)pid);
    FILE *file = fopen(line, "r");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof line, file) != NULL) {
        if (isdigit((unsigned char)line[0]) || (line[0] >= 'a' && line[0] <= 'f'))
            kind = kind_of(line);
        else if (strncmp(line, "Rss:", 4) == 0)
            sum->rss[kind] += strtod(line + 4, NULL);
        else if (strncmp(line, "Pss:", 4) == 0)
            sum->pss[kind] += strtod(line + 4, NULL);
        else if (strncmp(line, "Anonymous:", 10) == 0 && kind == CLUSTER_PROGRAM)
            own_copies(sum, strtod(line + 10, NULL));
    }
    (void)fclose(file);
    return true;
}
