/* Credentials and the TLS side of a connection, on GnuTLS.  In:  PEM texts; a connection that needs
 * a session.  Out: handshakes that complete only with the right peer.  Only TLS 1.3, only ALPN
 * qhcp/1, never early data.
 *
 * Trust and resumption: TLS looks at no certificate when it resumes.  So a ticket is offered only
 * under the trust, the name and the dates with which the chain was verified (ticket.c): a client
 * seals it with a key that changes with what it trusts, and a server its own with one that changes
 * with its policy.  A server that demands client certificates gives none.
 *
 * Certificates' dates are judged by the wall clock, which GnuTLS reads itself: the one clock in
 * this folder. */
#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quic/chain.h"
#include "quic/internal.h"
#include "quic/revoked.h"
#include "quic/ticket.h"

#include <qhcp/error.h>

#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:%DISABLE_TLS13_COMPAT_MODE:-CIPHER-ALL:+AES-128-GCM:"           \
    "+AES-256-GCM:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
#define TICKET_KEY 64 /* bytes: GnuTLS's size */
#define TICKET_LIFETIME 86400
#define ALERT_NO_ALPN 120

struct quic_tls {
    unsigned refs;
    bool insecure, require_client_cert, tickets;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    gnutls_x509_crt_t *own; /* our chain, leaf first */
    unsigned n_own;
    struct quic_trust trust;
    struct quic_revoked revoked;
    uint8_t fingerprint[32];
    uint8_t ticket_key[TICKET_KEY];
};

static gnutls_datum_t datum_of(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = text ? (unsigned)strlen(text) : 0};
}

static int fail(char *words, size_t cap, const char *what, int error)
{
    snprintf(words, cap, "%s: %s", what, gnutls_strerror(error));
    return error == GNUTLS_E_MEMORY_ERROR ? QHCP_E_NOMEM : QHCP_E_TLS;
}

/* Peers refuse what we would refuse. */
static int check_own(const struct quic_tls *tls, char *words, size_t cap)
{
    enum chain_verdict verdict = tls->n_own > CHAIN_CERTS ? CHAIN_TOO_LONG : CHAIN_FITS;
    size_t size = 0;

    for (unsigned i = 0; i < tls->n_own && verdict == CHAIN_FITS; i++) {
        gnutls_datum_t der = {0};

        if (gnutls_x509_crt_export2(tls->own[i], GNUTLS_X509_FMT_DER, &der) != 0)
            return QHCP_E_NOMEM;
        size += der.size + CHAIN_FRAME;
        verdict = size > CHAIN_BYTES ? CHAIN_TOO_LARGE : chain_judge_der(der.data, der.size);
        gnutls_free(der.data);
    }
    if (verdict == CHAIN_FITS)
        return 0;
    snprintf(words, cap, "certificate: %s: the peer would refuse it", chain_words(verdict));
    return QHCP_E_TLS;
}

