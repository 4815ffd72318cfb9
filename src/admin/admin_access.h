/* Who may do what over the admin interface.
 *
 * - A Unix socket: its mode decides who connects, and the kernel says who that is (SO_PEERCRED).
 *   Whoever gets in may do everything; at mode 0600 that is root and the process's own user.
 * - TCP of this machine (loopback): everybody may read.
 * A browser on this machine must not be used by another site's page: over TCP the Host must be an
 * address or localhost (DNS rebinding), and an Origin must be our own (CSRF). */
#ifndef QHCP_ADMIN_ADMIN_ACCESS_H
#define QHCP_ADMIN_ADMIN_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

enum admin_scope {
    ADMIN_ANYBODY = 0, /* no right is needed */
    ADMIN_READ = 1,
    ADMIN_WRITE = 2,
};

struct admin_who {
    unsigned scopes;             /* enum admin_scope, a set */
    char by[64];                 /* "root, uid 0, process 4711"; "" where nobody can tell */
    char from[ADDRESS_TEXT + 5]; /* "by the socket", or "from " and the address */
};

struct admin_address;

/* The client behind fd, which came in at `at`.  False: it may not. */
bool admin_access_who(const struct admin_address *at, int fd, struct admin_who *ret);

/* Is a request's target well-formed: visible ASCII, and "%XX" for all else but NUL? */
bool admin_access_uri(const char *uri);

/* Does a Host header name this machine itself?  An address with or without a port, or localhost. */
bool admin_access_host(const char *host);
/* Is an Origin header the page of this Host? */
bool admin_access_origin(const char *origin, const char *host, bool tls);

#endif
