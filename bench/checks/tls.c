#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "responder.h"

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static gnutls_certificate_credentials_t credentials;
static gnutls_datum_t ticket_key;

static void must(int r)
{
    if (r >= 0)
        return;
    fprintf(stderr, "checks-responder: %s\n", gnutls_strerror(r));
    exit(1);
}

void tls_init(void)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
    uint8_t serial = 1;

    must(gnutls_x509_privkey_init(&key));
    must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    must(gnutls_x509_crt_init(&cert));
    must(gnutls_x509_crt_set_version(cert, 3));
    must(gnutls_x509_crt_set_serial(cert, &serial, sizeof serial));
    must(gnutls_x509_crt_set_activation_time(cert, time(NULL) - 60));
    must(gnutls_x509_crt_set_expiration_time(cert, time(NULL) + 86400));
    must(gnutls_x509_crt_set_subject_alternative_name(cert, GNUTLS_SAN_DNSNAME, "localhost"));
    must(gnutls_x509_crt_set_key(cert, key));
    must(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0));
    must(gnutls_certificate_allocate_credentials(&credentials));
    must(gnutls_certificate_set_x509_key(credentials, &cert, 1, key));
    must(gnutls_session_ticket_key_generate(&ticket_key));
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
}

gnutls_session_t tls_new(int fd)
{
    gnutls_session_t session;

    must(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL));
    must(gnutls_priority_set_direct(session, PRIORITY, NULL));
    must(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials));
    must(gnutls_session_ticket_enable_server(session, &ticket_key));
    gnutls_transport_set_int(session, fd);
    return session;
}
