/* The server's owner: what src/server does, without sockets. */
#include "sim.h"

#include <qhcp/error.h>

#define PUSH_AGAIN (50 * MS)
#define ALL_SCOPES (SESSION_SCOPE_HEALTH | SESSION_SCOPE_CONFIG | SESSION_SCOPE_TERMINATE)

void serverside_boot(struct world *w)
{
    uint64_t boot = draw(w, UINT64_MAX);

    serverside_kill(w);
    w->alive = true;
    w->leaving = false;
    w->self =
        (struct session_server_self){.server_id = slice_str("server"),
                                     .processing_us = 0,
                                     .status = QHCP_SERVING,
                                     .epoch = 1,
                                     .values = {2, {{1, 100}, {2, 200}}},
                                     .metrics = {2,
                                                 {{1, slice_str("cpu_usage_percent"), 1},
                                                  {2, slice_str("memory_usage_percent"), 1}}}};
    memcpy(w->self.boot_id, &boot, sizeof w->self.boot_id);
    trace(w, "server boots");
}

void serverside_kill(struct world *w)
{
    w->alive = false;
    w->hurt_at = w->now;
    memset(w->session_conn, 0, sizeof w->session_conn);
}

static void flush(struct world *w, unsigned i)
{
    uint8_t buf[2048];
    enum session_channel channel;
    size_t n;

    while ((n = session_server_pull(&w->sessions[i], w->now, buf, sizeof buf, &channel)) > 0)
        link_send(w, TO_LB, w->session_conn[i], channel, buf, n);
}

/* The close arrives after everything that was sent before it. */
static void hang_up(struct world *w, unsigned i)
{
    qhcp_nsec last = w->now + w->delay;

    flush(w, i);
    for (size_t k = 0; k < w->n_items; k++)
        if (w->items[k]->to == TO_LB && w->items[k]->conn == w->session_conn[i] &&
            w->items[k]->channel == SESSION_STREAM)
            last = nsec_max(last, w->items[k]->at);
    link_signal(w, TO_LB, w->session_conn[i], ITEM_CLOSE, last + 1);
    w->session_conn[i] = 0;
}

static void push(struct world *w, unsigned i)
{
    uint8_t buf[LIMIT_DATAGRAM];
    size_t n;

    if (w->session_conn[i] == 0 || !session_server_push_due(&w->sessions[i])) {
        w->push_at[i] = NSEC_NEVER;
        return;
    }
    n = session_server_answer(&w->sessions[i], 0, 0, buf, sizeof buf);
    must(w, n > 0, "a push can be encoded");
    link_send(w, TO_LB, w->session_conn[i], SESSION_DATAGRAM, buf, n);
    w->push_at[i] = w->now + PUSH_AGAIN;
    w->pushes++;
}

void serverside_status(struct world *w, uint64_t status)
{
    if (!w->alive || w->leaving || w->self.status == status)
        return;
    w->self.status = status;
    w->self.epoch++;
    trace(w, "server's status %u, epoch %u", (unsigned)status, (unsigned)w->self.epoch);
    for (unsigned i = 0; i < SESSIONS; i++)
        push(w, i);
}

void serverside_leave(struct world *w)
{
    if (!w->alive || w->leaving)
        return;
    trace(w, "server leaves");
    serverside_status(w, QHCP_STATUS_DRAINING);
    w->leaving = true;
    w->hurt_at = w->now;
    for (unsigned i = 0; i < SESSIONS; i++) {
        if (w->session_conn[i] == 0)
            continue;
        must(w, session_server_terminate(&w->sessions[i], w->now, 2 * SEC, "drain") == 0,
             "a live session can be terminated");
        flush(w, i);
        if (w->sessions[i].state == SESSION_SERVER_CLOSED)
            hang_up(w, i); /* it was not in yet */
    }
}

