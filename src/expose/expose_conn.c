#include "expose/expose_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "expose/http1.h"
#include "expose/http2.h"

#include <qhcp/error.h>

#define READ_MOST 16384 /* bytes at once: a TLS record */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113, 3.4 */

/* ---- bytes ---- */

/* Read or written; 0: not now; below 0: the connection is over. */
static ssize_t send_some(struct expose_conn *c)
{
    ssize_t n;

    if (c->tls) {
        n = c->retry ? gnutls_record_send(c->tls, NULL, 0)
                     : gnutls_record_send(c->tls, c->out.at, c->out.n);
        c->retry = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
        return c->retry ? 0 : n;
    }
    n = send(c->watch.io.fd, c->out.at, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static ssize_t receive_some(struct expose_conn *c, uint8_t *buf, size_t cap)
{
    ssize_t n;

    if (c->tls) {
        n = gnutls_record_recv(c->tls, buf, cap);
        return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? 0 : n == 0 ? -1 : n;
    }
    n = recv(c->watch.io.fd, buf, cap, MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n == 0 ? -1 : n;
}

/* False: the connection is over. */
static bool flush(struct expose_conn *c, qhcp_nsec now)
{
    ssize_t n = 1;

    while (c->out.n > 0 && n > 0) {
        n = send_some(c);
        if (n <= 0)
            break;
        c->active_at = now;
        memmove(c->out.at, c->out.at + n, c->out.n - (size_t)n);
        c->out.n -= (size_t)n;
    }
    if (c->out.n == 0)
        text_deinit(&c->out);
    return n >= 0 && !c->out.failed;
}

/* ---- what it says ---- */

/* Until a head is not whole, or too much waits for the client. */
static void feed_http1(struct expose_conn *c, qhcp_nsec now)
{
    while (c->n > 0 && c->out.n < EXPOSE_UNSENT && !c->closing) {
        int used = http1_answer(c->expose, slice_of(c->in, c->n), &c->out, &c->closing);

        if (used == 0)
            return;
        c->n -= (size_t)used;
        memmove(c->in, c->in + used, c->n);
        c->begun = now; /* of the next head */
    }
}

static void pull(struct expose_conn *c)
{
    c->closing |= !http2_pull(c->http2, &c->out, EXPOSE_UNSENT);
}

static void feed_http2(struct expose_conn *c, qhcp_nsec now, struct slice bytes)
{
    bool well = http2_feed(c->http2, now, bytes);

    pull(c);
    c->closing |= !well;
}

/* The first bytes say which HTTP it is.  False: out of memory. */
static bool find_kind(struct expose_conn *c, qhcp_nsec now)
{
    size_t whole = sizeof preface - 1, n = c->n < whole ? c->n : whole;

    if (memcmp(c->in, preface, n) != 0) {
        c->kind = EXPOSE_HTTP1;
        feed_http1(c, now);
    } else if (n == whole) {
        c->http2 = http2_new(c);
        c->kind = EXPOSE_HTTP2;
        if (c->http2)
            feed_http2(c, now, slice_of(c->in, c->n));
        c->n = 0;
        return c->http2 != NULL;
    }
    return true;
}

/* False: the connection is over. */
static bool feed(struct expose_conn *c, qhcp_nsec now, struct slice bytes)
{
    while (bytes.n > 0 && !c->closing) {
        size_t free = sizeof c->in - c->n, n = bytes.n < free ? bytes.n : free;

        if (c->kind == EXPOSE_HTTP2) {
            feed_http2(c, now, bytes);
            return true;
        }
        if (n == 0)
            return false; /* it sends request after request, and takes no answer */
        memcpy(c->in + c->n, bytes.p, n);
        c->n += n;
        bytes = slice_of(bytes.p + n, bytes.n - n);
        if (c->kind == EXPOSE_HTTP1)
            feed_http1(c, now);
        else if (!find_kind(c, now))
            return false;
    }
    return true;
}

/* ---- its state ---- */

/* How much may be read now; of TLS whole records, since no event tells of the rest of one. */
static size_t room(const struct expose_conn *c)
{
    if (c->closing || c->out.n >= EXPOSE_UNSENT)
        return 0;
    if (c->tls || c->kind == EXPOSE_LAST || c->kind == EXPOSE_HTTP2)
        return READ_MOST;
    return sizeof c->in - c->n;
}

bool expose_conn_idle(const struct expose_conn *c)
{
    return c->out.n == 0 && c->n == 0 && (!c->http2 || http2_streams(c->http2) == 0);
}

static qhcp_nsec until(const struct expose_conn *c)
{
    if (c->kind == EXPOSE_LAST)
        return nsec_add(c->active_at, EXPOSE_LINGER);
    if (c->out.n > 0)
        return nsec_add(c->active_at, EXPOSE_STUCK);
    if (c->kind == EXPOSE_UNKNOWN || c->n > 0)
        return nsec_add(c->begun, EXPOSE_PATIENCE);
    if (c->http2 && http2_streams(c->http2) > 0)
        return NSEC_NEVER;
    return nsec_add(c->active_at, EXPOSE_IDLE);
}

/* All is sent: the client is told, and has a moment to read it. */
static void close_soon(struct expose_conn *c)
{
    if (c->kind == EXPOSE_LAST || c->out.n > 0)
        return;
    if (c->tls)
        (void)gnutls_bye(c->tls, GNUTLS_SHUT_WR);
    shutdown(c->watch.io.fd, SHUT_WR);
    c->kind = EXPOSE_LAST;
    c->closing = false;
}

static unsigned wanted(const struct expose_conn *c)
{
    unsigned events = 0;

    if (c->paused)
        return 0;
    if (c->tls && !c->shaken)
        return gnutls_record_get_direction(c->tls) ? LOOP_WRITABLE : LOOP_READABLE;
    if (room(c) > 0)
        events |= LOOP_READABLE;
    if (c->out.n > 0 || (c->kind == EXPOSE_HTTP2 && http2_sends(c->http2)))
        events |= LOOP_WRITABLE;
    return events;
}

static void rearm(struct expose_conn *c)
{
    if (c->closing)
        close_soon(c);
    loop_watch_change(&c->watch, wanted(c));
    expose_timer_set(c->expose, &c->timer, until(c));
}

/* False: the connection is over. */
static bool shake(struct expose_conn *c)
{
    int r = gnutls_handshake(c->tls);

    c->shaken = r == GNUTLS_E_SUCCESS;
    return r == GNUTLS_E_SUCCESS || !gnutls_error_is_fatal(r);
}

static bool read_once(struct expose_conn *c, qhcp_nsec now)
{
    uint8_t buf[READ_MOST];
    size_t most = room(c);
    ssize_t n = most > 0 ? receive_some(c, buf, most) : 0;

    if (n < 0)
        return false;
    if (n == 0 || c->kind == EXPOSE_LAST)
        return true;
    if (c->n == 0 && c->kind == EXPOSE_HTTP1)
        c->begun = now; /* of this head */
    c->active_at = now;
    return feed(c, now, slice_of(buf, (size_t)n));
}

static bool work(struct expose_conn *c, qhcp_nsec now)
{
    if (c->tls && !c->shaken)
        return shake(c);
    if (!flush(c, now) || !read_once(c, now))
        return false;
    if (c->kind == EXPOSE_HTTP1) /* what had to wait for room */
        feed_http1(c, now);
    if (c->kind == EXPOSE_HTTP2)
        pull(c);
    return flush(c, now);
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct expose_conn *c = ctx;
    struct expose *e = c->expose;
    qhcp_nsec cpu;

    (void)ready;
    if (!expose_work_begin(e, &cpu))
        return;
    if (work(c, now))
        rearm(c);
    else
        expose_conn_end(c);
    expose_work_end(e, cpu);
}

/* ---- for its owner ---- */

static void on_time(struct expose_timer *t, qhcp_nsec now)
{
    (void)now;
    expose_conn_end((struct expose_conn *)t);
}

static void tune(int fd)
{
    const int on = 1, idle = 60, interval = 15, count = 4, unread = 60000;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread, sizeof unread); /* milliseconds */
}

int expose_conn_begin(struct expose_door *door, qhcp_nsec now, int fd, const union qhcp_addr *peer)
{
    struct expose *e = door->expose;
    struct expose_conn *c = calloc(1, sizeof *c);

    if (!c)
        goto close_fd;
    *c = (struct expose_conn){.timer.fn = on_time,
                              .expose = e,
                              .door = door,
                              .peer = *peer,
                              .begun = now,
                              .active_at = now};
    if (door->tls) {
        c->tls = expose_tls_session(&e->tls, fd);
        if (!c->tls)
            goto free_conn;
    }
    tune(fd);
    DL_PREPEND(e->conns, c);
    e->n_conns++;
    loop_watch(e->config.loop, &c->watch, fd, LOOP_READABLE, on_ready, c);
    rearm(c);
    return 0;
free_conn:
    free(c);
close_fd:
    close(fd);
    return QHCP_E_NOMEM;
}

void expose_conn_end(struct expose_conn *c)
{
    int fd = c->watch.io.fd;

    DL_DELETE(c->expose->conns, c);
    c->expose->n_conns--;
    expose_timer_set(c->expose, &c->timer, NSEC_NEVER);
    http2_free(c->http2);
    loop_unwatch(&c->watch);
    expose_tls_end(c->tls);
    close(fd);
    text_deinit(&c->out);
    free(c);
}

void expose_conn_dirty(struct expose_conn *c)
{
    c->dirty = true;
    c->expose->dirty = true;
}

void expose_conn_push(struct expose_conn *c, qhcp_nsec now)
{
    c->dirty = false;
    if (c->kind == EXPOSE_HTTP2)
        pull(c);
    if (flush(c, now))
        rearm(c);
    else
        expose_conn_end(c);
}

void expose_conn_pause(struct expose_conn *c)
{
    c->paused = true;
    loop_watch_change(&c->watch, 0);
}

void expose_conn_resume(struct expose_conn *c)
{
    c->paused = false;
    loop_watch_change(&c->watch, wanted(c));
}
