/* Preloaded: lets the n-th call of a kind that touches a folder fail, or sends the process a signal there.

   Kinds: 0 open, 1 write, 2 create (an open that makes a file, mkdir, rename), 3 read. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN, WRITE, CREATE, READ };
static long *seen; /* calls of each kind, then faults injected; shared with the process that watches */
static char folder[4096];
static size_t length;
static int kind, action, again;
static long nth;

void faults_arm(long *counters, const char *within, int call, long n, int what, int sticky) {
    strncpy(folder, within, sizeof folder - 1);
    length = strlen(folder);
    kind = call, nth = n, action = what, again = sticky;
    seen = counters;
}

static int inside(const char *path) {
    char here[4096];
    if (!seen || !path) return 0;
    if (path[0] == '/') return !strncmp(path, folder, length);
    return getcwd(here, sizeof here) && !strncmp(here, folder, length);
}

static int inside_file(int file) {
    char name[64], path[4096];
    if (!seen || file < 3) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t size = readlink(name, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return !strncmp(path, folder, length) && strncmp(path + length, "/std", 4); /* no stream: no disk */
}

static int due(int call) {
    long k = __sync_add_and_fetch(&seen[call], 1);
    if (call != kind || !(k == nth || (again && k > nth))) return 0;
    __sync_add_and_fetch(&seen[4], 1);
    if (action < 0) return kill(getpid(), -action), 0;
    errno = action;
    return 1;
}

static int refused(const char *path, int creates) {
    int kept = errno, failed = 0;
    if (inside(path)) failed = creates && due(CREATE) ? 1 : due(OPEN);
    if (!failed) errno = kept;
    return failed;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)
#define MODE \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest)

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); MODE; \
        return refused(path, flags & O_CREAT) ? -1 : real(path, flags, mode); }
OPENS(open)
OPENS(open64)
#define OPENS_AT(name) \
    int name(int at, const char *path, int flags, ...) { \
        REAL(int, #name, int, const char *, int, ...); MODE; \
        return refused(path, flags & O_CREAT) ? -1 : real(at, path, flags, mode); }
OPENS_AT(openat)
OPENS_AT(openat64)
#define OPENS_STREAM(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(FILE *, #name, const char *, const char *); \
        return refused(path, mode[0] != 'r') ? NULL : real(path, mode); }
OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    return inside(path) && due(CREATE) ? -1 : real(path, mode);
}
int rename(const char *path, const char *other) {
    REAL(int, "rename", const char *, const char *);
    return inside(other) && due(CREATE) ? -1 : real(path, other);
}
ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return inside_file(file) && due(WRITE) ? -1 : real(file, data, size);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return inside_file(file) && due(WRITE) ? -1 : real(file, parts, count);
}
size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    REAL(size_t, "fwrite", const void *, size_t, size_t, FILE *);
    return inside_file(fileno(stream)) && due(WRITE) ? 0 : real(data, size, count, stream);
}
int fsync(int file) {
    REAL(int, "fsync", int);
    return inside_file(file) && due(WRITE) ? -1 : real(file);
}
ssize_t read(int file, void *data, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t);
    return inside_file(file) && due(READ) ? -1 : real(file, data, size);
}
