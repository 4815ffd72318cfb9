/* Why a connection ended, in words that a user can act on.  In: an error of ngtcp2, the peer's
 * words, what TLS refused.  Out: one struct quic_close, and what to tell the peer.  The peer's
 * words are hostile: only printable text of them is kept. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "quic/internal.h"

#include <qhcp/error.h>

enum {
    ALERT_CERTIFICATE_REQUIRED = 116,
    ALERT_NO_ALPN = 120,
};

/* TLS alerts about certificates: 42-46, 48, 49, 113 and 116 (RFC 8446, 6.2). */
static bool is_about_certificate(uint8_t alert)
{
    return (alert >= 42 && alert <= 46) || alert == 48 || alert == 49 || alert == 113 ||
           alert == ALERT_CERTIFICATE_REQUIRED;
}

static const char *alert_words(uint8_t alert)
{
    const char *name;

    switch (alert) {
    case 42:
        return "certificate not accepted";
    case 45:
        return "certificate expired";
    case 48:
        return "certificate of an unknown CA";
    case ALERT_CERTIFICATE_REQUIRED:
        return "a client certificate is required";
    case ALERT_NO_ALPN:
        return "does not support " QUIC_ALPN;
    default:
        name = gnutls_alert_get_name((gnutls_alert_description_t)alert);
        return name ? name : "unknown TLS alert";
    }
}

void quic_conn_end(struct quic_conn *c, enum quic_end end, const char *words)
{
    if (c->ended)
        return;
    c->ended = true;
    c->why.end = end;
    if (words != NULL)
        utf8_clean(slice_str(words), c->why.words, sizeof(c->why.words));
    quic_conn_wake(c);
}

/* What the peer will read in our CONNECTION_CLOSE. */
static void tell(struct quic_conn *c, ngtcp2_ccerr_type type, uint64_t code, const char *words)
{
    c->close_type = type;
    c->why.application = type == NGTCP2_CCERR_TYPE_APPLICATION;
    c->why.code = code;
    c->close_words = words;
}

static void end_by_peer(struct quic_conn *c)
{
    const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(c->ng);
    bool tls = error->type == NGTCP2_CCERR_TYPE_TRANSPORT && error->error_code >= 0x100 &&
               error->error_code < 0x200;
    uint8_t alert = (uint8_t)error->error_code;
    char words[QUIC_WORDS];

    c->silent = true;
    c->why.application = error->type == NGTCP2_CCERR_TYPE_APPLICATION;
    c->why.code = error->error_code;
    utf8_clean(slice_of(error->reason, error->reasonlen), words, sizeof(words));
    if (!tls) {
        if (words[0] == '\0' && error->error_code == NGTCP2_CONNECTION_REFUSED &&
            !c->why.application)
            snprintf(words, sizeof(words), "connection refused");
        quic_conn_end(c, QUIC_END_CLOSED_BY_PEER, words);
        return;
    }
    if (words[0] == '\0')
        snprintf(words, sizeof(words), "%s", alert_words(alert));
    if (alert == ALERT_NO_ALPN)
        quic_conn_end(c, QUIC_END_ALPN, words);
    else if (is_about_certificate(alert))
        quic_conn_end(c, QUIC_END_REFUSED_CERTIFICATE, words);
    else
        quic_conn_end(c, QUIC_END_HANDSHAKE, words);
}

static void end_by_tls(struct quic_conn *c)
{
    uint8_t alert = ngtcp2_conn_get_tls_alert(c->ng);
    char words[QUIC_WORDS];

    if (c->judgement != NULL) {
        tell(c, NGTCP2_CCERR_TYPE_TRANSPORT, 0x100u + c->judgement->alert, c->judgement->for_peer);
        quic_conn_end(c, QUIC_END_CERTIFICATE, c->judgement->words);
        return;
    }
    tell(c, NGTCP2_CCERR_TYPE_TRANSPORT, 0x100u + alert,
         alert == ALERT_CERTIFICATE_REQUIRED ? alert_words(alert) : NULL);
    if (alert == ALERT_NO_ALPN) {
        quic_conn_end(c, QUIC_END_ALPN, "the peer does not support " QUIC_ALPN);
    } else if (alert == ALERT_CERTIFICATE_REQUIRED) {
        quic_conn_end(c, QUIC_END_CERTIFICATE, "the client has no certificate");
    } else if (c->connected) {
        snprintf(words, sizeof(words), "the peer broke TLS: %s", alert_words(alert));
        quic_conn_end(c, QUIC_END_PROTOCOL, words);
    } else {
        snprintf(words, sizeof(words), "TLS handshake failed: %s", alert_words(alert));
        quic_conn_end(c, QUIC_END_HANDSHAKE, words);
    }
}

static void end_silently(struct quic_conn *c, enum quic_end end, const char *words)
{
    c->silent = true;
    quic_conn_end(c, end, words);
}

void quic_conn_fail(struct quic_conn *c, int error)
{
    char words[QUIC_WORDS];

    if (c->ended)
        return;
    switch (error) {
    case NGTCP2_ERR_DRAINING:
        if (c->reset)
            end_silently(c, QUIC_END_RESET, "the peer has restarted (stateless reset)");
        else
            end_by_peer(c);
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
        end_silently(c, c->connected ? QUIC_END_IDLE : QUIC_END_HANDSHAKE,
                     c->connected ? "nothing was received for the idle timeout" : "no answer");
        return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        end_silently(c, QUIC_END_HANDSHAKE, "no answer to the handshake in time");
        return;
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_RETRY:
        end_silently(c, QUIC_END_HANDSHAKE, "the handshake cannot begin");
        return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        end_silently(c, QUIC_END_HANDSHAKE, "the peer does not support QUIC version 1");
        return;
    case NGTCP2_ERR_CRYPTO:
        end_by_tls(c);
        return;
    case NGTCP2_ERR_AEAD_LIMIT_REACHED: /* a regular end: no error on either side */
        tell(c, NGTCP2_CCERR_TYPE_TRANSPORT, NGTCP2_AEAD_LIMIT_REACHED, NULL);
        quic_conn_end(c, QUIC_END_CLOSED_BY_US,
                      "the connection has received the most packets that it may");
        return;
    case NGTCP2_ERR_NOMEM:
        tell(c, NGTCP2_CCERR_TYPE_TRANSPORT, NGTCP2_INTERNAL_ERROR, "");
        quic_conn_end(c, QUIC_END_NOMEM, "out of memory");
        return;
    default:
        snprintf(words, sizeof(words), "the peer broke QUIC (%s)", ngtcp2_strerror(error));
        tell(c, NGTCP2_CCERR_TYPE_TRANSPORT, ngtcp2_err_infer_quic_transport_error_code(error),
             NULL);
        quic_conn_end(c, QUIC_END_PROTOCOL, words);
    }
}

void quic_conn_close(struct quic_conn *c, uint64_t code, const char *words)
{
    if (c->ended)
        return;
    tell(c, NGTCP2_CCERR_TYPE_APPLICATION, code, NULL);
    quic_conn_end(c, QUIC_END_CLOSED_BY_US, words);
}
