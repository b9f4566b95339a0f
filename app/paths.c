#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"

/* An environment variable that is set and not empty, else NULL. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool sg_app_path_state(const struct sg_app_path_options *options, char dir[SG_APP_PATH_MAX])
{
    int len;
    const char *base;
    if (options->dir != NULL) {
        len = snprintf(dir, SG_APP_PATH_MAX, "%s", options->dir);
    } else if ((base = environment("SAORSA_DIR")) != NULL) {
        len = snprintf(dir, SG_APP_PATH_MAX, "%s", base);
    } else if ((base = environment("XDG_DATA_HOME")) != NULL) {
        len = snprintf(dir, SG_APP_PATH_MAX, "%s/saorsa", base);
    } else if ((base = environment("HOME")) != NULL) {
        len = snprintf(dir, SG_APP_PATH_MAX, "%s/.local/share/saorsa", base);
    } else {
        sg_complain("no folder for the state: name one with --dir or SAORSA_DIR");
        return false;
    }
    if (len == 0) {
        sg_complain("the state folder has an empty name: give a path with --dir");
        return false;
    }
    if (len >= SG_APP_PATH_MAX) {
        sg_complain("the state folder's path is longer than %d bytes", SG_APP_PATH_MAX - 1);
        return false;
    }
    return true;
}

bool sg_app_path_socket(const struct sg_app_path_options *options, char path[SG_SOCKET_PATH_MAX])
{
    char dir[SG_APP_PATH_MAX];
    char full[SG_APP_PATH_MAX + 16];
    const char *named = options->socket;
    /* A state folder on the command line outranks a socket in the environment. */
    if (named == NULL && options->dir == NULL)
        named = environment("SAORSA_SOCKET");
    if (named != NULL) {
        snprintf(full, sizeof(full), "%s", named);
    } else {
        if (!sg_app_path_state(options, dir))
            return false;
        snprintf(full, sizeof(full), "%s/control.sock", dir);
    }
    size_t len = strlen(full);
    if (len == 0) {
        sg_complain("the socket has an empty name: give a path with --socket");
        return false;
    }
    if (len >= SG_SOCKET_PATH_MAX) {
        sg_complain("the socket path is too long (%zu bytes, at most %d): name a shorter one with "
                    "--socket or SAORSA_SOCKET (%s)",
                    len, SG_SOCKET_PATH_MAX - 1, full);
        return false;
    }
    memcpy(path, full, len + 1);
    return true;
}

bool sg_app_path_make_parent(const char *file)
{
    char path[SG_APP_PATH_MAX];
    size_t len = strlen(file);
    if (len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(path, file, len + 1);
    for (size_t i = 1; i < len; i++) {
        if (path[i] != '/')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        path[i] = '/';
    }
    return true;
}
