#include "check/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/time.h"
#include "base/wheel.h"
#include "check/connect.h"
#include "check/streak.h"

#define AGAIN (50 * NSEC_PER_MSEC)       /* after a failure, until there is a verdict ... */
#define SHUT_AGAIN (250 * NSEC_PER_MSEC) /* ... and after that, at first */
#define CROWDED (10 * NSEC_PER_MSEC)     /* while too many connections are under way */
#define OURS (100 * NSEC_PER_MSEC)       /* after a failure of our own */

struct port {
    struct wheel_timer
        timer; /* first: a node is its port.  The next probe, or the end of this one */
    size_t id;
    int fd; /* -1: no probe is under way */
    union qhcp_addr address;
    struct streak streak;
    qhcp_nsec
        pause; /* after the last failure of one that is shut: doubled each time, up to every */
};

struct ports {
    struct ports_config config;
    int epoll;
    struct wheel wheel;
    struct port **at; /* by id; NULL: not watched */
    size_t cap;
    unsigned under_way;
};

int ports_new(const struct ports_config *config, struct ports **ret)
{
    struct ports *p = calloc(1, sizeof *p);

    if (!p)
        return QHCP_E_NOMEM;
    p->config = *config;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll < 0) {
        free(p);
        return QHCP_E_IO;
    }
    *ret = p;
    return 0;
}

/* Closing takes it out of the epoll set. */
static void end_probe(struct ports *p, struct port *port)
{
    if (port->fd < 0)
        return;
    connect_close(port->fd);
    port->fd = -1;
    p->under_way--;
}

void ports_forget(struct ports *p, size_t id)
{
    struct port *port = id < p->cap ? p->at[id] : NULL;

    if (!port)
        return;
    end_probe(p, port);
    wheel_set(&p->wheel, &port->timer, NSEC_NEVER);
    p->at[id] = NULL;
    free(port);
}

void ports_free(struct ports *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->cap; i++)
        ports_forget(p, i);
    free(p->at);
    wheel_deinit(&p->wheel);
    close(p->epoll);
    free(p);
}

static int reserve(struct ports *p, size_t id)
{
    size_t cap = p->cap ? p->cap : 16;
    struct port **grown;

    while (cap <= id)
        cap *= 2;
    if (cap == p->cap)
        return 0;
    if (wheel_reserve(&p->wheel, cap) != 0)
        return QHCP_E_NOMEM;
    grown = realloc(p->at, cap * sizeof *grown);
    if (!grown)
        return QHCP_E_NOMEM;
    for (size_t i = p->cap; i < cap; i++)
        grown[i] = NULL;
    p->at = grown;
    p->cap = cap;
    return 0;
}

int ports_watch(struct ports *p, qhcp_nsec now, size_t id, const union qhcp_addr *address)
{
    struct port *port;

    if (reserve(p, id) != 0)
        return QHCP_E_NOMEM;
    if (p->at[id] && address_equal(&p->at[id]->address, address))
        return 0;
    port = calloc(1, sizeof *port);
    if (!port)
        return QHCP_E_NOMEM;
    ports_forget(p, id);
    port->id = id;
    port->fd = -1;
    port->address = *address;
    streak_init(&port->streak, p->config.fall, p->config.rise);
    streak_result(&port->streak, QHCP_SERVING); /* it is open until it proves not to be */
    p->at[id] = port;
    wheel_set(&p->wheel, &port->timer, now);
    return 0;
}

int ports_fd(const struct ports *p)
{
    return p->epoll;
}

static void schedule(struct ports *p, struct port *port, qhcp_nsec now, bool good)
{
    qhcp_nsec pause = p->config.every;

    if (port->streak.verdict != QHCP_SERVING && !good) {
        port->pause = nsec_max(nsec_min(2 * port->pause, pause), nsec_min(pause, SHUT_AGAIN));
        pause = port->pause;
    } else if (port->streak.verdict != QHCP_SERVING) {
        pause = nsec_min(pause, SHUT_AGAIN);
    } else {
        port->pause = 0;
        pause = good ? pause : nsec_min(pause, AGAIN);
    }
    wheel_set(&p->wheel, &port->timer, nsec_add(now, pause));
}

static void result(struct ports *p, struct port *port, qhcp_nsec now, const char *words)
{
    enum qhcp_status before = port->streak.verdict, after;
    bool good = words[0] == '\0';

    end_probe(p, port);
    after = streak_result(&port->streak, good ? QHCP_SERVING : QHCP_NOT_SERVING);
    schedule(p, port, now, good);
    if (after != before)
        p->config.verdict(p->config.ctx, now, port->id, after == QHCP_SERVING, words);
}

/* Errors that say something of this machine, and nothing of the port. */
static bool is_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL || error == EAGAIN || error == ENETDOWN || error == ENETUNREACH ||
           error == EACCES || error == EPERM;
}

static void begin(struct ports *p, struct port *port, qhcp_nsec now)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = port};
    int error;

    if (p->under_way >= PORTS_AT_ONCE) {
        wheel_set(&p->wheel, &port->timer, nsec_add(now, CROWDED));
        return;
    }
    port->fd = connect_begin(&port->address);
    error = port->fd < 0 ? errno : 0;
    p->under_way += port->fd >= 0;
    if (port->fd >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, port->fd, &event) == 0) {
        wheel_set(&p->wheel, &port->timer, nsec_add(now, p->config.timeout));
        return;
    }
    if (error != 0 && !is_ours(error)) {
        result(p, port, now, connect_words(error));
        return;
    }
    end_probe(p, port);
    wheel_set(&p->wheel, &port->timer, nsec_add(now, OURS));
}

static void ended(struct ports *p, struct port *port, qhcp_nsec now)
{
    int error = connect_end(port->fd);

    if (error == 0 && p->config.local_header)
        connect_say_local(port->fd);
    result(p, port, now, error == 0 ? "" : connect_words(error));
}

/* One event at a time: a verdict may forget the port of the next. */
void ports_ready(struct ports *p, qhcp_nsec now)
{
    struct epoll_event event;

    for (int i = 0; i < PORTS_AT_ONCE && epoll_wait(p->epoll, &event, 1, 0) == 1; i++)
        ended(p, event.data.ptr, now);
}

qhcp_nsec ports_deadline(const struct ports *p)
{
    return wheel_deadline(&p->wheel);
}

void ports_expire(struct ports *p, qhcp_nsec now)
{
    size_t most = p->wheel.count;
    struct wheel_timer *due;

    ports_ready(p, now);
    while (most-- > 0 && (due = wheel_due(&p->wheel, now))) {
        struct port *port = (struct port *)due;

        if (port->fd < 0)
            begin(p, port, now);
        else
            result(p, port, now, "no connection in time");
    }
}