void serverside_connect(struct world *w, unsigned conn)
{
    unsigned slot = 0;

    for (unsigned i = 0; i < SESSIONS; i++) {
        if (w->session_conn[i] == 0) {
            slot = i;
            break;
        }
        if (w->session_conn[i] < w->session_conn[slot])
            slot = i;
    }
    w->session_conn[slot] = conn;
    w->push_at[slot] = NSEC_NEVER;
    session_server_init(&w->sessions[slot], &w->self, w->now);
}

bool serverside_knows(const struct world *w, unsigned conn)
{
    for (unsigned i = 0; i < SESSIONS; i++)
        if (w->session_conn[i] == conn)
            return w->alive;
    return false;
}

static void answer(struct world *w, unsigned i, uint64_t seq)
{
    uint8_t buf[LIMIT_DATAGRAM];
    size_t n = session_server_answer(&w->sessions[i], seq, 0, buf, sizeof buf);

    must(w, n > 0, "a request that was reported can be answered");
    link_send(w, TO_LB, w->session_conn[i], SESSION_DATAGRAM, buf, n);
}

static void frame(struct world *w, unsigned i, const struct item *item)
{
    struct session_server *s = &w->sessions[i];
    struct session_server_report r;
    int error = session_server_frame(s, w->now, item->channel, item->p, item->n, &r);

    if (error != 0)
        trace(w, "server: %s", s->words);
    must(w, error == 0, "the server finds no protocol error");
    if (r.what & SESSION_SERVER_HELLO && w->leaving)
        session_server_refuse(s, w->now, QHCP_E_STOPPING, "stopping");
    else if (r.what & SESSION_SERVER_HELLO)
        must(w,
             session_server_accept(s, w->now, &r.m.hello, ALL_SCOPES, w->now + w->token_life) == 0,
             "HELLO is accepted");
    if (r.what & SESSION_SERVER_REQUEST)
        answer(w, i, r.m.request.seq);
    if (r.what & SESSION_SERVER_CONFIG)
        session_server_config(s, w->now, &r.m.config_update, 0, NULL, ALL_SCOPES,
                              w->now + w->token_life);
    if (r.what &
        (SESSION_SERVER_TERMINATED | SESSION_SERVER_PEER_LEAVES | SESSION_SERVER_PEER_ERROR))
        trace(w, "server: session of connection %u ends", item->conn);
    flush(w, i);
    if (s->state == SESSION_SERVER_CLOSED)
        hang_up(w, i);
}

void serverside_deliver(struct world *w, const struct item *item)
{
    if (!serverside_knows(w, item->conn)) {
        if (item->kind == ITEM_CLOSE || w->cut)
            return;
        if (w->alive)
            link_signal(w, TO_LB, item->conn, ITEM_RESET, w->now + w->delay);
        else if (w->icmp)
            link_signal(w, TO_LB, item->conn, ITEM_ICMP, w->now + w->delay);
        return;
    }
    for (unsigned i = 0; i < SESSIONS; i++) {
        if (w->session_conn[i] != item->conn)
            continue;
        if (item->kind == ITEM_CLOSE)
            w->session_conn[i] = 0;
        else
            frame(w, i, item);
    }
}

qhcp_nsec serverside_deadline(const struct world *w)
{
    qhcp_nsec at = NSEC_NEVER;

    for (unsigned i = 0; i < SESSIONS && w->alive; i++)
        if (w->session_conn[i] != 0)
            at = nsec_min(at, nsec_min(session_server_deadline(&w->sessions[i]), w->push_at[i]));
    return at;
}

void serverside_expire(struct world *w)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct session_server_report r;
        int error;

        if (w->session_conn[i] == 0)
            continue;
        if (w->push_at[i] <= w->now)
            push(w, i);
        if (session_server_deadline(&w->sessions[i]) > w->now)
            continue;
        error = session_server_expire(&w->sessions[i], w->now, &r);
        trace(w, "server: session of connection %u expires: %s", w->session_conn[i],
              qhcp_strerror(error));
        must(w, error == 0 || w->hurt_at + 20 * SEC > w->now,
             "nothing expires between healthy peers");
        must(w, w->sessions[i].state == SESSION_SERVER_CLOSED, "what has expired is closed");
        hang_up(w, i);
    }
}
