/* The load balancer's core, inside.
 *
 * A backend is one listed host:port.  Its way: resolve -> dial -> HELLO/ACK -> checks; src/health
 * says when to dial and when to probe and what the verdict is, src/session speaks, src/quic
 * carries.
 *
 *   packets -> quic -> handlers (link.c) -> session -> talk.c -> health -> backend.c (acts on the
 * step)
 *
 * Files: lb.c the public functions; backend.c dialling and verdicts; link.c quic's handlers; talk.c
 * messages; told.c what a server tells of itself; lost.c servers that may come back; paths.c
 * networks that change; credentials.c trust, tokens and tickets; revoked.c what is trusted no
 * more; reason.c the words of a verdict.
 */
#ifndef QHCP_LB_INTERNAL_H
#define QHCP_LB_INTERNAL_H

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->unlisted = true)
#include <uthash.h>

#include <qhcp/lb.h>

#include "auth/auth.h"
#include "base/address.h"
#include "base/heap.h"
#include "base/inbox.h"
#include "base/limits.h"
#include "fleet/panic.h"
#include "health/health.h"
#include "lb/credentials.h"
#include "lb/link.h"
#include "lb/publish.h"
#include "lb/settle.h"
#include "lb/ticket.h"
#include "lb/token.h"
#include "quic/quic.h"
#include "session/lb.h"
#include "state/revoked.h"
#include "state/state.h"
#include "state/watch.h"

#define LB_DIAL_TIMEOUT NSEC_PER_SEC          /* of one address's handshake, at least */
#define LB_STOP_WAIT (900 * NSEC_PER_MSEC)    /* for TERMINATE_ACKs */
#define LB_STOP_MAX NSEC_PER_SEC              /* from the stop to the end of all */
#define LB_UNASKED 64                         /* frames nobody asked for in an interval ... */
#define LB_UNASKED_EVERY (20 * NSEC_PER_MSEC) /* ... and a push so often, before EXCESSIVE */
#define LB_REVOKED_WAIT (10 * NSEC_PER_SEC)   /* from a new list to the names of who has it not */
#define LB_KEY_REVOCATIONS 0x07               /* of CONFIG_UPDATE, in a refusal */
#define LB_STRINGS 5
#define LB_CROSS 24                          /* servers that are asked in a cross-check */
#define LB_CROSS_TRIES 64                    /* of which so many are looked at */
#define LB_CROSS_PAUSE (100 * NSEC_PER_MSEC) /* between two; so long one's answers count */

#define LB_LEAVE_LOOK                                                                              \
    (20 * NSEC_PER_MSEC) /* how often connections to one that leaves are counted */
#define LB_LEAVE_EARLY (50 * NSEC_PER_MSEC)
#define LB_MAX_DRAIN (60 * NSEC_PER_SEC)
#define LB_PORT_WORDS 96                 /* of a data port's verdict, with the NUL */
#define LB_LOST_KEPT (60 * NSEC_PER_SEC) /* what is left of a lost server's connection */
#define LB_KNOCK (25 * NSEC_PER_MSEC)    /* between knocks at one, at least ... */
#define LB_KNOCKS_PER_SEC 4000           /* ... and at all of a fleet */
#define LB_KNOCK_RESETS 4                /* answers to them before they become fewer */
#define LB_KNOCK_GRID (5 * NSEC_PER_MSEC)
#define LB_REDIAL                                                                                  \
    (500 * NSEC_PER_MSEC)      /* from falling silent to a dial, then twice as long ...            \
                                */
#define LB_REDIALS_PER_SEC 100 /* ... and so many for a fleet: half a millisecond each */
#define LB_PORTS 3             /* of ours besides the usual one (paths.c) ... */
#define LB_PORT_FIRST 61000    /* ... from here on: the kernel's own choice ends below by default */
#define LB_PORT_SHARED (500 * NSEC_PER_MSEC) /* by those that want another within so long */
#define LB_ELSEWHERE (10 * NSEC_PER_MSEC)    /* between two attempts from another port */
#define LB_ROUND_MAX (20 * NSEC_PER_SEC)     /* longer rounds of dials are not doubled */
#define LB_NO_WAY (2 * NSEC_PER_SEC) /* without one of our own to a server: no verdict before */
#define LB_LOOK                                                                                    \
    16 /* backends that are looked at in one go, after our own addresses have changed              \
        */
