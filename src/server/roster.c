/* Who is connected: strangers, whose HELLO was not accepted yet, and members.
 *
 * Strangers have few places, and the one that has been silent longest makes room for the next:
 * nobody who has no token can keep those out who have one.  What strangers do is logged a few lines
 * a second. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/internal.h"

static void append(struct roster *r, struct peer *p)
{
    p->roster = r;
    p->next = NULL;
    p->prev = r->last;
    if (r->last)
        r->last->next = p;
    else
        r->first = p;
    r->last = p;
    r->count++;
}

void roster_remove(struct peer *p)
{
    struct roster *r = p->roster;

    if (p->prev)
        p->prev->next = p->next;
    else
        r->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        r->last = p->prev;
    r->count--;
    p->prev = p->next = NULL;
}

void roster_add(struct qhcp_server *s, struct peer *p)
{
    if (s->strangers.count >= SERVER_MAX_STRANGERS) {
        struct peer *oldest = s->strangers.first;

        while (oldest && oldest->closing)
            oldest = oldest->next;
        if (oldest)
            peer_close(oldest, QHCP_E_EXCESSIVE, "too many without HELLO");
    }
    append(&s->strangers, p);
}

void roster_admit(struct peer *p)
{
    roster_remove(p);
    append(&p->server->members, p);
}

void roster_warn(struct peer *p, const char *format, ...)
{
    struct qhcp_server *s = p->server;
    char text[1024];
    va_list args;

    if (p->roster == &s->strangers) {
        if (s->now - s->warned_since >= NSEC_PER_SEC) {
            if (s->warned > SERVER_WARNINGS)
                server_log(s, QHCP_LOG_WARNING, "%u more lines about strangers were left out",
                           s->warned - SERVER_WARNINGS);
            s->warned_since = s->now;
            s->warned = 0;
        }
        if (++s->warned > SERVER_WARNINGS)
            return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    server_log(s, QHCP_LOG_WARNING, "%s", text);
}
