/* The server's side of a session.
 *
 * It answers only a load balancer whose token was verified, tells what that may know, pushes
 * changes and ends in good order.  In: whole frames, calls and time; out: reports and frames: the
 * control stream's by pull, answers and pushes at once by session_server_answer.  Every event is
 * looked up in session_server_table; an action here carries it out and may still refuse.
 *
 * It must never answer before session_server_accept, serve a message that the token's scopes do not
 * allow, or apply half a CONFIG_UPDATE.  It must never copy or clear a whole wire_message on the
 * path of a check. */
#include "session/server.h"

#include <stdio.h>

#include <qhcp/error.h>

#include "session/config.h"
#include "session/tables.h"

/* Frames to be pulled, in the order in which they are. */
enum {
    PENDING_ERROR = 1 << 0,
    PENDING_ACK = 1 << 1,
    PENDING_CONFIG_ACK = 1 << 2,
    PENDING_TERMINATE = 1 << 3,
    PENDING_TERMINATE_ACK = 1 << 4,
};

/* One event with what it brings; an action reads what its event has. */
struct occasion {
    qhcp_nsec now;
    qhcp_nsec wait;
    int error;
    const char *words;
    struct session_token token;
    const struct wire_hello *hello;
    const struct wire_config_update *update;
    struct session_server_report *report;
};

void session_server_init(struct session_server *s, const struct session_server_self *self,
                         qhcp_nsec now)
{
    *s = (struct session_server){.self = self,
                                 .deadline = nsec_add(now, SESSION_HELLO_TIMEOUT),
                                 .token_expires = NSEC_NEVER};
}

void session_server_connected(struct session_server *s, qhcp_nsec now)
{
    if (s->state == SESSION_SERVER_WAITING)
        s->deadline = nsec_add(now, SESSION_HELLO_TIMEOUT);
}

/* Ends the session by our own ERROR, whose words are in s->words. */
static int fail(struct session_server *s, int error, uint64_t refers)
{
    s->state = SESSION_SERVER_CLOSED;
    s->pending = PENDING_ERROR;
    s->deadline = s->token_expires = NSEC_NEVER;
    s->error_code = (uint64_t)-error;
    s->error_refers = refers;
    return error;
}

static int fail_in_words(struct session_server *s, int error, uint64_t refers, const char *words)
{
    session_text(s->words, sizeof s->words, words, qhcp_strerror(error));
    return fail(s, error, refers);
}

static int do_ignore(struct session_server *s, const struct occasion *o)
{
    (void)s, (void)o;
    return 0;
}

static int do_take_hello(struct session_server *s, const struct occasion *o)
{
    (void)s;
    o->report->what = SESSION_SERVER_HELLO;
    return 0;
}

static int do_establish(struct session_server *s, const struct occasion *o)
{
    const struct wire_hello *hello = o->hello;
    struct slice name; /* what we have not is not confirmed; HELLO asks, it does not insist */
    uint64_t number;

    if (!(o->token.scopes & SESSION_SCOPE_HEALTH))
        return fail_in_words(s, QHCP_E_TOKEN_SCOPE, WIRE_HELLO, "the token lacks the scope health");
    session_metrics_choose(s->self, &hello->metrics, &hello->metric_names, &s->metrics, &number,
                           &name);
    s->scopes = o->token.scopes;
    s->push = hello->push;
    s->interval_us = session_config_interval(hello->interval_us);
    for (size_t i = 0; i < hello->extensions.count; i++)
        s->beats = s->beats || hello->extensions.at[i] == WIRE_EXTENSION_BEATS;
    s->beat_us = s->beats ? hello->beat_us : 0;
    s->epoch_seen = s->self->epoch; /* the first answer brings it; later ones are pushed */
    s->token_expires = o->token.expires;
    s->deadline = NSEC_NEVER;
    s->pending |= PENDING_ACK;
    return 0;
}

static int do_take_request(struct session_server *s, const struct occasion *o)
{
    const struct wire_health_request *request = &o->report->m.request;
    uint64_t newest = s->self->epoch;

    if (request->seq == 0)
        return QHCP_E_VALUE; /* it would be answered as a push */
    o->report->what = SESSION_SERVER_REQUEST;
    if (request->seq > s->seq) {
        s->seq = request->seq;
        s->counts = request->has & WIRE_HAS_IN_FLIGHT;
        s->in_flight = request->in_flight;
    }
    if (request->epoch > s->epoch_seen && s->epoch_seen < newest) {
        s->epoch_seen = request->epoch < newest ? request->epoch : newest;
        if (s->epoch_seen == newest)
            o->report->what |= SESSION_SERVER_PUSH_SEEN;
    }
    return 0;
}

