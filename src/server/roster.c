/* Who is connected: strangers, whose HELLO was not accepted yet, and members.
 *
 * Strangers have few places, and the oldest makes room for the next: nobody without a token can
 * keep out load balancers with one.  Members have more places, shared among the keys that their
 * tokens are signed with: when all are taken, the oldest session of the key that has the most makes
 * room.  So the holder of a key can crowd out only himself.  What any of them does is logged a few
 * lines a second. */
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

#define SLOTS (2 * LIMIT_KEYS) /* a key set has at most LIMIT_KEYS keys */

struct place {
    struct peer *oldest;
    unsigned count;
};

/* The key's, or the empty one where it belongs; NULL: more keys than a set can have. */
static struct place *find_place(struct place *places, const char *kid)
{
    unsigned hash = 5381;

    for (const char *at = kid; *at != '\0'; at++)
        hash = hash * 33 + (unsigned char)*at;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct place *place = &places[(hash + i) % SLOTS];

        if (place->oldest == NULL || strcmp(place->oldest->kid, kid) == 0)
            return place;
    }
    return NULL;
}

struct peer *roster_crowded(const struct roster *members)
{
    struct place places[SLOTS] = {0};
    const struct place *most = NULL;

    for (struct peer *p = members->first; p != NULL; p = p->next) {
        struct place *place = p->closing ? NULL : find_place(places, p->kid);

        if (place == NULL)
            continue;
        if (place->oldest == NULL)
            place->oldest = p;
        place->count++;
        if (most == NULL || place->count > most->count)
            most = place;
    }
    return most ? most->oldest : NULL;
}

void roster_admit(struct peer *p)
{
    struct roster *members = &p->server->members;
    struct peer *crowded;

    roster_remove(p);
    append(members, p);
    if (members->count <= p->server->max_members)
        return;
    crowded = roster_crowded(members);
    if (crowded == NULL)
        return;
    roster_warn(
        crowded,
        "closing a session of load balancer \"%s\": its key %s has the most of all %zu sessions",
        crowded->lb_id, crowded->kid, members->count);
    peer_close(crowded, QHCP_E_EXCESSIVE, "too many sessions of one key");
}

void roster_warn(struct peer *p, const char *format, ...)
{
    struct qhcp_server *s = p->server;
    char text[1024];
    va_list args;

    if (s->now - s->warned_since >= NSEC_PER_SEC) {
        if (s->warned > SERVER_WARNINGS)
            server_log(s, QHCP_LOG_WARNING, "%u more warnings about peers were not logged",
                       s->warned - SERVER_WARNINGS);
        s->warned_since = s->now;
        s->warned = 0;
    }
    if (++s->warned > SERVER_WARNINGS)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    server_log(s, QHCP_LOG_WARNING, "%s", text);
}
