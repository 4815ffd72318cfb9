/* The peer's TLS messages, before and after GnuTLS acts on them: messages of a kind that guard.c
 * lets pass are read here.  Transport parameters must be there and within bounds, chains of
 * certificates cheap to read, tickets without early data; a ticket that was accepted goes to its
 * owner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quic/chain.h"
#include "quic/internal.h"
#include "quic/ticket.h"

#define EXT_EARLY_DATA 42 /* RFC 8446, 4.2 */

static int take_ticket(gnutls_session_t session)
{
    struct quic_conn *c = quic_tls_conn(session);
    const struct quic_endpoint_config *config = &c->endpoint->config;
    gnutls_datum_t data = {0};
    uint8_t *ticket;
    size_t n;

    if (c->ticket_seen || config->handlers->ticket == NULL || c->ended ||
        gnutls_session_get_data2(session, &data) != 0)
        return 0;
    c->ticket_seen = true;
    if (quic_ticket_wrap(quic_tls_ticket_key(c->tls), c->name, &c->peer_valid,
                         slice_of(data.data, data.size), &ticket, &n) == 0) {
        config->handlers->ticket(config->ctx, c, ticket, n);
        gnutls_memset(ticket, 0, n);
        free(ticket);
    }
    gnutls_free(data.data);
    return 0;
}

/* GnuTLS reads every certificate before it calls us. */
static int bound_chain(gnutls_session_t session, const gnutls_datum_t *message)
{
    struct quic_judgement why = {.alert = GNUTLS_A_BAD_CERTIFICATE};
    const char *words = chain_words(chain_judge(message->data, message->size));

    if (words == NULL)
        return 0;
    why.for_peer = words;
    snprintf(why.words, sizeof(why.words), "%s", words);
    quic_tls_refuse(quic_tls_conn(session), &why);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* GnuTLS verifies the peer's signature before it asks on_verify, and with any key that is shown. */
static int bound_cost(gnutls_session_t session)
{
    struct quic_judgement why;
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);

    if (quic_verify_cost(quic_tls_trust(quic_tls_conn(session)->tls), chain, chain ? n : 0, &why) ==
        0)
        return 0;
    quic_tls_refuse(quic_tls_conn(session), &why);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* The transport parameters extensions of one hello. */
struct params_seen {
    bool from_client;
    unsigned count;
    bool valid;
};

static int see_extension(void *ctx, unsigned id, const unsigned char *p, unsigned n)
{
    struct params_seen *seen = ctx;

    if (id != NGTCP2_TLSEXT_QUIC_TRANSPORT_PARAMETERS_V1)
        return 0;
    seen->count++;
    seen->valid = guard_params(seen->from_client, p, n);
    return 0;
}

/* Before GnuTLS and ngtcp2 act on a hello: without transport parameters ngtcp2 would stop the
 * process when it is asked to write next (RFC 9001, 8.2). */
static int check_params(gnutls_session_t session, bool from_client, const gnutls_datum_t *hello)
{
    struct params_seen seen = {.from_client = from_client};
    int rv = gnutls_ext_raw_parse(&seen, see_extension, hello,
                                  from_client ? GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO : 0);

    if (rv < 0 && rv != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return GNUTLS_E_UNEXPECTED_PACKET_LENGTH; /* decode_error */
    if (seen.count == 0)
        return GNUTLS_E_MISSING_EXTENSION;
    if (seen.count > 1)
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    if (!seen.valid) {
        ngtcp2_conn_set_tls_error(quic_tls_conn(session)->ng, NGTCP2_ERR_TRANSPORT_PARAM);
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    }
    return 0;
}

static int see_early_data(void *ctx, unsigned id, const unsigned char *p, unsigned n)
{
    if (id == EXT_EARLY_DATA && (n != 4 || memcmp(p, "\xff\xff\xff\xff", 4) != 0))
        *(bool *)ctx = true;
    return 0;
}

/* RFC 9001, 4.6.1: a ticket that offers early data of another size than 2^32 - 1 bytes is a
 * PROTOCOL_VIOLATION.  Looked for in the message (RFC 8446, 4.6.1), since what GnuTLS says of a
 * ticket without a word of early data depends on its version. */
static int check_ticket(gnutls_session_t session, const gnutls_datum_t *ticket)
{
    size_t at = 4 + 4; /* behind lifetime and age_add */
    gnutls_datum_t extensions;
    bool wrong = false;

    if (ticket->size > at)
        at += 1u + ticket->data[at]; /* nonce */
    if (ticket->size > at + 1)
        at += 2u + ((size_t)ticket->data[at] << 8 | ticket->data[at + 1]);
    if (ticket->size <= at)
        return 0; /* cut short: GnuTLS refuses it */
    extensions = (gnutls_datum_t){.data = ticket->data + at, .size = ticket->size - (unsigned)at};
    gnutls_ext_raw_parse(&wrong, see_early_data, &extensions, 0);
    if (!wrong)
        return 0;
    ngtcp2_conn_set_tls_error(quic_tls_conn(session)->ng, NGTCP2_ERR_PROTO);
    return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
}

int quic_message(gnutls_session_t session, unsigned htype, unsigned when, unsigned incoming,
                 const gnutls_datum_t *msg)
{
    if (!incoming)
        return 0;
    if (htype == GNUTLS_HANDSHAKE_CLIENT_HELLO && when == GNUTLS_HOOK_PRE)
        return check_params(session, true, msg);
    if (htype == GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS && when == GNUTLS_HOOK_PRE)
        return check_params(session, false, msg);
    if (htype == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && when == GNUTLS_HOOK_PRE)
        return bound_chain(session, msg);
    if (htype == GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY && when == GNUTLS_HOOK_PRE)
        return bound_cost(session);
    if (htype == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET)
        return when == GNUTLS_HOOK_PRE ? check_ticket(session, msg) : take_ticket(session);
    return 0;
}
