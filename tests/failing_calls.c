/* Lets the n-th call that changes something below a folder fail, and all later ones while STICKY is set.

   LD_PRELOAD it with FAIL_BELOW=<folder> and FAIL_AT=<n>; FAIL_ERRNO is 28 (no space left) unless given. The
   calls are counted over all threads: open for writing, write, fsync, rename, unlink, mkdir, and every start
   of another program, wherever it lies. At its end the process writes how many there were into FAIL_COUNT.

   With JUMP_SECONDS=<s> the wall clock jumps by so much once it was asked JUMP_AT=<n> times. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls, asked;
static const char *below;
static long at, jump_at, jump_seconds;
static int code = ENOSPC, sticky;

__attribute__((constructor)) static void begin(void) {
  below = getenv("FAIL_BELOW");
  at = getenv("FAIL_AT") ? atol(getenv("FAIL_AT")) : 0;
  code = getenv("FAIL_ERRNO") ? atoi(getenv("FAIL_ERRNO")) : ENOSPC;
  sticky = getenv("FAIL_STICKY") != NULL;
  jump_at = getenv("JUMP_AT") ? atol(getenv("JUMP_AT")) : 0;
  jump_seconds = getenv("JUMP_SECONDS") ? atol(getenv("JUMP_SECONDS")) : 0;
}

__attribute__((destructor)) static void end(void) {
  const char *report = getenv("FAIL_COUNT");
  FILE *file = report ? fopen(report, "w") : NULL;
  if (file) {
    fprintf(file, "%ld", atomic_load(&calls));
    fclose(file);
  }
}

static int fails(void) {
  long number = atomic_fetch_add(&calls, 1) + 1;
  if (at && (number == at || (sticky && number > at))) {
    errno = code;
    return 1;
  }
  return 0;
}

static int path_fails(const char *path) { return below && path && strstr(path, below) && fails(); }

static int handle_fails(int handle) {
  char link[64], path[PATH_MAX];
  if (!below) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return path_fails(path);
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define BY_HANDLE(type, name, parameters, ...)                                        \
  type name parameters { return handle_fails(handle) ? -1 : REAL(name)(__VA_ARGS__); }
#define BY_PATH(name, parameters, ...)                                                \
  int name parameters { return path_fails(path) ? -1 : REAL(name)(__VA_ARGS__); }

BY_HANDLE(ssize_t, write, (int handle, const void *data, size_t size), handle, data, size)
BY_HANDLE(ssize_t, pwrite, (int handle, const void *data, size_t size, off_t place), handle, data, size, place)
BY_HANDLE(ssize_t, pwrite64, (int handle, const void *data, size_t size, off64_t place), handle, data, size, place)
BY_HANDLE(ssize_t, writev, (int handle, const struct iovec *parts, int count), handle, parts, count)
BY_HANDLE(int, fsync, (int handle), handle)
BY_HANDLE(int, fdatasync, (int handle), handle)
BY_HANDLE(int, ftruncate, (int handle, off_t size), handle, size)
BY_HANDLE(int, ftruncate64, (int handle, off64_t size), handle, size)
BY_PATH(rename, (const char *from, const char *path), from, path)
BY_PATH(mkdir, (const char *path, mode_t mode), path, mode)
BY_PATH(unlink, (const char *path), path)

#define OPENING(name)                                                                 \
  int name(const char *path, int flags, ...) {                                        \
    va_list rest;                                                                     \
    va_start(rest, flags);                                                            \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;           \
    va_end(rest);                                                                     \
    if (flags & (O_WRONLY | O_RDWR) && path_fails(path)) return -1;                   \
    return REAL(name)(path, flags, mode);                                             \
  }
OPENING(open)
OPENING(open64)

int execve(const char *path, char *const arguments[], char *const environment[]) {
  return below && fails() ? -1 : REAL(execve)(path, arguments, environment);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int answer = REAL(clock_gettime)(clock, now);
  if (clock == CLOCK_REALTIME && jump_seconds && atomic_fetch_add(&asked, 1) >= jump_at)
    now->tv_sec += jump_seconds;
  return answer;
}
