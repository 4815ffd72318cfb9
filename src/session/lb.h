/* The load balancer's side of a session: HELLO, checks, CONFIG_UPDATE, TERMINATE. */
#ifndef QHCP_SESSION_LB_H
#define QHCP_SESSION_LB_H

#include "session/session.h"
#include "wire/again.h"

enum session_lb_state {
    SESSION_LB_IDLE = 0,    /* QUIC is not ready yet */
    SESSION_LB_GREETING,    /* HELLO is out, ACK is awaited */
    SESSION_LB_ACTIVE,      /* checks flow */
    SESSION_LB_LEAVING,     /* the server sent TERMINATE; its TERMINATE_ACK is owed */
    SESSION_LB_LEFT,        /* TERMINATE_ACK is out; the server closes, checks go on until then */
    SESSION_LB_TERMINATING, /* our TERMINATE is out, TERMINATE_ACK is awaited */
    SESSION_LB_CLOSED,
    SESSION_LB_STATES,
};

/* What one frame, or one expiry, brought.  `what` is a set of bits; the fields of a bit are valid
 * when it is set.  Slices point into the frame. */
enum {
    SESSION_LB_ESTABLISHED = 1 << 0, /* ACK: ack */
    SESSION_LB_ANSWER = 1 << 1,      /* an answer to our request: rtt, response */
    SESSION_LB_STATUS = 1 << 2, /* status of a newer epoch (in an answer or pushed): response */
    SESSION_LB_STALE = 1 << 3,  /* response.status is not news: an answer of an older epoch (with
                                 * ANSWER: alive anyway), a repeated push, an unknown seq */
    SESSION_LB_CONFIGURED = 1 << 4,  /* CONFIG_ACK, nothing refused: config_ack */
    SESSION_LB_REFUSED = 1 << 5,     /* CONFIG_ACK with refusals: config_ack */
    SESSION_LB_PEER_LEAVES = 1 << 6, /* TERMINATE: terminate; answer with session_lb_leave */
    SESSION_LB_TERMINATED = 1 << 7,  /* TERMINATE_ACK: close the connection */
    SESSION_LB_PEER_ERROR = 1 << 8,  /* ERROR: error; the session is CLOSED */
    SESSION_LB_RESTARTED = 1 << 9,   /* an answer with another boot id than ACK's; alone */
    SESSION_LB_REPEATED =
        1 << 10,               /* with ANSWER: reason and checks are those of the answer before
                                * it, and not in response; with BEAT: so is all but its number */
    SESSION_LB_SAME = 1 << 11, /* with REPEATED: so are the values */
    SESSION_LB_BEAT = 1 << 12, /* the newest beat: slots, at */
};

struct session_lb_report {
    unsigned what;
    qhcp_nsec rtt;   /* ANSWER: from session_lb_request's `now` to the answer's arrival, less what
                      * passed until session_lb_sent: at most SESSION_LB_LAG of that */
    qhcp_nsec at;    /* ANSWER, BEAT: that arrival; not before the request */
    uint64_t slots;  /* BEAT: how many were due since the one before, with this one */
    uint64_t epoch;  /* ANSWER, STATUS, BEAT: newest epoch seen */
    uint64_t status; /* ANSWER, STATUS, BEAT: status of that epoch (of an ANSWER that is STALE too,
                      * not response.status) */
    struct wire_message m; /* the decoded message; undefined after a failure */
};

#define SESSION_LB_LAG (NSEC_PER_MSEC / 2) /* a request that is longer under way waited for us */
#define SESSION_LB_WINDOW 64               /* requests whose answers are still recognised */

struct session_lb_config {
    struct slice lb_id;
    uint64_t interval_us;
    uint64_t beat_us; /* beats are asked for, so often; 0: none are */
    bool push;
    const struct wire_numbers *metrics;    /* may be NULL: the two required ones */
    const struct wire_texts *metric_names; /* may be NULL */
};

/* Visible so that it embeds by value; only src/session touches the fields. */
struct session_lb {
    enum session_lb_state state;
    const struct session_lb_config *config; /* the caller's, outlives the session */
    struct slice token;                     /* the caller's until HELLO / CONFIG_UPDATE is pulled */
    qhcp_nsec deadline;                     /* of HELLO, CONFIG_UPDATE or TERMINATE; NSEC_NEVER */
    uint64_t seq;                           /* the newest request's; 0: none yet */
    uint64_t epoch;                         /* newest status epoch seen */
    uint64_t status;                        /* status of that epoch */
    bool counts;                            /* requests say how many connections go on ... */
    uint64_t in_flight;                     /* ... to a server that wants no new ones */
    uint64_t config_id;
    uint64_t beat_us;    /* between the server's beats, as it has confirmed; 0: it sends none */
    uint64_t beat_asked; /* what it was last asked for */
    uint64_t beat;       /* the newest one's number; 0: none yet */
    bool beats;          /* it knows the extension */
    bool established;    /* ACK came: boot_id is the server's */
    bool configuring;    /* a CONFIG_UPDATE is unanswered */
    uint8_t boot_id[LIMIT_BOOT_ID];
    struct wire_again again;      /* the newest answer, if it has the newest epoch */
    struct wire_again again_beat; /* the newest beat, in the same way */
    uint32_t pending;             /* frames to be pulled, a bit each */
    qhcp_nsec left_after;         /* the newest request left so long after its `sent`; 0: not yet */
    uint64_t request_first;       /* first seq that is not pulled yet */
    qhcp_nsec
        sent[SESSION_LB_WINDOW]; /* by seq % WINDOW: when requested; 0: answered or not sent */
    const struct wire_config_update *update; /* the caller's until pulled */
    uint64_t error_code;                     /* of our ERROR: code, type referred to, words */
    uint64_t error_refers;                   /* 0: to nothing */
    char words[LIMIT_REASON + 1];            /* of ERROR or TERMINATE */
    uint64_t terminate_us;                   /* TERMINATE's deadline */
    uint64_t outcome;                        /* TERMINATE_ACK's */
};