static int load_own(struct quic_tls *tls, const struct quic_tls_config *config, char *words,
                    size_t cap)
{
    gnutls_datum_t cert = datum_of(config->cert_pem), key = datum_of(config->key_pem);
    gnutls_x509_privkey_t alone;
    int rv;

    if (config->cert_pem == NULL && config->key_pem == NULL)
        return 0;
    if (config->cert_pem == NULL || config->key_pem == NULL) {
        snprintf(words, cap, "a certificate needs its key, and a key its certificate");
        return QHCP_E_TLS;
    }
    rv = gnutls_x509_crt_list_import2(&tls->own, &tls->n_own, &cert, GNUTLS_X509_FMT_PEM, 0);
    if (rv < 0)
        return fail(words, cap, "certificate", rv);
    rv = check_own(tls, words, cap);
    if (rv != 0)
        return rv;
    if (gnutls_x509_privkey_init(&alone) != 0)
        return QHCP_E_NOMEM;
    rv = gnutls_x509_privkey_import2(alone, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_x509_privkey_deinit(alone);
    if (rv < 0)
        return fail(words, cap, "key", rv);
    rv = gnutls_certificate_set_x509_key_mem2(tls->credentials, &cert, &key, GNUTLS_X509_FMT_PEM,
                                              NULL, 0);
    return rv < 0 ? fail(words, cap, "certificate and key", rv) : 0;
}

/* Everything that the verdict on a peer depends on, and what we show. */
static int set_fingerprint(struct quic_tls *tls, const struct quic_tls_config *config)
{
    const char *texts[] = {config->trust_pem, config->cert_pem};
    uint8_t policy = (uint8_t)((config->insecure ? 1 : 0) | (config->require_client_cert ? 2 : 0));
    gnutls_hash_hd_t hash;

    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) != 0)
        return QHCP_E_TLS;
    gnutls_hash(hash, "qhcp trust", 10);
    gnutls_hash(hash, &policy, 1);
    for (size_t i = 0; i < 2; i++) {
        size_t n = texts[i] ? strlen(texts[i]) : 0;
        uint64_t size = n;

        gnutls_hash(hash, &size, sizeof(size));
        if (n > 0)
            gnutls_hash(hash, texts[i], n);
    }
    if (config->n_revoked > 0)
        gnutls_hash(hash, config->revoked, config->n_revoked * QUIC_PRINT);
    gnutls_hash_deinit(hash, tls->fingerprint);
    return 0;
}

/* Tickets die with the policy under which they were given. */
static int set_ticket_key(struct quic_tls *tls, const uint8_t *secret)
{
    uint8_t random[32], info[33];

    if (secret == NULL) {
        if (gnutls_rnd(GNUTLS_RND_KEY, random, sizeof(random)) != 0)
            return QHCP_E_TLS;
        secret = random;
    }
    memcpy(info, tls->fingerprint, 32);
    for (unsigned i = 0; i < 2; i++) {
        info[32] = (uint8_t)i;
        if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, 32, info, sizeof(info),
                             tls->ticket_key + (size_t)32 * i) != 0)
            return QHCP_E_TLS;
    }
    gnutls_memset(random, 0, sizeof(random));
    return 0;
}

static void tls_free(struct quic_tls *tls)
{
    quic_trust_deinit(&tls->trust);
    quic_revoked_deinit(&tls->revoked);
    for (unsigned i = 0; i < tls->n_own; i++)
        gnutls_x509_crt_deinit(tls->own[i]);
    gnutls_free(tls->own);
    if (tls->priorities)
        gnutls_priority_deinit(tls->priorities);
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    gnutls_memset(tls->ticket_key, 0, sizeof(tls->ticket_key));
    free(tls);
}

int quic_tls_new(const struct quic_tls_config *config, struct quic_tls **ret, char *words,
                 size_t words_cap)
{
    struct quic_tls *tls = calloc(1, sizeof(*tls));
    int rv;

    snprintf(words, words_cap, "%s", qhcp_strerror(QHCP_E_NOMEM));
    if (tls == NULL)
        return QHCP_E_NOMEM;
    tls->refs = 1;
    tls->insecure = config->insecure;
    tls->require_client_cert = config->require_client_cert;
    tls->tickets = !config->require_client_cert;
    rv = quic_trust_init(&tls->trust, config->trust_pem, config->trust_name, words, words_cap);
    tls->trust.given = config->trust_given;
    if (rv != 0) {
        free(tls);
        return rv;
    }
    rv = gnutls_certificate_allocate_credentials(&tls->credentials);
    if (rv == 0)
        rv = gnutls_priority_init(&tls->priorities, PRIORITIES, NULL);
    if (rv < 0) {
        rv = fail(words, words_cap, "TLS", rv);
        goto free_tls;
    }
    rv = load_own(tls, config, words, words_cap);
    if (rv == 0 && config->require_client_cert && tls->trust.n_certs == 0) {
        snprintf(words, words_cap, "client certificates are required, but there is no CA to trust");
        rv = QHCP_E_TLS;
    }
    if (rv != 0)
        goto free_tls;
    rv = quic_revoked_init(&tls->revoked, config->revoked, config->n_revoked);
    if (rv == 0)
        rv = set_fingerprint(tls, config);
    if (rv == 0)
        rv = set_ticket_key(tls, config->ticket_key);
    if (rv != 0) {
        snprintf(words, words_cap, "TLS: no random numbers, or no SHA-256");
        goto free_tls;
    }
    *ret = tls;
    return 0;

free_tls:
    tls_free(tls);
    return rv;
}

