/* Stands in for libFuzzer where only the corpus is played back: the dev build, any compiler.
 * usage: fuzz_<name> FILE-OR-FOLDER...; always plays the empty input first. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

static size_t play_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    /* Exactly the size, so that AddressSanitizer sees a read past the end. */
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (file == NULL || data == NULL || fread(data, 1, size, file) != size)
        fail("cannot be read", path);
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that crashed */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static size_t play(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        fail("not found", path);
    if (!S_ISDIR(st.st_mode))
        return play_file(path, (size_t)st.st_size);
    size_t played = 0;
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        fail("cannot be listed", path);
    for (int i = 0; i < count; i++) {
        char inner[4096];
        int len = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof(inner))
            fail("path too long", path);
        if (entries[i]->d_name[0] != '.')
            played += play(inner);
        free(entries[i]);
    }
    free(entries);
    return played;
}

int main(int argc, char **argv)
{
    size_t played = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        played += play(argv[i]);
    printf("played %zu inputs\n", played);
    return 0;
}
