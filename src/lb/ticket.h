/* The server's certificate, as far as we know it, and the TLS ticket that rests on it.
 *
 * A ticket is 1.5 kB and is needed when the server is dialled: until then it is in a file
 * (state/shelf.h).  It saves the certificates of the next handshake; it is used no longer than the
 * certificate lasts that was verified when it came, nor after our trust has changed. */
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
    uint32_t len;      /* of the newest, TICKET_MAX at most; 0: none */
    uint32_t place;    /* on the shelf, unless ... */
    uint8_t *bytes;    /* ... it is in memory: where there is no shelf, and what it does not take */
    bool loaded;       /* the state directory was asked */
    bool fresh;        /* newer than the state directory's */
    uint8_t print[32]; /* quic_tls_fingerprint of the trust it was made under */
    int64_t time;      /* unix seconds when it came */
    int64_t expires;   /* unix seconds: the certificate's end; 0 unknown */
};

/* The ticket to dial with, in buf; empty: none. */
struct slice ticket_take(struct backend *b, uint8_t buf[TICKET_MAX]);
/* Is there one?  Does not read it. */
bool ticket_known(const struct backend *b);
void ticket_keep(struct backend *b, const uint8_t *p, size_t n);
void ticket_drop(struct backend *b);
/* Into the state directory, if it is newer. */
void ticket_save(struct backend *b);
void ticket_deinit(struct backend *b);

/* A certificate was seen, which ends then (unix seconds). */
void ticket_certificate(struct backend *b, int64_t expires);
/* When a new handshake is to look at the certificate again. */
qhcp_nsec ticket_reverify(const struct backend *b, qhcp_nsec now);
/* Words for the operator if a certificate ends soon; false if there is nothing to say. */
bool ticket_notice(const struct backend *b, char *ret, size_t cap);

#endif
