/* CONFIG_UPDATE at the server: all or nothing.  For the server's machine only. */
#ifndef QHCP_SESSION_CONFIG_H
#define QHCP_SESSION_CONFIG_H

#include "session/server.h"

/* What the caller found out about a token, or about a list of revocations. */
struct session_token {
    int error;         /* 0: good; else QHCP_E_* */
    const char *words; /* of the error */
    unsigned scopes;
    qhcp_nsec expires;
};

/* The interval nearest to it that the protocol allows. */
uint64_t session_config_interval(uint64_t us);

/* Applies every item of the update, or none and says in s->config_ack.refused which and why.  The
 * token counts only where the update has one; its scopes then judge the other items. */
void session_config_apply(struct session_server *s, qhcp_nsec now,
                          const struct wire_config_update *update,
                          const struct session_token *token);

#endif
