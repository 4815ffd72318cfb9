/* Certificates are judged only here, on full handshakes and again on resumed ones (where TLS itself
 * verifies nothing).  In: the peer's chain, what is trusted, the server's name and the time.  Out:
 * yes, or words that say what to do.  Never: a fallback to the common name, a wildcard over more
 * than one label, a pin that outlives its certificate's dates. */
#include "quic/verify.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "base/words.h"
#include "quic/chain.h"
#include "quic/cost.h"

#include <qhcp/error.h>

#define NO_NAME "no name"

enum {
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_EXPIRED = 45,
    ALERT_UNKNOWN_CA = 48,
    ALERT_INTERNAL_ERROR = 80,
};

/* The end of a long path says more than its start. */
static void keep_end(char *ret, size_t cap, const char *text)
{
    size_t n = strlen(text);

    if (n < cap)
        snprintf(ret, cap, "%s", text);
    else
        snprintf(ret, cap, "...%s", text + n - (cap - 4));
}

static void set_fingerprint(struct quic_trust *t)
{
    uint8_t digest[32];
    size_t n = sizeof(digest);

    if (t->n_certs == 0 ||
        gnutls_x509_crt_get_fingerprint(t->certs[0], GNUTLS_DIG_SHA256, digest, &n) != 0)
        return;
    hex_write(slice_of(digest, 8), t->fingerprint);
}

/* Every machine's own CA has the same name: each is asked alone. */
static int add_cas(struct quic_trust *t)
{
    t->cas = calloc(t->n_certs + 1, sizeof(*t->cas));
    if (t->cas == NULL)
        return QHCP_E_NOMEM;
    for (unsigned i = 0; i < t->n_certs; i++) {
        if (gnutls_x509_crt_get_ca_status(t->certs[i], NULL) <= 0)
            continue;
        if (gnutls_x509_trust_list_init(&t->cas[t->n_cas].list, 1) != 0)
            return QHCP_E_NOMEM;
        t->cas[t->n_cas].cert = t->certs[i];
        gnutls_x509_trust_list_add_cas(t->cas[t->n_cas++].list, &t->certs[i], 1, 0);
    }
    return 0;
}

int quic_trust_init(struct quic_trust *t, const char *pem, const char *name, char *words,
                    size_t words_cap)
{
    struct quic_trust fresh = {0};
    gnutls_datum_t text;
    int rv;

    keep_end(fresh.name, sizeof(fresh.name), name ? name : "the given certificates");
    if (pem != NULL) {
        text = (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)pem,
                                .size = (unsigned)strlen(pem)};
        rv = gnutls_x509_crt_list_import2(&fresh.certs, &fresh.n_certs, &text, GNUTLS_X509_FMT_PEM,
                                          0);
        if (rv < 0) {
            snprintf(words, words_cap, "trusted certificates in %s: %s", fresh.name,
                     gnutls_strerror(rv));
            return QHCP_E_TLS;
        }
        set_fingerprint(&fresh);
        rv = add_cas(&fresh);
        if (rv != 0) {
            quic_trust_deinit(&fresh);
            return rv;
        }
    }
    *t = fresh;
    return 0;
}

void quic_trust_deinit(struct quic_trust *t)
{
    for (unsigned i = 0; i < t->n_cas; i++)
        gnutls_x509_trust_list_deinit(t->cas[i].list, 0);
    free(t->cas);
    for (unsigned i = 0; i < t->n_certs; i++)
        gnutls_x509_crt_deinit(t->certs[i]);
    gnutls_free(t->certs);
    *t = (struct quic_trust){0};
}

/* 4 or 16 bytes; 0 when the name is no address literal.  A zone (%eth0) is not the certificate's.
 */
static size_t parse_literal(const char *name, uint8_t ret[16])
{
    char text[INET6_ADDRSTRLEN + 1];
    size_t n = strcspn(name, "%");

    if (n >= sizeof(text))
        return 0;
    memcpy(text, name, n);
    text[n] = '\0';
    if (name[n] == '\0' && inet_pton(AF_INET, text, ret) == 1)
        return 4;
    return inet_pton(AF_INET6, text, ret) == 1 ? 16 : 0;
}

static size_t without_dot(const char *name, size_t n)
{
    return n > 1 && name[n - 1] == '.' ? n - 1 : n;
}

