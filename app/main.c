/* The `saorsa` executable: finds the command and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static const struct sg_command *find_command(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return &sg_cmd_help;
    if (strcmp(word, "--version") == 0)
        return &sg_cmd_version;
    return sg_command_find(word);
}

static int complain_unknown(const char *word)
{
    const struct sg_command *nearest = sg_command_nearest(word);
    const char *what = word[0] == '-' ? "option" : "command";
    if (nearest != NULL)
        sg_complain("unknown %s '%.40s', did you mean '%s'? ('saorsa help' lists all)", what, word,
                    nearest->name);
    else
        sg_complain("unknown %s '%.40s' ('saorsa help' lists all)", what, word);
    return SG_EXIT_USAGE;
}

/* Output that could not be written makes the command fail, unless its reader just went away. */
static int check_output(int code)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = 0};
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0)
        return code;
    sg_complain("cannot write to stdout");
    return code != SG_EXIT_OK ? code : SG_EXIT_FAILURE;
}

/* A missing descriptor would be the next socket or file, and what is printed went there. Stand-ins
 * that refuse: nothing is read from the one of stdin, nothing written to the others. */
static void fill_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return; /* no /dev: as it was */
    }
}

int main(int argc, char **argv)
{
    fill_descriptors();
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        sg_command_overview(stderr);
        return SG_EXIT_USAGE;
    }
    const struct sg_command *command = find_command(argv[1]);
    if (command == NULL)
        return complain_unknown(argv[1]);
    return check_output(command->run(argc - 1, argv + 1));
}
