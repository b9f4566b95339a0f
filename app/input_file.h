/* Files that the user names: opened to be read, and what is said when one cannot be used. */
#ifndef SG_APP_INPUT_FILE_H
#define SG_APP_INPUT_FILE_H

#include <stdbool.h>

/* A descriptor of the file, to be closed by the caller. -1 with errno: of open, EISDIR for a
 * folder, ENODEV for a device. Terminals and /dev/null end, so they may be read, and pipes as well;
 * others give bytes for ever, or those of a whole disk. */
int sg_input_open(const char *path);
/* The same for what cannot be opened by name alone, such as a database. Absent files are 0. */
int sg_input_kind_error(const char *path);
/* "cannot read NAME: why: what to do", for an errno. */
void sg_complain_read(const char *name, int error);
/* "cannot write NAME: ..". EIO for a write that came short without an errno of its own. */
void sg_complain_write(const char *name, int error);
/* Why and what to do, for a complaint of another form; of a file that is read. */
const char *sg_input_why(int error);

#endif
