/* The load balancer's side of a session.
 *
 * It checks, frame by frame, that the server keeps to the protocol, and tells the owner what each
 * frame means.  In: whole frames, calls and time; out: reports and, by pull, the frames to send.
 * Every event is looked up in session_lb_table; an action here carries it out and may still refuse
 * (a CONFIG_ACK nobody waits for), the row alone says which state follows.
 *
 * It must never act on a datagram's order: a late answer counts as a sign of life but never undoes
 * a newer status.  It must never copy or clear a whole wire_message on the path of a check. */
#include "session/lb.h"

#include <stdio.h>

#include <qhcp/error.h>

#include "session/lb_send.h"
#include "session/tables.h"

/* One event with what it brings; an action reads what its event has. */
struct occasion {
    qhcp_nsec now;
    qhcp_nsec wait;
    const char *reason;
    struct slice token;
    struct wire_config_update *update;
    uint64_t outcome;
    struct session_lb_report *report;
};

void session_lb_init(struct session_lb *s, const struct session_lb_config *config)
{
    *s = (struct session_lb){.config = config, .deadline = NSEC_NEVER, .request_first = 1};
}

static int do_ignore(struct session_lb *s, const struct occasion *o)
{
    (void)s, (void)o;
    return 0;
}

static int do_greet(struct session_lb *s, const struct occasion *o)
{
    uint8_t trial[LIMIT_FRAME_PAYLOAD + 16];
    struct wire_message m = {.type = WIRE_HELLO};
    int n;

    session_lb_hello(s->config, o->token, &m.hello);
    n = wire_encode(&m, trial, sizeof trial);
    if (n < 0)
        return n;
    s->token = o->token;
    s->pending |= PENDING_HELLO;
    s->deadline = nsec_add(o->now, SESSION_HELLO_TIMEOUT);
    return 0;
}

static int do_establish(struct session_lb *s, const struct occasion *o)
{
    const struct wire_ack *ack = &o->report->m.ack;

    if (s->pending & PENDING_HELLO)
        return QHCP_E_UNEXPECTED; /* our HELLO never left */
    if (ack->boot_id.n != LIMIT_BOOT_ID)
        return QHCP_E_VALUE;
    for (size_t i = 0; i < ack->extensions.count; i++)
        if (ack->extensions.at[i] != WIRE_EXTENSION_BEATS)
            return QHCP_E_VALUE; /* HELLO named no other extension */
    s->beats = ack->extensions.count > 0;
    if (ack->beat_us > 0 && (!s->beats || ack->beat_us != s->beat_asked))
        return QHCP_E_VALUE;
    s->beat_us = ack->beat_us;
    memcpy(s->boot_id, ack->boot_id.p, LIMIT_BOOT_ID);
    s->established = true;
    s->deadline = NSEC_NEVER;
    o->report->what = SESSION_LB_ESTABLISHED;
    return 0;
}

/* True, with the round trip, for the first answer to a request that left. */
static bool settle(struct session_lb *s, uint64_t seq, qhcp_nsec at, struct session_lb_report *ret)
{
    qhcp_nsec *sent = &s->sent[seq % SESSION_LB_WINDOW];

    if (seq == 0 || seq >= s->request_first || s->seq - seq >= SESSION_LB_WINDOW || *sent == 0)
        return false;
    ret->at = nsec_max(at, *sent);
    ret->rtt = ret->at - *sent;
    if (seq == s->seq)
        ret->rtt -= nsec_min(s->left_after, ret->rtt);
    *sent = 0;
    return true;
}

/* True for the newest beat.  One that was overtaken, or that nobody asked for, is no news. */
static bool take_beat(struct session_lb *s, const struct wire_health_response *r, qhcp_nsec at,
                      struct session_lb_report *ret)
{
    if (!(r->has & WIRE_HAS_BEAT) || s->beat_us == 0 || r->beat <= s->beat)
        return false;
    ret->slots = s->beat > 0 ? r->beat - s->beat : 1;
    ret->what |= SESSION_LB_BEAT;
    ret->at = at;
    s->beat = r->beat;
    return true;
}

static int do_take_response(struct session_lb *s, const struct occasion *o)
{
    struct session_lb_report *report = o->report;
    const struct wire_health_response *r = &report->m.response;
    bool asked = r->has & WIRE_HAS_SEQ, answer = false, beat;

    if (!s->established) {
        report->what = SESSION_LB_STALE;
        return 0;
    }
    if (!slice_equal(r->boot_id, slice_of(s->boot_id, LIMIT_BOOT_ID))) {
        report->what = SESSION_LB_RESTARTED;
        return 0;
    }
    if (asked)
        answer = settle(s, r->seq, o->now, report);
    beat = take_beat(s, r, o->now, report);
    if (r->epoch > s->epoch) {
        s->epoch = r->epoch;
        s->status = r->status;
        s->counts = s->counts && r->status >= QHCP_STATUS_DRAINING;
        wire_again_forget(&s->again);
        wire_again_forget(&s->again_beat);
        report->what |= SESSION_LB_STATUS;
    } else if (r->epoch < s->epoch || !(answer || beat)) {
        report->what |= SESSION_LB_STALE;
    }
    if (answer)
        report->what |= SESSION_LB_ANSWER;
    else if (!beat)
        report->what &= ~(unsigned)(SESSION_LB_REPEATED | SESSION_LB_SAME);
    report->epoch = s->epoch;
    report->status = s->status;
    return 0;
}

static int do_take_early(struct session_lb *s, const struct occasion *o)
{
    (void)s;
    o->report->what = SESSION_LB_STALE;
    return 0;
}

static int do_take_config(struct session_lb *s, const struct occasion *o)
{
    const struct wire_config_ack *ack = &o->report->m.config_ack;

    if (!s->configuring || (s->pending & PENDING_CONFIG) || ack->id != s->config_id)
        return QHCP_E_UNEXPECTED;
    if (ack->beat_us > 0 && ack->beat_us != s->beat_us && ack->beat_us != s->beat_asked)
        return QHCP_E_VALUE;
    s->beat_us = ack->beat_us;
    s->configuring = false;
    if (s->state != SESSION_LB_TERMINATING)
        s->deadline = NSEC_NEVER;
    o->report->what = ack->refused.count > 0 ? SESSION_LB_REFUSED : SESSION_LB_CONFIGURED;
    return 0;
}

static int do_take_error(struct session_lb *s, const struct occasion *o)
{
    s->pending = 0;
    s->deadline = NSEC_NEVER;
    o->report->what = SESSION_LB_PEER_ERROR;
    return 0;
}

static int do_take_terminate(struct session_lb *s, const struct occasion *o)
{
    (void)s;
    o->report->what = SESSION_LB_PEER_LEAVES;
    return 0;
}

/* We go, whatever connections there are through the server: none are known to have ended. */
static int do_cross(struct session_lb *s, const struct occasion *o)
{
    (void)o;
    s->outcome = 1;
    s->pending |= PENDING_TERMINATE_ACK;
    return 0;
}

static int do_finish(struct session_lb *s, const struct occasion *o)
{
    if (o->report->m.type == WIRE_TERMINATE_ACK && (s->pending & PENDING_TERMINATE))
        return QHCP_E_UNEXPECTED; /* our TERMINATE never left */
    s->pending = 0;
    s->deadline = NSEC_NEVER;
    o->report->what = SESSION_LB_TERMINATED;
    return 0;
}

static int do_ask(struct session_lb *s, const struct occasion *o)
{
    s->seq++;
    s->left_after = 0;
    s->sent[s->seq % SESSION_LB_WINDOW] = o->now > 0 ? o->now : 1; /* 0 means "not awaited" */
    if (s->seq - s->request_first >= SESSION_LB_WINDOW)
        s->request_first = s->seq - SESSION_LB_WINDOW + 1;
    return 0;
}

static int do_configure(struct session_lb *s, const struct occasion *o)
{
    uint8_t trial[LIMIT_FRAME_PAYLOAD + 16];
    struct wire_message m = {.type = WIRE_CONFIG_UPDATE};
    int n;

    if (s->configuring)
        return QHCP_E_AGAIN;
    m.config_update = *o->update;
    m.config_update.id = s->config_id + 1;
    n = wire_encode(&m, trial, sizeof trial);
    if (n < 0)
        return n;
    o->update->id = ++s->config_id;
    if (o->update->has & WIRE_HAS_BEAT)
        s->beat_asked = o->update->beat_us;
    s->update = o->update;
    s->configuring = true;
    s->pending |= PENDING_CONFIG;
    s->deadline = nsec_add(o->now, SESSION_CONFIG_TIMEOUT);
    return 0;
}

static int do_take_leave(struct session_lb *s, const struct occasion *o)
{
    session_text(s->words, sizeof s->words, o->reason, "stopping");
    s->terminate_us = o->wait / NSEC_PER_USEC;
    if (s->terminate_us > LIMIT_DURATION_MAX_US)
        s->terminate_us = LIMIT_DURATION_MAX_US;
    s->pending |= PENDING_TERMINATE;
    s->deadline = nsec_add(o->now, o->wait);
    return 0;
}

static int do_take_leave_both(struct session_lb *s, const struct occasion *o)
{
    do_cross(s, o);
    return do_take_leave(s, o);
}

