/* What a DNS answer says of a name: its records of one type, with the time that they are good for.
 *
 * A message of the network goes in, of any content; records or words come out.  Aliases (CNAME) are
 * followed within the message, as the resolver that we ask has put them there. */
#ifndef QHCP_LOOP_RECORDS_H
#define QHCP_LOOP_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

#define RECORDS_NAME 256 /* a DNS name as text, with the NUL: more does not fit a message */
#define RECORDS_ALIASES 16

enum records_type { RECORDS_A = 1, RECORDS_AAAA = 28, RECORDS_SRV = 33 };

struct record {
    union qhcp_addr addr; /* A, AAAA: without a port */
    char
        name[RECORDS_NAME]; /* SRV: the target, without a final dot; "": there is no such service */
    uint16_t port, weight, priority; /* SRV */
};

struct records {
    struct record *at; /* the caller frees it; without repetitions of addresses' own making */
    size_t n;
    uint32_t ttl; /* seconds, the least of all records that led here */
};

/* The records of this type.  *ret is empty (n 0) where the name has none.  QHCP_E_PARSE (the
 * message is broken, or its aliases go in a circle) with words, QHCP_E_NOMEM. */
int records_parse(const uint8_t *message, size_t n, enum records_type type, struct records *ret,
                  char *words, size_t words_cap);

#endif
