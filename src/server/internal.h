/* The server's core, inside.
 *
 * A peer is one load balancer's connection.  HELLO's token is verified before anything else is
 * answered; then requests are answered at once, and a changed status is pushed until it is seen.
 *
 *   packets -> quic -> handlers (peer.c) -> session -> server.c (stop), condition.c (status),
 * trust.c (tokens)
 */
#ifndef QHCP_SERVER_INTERNAL_H
#define QHCP_SERVER_INTERNAL_H

#include <qhcp/server.h>

#include "auth/auth.h"
#include "base/inbox.h"
#include "base/limits.h"
#include "base/wheel.h"
#include "metrics/metrics.h"
#include "metrics/threshold.h"
#include "quic/quic.h"
#include "server/quiet.h"
#include "session/server.h"
#include "state/revoked.h"
#include "state/stamp.h"
#include "state/state.h"

#define SERVER_MAX_CONNS 4096 /* load balancers and checkers at once, established or not */
#define SERVER_RETRY_ABOVE 64 /* unfinished handshakes before addresses must be proven */
#define SERVER_LEEWAY 30      /* seconds of clock difference that a token may have */
#define SERVER_TOKEN_LIFETIME_MAX 86400 /* seconds; a longer-lived token is refused */
#define SERVER_PROCESSING_US 5000       /* the bound on our own processing that ACK promises */
/* Values older than this are measured again; for who asks seldom, those older than half of its
 * interval. */
#define SERVER_METRICS_AGE (500 * NSEC_PER_MSEC)
#define SERVER_PUSH_MIN (20 * NSEC_PER_MSEC)     /* between repeats of a push, at least */
#define SERVER_WORDS_APART NSEC_PER_SEC          /* between pushes of new words alone */
#define SERVER_PUSH_FAST 50                      /* repeats at that pace; then one a second */
#define SERVER_FILES_AGAIN (100 * NSEC_PER_MSEC) /* while another process changes them */
#define SERVER_FILES_CHECK (10 * NSEC_PER_SEC)   /* the files are looked at this often */
#define SERVER_STATE_CHECK (3600 * NSEC_PER_SEC) /* certificates that run out are renewed */
#define SERVER_NOTICE (86400 * NSEC_PER_SEC)
#define SERVER_MAX_MEMBERS 2048 /* sessions; 8 for each of LIMIT_KEYS keys, whatever others do */
/* Of them without an accepted HELLO, some 70 kB each; the oldest makes room.  More than handshakes
 * can be under way (SERVER_RETRY_ABOVE, quic's 256 and 64). */
#define SERVER_MAX_STRANGERS 512
/* Connections fewer than there were, for memory to go back to the system. */
#define SERVER_GIVE_BACK 32
#define SERVER_WARNINGS 10         /* log lines a second about peers */
#define SERVER_UPDATES_PER_SEC 10  /* CONFIG_UPDATEs of one peer: each costs a signature's check */
#define SERVER_FRAMES_PER_SEC 4000 /* of one peer; its checks come 1 ms apart at most */

/* Peers in the order in which they came. */
struct roster {
    struct peer *first, *last;
    size_t count;
};

#define HEARTBEAT_TICK (8 * NSEC_PER_MSEC) /* at most: beats leave at its multiples */

/* Of a session; only heartbeat.c changes it. */
struct heartbeat {
    qhcp_nsec interval; /* 0: no beats are wanted */
    qhcp_nsec at;       /* the next one */
    uint64_t number;    /* the newest one's, with those that were left out */
};

struct peer {
    struct wheel_timer timer; /* first: a node is its peer */
    struct qhcp_server *server;
    struct roster *roster; /* the one it is in: strangers or members */
    struct peer *prev, *next;
    struct quic_conn *conn;
    struct session_server session;
    struct inbox inbox;
    char lb_id[LIMIT_ID + 1];
    char kid[LIMIT_ID + 1]; /* of the key its token is signed with */
    bool closing;           /* the connection is being closed */
    qhcp_nsec push_at;      /* when the push is repeated */
    unsigned pushes;        /* of this epoch */
    struct heartbeat heartbeat;
    struct quiet quiet;
    unsigned frames;  /* since frames_since */
    unsigned updates; /* CONFIG_UPDATEs since then */
    qhcp_nsec frames_since;
};

/* Where the status comes from: the words are this struct's, for session's slices. */
struct condition {
    enum qhcp_status set; /* the operator's */
    char set_reason[LIMIT_REASON + 1];
    qhcp_nsec words_at; /* when new words alone may be pushed again */
    size_t n_checks, n_thresholds;
    struct qhcp_check_view *checks; /* LIMIT_CHECKS of them; NULL: none was set yet */
    struct threshold *thresholds;   /* LIMIT_THRESHOLDS, the same */
};

