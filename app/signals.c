#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static int pipe_fds[2] = {-1, -1};
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    int saved = errno;
    caught = number;
    ssize_t put = write(pipe_fds[1], "", 1);
    (void)put; /* a full pipe is readable already */
    errno = saved;
}

bool sg_app_signals_init(void)
{
    static const int STOPPING[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(STOPPING) / sizeof(STOPPING[0]); i++) {
        struct sigaction before;
        /* nohup and shell background jobs ignore signals on purpose; only for SIGHUP is that
         * kept, since stopping by SIGINT must work in scripts too. */
        sigaction(STOPPING[i], NULL, &before);
        if (STOPPING[i] != SIGHUP || before.sa_handler != SIG_IGN)
            sigaction(STOPPING[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    return true;
}

int sg_app_signals_fd(void)
{
    return pipe_fds[0];
}

int sg_app_signals_caught(void)
{
    return caught;
}
