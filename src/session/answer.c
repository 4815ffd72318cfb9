/* The server's hot path: one HEALTH_RESPONSE, encoded where it will be sent from, or copied from
 * the last one if nothing but its number differs (said.h).
 *
 * The message on the stack is filled field by field and read only as far as its counts say.  An
 * answer must fit a datagram, and must not fail because an application reports much: the least
 * important parts are left out until it fits. */
#include <qhcp/types.h>

#include "session/tables.h"

enum thrift {
    EVERYTHING = 0,
    NO_CHECK_REASONS,
    FAILED_CHECKS, /* without reasons */
    NO_CHECKS,
    BARE, /* the status in one word, in case that self's reason was not valid text */
    THRIFTS,
};

static const char *status_words(uint64_t status)
{
    static const char *const words[] = {"serving", "degraded", "draining", "not serving",
                                        "maintenance"};

    return status < sizeof words / sizeof words[0] ? words[status] : "not serving";
}

static void fill_checks(const struct wire_checks *checks, enum thrift thrift,
                        struct wire_checks *ret)
{
    ret->count = 0;
    if (thrift >= NO_CHECKS)
        return;
    for (size_t i = 0; i < checks->count; i++) {
        struct wire_check *check = &ret->at[ret->count];

        if (thrift == FAILED_CHECKS && checks->at[i].status == QHCP_SERVING)
            continue;
        *check = checks->at[i];
        if (thrift >= NO_CHECK_REASONS)
            check->reason = slice_of(NULL, 0);
        ret->count++;
    }
}

static void fill_reason(const struct session_server_self *self, enum thrift thrift,
                        struct wire_health_response *ret)
{
    bool said = self->reason[0] != '\0' && thrift < BARE;

    if (!said && ret->status == QHCP_SERVING)
        return;
    ret->has |= WIRE_HAS_REASON;
    ret->reason = slice_str(said ? self->reason : status_words(ret->status));
}

/* What every HEALTH_RESPONSE says; false where the session says nothing. */
static bool begin(const struct session_server *s, struct wire_message *m)
{
    const struct session_server_self *self = s->self;
    struct wire_health_response *r = &m->response;

    if (!session_find(session_server_table, session_server_rows, s->state, SESSION_DO_ANSWER))
        return false;
    m->type = WIRE_HEALTH_RESPONSE;
    r->boot_id = slice_of(self->boot_id, LIMIT_BOOT_ID);
    r->epoch = self->epoch;
    r->status = self->status;
    r->processing_us = 0;
    r->values.count = 0;
    return true;
}

/* Its frame, with as much as fits from *thrift on; has: which of seq and beat is there. */
static size_t finish(const struct session_server *s, struct wire_message *m, uint32_t has,
                     enum thrift *thrift, uint8_t *buf, size_t cap)
{
    for (; *thrift < THRIFTS; ++*thrift) {
        int n;

        m->response.has = has;
        fill_reason(s->self, *thrift, &m->response);
        fill_checks(&s->self->checks, *thrift, &m->response.checks);
        n = wire_encode(m, buf, cap);
        if (n > 0)
            return (size_t)n;
    }
    return 0;
}

size_t session_server_answer(struct session_server *s, uint64_t seq, uint64_t processing_us,
                             uint8_t *buf, size_t cap)
{
    struct session_said *said = processing_us == 0 ? s->self->said : NULL;
    enum thrift thrift = EVERYTHING;
    struct wire_message m;
    size_t n;

    if (!begin(s, &m))
        return 0;
    n = said ? session_said_again(said, &s->metrics, seq, buf, cap) : 0;
    if (n > 0)
        return n;
    m.response.seq = seq;
    m.response.processing_us =
        processing_us < LIMIT_DURATION_MAX_US ? processing_us : LIMIT_DURATION_MAX_US;
    session_metrics_measure(s->self, &s->metrics, &m.response.values);
    n = finish(s, &m, seq > 0 ? WIRE_HAS_SEQ : 0, &thrift, buf, cap);
    if (said && n > 0 && thrift == EVERYTHING)
        session_said_keep(said, &s->metrics, seq, buf, n);
    return n;
}

size_t session_server_beat(struct session_server *s, uint64_t beat, uint8_t *buf, size_t cap)
{
    struct session_said *said = s->self->said;
    enum thrift thrift = NO_CHECKS;
    struct wire_message m;
    size_t n;

    if (!begin(s, &m))
        return 0;
    n = said ? session_said_beat(said, beat, buf, cap) : 0;
    if (n > 0)
        return n;
    m.response.beat = beat;
    n = finish(s, &m, WIRE_HAS_BEAT, &thrift, buf, cap);
    if (said && n > 0 && thrift == NO_CHECKS)
        session_said_keep_beat(said, beat, buf, n);
    return n;
}