static int do_abandon(struct session_lb *s, const struct occasion *o)
{
    s->pending &= PENDING_TERMINATE_ACK;
    s->deadline = o->now;
    return 0;
}

static int do_acknowledge(struct session_lb *s, const struct occasion *o)
{
    s->outcome = o->outcome;
    s->pending |= PENDING_TERMINATE_ACK;
    s->deadline = NSEC_NEVER;
    return 0;
}

static int do_time_out(struct session_lb *s, const struct occasion *o)
{
    bool greeting = s->state == SESSION_LB_GREETING;

    (void)o;
    session_text(s->words, sizeof s->words,
                 greeting ? "no ACK within 5 s of HELLO" : "no CONFIG_ACK within 10 s", "");
    return session_lb_fail(s, QHCP_E_TIMEOUT, greeting ? WIRE_HELLO : WIRE_CONFIG_UPDATE);
}

static int do_take_close(struct session_lb *s, const struct occasion *o)
{
    (void)o;
    s->pending = 0;
    s->deadline = NSEC_NEVER;
    return 0;
}

static int (*const actions[SESSION_LB_ACTIONS])(struct session_lb *, const struct occasion *) = {
    [SESSION_LB_IGNORE] = do_ignore,
    [SESSION_LB_GREET] = do_greet,
    [SESSION_LB_ESTABLISH] = do_establish,
    [SESSION_LB_TAKE_RESPONSE] = do_take_response,
    [SESSION_LB_TAKE_EARLY] = do_take_early,
    [SESSION_LB_TAKE_CONFIG] = do_take_config,
    [SESSION_LB_TAKE_ERROR] = do_take_error,
    [SESSION_LB_TAKE_TERMINATE] = do_take_terminate,
    [SESSION_LB_CROSS] = do_cross,
    [SESSION_LB_FINISH] = do_finish,
    [SESSION_LB_ASK] = do_ask,
    [SESSION_LB_CONFIGURE] = do_configure,
    [SESSION_LB_TAKE_LEAVE] = do_take_leave,
    [SESSION_LB_TAKE_LEAVE_BOTH] = do_take_leave_both,
    [SESSION_LB_ABANDON] = do_abandon,
    [SESSION_LB_ACKNOWLEDGE] = do_acknowledge,
    [SESSION_LB_TIME_OUT] = do_time_out,
    [SESSION_LB_TAKE_CLOSE] = do_take_close,
    [SESSION_LB_TAKE_END] = do_take_close,
};

/* One event through the table: 0, QHCP_E_UNEXPECTED without a row, or what the action refused. */
static int step(struct session_lb *s, enum session_event event, const struct occasion *o)
{
    const struct session_row *row =
        session_find(session_lb_table, session_lb_rows, s->state, event);
    int error;

    if (!row)
        return QHCP_E_UNEXPECTED;
    error = actions[row->action](s, o);
    if (error == 0)
        s->state = row->next;
    return error;
}

int session_lb_open(struct session_lb *s, qhcp_nsec now, struct slice token)
{
    return step(s, SESSION_DO_OPEN, &(struct occasion){.now = now, .token = token});
}

static int check_channel(const struct session_lb_report *report, enum session_channel channel)
{
    uint64_t type = report->m.type;

    if (channel == SESSION_STREAM || type == WIRE_HEALTH_RESPONSE || type == WIRE_HEALTH_REQUEST ||
        session_frame_event(type) == SESSION_ON_UNKNOWN)
        return 0;
    return QHCP_E_DATAGRAM;
}

/* A frame that ends the session: "ACK: keys are not in ascending order", "HELLO in state ACTIVE".
 */
static int refuse(struct session_lb *s, int error, uint64_t type)
{
    if (error == QHCP_E_UNEXPECTED)
        snprintf(s->words, sizeof s->words, "%s not expected in state %s", wire_type_name(type),
                 session_lb_state_name(s->state));
    else
        snprintf(s->words, sizeof s->words, "%s: %s", wire_type_name(type), qhcp_strerror(error));
    return session_lb_fail(s, error, type);
}

/* Nearly every frame repeats the answer, or the beat, before it.  What of that do_take_response
 * looks at is known: it was kept because it was the newest. */
static bool repeats(struct session_lb *s, const uint8_t *frame, size_t n,
                    struct session_lb_report *ret)
{
    struct wire_health_response *r = &ret->m.response;
    enum wire_repeats found = wire_again(&s->again, frame, n, &ret->m);
    uint32_t has = WIRE_HAS_SEQ;

