#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void sg_app_table_init(struct sg_app_table *table, size_t columns)
{
    *table = (struct sg_app_table){.columns = columns};
}

void sg_app_table_fini(struct sg_app_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct sg_app_table){.columns = table->columns};
}

static bool reserve(struct sg_app_table *table)
{
    if (table->count < table->cap)
        return true;
    size_t cap = table->cap > 0 ? table->cap * 2 : 32;
    char **cells = realloc(table->cells, cap * sizeof(*cells));
    if (cells == NULL)
        return false;
    table->cells = cells;
    table->cap = cap;
    return true;
}

void sg_app_table_add(struct sg_app_table *table, const char *format, ...)
{
    char *cell = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&cell, format, arguments) < 0)
        cell = NULL;
    va_end(arguments);
    if (cell == NULL || !reserve(table)) {
        free(cell);
        table->failed = true;
        return;
    }
    table->cells[table->count++] = cell;
}

static void measure(const struct sg_app_table *table, size_t widths[SG_APP_TABLE_COLUMNS_MAX])
{
    memset(widths, 0, SG_APP_TABLE_COLUMNS_MAX * sizeof(*widths));
    for (size_t i = 0; i < table->count; i++) {
        size_t len = strlen(table->cells[i]);
        size_t column = i % table->columns;
        widths[column] = len > widths[column] ? len : widths[column];
    }
}

/* Whether a cell or one right of it in its row has text. */
static bool rest_of_row(const struct sg_app_table *table, size_t at)
{
    size_t end = (at / table->columns + 1) * table->columns;
    for (size_t i = at; i < end && i < table->count; i++) {
        if (table->cells[i][0] != '\0')
            return true;
    }
    return false;
}

static void print_cell(const struct sg_app_table *table, size_t at, size_t width, FILE *out)
{
    size_t column = at % table->columns;
    const char *cell = table->cells[at];
    if (column > 0)
        fputs("  ", out);
    if (table->right[column])
        fprintf(out, "%*s", (int)width, cell);
    else if (rest_of_row(table, at + 1) && column + 1 < table->columns)
        fprintf(out, "%-*s", (int)width, cell);
    else
        fputs(cell, out);
}

void sg_app_table_print(const struct sg_app_table *table, const char *indent, FILE *out)
{
    size_t widths[SG_APP_TABLE_COLUMNS_MAX];
    measure(table, widths);
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        if (column == 0)
            fputs(indent, out);
        if (column == 0 || rest_of_row(table, i))
            print_cell(table, i, widths[column], out);
        if (column + 1 == table->columns || i + 1 == table->count)
            fputc('\n', out);
    }
}
