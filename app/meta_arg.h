/* Metadata from the command line: TEXT, @FILE, or @- for stdin. */
#ifndef SG_APP_META_ARG_H
#define SG_APP_META_ARG_H

#include <stddef.h>
#include <stdint.h>

#include "ctl_codec.h"

/* Reads what arg says into meta and *len. Complains and gives an exit code when the file cannot be
 * read or there are more than SG_CTL_META_MAX bytes. */
int sg_meta_arg_read(const char *arg, uint8_t meta[SG_CTL_META_MAX], size_t *len);

#endif
