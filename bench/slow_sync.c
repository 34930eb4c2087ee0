/* A slower disk for one program: each sync returns BENCH_SYNC_MS milliseconds later than it would.
   Built and loaded by bench/slow_sync.py through LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file)
{
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *given = getenv("BENCH_SYNC_MS");
    long nanoseconds = given ? (long)(atof(given) * 1e6) : 0;
    struct timespec rest = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int done = sync(file);
    while (nanosleep(&rest, &rest))
        ;
    return done;
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }
