/* core-crypto's library wants this one function of glibc 2.38; bench/mls.py preloads it. */
#include <stdlib.h>

long __isoc23_strtol(const char *text, char **end, int base);

long __isoc23_strtol(const char *text, char **end, int base)
{
    return strtol(text, end, base);
}
