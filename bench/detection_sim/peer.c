#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_TIME MS  /* a handshake that works */
#define DIAL_WAIT SEC /* one that does not */
#define RECONNECT SEC /* so that a false verdict costs little of the simulated time */

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "detection_sim: %s\n", what);
    exit(1);
}

void peer_init(struct peer *p, const struct path_model *model, qhcp_nsec interval, bool whole,
               bool listen, uint64_t seed)
{
    struct health_config config = {.interval = interval,
                                   .check = PEER_CHECK,
                                   .reconnect_interval = RECONNECT,
                                   .fall = 3,
                                   .rise = HEALTH_RISE,
                                   .window = health_window(interval),
                                   .budget = HEALTH_BUDGET,
                                   .slow_start = HEALTH_SLOW_START};

    memset(p, 0, sizeof *p);
    p->now = START;
    p->whole = whole;
    p->dialed = p->beat_at = NSEC_NEVER;
    p->beat_every = listen ? interval : 0;
    path_init(&p->path, model, seed);
    config.phase = (uint32_t)path_draw(&p->path, UINT32_MAX);
    config.local = &p->local;
    p->lb_config = (struct session_lb_config){
        .lb_id = slice_str("lb"), .interval_us = interval / 1000, .beat_us = p->beat_every / 1000};
    p->self =
        (struct session_server_self){.server_id = slice_str("server"),
                                     .status = QHCP_SERVING,
                                     .epoch = 1,
                                     .values = {2, {{1, 100}, {2, 200}}},
                                     .metrics = {2,
                                                 {{1, slice_str("cpu_usage_percent"), 1},
                                                  {2, slice_str("memory_usage_percent"), 1}}}};
    session_lb_init(&p->lb, &p->lb_config);
    health_init(&p->h, &config, p->now);
}

/* HELLO and ACK; a stream gets through whatever is lost on the way. */
static void greet(struct peer *p)
{
    static uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];
    struct session_server_report asked;
    struct session_lb_report told;
    enum session_channel channel;
    uint64_t seq;
    size_t n;

    session_lb_init(&p->lb, &p->lb_config);
    session_server_init(&p->server, &p->self, p->now);
    must(session_lb_open(&p->lb, p->now, slice_str("token")) == 0, "HELLO cannot be sent");
    n = session_lb_pull(&p->lb, buf, sizeof buf, &channel, &seq);
    must(session_server_frame(&p->server, p->now, channel, buf, n, &asked) == 0 &&
             session_server_accept(&p->server, p->now, &asked.m.hello, SESSION_SCOPE_HEALTH,
                                   NSEC_NEVER) == 0,
         "HELLO is not accepted");
    n = session_server_pull(&p->server, p->now, buf, sizeof buf, &channel);
    must(session_lb_frame(&p->lb, p->now, channel, buf, n, &told) == 0 &&
             told.what == SESSION_LB_ESTABLISHED,
         "ACK is not accepted");
    must(p->lb.beat_us * 1000 == p->beat_every, "beats are not agreed");
}

/* A session begins: its first beat comes at a moment by chance. */
static void begin_beats(struct peer *p)
{
    p->beat = p->heard = 0;
    p->beat_at = NSEC_NEVER;
    if (p->beat_every > 0)
        p->beat_at = p->now + path_draw(&p->path, p->beat_every);
    health_listen(&p->h, p->now, p->beat_every);
}

/* What the server sends by itself, when it comes to it: slots that it missed are left out. */
static void send_beat(struct peer *p)
{
    qhcp_nsec read = path_read(&p->path, p->now);
    uint64_t slots = (read - p->beat_at) / p->beat_every + 1;
    struct peer_answer *a;

    p->beat += slots;
    p->beat_at += slots * p->beat_every;
    if (!path_passes(&p->path, p->now + RTT))
        return;
    a = &p->flight[p->last++ % PEER_FLIGHT];
    must(p->last - p->first <= PEER_FLIGHT, "too much is in flight");
    *a = (struct peer_answer){.sent = p->now, .at = read + RTT / 2, .beat = p->beat};
    if (p->whole)
        a->n = session_server_beat(&p->server, p->beat, a->p, sizeof a->p);
}

/* A request over the path and back; the answer in flight, or NULL: one of them is lost. */
static struct peer_answer *put_in_flight(struct peer *p)
{
    qhcp_nsec read = path_read(&p->path, p->now + RTT / 2);
    struct peer_answer *a;

    if (!path_passes(&p->path, p->now) || !path_passes(&p->path, p->now + RTT))
        return NULL;
    a = &p->flight[p->last++ % PEER_FLIGHT];
    must(p->last - p->first <= PEER_FLIGHT, "too much is in flight");
    *a = (struct peer_answer){.sent = p->now, .at = read + RTT / 2};
    return a;
}

