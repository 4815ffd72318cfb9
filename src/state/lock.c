/* Where the state directory is, whether it is private, and the lock in it. */
#include "state/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "state/state.h"
#include "state/transaction.h"

#define SYSTEM_DIR "/var/lib/qhcp" /* of root, or of the user of the services */

/* "a", "b" -> "a/b"; QHCP_E_ARG when it does not fit. */
static int join(const char *a, const char *b, char *ret, size_t cap, const struct words *w)
{
    int n = snprintf(ret, cap, "%s%s%s", a, b[0] ? "/" : "", b);

    if (n < 0 || (size_t)n >= cap)
        return words_fail(w, QHCP_E_ARG,
                          "the state directory's path is too long (at most %zu bytes): %.60s...",
                          cap - 1, a);
    while (n > 1 && ret[n - 1] == '/')
        ret[--n] = '\0';
    return 0;
}

static int from_variable(const char *value, char *ret, size_t cap, const struct words *w)
{
    char cwd[STATE_PATH];

    if (!value[0])
        return words_fail(w, QHCP_E_ARG,
                          "QHCP_STATE_DIR is empty: unset it, or set it to a directory");
    if (value[0] == '/')
        return join(value, "", ret, cap, w);
    if (!getcwd(cwd, sizeof cwd))
        return words_errno(w, errno, "find the working directory for QHCP_STATE_DIR =", value);
    return join(cwd, value, ret, cap, w);
}

static const char *home_dir(void)
{
    const char *home = getenv("HOME");
    const struct passwd *pw;

    if (home && home[0])
        return home;
    pw = getpwuid(geteuid());
    return pw ? pw->pw_dir : NULL;
}

int lock_find(char *ret, size_t cap, const struct words *w)
{
    const char *own = getenv("QHCP_STATE_DIR"), *xdg = getenv("XDG_STATE_HOME"), *home;
    struct stat st;

    if (own)
        return from_variable(own, ret, cap, w);
    if (geteuid() == 0 || (stat(SYSTEM_DIR, &st) == 0 && st.st_uid == geteuid()))
        return join(SYSTEM_DIR, "", ret, cap, w);
    if (xdg && xdg[0] == '/') /* a relative one is to be ignored (XDG Base Directory) */
        return join(xdg, "qhcp", ret, cap, w);
    home = home_dir();
    if (!home || home[0] != '/')
        return words_fail(
            w, QHCP_E_ARG,
            "there is no home directory for the state (HOME is %s): set QHCP_STATE_DIR",
            home ? home : "not set");
    return join(home, ".local/state/qhcp", ret, cap, w);
}

/* A link that another user made could lead anywhere; ours and root's are as good as a path. */
static int check_link(const char *dir, const struct stat *link, const struct words *w)
{
    if (link->st_uid == geteuid() || link->st_uid == 0)
        return 0;
    return words_fail(w, QHCP_E_PERMISSION,
                      "%s is a symbolic link that another user (uid %u) made: remove it, or set "
                      "QHCP_STATE_DIR to the directory itself",
                      dir, (unsigned)link->st_uid);
}

/* Empty, or with a piece that every state directory has: then it may be closed to others.  /etc may
 * not. */
static bool looks_like_ours(const char *dir)
{
    const struct dirent *e;
    bool others = false, ours = false;
    DIR *d = opendir(dir);

    while (d && (e = readdir(d))) {
        if (strcmp(e->d_name, "secret") == 0 || strcmp(e->d_name, "lock") == 0)
            ours = true;
        else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                 strcmp(e->d_name, "lost+found") != 0) /* a fresh volume of its own */
            others = true;
    }
    if (d)
        closedir(d);
    return ours || !others;
}

