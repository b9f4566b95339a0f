#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/identity.h"
#include "runtime/work.h"

#define JOBS 40

struct node {
    uv_loop_t loop;
    uv_async_t wake;
    struct sg_identity *identity;
    struct sg_rt_work work;
    unsigned wakes;
};

static void on_wake(uv_async_t *wake)
{
    struct node *node = wake->data;
    node->wakes++;
}

static void begin(struct node *node)
{
    *node = (struct node){0};
    assert_int_equal(uv_loop_init(&node->loop), 0);
    assert_int_equal(uv_async_init(&node->loop, &node->wake, on_wake), 0);
    node->wake.data = node;
    assert_int_equal(sg_identity_new_random(sg_mem_default(), &node->identity), SG_OK);
    sg_rt_work_init(&node->work, sg_mem_default(), sg_identity_signer(node->identity), &node->wake);
}

static void end(struct node *node)
{
    sg_rt_work_fini(&node->work);
    uv_close((uv_handle_t *)&node->wake, NULL);
    while (uv_run(&node->loop, UV_RUN_DEFAULT) != 0)
        continue;
    assert_int_equal(uv_loop_close(&node->loop), 0);
    sg_identity_free(node->identity);
}

static void submit_sign(struct node *node, uint64_t number)
{
    const struct sg_core_out out = {
        .kind = SG_CORE_OUT_SIGN, .job = number, .id = {{(uint8_t)number}}};
    bool is_done;
    assert_int_equal(sg_rt_work_submit(&node->work, &out, &is_done), SG_OK);
}

/* Key and signature of node over root. */
static struct sg_buf *proof_of(struct node *node, struct sg_bytes signature)
{
    const struct sg_signer *signer = sg_identity_signer(node->identity);
    struct sg_buf *buf = sg_buf_new(sg_mem_default(), signer->public_key.len + signature.len);
    assert_non_null(buf);
    memcpy(buf->data, signer->public_key.data, signer->public_key.len);
    memcpy(buf->data + signer->public_key.len, signature.data, signature.len);
    buf->len = (uint32_t)(signer->public_key.len + signature.len);
    return buf;
}

static void results_come_in_the_order_of_the_jobs(void **state)
{
    static struct node node;
    struct sg_core_in in;
    (void)state;
    begin(&node);
    assert_null(sg_rt_work_take(&node.work, true, &in));
    for (uint64_t i = 1; i <= JOBS; i++)
        submit_sign(&node, i);
    for (uint64_t i = 1; i <= JOBS; i++) {
        struct sg_rt_task *task = sg_rt_work_take(&node.work, true, &in);
        assert_non_null(task);
        assert_true(in.job == i && in.kind == SG_CORE_IN_SIGNED);
        assert_int_equal(in.err, SG_OK);
        assert_int_equal(in.bytes.len, sg_suite_default()->sig_len);
        sg_rt_task_free(&node.work, task);
    }
    assert_int_equal(node.work.count, 0);
    end(&node);
}

static void signatures_are_checked(void **state)
{
    static struct node node;
    struct sg_core_in in;
    const struct sg_msg_id root = {{1}};
    (void)state;
    begin(&node);
    submit_sign(&node, 1);
    struct sg_rt_task *sign = sg_rt_work_take(&node.work, true, &in);
    struct sg_core_out out = {.kind = SG_CORE_OUT_VERIFY, .job = 2, .id = root};
    bool is_done;
    out.buf = proof_of(&node, in.bytes);
    assert_int_equal(sg_rt_work_submit(&node.work, &out, &is_done), SG_OK);
    sg_buf_unref(out.buf);
    out.buf = proof_of(&node, in.bytes);
    out.buf->data[out.buf->len - 1] ^= 1;
    out.job = 3;
    assert_int_equal(sg_rt_work_submit(&node.work, &out, &is_done), SG_OK);
    sg_buf_unref(out.buf);
    sg_rt_task_free(&node.work, sign);
    for (uint64_t job = 2; job <= 3; job++) {
        struct sg_rt_task *task = sg_rt_work_take(&node.work, true, &in);
        assert_true(in.job == job && in.kind == SG_CORE_IN_VERIFIED);
        assert_int_equal(in.err, job == 2 ? SG_OK : SG_ERR_BAD_SIGNATURE);
        sg_rt_task_free(&node.work, task);
    }
    end(&node);
}

static void the_loop_is_woken_and_nobody_waits(void **state)
{
    static struct node node;
    struct sg_core_in in;
    struct sg_rt_task *task = NULL;
    (void)state;
    begin(&node);
    submit_sign(&node, 1);
    while (task == NULL) { /* the loop blocks until it is woken */
        (void)uv_run(&node.loop, UV_RUN_ONCE);
        task = sg_rt_work_take(&node.work, false, &in);
    }
    assert_int_equal(node.wakes, 1);
    sg_rt_task_free(&node.work, task);
    end(&node);
}

static void nodes_share_the_threads_and_leave_with_jobs_under_way(void **state)
{
    static struct node node[3];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 3; n++)
            begin(&node[n]);
        for (uint64_t i = 1; i <= JOBS; i++)
            submit_sign(&node[i % 3], i);
        for (size_t n = 0; n < 3; n++)
            end(&node[n]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_the_order_of_the_jobs),
        cmocka_unit_test(signatures_are_checked),
        cmocka_unit_test(the_loop_is_woken_and_nobody_waits),
        cmocka_unit_test(nodes_share_the_threads_and_leave_with_jobs_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