/* A request through the session and over the path; its answer is encoded. */
static void ask_session(struct peer *p)
{
    static uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];
    struct session_server_report asked;
    struct peer_answer *a;
    enum session_channel channel;
    uint64_t seq;
    size_t n;

    must(session_lb_request(&p->lb, p->now, &seq) == 0, "no request can be made");
    n = session_lb_pull(&p->lb, buf, sizeof buf, &channel, &seq);
    a = put_in_flight(p);
    if (!a)
        return;
    must(session_server_frame(&p->server, p->now, channel, buf, n, &asked) == 0 &&
             (asked.what & SESSION_SERVER_REQUEST),
         "the request is not accepted");
    a->n = session_server_answer(&p->server, asked.m.request.seq, 0, a->p, sizeof a->p);
    must(a->n > 0, "the answer does not fit");
}

static void act(struct peer *p, const struct health_step *step)
{
    if (step->verdict && p->h.state == QHCP_DOWN)
        p->downs++;
    if (step->drop) /* one that is cut off is a dead one: its session does not come back */
        p->lost = step->lost && p->path.model->kind == PATH_STALLS && !p->path.cut;
    if (step->drop && !p->lost) {
        p->first = p->last;
        p->beat_at = NSEC_NEVER;
    }
    if (step->dial) {
        health_dialed(&p->h, p->now);
        p->dialed = path_read(&p->path, p->now) + (p->path.cut ? DIAL_WAIT : DIAL_TIME);
    } else if (step->probe) {
        p->probes++;
        health_sent(&p->h, p->now);
        if (p->whole)
            ask_session(p);
        else
            (void)put_in_flight(p);
    }
}

/* As src/lb/lost.c: the session that was given up is taken up again by what comes on it. */
static void find(struct peer *p)
{
    p->lost = false;
    p->dialed = NSEC_NEVER;
    health_found(&p->h, p->now);
    health_listen(&p->h, p->now, p->beat_every);
}

static void deliver_beat(struct peer *p, const struct peer_answer *a)
{
    struct session_lb_report told = {.slots = p->heard > 0 ? a->beat - p->heard : 1};
    struct health_step step;

    p->heard = a->beat;
    if (p->whole)
        must(session_lb_frame(&p->lb, p->now, SESSION_DATAGRAM, a->p, a->n, &told) == 0 &&
                 (told.what & SESSION_LB_BEAT),
             "the beat is not accepted");
    health_beat(&p->h, p->now, p->now, told.slots, &step);
    act(p, &step);
}

static void deliver(struct peer *p)
{
    const struct peer_answer *a = &p->flight[p->first++ % PEER_FLIGHT];
    struct session_lb_report told;
    struct health_step step;

    if (p->lost)
        find(p);
    if (a->beat > 0) {
        deliver_beat(p, a);
        return;
    }
    told.rtt = p->now - a->sent;
    told.status = QHCP_SERVING;
    if (p->whole)
        must(session_lb_frame(&p->lb, p->now, SESSION_DATAGRAM, a->p, a->n, &told) == 0 &&
                 (told.what & SESSION_LB_ANSWER),
             "the answer is not accepted");
    health_answer(&p->h, p->now, p->now, told.rtt, (unsigned)told.status, true, &step);
    act(p, &step);
}

static void dial_ends(struct peer *p)
{
    struct health_step step;

    p->dialed = NSEC_NEVER;
    if (p->path.cut) {
        health_signal(&p->h, p->now, HEALTH_SIGNAL_DIAL_FAILED, &step);
    } else {
        p->first = p->last;
        p->lost = false;
        if (p->whole)
            greet(p);
        health_established(&p->h, p->now, 0);
        begin_beats(p);
        health_poll(&p->h, p->now, &step);
    }
    act(p, &step);
}

bool peer_run(struct peer *p, qhcp_nsec end, bool first_down)
{
    uint64_t downs = p->downs;
    struct health_step step;

    for (;;) {
        qhcp_nsec answer = p->first != p->last ? p->flight[p->first % PEER_FLIGHT].at : NSEC_NEVER;
        qhcp_nsec poll = health_deadline(&p->h);
        qhcp_nsec at = nsec_min(nsec_min(answer, p->dialed), nsec_min(poll, p->beat_at));

        if (at >= end) {
            p->now = end;
            return false;
        }
        p->now = nsec_max(p->now, at);
        if (answer <= at) {
            deliver(p);
        } else if (p->dialed <= at) {
            dial_ends(p);
        } else if (p->beat_at <= at) {
            send_beat(p);
        } else {
            health_poll(&p->h, p->now, &step);
            act(p, &step);
        }
        if (first_down && p->downs > downs)
            return true;
    }
}
