/* Runs determinism.sh: the same hash under gcc and clang, -O0, -O2 and sanitizers.
 * TIMEOUT: 600
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(void)
{
    int status = system(SG_TEST_SOURCE_DIR "/tests/sim/determinism.sh");
    if (status == -1 || !WIFEXITED(status)) {
        fprintf(stderr, "determinism.sh did not run\n");
        return EXIT_FAILURE;
    }
    return WEXITSTATUS(status);
}
