/* Addresses of servers as users type them: "host:port", "v4:port", "[v6]:port".
 *
 * Text in, parts or words out.  Pure, but for the heap that the check of a whole list needs. */
#ifndef QHCP_CLI_ADDRESS_H
#define QHCP_CLI_ADDRESS_H

#include <stdbool.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

#define ADDRESS_HOST 254 /* a DNS name (253) with its NUL */

struct address {
    char host[ADDRESS_HOST]; /* lower case; without brackets */
    uint16_t port;
    bool literal;         /* host is an IP address, and: */
    union qhcp_addr addr; /* with its port */
};

/* QHCP_E_PARSE with words that quote the text. */
int address_parse(const char *text, struct address *ret, char *words, size_t words_cap);

/* "host:port" in one spelling for all that mean the same; cap at least ADDRESS_HOST + 8. */
void address_key(const struct address *a, char *ret, size_t cap);

/* Is every address of the list well-formed, and none twice?  QHCP_E_PARSE, QHCP_E_EXISTS,
 * QHCP_E_ARG (the list is empty), with words that name the position, from 1. */
int address_check_list(char *const *list, size_t n, char *words, size_t words_cap);

/* An IP address alone, brackets around IPv6 allowed.  QHCP_E_PARSE. */
int address_parse_ip(const char *text, uint16_t port, union qhcp_addr *ret, char *words,
                     size_t words_cap);

/* "127.0.0.1:4243", "[::1]:4243". */
void address_text(const union qhcp_addr *addr, char *ret, size_t cap);

/* Bytes of the sockaddr in use. */
size_t address_size(const union qhcp_addr *addr);

#endif
