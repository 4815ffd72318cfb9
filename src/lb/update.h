/* What a live session is owed of our configuration and tokens: CONFIG_UPDATE, and its answer.
 *
 * One update is on its way at a time; the next one follows its answer. */
#ifndef QHCP_LB_UPDATE_H
#define QHCP_LB_UPDATE_H

#include <stdbool.h>

#include "session/lb.h"

struct backend;

#define UPDATE_AGAIN (5 * NSEC_PER_SEC) /* a renewal that has failed */
#define UPDATE_KEY_REVOCATIONS 0x07     /* of CONFIG_UPDATE, in a refusal */

/* Embedded in struct backend; only update.c changes it. */
struct update {
    bool interval, metrics, beats, token; /* owed */
    bool token_sent;                      /* the CONFIG_UPDATE on its way has the token */
    qhcp_nsec next;                       /* link.renew_at, once the token just sent is in force */
};

/* The handshake is done: HELLO, with a token for this connection. */
void update_open(struct backend *b, qhcp_nsec now);
/* The session is established: HELLO said it all. */
void update_established(struct backend *b);
/* The configuration is a new one.  metrics: so is the list of them. */
void update_owe(struct backend *b, qhcp_nsec now, bool metrics);
/* How often beats are wanted has changed. */
void update_owe_beats(struct backend *b, qhcp_nsec now);
/* Sends what is owed, and a new token where that is due, if the session takes it now. */
void update_send(struct backend *b, qhcp_nsec now);
/* A CONFIG_UPDATE of another's is on its way: it has no token. */
void update_other_sent(struct backend *b);
/* The server has taken the update; or refused parts of it. */
void update_taken(struct backend *b, qhcp_nsec now, const struct wire_config_ack *ack);
void update_refused(struct backend *b, const struct wire_config_ack *ack);

#endif
