#include "base/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

void file_wipe(char *p, size_t n)
{
    if (p)
        explicit_bzero(p, n);
    free(p);
}

int file_read_fd(int fd, const char *path, size_t max, char **ret, size_t *ret_len,
                 const struct words *w)
{
    struct stat st;
    size_t cap, n = 0;
    char *buf, *more;
    ssize_t got;
    int error;

    if (fstat(fd, &st) != 0)
        return words_errno(w, errno, "look at", path);
    if (S_ISDIR(st.st_mode))
        return words_fail(w, QHCP_E_IO, "%s is a directory, not a file", path);
    if (st.st_size > 0 && (uint64_t)st.st_size > max)
        return words_fail(w, QHCP_E_TOO_LARGE, "%s is too large (%lld bytes; at most %zu)", path,
                          (long long)st.st_size, max);
    cap = st.st_size > 0 ? (size_t)st.st_size + 2 : 4096;
    buf = malloc(cap);
    if (!buf)
        return words_errno(w, ENOMEM, "read", path);
    while ((got = read(fd, buf + n, cap - n - 1)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            error = words_errno(w, errno, "read", path);
            goto fail;
        }
        n += (size_t)got;
        if (n > max) {
            error =
                words_fail(w, QHCP_E_TOO_LARGE, "%s is too large (at most %zu bytes)", path, max);
            goto fail;
        }
        if (n < cap - 1)
            continue;
        more = malloc(cap * 2); /* not realloc: it would leave an unwiped copy behind */
        if (!more) {
            error = words_errno(w, ENOMEM, "read", path);
            goto fail;
        }
        memcpy(more, buf, n);
        file_wipe(buf, cap);
        buf = more;
        cap *= 2;
    }
    buf[n] = '\0';
    *ret = buf;
    *ret_len = n;
    return 0;
fail:
    file_wipe(buf, cap);
    return error;
}

int file_open(const char *path, bool follow, int *ret, const struct words *w)
{
    /* O_NONBLOCK: opening a FIFO that nobody writes must not hang */
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW);
    int fd = open(path, flags), error = 0;
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return words_fail(w, QHCP_E_NOT_FOUND, "no such file: %s", path);
    if (fd < 0)
        return words_errno(w, errno, "open", path);
    if (fstat(fd, &st) != 0)
        error = words_errno(w, errno, "look at", path);
    else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        error = words_fail(w, QHCP_E_IO, "%s is not a regular file", path);
    if (error)
        close(fd);
    else
        *ret = fd;
    return error;
}

int file_read(const char *path, bool follow, size_t max, char **ret, size_t *ret_len,
              const struct words *w)
{
    int fd = -1, error = file_open(path, follow, &fd, w);

    if (error)
        return error;
    error = file_read_fd(fd, path, max, ret, ret_len, w);
    close(fd);
    return error;
}

int file_write_all(int fd, struct slice s)
{
    while (s.n > 0) {
        ssize_t done = write(fd, s.p, s.n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno;
        s.p += done;
        s.n -= (size_t)done;
    }
    return 0;
}

/* Fills an open new file and closes it: 0 or an errno. */
static int fill(int fd, struct slice content, unsigned mode, bool durable)
{
    int err = file_write_all(fd, content);

    if (!err && fchmod(fd, mode) != 0)
        err = errno;
    if (!err && durable && fsync(fd) != 0 &&
        errno != EINVAL) /* EINVAL: a pipe or the like, nothing to sync */
        err = errno;
    if (close(fd) != 0 && !err)
        err = errno;
    return err;
}

int file_create(const char *path, struct slice content, unsigned mode, const struct words *w)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err;

    if (fd < 0)
        return words_errno(w, errno, "create", path);
    err = fill(fd, content, mode, true);
    if (!err)
        return 0;
    unlink(path);
    return words_errno(w, err, "write", path);
}

int file_sync_dir(const char *dir, const struct words *w)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = 0;

    if (fd < 0)
        return words_errno(w, errno, "open", dir);
    if (fsync(fd) != 0 && errno != EINVAL)
        err = errno;
    close(fd);
    return err ? words_errno(w, err, "write", dir) : 0;
}

/* The directory part of a path, "." for none. */
static void parent_of(const char *path, char *ret, size_t cap)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (!slash)
        snprintf(ret, cap, ".");
    else if (n == 0)
        snprintf(ret, cap, "/");
    else
        slice_to_cstr(slice_of(path, n), ret, cap);
}

/* like: it has the group of that one, if we may give it; NULL: ours. */
static int replace(const char *path, struct slice content, unsigned mode, const struct stat *like,
                   bool durable, const struct words *w)
{
    char beside[PATH_MAX], dir[PATH_MAX];
    int fd, err;

    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return words_errno(w, ENAMETOOLONG, "write", path);
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return words_errno(w, errno, "create a file beside", path);
    err = like && fchown(fd, (uid_t)-1, like->st_gid) != 0 && errno != EPERM ? errno : 0;
    if (err)
        close(fd);
    else
        err = fill(fd, content, mode, durable);
    if (!err && rename(beside, path) != 0)
        err = errno;
    if (err) {
        unlink(beside);
        return words_errno(w, err, "write", path);
    }
    parent_of(path, dir, sizeof dir);
    return durable ? file_sync_dir(dir, w) : 0;
}

int file_replace(const char *path, struct slice content, unsigned mode, bool durable,
                 const struct words *w)
{
    return replace(path, content, mode, NULL, durable, w);
}

int file_renew(const char *path, struct slice content, unsigned mode, const struct words *w)
{
    struct stat st;
    bool there = lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();

    return replace(path, content, there ? st.st_mode & 0777 : mode, there ? &st : NULL, true, w);
}
