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

size_t session_server_answer(struct session_server *s, uint64_t seq, uint64_t processing_us,
                             uint8_t *buf, size_t cap)
{
    const struct session_server_self *self = s->self;
    struct session_said *said = processing_us == 0 ? self->said : NULL;
    struct wire_message m;
    struct wire_health_response *r = &m.response;
    size_t same;

    if (!session_find(session_server_table, session_server_rows, s->state, SESSION_DO_ANSWER))
        return 0;
    same = said ? session_said_again(said, &s->metrics, seq, buf, cap) : 0;
    if (same > 0)
        return same;
    m.type = WIRE_HEALTH_RESPONSE;
    r->seq = seq;
    r->boot_id = slice_of(self->boot_id, LIMIT_BOOT_ID);
    r->epoch = self->epoch;
    r->status = self->status;
    r->processing_us =
        processing_us < LIMIT_DURATION_MAX_US ? processing_us : LIMIT_DURATION_MAX_US;
    session_metrics_measure(self, &s->metrics, &r->values);
    for (enum thrift thrift = EVERYTHING; thrift < THRIFTS; thrift++) {
        int n;

        r->has = seq > 0 ? WIRE_HAS_SEQ : 0;
        fill_reason(self, thrift, r);
        fill_checks(&self->checks, thrift, &r->checks);
        n = wire_encode(&m, buf, cap);
        if (n <= 0)
            continue;
        if (said && thrift == EVERYTHING)
            session_said_keep(said, &s->metrics, seq, buf, (size_t)n);
        return (size_t)n;
    }
    return 0;
}
