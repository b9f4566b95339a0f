/* Reading the official MLS vector files (JSON). Bytes live until mls_json_free. */
#ifndef SG_TESTS_VECTORS_MLS_JSON_H
#define SG_TESTS_VECTORS_MLS_JSON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "crypto/mls_suite.h"
#include "mls/arena.h"
#include "vectors/missing.h"

/* One arena for the whole file under test. */
static struct sg_mls_arena mls_json_arena;

/* Where the vectors are: SAORSA_VECTORS, or ../shared/vectors beside the checkout or above. */
static inline json_t *mls_json_load(const char *name)
{
    const char *folders[] = {getenv("SAORSA_VECTORS"), SG_TEST_SOURCE_DIR "/../shared/vectors",
                             SG_TEST_SOURCE_DIR "/../../shared/vectors"};
    char path[4096];
    sg_mls_arena_init(&mls_json_arena, sg_mem_default(), NULL);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        json_error_t error;
        if (folders[i] == NULL)
            continue;
        snprintf(path, sizeof(path), "%s/mls/%s.json", folders[i], name);
        json_t *root = json_load_file(path, 0, &error);
        if (root != NULL)
            return root;
    }
    vectors_skip(name);
    return NULL;
}

static inline void mls_json_free(json_t *root)
{
    json_decref(root);
    sg_mls_arena_fini(&mls_json_arena);
}

static inline json_t *field(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL)
        fail_msg("no field %s", name);
    return value;
}

static inline struct sg_bytes hex_of(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL)
        return sg_bytes(NULL, 0);
    size_t len = strlen(text) / 2;
    uint8_t *out = sg_mls_arena_new(&mls_json_arena, len, 1);
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return sg_bytes(out, len);
}

static inline struct sg_bytes hex(const json_t *object, const char *name)
{
    return hex_of(field(object, name));
}

static inline struct sg_bytes text(const json_t *object, const char *name)
{
    const char *value = json_string_value(field(object, name));
    return sg_bytes(value, strlen(value));
}

static inline uint64_t number(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(field(object, name));
}

static inline const struct sg_mls_suite *suite_of(const json_t *object)
{
    const struct sg_mls_suite *suite = sg_mls_suite_find((uint16_t)number(object, "cipher_suite"));
    assert_non_null(suite);
    return suite;
}

static inline void assert_bytes_equal(struct sg_bytes got, struct sg_bytes expected)
{
    assert_int_equal(got.len, expected.len);
    if (expected.len > 0)
        assert_memory_equal(got.data, expected.data, expected.len);
}

/* A private key: big-endian integers may come with another count of leading zeros. */
static inline struct sg_bytes private_key(struct sg_bytes given, size_t len)
{
    uint8_t *out = sg_mls_arena_new(&mls_json_arena, len, 1);
    if (given.len >= len)
        memcpy(out, given.data + given.len - len, len);
    else
        memcpy(out + len - given.len, given.data, given.len);
    return sg_bytes(out, len);
}

/* Cases of each suite, for the report. */
struct counts {
    unsigned of[8];
    unsigned all;
};

static inline void count_case(struct counts *counts, const struct sg_mls_suite *suite)
{
    counts->all++;
    if (suite != NULL && suite->id < 8)
        counts->of[suite->id]++;
}

static inline void print_counts(const char *name, const struct counts *counts)
{
    printf("%s: %u cases", name, counts->all);
    for (unsigned i = 1; i < 8; i++)
        if (counts->of[i] > 0)
            printf("%s%u: %u", i == 1 ? "; suite " : ", ", i, counts->of[i]);
    printf("\n");
    assert_true(counts->all > 0);
}

#endif
