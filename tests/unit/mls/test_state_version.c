/* mls/state.c, mls/state_load.c: what an earlier program stored is loaded, and goes on. The records
 * in state_v4.txt were written by the code that made version 4; a version that reads it no more, or
 * another layout under the same number, fails here. Run by hand with --write it writes such a file
 * of today's code: for a new version, under a new name, never over an old one. */
#include "mls_store.h"

#define STORED "tests/unit/mls/state_v4.txt"

/* Beside the records: what comes to the group next, and where that leads. */
enum { LATE = 100000, SKIPPED, CURRENT, COMMIT, AFTER_THEIRS, AFTER_OURS };

/* ---- writing ---- */

static void write_line(FILE *file, unsigned kind, unsigned index, struct sg_bytes value)
{
    (void)fprintf(file, "%u %u ", kind, index);
    for (size_t i = 0; i < value.len; i++)
        (void)fprintf(file, "%02x", value.data[i]);
    (void)fprintf(file, "\n");
}

/* Two epochs, the earlier one to go back to; one that was rolled back; ratchets with a gap; an
 * Update and a commit of Alice's that wait. */
static void write_stored(const char *path)
{
    struct pair p;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes update;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    set_up(&p);
    p.w.config.undo_epochs = 2;
    struct sg_bytes late = say(&p, &p.b);
    struct sg_bytes commit = commit_by(&p, &p.a);
    assert_int_equal(give(&p.b, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    assert_int_equal(give(&p.a, commit, SG_MLS_EVENT_COMMIT), SG_OK);
    struct sg_bytes skipped = say(&p, &p.b), taken = say(&p, &p.b), current = say(&p, &p.b);
    assert_int_equal(give(&p.a, taken, SG_MLS_EVENT_APPLICATION), SG_OK);
    (void)commit_alone(&p);
    (void)say(&p, &p.a);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_int_equal(sg_mls_group_propose_update(p.a.group, &p.w.arena, NULL, &send, &update),
                     SG_OK);
    assert_int_equal(give(&p.b, update, SG_MLS_EVENT_PROPOSAL), SG_OK);
    (void)commit_by(&p, &p.a);
    save(&p);
    struct sg_bytes theirs = commit_by(&p, &p.b);
    assert_int_equal(sg_mls_group_merge(p.b.group), SG_OK);
    for (unsigned i = 0; i < p.store.count; i++)
        if (p.store.kept[i].value != NULL)
            write_line(file, p.store.kept[i].kind, p.store.kept[i].index,
                       sg_bytes(p.store.kept[i].value, p.store.kept[i].len));
    write_line(file, LATE, 0, late);
    write_line(file, SKIPPED, 0, skipped);
    write_line(file, CURRENT, 0, current);
    write_line(file, COMMIT, 0, theirs);
    write_line(file, AFTER_THEIRS, 0, sg_bytes(p.b.group->epoch->secrets.authenticator.b, 32));
    write_line(file, AFTER_OURS, 0,
               sg_bytes(p.a.group->pending->epoch->secrets.authenticator.b, 32));
    assert_int_equal(fclose(file), 0);
    tear_down(&p);
}

/* ---- reading ---- */

static void put_line(struct memory_store *store, const char *line)
{
    uint8_t value[1 << 15];
    struct sg_mls_record record;
    int at = 0;
    size_t len = 0;
    assert_int_equal(sscanf(line, "%u %u %n", &record.kind, &record.index, &at), 2);
    for (const char *hex = line + at; hex[0] != '\n' && hex[0] != '\0'; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        assert_true(len < sizeof(value));
        value[len++] = (uint8_t)byte;
    }
    record.value = sg_bytes(value, len);
    put(store, &record);
}

static void load(struct pair *p)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *file = fopen(STORED, "r");
    assert_non_null(file);
    memset(p, 0, sizeof(*p));
    world_init(&p->w, SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519);
    p->w.config.undo_epochs = 2;
    store_init(&p->store);
    while (getline(&line, &cap, file) > 0)
        put_line(&p->store, line);
    free(line);
    (void)fclose(file);
    assert_int_equal(
        sg_mls_state_load(&p->w.config, &p->store.store, SG_BYTES_LIT("stored"), &p->a.group),
        SG_OK);
}

static struct sg_bytes noted(struct pair *p, unsigned kind)
{
    const struct kept *kept = find(&p->store, kind, 0);
    assert_non_null(kept);
    return sg_bytes(kept->value, kept->len);
}

static void assert_at(struct pair *p, unsigned kind)
{
    assert_int_equal(p->a.group->epoch->context.epoch, 3);
    assert_memory_equal(p->a.group->epoch->secrets.authenticator.b, noted(p, kind).data, 32);
}

static void read_messages(struct pair *p)
{
    assert_int_equal(give(&p->a, noted(p, LATE), SG_MLS_EVENT_APPLICATION), SG_OK);
    assert_int_equal(give(&p->a, noted(p, SKIPPED), SG_MLS_EVENT_APPLICATION), SG_OK);
    assert_int_equal(give(&p->a, noted(p, SKIPPED), SG_MLS_EVENT_APPLICATION), SG_ERR_DUPLICATE);
    assert_int_equal(give(&p->a, noted(p, CURRENT), SG_MLS_EVENT_APPLICATION), SG_OK);
}

static void version_4_follows_a_commit(void **state)
{
    struct pair p;
    (void)state;
    load(&p);
    assert_int_equal(p.a.group->cache_count, 1);
    assert_true(p.a.group->cache[0].has_keys);
    assert_non_null(p.a.group->pending);
    assert_non_null(p.a.group->discarded[0]);
    assert_int_equal(p.a.group->past_count, 2);
    read_messages(&p);
    restart(&p);
    assert_int_equal(give(&p.a, noted(&p, CURRENT), SG_MLS_EVENT_APPLICATION), SG_ERR_DUPLICATE);
    assert_int_equal(give(&p.a, noted(&p, COMMIT), SG_MLS_EVENT_COMMIT), SG_OK);
    assert_at(&p, AFTER_THEIRS);
    restart(&p);
    assert_at(&p, AFTER_THEIRS);
    tear_down(&p);
}

static void version_4_adopts_what_was_pending(void **state)
{
    struct pair p;
    (void)state;
    load(&p);
    assert_int_equal(sg_mls_group_merge(p.a.group), SG_OK);
    assert_at(&p, AFTER_OURS);
    restart(&p);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    assert_int_equal(p.a.group->epoch->context.epoch, 1);
    tear_down(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_4_follows_a_commit),
        cmocka_unit_test(version_4_adopts_what_was_pending),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_stored(argv[2]);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
