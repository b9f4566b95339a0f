/* A database in a folder of its own, and entries by number. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/peers.h"
#include "unit/os/faulty_sys.h"

#define HOUR_MS UINT64_C(3600000)
/* Some day in 2026. */
#define NOW_MS UINT64_C(1790000000000)

static inline struct sg_peer_id id_of(unsigned n)
{
    struct sg_peer_id id = {{(uint8_t)(n >> 8), (uint8_t)n, 7}};
    return id;
}

static inline struct sg_hints hints_of(unsigned n)
{
    struct sg_hints hints = {.count = 1};
    hints.hint[0].len = 7;
    hints.hint[0].b[0] = 4;
    hints.hint[0].b[3] = (uint8_t)(n >> 8);
    hints.hint[0].b[4] = (uint8_t)n;
    return hints;
}

static inline struct sg_peers_sighting linked(unsigned n)
{
    return (struct sg_peers_sighting){
        .id = id_of(n), .hints = hints_of(n), .is_alive = true, .is_linked = true};
}

static inline sg_err try_open(const char *dir, struct sg_peers **out)
{
    const struct sg_peers_options options = {
        .dir = dir, .mem = sg_mem_default(), .sys = sg_file_sys_default()};
    return sg_peers_open(out, &options);
}

static inline struct sg_peers *open_peers(const char *dir)
{
    struct sg_peers *peers = NULL;
    assert_int_equal(try_open(dir, &peers), SG_OK);
    assert_non_null(peers);
    return peers;
}

static inline void see(struct sg_peers *peers, uint64_t wall_ms, unsigned from, unsigned to)
{
    struct sg_peers_sighting seen[2048];
    assert_true(to - from <= 2048);
    for (unsigned n = from; n < to; n++)
        seen[n - from] = linked(n);
    const struct sg_peers_update update = {
        .wall_ms = wall_ms, .seen = seen, .seen_count = to - from};
    assert_int_equal(sg_peers_update(peers, &update), SG_OK);
}

static inline void fail_peer(struct sg_peers *peers, unsigned n, unsigned times)
{
    const struct sg_peer_id id = id_of(n);
    const struct sg_peers_update update = {.wall_ms = NOW_MS, .failed = &id, .failed_count = 1};
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(sg_peers_update(peers, &update), SG_OK);
}

static inline void put_contact(struct sg_peers *peers, unsigned n)
{
    const struct sg_peers_entry contact = {
        .id = id_of(n), .hints = hints_of(n), .time_ms = NOW_MS + n};
    assert_int_equal(sg_peers_contact_put(peers, &contact), SG_OK);
}

static inline const char *file_in(const char *dir, const char *name)
{
    static char path[SG_FILE_PATH_MAX];
    assert_int_equal(sg_file_path(path, dir, name), SG_OK);
    return path;
}

static inline void run_sql(const char *dir, const char *sql)
{
    sqlite3 *db = NULL;
    char *text = NULL;
    assert_int_equal(sqlite3_open(file_in(dir, SG_PEERS_FILE), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s: %s", sql, text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
