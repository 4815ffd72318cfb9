/* One connection: bytes in and out, with TLS or without, and which HTTP it speaks.  Inside
 * src/expose alone. */
#ifndef QHCP_EXPOSE_EXPOSE_CONN_H
#define QHCP_EXPOSE_EXPOSE_CONN_H

#include "base/text.h"
#include "expose/expose.h"
#include "expose/http_head.h"

#define EXPOSE_PATIENCE (5 * NSEC_PER_SEC) /* for a handshake, a head, or a request once begun */
#define EXPOSE_STUCK (10 * NSEC_PER_SEC)   /* for a client that takes nothing of what is for it */
#define EXPOSE_IDLE (120 * NSEC_PER_SEC)   /* without a request */
#define EXPOSE_LINGER NSEC_PER_SEC         /* for a client to read the last answer */
#define EXPOSE_UNSENT (64 << 10) /* bytes that wait for a client, before nothing more is read */

enum expose_kind { EXPOSE_UNKNOWN, EXPOSE_HTTP1, EXPOSE_HTTP2, EXPOSE_LAST };

struct expose_conn {
    struct expose_timer timer;
    struct expose *expose;
    struct expose_conn *prev, *next;
    struct expose_door *door;
    struct loop_watch watch;
    union qhcp_addr peer;
    gnutls_session_t tls; /* NULL: none */
    bool shaken;          /* TLS is there */
    bool retry;           /* the last record is to be sent again */
    bool paused;          /* its descriptor is not watched */
    bool dirty;           /* http2 has something to send */
    bool closing;         /* after what is in out */
    enum expose_kind kind;
    struct http2 *http2;
    struct text out;
    qhcp_nsec begun, active_at; /* when it came; when it last read or wrote */
    size_t n;                   /* of in */
    uint8_t in[HTTP_HEAD_MAX];  /* the preface of HTTP/2, or heads of HTTP/1.1 */
};

/* fd is the connection's, also after a failure (QHCP_E_NOMEM). */
int expose_conn_begin(struct expose_door *door, qhcp_nsec now, int fd, const union qhcp_addr *peer);
void expose_conn_end(struct expose_conn *c);

/* http2 has something to send: that happens soon, not within the call. */
void expose_conn_dirty(struct expose_conn *c);
/* Sends it; the connection may end. */
void expose_conn_push(struct expose_conn *c, qhcp_nsec now);
/* Nothing is read or written until it is resumed. */
void expose_conn_pause(struct expose_conn *c);
void expose_conn_resume(struct expose_conn *c);
/* Does nobody wait for an answer of it? */
bool expose_conn_idle(const struct expose_conn *c);

#endif
