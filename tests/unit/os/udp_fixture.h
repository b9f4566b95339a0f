/* Shared by the tests of os/udp: sockets on loopback, and collecting what arrives with a
 * deadline instead of sleeping. */
#ifndef SG_TESTS_UNIT_OS_UDP_FIXTURE_H
#define SG_TESTS_UNIT_OS_UDP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os/udp.h"

#define DEADLINE_MS 5000
#define COLLECT_MAX 1024
#define DATA_MAX (1U << 20)

/* What arrived, copied, so that it outlives the next receive. */
struct collected {
    size_t count;
    size_t bytes;
    struct sg_udp_in in[COLLECT_MAX];
    uint8_t data[DATA_MAX];
};

static struct collected *got;
static uint8_t payload[200000];

static inline struct sg_addr addr_of(const char *text)
{
    struct sg_addr addr;
    assert_int_equal(sg_addr_parse(text, &addr), SG_OK);
    return addr;
}

static inline struct sg_udp *open_with(const char *bind, struct sg_udp_options options)
{
    struct sg_udp *udp = NULL;
    options.bind = addr_of(bind);
    assert_int_equal(sg_udp_open(&options, &udp), SG_OK);
    return udp;
}

static inline struct sg_udp *open_path(const char *bind, enum sg_udp_path path)
{
    return open_with(bind, (struct sg_udp_options){.path = path});
}

static inline int64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline void collect_one(const struct sg_udp_in *in)
{
    assert_true(got->count < COLLECT_MAX && got->bytes + in->len <= DATA_MAX);
    memcpy(got->data + got->bytes, in->data, in->len);
    got->in[got->count] = *in;
    got->in[got->count].data = got->data + got->bytes;
    got->bytes += in->len;
    got->count++;
}

/* Waits until count datagrams in all are there; false when the deadline passes. */
static inline bool collect(struct sg_udp *udp, size_t count)
{
    int64_t end = now_ms() + DEADLINE_MS;
    while (got->count < count && now_ms() < end) {
        const struct sg_udp_in *in = NULL;
        size_t n = 0;
        sg_err err = sg_udp_recv(udp, &in, &n);
        if (err == SG_ERR_WOULD_BLOCK) {
            struct pollfd item = {.fd = sg_udp_fd(udp), .events = POLLIN};
            (void)poll(&item, 1, 50);
            continue;
        }
        assert_int_equal(err, SG_OK);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
            collect_one(&in[i]);
    }
    return got->count >= count;
}

/* True when nothing is waiting. */
static inline bool is_silent(struct sg_udp *udp)
{
    const struct sg_udp_in *in = NULL;
    size_t count = 0;
    struct pollfd item = {.fd = sg_udp_fd(udp), .events = POLLIN};
    (void)poll(&item, 1, 0);
    for (int i = 0; i < 2; i++) {
        if (sg_udp_recv(udp, &in, &count) != SG_ERR_WOULD_BLOCK)
            return false;
    }
    return true;
}

static inline void fill_pattern(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
}

static inline void send_all(struct sg_udp *udp, struct sg_udp_out out)
{
    size_t done = 0;
    assert_int_equal(sg_udp_send(udp, &out, 1, &done), SG_OK);
    assert_int_equal(done, 1);
}

static inline void send_text(struct sg_udp *udp, const struct sg_addr *to, const char *text)
{
    send_all(udp, (struct sg_udp_out){
                      .remote = *to, .data = (const uint8_t *)text, .len = strlen(text)});
}

static inline void assert_text(const struct sg_udp_in *in, const char *text)
{
    assert_int_equal(in->len, strlen(text));
    assert_memory_equal(in->data, text, in->len);
}

static inline void assert_addr(const struct sg_addr *actual, const struct sg_addr *expected)
{
    char a[SG_ADDR_TEXT_CAP];
    char b[SG_ADDR_TEXT_CAP];
    assert_string_equal(sg_addr_format(actual, a), sg_addr_format(expected, b));
}

/* Says loudly when a machine cannot run the IPv6 half. */
static inline bool has_ipv6(void)
{
    struct sg_udp_options options = {.bind = addr_of("[::1]:0")};
    struct sg_udp *udp = NULL;
    if (sg_udp_open(&options, &udp) != SG_OK) {
        (void)fprintf(stderr,
                      "\n*** NO IPv6 LOOPBACK (::1) HERE: the IPv6 half is NOT TESTED ***\n");
        return false;
    }
    sg_udp_close(udp);
    return true;
}

static inline int group_setup(void **state)
{
    (void)state;
    fill_pattern(payload, sizeof payload);
    got = malloc(sizeof *got);
    return got == NULL ? -1 : 0;
}

static inline int group_teardown(void **state)
{
    (void)state;
    free(got);
    return 0;
}

static inline void forget_collected(void)
{
    got->count = 0;
    got->bytes = 0;
}

/* Runs a test for each path and family. */
static inline void each(void (*test)(const char *bind, enum sg_udp_path path))
{
    static const char *const loopbacks[] = {"127.0.0.1:0", "[::1]:0"};
    size_t families = has_ipv6() ? 2 : 1;
    for (size_t f = 0; f < families; f++) {
        for (int p = SG_UDP_PATH_BEST; p <= SG_UDP_PATH_PLAIN; p++) {
            forget_collected();
            test(loopbacks[f], (enum sg_udp_path)p);
        }
    }
}

#endif
