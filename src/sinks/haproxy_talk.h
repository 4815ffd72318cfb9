/* One exchange with HAProxy's Runtime API: connect, one line, everything that comes until HAProxy
 * closes.  Never waits; ends by itself after HAPROXY_PATIENCE or HAPROXY_ANSWER bytes.
 *
 * A connection for each exchange, because one that stays open belongs to the process that accepted
 * it, and a reload leaves that one behind. */
#ifndef QHCP_SINKS_HAPROXY_TALK_H
#define QHCP_SINKS_HAPROXY_TALK_H

#include "base/text.h"
#include "loop/loop.h"

#include <qhcp/types.h>

#define HAPROXY_PATIENCE (2 * NSEC_PER_SEC)
#define HAPROXY_ANSWER (16 << 20)
#define HAPROXY_PATH 108 /* of a socket, with its NUL (unix(7)) */

struct haproxy_place {
    char path[HAPROXY_PATH]; /* "": addr */
    union qhcp_addr addr;
};

/* "/run/haproxy/admin.sock" or "127.0.0.1:9999".  QHCP_E_PARSE with words. */
int haproxy_talk_parse(const char *text, struct haproxy_place *ret, char *words, size_t words_cap);

/* Its owner embeds it, zeroed; it stays where it is. */
struct haproxy_talk {
    struct haproxy_place place;
    struct loop *loop;
    struct loop_part part;
    struct loop_watch watch;
    /* Once for each haproxy_talk_ask, never from within it: the answers; or failed, with why. */
    void (*done)(void *ctx, qhcp_nsec now, const struct text *answers, const char *failed);
    void *ctx;
    struct text line, got;
    size_t sent;
    qhcp_nsec until;  /* an exchange is under way; NSEC_NEVER: none is */
    char failed[200]; /* it has failed before anything was sent: said at the next turn */
};

void haproxy_talk_begin(struct haproxy_talk *t, struct loop *loop);
/* What is under way is forgotten. */
void haproxy_talk_end(struct haproxy_talk *t);
bool haproxy_talk_busy(const struct haproxy_talk *t);
/* One line, without its end.  While none is under way. */
void haproxy_talk_ask(struct haproxy_talk *t, qhcp_nsec now, const struct text *line);

#endif
