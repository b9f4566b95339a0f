/* Text tables with aligned columns, for people. Cells are ASCII. */
#ifndef SG_APP_TABLE_H
#define SG_APP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SG_APP_TABLE_COLUMNS_MAX 12

struct sg_app_table {
    size_t columns;
    bool right[SG_APP_TABLE_COLUMNS_MAX]; /* aligned to the right */
    char **cells;                         /* row after row */
    size_t count, cap;
    bool failed; /* out of memory: what is there is printed */
};

void sg_app_table_init(struct sg_app_table *table, size_t columns);
void sg_app_table_fini(struct sg_app_table *table);
/* Adds the next cell; a row is full after so many as there are columns. */
void sg_app_table_add(struct sg_app_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints all rows, two spaces between columns, none at line ends. */
void sg_app_table_print(const struct sg_app_table *table, const char *indent, FILE *out);

#endif
