/* Datagrams that may wait: answers with no news in them, as their senders say
 * (docs/decisions/0029-ticks.md).
 *
 * A wake-up costs as much as ten packets, so these must not cause one.  They come to a socket of
 * their own, which is read whenever a deadline comes, before any is judged: an answer is never late
 * because nobody has looked.  Errors of that socket wake us as those of any other; the kernel picks
 * the socket of an ICMP message by chance. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/internal.h"

void patient_read(struct loop *l, qhcp_nsec now, bool stalled)
{
    bool more = false, any = false;

    for (size_t i = 0; i < l->n_bound; i++) {
        struct loop_socket *s = &l->sockets[i];

        if (!s->patient)
            continue;
        any = true;
        if (sockets_read_from(l, s, s->patient,
                              stalled ? LOOP_STALL_BATCHES : LOOP_PATIENT_BATCHES))
            more = true;
    }
    if (any && l->patience > 0)
        l->patience_at = more ? now : nsec_add(now, l->patience);
    else
        l->patience_at = NSEC_NEVER;
}

/* Reading takes the error that is pending; what it was is in the error queue. */
static void on_error(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_socket *s = w->data;

    (void)ev;
    (void)revents;
    (void)sockets_read_from(s->loop, s, s->patient, 1);
    sockets_drain_errors(s->loop, s->patient);
}

/* libev always asks for more than errors; an epoll of its own does not. */
static int watch_errors(struct loop_socket *s)
{
    struct epoll_event none = {.events = 0}; /* EPOLLERR comes unasked */

    s->patient_errors = epoll_create1(EPOLL_CLOEXEC);
    if (s->patient_errors < 0)
        return QHCP_E_IO;
    if (epoll_ctl(s->patient_errors, EPOLL_CTL_ADD, udp_fd(s->patient), &none) != 0) {
        close(s->patient_errors);
        return QHCP_E_IO;
    }
    ev_io_init(&s->patient_error, on_error, s->patient_errors, EV_READ);
    ev_set_priority(&s->patient_error, LOOP_FIRST);
    s->patient_error.data = s;
    ev_io_start(s->loop->ev, &s->patient_error);
    return 0;
}

static int join(struct loop_socket *s)
{
    int r = udp_join(s->udp, s->rcvbuf, &s->patient), error;

    if (r == 0)
        r = watch_errors(s);
    if (r == 0 || !s->patient)
        return r;
    error = errno;
    udp_close(s->patient);
    s->patient = NULL;
    errno = error;
    return r;
}

/* The socket stays when there is no more patience: to leave the group would move others. */
int patient_follow(struct loop_socket *s)
{
    struct loop *l = s->loop;
    int r = 0;

    if (!s->strangers || (l->patience == 0 && !s->patient))
        return 0;
    if (!s->patient)
        r = join(s);
    return r == 0 ? udp_steer(s->udp, &l->steering, l->patience > 0) : r;
}

void patient_close(struct loop_socket *s)
{
    if (!s->patient)
        return;
    ev_io_stop(s->loop->ev, &s->patient_error);
    close(s->patient_errors);
    udp_close(s->patient);
    s->patient = NULL;
}

int loop_be_patient(struct loop *l, qhcp_nsec most)
{
    bool change = (most > 0) != (l->patience > 0);
    int r = 0;

    l->patience = most;
    for (size_t i = 0; change && i < l->n_bound && r == 0; i++)
        r = patient_follow(&l->sockets[i]);
    l->patience_at = 0; /* what came before is read now */
    if (r == 0)
        return 0;
    l->patience = 0;
    return r;
}
