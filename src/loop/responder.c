#include "loop/responder.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

#define BACKLOG 4096
#define AT_ONCE 64                  /* accepted between two waits of the loop */
#define OFTEN (10 * NSEC_PER_MSEC)  /* connections that come faster are answered together */
#define PATIENCE NSEC_PER_SEC       /* with a line */
#define PAUSE (100 * NSEC_PER_MSEC) /* where no descriptor is left */
#define ANSWER 512

/* Connections that come from now on end with a reset, or not; they have it from the socket that
 * listens.  A reset leaves no address in TIME_WAIT, and comes behind the answer. */
static void end_hard(struct responder *r, bool hard)
{
    const struct linger linger = {.l_onoff = hard, .l_linger = 0};

    if (r->hard != hard)
        (void)setsockopt(r->watch.io.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    r->hard = hard;
}

static void answer(struct responder *r, qhcp_nsec now, int fd, const char *line)
{
    char out[ANSWER];
    size_t n = r->config.answer(r->config.ctx, now, line, out, sizeof out);

    /* A line fits into any socket's buffer; a client that left is none of our business. */
    if (n > 0)
        (void)send(fd, out, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

/* ---- connections whose line is not complete ---- */

static void forget(struct responder_waiting *w)
{
    loop_unwatch(&w->watch);
    w->until = 0;
    w->of->n_waiting--;
}

static void give_up(struct responder_waiting *w, qhcp_nsec now, bool too_long)
{
    struct responder *r = w->of;
    int fd = w->watch.io.fd;

    forget(w);
    close(fd);
    if (r->config.incomplete)
        r->config.incomplete(r->config.ctx, now, too_long);
}

enum line { LINE_PART, LINE_WHOLE, LINE_LONG, LINE_ENDED };

/* What has come, up to the first line end: HAProxy's own rule. */
static enum line read_line(int fd, char got[RESPONDER_LINE], size_t *n)
{
    ssize_t k = recv(fd, got + *n, RESPONDER_LINE - 1 - *n, MSG_DONTWAIT);
    size_t end;

    if (k < 0)
        return errno == EAGAIN || errno == EINTR ? LINE_PART : LINE_ENDED;
    if (k == 0)
        return LINE_ENDED;
    *n += (size_t)k;
    got[*n] = '\0';
    end = strcspn(got, "\r\n"); /* a NUL ends it, too: then it is no name of anybody */
    if (end == *n)
        return *n == RESPONDER_LINE - 1 ? LINE_LONG : LINE_PART;
    got[end] = '\0';
    return LINE_WHOLE;
}

static void on_more(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct responder_waiting *w = ctx;
    int fd = w->watch.io.fd;
    enum line line = read_line(fd, w->got, &w->n);

    (void)ready;
    if (line == LINE_PART)
        return;
    if (line != LINE_WHOLE) {
        give_up(w, now, line == LINE_LONG);
        return;
    }
    forget(w);
    answer(w->of, now, fd, w->got);
}

/* A free place; if there is none, that of the one that has waited longest. */
static struct responder_waiting *place(struct responder *r, qhcp_nsec now)
{
    struct responder_waiting *oldest = &r->waiting[0];

    for (size_t i = 0; i < RESPONDER_WAITING; i++) {
        if (r->waiting[i].until == 0)
            return &r->waiting[i];
        if (r->waiting[i].until < oldest->until)
            oldest = &r->waiting[i];
    }
    give_up(oldest, now, false);
    return oldest;
}

static void wait_for_more(struct responder *r, qhcp_nsec now, int fd, const char *got, size_t n)
{
    struct responder_waiting *w = place(r, now);

    *w = (struct responder_waiting){.of = r, .until = nsec_add(now, PATIENCE), .n = n};
    memcpy(w->got, got, n);
    r->n_waiting++;
    loop_watch(r->config.loop, &w->watch, fd, LOOP_READABLE, on_more, w);
}

/* ---- the port ---- */

static void come(struct responder *r, qhcp_nsec now, int fd)
{
    char got[RESPONDER_LINE] = "";
    size_t n = 0;
    enum line line = r->config.asks ? read_line(fd, got, &n) : LINE_WHOLE;

    if (line == LINE_WHOLE) {
        answer(r, now, fd, got);
    } else if (line == LINE_PART) {
        wait_for_more(r, now, fd, got, n);
    } else {
        close(fd);
        if (line == LINE_LONG && r->config.incomplete)
            r->config.incomplete(r->config.ctx, now, true);
    }
}

static void rest(struct responder *r, qhcp_nsec until)
{
    loop_watch_change(&r->watch, 0);
    r->nap = until;
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct responder *r = ctx;
    bool often = nsec_add(r->last, OFTEN) > now;

    (void)ready;
    end_hard(r, often);
    r->last = now;
    for (int i = 0; i < AT_ONCE; i++) {
        int fd = accept4(r->watch.io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            come(r, now, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(r, nsec_add(now, PAUSE));
            return;
        }
        if (errno == EAGAIN)
            break;
    }
    if (often)
        rest(r, nsec_add(now, RESPONDER_NAP));
}

static qhcp_nsec deadline(void *ctx)
{
    const struct responder *r = ctx;
    qhcp_nsec at = r->nap;

    for (size_t i = 0; r->n_waiting > 0 && i < RESPONDER_WAITING; i++)
        if (r->waiting[i].until > 0)
            at = nsec_min(at, r->waiting[i].until);
    return at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct responder *r = ctx;

    for (size_t i = 0; r->n_waiting > 0 && i < RESPONDER_WAITING; i++)
        if (r->waiting[i].until > 0 && r->waiting[i].until <= now)
            give_up(&r->waiting[i], now, false);
    if (r->nap <= now) {
        r->nap = NSEC_NEVER;
        loop_watch_change(&r->watch, LOOP_READABLE);
    }
}

/* -1 with errno. */
static int listen_at(const struct responder_config *c)
{
    const int on = 1, defer = 1;
    int fd = socket(c->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (c->asks) /* who sends nothing does not come at all */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof defer);
    if (bind(fd, &c->addr.sa, address_len(&c->addr)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int responder_begin(struct responder *r, const struct responder_config *config, char *words,
                    size_t words_cap)
{
    char text[ADDRESS_TEXT];
    int fd = listen_at(config);

    if (fd < 0) {
        address_format(&config->addr, text, sizeof text);
        snprintf(words, words_cap, "cannot listen at %s: %s%s", text, strerror(errno),
                 errno == EADDRINUSE      ? "; choose another port"
                 : errno == EADDRNOTAVAIL ? "; this machine does not have that address"
                                          : "");
        return QHCP_E_IO;
    }
    memset(r, 0, sizeof *r);
    r->config = *config;
    r->nap = NSEC_NEVER;
    r->part =
        (struct loop_part){.name = "responder", .ctx = r, .deadline = deadline, .expire = expire};
    loop_watch(config->loop, &r->watch, fd, LOOP_READABLE, on_ready, r);
    loop_add(config->loop, &r->part);
    return 0;
}

void responder_end(struct responder *r)
{
    int fd = r->watch.io.fd;

    if (!r->watch.loop)
        return;
    loop_remove(&r->part);
    loop_unwatch(&r->watch);
    close(fd);
    for (size_t i = 0; i < RESPONDER_WAITING; i++) {
        int waiting = r->waiting[i].watch.io.fd;

        if (r->waiting[i].until == 0)
            continue;
        forget(&r->waiting[i]);
        close(waiting);
    }
}

int responder_bound(const struct responder *r, union qhcp_addr *ret)
{
    socklen_t n = sizeof *ret;

    memset(ret, 0, sizeof *ret);
    return getsockname(r->watch.io.fd, &ret->sa, &n) < 0 ? QHCP_E_IO : 0;
}
