/* Messages of DNS (RFC 1035, 4.1; EDNS: RFC 6891): the question of a message that came, and a
 * writer for those that leave.  Names are in wire form.  Pure. */
#ifndef QHCP_SINKS_DNS_WIRE_H
#define QHCP_SINKS_DNS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME 255 /* bytes of a name, with its last label, which is empty */
#define DNS_LABEL 63
#define DNS_HEADER 12
#define DNS_UDP_PLAIN 512 /* bytes of an answer by UDP to who knows no EDNS */
#define DNS_UDP_MOST 1232 /* ... and to who does: it fits any path (dnsflagday.net/2020) */
#define DNS_TCP_MOST 65535

enum {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_SOA = 6,
    DNS_HINFO = 13,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_OPT = 41,
    DNS_TSIG = 250,
    DNS_IXFR = 251,
    DNS_AXFR = 252,
    DNS_ANY = 255
};
enum { DNS_IN = 1, DNS_CLASS_ANY = 255 };
enum { DNS_QUERY = 0, DNS_UPDATE = 5 };
enum {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_BADVERS = 16
};

struct dns_name {
    uint8_t at[DNS_NAME];
    size_t n; /* with the empty label */
};

/* "lb.example" or "lb.example.", in lower case: letters, digits, - and _.  False: it is no name. */
bool dns_name_parse(const char *text, struct dns_name *ret);
/* Puts labels before a name: "_http._tcp", "web1".  False: it would be too long, or they are no
 * labels. */
bool dns_name_below(const char *labels, const struct dns_name *name, struct dns_name *ret);
/* Is it the name, or below it?  *ret_below: bytes of name before `top`. */
bool dns_name_is_below(const struct dns_name *name, const struct dns_name *top, size_t *ret_below);

struct dns_question {
    uint16_t id, flags;
    uint8_t opcode;
    struct dns_name name; /* in lower case */
    size_t end;           /* bytes of the message up to and with the question */
    uint16_t type, class;
    bool edns;
    uint8_t version;  /* of EDNS */
    uint16_t payload; /* of EDNS: bytes of an answer that it can take */
    uint16_t extra;   /* of EDNS: its flags */
};

enum dns_read {
    DNS_READ_DROP,   /* no answer: not even a header, or it is an answer itself */
    DNS_READ_BROKEN, /* FORMERR: id, flags and opcode are known */
    DNS_READ_WELL,
};
enum dns_read dns_question_read(const uint8_t *message, size_t n, struct dns_question *ret);

/* Of an answer's code: "REFUSED". */
const char *dns_code_name(unsigned code);

/* ---- writing ---- */

struct dns_out {
    uint8_t *at;
    size_t n, cap; /* cap is at most 65,535 */
    bool full;     /* something did not fit: the message is not whole */
};

/* A header with all counts zero. */
void dns_out_begin(struct dns_out *o, uint8_t *at, size_t cap, uint16_t id, uint16_t flags);
/* The count of a section (0: questions ... 3: additional records). */
void dns_out_count(struct dns_out *o, unsigned section, uint16_t n);
void dns_out_bytes(struct dns_out *o, const void *p, size_t n);
void dns_out_u8(struct dns_out *o, uint8_t v);
void dns_out_u16(struct dns_out *o, uint16_t v);
void dns_out_u32(struct dns_out *o, uint32_t v);
/* Type, class, TTL, and room for the length of what follows: behind a record's name.  What is
 * returned goes to dns_out_end. */
size_t dns_out_record(struct dns_out *o, uint16_t type, uint16_t class, uint32_t ttl);
void dns_out_end(struct dns_out *o, size_t record);
/* A pointer to a name that begins there (RFC 1035, 4.1.4). */
void dns_out_pointer(struct dns_out *o, size_t to);
/* A label, and no more of the name. */
void dns_out_label(struct dns_out *o, const char *label);

#endif
