/* Names in a certificate:  DNS names in lower case and address literals as inet_ntop writes them.
 * Where they come from (this host, a user's list), what is a valid one, and for how long a name of
 * this host that is no longer seen is remembered. */
#ifndef QHCP_STATE_NAMES_H
#define QHCP_STATE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/words.h"

/* Names of one certificate, which travels in the handshake's first flight: so many IPv4 addresses
 * are 2 kB of it, which fit into what may be sent before the client has proved its address. */
#define NAMES_MAX 320
#define NAMES_TEXT 254 /* a DNS name of 253 bytes and its NUL */
/* A name of this host is dropped from the certificate this long after it was last seen, in seconds:
 * containers and network namespaces that share one state directory see different addresses, and
 * must not take them from each other's certificate. */
#define NAMES_MEMORY (24 * 3600)

struct names {
    size_t n;
    char at[NAMES_MAX][NAMES_TEXT];
};

/* Adds a name unless it is there or the list is full (false). */
bool names_add(struct names *names, const char *name);
bool names_have(const struct names *names, const char *name);
/* localhost, 127.0.0.1 and ::1: what a process on the same machine may call its server.  Every
 * exported certificate has them, and no list for people does. */
void names_add_local(struct names *names);
void names_drop_local(struct names *names);
/* The same names, in whatever order. */
bool names_equal(const struct names *a, const struct names *b);

/* Writes one name in its normal form; brackets around IPv6 are taken off.  QHCP_E_PARSE with words
 * for a port, a wildcard, a zone, a name that is neither DNS (RFC 1123, 2.1) nor an address. */
int names_normal(const char *text, char ret[NAMES_TEXT], const struct words *w);

/* "a.example, 10.0.0.2": at least one name, none twice. */
int names_parse(const char *list, struct names *ret, const struct words *w);

/* localhost, 127.0.0.1, ::1, the host's name, what /etc/hosts calls it (no question to the network:
 * the start must not hang on a dead resolver), and the addresses of all interfaces.  Returns how
 * many of these there was no room for. */
size_t names_of_host(struct names *ret);

/* "a, b, c", cut with "and N more". */
void names_list(const struct names *names, char *ret, size_t cap);

/* What this host's certificate should cover: the names of now, and those of `seen` (JSON text that
 * an earlier call made; may be empty) younger than NAMES_MEMORY. *ret_seen is the new text, or NULL
 * when the old one still says it; free() it.  QHCP_E_PARSE if the text is not valid. */
int names_remember(struct slice seen, const struct names *host, int64_t now, struct names *ret,
                   char **ret_seen, const struct words *w);

#endif
