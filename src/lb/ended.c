#include "lb/ended.h"

#include <stdio.h>
#include <string.h>

#include "lb/internal.h"

static void ended_words(const struct quic_close *why, char *ret, size_t cap)
{
    bool token = why->application && why->code >= (uint64_t)-QHCP_E_TOKEN_MISSING &&
                 why->code <= (uint64_t)-QHCP_E_TOKEN_CLAIM;
    char number[40];
    const char *words = why->words;

    if (words[0] == '\0' && why->application) {
        words = qhcp_strerror((int64_t)why->code);
        snprintf(number, sizeof number, "error 0x%llx", (unsigned long long)why->code);
        if (strcmp(words, "unknown error") == 0)
            words = number;
    }

    if (token && strncmp(words, "token", 5) != 0)
        snprintf(ret, cap, "token refused: %.220s", words);
    else
        snprintf(ret, cap, "%s", words);
}

/* Closed with a code of the peer: is it a refusal, or did the peer only leave? */
static bool peer_refused(const struct quic_close *why)
{
    int64_t code = -(int64_t)why->code;

    return why->application && code != QHCP_E_NO_ERROR && code != QHCP_E_STOPPING &&
           code != QHCP_E_TIMEOUT && code != QHCP_E_EXCESSIVE;
}

/* An end that is the same before and after the handshake's end; false where it is not. */
static bool is_refusal(const struct quic_close *why)
{
    switch (why->end) {
    case QUIC_END_CERTIFICATE:
    case QUIC_END_REFUSED_CERTIFICATE:
    case QUIC_END_ALPN:
    case QUIC_END_PROTOCOL:
        return true;
    case QUIC_END_CLOSED_BY_PEER:
        return peer_refused(why);
    default:
        return false;
    }
}

static void attempt_ended(struct backend *b, qhcp_nsec now, const struct quic_close *why,
                          const char *words)
{
    if (why->application && token_fall_back(b, why->code))
        attempt_again(b, now);
    else if (is_refusal(why))
        attempt_failed(b, now, HEALTH_SIGNAL_REFUSED, words);
    else if (why->end == QUIC_END_UNREACHABLE)
        attempt_failed(b, now, HEALTH_SIGNAL_DIAL_UNREACHABLE, reason_icmp(b->paths.icmp_error));
    else
        attempt_failed(b, now, HEALTH_SIGNAL_DIAL_FAILED, words);
}

static void session_ended(struct backend *b, qhcp_nsec now, const struct quic_close *why,
                          const char *words)
{
    reason_because(b, words);
    if (why->application && why->code == (uint64_t)-QHCP_E_STOPPING)
        act_signal(b, now, HEALTH_SIGNAL_TERMINATE); /* it goes without our acknowledgement */
    if (is_refusal(why))
        act_signal(b, now, HEALTH_SIGNAL_REFUSED);
    else
        act_signal(b, now, why->end == QUIC_END_RESET ? HEALTH_SIGNAL_RESET : HEALTH_SIGNAL_CLOSED);
}

/* What is learnt from the connection itself, before it goes. */
static void take_note(struct backend *b, const struct quic_close *why, const char *words)
{
    struct quic_conn *c = b->link.conn;
    bool agreed = session_lb_closed(&b->link.session, why->application ? why->code : 0);

    if (why->end == QUIC_END_CERTIFICATE && quic_conn_peer_expires(c) != 0)
        ticket_certificate(b, quic_conn_peer_expires(c)); /* the notice says how to renew it */
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: connection ended%s: %s", b->text,
           agreed ? " after TERMINATE" : "", words);
    if (is_refusal(why) || why->end == QUIC_END_HANDSHAKE)
        ticket_drop(b);
}

void ended(struct backend *b, qhcp_nsec now, const struct quic_close *why, int code,
           const char *farewell)
{
    bool dialling = b->health.phase == HEALTH_DIALING, key_gone;
    char words[QHCP_TEXT];

    ended_words(why, words, sizeof words);
    leave_ended(b, now);
    take_note(b, why, words);
    key_gone = !dialling && why->application && token_key_changed(b, why->code);
    if (!b->lb->stopping && !dialling && !key_gone && !is_refusal(why))
        lost_remember(b, now);
    link_end(&b->link, code, farewell);
    if (b->lb->stopping)
        return;
    if (dialling)
        attempt_ended(b, now, why, words);
    else if (key_gone)
        act_signal(b, now, HEALTH_SIGNAL_RESET); /* no verdict: with the newest key, at once */
    else
        session_ended(b, now, why, words);
}
