/* What a load balancer's session has to send.  For lb.c only: the machine decides, this encodes. */
#ifndef QHCP_SESSION_LB_SEND_H
#define QHCP_SESSION_LB_SEND_H

#include "session/lb.h"

/* Frames to be pulled, in the order in which they are.  TERMINATE before TERMINATE_ACK: a server
 * that leaves too answers the first and ignores the second. */
enum {
    PENDING_ERROR = 1 << 0,
    PENDING_HELLO = 1 << 1,
    PENDING_CONFIG = 1 << 2,
    PENDING_TERMINATE = 1 << 3,
    PENDING_TERMINATE_ACK = 1 << 4,
};

/* Ends the session by our own ERROR, whose words are in s->words. */
int session_lb_fail(struct session_lb *s, int error, uint64_t refers);

/* HELLO of this configuration and token. */
void session_lb_hello(const struct session_lb_config *config, struct slice token,
                      struct wire_hello *ret);

#endif
