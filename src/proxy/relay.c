#include "proxy/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/tune.h"

#define PIPES_KEPT 64 /* more are closed when they are given back */

void relay_init(struct relay *r)
{
    *r = (struct relay){.pipe = {-1, -1}};
}

static void close_pipe(const int pipe[2], struct pipes *pipes)
{
    close(pipe[0]);
    close(pipe[1]);
    atomic_fetch_add_explicit(pipes->left, 1, memory_order_relaxed);
}

/* A pipe that is empty can serve another connection; one that is not must go. */
static void give_back(struct relay *r, struct pipes *pipes)
{
    if (r->pipe[0] < 0)
        return;
    if (r->piped == 0 && pipes->n < pipes->cap) {
        pipes->at[pipes->n][0] = r->pipe[0];
        pipes->at[pipes->n++][1] = r->pipe[1];
    } else {
        close_pipe(r->pipe, pipes);
    }
    r->pipe[0] = r->pipe[1] = -1;
    r->piped = 0;
}

void relay_deinit(struct relay *r, struct pipes *pipes)
{
    give_back(r, pipes);
    free(r->held);
    r->held = NULL;
}

void pipes_deinit(struct pipes *p)
{
    for (size_t i = 0; i < p->n; i++)
        close_pipe(p->at[i], p);
    free(p->at);
    *p = (struct pipes){0};
}