static int do_take_config(struct session_server *s, const struct occasion *o)
{
    const struct wire_config_update *update = &o->report->m.config_update;

    if (s->configuring)
        return QHCP_E_EXCESSIVE; /* one at a time */
    if (update->id <= s->config_id)
        return QHCP_E_VALUE;
    s->config_id = update->id;
    s->configuring = true;
    o->report->what = SESSION_SERVER_CONFIG;
    return 0;
}

static int do_configure(struct session_server *s, const struct occasion *o)
{
    if (!s->configuring || s->pending & PENDING_CONFIG_ACK || o->update->id != s->config_id)
        return QHCP_E_UNEXPECTED;
    session_config_apply(s, o->now, o->update, &o->token);
    s->pending |= PENDING_CONFIG_ACK;
    return 0;
}

static int do_take_error(struct session_server *s, const struct occasion *o)
{
    s->pending = 0;
    s->deadline = s->token_expires = NSEC_NEVER;
    o->report->what = SESSION_SERVER_PEER_ERROR;
    return 0;
}

static int do_take_terminate(struct session_server *s, const struct occasion *o)
{
    if (!(s->scopes & SESSION_SCOPE_TERMINATE))
        return fail_in_words(s, QHCP_E_TOKEN_SCOPE, WIRE_TERMINATE,
                             "the token lacks the scope terminate");
    s->pending = (s->pending & ~PENDING_TERMINATE) | PENDING_TERMINATE_ACK;
    s->deadline = s->token_expires = NSEC_NEVER;
    o->report->what = SESSION_SERVER_PEER_LEAVES;
    return 0;
}

static int do_finish(struct session_server *s, const struct occasion *o)
{
    if (o->report->m.type == WIRE_TERMINATE_ACK && s->pending & PENDING_TERMINATE)
        return QHCP_E_UNEXPECTED; /* our TERMINATE never left */
    s->pending = 0;
    s->deadline = s->token_expires = NSEC_NEVER;
    o->report->what = SESSION_SERVER_TERMINATED;
    return 0;
}

static int do_take_leave(struct session_server *s, const struct occasion *o)
{
    session_text(s->words, sizeof s->words, o->words, "stopping");
    s->deadline = nsec_add(o->now, o->wait);
    s->pending |= PENDING_TERMINATE;
    return 0;
}

static int do_turn_away(struct session_server *s, const struct occasion *o)
{
    fail_in_words(s, o->error, s->state == SESSION_SERVER_CHECKING ? WIRE_HELLO : 0, o->words);
    return 0;
}

static int do_time_out(struct session_server *s, const struct occasion *o)
{
    (void)o;
    return fail_in_words(s, QHCP_E_TIMEOUT, 0, "no HELLO within 5 s of the handshake");
}

static int do_expire_token(struct session_server *s, const struct occasion *o)
{
    (void)o;
    return fail_in_words(s, QHCP_E_TOKEN_EXPIRED, 0, "the token expired and was not renewed");
}

static int do_take_close(struct session_server *s, const struct occasion *o)
{
    (void)o;
    s->pending = 0;
    s->deadline = s->token_expires = NSEC_NEVER;
    return 0;
}

/* GIVE_ANSWER encodes into the caller's buffer and cannot fail a session: its action is the
 * function session_server_answer itself. */
