/* Real `saorsa node` processes for a test: starting them, reading what they log (one JSON object a
 * line), asking them through their control sockets, and showing the end of every log when the test
 * fails. Nothing here sleeps for a condition: waits end with the condition or at a deadline that
 * only a failure reaches. The test that includes this defines daemon_said(). */
#ifndef SG_TESTS_E2E_DAEMONS_H
#define SG_TESTS_E2E_DAEMONS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DAEMONS_MAX 32
#define DAEMON_TEXT 128
#define DAEMON_LINE 1024 /* longer ones are cut; no event comes near */
#define DAEMON_TAIL 12
#define DAEMON_ANSWER (1 << 18)
#define NS_PER_MS 1000000u

struct daemon {
    pid_t pid; /* 0 = not running */
    bool is_ending;
    int out; /* what it prints, both streams */
    char dir[DAEMON_TEXT];
    char id[DAEMON_TEXT];
    char address[DAEMON_TEXT]; /* "" until it is ready */
    char line[DAEMON_LINE];
    size_t line_len;
    char tail[DAEMON_TAIL][DAEMON_LINE]; /* ring of its last lines */
    unsigned lines;
};

static struct daemon daemons[DAEMONS_MAX];
static unsigned daemon_count;
static char daemons_dir[] = "/tmp/saorsa-e2e-XXXXXX";

/* Called with each line of each daemon, after "ready" has been taken from it. */
static void daemon_said(unsigned index, const char *line);

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- JSON of our own program: compact, keys in a known order --------------------------------- */

/* Copies the text of "key":"text" to out [DAEMON_TEXT]; false when there is none. */
static inline bool json_text(const char *line, const char *key, char *out)
{
    char pattern[64];
    (void)snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    const char *at = strstr(line, pattern);
    if (at == NULL)
        return false;
    at += strlen(pattern);
    size_t len = strcspn(at, "\"");
    if (len >= DAEMON_TEXT)
        return false;
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

static inline uint64_t json_number(const char *line, const char *key)
{
    char pattern[64];
    (void)snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(line, pattern);
    return at == NULL ? 0 : strtoull(at + strlen(pattern), NULL, 10);
}

/* ---- output of the daemons ------------------------------------------------------------------- */

static inline void take_line(unsigned index)
{
    struct daemon *d = &daemons[index];
    char event[DAEMON_TEXT] = "";
    d->line[d->line_len] = '\0';
    memcpy(d->tail[d->lines++ % DAEMON_TAIL], d->line, d->line_len + 1);
    d->line_len = 0;
    if (json_text(d->line, "event", event) && strcmp(event, "ready") == 0 &&
        (!json_text(d->line, "id", d->id) || !json_text(d->line, "address", d->address)))
        fail_msg("node %u: the ready line makes no sense", index);
    daemon_said(index, d->line);
}

static inline void read_output(unsigned index)
{
    struct daemon *d = &daemons[index];
    char bytes[4096];
    ssize_t n = read(d->out, bytes, sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        (void)close(d->out);
        d->out = -1;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            take_line(index);
        else if (d->line_len < DAEMON_LINE - 1)
            d->line[d->line_len++] = bytes[i];
    }
}

static inline void see_no_death(unsigned index)
{
    struct daemon *d = &daemons[index];
    int status = 0;
    if (d->pid == 0 || d->is_ending || waitpid(d->pid, &status, WNOHANG) <= 0)
        return;
    d->pid = 0;
    while (d->out >= 0)
        read_output(index);
    fail_msg("node %u ended by itself, status %d", index, status);
}

/* Takes what the daemons print, waiting for it up to timeout_ms. */
static inline void pump(int timeout_ms)
{
    struct pollfd fds[DAEMONS_MAX];
    for (unsigned i = 0; i < daemon_count; i++)
        fds[i] = (struct pollfd){.fd = daemons[i].out, .events = POLLIN};
    if (poll(fds, daemon_count, timeout_ms) <= 0)
        return;
    for (unsigned i = 0; i < daemon_count; i++) {
        if (fds[i].revents != 0)
            read_output(i);
        if (fds[i].revents & POLLHUP)
            see_no_death(i);
    }
}

/* Whether the condition came true within the time. */
static inline bool wait_until(bool (*is_so)(void), uint64_t limit_ms)
{
    uint64_t end = now_ns() + limit_ms * NS_PER_MS;
    while (!is_so()) {
        if (now_ns() >= end)
            return false;
        pump(50);
    }
    return true;
}

/* Lets the daemons run for a time that is itself part of the scenario. */
static inline void let_run(uint64_t ms)
{
    uint64_t end = now_ns() + ms * NS_PER_MS;
    for (uint64_t now = now_ns(); now < end; now = now_ns())
        pump((int)((end - now) / NS_PER_MS) + 1);
}

static inline void print_tails(void)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        const struct daemon *d = &daemons[i];
        unsigned from = d->lines > DAEMON_TAIL ? d->lines - DAEMON_TAIL : 0;
        print_error("---- node %u, pid %d, id %.10s, %s: the last %u of %u lines\n", i, (int)d->pid,
                    d->id, d->address, d->lines - from, d->lines);
        for (unsigned k = from; k < d->lines; k++)
            print_error("%.300s\n", d->tail[k % DAEMON_TAIL]);
    }
}

