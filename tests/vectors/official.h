/* Official test vectors in JSON, which are not part of this repository: from the folder that
 * SAORSA_VECTORS names, else from ../shared/vectors beside the checkout or above. Where they are
 * absent a test says so and is skipped. */
#ifndef TEST_VECTORS_OFFICIAL_H
#define TEST_VECTORS_OFFICIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/bytes.h"
#include "vectors/missing.h"

enum { OFFICIAL_BYTES = 64 };

/* One case and the byte strings that were read from it. */
struct official {
    json_t *root;
    uint8_t *bytes[OFFICIAL_BYTES];
    size_t count;
};

/* False where the file is in none of the folders. */
static inline bool official_path(char *path, size_t cap, const char *name)
{
    const char *folders[] = {getenv("SAORSA_VECTORS"), SG_TEST_SOURCE_DIR "/../shared/vectors",
                             SG_TEST_SOURCE_DIR "/../../shared/vectors"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (folders[i] == NULL)
            continue;
        (void)snprintf(path, cap, "%s/%s", folders[i], name);
        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* The array in a file, which may be compressed. Skips the test where there is none. */
static inline json_t *official_load(const char *name)
{
    char path[4096];
    char command[4200];
    json_error_t error;
    if (!official_path(path, sizeof(path), name))
        vectors_skip(name);
    bool is_packed = strstr(name, ".gz") != NULL;
    (void)snprintf(command, sizeof(command), "gzip -dc '%s'", path);
    FILE *file = is_packed ? popen(command, "r") : fopen(path, "r");
    assert_non_null(file);
    json_t *root = json_loadf(file, 0, &error);
    if (root == NULL)
        fail_msg("%s: %s, line %d", path, error.text, error.line);
    assert_int_equal(is_packed ? pclose(file) : fclose(file), 0);
    assert_true(json_is_array(root));
    return root;
}

static inline json_t *official_field(json_t *object, const char *name)
{
    json_t *field = json_object_get(object, name);
    if (field == NULL)
        fail_msg("the vector has no %s", name);
    return field;
}

static inline int official_int(json_t *object, const char *name)
{
    json_t *field = official_field(object, name);
    assert_true(json_is_integer(field));
    return (int)json_integer_value(field);
}

/* The hex in a field; it lives until official_clear. */
static inline struct sg_bytes official_hex(struct official *o, json_t *object, const char *name)
{
    const char *hex = json_string_value(official_field(object, name));
    assert_non_null(hex);
    size_t len = strlen(hex) / 2;
    assert_true(o->count < OFFICIAL_BYTES && strlen(hex) % 2 == 0);
    uint8_t *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        unsigned value = 256;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    o->bytes[o->count++] = bytes;
    return sg_bytes(bytes, len);
}

static inline void official_clear(struct official *o)
{
    while (o->count > 0)
        free(o->bytes[--o->count]);
}

static inline void official_assert_equal(struct sg_bytes got, struct sg_bytes want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
}

#endif