static int (*const actions[SESSION_SERVER_ACTIONS])(struct session_server *,
                                                    const struct occasion *) = {
    [SESSION_SERVER_IGNORE] = do_ignore,
    [SESSION_SERVER_TAKE_HELLO] = do_take_hello,
    [SESSION_SERVER_ESTABLISH] = do_establish,
    [SESSION_SERVER_TAKE_REQUEST] = do_take_request,
    [SESSION_SERVER_GIVE_ANSWER] = do_ignore,
    [SESSION_SERVER_TAKE_CONFIG] = do_take_config,
    [SESSION_SERVER_CONFIGURE] = do_configure,
    [SESSION_SERVER_TAKE_ERROR] = do_take_error,
    [SESSION_SERVER_TAKE_TERMINATE] = do_take_terminate,
    [SESSION_SERVER_FINISH] = do_finish,
    [SESSION_SERVER_TAKE_LEAVE] = do_take_leave,
    [SESSION_SERVER_TURN_AWAY] = do_turn_away,
    [SESSION_SERVER_TIME_OUT] = do_time_out,
    [SESSION_SERVER_EXPIRE_TOKEN] = do_expire_token,
    [SESSION_SERVER_TAKE_CLOSE] = do_take_close,
    [SESSION_SERVER_TAKE_END] = do_take_close,
};

/* One event through the table: 0, QHCP_E_UNEXPECTED without a row, or what the action refused. */
static int step(struct session_server *s, enum session_event event, const struct occasion *o)
{
    const struct session_row *row =
        session_find(session_server_table, session_server_rows, s->state, event);
    int error;

    if (!row)
        return QHCP_E_UNEXPECTED;
    error = actions[row->action](s, o);
    if (error == 0)
        s->state = row->next;
    return error;
}

static int check_channel(uint64_t type, enum session_channel channel)
{
    if (channel == SESSION_STREAM || type == WIRE_HEALTH_RESPONSE || type == WIRE_HEALTH_REQUEST ||
        session_frame_event(type) == SESSION_ON_UNKNOWN)
        return 0;
    return QHCP_E_DATAGRAM;
}

/* A frame that ends the session: "HELLO: keys are not in ascending order", "ACK not expected in
 * state WAITING". */
static int refuse(struct session_server *s, int error, uint64_t type)
{
    if (s->state == SESSION_SERVER_CLOSED) /* the action has said it in better words */
        return error;
    if (error == QHCP_E_UNEXPECTED)
        snprintf(s->words, sizeof s->words, "%s not expected in state %s", wire_type_name(type),
                 session_server_state_name(s->state));
    else
        snprintf(s->words, sizeof s->words, "%s: %s", wire_type_name(type), qhcp_strerror(error));
    return fail(s, error, type);
}

int session_server_frame(struct session_server *s, qhcp_nsec now, enum session_channel channel,
                         const uint8_t *frame, size_t n, struct session_server_report *ret)
{
    struct occasion o = {.now = now, .report = ret};
    uint64_t type = 0;
    int error;

    ret->what = 0;
    if (s->state == SESSION_SERVER_CLOSED)
        return 0;
    error = wire_decode(frame, n, &ret->m, &type);
    if (error == 0)
        error = check_channel(type, channel);
    if (error == 0)
        error = step(s, session_frame_event(type), &o);
    return error == 0 ? 0 : refuse(s, error, type);
}

bool session_server_closed(struct session_server *s, uint64_t code)
{
    const struct session_row *row =
        session_find(session_server_table, session_server_rows, s->state, SESSION_ON_CLOSED);
    bool agreed = row->action == SESSION_SERVER_TAKE_END;

    (void)step(s, SESSION_ON_CLOSED, &(struct occasion){.now = 0});
    return agreed && code == (uint64_t)-QHCP_E_NO_ERROR;
}

int session_server_accept(struct session_server *s, qhcp_nsec now, const struct wire_hello *hello,
                          unsigned scopes, qhcp_nsec expires)
{
    return step(s, SESSION_DO_ACCEPT,
                &(struct occasion){
                    .now = now, .hello = hello, .token = {.scopes = scopes, .expires = expires}});
}

void session_server_refuse(struct session_server *s, qhcp_nsec now, int error, const char *words)
{
    step(s, SESSION_DO_REFUSE, &(struct occasion){.now = now, .error = error, .words = words});
}

void session_server_config(struct session_server *s, qhcp_nsec now,
                           const struct wire_config_update *update, int error, const char *words,
                           unsigned scopes, qhcp_nsec expires)
{
    step(
        s, SESSION_DO_CONFIG,
        &(struct occasion){.now = now, .update = update, .token = {error, words, scopes, expires}});
}

int session_server_terminate(struct session_server *s, qhcp_nsec now, qhcp_nsec wait,
                             const char *reason)
{
    return step(
        s, SESSION_DO_TERMINATE,
        &(struct occasion){.now = now, .wait = wait, .error = QHCP_E_STOPPING, .words = reason});
}