/* Without a pipe it goes on by copying. */
static void take_pipe(struct relay *r, struct pipes *pipes)
{
    if (!pipes->at) {
        pipes->at = calloc(PIPES_KEPT, sizeof *pipes->at);
        pipes->cap = pipes->at ? PIPES_KEPT : 0;
    }
    if (pipes->n > 0) {
        pipes->n--;
        r->pipe[0] = pipes->at[pipes->n][0];
        r->pipe[1] = pipes->at[pipes->n][1];
        return;
    }
    if (atomic_fetch_sub_explicit(pipes->left, 1, memory_order_relaxed) <= 0 ||
        pipe2(r->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
        atomic_fetch_add_explicit(pipes->left, 1, memory_order_relaxed);
        r->pipe[0] = r->pipe[1] = -1;
        r->full = 0; /* asked for again after as much again */
        return;
    }
    (void)fcntl(r->pipe[1], F_SETPIPE_SZ, RELAY_PIPE);
}

/* True: it is to be waited for; else errno is the failure. */
static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* What follows the first bytes is not to wait until those are acknowledged (RFC 896). */
static void hurry(const struct relay *r, struct side *to)
{
    int on = 1;

    if (!to->nagle || r->bytes == 0)
        return;
    to->nagle = false;
    (void)setsockopt(to->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Sends n bytes as far as they are taken; -1: broken. */
static ssize_t send_some(struct relay *r, struct side *to, const char *p, size_t n)
{
    ssize_t sent;

    if (!to->writable)
        return 0;
    hurry(r, to);
    do
        sent = send(to->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        to->writable = false;
        return would_block() ? 0 : -1;
    }
    to->writable = (size_t)sent == n;
    r->bytes += (size_t)sent;
    return sent;
}

/* What waits goes first; false: broken. */
static bool send_held(struct relay *r, struct side *to)
{
    ssize_t sent;

    if (!r->held)
        return true;
    sent = send_some(r, to, r->held + r->held_from, r->held_to - r->held_from);
    if (sent < 0)
        return false;
    r->held_from += (size_t)sent;
    if (r->held_from == r->held_to) {
        free(r->held);
        r->held = NULL;
    }
    return true;
}

static bool send_piped(struct relay *r, struct side *to)
{
    if (r->piped > 0)
        hurry(r, to);
    while (r->piped > 0 && to->writable) {
        ssize_t sent =
            splice(r->pipe[0], NULL, to->fd, NULL, r->piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && would_block()) {
            to->writable = false;
            break;
        }
        if (sent <= 0)
            return false;
        r->piped -= (size_t)sent;
        r->bytes += (size_t)sent;
    }
    return true;
}

/* Keeps what was not taken; false: out of memory, which ends the connection. */
static bool hold(struct relay *r, const char *p, size_t n)
{
    r->held = malloc(n);
    if (!r->held) {
        errno = ENOMEM;
        return false;
    }
    memcpy(r->held, p, n);
    r->held_from = 0;
    r->held_to = n;
    return true;
}

/* What a read came to.  A short read has emptied the socket, unless the end of data or urgent data
 * was already reported: then there is more to read. */
static void after_read(struct side *from, ssize_t n, size_t room)
{
    if (n == 0)
        from->ended = true;
    if (n == 0 || ((size_t)n < room && !from->hangup))
        from->readable = false;
}

/* Reads once and hands it on; the bytes, 0 for nothing now, -1: broken, at the sender or not. */
static ssize_t copy(struct relay *r, struct side *from, struct side *to, char *scratch,
                    bool *ret_at_sender)
{
    ssize_t n, sent;

    do
        n = recv(from->fd, scratch, RELAY_SCRATCH, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    *ret_at_sender = true;
    if (n < 0) {
        from->readable = false;
        return would_block() ? 0 : -1;
    }
    after_read(from, n, RELAY_SCRATCH);
    r->full = n == RELAY_SCRATCH ? r->full + 1 : 0;
    if (n == 0)
        return 0;
    *ret_at_sender = false;
    sent = send_some(r, to, scratch, (size_t)n);
    if (sent < 0 || (sent < n && !hold(r, scratch + sent, (size_t)(n - sent))))
        return -1;
    return n;
}

static ssize_t move(struct relay *r, struct side *from, struct side *to, struct pipes *pipes,
                    bool *ret_at_sender)
{
    ssize_t n;

    do
        n = splice(from->fd, NULL, r->pipe[1], NULL, RELAY_PIPE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    *ret_at_sender = true;
    if (n < 0) {
        from->readable = false;
        return would_block() ? 0 : -1;
    }
    if (n == 0) {
        from->ended = true;
        from->readable = false;
        return 0;
    }
    r->piped += (size_t)n;
    *ret_at_sender = false;
    if (!send_piped(r, to))
        return -1;
    if (r->piped == 0 && n < RELAY_SCRATCH / 4) { /* no bulk any more */
        give_back(r, pipes);
        r->full = 0;
    }
    return n;
}

static bool waits(const struct relay *r)
{
    return r->held || r->piped > 0;
}

/* The end, once everything before it is handed on.  Where the other direction is at its end too,
 * closing says the same. */
static enum relay_end finish(const struct side *from, struct side *to)
{
    if (!to->shut && !from->shut && shutdown(to->fd, SHUT_WR) < 0 && errno != ENOTCONN)
        return RELAY_BROKEN;
    to->shut = true;
    return RELAY_ENDED;
}

enum relay_end relay_run(struct relay *r, struct side *from, struct side *to, char *scratch,
                         struct pipes *pipes, bool *ret_at_sender)
{
    size_t turn = 0;

    *ret_at_sender = false;
    while (true) {
        ssize_t n;

        if (!send_held(r, to) || !send_piped(r, to))
            return RELAY_BROKEN;
        if (waits(r))
            return RELAY_WAITS;
        if (from->ended) {
            give_back(r, pipes);
            return finish(from, to);
        }
        if (!from->readable)
            return RELAY_WAITS;
        if (turn >= RELAY_TURN)
            return RELAY_GOES_ON;
        if (r->full == RELAY_BULK && r->pipe[0] < 0) {
            tune_unsent(to->fd);
            take_pipe(r, pipes);
        }
        n = r->pipe[0] >= 0 ? move(r, from, to, pipes, ret_at_sender)
                            : copy(r, from, to, scratch, ret_at_sender);
        if (n < 0)
            return RELAY_BROKEN;
        turn += (size_t)n;
    }
}