int lock_check_dir(const char *dir, bool any_owner, const struct words *w)
{
    struct stat st;

    if (lstat(dir, &st) != 0)
        return words_errno(w, errno, "open the state directory", dir);
    if (S_ISLNK(st.st_mode)) {
        int error = check_link(dir, &st, w);

        if (error)
            return error;
        if (stat(dir, &st) != 0)
            return words_fail(w, QHCP_E_IO, "%s is a symbolic link to nothing: %s", dir,
                              strerror(errno));
    }
    if (!S_ISDIR(st.st_mode))
        return words_fail(w, QHCP_E_IO,
                          "%s is not a directory: move it away, or set QHCP_STATE_DIR to another",
                          dir);
    if (!any_owner && st.st_uid != geteuid())
        return words_fail(
            w, QHCP_E_PERMISSION,
            "the state directory %s belongs to another user (uid %u, this is uid %u): "
            "run as that user, or set QHCP_STATE_DIR to a directory of your own",
            dir, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 077 && !looks_like_ours(dir))
        return words_fail(w, QHCP_E_PERMISSION,
                          "%s is not a state directory: it holds other files, and other users can "
                          "enter it (mode %04o); set QHCP_STATE_DIR to a separate directory",
                          dir, (unsigned)st.st_mode & 07777);
    if (st.st_mode & 077)
        return words_fail(w, QHCP_E_PERMISSION,
                          "other users can enter the state directory %s (mode %04o); run: "
                          "chmod 700 %s",
                          dir, (unsigned)st.st_mode & 07777, dir);
    return 0;
}

/* mkdir -p; what is made is 0700 whatever the umask. Another process may be making it too. */
static int make_dirs(const char *dir, const struct words *w)
{
    char path[STATE_PATH];

    slice_to_cstr(slice_str(dir), path, sizeof path);
    for (char *p = path + 1;; p++) {
        char was = *p;

        if (was != '/' && was != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) == 0)
            chmod(path, 0700);
        else if (errno != EEXIST) { /* a part that exists may answer otherwise, too */
            int err = errno;

            if (access(path, F_OK) != 0)
                return words_errno(w, err, "make the state directory", path);
        }
        *p = was;
        if (was == '\0')
            return 0;
    }
}

/* On a file system mounted read-only an existing lock can still be held. */
static int open_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && (errno == EROFS || errno == EACCES)) {
        int err = errno;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            errno = err;
    }
    return fd;
}

static int wait_lock(int fd, const char *path, const struct words *w)
{
    const struct timespec tick = {.tv_nsec = 2000000};

    /* flock(2) has no deadline of its own, and a holder that hangs must not hang the others */
    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += 2) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return words_errno(w, errno, "lock", path);
        if (waited >= LOCK_WAIT_MS)
            return words_fail(
                w, QHCP_E_IO,
                "another process has held %s for %d s: run `fuser %s` to see which one", path,
                LOCK_WAIT_MS / 1000, path);
        nanosleep(&tick, NULL);
    }
    return 0;
}

int lock_take(const char *dir, int *ret_fd, const struct words *w)
{
    char path[STATE_PATH];
    int fd, error;

    error = access(dir, F_OK) == 0 ? 0 : make_dirs(dir, w);
    if (!error)
        error = lock_check_dir(dir, false, w);
    if (error)
        return error;
    snprintf(path, sizeof path, "%s/lock", dir);
    fd = open_lock(path);
    if (fd < 0)
        return words_errno(w, errno, "open", path);
    error = wait_lock(fd, path, w);
    if (!error)
        error = transaction_recover(dir, w);
    if (error) {
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

int lock_try(const char *dir, int *ret_fd, const struct words *w)
{
    char path[STATE_PATH];
    int fd;

    snprintf(path, sizeof path, "%s/lock", dir);
    fd = open_lock(path);
    if (fd < 0)
        return words_errno(w, errno, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return words_fail(w, QHCP_E_AGAIN, "another process has %s", path);
    }
    *ret_fd = fd;
    return 0;
}

void lock_drop(int fd)
{
    close(fd); /* gives the flock back */
}
