#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench_load.h"
#include "format.h"
#include "json_out.h"
#include "table.h"

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static double per_second(uint64_t count, double s)
{
    return s > 0 ? (double)count / s : 0;
}

static void add_hist(struct sg_app_hist *sum, const struct sg_app_hist *add)
{
    if (add->count == 0)
        return;
    sum->min = sum->count == 0 || add->min < sum->min ? add->min : sum->min;
    sum->max = add->max > sum->max ? add->max : sum->max;
    sum->count += add->count;
    sum->sum += add->sum;
    for (size_t i = 0; i < SG_APP_HIST_BUCKETS; i++)
        sum->buckets[i] += add->buckets[i];
}

static void sum_of(const struct sg_bench *bench, struct sg_app_hist *all)
{
    sg_app_hist_init(all);
    for (size_t i = 0; i < bench->sub_count; i++)
        add_hist(all, &bench->subs[i]->delay);
}

static void add_row(struct sg_app_table *table, const char *name, uint64_t delivered,
                    const struct sg_app_hist *delay)
{
    static const double SHARES[] = {0.5, 0.95, 0.99, 1};
    char text[SG_FMT_CAP];
    sg_app_table_add(table, "%s", name);
    sg_app_table_add(table, "%" PRIu64, delivered);
    for (size_t i = 0; i < SG_COUNT(SHARES); i++)
        sg_app_table_add(table, "%s",
                         sg_fmt_ns(text, (double)sg_app_hist_quantile(delay, SHARES[i])));
}

static void print_table(const struct sg_bench *bench, const struct sg_app_hist *all)
{
    static const char *const HEAD[] = {"SUBSCRIBER", "DELIVERED", "P50", "P95", "P99", "LONGEST"};
    struct sg_app_table table;
    sg_app_table_init(&table, SG_COUNT(HEAD));
    for (size_t i = 0; i < SG_COUNT(HEAD); i++) {
        table.right[i] = i > 0;
        sg_app_table_add(&table, "%s", HEAD[i]);
    }
    for (size_t i = 0; i < bench->sub_count; i++)
        add_row(&table, bench->subs[i]->name, bench->subs[i]->delivered, &bench->subs[i]->delay);
    if (bench->sub_count > 1)
        add_row(&table, "all", all->count, all);
    putchar('\n');
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
}

static void print_text(const struct sg_bench *bench, const struct sg_app_hist *all)
{
    char size[SG_FMT_CAP];
    char rate[SG_FMT_CAP];
    double took = seconds(bench->begin_ns, bench->end_ns);
    double until = seconds(bench->begin_ns, bench->last_ns);
    uint64_t expected = bench->accepted * bench->sub_count;
    printf("published  %" PRIu64 " messages of %s in %.2f s: %.0f/s, %s/s\n", bench->accepted,
           sg_fmt_size(size, (double)bench->size), took, per_second(bench->accepted, took),
           sg_fmt_size(rate, per_second(bench->accepted * bench->size, took)));
    if (bench->refused > 0)
        printf("waited     %" PRIu64 " times the node's queues were full\n", bench->refused);
    printf("delivered  %" PRIu64 " of %" PRIu64 " to %zu subscriber%s in %.2f s: %.0f/s\n",
           all->count, expected, bench->sub_count, bench->sub_count == 1 ? "" : "s", until,
           per_second(all->count, until));
    if (sg_bench_dropped(bench) > 0)
        printf("dropped    %" PRIu64 " for subscribers that were too slow\n",
               sg_bench_dropped(bench));
    print_table(bench, all);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *delay_json(const struct sg_app_hist *delay)
{
    return json_pack("{s:f,s:f,s:f,s:f,s:f}", "p50", (double)sg_app_hist_quantile(delay, 0.5) / 1e6,
                     "p95", (double)sg_app_hist_quantile(delay, 0.95) / 1e6, "p99",
                     (double)sg_app_hist_quantile(delay, 0.99) / 1e6, "max",
                     (double)sg_app_hist_quantile(delay, 1) / 1e6, "mean",
                     sg_app_hist_mean(delay) / 1e6);
}

static json_t *subs_json(const struct sg_bench *bench)
{
    json_t *array = json_array();
    for (size_t i = 0; i < bench->sub_count; i++) {
        const struct sg_bench_sub *sub = bench->subs[i];
        json_array_append_new(
            array, json_pack("{s:o,s:I,s:I,s:o}", "subscriber", sg_json_text(sub->name),
                             "delivered", (json_int_t)sub->delivered, "dropped",
                             (json_int_t)sub->dropped, "latency_ms", delay_json(&sub->delay)));
    }
    return array;
}

static json_t *result_json(const struct sg_bench *bench, const struct sg_app_hist *all)
{
    double took = seconds(bench->begin_ns, bench->end_ns);
    double until = seconds(bench->begin_ns, bench->last_ns);
    json_t *object =
        json_pack("{s:s,s:I,s:I,s:I,s:I,s:f,s:f}", "topic", bench->topic, "size",
                  (json_int_t)bench->size, "rate", (json_int_t)bench->rate, "published",
                  (json_int_t)bench->accepted, "waited", (json_int_t)bench->refused, "published_s",
                  took, "published_per_s", per_second(bench->accepted, took));
    json_t *more = json_pack("{s:I,s:I,s:I,s:f,s:f,s:o,s:o}", "expected",
                             (json_int_t)(bench->accepted * bench->sub_count), "delivered",
                             (json_int_t)all->count, "dropped", (json_int_t)sg_bench_dropped(bench),
                             "delivered_s", until, "delivered_per_s", per_second(all->count, until),
                             "latency_ms", delay_json(all), "subscribers", subs_json(bench));
    if (object != NULL && json_object_update_missing(object, more) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(more);
    return object;
}

bool sg_bench_print(const struct sg_bench *bench, bool json)
{
    static struct sg_app_hist all; /* large */
    sum_of(bench, &all);
    if (json)
        return sg_json_print(result_json(bench, &all));
    print_text(bench, &all);
    return true;
}
