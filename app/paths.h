/* Where a node keeps its state and listens for commands. */
#ifndef SG_APP_PATHS_H
#define SG_APP_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#define SG_APP_PATH_MAX 4096
/* Bytes of a socket path that fit in sockaddr_un, the NUL included. */
#define SG_SOCKET_PATH_MAX 108

/* What the options say; NULL fields take their defaults. */
struct sg_app_path_options {
    const char *dir;
    const char *socket;
};

/* The state folder: --dir, else $SAORSA_DIR, else $XDG_DATA_HOME/saorsa, else
 * ~/.local/share/saorsa. Complains and gives false when there is none or it is too long. */
bool sg_app_path_state(const struct sg_app_path_options *options, char dir[SG_APP_PATH_MAX]);
/* The control socket: --socket, else $SAORSA_SOCKET, else control.sock in the state folder.
 * Complains and gives false when it is too long for a socket. */
bool sg_app_path_socket(const struct sg_app_path_options *options, char path[SG_SOCKET_PATH_MAX]);
/* Makes the folder of a file, with parents, mode 0700 each; false sets errno. */
bool sg_app_path_make_parent(const char *file);

#endif
