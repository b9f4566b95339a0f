/* Edit distance, for "did you mean". */
#ifndef SG_APP_DISTANCE_H
#define SG_APP_DISTANCE_H

#include <stddef.h>

/* At most so many edits make two words near. */
#define SG_APP_DISTANCE_NEAR 2

/* Insertions, deletions and replacements (Levenshtein) between two words; words longer than 31
 * bytes are SIZE_MAX away from everything. */
size_t sg_app_distance(const char *a, const char *b);

#endif