#define LB_LOOK_ROUTES 8                    /* questions that have to have the same answer */
#define LB_LOOK_SETTLE (50 * NSEC_PER_MSEC) /* from a notice of it to the look: more may come */
#define LB_LOOK_PAUSE (500 * NSEC_PER_MSEC) /* between two looks */

struct lb_metric {
    uint64_t number;
    unsigned unit;
    char name[LIMIT_NAME + 1];
};

/* The configuration, owned: config.c. */
struct lb_config {
    struct qhcp_lb_config c;
    struct session_lb_config session; /* what HELLO says */
    char id[LIMIT_ID + 1];
    char *strings[LB_STRINGS];
    char *names[LIMIT_METRICS];
    struct wire_numbers numbers; /* metrics wanted */
    struct wire_texts texts;
};

/* What is kept of a server that was lost (lost.c). */
struct lost {
    struct quic_trace *trace;
    struct link link;   /* it fell silent, and may live; without a connection: it was closed */
    qhcp_nsec until;    /* it is given up */
    qhcp_nsec knock_at; /* the next knock ... */
    qhcp_nsec pace;     /* ... and between two, should the budget allow */
    unsigned resets;    /* that were the answer */
    qhcp_nsec heed_at;  /* the next reset counts from then on: anybody can repeat one */
    qhcp_nsec ask_at, ask_pace;
    qhcp_nsec dial_at, dial_pace; /* a handshake beside the connection that fell silent */
};

/* What a server told of itself: told.c. */
struct told {
    struct qhcp_check_view *checks; /* the newest outcomes; room for cap_checks */
    size_t n_checks, cap_checks;
    char *services; /* n_services texts, a NUL behind each */
    size_t n_services;
};

struct backend {
    struct heap_node timer; /* first: a node is its backend */
    struct qhcp_lb *lb;
    size_t id; /* ascending, never reused */
    char text[QHCP_TEXT];
    struct address address;
    char key[ADDRESS_KEY]; /* for the hash */
    UT_hash_handle hh;
    bool unlisted; /* there was no memory for the hash */

    /* Addresses of the name, tried in turn from `at`; tried counts those of this round. */
    union qhcp_addr addrs[LIMIT_ADDRS];
    uint8_t n_addrs, at, tried;
    union qhcp_addr remote; /* where the last session was; AF_UNSPEC: there was none */
    uint16_t port;          /* of ours that this attempt is made from; 0: the usual one */
    uint16_t home;          /* the one that led to it last */
    union qhcp_addr source; /* our address towards it at the last dial; AF_UNSPEC: unknown */
    bool resolving;
    enum health_signal worst;            /* of this round's failures */
    char why[QHCP_TEXT];                 /* the failure to tell: of the worst */
    int icmp_error;                      /* errno of the last ICMP for it */
    qhcp_nsec no_way_since, no_way_last; /* this machine itself has had no way there */

    struct link link;
    struct lost *lost; /* or NULL: always while there is a session */
    struct token token;
    struct ticket ticket;
    struct health health;
    struct panic_standing standing;
    bool suspected;        /* counted in lb->suspects */
    bool half;             /* counted in lb->halves */
    qhcp_nsec leave_until; /* it leaves: our connections may go on until then at most, ... */
    qhcp_nsec leave_look;  /* ... and are counted again then */
    unsigned sampled;      /* in this cross-check (lb->cross), which waits for it still */
    unsigned unasked;      /* frames nobody asked for since `unasked_since` */
    qhcp_nsec unasked_since;

    qhcp_nsec renew_next; /* link.renew_at, once the token just sent is in force */
    bool update_interval; /* a CONFIG_UPDATE with the interval is owed */
    bool update_metrics;  /* the metric list is owed */
    bool update_token;
    bool token_sent;        /* the CONFIG_UPDATE on its way has the token */
    uint64_t revoked;       /* number of the newest list of revocations that the server has */
    uint64_t revoked_sent;  /* and of the one that it got in this session */
    char revoked_words[96]; /* why it refused that; or "" */