_Static_assert(SERVER_MAX_MEMBERS + SERVER_MAX_STRANGERS < SERVER_MAX_CONNS, "room for newcomers");

struct qhcp_server {
    struct qhcp_server_config config; /* strings are copies, below */
    char *strings[6];
    char *services[LIMIT_SERVICES];
    struct state state;
    bool state_open;
    char *cert_path, *key_path, *keys_path, *revoked_path;
    struct stamp cert_mark, key_mark, keys_mark, revoked_mark;
    struct revoked revoked;       /* what is trusted no more: the file's, and what came since */
    bool revoked_news;            /* sessions have to be looked at ... */
    bool revoked_unsaved;         /* ... and the file has to be written */
    bool revoked_failed;          /* which failed, and was said */
    qhcp_nsec files_at, renew_at; /* when files are looked at, certificates renewed */
    qhcp_nsec notice_at;          /* when the log is told of what runs out */
    bool files_failed;            /* changed files could not be taken: tried again, and said once */
    struct quic_tls *tls;
    struct auth_keys *keys;
    struct quic_endpoint *quic;
    struct metrics *metrics;
    struct session_server_self self;
    struct session_said said; /* self's */
    struct condition condition;
    char id[LIMIT_ID + 1];

    struct roster strangers, members;
    size_t max_members; /* SERVER_MAX_MEMBERS */
    unsigned warned;    /* about peers since warned_since */
    qhcp_nsec warned_since;
    size_t most; /* connections at once since memory was last given back */
    struct wheel wheel;
    bool stopping;
    bool finished; /* stopping, and nobody is waited for any more: all are closed */
    qhcp_nsec now, stop_at;
};

/* peer.c */
extern const struct quic_handlers peer_handlers;
void peer_flush(struct peer *p, qhcp_nsec now);
void peer_push(struct peer *p, qhcp_nsec now);
void peer_terminate(struct peer *p, qhcp_nsec now, qhcp_nsec wait, const char *reason);
void peer_close(struct peer *p, int error, const char *words);
/* Its token key was taken out of the set. */
void peer_revoke(struct peer *p, qhcp_nsec now);
void peer_expire(struct peer *p, qhcp_nsec now);
void peer_rearm(struct peer *p);
/* Sends a frame of n bytes (0: none), in a datagram if that is asked for and the peer takes it. id:
 * as for quic_conn_datagram. */
void peer_send(struct peer *p, enum session_channel channel, const uint8_t *frame, size_t n,
               uint64_t id);

/* heartbeat.c */
/* What the session wants may have changed. */
void heartbeat_set(struct peer *p, qhcp_nsec now);
qhcp_nsec heartbeat_deadline(const struct peer *p);
/* Sends the beat that is due, if there is one. */
void heartbeat_expire(struct peer *p, qhcp_nsec now);

/* roster.c */
void roster_add(struct qhcp_server *s, struct peer *p);
/* The oldest session of the key that has the most of them; NULL: all are closing. */
struct peer *roster_crowded(const struct roster *members);
/* A stranger's HELLO was accepted, with a token of this key (p->kid). */
void roster_admit(struct peer *p);
void roster_remove(struct peer *p);
/* Logs a warning; SERVER_WARNINGS a second. */
void roster_warn(struct peer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* trust.c */
/* Opens the state directory, or takes what config.share has of it. */
int trust_open(struct qhcp_server *s, char *words, size_t words_cap);
int trust_load(struct qhcp_server *s, char *words, size_t words_cap);
/* Looks at the files and the state directory when it is time. */
void trust_refresh(struct qhcp_server *s, qhcp_nsec now);
/* Takes a signed list of revocations that a load balancer brought, and keeps it.  0, or a QHCP_E_*
 * for CONFIG_ACK with words. */
int trust_revoke(struct peer *p, struct slice list, char *words, size_t words_cap);
/* Verifies a token on this peer's connection.  0, or QHCP_E_TOKEN_* with words for the peer
 * (and for the log, where it is told). */
int trust_verify(struct peer *p, struct slice token, struct auth_grant *ret, char *words,
                 size_t words_cap);
/* Monotonic end of a grant. */
qhcp_nsec trust_expiry(const struct qhcp_server *s, qhcp_nsec now, const struct auth_grant *grant);

/* condition.c */
/* New values are there: the thresholds look at them. */
void condition_measured(struct qhcp_server *s, qhcp_nsec now);
/* When values are wanted, asked for or not: for the thresholds, and for the first differences. */
qhcp_nsec condition_deadline(const struct qhcp_server *s);
void condition_deinit(struct condition *st);

/* server.c */
void server_log(struct qhcp_server *s, enum qhcp_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Measures, if the values are older than `age`. */
void server_measure(struct qhcp_server *s, qhcp_nsec now, qhcp_nsec age);

#endif
