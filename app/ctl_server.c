#include "ctl_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "ctl_conn.h"
#include "daemon.h"
#include "paths.h"

/* How long nobody is accepted when there are no descriptors for it: the socket stays readable all
 * the time, and asking at once would take a whole processor. */
#define PAUSE_NS UINT64_C(1000000000)

struct sg_ctl_server {
    struct sg_daemon *daemon;
    int fd;
    char path[SG_SOCKET_PATH_MAX];
    dev_t dev; /* of the socket file made here */
    ino_t ino;
    struct sg_ctl_conn *conns[SG_CTL_SERVER_CLIENTS_MAX];
    size_t count;
    size_t polled;            /* conns that the last sg_ctl_server_poll filled in */
    uint64_t paused_until_ns; /* 0: accepting */
};

/* ---- opening ------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

/* Whether the file at path may be replaced by a socket of ours. */
static bool is_replaceable(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return true;
    if (!S_ISSOCK(info.st_mode)) {
        sg_complain("%s is there and is no socket: remove it, or choose another with --socket",
                    path);
        return false;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = address_of(path);
    bool refused = probe >= 0 &&
                   connect(probe, (struct sockaddr *)&address, sizeof(address)) != 0 &&
                   errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    if (!refused) {
        sg_complain("a node is running at %s already: stop it with 'saorsa stop', or give this "
                    "one its own --dir or --socket",
                    path);
        return false;
    }
    return unlink(path) == 0 || errno == ENOENT;
}

static bool bind_and_listen(struct sg_ctl_server *server)
{
    struct sockaddr_un address = address_of(server->path);
    struct stat info;
    /* The mask makes the file 0600 from its first moment; chmod would come too late. */
    mode_t before = umask(0177);
    int failed = bind(server->fd, (struct sockaddr *)&address, sizeof(address));
    umask(before);
    if (failed != 0 || lstat(server->path, &info) != 0)
        return false;
    server->dev = info.st_dev;
    server->ino = info.st_ino;
    return listen(server->fd, SG_CTL_SERVER_CLIENTS_MAX) == 0;
}

static bool open_socket(struct sg_ctl_server *server)
{
    if (!sg_app_path_make_parent(server->path)) {
        sg_complain("cannot make the folder of %s: %s", server->path, strerror(errno));
        return false;
    }
    if (!is_replaceable(server->path))
        return false;
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->fd < 0 || !bind_and_listen(server)) {
        sg_complain("cannot listen at %s: %s", server->path, strerror(errno));
        return false;
    }
    return true;
}

struct sg_ctl_server *sg_ctl_server_new(struct sg_daemon *daemon, const char *path)
{
    struct sg_ctl_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        sg_complain("out of memory");
        return NULL;
    }
    server->daemon = daemon;
    server->fd = -1;
    memcpy(server->path, path, strlen(path) + 1);
    if (open_socket(server))
        return server;
    sg_ctl_server_free(server);
    return NULL;
}

/* Removes the socket file unless another one stands there meanwhile. */
static void remove_socket(const struct sg_ctl_server *server)
{
    struct stat info;
    if (server->ino != 0 && lstat(server->path, &info) == 0 && info.st_dev == server->dev &&
        info.st_ino == server->ino)
        unlink(server->path);
}

void sg_ctl_server_free(struct sg_ctl_server *server)
{
    if (server == NULL)
        return;
    for (size_t i = 0; i < server->count; i++) {
        sg_ctl_conn_flush(server->conns[i]); /* the answer to stop */
        sg_ctl_conn_free(server->conns[i]);
    }
    remove_socket(server);
    if (server->fd >= 0)
        close(server->fd);
    free(server);
}

/* ---- clients ------------------------------------------------------------------------------- */

