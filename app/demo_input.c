/* The lines that the demo publishes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "demo.h"
#include "demo_text.h"
#include "input_file.h"

#define INPUT_MAX_MIB 64
#define INPUT_MAX ((size_t)INPUT_MAX_MIB * 1024 * 1024)

/* All of a file, up to INPUT_MAX bytes; NULL after a complaint. */
static char *read_stream(FILE *in, const char *name, size_t *len)
{
    char *text = NULL;
    size_t cap = 0;
    size_t used = 0;
    for (;;) {
        if (used == cap) {
            cap = cap > 0 ? cap * 2 : 65536;
            char *more = cap <= INPUT_MAX ? realloc(text, cap) : NULL;
            if (more == NULL) {
                sg_complain("%s is too large for the demo (%d MiB)", name, INPUT_MAX_MIB);
                free(text);
                return NULL;
            }
            text = more;
        }
        size_t got = fread(text + used, 1, cap - used, in);
        used += got;
        if (got == 0)
            break;
    }
    if (ferror(in)) {
        sg_complain_read(name, errno);
        free(text);
        return NULL;
    }
    *len = used;
    return text;
}

/* The text that comes with the program, as a file would have it. */
static char *own_text(size_t *len)
{
    size_t total = 1;
    for (size_t i = 0; sg_demo_text[i] != NULL; i++)
        total += strlen(sg_demo_text[i]) + 1;
    char *text = malloc(total);
    if (text == NULL) {
        sg_complain("out of memory");
        return NULL;
    }
    *len = 0;
    for (size_t i = 0; sg_demo_text[i] != NULL; i++) {
        size_t line_len = strlen(sg_demo_text[i]);
        memcpy(text + *len, sg_demo_text[i], line_len);
        text[*len + line_len] = '\n';
        *len += line_len + 1;
    }
    return text;
}

static char *read_input(const char *name, size_t *len)
{
    if (name == NULL)
        return own_text(len);
    if (strcmp(name, "-") == 0)
        return read_stream(stdin, "stdin", len);
    int fd = sg_input_open(name);
    FILE *in = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (in == NULL) {
        sg_complain_read(name, errno);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    char *text = read_stream(in, name, len);
    fclose(in);
    return text;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += text[i] == '\n' || i + 1 == len;
    return count;
}

static bool split(struct sg_demo *demo, size_t len)
{
    demo->lines = calloc(count_lines(demo->text, len) + 1, sizeof(*demo->lines));
    if (demo->lines == NULL) {
        sg_complain("out of memory");
        return false;
    }
    for (size_t at = 0; at < len;) {
        const char *line = demo->text + at;
        const char *newline = memchr(line, '\n', len - at);
        size_t line_len = newline != NULL ? (size_t)(newline - line) : len - at;
        demo->lines[demo->line_count++] = (struct sg_bytes){(const uint8_t *)line, line_len};
        if (line_len > SG_CTL_PAYLOAD_MAX && demo->options.size == 0) {
            sg_complain("line %zu of the input is longer than a message can be (%d bytes)",
                        demo->line_count, SG_CTL_PAYLOAD_MAX);
            return false;
        }
        at += line_len + 1;
    }
    return true;
}

bool sg_demo_load(struct sg_demo *demo)
{
    struct sg_demo_options *options = &demo->options;
    size_t len;
    demo->text = read_input(options->input, &len);
    if (demo->text == NULL || !split(demo, len))
        return false;
    if (demo->line_count == 0) {
        sg_complain("the input has no lines, there is nothing to publish");
        return false;
    }
    if (options->messages == 0)
        options->messages =
            demo->line_count < SG_DEMO_MESSAGES_MAX ? demo->line_count : SG_DEMO_MESSAGES_MAX;
    demo->scratch = malloc(options->size + 1);
    if (demo->scratch == NULL)
        sg_complain("out of memory");
    return demo->scratch != NULL;
}

void sg_demo_unload(struct sg_demo *demo)
{
    free(demo->text);
    free(demo->lines);
    free(demo->scratch);
}

struct sg_bytes sg_demo_payload(struct sg_demo *demo, size_t message)
{
    struct sg_bytes line = demo->lines[message % demo->line_count];
    size_t size = demo->options.size;
    if (size == 0)
        return line;
    /* The line again and again, with a space between, up to the size. */
    for (size_t i = 0; i < size; i++) {
        size_t at = i % (line.len + 1);
        demo->scratch[i] = at < line.len ? line.data[at] : ' ';
    }
    return (struct sg_bytes){demo->scratch, size};
}