/* ---- starting and ending --------------------------------------------------------------------- */

static inline void daemons_setup(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(daemons_dir));
}

/* Makes room for one more, with a state folder that does not exist yet. */
static inline unsigned new_daemon(void)
{
    assert_true(daemon_count < DAEMONS_MAX);
    struct daemon *d = &daemons[daemon_count];
    d->out = -1;
    (void)snprintf(d->dir, sizeof d->dir, "%s/%u", daemons_dir, daemon_count);
    return daemon_count++;
}

static inline _Noreturn void run_daemon(const struct daemon *d, const char *listen,
                                        const char *seed, int out)
{
    const char *bin = getenv("SAORSA_BIN");
    int none = open("/dev/null", O_RDONLY);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (bin == NULL || dup2(none, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    (void)execl(bin, "saorsa", "node", "--json", "--verbose", "--network", "test", "--dir", d->dir,
                "--listen", listen, seed != NULL ? "--seed" : NULL, seed, (char *)NULL);
    _exit(127);
}

/* Starts the daemon in its folder; seed may be NULL. It is ready when its address is there. */
static inline void start_daemon(unsigned index, const char *listen, const char *seed)
{
    struct daemon *d = &daemons[index];
    int pipes[2];
    assert_int_equal(d->pid, 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    d->address[0] = '\0';
    d->line_len = 0;
    d->pid = fork();
    assert_true(d->pid >= 0);
    if (d->pid == 0)
        run_daemon(d, listen, seed, pipes[1]);
    (void)close(pipes[1]);
    assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
    d->out = pipes[0];
}

/* kill -9; what it has printed before is still taken. */
static inline void kill_daemon(unsigned index)
{
    struct daemon *d = &daemons[index];
    assert_int_equal(kill(d->pid, SIGKILL), 0);
    assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
    d->pid = 0;
    while (d->out >= 0)
        read_output(index);
}

/* Asks all to end by SIGTERM; each must, with exit code 0. */
static inline void stop_daemons(void)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        daemons[i].is_ending = daemons[i].pid > 0;
        if (daemons[i].is_ending)
            assert_int_equal(kill(daemons[i].pid, SIGTERM), 0);
    }
    for (unsigned i = 0; i < daemon_count; i++) {
        struct daemon *d = &daemons[i];
        int status = 0;
        while (d->pid > 0 && d->out >= 0)
            pump(50); /* its output ends with it; the time limit of the test bounds this */
        if (d->pid == 0)
            continue;
        assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
        d->pid = 0;
        if (status != 0)
            fail_msg("node %u ended with status %d", i, status);
    }
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void daemons_teardown(void)
{
    for (unsigned i = 0; i < daemon_count; i++) {
        if (daemons[i].pid > 0 && kill(daemons[i].pid, SIGKILL) == 0)
            (void)waitpid(daemons[i].pid, NULL, 0);
    }
    remove_tree(daemons_dir);
}

/* ---- the control socket ---------------------------------------------------------------------- */

/* One request, e.g. {"op":"members"}; gives the answer, valid until the next call, NULL when none
 * came. */
static inline const char *ask_daemon(unsigned index, const char *request)
{
    static char answer[DAEMON_ANSWER];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    size_t len = 0;
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%.90s/control.sock", daemons[index].dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
              write(fd, request, strlen(request)) == (ssize_t)strlen(request) &&
              write(fd, "\n", 1) == 1;
    while (ok && memchr(answer, '\n', len) == NULL) {
        ssize_t n = read(fd, answer + len, sizeof answer - 1 - len);
        ok = n > 0;
        len += ok ? (size_t)n : 0;
    }
    (void)close(fd);
    answer[len] = '\0';
    return ok ? answer : NULL;
}

#endif
