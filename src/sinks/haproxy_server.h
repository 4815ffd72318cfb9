/* What HAProxy has of one server, what it is to have, and the commands between the two.  Pure.
 *
 * In: rows of `show servers state`, what is said of the server, answers to commands; out: the next
 * command.  Beliefs change when HAProxy has taken a command, so that one that was lost is given
 * again. */
#ifndef QHCP_SINKS_HAPROXY_SERVER_H
#define QHCP_SINKS_HAPROXY_SERVER_H

#include "base/text.h"
#include "fleet/ring.h"
#include "sinks/haproxy_text.h"
#include "sinks/say.h"

enum haproxy_admin { HAPROXY_READY, HAPROXY_DRAIN, HAPROXY_MAINT };

/* Did somebody call it down by the Runtime API? */
enum haproxy_held { HAPROXY_FREE, HAPROXY_HELD, HAPROXY_PERHAPS };

/* What a command does once it is taken. */
enum haproxy_effect {
    HAPROXY_NOTHING, /* there is nothing to do */
    HAPROXY_SET_READY,
    HAPROXY_SET_DRAIN,
    HAPROXY_SET_MAINT,
    HAPROXY_CHECKS_OFF,
    HAPROXY_CHECKS_ON,
    HAPROXY_CALL_DOWN,
    HAPROXY_CALL_UP,
    HAPROXY_SET_WEIGHT,
    HAPROXY_SET_ADDRESS,
    HAPROXY_ADD,    /* these two are the last of a line: */
    HAPROXY_DELETE, /* their answers do not always end */
};

struct haproxy_step {
    enum haproxy_effect effect;
    uint32_t weight; /* of HAPROXY_SET_WEIGHT */
};

struct haproxy_belief {
    enum haproxy_admin admin;
    enum haproxy_held held;
    bool checked; /* its health check is enabled */
    uint32_t weight;
};

struct haproxy_server {
    struct haproxy_row row;
    struct haproxy_belief belief;
    uint32_t slot;   /* of ours; FLEET_NOBODY */
    bool ours;       /* it had the name of one of ours, since this process began */
    qhcp_nsec again; /* a command failed: the next one not before that */
};

/* What the operator wants of the sink. */
struct haproxy_rules {
    const char *backend;
    bool admin, weights, manage;
};

/* As it was read. */
void haproxy_server_init(struct haproxy_server *ret, const struct haproxy_row *row);

/* The next command to make of belief b what is said, added to *t without an end of line;
 * HAPROXY_NOTHING and nothing is added where it is that already.  say NULL: the server was one of
 * ours that we have no more.  target: where its data port is; AF_UNSPEC: nobody knows; NULL: that
 * is not ours to say. */
struct haproxy_step haproxy_server_step(const struct haproxy_server *s,
                                        const struct haproxy_belief *b,
                                        const struct haproxy_rules *rules, const struct say *say,
                                        const union qhcp_addr *target, struct text *t);

/* It was taken, or will be. */
void haproxy_server_did(struct haproxy_belief *b, const struct haproxy_step *step);

/* May HAProxy have a server of this name (2.6: a-z, A-Z, 0-9, and - _ . :)? */
bool haproxy_server_name(const char *name);

#endif
