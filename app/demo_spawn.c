/* The demo's processes and their folder. No node outlives the demo: the kernel kills them when it
 * dies, and every regular way out of it stops them first. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "demo.h"

#define STOP_MS 5000 /* how long a node may take to say goodbye */

/* ---- the folder ---------------------------------------------------------------------------- */

void sg_demo_socket_path(const struct sg_demo *demo, size_t index, char path[SG_SOCKET_PATH_MAX])
{
    /* The length was checked when the folder was made. */
    int len = snprintf(path, SG_SOCKET_PATH_MAX, "%.90s/n%zu.sock", demo->dir, index);
    if (len < 0 || len >= SG_SOCKET_PATH_MAX)
        path[0] = '\0';
}

bool sg_demo_make_dir(struct sg_demo *demo)
{
    const char *tmp = getenv("TMPDIR");
    /* A socket path has 107 bytes at most. */
    if (tmp == NULL || tmp[0] == '\0' || strlen(tmp) > 64)
        tmp = "/tmp";
    snprintf(demo->dir, sizeof(demo->dir), "%s/saorsa-demo-XXXXXX", tmp);
    if (mkdtemp(demo->dir) == NULL) {
        demo->dir[0] = '\0';
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "cannot make a folder in %s: %s", tmp,
                            strerror(errno));
    }
    snprintf(demo->network, sizeof(demo->network), "demo-%s",
             demo->dir + strlen(demo->dir) - strlen("XXXXXX"));
    return true;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void sg_demo_remove_dir(struct sg_demo *demo)
{
    if (demo->dir[0] == '\0')
        return;
    if (demo->options.keep)
        sg_progress_note(&demo->progress, "logs and state of the nodes are kept in %s", demo->dir);
    else if (nftw(demo->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        sg_complain("cannot remove %s: %s", demo->dir, strerror(errno));
}

static void log_path(const struct sg_demo *demo, size_t index, char path[SG_APP_PATH_MAX + 32])
{
    snprintf(path, SG_APP_PATH_MAX + 32, "%s/n%zu.log", demo->dir, index);
}

void sg_demo_print_log(const struct sg_demo *demo, size_t index)
{
    char path[SG_APP_PATH_MAX + 32];
    char tail[1024];
    log_path(demo, index, path);
    FILE *log = fopen(path, "re");
    if (log == NULL)
        return;
    long size = fseek(log, 0, SEEK_END) == 0 ? ftell(log) : 0;
    long from = size > (long)sizeof(tail) ? size - (long)sizeof(tail) : 0;
    size_t got = fseek(log, from, SEEK_SET) == 0 ? fread(tail, 1, sizeof(tail), log) : 0;
    fclose(log);
    if (got > 0) {
        fprintf(stderr, "last words of node %zu:\n", index);
        fwrite(tail, 1, got, stderr);
        if (tail[got - 1] != '\n')
            fputc('\n', stderr);
    }
}

/* ---- starting ------------------------------------------------------------------------------ */

/* In the child: never returns. */
static void become_node(struct sg_demo *demo, size_t index, int out_fd, pid_t parent)
{
    char dir[SG_APP_PATH_MAX + 32];
    char log[SG_APP_PATH_MAX + 32];
    char socket[SG_SOCKET_PATH_MAX];
    char seed[SG_ID_TEXT_LEN + 80];
    const struct sg_demo_node *first = &demo->nodes[0];
    snprintf(dir, sizeof(dir), "%s/n%zu", demo->dir, index);
    log_path(demo, index, log);
    sg_demo_socket_path(demo, index, socket);
    snprintf(seed, sizeof(seed), "%s@%s", first->id, first->address);
    char *argv[] = {"saorsa",      "node",
                    "--json",      "--listen",
                    "127.0.0.1:0", "--dir",
                    dir,           "--socket",
                    socket,        "--network",
                    demo->network, "--topic",
                    SG_DEMO_TOPIC, index > 0 ? "--seed" : NULL,
                    seed,          NULL};
    int null_fd = open("/dev/null", O_RDONLY);
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    /* A group of its own: Ctrl-C goes to the demo alone, which then stops its nodes. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || null_fd < 0 || log_fd < 0)
        _exit(SG_EXIT_FAILURE);
    dup2(null_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execv("/proc/self/exe", argv);
    perror("/proc/self/exe");
    _exit(SG_EXIT_FAILURE);
}

bool sg_demo_start(struct sg_demo *demo, size_t index)
{
    struct sg_demo_node *node = &demo->nodes[index];
    int fds[2];
    pid_t parent = getpid();
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "no descriptors left: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        become_node(demo, index, fds[1], parent);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "cannot fork: %s", strerror(errno));
    }
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    node->pid = pid;
    node->out_fd = fds[0];
    demo->started = index + 1;
    return true;
}

/* ---- ending -------------------------------------------------------------------------------- */

static void describe_end(int status, char *text, size_t cap)
{
    if (WIFSIGNALED(status))
        snprintf(text, cap, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, cap, "ended with exit code %d", WEXITSTATUS(status));
}

bool sg_demo_check_alive(struct sg_demo *demo)
{
    for (size_t i = 0; demo->has_ended && i < demo->started; i++) {
        struct sg_demo_node *node = &demo->nodes[i];
        int status;
        char text[96];
        if (node->pid == 0 || waitpid(node->pid, &status, WNOHANG) != node->pid)
            continue;
        node->pid = 0;
        describe_end(status, text, sizeof(text));
        sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu %s", i, text);
        sg_progress_clear(&demo->progress);
        sg_demo_print_log(demo, i);
        return false;
    }
    return true;
}

static void forget(struct sg_demo_node *node)
{
    if (node->fd >= 0)
        close(node->fd);
    if (node->out_fd >= 0)
        close(node->out_fd);
    node->fd = -1;
    node->out_fd = -1;
    sg_app_line_fini(&node->in);
    sg_app_line_fini(&node->out);
    sg_outq_fini(&node->queue);
    json_decref(node->status);
    node->status = NULL;
}

void sg_demo_kill(struct sg_demo *demo, struct sg_demo_node *node)
{
    (void)demo;
    node->killed_ns = sg_app_now_ns();
    kill(node->pid, SIGKILL);
    waitpid(node->pid, NULL, 0);
    node->pid = 0;
    node->killed = true;
    forget(node);
}

/* Reaps nodes that have ended; gives the number of those that still run. *bad counts unclean ends;
 * what SIGKILL ended was counted when it was sent. */
static size_t reap(struct sg_demo *demo, size_t *bad)
{
    size_t running = 0;
    for (size_t i = 0; i < demo->started; i++) {
        struct sg_demo_node *node = &demo->nodes[i];
        int status;
        if (node->pid == 0)
            continue;
        if (waitpid(node->pid, &status, WNOHANG) != node->pid) {
            running++;
            continue;
        }
        node->pid = 0;
        bool was_forced = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        if (!was_forced && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
            char text[96];
            describe_end(status, text, sizeof(text));
            sg_complain("node %zu %s when it was stopped", i, text);
            sg_demo_print_log(demo, i);
            *bad += 1;
        }
    }
    return running;
}

static void signal_all(const struct sg_demo *demo, int number)
{
    for (size_t i = 0; i < demo->started; i++) {
        if (demo->nodes[i].pid != 0)
            kill(demo->nodes[i].pid, number);
    }
}

size_t sg_demo_stop_all(struct sg_demo *demo)
{
    size_t bad = 0;
    uint64_t deadline = sg_app_now_ns() + STOP_MS * UINT64_C(1000000);
    for (size_t i = 0; i < demo->started; i++)
        forget(&demo->nodes[i]);
    signal_all(demo, SIGTERM);
    size_t running = reap(demo, &bad);
    while (running > 0 && sg_app_now_ns() < deadline) {
        poll(NULL, 0, 10);
        running = reap(demo, &bad);
    }
    if (running > 0) {
        sg_complain("%zu nodes did not stop within %d s and were killed", running, STOP_MS / 1000);
        bad += running;
        signal_all(demo, SIGKILL);
    }
    while (reap(demo, &bad) > 0)
        poll(NULL, 0, 5);
    return bad;
}
