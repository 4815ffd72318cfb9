/* HAProxy's agent-check, answered by the server for itself: one port, one line (base/agent_line.h).
 *
 * It lives on the thread that answers load balancers.  What it costs is bounded by
 * loop/responder.h: some connections at a time, together where they come fast. */
#ifndef QHCP_EXPOSE_AGENT_H
#define QHCP_EXPOSE_AGENT_H

#include "loop/responder.h"

#include <qhcp/server.h>

/* Its owner embeds it, zeroed. */
struct agent {
    struct responder responder;
    struct qhcp_server *core;
    bool open;
    unsigned percent; /* as it was said last; 0: never */
};

/* Listens at text ("[ADDRESS:]PORT"); the log warns where other machines reach it.  Until
 * agent_open connections end without an answer, which HAProxy takes for no news.  *a stays where it
 * is until agent_end.  QHCP_E_PARSE, QHCP_E_IO with words. */
int agent_begin(struct agent *a, struct loop *loop, struct qhcp_server *core, const char *text,
                char *words, size_t words_cap);
/* The server has its first results. */
void agent_open(struct agent *a);
/* One that is zeroed or has ended stays as it is; before the core and the loop. */
void agent_end(struct agent *a);

#endif
