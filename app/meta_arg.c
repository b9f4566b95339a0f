#include "meta_arg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "input_file.h"

static int too_long(void)
{
    sg_complain("metadata has at most %d bytes", SG_CTL_META_MAX);
    return SG_EXIT_USAGE;
}

static int read_stream(FILE *file, const char *name, uint8_t meta[SG_CTL_META_MAX], size_t *len)
{
    uint8_t data[SG_CTL_META_MAX + 1];
    size_t got = fread(data, 1, sizeof(data), file);
    if (ferror(file)) {
        sg_complain_read(name, errno);
        return SG_EXIT_FAILURE;
    }
    if (got > SG_CTL_META_MAX)
        return too_long();
    memcpy(meta, data, got);
    *len = got;
    return SG_EXIT_OK;
}

int sg_meta_arg_read(const char *arg, uint8_t meta[SG_CTL_META_MAX], size_t *len)
{
    if (arg[0] != '@') {
        *len = strlen(arg);
        if (*len > SG_CTL_META_MAX)
            return too_long();
        memcpy(meta, arg, *len);
        return SG_EXIT_OK;
    }
    if (strcmp(arg, "@-") == 0)
        return read_stream(stdin, "stdin", meta, len);
    int fd = sg_input_open(arg + 1);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        sg_complain_read(arg + 1, errno);
        if (fd >= 0)
            close(fd);
        return SG_EXIT_FAILURE;
    }
    int code = read_stream(file, arg + 1, meta, len);
    fclose(file);
    return code;
}
