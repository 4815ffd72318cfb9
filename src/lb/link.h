/* A connection to a server with the session on it: they begin and end together.
 *
 * In: quic's events; they go down to talk.c (bytes, datagrams) and ended.c (the end), or to lost.c
 * if the connection was given up.  A link has one end, link_end, whoever notices it. */
#ifndef QHCP_LB_LINK_H
#define QHCP_LB_LINK_H

#include "base/inbox.h"
#include "base/time.h"
#include "quic/quic.h"
#include "session/lb.h"

/* Embedded in struct backend, and in struct lost: a lost link moves there as a whole.  Only link.c
 * changes it, except the session's own state, and what talk.c has read of a frame. */
struct link {
    struct quic_conn *conn; /* NULL: none */
    struct session_lb session;
    struct inbox inbox; /* the beginning of a frame */
    /* Due of the session, and no more when it ends.  NSEC_NEVER: not at all. */
    qhcp_nsec renew_at;    /* the token is renewed */
    qhcp_nsec reverify_at; /* its certificate is looked at again, by a new handshake */
};

extern const struct quic_handlers link_handlers;

void link_init(struct link *l, const struct session_lb_config *config);

/* Closes the connection, if it is still open, with this code (0 or QHCP_E_*) and words, which may
 * be the session's own.  No event of it follows, and nothing is due any more; l is as after
 * link_init. */
void link_end(struct link *l, int code, const char *words);

/* *from moves to *to, which has none; *from has none then. */
void link_move(struct link *to, struct link *from);
/* A new configuration; it outlives the session. */
void link_configure(struct link *l, const struct session_lb_config *config);
void link_renew(struct link *l, qhcp_nsec at);
void link_reverify(struct link *l, qhcp_nsec at);

/* The session takes a CONFIG_UPDATE now, if none is on its way. */
bool link_takes_updates(const struct link *l);

/* quic_unreachable's callback: an ICMP error names this connection. */
void link_icmp(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain);

#endif