void session_lb_init(struct session_lb *s, const struct session_lb_config *config);

/* QUIC's handshake is done: HELLO with this token becomes due.  QHCP_E_UNEXPECTED unless IDLE,
 * or what wire_encode says of a HELLO with this configuration and token; then nothing has changed.
 */
int session_lb_open(struct session_lb *s, qhcp_nsec now, struct slice token);

/* One whole frame from the peer, which arrived at `at`.  0, or a protocol error: the session is
 * CLOSED, an ERROR frame with the words is due (pull it), and the connection is to be closed with
 * that code.  A CLOSED session reads nothing: 0, and ret->what is 0. */
int session_lb_frame(struct session_lb *s, qhcp_nsec at, enum session_channel channel,
                     const uint8_t *frame, size_t n, struct session_lb_report *ret);

/* The connection has ended at the peer's end: closed with this code, or in another way (0).  The
 * session is CLOSED and has nothing more to send.  True where it ended in order: with NO_ERROR
 * after a TERMINATE of either side, which acknowledges ours as well as TERMINATE_ACK does. */
bool session_lb_closed(struct session_lb *s, uint64_t code);

/* What the session cannot see broke the rules (framing, a flood): ERROR with this code and these
 * words becomes due, and the session is CLOSED.  Does nothing when it is IDLE or CLOSED already. */
void session_lb_refuse(struct session_lb *s, int error, const char *words);

/* Makes a HEALTH_REQUEST due and sets its sequence number.  QHCP_E_UNEXPECTED unless ACTIVE,
 * LEAVING or LEFT. */
int session_lb_request(struct session_lb *s, qhcp_nsec now, uint64_t *ret_seq);

/* The server wants no new connections (its status is DRAINING, NOT_SERVING or MAINTENANCE), it gets
 * none, and n of ours are still open: requests say so until its status is another. */
void session_lb_in_flight(struct session_lb *s, uint64_t n);

/* The datagram with this request leaves now, a little after it was asked for: the round trip begins
 * now, if it is the newest. */
void session_lb_sent(struct session_lb *s, qhcp_nsec now, uint64_t seq);

/* The datagram with this request could not be sent: its answer is not awaited. */
void session_lb_not_sent(struct session_lb *s, uint64_t seq);

/* Makes a CONFIG_UPDATE due; its id is set here.  `update` stays the caller's and must live until
 * it is pulled.  QHCP_E_AGAIN while one is unanswered, QHCP_E_UNEXPECTED unless ACTIVE or LEAVING,
 * or what wire_encode says of it; then nothing has changed. */
int session_lb_config(struct session_lb *s, qhcp_nsec now, struct wire_config_update *update);

/* We leave:  TERMINATE becomes due, TERMINATE_ACK is awaited for `wait`.  Before ACK there is no
 * session to end: nothing is sent and session_lb_expire gives TERMINATED at once.
 * QHCP_E_UNEXPECTED when TERMINATING or CLOSED. */
int session_lb_terminate(struct session_lb *s, qhcp_nsec now, qhcp_nsec wait, const char *reason);

/* Our last connection to the server that leaves has ended (0) or its deadline has passed (1):
 * TERMINATE_ACK becomes due.  QHCP_E_UNEXPECTED unless LEAVING. */
int session_lb_leave(struct session_lb *s, qhcp_nsec now, uint64_t outcome);

/* The next frame to send, encoded into buf; its size, 0 when none is due.  cap is at least
 * LIMIT_FRAME_PAYLOAD + 16.  *ret_seq: the sequence number of a HEALTH_REQUEST, else 0. */
size_t session_lb_pull(struct session_lb *s, uint8_t *buf, size_t cap,
                       enum session_channel *ret_channel, uint64_t *ret_seq);

/* When session_lb_expire is to be called; NSEC_NEVER for no deadline. */
qhcp_nsec session_lb_deadline(const struct session_lb *s);

/* A deadline passed: 0, or QHCP_E_TIMEOUT (the session is CLOSED, an ERROR may be due).
 * A TERMINATE whose wait is over gives TERMINATED and 0. */
int session_lb_expire(struct session_lb *s, qhcp_nsec now, struct session_lb_report *ret);

#endif
