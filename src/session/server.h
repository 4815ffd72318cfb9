/* The server's side of a session: it answers, pushes its status, and leaves in good order. */
#ifndef QHCP_SESSION_SERVER_H
#define QHCP_SESSION_SERVER_H

#include "session/metrics.h"
#include "session/said.h"
#include "session/session.h"

enum session_server_state {
    SESSION_SERVER_WAITING = 0, /* HELLO is awaited */
    SESSION_SERVER_CHECKING,    /* HELLO came; the caller verifies its token */
    SESSION_SERVER_ACTIVE,
    SESSION_SERVER_TERMINATING, /* our TERMINATE is out; TERMINATE_ACK is awaited, checks go on */
    SESSION_SERVER_CLOSED,
    SESSION_SERVER_STATES,
};

enum {
    SESSION_SERVER_HELLO = 1 << 0,       /* m.hello: verify the token, then accept or refuse */
    SESSION_SERVER_REQUEST = 1 << 1,     /* m.request: answer with session_server_answer */
    SESSION_SERVER_CONFIG = 1 << 2,      /* m.config_update: apply, then accept or refuse it */
    SESSION_SERVER_TERMINATED = 1 << 3,  /* TERMINATE_ACK to ours came: m.terminate_ack; close */
    SESSION_SERVER_PEER_LEAVES = 1 << 4, /* TERMINATE: its TERMINATE_ACK is due; close once sent */
    SESSION_SERVER_PEER_ERROR = 1 << 5,  /* m.error; the session is CLOSED */
    SESSION_SERVER_PUSH_SEEN = 1 << 6,   /* a request acknowledged the newest status epoch */
};

/* Rights a verified token gives; a message without its right is QHCP_E_TOKEN_SCOPE. */
enum {
    SESSION_SCOPE_HEALTH = 1 << 0,    /* HELLO, HEALTH_REQUEST */
    SESSION_SCOPE_CONFIG = 1 << 1,    /* CONFIG_UPDATE of anything but the token */
    SESSION_SCOPE_TERMINATE = 1 << 2, /* TERMINATE */
};

struct session_server_report {
    unsigned what;
    struct wire_message m; /* slices point into the frame; undefined after a failure */
};

/* What a server says of itself: the core's, shared by all sessions. */
struct session_server_self {
    struct slice server_id;
    uint8_t boot_id[LIMIT_BOOT_ID];
    uint64_t processing_us; /* the bound in ACK */
    qhcp_nsec leeway;       /* how long a token is accepted after its exp: expires_s ends before */
    uint64_t revoked;       /* number of the newest list of revocations; 0: none */
    struct wire_texts services;
    uint64_t status; /* enum qhcp_status */
    uint64_t epoch;  /* from 1, grows by one with each change of status */
    char reason[LIMIT_REASON + 1];
    struct wire_values values;   /* every metric measured now, ascending numbers */
    struct wire_metrics metrics; /* the same metrics' names and units */
    struct wire_checks checks;
    /* The answer as it was last encoded, forgotten by the core with every change of what is above.
     * NULL: each is encoded. */
    struct session_said *said;
};

struct session_server {
    enum session_server_state state;
    const struct session_server_self *self; /* the caller's, outlives the session */
    unsigned scopes;
    bool push;
    bool beats; /* HELLO named the extension */
    uint64_t interval_us;
    uint64_t beat_us;    /* between beats; 0: none are wanted */
    uint64_t config_id;  /* newest CONFIG_UPDATE's */
    uint64_t epoch_seen; /* newest epoch that a request acknowledged */
    uint64_t seq;        /* the newest request's */
    bool counts;         /* it says how many connections go on: */
    uint64_t in_flight;
    qhcp_nsec deadline;             /* of HELLO, token expiry or TERMINATE */
    qhcp_nsec token_expires;        /* monotonic; the session ends then unless renewed */
    struct session_metrics metrics; /* metrics in this session */
    bool configuring; /* a CONFIG_UPDATE waits for session_server_config, or its answer to be pulled
                       */
    uint32_t pending;
    struct wire_config_ack config_ack;
    uint64_t error_code;               /* of our ERROR: code, type referred to, words */
    uint64_t error_refers;             /* 0: to nothing */
    char words[LIMIT_REASON + 1];      /* of ERROR or TERMINATE */
    char refused[5][LIMIT_REASON + 1]; /* of CONFIG_ACK's refusals */
};

