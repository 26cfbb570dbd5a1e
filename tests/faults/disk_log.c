/* Preloaded into a process: notes down, in order and with its bytes, every call that changes files below DISK_ROOT.
 * Each record: op, inode, offset or flags, two lengths, two byte strings. Read by disk.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
    uint64_t op, inode, number, first, second;
};

static pthread_mutex_t one = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static int log_fd = -1;
static char root[PATH_MAX];
static size_t root_length;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("DISK_LOG"), *below = getenv("DISK_ROOT");
    if (!path || !below) return;
    root_length = strlen(strncpy(root, below, sizeof root - 1));
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char op, uint64_t inode, uint64_t number, const void *a, size_t a_length, const void *b,
                 size_t b_length) {
    struct record head = {(uint64_t)op, inode, number, a_length, b_length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)a, a_length}, {(void *)b, b_length}};
    int before = errno;
    if (syscall(SYS_writev, log_fd, parts, 3) != (long)(sizeof head + a_length + b_length)) abort();
    errno = before;
}

static int below(const char *path) {
    return log_fd >= 0 && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]);
}

static int whole_path(int folder, const char *path, char *out) {
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t n = readlink(link, base, sizeof base - 1);
            if (n < 0) return 0;
            base[n] = 0;
        }
        strcat(base, "/");
    }
    if (strlen(base) + strlen(path) >= PATH_MAX) return 0;
    strcat(strcpy(out, base), path);
    return below(out);
}

static uint64_t tracked(int fd) { /* the inode of a file or folder below the root; 0: none of ours */
    char link[64], path[PATH_MAX];
    struct stat about;
    if (log_fd < 0) return 0;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    uint64_t inode = 0;
    if (n > 0) {
        path[n] = 0;
        if (below(path) && fstat(fd, &about) == 0) inode = about.st_ino;
    }
    errno = before;
    return inode;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LOCK pthread_mutex_lock(&one)
#define UNLOCK pthread_mutex_unlock(&one)

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char where[PATH_MAX];
    struct stat before, after;
    if (log_fd < 0 || !(flags & (O_CREAT | O_TRUNC)) || !whole_path(folder, path, where))
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    LOCK;
    int there = stat(where, &before) == 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && fstat(fd, &after) == 0) {
        if (!there) note('C', after.st_ino, 0, where, strlen(where), "", 0);
        else if ((flags & O_TRUNC) && before.st_size) note('T', after.st_ino, 0, "", 0, "", 0);
    }
    UNLOCK;
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) {
    return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

ssize_t write(int fd, const void *data, size_t size) {
    uint64_t inode = fd == 1 ? 0 : tracked(fd);
    if (!inode && (fd != 1 || log_fd < 0)) return REAL(write)(fd, data, size);
    LOCK;
    ssize_t done = REAL(write)(fd, data, size);
    if (done > 0 && inode) note('W', inode, (uint64_t)lseek(fd, 0, SEEK_CUR) - (uint64_t)done, data, (size_t)done, "", 0);
    else if (done > 0) note('P', 0, 0, data, (size_t)done, "", 0);
    UNLOCK;
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    uint64_t inode = tracked(fd);
    if (!inode) return REAL(pwrite64)(fd, data, size, offset);
    LOCK;
    ssize_t done = REAL(pwrite64)(fd, data, size, offset);
    if (done > 0) note('W', inode, (uint64_t)offset, data, (size_t)done, "", 0);
    UNLOCK;
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    uint64_t inode = tracked(fd);
    if (!inode) return REAL(writev)(fd, parts, count);
    ssize_t total = 0;
    LOCK;
    for (int n = 0; n < count; n++) {
        ssize_t done = parts[n].iov_len ? write(fd, parts[n].iov_base, parts[n].iov_len) : 0;
        if (done < 0) {
            total = total ? total : -1;
            break;
        }
        total += done;
        if ((size_t)done < parts[n].iov_len) break;
    }
    UNLOCK;
    return total;
}

static ssize_t copied(int to, uint64_t inode, ssize_t done) { /* what a call wrote without showing us its bytes */
    if (done <= 0) return done;
    char *bytes = malloc((size_t)done);
    off64_t end = lseek64(to, 0, SEEK_CUR);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", to);
    int again = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (!bytes || pread64(again, bytes, (size_t)done, end - done) != done) abort();
    note('W', inode, (uint64_t)(end - done), bytes, (size_t)done, "", 0);
    close(again);
    free(bytes);
    return done;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    uint64_t inode = tracked(to);
    LOCK;
    ssize_t done = syscall(SYS_sendfile, to, from, offset, size);
    if (inode) copied(to, inode, done);
    UNLOCK;
    return done;
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) { return sendfile(to, from, (off_t *)offset, size); }
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags) {
    uint64_t inode = tracked(to);
    if (inode && b) { errno = ENOSYS; return -1; }
    LOCK;
    ssize_t done = syscall(SYS_copy_file_range, from, a, to, b, size, flags);
    if (inode) copied(to, inode, done);
    UNLOCK;
    return done;
}

int ftruncate64(int fd, off64_t size) {
    uint64_t inode = tracked(fd);
    LOCK;
    int done = (int)syscall(SYS_ftruncate, fd, size);
    if (done == 0 && inode) note('T', inode, (uint64_t)size, "", 0, "", 0);
    UNLOCK;
    return done;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int fd, long call) {
    uint64_t inode = tracked(fd);
    LOCK;
    int done = (int)syscall(call, fd);
    if (done == 0 && inode) note('F', inode, 0, "", 0, "", 0);
    UNLOCK;
    return done;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int named(char op, int at, const char *old, int to, const char *new, unsigned flags) {
    char a[PATH_MAX], b[PATH_MAX] = "";
    int ours = whole_path(at, old, a), both = !new || whole_path(to, new, b);
    LOCK;
    long done = op == 'R' ? syscall(SYS_renameat2, at, old, to, new, flags)
                : op == 'L' ? syscall(SYS_linkat, at, old, to, new, flags)
                            : syscall(SYS_unlinkat, at, old, flags);
    if (done == 0 && ours != both) abort(); /* across the border of what we watch */
    if (done == 0 && ours) note(op, 0, flags, a, strlen(a), b, strlen(b));
    UNLOCK;
    return (int)done;
}
int rename(const char *a, const char *b) { return named('R', AT_FDCWD, a, AT_FDCWD, b, 0); }
int renameat(int at, const char *a, int to, const char *b) { return named('R', at, a, to, b, 0); }
int renameat2(int at, const char *a, int to, const char *b, unsigned flags) { return named('R', at, a, to, b, flags); }
int link(const char *a, const char *b) { return named('L', AT_FDCWD, a, AT_FDCWD, b, 0); }
int linkat(int at, const char *a, int to, const char *b, int flags) {
    return named('L', at, a, to, b, (unsigned)flags);
}
int unlink(const char *a) { return named('U', AT_FDCWD, a, 0, NULL, 0); }
int remove(const char *a) { return named('U', AT_FDCWD, a, 0, NULL, 0); }
int unlinkat(int at, const char *a, int flags) { return named('U', at, a, 0, NULL, (unsigned)flags); }
int rmdir(const char *a) { return named('U', AT_FDCWD, a, 0, NULL, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    char where[PATH_MAX];
    struct stat about;
    int ours = whole_path(at, path, where);
    LOCK;
    int done = (int)syscall(SYS_mkdirat, at, path, mode);
    if (done == 0 && ours && stat(where, &about) == 0) note('M', about.st_ino, 0, where, strlen(where), "", 0);
    UNLOCK;
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
