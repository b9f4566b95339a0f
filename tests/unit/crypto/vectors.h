/* Reader of tests/vectors/crypto/: blocks of `name = value` lines, `#` for comments, a blank line
 * between blocks. Values are hex, or text where the test asks for text. */
#ifndef TEST_CRYPTO_VECTORS_H
#define TEST_CRYPTO_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"

#define VECTOR_FIELDS 12

struct vector_field {
    char *name;
    char *text;
    uint8_t *bytes; /* NULL until asked for */
};

struct vectors {
    FILE *file;
    size_t cases;
    size_t count;
    struct vector_field fields[VECTOR_FIELDS];
};

static inline void vectors_open(struct vectors *v, const char *name)
{
    char path[4096];
    *v = (struct vectors){0};
    (void)snprintf(path, sizeof(path), "%s/tests/vectors/crypto/%s", SG_TEST_SOURCE_DIR, name);
    v->file = fopen(path, "r");
    if (v->file == NULL)
        fail_msg("no vectors: %s", path);
}

static inline void vectors_clear(struct vectors *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->fields[i].name);
        free(v->fields[i].text);
        free(v->fields[i].bytes);
    }
    v->count = 0;
}

static inline void vectors_add(struct vectors *v, char *line)
{
    char *value = strstr(line, " =");
    assert_non_null(value);
    *value = '\0';
    value += value[2] == ' ' ? 3 : 2;
    assert_true(v->count < VECTOR_FIELDS);
    v->fields[v->count++] = (struct vector_field){strdup(line), strdup(value), NULL};
}

/* The next block; false at the end of the file. */
static inline bool vectors_next(struct vectors *v)
{
    char *line = NULL;
    size_t cap = 0;
    vectors_clear(v);
    while (getline(&line, &cap, v->file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' && v->count > 0)
            break;
        if (line[0] != '\0' && line[0] != '#')
            vectors_add(v, line);
    }
    free(line);
    v->cases += v->count > 0;
    return v->count > 0;
}

/* Closes the file, which must have held this many blocks: a truncated file is no passed test. */
static inline void vectors_close(struct vectors *v, size_t cases)
{
    vectors_clear(v);
    (void)fclose(v->file);
    assert_int_equal(v->cases, cases);
}

static inline struct vector_field *vectors_find(struct vectors *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->fields[i].name, name) == 0)
            return &v->fields[i];
    }
    return NULL;
}

static inline bool vectors_has(struct vectors *v, const char *name)
{
    return vectors_find(v, name) != NULL;
}

static inline const char *vectors_text(struct vectors *v, const char *name)
{
    struct vector_field *field = vectors_find(v, name);
    if (field == NULL)
        fail_msg("no field %s", name);
    return field->text;
}

static inline uint8_t vectors_nibble(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);
    assert_true(at != NULL && c != '\0');
    return (uint8_t)(at - digits);
}

/* A field as bytes, valid until the next block. */
static inline struct sg_bytes vectors_bytes(struct vectors *v, const char *name)
{
    const char *text = vectors_text(v, name);
    struct vector_field *field = vectors_find(v, name);
    size_t len = strlen(text) / 2;
    assert_int_equal(strlen(text) % 2, 0);
    if (field->bytes == NULL) {
        field->bytes = malloc(len == 0 ? 1 : len);
        assert_non_null(field->bytes);
        for (size_t i = 0; i < len; i++)
            field->bytes[i] =
                (uint8_t)(vectors_nibble(text[2 * i]) << 4 | vectors_nibble(text[2 * i + 1]));
    }
    return sg_bytes(field->bytes, len);
}

/* A big-endian number. */
static inline uint32_t vectors_number(struct vectors *v, const char *name)
{
    return (uint32_t)strtoul(vectors_text(v, name), NULL, 16);
}

#endif
