#include "base/os/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same pipe or terminal once more, with a file description of our own. */
static int open_again(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_APPEND);
}

void output_init(struct output *o, int fd, size_t backlog)
{
    struct stat st;

    *o = (struct output){.fd = fd, .kind = OUTPUT_POLL, .backlog = backlog};
    if (fstat(fd, &st) < 0) {
        o->error = errno;
        return;
    }
    if (S_ISREG(st.st_mode)) {
        o->kind = OUTPUT_FILE;
    } else if (S_ISSOCK(st.st_mode)) {
        o->kind = OUTPUT_SOCKET;
    } else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        int again = open_again(fd);
        if (again >= 0) {
            o->fd = again;
            o->owned = true;
            o->kind = OUTPUT_NONBLOCK;
        }
    }
}

void output_deinit(struct output *o)
{
    if (o->owned)
        close(o->fd);
    free(o->queue);
    *o = (struct output){.fd = -1};
}

static ssize_t write_polled(int fd, const char *p, size_t n)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    if (poll(&pfd, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, p, n < PIPE_BUF ? n : PIPE_BUF);
}

/* Bytes written; 0: not now, or never again (error is set). */
static size_t write_some(struct output *o, const char *p, size_t n)
{
    size_t done = 0;

    while (done < n && o->error == 0) {
        ssize_t r;
        if (o->kind == OUTPUT_SOCKET)
            r = send(o->fd, p + done, n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (o->kind == OUTPUT_POLL)
            r = write_polled(o->fd, p + done, n - done);
        else
            r = write(o->fd, p + done, n - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && (errno == EAGAIN || errno == ENOSPC || errno == EDQUOT))
            break; /* a full disk may have room again later */
        if (r < 0)
            o->error = errno;
        else
            done += (size_t)r;
    }
    return done;
}

/* Appends to the queue.  false: no memory. */
static bool keep(struct output *o, const char *p, size_t n)
{
    if (o->start > 0) {
        memmove(o->queue, o->queue + o->start, o->n);
        o->start = 0;
    }
    if (o->cap - o->n < n) {
        char *grown = realloc(o->queue, o->n + n);
        if (!grown)
            return false;
        o->queue = grown;
        o->cap = o->n + n;
    }
    memcpy(o->queue + o->n, p, n);
    o->n += n;
    return true;
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;

    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines;
}

static bool drop(struct output *o, const char *p, size_t n)
{
    o->dropped += count_lines(p, n);
    return false;
}

/* A line is taken whole or not at all: what part of it was written obliges us to keep the rest. A
 * line larger than the bound is taken when nothing waits, so that a great fleet is shown at all. */
bool output_write(struct output *o, const char *p, size_t n)
{
    size_t done = 0;

    output_flush(o);
    if (o->error != 0)
        return drop(o, p, n);
    if (o->n > 0 && o->n + n > o->backlog)
        return drop(o, p, n);
    if (o->n == 0)
        done = write_some(o, p, n);
    if (done == n)
        return true;
    if (o->error != 0 || (done == 0 && o->backlog == 0))
        return drop(o, p, n);
    return keep(o, p + done, n - done) || drop(o, p, n);
}

void output_flush(struct output *o)
{
    size_t done;

    if (o->n == 0 || o->error != 0)
        return;
    done = write_some(o, o->queue + o->start, o->n);
    o->start += done;
    o->n -= done;
    if (o->error != 0) {
        drop(o, o->queue + o->start, o->n);
        o->n = 0;
    }
    if (o->n == 0) { /* a burst's memory is not held for ever */
        free(o->queue);
        o->queue = NULL;
        o->start = o->cap = 0;
    }
}

bool output_waiting(const struct output *o)
{
    return o->n > 0 && o->error == 0 && o->kind != OUTPUT_FILE;
}

uint64_t output_take_dropped(struct output *o)
{
    uint64_t dropped = o->dropped;

    o->dropped = 0;
    return dropped;
}
