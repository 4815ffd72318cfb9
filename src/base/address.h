/* host:port as users type it, and socket addresses. */
#ifndef QHCP_BASE_ADDRESS_H
#define QHCP_BASE_ADDRESS_H

#include <stdbool.h>

#include <qhcp/types.h>

#define ADDRESS_HOST 254 /* a DNS name of 253 bytes and its NUL */
#define ADDRESS_TEXT 72  /* "[v6%interface]:port" and its NUL */

struct address {
    char host[ADDRESS_HOST]; /* without brackets */
    uint16_t port;
    bool literal;         /* host is an address literal; addr is set */
    union qhcp_addr addr; /* AF_UNSPEC for a name */
};

/* "name:port", "v4:port", "[v6]:port"; an IPv6 literal without brackets is refused, since its end
 * is a guess.  QHCP_E_PARSE with words that quote the text. */
int address_parse(const char *text, struct address *ret, char *words, size_t words_cap);

/* An IP address alone, with this port in *ret; brackets around IPv6 allowed.  QHCP_E_PARSE. */
int address_parse_ip(const char *text, uint16_t port, union qhcp_addr *ret, char *words,
                     size_t words_cap);

/* Where to listen: "ADDRESS:PORT", or "PORT" of 127.0.0.1.  QHCP_E_PARSE with words. */
int address_parse_listen(const char *text, union qhcp_addr *ret, char *words, size_t words_cap);
/* Does only this machine reach it? */
bool address_is_loopback(const union qhcp_addr *a);

/* Looks again for the interface that a literal names (fe80::1%eth0): one that was made again has
 * another number.  QHCP_E_NOT_FOUND: there is none. */
int address_find_zone(struct address *a);

#define ADDRESS_KEY (ADDRESS_HOST + 8)

/* One spelling for all that mean the same place: names in lower case and without a final dot,
 * literals as address_format has them. */
void address_key(const struct address *a, char ret[ADDRESS_KEY]);

#define ADDRESS_IP INET6_ADDRSTRLEN

/* "127.0.0.1", "::1": without port, zone and brackets.  Not for AF_UNSPEC. */
const char *address_ip(const union qhcp_addr *addr, char ret[ADDRESS_IP]);

/* "127.0.0.1:4243", "[::1]:4243"; "-" for AF_UNSPEC. */
void address_format(const union qhcp_addr *addr, char *ret, size_t cap);

/* Same family, address and port (and scope). */
bool address_equal(const union qhcp_addr *a, const union qhcp_addr *b);

/* The family's unspecified address, whatever the port. */
bool address_is_any(const union qhcp_addr *a);

socklen_t address_len(const union qhcp_addr *addr);

#endif
