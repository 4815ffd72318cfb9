#include "admin/private_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/state.h"

#include <qhcp/error.h>

int private_socket_path(const char *name, unsigned port, const char *option,
                        char ret[PRIVATE_SOCKET_PATH], char *words, size_t words_cap)
{
    char made[STATE_PATH + 64];
    struct state found;
    int r = state_find(&found, words, words_cap);

    if (r < 0)
        return r;
    snprintf(made, sizeof made, "%s/%s-%u.sock", found.dir, name, port);
    state_close(&found);
    if (strlen(made) >= PRIVATE_SOCKET_PATH) {
        snprintf(words, words_cap, "%s is too long for a socket's name: use another one with %s",
                 made, option);
        return QHCP_E_FULL;
    }
    memcpy(ret, made, strlen(made) + 1);
    return 0;
}

/* A socket that nobody answers was left by a process that was killed.  Anything else with that name
 * is another file: connect(2) refuses those too. */
static bool is_stale(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    bool stale = fd >= 0 && lstat(at->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
                 connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 && errno == ECONNREFUSED;

    if (fd >= 0)
        close(fd);
    return stale;
}

/* Bound under a mask, so that it was never open to others. */
static int bind_private(int fd, const struct sockaddr_un *at, unsigned mode)
{
    mode_t mask = umask(0777 & ~mode);
    int r = bind(fd, (const struct sockaddr *)at, sizeof *at), error = errno;

    if (r < 0 && error == EADDRINUSE && is_stale(at) && unlink(at->sun_path) == 0) {
        r = bind(fd, (const struct sockaddr *)at, sizeof *at);
        error = errno;
    }
    umask(mask);
    errno = error;
    return r;
}

int private_socket_listen(const char *path, unsigned mode, int backlog, const char *option,
                          int *ret, char *words, size_t words_cap)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd, error;

    if (strlen(path) >= sizeof at.sun_path) {
        snprintf(words, words_cap, "%s is too long for a socket's name: use another one with %s",
                 path, option);
        return QHCP_E_FULL;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind_private(fd, &at, mode) == 0) {
        if (listen(fd, backlog) == 0) {
            *ret = fd;
            return 0;
        }
        error = errno;
        unlink(path);
    } else {
        error = errno;
    }
    if (fd >= 0)
        close(fd);
    if (error == EADDRINUSE)
        snprintf(words, words_cap,
                 "%s belongs to another process, or is another file: use another one with %s", path,
                 option);
    else
        snprintf(words, words_cap, "cannot make the socket %s: %s", path, strerror(error));
    return error == EADDRINUSE ? QHCP_E_EXISTS : QHCP_E_IO;
}