static bool match_dns(const char *pattern, size_t n, const char *name)
{
    size_t name_len = without_dot(name, strlen(name)), label;

    n = without_dot(pattern, n);
    if (n == name_len && strncasecmp(pattern, name, n) == 0)
        return memchr(pattern, '\0', n) == NULL;
    if (n < 4 || memcmp(pattern, "*.", 2) != 0 || memchr(pattern + 2, '.', n - 2) == NULL)
        return false;
    label = strcspn(name, ".");
    return label > 0 && name_len - label == n - 1 &&
           strncasecmp(pattern + 1, name + label, n - 1) == 0;
}

/* As an iPAddress with this literal; with none of it as a dNSName, whatever it is. */
static bool has_name(gnutls_x509_crt_t cert, const char *name, const uint8_t *literal, size_t len)
{
    for (unsigned i = 0;; i++) {
        char san[512];
        size_t n = sizeof(san);
        int type = gnutls_x509_crt_get_subject_alt_name(cert, i, san, &n, NULL);

        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            return false;
        if (len > 0 ? type == GNUTLS_SAN_IPADDRESS && n == len && memcmp(san, literal, n) == 0
                    : type == GNUTLS_SAN_DNSNAME && match_dns(san, n, name))
            return true;
    }
}

bool quic_verify_name(gnutls_x509_crt_t cert, const char *name)
{
    uint8_t literal[16];

    return has_name(cert, name, literal, parse_literal(name, literal));
}

static void append(char *text, size_t cap, const char *piece)
{
    size_t n = strlen(text);

    snprintf(text + n, cap - n, "%s", piece);
}

/* "b.example, 10.0.0.1, ...": at most three names, from an untrusted certificate. */
static void list_names(gnutls_x509_crt_t cert, char *ret, size_t cap)
{
    unsigned shown = 0;

    ret[0] = '\0';
    for (unsigned i = 0; i < 64; i++) {
        char san[64], piece[80];
        size_t n = sizeof(san) - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(cert, i, san, &n, NULL);

        if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
            break;
        if (type == GNUTLS_SAN_IPADDRESS && (n == 4 || n == 16)) {
            inet_ntop(n == 4 ? AF_INET : AF_INET6, san, piece, sizeof(piece));
        } else if (type == GNUTLS_SAN_DNSNAME) {
            san[n] = '\0';
            snprintf(piece, sizeof(piece), "%s", san);
        } else {
            continue;
        }
        if (shown > 0)
            append(ret, cap, ", ");
        if (shown++ == 3) {
            append(ret, cap, "...");
            break;
        }
        append(ret, cap, piece);
    }
    if (shown == 0)
        append(ret, cap, NO_NAME);
    utf8_clean(slice_str(ret), ret, cap);
}

static int refuse(struct quic_judgement *ret, uint8_t alert, const char *for_peer)
{
    ret->alert = alert;
    ret->for_peer = for_peer;
    return QHCP_E_CERT;
}

static int check_dates(gnutls_x509_crt_t leaf, time_t now, struct quic_judgement *ret)
{
    time_t from = gnutls_x509_crt_get_activation_time(leaf);
    time_t until = gnutls_x509_crt_get_expiration_time(leaf);
    char span[WORDS_SPAN];

    if (from == (time_t)-1 || until == (time_t)-1) {
        snprintf(ret->words, sizeof(ret->words), "certificate has no readable dates");
        return refuse(ret, ALERT_BAD_CERTIFICATE, "certificate without dates");
    }
    if (now > until) {
        words_span(now - until, span);
        snprintf(ret->words, sizeof(ret->words), "certificate expired %s ago", span);
        return refuse(ret, ALERT_EXPIRED, "certificate expired");
    }
    if (now < from) {
        words_span(from - now, span);
        snprintf(ret->words, sizeof(ret->words),
                 "certificate is not valid for another %s: are the clocks right?", span);
        return refuse(ret, ALERT_BAD_CERTIFICATE, "certificate is not valid yet");
    }
    return 0;
}

static int refuse_issuer(const struct quic_trust *t, gnutls_x509_crt_t leaf, bool server,
                         struct quic_judgement *ret)
{
    gnutls_datum_t dn = {0};
    char issuer[44], file[48];

