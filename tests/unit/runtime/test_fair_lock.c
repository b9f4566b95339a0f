#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "runtime/fair_lock.h"

#define WAITERS 5

static struct sg_rt_lock lock;
static uint64_t total;
static int order[WAITERS];
static int served;

/* How many hold the lock or stand in line. */
static uint64_t in_line(void)
{
    uv_mutex_lock(&lock.mutex);
    uint64_t count = lock.next - lock.serving;
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
        while (in_line() != (uint64_t)i + 2)
            sched_yield();
    }
    sg_rt_lock_leave(&lock);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(order[i], i);
    sg_rt_lock_fini(&lock);
}

/* Who gives the lock back and wants it again at once stands behind who waits already. */
static void a_hog_starves_nobody(void **state)
{
    (void)state;
    assert_int_equal(sg_rt_lock_init(&lock), SG_OK);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        int number = i;
        served = 0;
        sg_rt_lock_enter(&lock);
        pthread_create(&thread, NULL, take_once, &number);
        while (in_line() != 2)
            sched_yield();
        sg_rt_lock_leave(&lock);
        sg_rt_lock_enter(&lock);
        int had_its_turn = served;
        sg_rt_lock_leave(&lock);
        pthread_join(thread, NULL);
        assert_int_equal(had_its_turn, 1);
    }
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
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(a_hog_starves_nobody),
        cmocka_unit_test(excludes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
