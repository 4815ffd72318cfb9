#include "state/guarded.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "base/os/file.h"
#include "state/state.h"

static int check_kind(const struct stat *st, const char *path, enum guarded_kind kind,
                      const struct words *w)
{
    if (S_ISDIR(st->st_mode))
        return 0; /* file_read_fd's to refuse */
    if (kind == GUARDED_TRUSTED && (st->st_mode & 022))
        return words_fail(w, QHCP_E_PERMISSION,
                          "%s decides whom to trust, and other users can change it (mode %04o); "
                          "run: chmod go-w %s",
                          path, (unsigned)st->st_mode & 07777, path);
    if (kind != GUARDED_PRIVATE || S_ISFIFO(st->st_mode))
        return 0;
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return words_fail(w, QHCP_E_PERMISSION,
                          "%s belongs to another user (uid %u), who can read and change it; run: "
                          "chown %u %s",
                          path, (unsigned)st->st_uid, (unsigned)geteuid(), path);
    if (st->st_mode & 077)
        return words_fail(
            w, QHCP_E_PERMISSION,
            "%s is private, and other users can read it (mode %04o); run: chmod 600 %s", path,
            (unsigned)st->st_mode & 07777, path);
    return 0;
}

int guarded_check(int fd, const char *path, enum guarded_kind kind, const struct words *w)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? check_kind(&st, path, kind, w)
                               : words_errno(w, errno, "look at", path);
}

int guarded_read(const char *path, enum guarded_kind kind, bool follow, size_t max, char **ret,
                 size_t *ret_len, const struct words *w)
{
    int fd = -1, error = file_open(path, follow, &fd, w);

    if (error)
        return error;
    error = guarded_check(fd, path, kind, w);
    if (!error)
        error = file_read_fd(fd, path, max, ret, ret_len, w);
    close(fd);
    return error;
}

/* What a private file begins with: a JSON object, a PEM block, a token, a key of DNS. */
static bool looks_private(int fd)
{
    static const char *const begins[] = {"{", "ey", "-----BEGIN", "key ", "hmac-"};
    char head[64];
    ssize_t n = pread(fd, head, sizeof head - 1, 0);
    const char *at = head;

    head[n > 0 ? n : 0] = '\0';
    at += strspn(at, " \t\r\n");
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (strncmp(at, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

/* Advice to change the mode of a file is right for one that is a key: not for /etc/passwd. */
static int check_private(int fd, const char *path, const struct words *w)
{
    int error = guarded_check(fd, path, GUARDED_PRIVATE, w);

    if (error != QHCP_E_PERMISSION || looks_private(fd))
        return error;
    return words_fail(
        w, error, "%s is not a key or a token, and other users can read it: is it the right file?",
        path);
}

int state_read_file(const char *path, bool private, size_t max, char **ret, size_t *ret_len,
                    char *words, size_t words_cap)
{
    struct words w = {words, words_cap};
    size_t n;
    int fd = -1, error = file_open(path, true, &fd, &w);

    if (error)
        return error;
    error = private ? check_private(fd, path, &w) : guarded_check(fd, path, GUARDED_TRUSTED, &w);
    if (!error)
        error = file_read_fd(fd, path, max, ret, &n, &w);
    close(fd);
    if (!error && ret_len)
        *ret_len = n;
    return error;
}

int state_write_file(const char *path, struct slice content, unsigned mode, char *words,
                     size_t words_cap)
{
    struct words w = {words, words_cap};
    struct stat st;

    /* a rename over /dev/null or a link would replace the thing itself */
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return words_fail(&w, QHCP_E_IO, "%s exists and is %s: choose another name", path,
                          S_ISDIR(st.st_mode)   ? "a directory"
                          : S_ISLNK(st.st_mode) ? "a symbolic link"
                                                : "not a regular file");
    return file_replace(path, content, mode, true, &w);
}
