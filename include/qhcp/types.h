/* Types that every public header of QHCP shares. */
#ifndef QHCP_TYPES_H
#define QHCP_TYPES_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#pragma GCC visibility push(default)

/* Nanoseconds on the monotonic clock (CLOCK_MONOTONIC); also used for durations. */
typedef uint64_t qhcp_nsec;

/* An IPv4 or IPv6 address with its port; family AF_UNSPEC is "none". */
union qhcp_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* One UDP datagram, received or to be sent. */
struct qhcp_packet {
    union qhcp_addr local;  /* ours; may be AF_UNSPEC for "whatever the socket has".  On output an
                             * unspecified address with a port asks for a socket on that port; an
                             * owner that has one socket may use that, whatever the port */
    union qhcp_addr remote; /* the peer's */
    uint8_t *data;          /* owned by whoever fills the struct, valid for the call */
    size_t len;             /* bytes in data (on output: set by the core) */
    size_t cap;             /* room in data, for output */
    uint8_t ecn;            /* the two ECN bits of the IP header */
    qhcp_nsec received;     /* when it arrived, where the system tells (SO_TIMESTAMPNS), never after
                             * the `now` of the call; 0: unknown.  Round trips are measured by it */
};

/* How to tell datagrams for existing connections from those of strangers without a look at the
 * connections: their destination connection ID has this size in a long header, and this prefix.
 * Strangers can learn it, so it sorts and proves nothing.  With two sockets on one address, a flood
 * then fills only the strangers' receive buffer (docs/decisions/0022-floods.md). */
struct qhcp_steering {
    uint8_t prefix[4];
    uint8_t id_size;
};

/* States a load balancer gives a server. */
enum qhcp_state {
    QHCP_CONNECTING = 0,
    QHCP_UP,
    QHCP_DEGRADED,
    QHCP_DRAINING,
    QHCP_MAINTENANCE,
    QHCP_DOWN,
};

/* The state's name, as in JSON and docs: "connecting", "up", ... */
const char *qhcp_state_name(enum qhcp_state state);

/* Why a server is in its state: the code beside the words. */
enum qhcp_cause {
    QHCP_CAUSE_NONE = 0,
    QHCP_CAUSE_STATUS,       /* the server said so */
    QHCP_CAUSE_SILENCE,      /* checks were not answered */
    QHCP_CAUSE_UNREACHABLE,  /* ICMP, confirmed */
    QHCP_CAUSE_NO_HANDSHAKE, /* connection attempts were not answered */
    QHCP_CAUSE_REFUSED,      /* for trust (certificate, token) or protocol */
    QHCP_CAUSE_STOPPED,      /* it said that it stops, and did */
    QHCP_CAUSE_CLOSED,       /* it closed the connection, and did not take another */
    QHCP_CAUSE_METRICS,      /* it is up, but does not report the required metrics */
    QHCP_CAUSE_DATA_PORT,    /* it says that it serves, but its data port does not */
    QHCP_CAUSE_HELD,         /* it serves again, but failed too often recently */
    QHCP_CAUSE_OPERATOR,     /* its operator wants it so: never of the library's own verdicts */
    QHCP_CAUSE_BRAKE,        /* it is silent, and would be down, but the brake holds it */
};

/* The cause's name, as in JSON and docs: "none", "status", "silence", ... */
const char *qhcp_cause_name(enum qhcp_cause cause);

/* Which servers new traffic goes to. */
enum qhcp_use {
    QHCP_USE_HEALTHY = 0, /* no panic: each as its own health deserves */
    QHCP_USE_ALL,         /* panic: every server, healthy or not, all alike; but none that left on
                           * purpose, and none whose identity is in doubt */
    QHCP_USE_NONE,        /* panic: none at all (fail closed) */
};

/* The word for it, as in JSON and docs: "healthy", "all", "none". */
const char *qhcp_use_name(enum qhcp_use use);

/* How late regular probes left, after the moment that was planned for each: how many since the
 * start, by classes. */
#define QHCP_LATENESS 19
struct qhcp_lateness {
    uint64_t count[QHCP_LATENESS];
};
/* The most of a class, in microseconds; UINT64_MAX for the last one, and for what is no class. */
uint64_t qhcp_lateness_us(size_t class);

/* What a server says of itself (HEALTH_RESPONSE, key status). */
enum qhcp_status {
    QHCP_SERVING = 0,
    QHCP_STATUS_DEGRADED = 1,
    QHCP_STATUS_DRAINING = 2,
    QHCP_NOT_SERVING = 3,
    QHCP_STATUS_MAINTENANCE = 4,
};

enum qhcp_log_level { QHCP_LOG_ERROR, QHCP_LOG_WARNING, QHCP_LOG_INFO, QHCP_LOG_DEBUG };

#pragma GCC visibility pop

#endif