qhcp_nsec session_server_deadline(const struct session_server *s)
{
    return nsec_min(s->deadline, s->token_expires);
}

int session_server_expire(struct session_server *s, qhcp_nsec now,
                          struct session_server_report *ret)
{
    struct occasion o = {.now = now, .report = ret};

    ret->what = 0;
    ret->m.type = SESSION_ON_UNKNOWN;
    if (now >= s->deadline)
        return step(s, SESSION_AT_DEADLINE, &o);
    return now >= s->token_expires ? step(s, SESSION_AT_EXPIRY, &o) : 0;
}

bool session_server_push_due(const struct session_server *s)
{
    return s->push && s->self->epoch > s->epoch_seen &&
           (s->state == SESSION_SERVER_ACTIVE || s->state == SESSION_SERVER_TERMINATING);
}

qhcp_nsec session_server_beats(const struct session_server *s)
{
    bool live = s->state == SESSION_SERVER_ACTIVE || s->state == SESSION_SERVER_TERMINATING;

    return live ? s->beat_us * NSEC_PER_USEC : 0;
}

static void fill_ack(const struct session_server *s, struct wire_ack *ret)
{
    const struct session_server_self *self = s->self;

    *ret = (struct wire_ack){.interval_us = s->interval_us,
                             .server_id = self->server_id,
                             .processing_us = self->processing_us,
                             .boot_id = slice_of(self->boot_id, LIMIT_BOOT_ID),
                             .push = s->push,
                             .services = self->services,
                             .revoked = self->revoked,
                             .extensions = {s->beats, {WIRE_EXTENSION_BEATS}},
                             .beat_us = s->beat_us};
    session_metrics_describe(self, &s->metrics, &ret->metrics);
}

static uint64_t remaining_us(const struct session_server *s, qhcp_nsec now)
{
    uint64_t us = s->deadline > now ? (s->deadline - now) / NSEC_PER_USEC : 0;

    return us < LIMIT_DURATION_MAX_US ? us : LIMIT_DURATION_MAX_US;
}

/* Fills the message of the lowest pending bit; returns the bit. */
static uint32_t fill_control(struct session_server *s, qhcp_nsec now, struct wire_message *ret)
{
    uint32_t bit = s->pending & -s->pending;

    switch (bit) {
    case PENDING_ERROR:
        ret->type = WIRE_ERROR;
        ret->error = (struct wire_error){.has = s->error_refers > 0 ? WIRE_HAS_REFERS : 0,
                                         .code = s->error_code,
                                         .words = slice_str(s->words),
                                         .refers = s->error_refers};
        break;
    case PENDING_ACK:
        ret->type = WIRE_ACK;
        fill_ack(s, &ret->ack);
        break;
    case PENDING_CONFIG_ACK:
        ret->type = WIRE_CONFIG_ACK;
        ret->config_ack = s->config_ack;
        session_metrics_describe(s->self, &s->metrics, &ret->config_ack.metrics);
        s->configuring = false;
        break;
    case PENDING_TERMINATE:
        ret->type = WIRE_TERMINATE;
        ret->terminate = (struct wire_terminate){remaining_us(s, now), slice_str(s->words)};
        break;
    case PENDING_TERMINATE_ACK:
        ret->type = WIRE_TERMINATE_ACK;
        ret->terminate_ack = (struct wire_terminate_ack){0};
        break;
    }
    return bit;
}

size_t session_server_pull(struct session_server *s, qhcp_nsec now, uint8_t *buf, size_t cap,
                           enum session_channel *ret_channel)
{
    struct wire_message m;
    int n;

    if (s->pending == 0)
        return 0;
    s->pending &= ~fill_control(s, now, &m);
    n = wire_encode(&m, buf, cap);
    if (n < 0 && m.type != WIRE_ERROR) { /* a name of self's that is not valid */
        snprintf(s->words, sizeof s->words, "%s could not be encoded: %s", wire_type_name(m.type),
                 qhcp_strerror(n));
        fail(s, QHCP_E_INTERNAL, m.type);
        return session_server_pull(s, now, buf, cap, ret_channel);
    }
    *ret_channel = SESSION_STREAM;
    return n > 0 ? (size_t)n : 0;
}
