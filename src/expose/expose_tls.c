#include "expose/expose_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"

#include <qhcp/error.h>

#define PEM_MAX (1 << 20)
#define HANDSHAKE_MAX 16384 /* bytes of a client's message: a ClientHello has some hundreds */

static int read_pair(const struct expose_tls *t, char **ret_cert, char **ret_key, char *words,
                     size_t words_cap)
{
    char *cert;
    int r;

    if (!t->cert_file)
        return state_load_server(&t->state, ret_cert, ret_key, words, words_cap);
    r = state_read_file(t->cert_file, false, PEM_MAX, &cert, NULL, words, words_cap);
    if (r < 0)
        return r;
    r = state_read_file(t->key_file, true, PEM_MAX, ret_key, NULL, words, words_cap);
    if (r < 0)
        free(cert);
    else
        *ret_cert = cert;
    return r;
}

static gnutls_datum_t datum(char *pem)
{
    return (gnutls_datum_t){.data = (unsigned char *)pem, .size = (unsigned)strlen(pem)};
}

static struct expose_pair *make_pair(char *cert, char *key)
{
    struct expose_pair *p = calloc(1, sizeof *p);
    gnutls_datum_t c = datum(cert), k = datum(key);

    if (!p || gnutls_certificate_allocate_credentials(&p->cred) < 0)
        goto free_pair;
    if (gnutls_certificate_set_x509_key_mem(p->cred, &c, &k, GNUTLS_X509_FMT_PEM) < 0)
        goto free_cred;
    p->users = 1;
    return p;
free_cred:
    gnutls_certificate_free_credentials(p->cred);
free_pair:
    free(p);
    return NULL;
}

static void drop(struct expose_pair *p)
{
    if (!p || --p->users > 0)
        return;
    gnutls_certificate_free_credentials(p->cred);
    free(p);
}

bool expose_tls_changed(const struct expose_tls *t)
{
    struct stamp cert, key;

    if (!t->cert_file)
        return state_stamp(&t->state) != t->stamp;
    stamp_take(t->cert_file, &cert);
    stamp_take(t->key_file, &key);
    return !stamp_equal(&cert, &t->cert) || !stamp_equal(&key, &t->key);
}

static void take_stamps(struct expose_tls *t)
{
    if (!t->cert_file) {
        t->stamp = state_stamp(&t->state);
        return;
    }
    stamp_take(t->cert_file, &t->cert);
    stamp_take(t->key_file, &t->key);
}

int expose_tls_load(struct expose_tls *t, char *words, size_t words_cap)
{
    struct expose_pair *pair;
    char *cert, *key;
    int r = 0;

    if (!t->cert_file && t->state.dir[0] == '\0')
        r = state_find(&t->state, words, words_cap);
    if (r < 0)
        return r;
    take_stamps(t);
    r = read_pair(t, &cert, &key, words, words_cap);
    if (r < 0)
        return r;
    pair = make_pair(cert, key);
    free(cert);
    file_wipe(key, strlen(key));
    if (!pair) {
        snprintf(words, words_cap, "the certificate and its key cannot be used for TLS");
        return QHCP_E_CERT;
    }
    drop(t->pair);
    t->pair = pair;
    return 0;
}

void expose_tls_deinit(struct expose_tls *t)
{
    drop(t->pair);
    state_close(&t->state);
    t->pair = NULL;
}

gnutls_session_t expose_tls_session(struct expose_tls *t, int fd)
{
    gnutls_datum_t protocols[] = {{(unsigned char *)"h2", 2}, {(unsigned char *)"http/1.1", 8}};
    gnutls_session_t s;

    if (gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
        return NULL;
    if (gnutls_priority_set_direct(s, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL) < 0 ||
        gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, t->pair->cred) < 0 ||
        gnutls_alpn_set_protocols(s, protocols, 2, GNUTLS_ALPN_SERVER_PRECEDENCE) < 0) {
        gnutls_deinit(s);
        return NULL;
    }
    gnutls_handshake_set_max_packet_length(s, HANDSHAKE_MAX);
    gnutls_transport_set_int(s, fd);
    gnutls_session_set_ptr(s, t->pair);
    t->pair->users++;
    return s;
}

void expose_tls_end(gnutls_session_t s)
{
    struct expose_pair *pair;

    if (!s)
        return;
    pair = gnutls_session_get_ptr(s);
    gnutls_deinit(s);
    drop(pair);
}