static bool is_same_user(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

/* Says why and closes; a line this short always fits into an empty socket. */
static void turn_away(int fd, sg_err err, const char *text)
{
    struct sg_ctl_conn *conn = sg_ctl_conn_new(fd);
    if (conn == NULL) {
        close(fd);
        return;
    }
    sg_ctl_conn_send(conn, sg_ctl_error(NULL, err, text));
    sg_ctl_conn_flush(conn);
    sg_ctl_conn_free(conn);
}

static void accept_client(struct sg_ctl_server *server)
{
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            server->paused_until_ns = sg_app_now_ns() + PAUSE_NS;
        return;
    }
    if (!is_same_user(fd)) {
        turn_away(fd, SG_ERR_PERMISSION, "this node belongs to another user");
        return;
    }
    if (server->count == SG_CTL_SERVER_CLIENTS_MAX) {
        turn_away(fd, SG_ERR_LIMIT, "too many clients, close some");
        return;
    }
    struct sg_ctl_conn *conn = sg_ctl_conn_new(fd);
    if (conn == NULL)
        close(fd);
    else
        server->conns[server->count++] = conn;
}

static void remove_dead(struct sg_ctl_server *server)
{
    size_t kept = 0;
    for (size_t i = 0; i < server->count; i++) {
        if (server->conns[i]->dead)
            sg_ctl_conn_free(server->conns[i]);
        else
            server->conns[kept++] = server->conns[i];
    }
    server->count = kept;
}

size_t sg_ctl_server_poll(struct sg_ctl_server *server, struct pollfd *fds)
{
    if (server->paused_until_ns != 0 && sg_app_now_ns() >= server->paused_until_ns)
        server->paused_until_ns = 0;
    fds[0] = (struct pollfd){.fd = server->fd, .events = server->paused_until_ns == 0 ? POLLIN : 0};
    server->polled = server->count;
    for (size_t i = 0; i < server->count; i++) {
        const struct sg_ctl_conn *conn = server->conns[i];
        int wanted = sg_ctl_conn_wants_input(conn) ? POLLIN : 0;
        if (sg_outq_len(&conn->out) > 0)
            wanted |= POLLOUT;
        fds[i + 1] = (struct pollfd){.fd = conn->fd, .events = (short)wanted};
    }
    return server->count + 1;
}

void sg_ctl_server_handle(struct sg_ctl_server *server, const struct pollfd *fds, size_t count)
{
    for (size_t i = 1; i < count && i <= server->polled; i++) {
        struct sg_ctl_conn *conn = server->conns[i - 1];
        if ((fds[i].revents & POLLOUT) != 0)
            sg_ctl_conn_flush(conn);
        if ((fds[i].revents & POLLIN) != 0)
            sg_ctl_conn_read(conn, server->daemon);
        else if ((fds[i].revents & (POLLERR | POLLHUP)) != 0)
            conn->dead = true;
    }
    if (count > 0 && (fds[0].revents & POLLIN) != 0)
        accept_client(server);
    remove_dead(server);
}

bool sg_ctl_server_pump(struct sg_ctl_server *server)
{
    bool more = false;
    for (size_t i = 0; i < server->count; i++) {
        struct sg_ctl_conn *conn = server->conns[i];
        if (conn->backlog && !conn->closing)
            sg_ctl_conn_answer_waiting(conn, server->daemon);
        sg_ctl_conn_tell_left_out(conn);
        bool left = sg_ctl_conn_pump(conn);
        sg_ctl_conn_flush(conn);
        if (!conn->dead && !conn->closing && !sg_ctl_conn_is_behind(conn))
            more = more || left || conn->backlog;
    }
    remove_dead(server);
    return more;
}

uint64_t sg_ctl_server_due_ns(const struct sg_ctl_server *server)
{
    return server->paused_until_ns;
}

bool sg_ctl_server_has_watchers(const struct sg_ctl_server *server)
{
    for (size_t i = 0; i < server->count; i++) {
        if (server->conns[i]->events)
            return true;
    }
    return false;
}

void sg_ctl_server_event(struct sg_ctl_server *server, json_t *event)
{
    for (size_t i = 0; event != NULL && i < server->count; i++)
        sg_ctl_conn_event(server->conns[i], event);
}

size_t sg_ctl_server_client_count(const struct sg_ctl_server *server)
{
    return server->count;
}

void sg_ctl_server_list_topics(struct sg_ctl_server *server, struct sg_daemon *daemon,
                               json_t *array)
{
    for (size_t i = 0; i < server->count; i++) {
        const struct sg_ctl_conn *conn = server->conns[i];
        for (size_t j = 0; j < conn->topic_count; j++)
            sg_ctl_server_add_topic(daemon, array, conn->topics[j].name);
    }
}
