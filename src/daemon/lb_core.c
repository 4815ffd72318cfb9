/* The core of `qhcp lb` between the loop and the other parts: packets, deadlines and names'
 * addresses go in; packets go out, and the core's findings go to the parts that they concern. */
#include <errno.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "daemon/lb.h"
#include "daemon/listen.h"

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct lb *lb = ctx;

    qhcp_lb_receive(lb->core, now, packets, n);
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct lb *lb = ctx;

    return qhcp_lb_send(lb->core, now, packets, n);
}

static void on_unreachable(void *ctx, qhcp_nsec now, const union qhcp_addr *remote, int error,
                           const uint8_t *quoted, size_t quoted_len)
{
    struct lb *lb = ctx;

    qhcp_lb_unreachable(lb->core, now, remote, error, quoted, quoted_len);
}

static void on_dropped(void *ctx, qhcp_nsec now, uint64_t n)
{
    struct lb *lb = ctx;

    qhcp_lb_dropped(lb->core, now, n);
}

static void on_blocked(void *ctx, qhcp_nsec now)
{
    struct lb *lb = ctx;

    qhcp_lb_blocked(lb->core, now);
}

static qhcp_nsec core_deadline(void *ctx)
{
    const struct lb *lb = ctx;
    bool ended = lb->handed_over && !handover_open(&lb->handover);

    return ended ? NSEC_NEVER : qhcp_lb_deadline(lb->core);
}

static void core_expire(void *ctx, qhcp_nsec now)
{
    qhcp_lb_expire(((struct lb *)ctx)->core, now);
}

static void be_patient(struct lb *lb, qhcp_nsec most)
{
    if (most == lb->patience)
        return;
    lb->patience = most;
    if (loop_be_patient(lb->loop, most) != 0)
        log_say(QHCP_LOG_WARNING,
                "cannot let answers wait for each other (%s): each of them costs a wake-up",
                strerror(errno));
}

static void core_turn(void *ctx, qhcp_nsec now)
{
    struct lb *lb = ctx;

    (void)now;
    be_patient(lb, qhcp_lb_patience(lb->core));
    if (!lb->stopping || !qhcp_lb_stopped(lb->core))
        return;
    if (lb->handed_over && handover_open(&lb->handover) && !wishes_busy(&lb->wishes)) {
        loop_unbind(lb->loop);
        handover_end(&lb->handover);
    }
    if (!lb->leaving.loop)
        loop_stop(lb->loop);
}

void lb_core_resolved(void *ctx, const struct resolve_answer *answer)
{
    struct lb *lb = ctx;

    qhcp_lb_resolved(lb->core, loop_now(), answer->index, answer->addrs, answer->n, answer->words);
}

static void on_resolve(void *ctx, size_t id, const char *host, uint16_t port)
{
    struct lb *lb = ctx;

    if (hosts_start(lb->hosts, id, host, port) < 0)
        qhcp_lb_resolved(lb->core, loop_now(), id, NULL, 0, "cannot resolve: out of memory");
}

static void on_event(void *ctx, const struct qhcp_event *event)
{
    struct lb *lb = ctx;

    publisher_event(&lb->publisher, event, loop_now());
}

static void on_changed(void *ctx, const struct qhcp_changed *changed)
{
    struct lb *lb = ctx;

    publisher_changed(&lb->publisher, changed);
}

static void on_session(void *ctx, size_t index)
{
    struct lb *lb = ctx;

    probes_session(&lb->probes, loop_now(), index);
}

static size_t on_leaving(void *ctx, const char *address, bool over)
{
    struct lb *lb = ctx;

    return forward_leaving(&lb->forward, address, over);
}

struct qhcp_lb_config lb_core_config(struct lb *lb)
{
    struct qhcp_lb_config c = lb_options_config(&lb->options);

    c.ctx = lb;
    c.wall_clock = clock_unix;
    c.resolve = on_resolve;
    c.source = route_source;
    c.event = on_event;
    c.changed = on_changed;
    c.session = on_session;
    c.leaving = lb->options.no_forward ? NULL : on_leaving;
    c.log = log_callback;
    return c;
}

struct loop_client lb_core_client(struct lb *lb)
{
    return (struct loop_client){.ctx = lb,
                                .receive = on_receive,
                                .send = on_send,
                                .unreachable = on_unreachable,
                                .dropped = on_dropped,
                                .blocked = on_blocked,
                                .flooded = listen_flooded};
}

void lb_core_join(struct lb *lb)
{
    lb->part = (struct loop_part){.name = "core",
                                  .ctx = lb,
                                  .deadline = core_deadline,
                                  .expire = core_expire,
                                  .turn = core_turn};
    loop_add(lb->loop, &lb->part);
}
