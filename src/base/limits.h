/* Every fixed capacity, with its reason.  docs/protocol.md repeats those that a peer can see. */
#ifndef QHCP_BASE_LIMITS_H
#define QHCP_BASE_LIMITS_H

/* Payload of one frame on the control stream: a HELLO with a token of an outside issuer (RS256 with
 * a dozen claims is under 3 kB) and its metric names fits several times over. */
#define LIMIT_FRAME_PAYLOAD 16384
/* One frame in a datagram: what fits a QUIC packet of 1,200 bytes, the least that every path
 * carries (RFC 9000, 14), after short header, AEAD tag, ACK and DATAGRAM frame headers. */
#define LIMIT_DATAGRAM 1100
#define LIMIT_TOKEN 8192 /* bytes of a JWT */
/* Bytes of a signed list of revocations: 350 keys or 190 certificates; in one frame. */
#define LIMIT_REVOCATIONS 12288
#define LIMIT_KEYS 256         /* keys in an accepted set: load balancers, twice in a rotation */
#define LIMIT_KEY_AUDIENCES 20 /* names one key may ask for: 16, and those of the own machine */
#define LIMIT_UNIX_SECONDS 253402300799 /* the year 9999: sums of two times never overflow */
#define LIMIT_ID 128        /* identities of load balancers and servers, bytes of UTF-8 */
#define LIMIT_REASON 255    /* words in a message, bytes of UTF-8 */
#define LIMIT_NAME 64       /* a metric's or check's name */
#define LIMIT_SERVICE 280   /* "tcp:" + a DNS name (253) + ":65535" and room */
#define LIMIT_METRICS 32    /* metrics in one session; fits a datagram with values of 8 bytes */
#define LIMIT_CHECKS 16     /* application checks in one answer */
#define LIMIT_THRESHOLDS 16 /* rules on metrics of one server: as many as checks */
#define LIMIT_SERVICES 16   /* service addresses of one server */
#define LIMIT_EXTENSIONS 16 /* extension identifiers in HELLO or ACK */
#define LIMIT_BOOT_ID 8     /* bytes: random, so that two boots never share one */
#define LIMIT_INTERVAL_MIN_US 1000ULL             /* 1 ms: below, a peer could be used as a flood */
#define LIMIT_INTERVAL_MAX_US (3600ULL * 1000000) /* 1 h */
/* Any other time on the wire, a year: in nanoseconds it still fits 64 bits, sums included. */
#define LIMIT_DURATION_MAX_US (365ULL * 24 * 3600 * 1000000)
/* A server's own bound on its processing time is waited for by each check: no excuse for longer. */
#define LIMIT_PROCESSING_MAX_US (60ULL * 1000000)
#define LIMIT_EXPIRES_MAX_S 10000000000ULL /* 317 years: in nanoseconds it fits 64 bits */
#define LIMIT_ADDRS 16                     /* addresses of one name that are tried */

#endif
