/* A disk whose flush takes 5 ms longer: loaded before the C library's own (LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int slower(const char *name, int file) {
  int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  usleep(5000);
  return flush(file);
}

int fsync(int file) { return slower("fsync", file); }

int fdatasync(int file) { return slower("fdatasync", file); }