struct quic_tls *quic_tls_ref(struct quic_tls *tls)
{
    tls->refs++;
    return tls;
}

void quic_tls_unref(struct quic_tls *tls)
{
    if (tls != NULL && --tls->refs == 0)
        tls_free(tls);
}

void quic_tls_fingerprint(const struct quic_tls *tls, uint8_t ret[32])
{
    memcpy(ret, tls->fingerprint, 32);
}

bool quic_tls_covers(const struct quic_tls *tls, const char *name)
{
    return tls->n_own > 0 && quic_verify_name(tls->own[0], name);
}

static ngtcp2_conn *ref_to_ng(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct quic_conn *)ref->user_data)->ng;
}

struct quic_conn *quic_tls_conn(gnutls_session_t session)
{
    ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);

    return ref->user_data;
}

void quic_tls_refuse(struct quic_conn *c, const struct quic_judgement *why)
{
    if (c->judgement == NULL)
        c->judgement = malloc(sizeof(*c->judgement));
    if (c->judgement != NULL)
        *c->judgement = *why;
}

/* Of a resumed session the chain was judged under this very trust (ticket.c).  0, or QHCP_E_CERT.
 */
static int judge_peer(struct quic_conn *c)
{
    struct quic_judgement why;
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(c->session, &n);
    int rv = 0;

    if (!c->resumed || n == 0)
        rv = quic_verify_chain(&c->tls->trust, chain, chain ? n : 0, c->name, time(NULL),
                               &c->peer_valid, &why);
    if (rv == 0) {
        c->peer_known = quic_revoked_print(&chain[0], c->peer_print);
        if (c->tls->revoked.n > 0 &&
            (!c->peer_known || quic_revoked_has(&c->tls->revoked, c->peer_print)))
            rv = quic_revoked_refuse(&why);
    }
    if (rv != 0)
        quic_tls_refuse(c, &why);
    return rv;
}

const struct quic_trust *quic_tls_trust(const struct quic_tls *tls)
{
    return &tls->trust;
}

const uint8_t *quic_tls_ticket_key(const struct quic_tls *tls)
{
    return tls->ticket_key;
}

bool quic_conn_peer_revoked(const struct quic_conn *c, const struct quic_tls *tls)
{
    return c->peer_known && quic_revoked_has(&tls->revoked, c->peer_print);
}

