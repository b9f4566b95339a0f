/* Scenarios as text for the protocol machines. A file holds blocks:
 *
 *     # comment
 *     command words
 *     command words
 *     ----
 *     records, exactly what the commands gave
 *
 * A block ends with an empty line or the end of the file. The part of the file's name before the
 * first '_' names the machine. `trace_runner FILE...` compares, `trace_runner --rewrite FILE...`
 * writes what the commands give now; read the diff before you keep it.
 *
 * Another machine: write trace_<name>.c with a `const struct trace_machine`, declare it at the end
 * of this file and add a row to the table at the top of runner.c. */
#ifndef SG_TESTS_TRACE_H
#define SG_TESTS_TRACE_H

#include <stdbool.h>
#include <stddef.h>

/* Growing text; data is NUL-terminated once something was printed. */
struct trace_text {
    char *data;
    size_t len;
    size_t cap;
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void trace_print(struct trace_text *text, const char *format, ...);

struct trace_machine {
    const char *prefix;  /* of file names */
    void *(*open)(void); /* state of one file; what it needs first comes by commands */
    void (*close)(void *state);
    /* Runs one command of count >= 1 words and prints its records, one per line. False when there
     * is no such command or it makes no sense; then out may hold a reason. */
    bool (*run)(void *state, char *const words[], size_t count, struct trace_text *out);
};

extern const struct trace_machine trace_hpv;
extern const struct trace_machine trace_pt;
extern const struct trace_machine trace_swim;

#endif
