#include "state/left.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/state.h"

#include <qhcp/error.h>

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t r = write(fd, p, n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        p += r;
        n -= (size_t)r;
    }
    return true;
}

int left_write(const char *path, const char *text)
{
    char beside[STATE_PATH + 8];
    int fd, error;
    bool done;

    snprintf(beside, sizeof beside, "%s.new", path);
    unlink(beside);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return QHCP_E_IO;
    done = write_all(fd, text, strlen(text));
    error = errno;
    close(fd);
    if (done && rename(beside, path) == 0)
        return 0;
    error = done ? errno : error;
    unlink(beside);
    errno = error;
    return QHCP_E_IO;
}

char *left_read(const char *path, size_t max, char *words, size_t words_cap)
{
    char *text;
    int r = state_read_file(path, true, max, &text, NULL, words, words_cap);

    if ((r == 0 || r == QHCP_E_NOT_FOUND) && words_cap > 0)
        words[0] = '\0';
    return r == 0 ? text : NULL;
}
