/* Listening: one server's beats, which it sends by itself (docs/protocol.md, Beats).
 *
 * In: what the session has agreed, and its beats; out: health expects beats, or asks.  A server
 * that does not do as it has agreed is told to stop, and asked, for the rest of its session. */
#ifndef QHCP_LB_LISTEN_H
#define QHCP_LB_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct backend;

/* So many more beats than the time that has passed makes are no excess: a path may hold them up,
 * and clocks differ. */
#define LISTEN_AHEAD 32
#define LISTEN_WATCH 64 /* intervals, after which the count begins anew */

enum listen_fault {
    LISTEN_NONE = 0,
    LISTEN_MUTE, /* agreed beats do not come */
    LISTEN_FLOOD /* they come more often than agreed */
};

/* Embedded in struct backend; only listen.c changes it. */
struct listen {
    qhcp_nsec interval;      /* between beats that are agreed; 0: none are */
    enum listen_fault fault; /* of this session */
    qhcp_nsec since, last;   /* when the count began, and the newest beat came */
    uint64_t count;          /* beats that were due since then, as their numbers say */
};

/* A session begins. */
void listen_begin(struct backend *b, qhcp_nsec now);

/* One that was lost is found again. */
void listen_found(struct backend *b, qhcp_nsec now);

/* What the session has agreed may be new: ACK, CONFIG_ACK. */
void listen_agreed(struct backend *b, qhcp_nsec now);

/* A beat came at `at`; slots: how many were due since the one before.  False where it does not
 * count: none are agreed, or they are too many. */
bool listen_beat(struct backend *b, qhcp_nsec at, uint64_t slots);

/* Health has found that beats do not come. */
void listen_mute(struct backend *b, qhcp_nsec now);

/* How often beats are wanted of this server, in microseconds; 0: not at all. */
uint64_t listen_wanted(const struct backend *b);

/* Words for the operator of a server with a fault; false without one. */
bool listen_notice(const struct backend *b, char *ret, size_t cap);

#endif
