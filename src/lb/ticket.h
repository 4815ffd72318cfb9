/* The server's certificate, as far as we know it, and the TLS ticket that rests on it.
 *
 * A ticket saves the certificates of the next handshake; it is used no longer than the certificate
 * lasts that was verified when it came, nor after our trust has changed. */
#ifndef QHCP_LB_TICKET_H
#define QHCP_LB_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/time.h"

struct backend;

#define TICKET_MAX 4096       /* bytes of one that is kept */
#define TICKET_AGE 86400      /* seconds that one is used */
#define TICKET_NOTICE_DAYS 30 /* before a certificate's end it is looked at again ... */
#define TICKET_REVERIFY                                                                            \
    (86400 * NSEC_PER_SEC) /* ... once a day, should the server have a newer                       \
                            */
#define TICKET_FAR                                                                                 \
    ((int64_t)100 * 365 * 86400) /* seconds; a certificate's end beyond is no matter */

/* Embedded in struct backend; only ticket.c changes it. */
struct ticket {
    uint8_t *bytes; /* the newest, TICKET_MAX at most; NULL: none */
    size_t len;
    bool loaded;       /* the state directory was asked */
    bool fresh;        /* newer than the state directory's */
    uint8_t print[32]; /* quic_tls_fingerprint of the trust it was made under */
    int64_t time;      /* unix seconds when it came */
    int64_t expires;   /* unix seconds: the certificate's end; 0 unknown */
};

/* The ticket to dial with; empty: none. */
struct slice ticket_take(struct backend *b);
/* Is there one?  Does not read it. */
bool ticket_known(const struct backend *b);
void ticket_keep(struct backend *b, const uint8_t *p, size_t n);
void ticket_drop(struct backend *b);
/* Into the state directory, if it is newer. */
void ticket_save(struct backend *b);
void ticket_deinit(struct ticket *t);

/* A certificate was seen, which ends then (unix seconds). */
void ticket_certificate(struct backend *b, int64_t expires);
/* When a new handshake is to look at the certificate again. */
qhcp_nsec ticket_reverify(const struct backend *b, qhcp_nsec now);
/* Words for the operator if a certificate ends soon; false if there is nothing to say. */
bool ticket_notice(const struct backend *b, char *ret, size_t cap);

#endif
