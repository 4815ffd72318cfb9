/* TLS session tickets, a file each.  A ticket saves one handshake, no more: it is not synced to the
 * disk, and one that cannot be read, or that others could have read, is dropped. */
#include "state/ticket.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "base/hex.h"
#include "base/os/file.h"
#include "state/state.h"

#define NAME_HEX 64 /* SHA-256 of the key */
/* A file whose time lies a little ahead is one that was just written on a disk with its own clock.
 */
#define AHEAD 300

static bool too_old(const struct stat *st, int64_t now)
{
    /* a file's time may be any number at all: only `now` is safe to add to */
    return st->st_mtime <= now - TICKET_LIFETIME || st->st_mtime > now + AHEAD;
}

static bool is_name(const char *name)
{
    return strlen(name) == NAME_HEX && strspn(name, "0123456789abcdef") == NAME_HEX;
}

void ticket_prune(const char *dir, int64_t now)
{
    char path[STATE_PATH];
    struct dirent *e;
    struct stat st;
    size_t kept = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/tickets", dir);
    d = opendir(path);
    if (!d)
        return;
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        /* a half-written one may be another process's right now: it has an hour */
        if (too_old(&st, now) || kept >= TICKET_FILES ||
            (!is_name(e->d_name) && now - st.st_mtime > 3600))
            unlinkat(dirfd(d), e->d_name, 0);
        else
            kept++;
    }
    closedir(d);
}

static void path_of(const struct state *s, struct slice key, char ret[STATE_PATH])
{
    uint8_t hash[32] = {0};
    int n = snprintf(ret, STATE_PATH, "%s/tickets/", s->dir);

    gnutls_hash_fast(GNUTLS_DIG_SHA256, key.p, key.n, hash);
    hex_write(slice_of(hash, sizeof hash), ret + n);
}

/* Reads an open ticket: 0, QHCP_E_NOT_FOUND for one that must go, QHCP_E_TOO_LARGE. */
static int read_ticket(int fd, uint8_t *ret, size_t cap, size_t *ret_len)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) ||
        st.st_uid != geteuid() || st.st_size <= 0 || too_old(&st, time(NULL)))
        return QHCP_E_NOT_FOUND;
    if ((uint64_t)st.st_size > cap)
        return QHCP_E_TOO_LARGE;
    n = read(fd, ret, (size_t)st.st_size);
    if (n != st.st_size)
        return QHCP_E_NOT_FOUND;
    *ret_len = (size_t)n;
    return 0;
}

int state_ticket_load(const struct state *s, struct slice key, uint8_t *ret, size_t cap,
                      size_t *ret_len)
{
    char path[STATE_PATH];
    int fd, error;

    path_of(s, key, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return QHCP_E_NOT_FOUND;
    error = read_ticket(fd, ret, cap, ret_len);
    close(fd);
    if (error == QHCP_E_NOT_FOUND)
        unlink(path);
    return error;
}

bool state_ticket_exists(const struct state *s, struct slice key)
{
    char path[STATE_PATH];

    path_of(s, key, path);
    return access(path, F_OK) == 0;
}

int state_ticket_store(const struct state *s, struct slice key, struct slice ticket)
{
    const struct words silent = {NULL, 0};
    char path[STATE_PATH], folder[STATE_PATH];
    int error;

    if (ticket.n == 0 || ticket.n > TICKET_MAX)
        return QHCP_E_TOO_LARGE;
    path_of(s, key, path);
    error = file_replace(path, ticket, 0600, false, &silent);
    if (error != QHCP_E_NOT_FOUND)
        return error;
    state_path(s, "tickets", folder, sizeof folder);
    mkdir(folder, 0700);
    return file_replace(path, ticket, 0600, false, &silent);
}

void state_ticket_drop(const struct state *s, struct slice key)
{
    char path[STATE_PATH];

    path_of(s, key, path);
    unlink(path);
}
