/* What `qhcp support` says of the state directory, and what is said at the sockets in it. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "cli/support.h"

#define WAIT_S 3
#define ANSWER_MOST (2 << 20)
#define FILES_MOST 300

static struct text *listing; /* nftw has no context */
static size_t listed, beyond;

static int list_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char time[CLOCK_TEXT];

    (void)type, (void)ftw;
    if (listed == FILES_MOST) {
        beyond++;
        return 0;
    }
    listed++;
    text_printf(listing, "%06o %u:%u %9lld %s %s\n", (unsigned)st->st_mode, st->st_uid, st->st_gid,
                (long long)st->st_size, clock_rfc3339((int64_t)st->st_mtim.tv_sec * 1000, time),
                path);
    return 0;
}

void support_directory(struct text *t, const char *dir)
{
    listing = t;
    listed = beyond = 0;
    (void)nftw(dir, list_one, 8, FTW_PHYS);
    if (beyond > 0)
        text_printf(t, "(and %zu more)\n", beyond);
}

/* Sends one text, and adds what comes until the other side ends. */
static void converse(struct text *t, const char *path, const char *line)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t left = ANSWER_MOST;
    char piece[4096];
    ssize_t n = 0;

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
        send(fd, line, strlen(line), MSG_NOSIGNAL) >= 0) {
        while (left > 0 &&
               (n = recv(fd, piece, sizeof piece < left ? sizeof piece : left, 0)) > 0) {
            text_bytes(t, piece, (size_t)n);
            left -= (size_t)n;
        }
    } else {
        text_add(t, "(nobody listens)");
    }
    text_add(t, n < 0 ? "\n(no answer)\n" : left == 0 ? "\n(and more)\n" : "\n");
    close(fd);
}

static int is_socket(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 5 && strcmp(d->d_name + n - 5, ".sock") == 0;
}

void support_sockets(struct text *t, const char *dir)
{
    static const char *const asked[] = {"/healthz", "/api/v1/self", "/api/v1/servers?limit=1000"};
    struct dirent **all;
    char path[1300], request[200];
    int n = scandir(dir, &all, is_socket, versionsort);

    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, all[i]->d_name);
        if (strncmp(all[i]->d_name, "control-", 8) == 0) {
            text_printf(t, "# %s: show\n", all[i]->d_name);
            converse(t, path, "show\n");
        }
        for (size_t k = 0; k < sizeof asked / sizeof asked[0]; k++) {
            if (strncmp(all[i]->d_name, "admin-", 6) != 0)
                continue;
            text_printf(t, "# %s: %s\n", all[i]->d_name, asked[k]);
            snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
                     asked[k]);
            converse(t, path, request);
        }
        free(all[i]);
    }
    if (n >= 0)
        free(all);
}
