/* Passphrases come from files, never from the command line, which every user of a machine sees. */
#ifndef SG_APP_PASSPHRASE_H
#define SG_APP_PASSPHRASE_H

#include <stdbool.h>

#define SG_PASSPHRASE_CAP 1026 /* 1024 bytes, a possible newline, the NUL */

/* Reads the first line of a file, without its end of line. file NULL gives an empty passphrase.
 * Complains and gives false when it cannot be read, is empty or longer than 1024 bytes. */
bool sg_passphrase_read(const char *file, char passphrase[SG_PASSPHRASE_CAP]);
void sg_passphrase_wipe(char passphrase[SG_PASSPHRASE_CAP]);

#endif