    snprintf(issuer, sizeof(issuer), "an unreadable name");
    if (gnutls_x509_crt_get_issuer_dn3(leaf, &dn, 0) == 0) {
        utf8_clean(slice_of(dn.data, dn.size), issuer, sizeof(issuer));
        gnutls_free(dn.data);
    }
    keep_end(file, sizeof(file), t->name);
    if (t->n_certs == 0)
        snprintf(ret->words, sizeof(ret->words),
                 "unknown CA: no CA is trusted; the certificate is issued by %s", issuer);
    else if (server)
        snprintf(ret->words, sizeof(ret->words),
                 "unknown CA: trusted is %s (SHA-256 %s...), the server's certificate is issued by "
                 "%s; %s",
                 file, t->fingerprint, issuer,
                 t->given ? "does its --cert-file lack an intermediate certificate?"
                          : "does another user run the server, or were its keys not imported?");
    else
        snprintf(ret->words, sizeof(ret->words),
                 "unknown CA: trusted is %s (SHA-256 %s...), the client's certificate is issued by "
                 "%s",
                 file, t->fingerprint, issuer);
    return refuse(ret, ALERT_UNKNOWN_CA, "unknown CA");
}

static bool is_pinned(const struct quic_trust *t, gnutls_x509_crt_t leaf)
{
    for (unsigned i = 0; i < t->n_certs; i++)
        if (gnutls_x509_crt_equals(t->certs[i], leaf))
            return true;
    return false;
}

#define NOT_ISSUED (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNATURE_FAILURE)

static void ends_with(struct quic_validity *v, gnutls_x509_crt_t cert)
{
    int64_t end = gnutls_x509_crt_get_expiration_time(cert);

    if (end < v->chain)
        v->chain = end;
}

/* 0 when one of the CAs accepts the chain, else what the nearest of them says. */
static unsigned ask_cas(const struct quic_trust *t, gnutls_x509_crt_t *certs, unsigned n,
                        bool server, struct quic_validity *validity)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(uintptr_t)(server ? GNUTLS_KP_TLS_WWW_SERVER
                                                    : GNUTLS_KP_TLS_WWW_CLIENT),
    };
    unsigned nearest = NOT_ISSUED;

    for (unsigned i = 0; i < t->n_cas; i++) {
        unsigned status = 0;

        if (gnutls_x509_trust_list_verify_crt2(t->cas[i].list, certs, n, &purpose, 1, 0, &status,
                                               NULL) != 0)
            continue;
        if (status == 0) {
            ends_with(validity, t->cas[i].cert);
            return 0;
        }
        if (!(status & NOT_ISSUED))
            nearest = status;
    }
    return nearest;
}

/* The chain up to a trusted CA. */
static int check_chain(const struct quic_trust *t, gnutls_x509_crt_t *certs, unsigned n,
                       bool server, struct quic_validity *validity, struct quic_judgement *ret)
{
    unsigned status = ask_cas(t, certs, n, server, validity);
    gnutls_datum_t text = {0};

    if (status == 0)
        return 0;
    if (status & NOT_ISSUED)
        return refuse_issuer(t, certs[0], server, ret);
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH) {
        snprintf(ret->words, sizeof(ret->words), "certificate is not for a TLS %s",
                 server ? "server" : "client");
        return refuse(ret, ALERT_BAD_CERTIFICATE, "certificate is for another purpose");
    }
    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
        snprintf(ret->words, sizeof(ret->words),
                 "a CA certificate in its chain has expired or is not valid yet");
        return refuse(ret, ALERT_EXPIRED, "a CA certificate is out of date");
    }
    snprintf(ret->words, sizeof(ret->words), "certificate is refused");
    if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == 0) {
        snprintf(ret->words, sizeof(ret->words), "certificate: %s", (const char *)text.data);
        gnutls_free(text.data);
    }
    return refuse(ret, ALERT_BAD_CERTIFICATE, "certificate refused");
}

/* Two common mistakes of hand-made certificates have their own words. */
static void other_name(gnutls_x509_crt_t leaf, const char *name, struct quic_judgement *ret)
{
    bool dns = has_name(leaf, name, NULL, 0);
    uint8_t literal[16];
    char names[128];

    list_names(leaf, names, sizeof(names));
    if (parse_literal(name, literal) > 0 && dns)
        snprintf(ret->words, sizeof(ret->words),
                 "certificate has %.60s as a DNS name: an address must be an iPAddress entry of "
                 "its subjectAltName (openssl: IP:%.60s)",
                 name, name);
    else if (strcmp(names, NO_NAME) == 0)
        snprintf(
            ret->words, sizeof(ret->words),
            "certificate is for " NO_NAME
            ", not for %.100s: its subjectAltName has no name, and the common name does not count",
            name);
    else
        snprintf(ret->words, sizeof(ret->words), "certificate is for %s, not for %.100s", names,
                 name);
}

