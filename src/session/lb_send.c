/* The frames of a load balancer's session, encoded when they are pulled: control frames in the
 * order of their bits, then requests. */
#include "session/lb_send.h"

#include <stdio.h>

#include <qhcp/error.h>

#include "wire/registry.h"

int session_lb_fail(struct session_lb *s, int error, uint64_t refers)
{
    s->state = SESSION_LB_CLOSED;
    s->pending = PENDING_ERROR;
    s->deadline = NSEC_NEVER;
    s->error_code = (uint64_t)-error;
    s->error_refers = refers;
    return error;
}

void session_lb_hello(const struct session_lb_config *config, struct slice token,
                      struct wire_hello *ret)
{
    *ret = (struct wire_hello){.has = token.n > 0 ? WIRE_HAS_TOKEN : 0,
                               .interval_us = config->interval_us,
                               .lb_id = config->lb_id,
                               .push = config->push,
                               .token = token,
                               .extensions = {1, {WIRE_EXTENSION_BEATS}},
                               .beat_us = config->beat_us};
    if (config->metrics)
        ret->metrics = *config->metrics;
    else
        ret->metrics = (struct wire_numbers){2, {WIRE_METRIC_CPU, WIRE_METRIC_MEMORY}};
    if (config->metric_names)
        ret->metric_names = *config->metric_names;
}

/* Fills the message of the lowest pending bit; returns the bit. */
static uint32_t fill_control(struct session_lb *s, struct wire_message *ret)
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
    case PENDING_HELLO:
        ret->type = WIRE_HELLO;
        session_lb_hello(s->config, s->token, &ret->hello);
        s->beat_asked = ret->hello.beat_us;
        s->token = slice_of(NULL, 0);
        break;
    case PENDING_CONFIG:
        ret->type = WIRE_CONFIG_UPDATE;
        ret->config_update = *s->update;
        s->update = NULL;
        break;
    case PENDING_TERMINATE:
        ret->type = WIRE_TERMINATE;
        ret->terminate = (struct wire_terminate){s->terminate_us, slice_str(s->words)};
        break;
    case PENDING_TERMINATE_ACK:
        ret->type = WIRE_TERMINATE_ACK;
        ret->terminate_ack = (struct wire_terminate_ack){s->outcome};
        break;
    }
    return bit;
}

/* A control frame; one that cannot be encoded (a name that is not UTF-8) ends the session. */
static size_t pull_control(struct session_lb *s, uint8_t *buf, size_t cap)
{
    struct wire_message m;
    int n;

    s->pending &= ~fill_control(s, &m);
    n = wire_encode(&m, buf, cap);
    if (n < 0 && m.type != WIRE_ERROR) {
        snprintf(s->words, sizeof s->words, "%s could not be encoded: %s", wire_type_name(m.type),
                 qhcp_strerror(n));
        session_lb_fail(s, QHCP_E_INTERNAL, m.type);
        return pull_control(s, buf, cap);
    }
    return n > 0 ? (size_t)n : 0;
}

static size_t pull_request(struct session_lb *s, uint8_t *buf, size_t cap, uint64_t *ret_seq)
{
    struct wire_message m;
    int n;

    while (s->request_first <= s->seq) {
        uint64_t seq = s->request_first++;

        if (s->sent[seq % SESSION_LB_WINDOW] == 0)
            continue; /* given up before it left */
        m.type = WIRE_HEALTH_REQUEST;
        m.request = (struct wire_health_request){.has = s->counts ? WIRE_HAS_IN_FLIGHT : 0,
                                                 .seq = seq,
                                                 .epoch = s->epoch,
                                                 .in_flight = s->in_flight};
        n = wire_encode(&m, buf, cap);
        if (n <= 0)
            return 0;
        *ret_seq = seq;
        return (size_t)n;
    }
    return 0;
}

size_t session_lb_pull(struct session_lb *s, uint8_t *buf, size_t cap,
                       enum session_channel *ret_channel, uint64_t *ret_seq)
{
    *ret_seq = 0;
    if (s->pending != 0) {
        *ret_channel = SESSION_STREAM;
        return pull_control(s, buf, cap);
    }
    if (s->state == SESSION_LB_CLOSED || s->state == SESSION_LB_TERMINATING)
        return 0;
    *ret_channel = SESSION_DATAGRAM;
    return pull_request(s, buf, cap, ret_seq);
}