void session_server_init(struct session_server *s, const struct session_server_self *self,
                         qhcp_nsec now);

/* The handshake is done: the time for HELLO begins anew. */
void session_server_connected(struct session_server *s, qhcp_nsec now);

/* One whole frame.  As session_lb_frame. */
int session_server_frame(struct session_server *s, qhcp_nsec now, enum session_channel channel,
                         const uint8_t *frame, size_t n, struct session_server_report *ret);

/* As session_lb_closed. */
bool session_server_closed(struct session_server *s, uint64_t code);

/* The token of HELLO is good until `expires` (monotonic): ACK becomes due, confirming of the
 * metrics wanted those that self has (the two required ones always).  The report must be the one
 * that brought HELLO.  Without SESSION_SCOPE_HEALTH: QHCP_E_TOKEN_SCOPE, and ERROR is due. */
int session_server_accept(struct session_server *s, qhcp_nsec now, const struct wire_hello *hello,
                          unsigned scopes, qhcp_nsec expires);

/* HELLO is refused, or a session that misbehaves is ended: ERROR with this code (negative QHCP_E_*)
 * and these words becomes due; the session is CLOSED (one that is already stays as it is). */
void session_server_refuse(struct session_server *s, qhcp_nsec now, int error, const char *words);

/* Encodes the answer to request `seq` at once (the hot path): the frame's size, 0 when the session
 * answers nothing (not ACTIVE or TERMINATING) or cap is too small even for the required fields.
 * processing_us: the time since the request arrived.  seq 0: a push of the current status.  What
 * does not fit cap is left out: first the checks' reasons, then checks that pass, then all checks.
 */
size_t session_server_answer(struct session_server *s, uint64_t seq, uint64_t processing_us,
                             uint8_t *buf, size_t cap);

/* Encodes a beat, as session_server_answer encodes an answer: the status, without values and
 * checks. beat: its number, from 1. */
size_t session_server_beat(struct session_server *s, uint64_t beat, uint8_t *buf, size_t cap);

/* How often beats are wanted; 0: not at all, or not in this state. */
qhcp_nsec session_server_beats(const struct session_server *s);

/* True while the load balancer wants pushes and has not acknowledged self's newest epoch. */
bool session_server_push_due(const struct session_server *s);

/* Answers the CONFIG_UPDATE of the report.  error 0: the token (where there is one) is good, with
 * these scopes until `expires`, or the list of revocations was taken; else that QHCP_E_* and its
 * words.  Applies all items or none;
 * CONFIG_ACK becomes due.  An unknown metric number, an interval out of range or a missing scope is
 * a refusal of that item. */
void session_server_config(struct session_server *s, qhcp_nsec now,
                           const struct wire_config_update *update, int error, const char *words,
                           unsigned scopes, qhcp_nsec expires);

/* We stop: TERMINATE with this deadline becomes due.  To a peer whose HELLO is not accepted yet,
 * ERROR (QHCP_E_STOPPING) goes instead and the session is CLOSED.  QHCP_E_UNEXPECTED when
 * TERMINATING or CLOSED. */
int session_server_terminate(struct session_server *s, qhcp_nsec now, qhcp_nsec wait,
                             const char *reason);

/* The next frame for the control stream; 0 when none is due.  `*ret_channel` is SESSION_STREAM. */
size_t session_server_pull(struct session_server *s, qhcp_nsec now, uint8_t *buf, size_t cap,
                           enum session_channel *ret_channel);

qhcp_nsec session_server_deadline(const struct session_server *s);

/* A deadline passed: QHCP_E_TIMEOUT (no HELLO), QHCP_E_TOKEN_EXPIRED (not renewed) - ERROR is due
 * and the session CLOSED - or 0 with TERMINATED (nobody acknowledged our TERMINATE in time). */
int session_server_expire(struct session_server *s, qhcp_nsec now,
                          struct session_server_report *ret);

#endif
