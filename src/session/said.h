/* What all sessions of a server are told alike: an answer's bytes behind its sequence number, and a
 * beat's before its number, encoded once for all until something in them changes.  For the server's
 * machine only. */
#ifndef QHCP_SESSION_SAID_H
#define QHCP_SESSION_SAID_H

#include <stdint.h>

#include "session/metrics.h"

enum {
    SESSION_SAID = 240,    /* bytes; a longer answer is encoded for each who asks, */
    SESSION_SAID_BEAT = 40 /* ... and a longer beat for each session */
};

/* Zeroed: nothing. */
struct session_said {
    size_t n;                       /* 0: nothing */
    struct session_metrics metrics; /* of the session that it was encoded for */
    uint8_t bytes[SESSION_SAID];
    uint8_t n_beat; /* of a beat's bytes before its number; 0: none */
    uint8_t beat[SESSION_SAID_BEAT];
};

/* Whoever changes what answers are made of (struct session_server_self) says so here. */
void session_said_forget(struct session_said *said);

/* Keeps the answer to `seq` (0: a push), which has just been encoded for a session with these
 * metrics and says a processing time of 0. */
void session_said_keep(struct session_said *said, const struct session_metrics *metrics,
                       uint64_t seq, const uint8_t *frame, size_t n);

/* The same with another number; the frame's size, or 0: it has to be encoded, since nothing is kept
 * for these metrics, or it does not fit. */
size_t session_said_again(const struct session_said *said, const struct session_metrics *metrics,
                          uint64_t seq, uint8_t *buf, size_t cap);

/* The same for a beat, which is encoded alike for all sessions. */
void session_said_keep_beat(struct session_said *said, uint64_t number, const uint8_t *frame,
                            size_t n);
size_t session_said_beat(const struct session_said *said, uint64_t number, uint8_t *buf,
                         size_t cap);

#endif