    if (found == WIRE_NEW) {
        found = wire_again(&s->again_beat, frame, n, &ret->m);
        has = WIRE_HAS_BEAT;
    }
    if (found == WIRE_NEW)
        return false;
    r->has = has;
    r->boot_id = slice_of(s->boot_id, LIMIT_BOOT_ID);
    r->epoch = s->epoch;
    r->status = s->status;
    ret->what = SESSION_LB_REPEATED | (found == WIRE_SAME ? SESSION_LB_SAME : 0);
    return true;
}

/* For the next one.  The owner has taken nothing from an answer that is stale. */
static void keep(struct session_lb *s, const uint8_t *frame, size_t n,
                 const struct session_lb_report *report)
{
    unsigned what = report->what &
                    (SESSION_LB_ANSWER | SESSION_LB_BEAT | SESSION_LB_STALE | SESSION_LB_REPEATED);

    if (what == SESSION_LB_ANSWER)
        wire_again_keep(&s->again, frame, n);
    else if (what == SESSION_LB_BEAT)
        wire_again_keep(&s->again_beat, frame, n);
    else if (what & SESSION_LB_STALE)
        wire_again_forget(&s->again);
}

int session_lb_frame(struct session_lb *s, qhcp_nsec at, enum session_channel channel,
                     const uint8_t *frame, size_t n, struct session_lb_report *ret)
{
    struct occasion o = {.now = at, .report = ret};
    uint64_t type = 0;
    int error = 0;

    ret->what = 0;
    ret->rtt = 0;
    if (s->state == SESSION_LB_CLOSED)
        return 0;
    if (repeats(s, frame, n, ret))
        type = ret->m.type;
    else
        error = wire_decode(frame, n, &ret->m, &type);
    if (error == 0)
        error = check_channel(ret, channel);
    if (error == 0)
        error = step(s, session_frame_event(type), &o);
    if (error == 0)
        keep(s, frame, n, ret);
    return error == 0 ? 0 : refuse(s, error, type);
}

bool session_lb_closed(struct session_lb *s, uint64_t code)
{
    const struct session_row *row =
        session_find(session_lb_table, session_lb_rows, s->state, SESSION_ON_CLOSED);
    bool agreed = row->action == SESSION_LB_TAKE_END;

    (void)step(s, SESSION_ON_CLOSED, &(struct occasion){.now = 0});
    return agreed && code == (uint64_t)-QHCP_E_NO_ERROR;
}

void session_lb_refuse(struct session_lb *s, int error, const char *words)
{
    if (s->state == SESSION_LB_IDLE || s->state == SESSION_LB_CLOSED)
        return;
    session_text(s->words, sizeof s->words, words, qhcp_strerror(error));
    session_lb_fail(s, error, 0);
}

int session_lb_request(struct session_lb *s, qhcp_nsec now, uint64_t *ret_seq)
{
    int error = step(s, SESSION_DO_REQUEST, &(struct occasion){.now = now});

    if (error == 0)
        *ret_seq = s->seq;
    return error;
}

void session_lb_in_flight(struct session_lb *s, uint64_t n)
{
    s->counts = s->status >= QHCP_STATUS_DRAINING;
    s->in_flight = n;
}

void session_lb_sent(struct session_lb *s, qhcp_nsec now, uint64_t seq)
{
    qhcp_nsec asked = s->sent[seq % SESSION_LB_WINDOW];

    if (seq == s->seq && asked > 0 && now > asked)
        s->left_after = nsec_min(now - asked, SESSION_LB_LAG);
}

void session_lb_not_sent(struct session_lb *s, uint64_t seq)
{
    if (seq > 0 && seq <= s->seq && s->seq - seq < SESSION_LB_WINDOW)
        s->sent[seq % SESSION_LB_WINDOW] = 0;
}

int session_lb_config(struct session_lb *s, qhcp_nsec now, struct wire_config_update *update)
{
    return step(s, SESSION_DO_CONFIG, &(struct occasion){.now = now, .update = update});
}

int session_lb_terminate(struct session_lb *s, qhcp_nsec now, qhcp_nsec wait, const char *reason)
{
    return step(s, SESSION_DO_TERMINATE,
                &(struct occasion){.now = now, .wait = wait, .reason = reason});
}

int session_lb_leave(struct session_lb *s, qhcp_nsec now, uint64_t outcome)
{
    return step(s, SESSION_DO_LEAVE, &(struct occasion){.now = now, .outcome = outcome});
}

qhcp_nsec session_lb_deadline(const struct session_lb *s)
{
    return s->deadline;
}

int session_lb_expire(struct session_lb *s, qhcp_nsec now, struct session_lb_report *ret)
{
    ret->what = 0;
    ret->m.type = 0;
    if (now < s->deadline)
        return 0;
    return step(s, SESSION_AT_DEADLINE, &(struct occasion){.now = now, .report = ret});
}
