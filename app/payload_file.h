/* Payloads as files: what 'saorsa pub --file' reads and 'saorsa sub --output' writes. */
#ifndef SG_APP_PAYLOAD_FILE_H
#define SG_APP_PAYLOAD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads all of path, "-" for stdin, up to SG_CTL_PAYLOAD_MAX bytes. *data is owned by the caller
 * (free). Complains and gives false: it cannot be read, is a directory, is too long. */
bool sg_app_payload_read(const char *path, uint8_t **data, size_t *len);
/* Whether dir is a directory that can be written to; complains otherwise. */
bool sg_app_payload_dir(const char *dir);

enum sg_app_payload_written {
    SG_APP_PAYLOAD_WRITTEN,
    SG_APP_PAYLOAD_EXISTS, /* a file of that name; it was not touched */
    SG_APP_PAYLOAD_FAILED
};

/* Writes dir/name, whole or not at all, and never over another file. Complains unless written. */
enum sg_app_payload_written sg_app_payload_write(const char *dir, const char *name,
                                                 const uint8_t *data, size_t len);

#endif
