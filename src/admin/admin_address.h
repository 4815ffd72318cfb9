/* Where the admin interface listens, as --admin has it: "127.0.0.1:4280", "unix:PATH", "off". */
#ifndef QHCP_ADMIN_ADMIN_ADDRESS_H
#define QHCP_ADMIN_ADMIN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/private_socket.h"
#include "conf/list.h"

#include <qhcp/types.h>

#define ADMIN_ADDRESSES 8 /* of one process */
#define ADMIN_PORT 4280   /* of 127.0.0.1, where no --admin is given */

struct admin_address {
    bool local;    /* a Unix socket: path and mode; else TCP: addr */
    bool loopback; /* of TCP: only this machine reaches it */
    bool given;    /* the operator named it: that it cannot be had is an error */
    unsigned mode;
    union qhcp_addr addr;
    char path[PRIVATE_SOCKET_PATH];
};

/* One entry of --admin but "off".  "unix:PATH" is for root and the process's own user (mode 0600);
 * "unix:PATH,mode=0660" for its group too.  QHCP_E_PARSE with words that quote the text. */
int admin_address_parse(const char *text, struct admin_address *ret, char *words, size_t words_cap);

/* All of --admin; none: admin-PORT.sock in the state directory, and ADMIN_PORT of 127.0.0.1.
 * *ret_n is 0 for "off".  Words on success: the state directory's path is too long for a socket.
 * QHCP_E_PARSE, QHCP_E_EXISTS ("off" beside others, or one that is there twice), or why there is no
 * state directory; with words. */
int admin_address_all(const struct list *texts, unsigned port,
                      struct admin_address ret[ADMIN_ADDRESSES], size_t *ret_n, char *words,
                      size_t words_cap);

#endif