static int judge(const struct quic_trust *t, gnutls_x509_crt_t *certs, unsigned n, const char *name,
                 time_t now, struct quic_validity *validity, struct quic_judgement *ret)
{
    int rv;

    /* The leaf's dates come after its issuer: a stranger's certificate that has also expired is
     * first of all a stranger's.  The chain is judged at a time when it is not both. */
    rv = check_dates(certs[0], now, ret);
    if (!is_pinned(t, certs[0])) {
        struct quic_judgement chain = {0};

        if (check_chain(t, certs, n, name != NULL, validity, &chain) != 0 &&
            (rv == 0 || chain.alert == ALERT_UNKNOWN_CA)) {
            *ret = chain;
            rv = QHCP_E_CERT;
        }
    }
    if (rv != 0 || name == NULL || quic_verify_name(certs[0], name))
        return rv;
    other_name(certs[0], name, ret);
    return refuse(ret, ALERT_BAD_CERTIFICATE, "certificate is for another name");
}

/* A CA that is trusted ends the chain: no need to read what we have. */
static unsigned up_to_trusted(const struct quic_trust *t, const gnutls_datum_t *chain, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        for (unsigned j = 0; j < t->n_cas; j++)
            if (gnutls_x509_crt_equals2(t->cas[j].cert, &chain[i]))
                return i;
    return n;
}

int quic_verify_cost(const struct quic_trust *t, const gnutls_datum_t *chain, unsigned n,
                     struct quic_judgement *ret_why)
{
    struct quic_judgement why = {0};
    gnutls_x509_crt_t cert;
    int rv = 0;

    n = up_to_trusted(t, chain, n);
    for (unsigned i = 0; rv == 0 && i < n && i < CHAIN_CERTS; i++) {
        if (gnutls_x509_crt_init(&cert) != 0) {
            snprintf(why.words, sizeof(why.words), "out of memory");
            rv = refuse(&why, ALERT_INTERNAL_ERROR, "out of memory");
            break;
        }
        /* One that cannot be read is refused by quic_verify_chain. */
        if (gnutls_x509_crt_import(cert, &chain[i], GNUTLS_X509_FMT_DER) == 0)
            rv = quic_cost_check(cert, &why);
        gnutls_x509_crt_deinit(cert);
    }
    if (rv != 0)
        *ret_why = why;
    return rv;
}

int quic_verify_chain(const struct quic_trust *t, const gnutls_datum_t *chain, unsigned n,
                      const char *name, time_t now, struct quic_validity *ret,
                      struct quic_judgement *ret_why)
{
    struct quic_validity validity = {.chain = INT64_MAX};
    gnutls_x509_crt_t certs[CHAIN_CERTS];
    struct quic_judgement why = {0};
    unsigned have = 0;
    int rv = QHCP_E_CERT;

    n = up_to_trusted(t, chain, n);
    for (; have < n && have < CHAIN_CERTS; have++) {
        if (gnutls_x509_crt_init(&certs[have]) != 0)
            break;
        if (gnutls_x509_crt_import(certs[have], &chain[have], GNUTLS_X509_FMT_DER) != 0) {
            gnutls_x509_crt_deinit(certs[have]);
            break;
        }
        ends_with(&validity, certs[have]);
    }
    if (have == 0 || have < n) {
        snprintf(why.words, sizeof(why.words), "%s",
                 n == 0 ? "the peer has no certificate" : "the certificate cannot be read");
        rv = refuse(&why, ALERT_BAD_CERTIFICATE, "unreadable certificate");
    } else {
        rv = judge(t, certs, have, name, now, &validity, &why);
    }
    if (rv == 0 || why.alert == ALERT_EXPIRED) {
        validity.leaf = gnutls_x509_crt_get_expiration_time(certs[0]);
        *ret = validity;
    }
    if (rv != 0)
        *ret_why = why;
    while (have > 0)
        gnutls_x509_crt_deinit(certs[--have]);
    return rv;
}
