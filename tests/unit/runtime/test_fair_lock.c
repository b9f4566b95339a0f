#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "os/clock.h"
#include "runtime/fair_lock.h"

#define WAITERS 5

static struct sg_rt_lock lock;
static uint64_t total;
static int order[WAITERS];
static int served;

/* How many stand in line. */
static int in_line(void)
{
    int count = 0;
    uv_mutex_lock(&lock.mutex);
    for (const struct sg_rt_waiter *w = lock.first; w != NULL; w = w->next)
        count++;
    uv_mutex_unlock(&lock.mutex);
    return count;
}

static void *take_once(void *arg)
{
    sg_rt_lock_enter(&lock);
    order[served++] = *(const int *)arg;
    sg_rt_lock_leave(&lock);
    return NULL;
}

static void first_come_first_served(void **state)
{
    (void)state;
    pthread_t thread[WAITERS];
    int number[WAITERS];
    assert_int_equal(sg_rt_lock_init(&lock), SG_OK);
    served = 0;
    sg_rt_lock_enter(&lock);
    for (int i = 0; i < WAITERS; i++) {
        number[i] = i;
        pthread_create(&thread[i], NULL, take_once, &number[i]);
        while (in_line() != i + 1)
            sched_yield();
    }
    sg_rt_lock_leave(&lock);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(order[i], i);
    sg_rt_lock_fini(&lock);
}

/* Who gives the lock back and wants it again at once stands behind who has waited for long. */
static void a_hog_starves_nobody(void **state)
{
    (void)state;
    assert_int_equal(sg_rt_lock_init(&lock), SG_OK);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        int number = i;
        int had_its_turn = 0;
        bool is_over;
        served = 0;
        sg_rt_lock_enter(&lock);
        pthread_create(&thread, NULL, take_once, &number);
        while (in_line() != 1)
            sched_yield();
        sg_time_ns since = sg_clock_now(); /* at the latest */
        do {
            sg_rt_lock_leave(&lock);
            is_over = sg_clock_now() >= since + SG_RT_LOCK_GRACE_NS;
            sg_rt_lock_enter(&lock);
            had_its_turn = served;
        } while (!is_over && had_its_turn == 0);
        sg_rt_lock_leave(&lock);
        pthread_join(thread, NULL);
        assert_int_equal(had_its_turn, 1);
    }
    sg_rt_lock_fini(&lock);
}

/* A change of thread for each would cost more than what is done under the lock. */
static void who_just_began_to_wait_is_overtaken(void **state)
{
    (void)state;
    pthread_t thread;
    int number = 0;
    int overtaken = 0;
    for (int i = 0; i < 1000 && overtaken == 0; i++) {
        assert_int_equal(sg_rt_lock_init(&lock), SG_OK);
        served = 0;
        sg_rt_lock_enter(&lock);
        pthread_create(&thread, NULL, take_once, &number);
        while (in_line() != 1)
            sched_yield();
        sg_rt_lock_leave(&lock);
        sg_rt_lock_enter(&lock);
        overtaken += served == 0;
        sg_rt_lock_leave(&lock);
        pthread_join(thread, NULL);
        sg_rt_lock_fini(&lock);
    }
    assert_int_equal(overtaken, 1);
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
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(a_hog_starves_nobody),
        cmocka_unit_test(who_just_began_to_wait_is_overtaken),
        cmocka_unit_test(excludes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