static int on_verify(gnutls_session_t session)
{
    return judge_peer(quic_tls_conn(session)) == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* An address is none (RFC 6066, 3), and servers refuse a name with an underscore. */
static bool can_be_sni(const char *name)
{
    struct in_addr literal;

    return inet_pton(AF_INET, name, &literal) != 1 && strpbrk(name, ":_") == NULL;
}

/* Without the dot at its end. */
static size_t sni_len(const char *name)
{
    size_t n = strlen(name);

    return n > 1 && name[n - 1] == '.' ? n - 1 : n;
}

static int configure_client(struct quic_conn *c, const struct quic_dial *dial)
{
    struct slice session;

    if (ngtcp2_crypto_gnutls_configure_client_session(c->session) != 0)
        return QHCP_E_TLS;
    if (!c->tls->insecure)
        gnutls_session_set_verify_function(c->session, on_verify);
    if (can_be_sni(c->name) &&
        gnutls_server_name_set(c->session, GNUTLS_NAME_DNS, c->name, sni_len(c->name)) != 0)
        return QHCP_E_TLS;
    /* A ticket that GnuTLS cannot read is no reason to fail: the handshake is a full one. */
    if (dial->ticket.n > 0 && quic_ticket_open(dial->ticket, c->tls->ticket_key, c->name,
                                               time(NULL), &session, &c->peer_valid) == 0)
        gnutls_session_set_data(c->session, session.p, session.n);
    return 0;
}

static int configure_server(struct quic_conn *c)
{
    gnutls_datum_t key = {.data = c->tls->ticket_key, .size = TICKET_KEY};

    if (ngtcp2_crypto_gnutls_configure_server_session(c->session) != 0)
        return QHCP_E_TLS;
    gnutls_db_set_cache_expiration(c->session, TICKET_LIFETIME);
    if (c->tls->tickets && gnutls_session_ticket_enable_server(c->session, &key) != 0)
        return QHCP_E_TLS;
    if (c->tls->require_client_cert) {
        gnutls_certificate_server_set_request(c->session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_function(c->session, on_verify);
    }
    return 0;
}

int quic_tls_session(struct quic_conn *c, const struct quic_dial *dial)
{
    static const gnutls_datum_t alpn = {.data = (unsigned char *)(uintptr_t)QUIC_ALPN,
                                        .size = sizeof(QUIC_ALPN) - 1};
    /* A second key share would be for servers that have no X25519: they ask for theirs. */
    unsigned flags =
        (dial ? GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP : GNUTLS_SERVER) | GNUTLS_NONBLOCK;
    int rv;

    if (!c->tls->tickets)
        flags |= GNUTLS_NO_TICKETS;
    if (gnutls_init(&c->session, flags) != 0) {
        c->session = NULL;
        return QHCP_E_NOMEM;
    }
    gnutls_handshake_set_hook_function(c->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH,
                                       quic_message);
    c->ref = (ngtcp2_crypto_conn_ref){.get_conn = ref_to_ng, .user_data = c};
    gnutls_session_set_ptr(c->session, &c->ref);
    if (gnutls_priority_set(c->session, c->tls->priorities) != 0 ||
        gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->tls->credentials) != 0 ||
        gnutls_alpn_set_protocols(c->session, &alpn, 1, GNUTLS_ALPN_MANDATORY) != 0)
        return QHCP_E_TLS;
    rv = dial ? configure_client(c, dial) : configure_server(c);
    gnutls_handshake_set_secret_function(c->session, keys_secret);
    if (rv == 0)
        ngtcp2_conn_set_tls_native_handle(c->ng, c->session);
    return rv;
}

static bool speaks_qhcp(struct quic_conn *c)
{
    gnutls_datum_t selected = {0};

    return gnutls_alpn_get_selected_protocol(c->session, &selected) == 0 &&
           slice_equal(slice_of(selected.data, selected.size), slice_str(QUIC_ALPN));
}

int quic_tls_finish(struct quic_conn *c)
{
    c->resumed = gnutls_session_is_resumed(c->session) != 0;
    if (!speaks_qhcp(c)) {
        ngtcp2_conn_set_tls_alert(c->ng, ALERT_NO_ALPN);
        quic_conn_fail(c, NGTCP2_ERR_CRYPTO);
        return QHCP_E_TLS;
    }
    if (c->resumed && !c->endpoint->config.server && !c->tls->insecure && judge_peer(c) != 0) {
        quic_conn_fail(c, NGTCP2_ERR_CRYPTO);
        return QHCP_E_CERT;
    }
    return 0;
}

void quic_tls_release(struct quic_conn *c)
{
    if (c->session == NULL)
        return;
    ngtcp2_conn_set_tls_native_handle(c->ng, NULL);
    gnutls_deinit(c->session);
    c->session = NULL;
}

int quic_conn_export(struct quic_conn *c, const char *label, uint8_t *ret, size_t n)
{
    size_t label_len = strlen(label);

    if (label_len >= sizeof(c->export_label) || n == 0 || n > sizeof(c->export_value))
        return QHCP_E_ARG;
    if (c->export_size == n && strcmp(label, c->export_label) == 0) {
        memcpy(ret, c->export_value, n);
        return 0;
    }
    if (c->session == NULL || !c->connected)
        return QHCP_E_TLS;
    if (gnutls_prf_rfc5705(c->session, label_len, label, 0, NULL, n, (char *)c->export_value) != 0)
        return QHCP_E_TLS;
    memcpy(c->export_label, label, label_len + 1);
    c->export_size = n;
    memcpy(ret, c->export_value, n);
    return 0;
}
