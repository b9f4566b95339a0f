#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/fair_lock.h"

static struct sg_rt_lock lock;
static atomic_bool is_over;
static uint64_t total;

static void *hog(void *arg)
{
    (void)arg;
    while (!atomic_load(&is_over)) {
        sg_rt_lock_enter(&lock);
        for (volatile int i = 0; i < 2000; i++)
            continue;
        total++;
        sg_rt_lock_leave(&lock);
    }
    return NULL;
}

/* A thread that takes the lock again and again lets another one in after each turn. */
static void a_hog_starves_nobody(void **state)
{
    (void)state;
    pthread_t thread[2];
    assert_int_equal(sg_rt_lock_init(&lock), SG_OK);
    atomic_store(&is_over, false);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, hog, NULL);
    for (int i = 0; i < 200; i++) {
        sg_rt_lock_enter(&lock);
        uint64_t before = total;
        uint64_t ticket = lock.next;
        sg_rt_lock_leave(&lock);
        sg_rt_lock_enter(&lock);
        /* at most those who stood in line before us had a turn */
        assert_true(total - before <= lock.serving - (ticket - 1));
        sg_rt_lock_leave(&lock);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    sg_rt_lock_fini(&lock);
}

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5000; i++) {
        sg_rt_lock_enter(&lock);
        total++;
        sg_rt_lock_leave(&lock);
    }
    return NULL;
}

static void excludes(void **state)
{
    (void)state;
    pthread_t thread[4];
    total = 0;
    assert_int_equal(sg_rt_lock_init(&lock), SG_OK);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, count_up, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(total, 20000);
    sg_rt_lock_fini(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hog_starves_nobody),
        cmocka_unit_test(excludes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