    char server_id[LIMIT_ID + 1];
    uint8_t boot_id[LIMIT_BOOT_ID];
    bool booted;                   /* boot_id is set */
    bool restarted;                /* the next good answer tells of a restart */
    unsigned long long stalled_ms; /* of the false verdict that ends; 0: none does */
    char reason[QHCP_TEXT];
    char status_reason[LIMIT_REASON + 1]; /* the server's own words */
    char port_words[LB_PORT_WORDS];       /* why its data port is bad */
    unsigned status;                      /* enum qhcp_status of the newest epoch */
    uint64_t checks_sent, checks_ok;
    size_t n_metrics;
    struct lb_metric *metrics; /* as ACK named them; n_metrics */
    struct wire_values values;
    uint64_t reports; /* answers that had values */
    struct told told;
    struct publish publish;
    struct settle settle;
};

struct qhcp_lb {
    struct lb_config *owned;       /* the configuration's storage */
    struct qhcp_lb_config *config; /* in it */
    struct state state;
    bool state_open;
    struct credentials credentials;
    qhcp_nsec revoked_tell_at; /* when the log names the servers that do not know it */
    struct quic_endpoint *quic;

    struct backend **backends; /* ascending ids */
    struct backend *by_key;
    size_t count, cap, next_id;
    struct heap heap;
    struct local local;             /* our own illness, which every backend's health looks at */
    size_t suspects;                /* backends that miss probes now */
    size_t halves;                  /* those of them that are doubted (health_doubted) */
    size_t lost;                    /* backends with a struct lost */
    uint32_t seed;                  /* of the probes' phases */
    size_t in_state[QHCP_DOWN + 1]; /* how many backends are */
    enum qhcp_use use;              /* what panic has led to */
    unsigned cross; /* the newest cross-check's number: others asked while one falls silent */
    unsigned cross_asked, cross_silent;
    qhcp_nsec cross_at;
    size_t cross_next;        /* who is asked next */
    uint16_t ports[LB_PORTS]; /* of ours besides the usual one; 0: none yet (paths.c) */
    unsigned port_newest, ports_made;
    qhcp_nsec port_until;     /* the newest is given out until then */
    qhcp_nsec elsewhere_from; /* no attempt from another port before */
    qhcp_nsec look_at;        /* when backends are looked at for our own change of address */
    qhcp_nsec look_from;      /* not before */
    size_t look_next;
    bool stopping;
    struct backend *touched; /* settle.c's list */
    qhcp_nsec now;           /* of the public call under way */
    int icmp_error;          /* errno of the ICMP under way ... */
    bool icmp_own;           /* ... which is this machine's own word */
    qhcp_nsec stop_at;
};

/* config.c */
int config_new(const struct qhcp_lb_config *config, struct lb_config **ret, char *words,
               size_t words_cap);
void config_free(struct lb_config *l);
bool config_same_metrics(const struct lb_config *a, const struct lb_config *b);

/* backend.c */
int backend_new(struct qhcp_lb *lb, qhcp_nsec now, const char *text, const struct address *address,
                struct backend **ret);
void backend_free(struct backend *b);
/* Does what health asks for, tells of a verdict, and arms the timer. */
void backend_act(struct backend *b, qhcp_nsec now, const struct health_step *step);
void backend_expire(struct backend *b, qhcp_nsec now);
void backend_resolved(struct backend *b, qhcp_nsec now, const union qhcp_addr *addrs, size_t n,
                      const char *words);
/* This attempt failed; the next address is tried, or health told. */
void backend_dial_failed(struct backend *b, qhcp_nsec now, enum health_signal signal,
                         const char *words);
void backend_dial_again(struct backend *b, qhcp_nsec now);
void backend_signal(struct backend *b, qhcp_nsec now, enum health_signal signal);
/* When backend_expire is to be called. */
qhcp_nsec backend_deadline(const struct backend *b);
void backend_restarted(struct backend *b);
/* The configuration is a new one. metrics: so is the list of them. */
void backend_configure(struct backend *b, qhcp_nsec now, bool metrics);
void backend_stop(struct backend *b, qhcp_nsec now);

/* cross.c */
/* Its health may have changed: what does that say of ourselves?  Are others to be asked? */
void cross_look(struct backend *b);
void cross_forget(struct backend *b);

