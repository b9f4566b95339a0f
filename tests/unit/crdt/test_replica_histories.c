/* crdt/replica.c: random histories converge. SG_CRDT_HISTORIES is how many (default few),
 * SG_CRDT_SEED the first seed; a failure names its seed. TIMEOUT: 600 */
#include "unit/crdt/history.h"

static uint64_t number_of(const char *name, uint64_t none)
{
    const char *text = getenv(name);
    return text == NULL ? none : strtoull(text, NULL, 10);
}

static void test_histories(void **state)
{
    (void)state;
    uint64_t seed = number_of("SG_CRDT_SEED", 1);
    uint64_t count = number_of("SG_CRDT_HISTORIES", 60);
    static struct history h;
    for (uint64_t i = 0; i < count; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "SG_CRDT_SEED=%llu", (unsigned long long)(seed + i));
        (void)setenv("SG_CRDT_FAILED", text, 1);
        history_run(&h, seed + i);
        history_fini(&h);
    }
    (void)unsetenv("SG_CRDT_FAILED");
}

static int tell_seed(void **state)
{
    (void)state;
    if (getenv("SG_CRDT_FAILED") != NULL)
        (void)fprintf(stderr, "replay with %s SG_CRDT_HISTORIES=1\n", getenv("SG_CRDT_FAILED"));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_histories, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