/* paths.c */
/* b is being dialled at `remote`. */
void paths_dialled(struct backend *b, const union qhcp_addr *remote);
/* Another port of ours to dial from; 0: not now, it would be one too many. */
uint16_t paths_port(struct qhcp_lb *lb, qhcp_nsec now);
void paths_moved(struct qhcp_lb *lb, qhcp_nsec now);
/* This machine's own word on b: it has no way there, and that is not for long yet.  An address that
 * is renewed, a link that fails over, a firewall that is loaded anew: there is none for a moment.
 */
bool paths_no_way(struct backend *b, qhcp_nsec now);
/* Looks at a few backends, once lb->look_at has come. */
void paths_look(struct qhcp_lb *lb, qhcp_nsec now);

/* ended.c */
/* b's connection, or attempt, has ended or is to end: why.  One that is open still is closed with
 * this code (QHCP_E_*) and these words. */
void ended(struct backend *b, qhcp_nsec now, const struct quic_close *why, int code,
           const char *farewell);

/* lost.c */
/* Keeps a connection that fell silent: b->link has none then.  False where there is none to keep.
 */
bool lost_keep(struct backend *b, qhcp_nsec now);
/* The connection is ending; its server may come back. */
void lost_remember(struct backend *b, qhcp_nsec now);
/* Something came on c.  True: it was the lost connection, which is b's again. */
bool lost_found(struct backend *b, qhcp_nsec now, const struct quic_conn *c);
/* c ended.  False: it is not the lost connection. */
bool lost_closed(struct backend *b, qhcp_nsec now, const struct quic_conn *c, bool reset);
/* quic's handler. */
void lost_forgotten(void *ctx, void *user, qhcp_nsec now);
void lost_end(struct backend *b);
qhcp_nsec lost_deadline(const struct backend *b);
void lost_expire(struct backend *b, qhcp_nsec now);

/* talk.c */
void talk_open(struct backend *b, qhcp_nsec now);
void talk_bytes(struct backend *b, qhcp_nsec now, const uint8_t *p, size_t n);
void talk_datagram(struct backend *b, qhcp_nsec now, const uint8_t *p, size_t n);
/* Sends every frame that is due. */
void talk_flush(struct backend *b, qhcp_nsec now);
void talk_probe(struct backend *b, qhcp_nsec now);
void talk_renew(struct backend *b, qhcp_nsec now);
/* The server leaves: it is told that it may once no connection of ours goes to it. */
void talk_leave(struct backend *b, qhcp_nsec now);
void talk_expire(struct backend *b, qhcp_nsec now);
/* Words for a server whose answers lack a required metric. */
void talk_notice(const struct backend *b, char *ret, size_t cap);

/* told.c */
void told_free(struct told *t);
/* True when an outcome or its words have changed. */
bool told_checks(struct told *t, const struct wire_checks *checks);
void told_services(struct told *t, const struct wire_texts *services);

/* revoked.c */
/* The SHA-256s of the certificates, one after the other; free() them.  QHCP_E_NOMEM. */
int revoked_prints(const struct revoked *list, uint8_t **ret, size_t *ret_n);
/* Sends the list to a server that has it not, where its session takes it now. */
void revoked_tell(struct backend *b, qhcp_nsec now);
/* The number in an ACK, and in a CONFIG_ACK. */
void revoked_established(struct backend *b, qhcp_nsec now, uint64_t number);
void revoked_heard(struct backend *b, qhcp_nsec now, uint64_t number);
void revoked_refused(struct backend *b, const struct wire_refusal *refusal);
/* The list was read again. */
void revoked_changed(struct qhcp_lb *lb, qhcp_nsec now);
/* Some time after a new list: names those that have it not. */
void revoked_remind(struct qhcp_lb *lb, qhcp_nsec now);
/* Words where the server has it not; false where there is nothing to say. */
bool revoked_notice(const struct backend *b, char *ret, size_t cap);

/* reason.c */
/* Words for the present verdict, into b->reason; "" for up. */
void reason_update(struct backend *b, const struct health_step *step);
const char *reason_icmp(int error);
/* What its last going down rested on; "" for none. */
void reason_evidence(const struct backend *b, char *ret, size_t cap);

/* lb.c */
/* The index of the backend with this id, or count. */
size_t lb_index(const struct qhcp_lb *lb, size_t id);
void lb_log(struct qhcp_lb *lb, enum qhcp_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Backends have moved between states, come or gone, or panic is to be something else: is it panic
 * now, and what follows? */
void lb_judge_panic(struct qhcp_lb *lb);

#endif
