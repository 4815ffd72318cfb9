/* The operator's way into a running `qhcp server`: a unix socket, mode 0600, over which `qhcp
 * control` sends one line and gets a few back.
 *
 * Only root and the user whose process the server is may speak (SO_PEERCRED, whatever the mode
 * says).  What was set lasts until the server is stopped (intent.h).  Clients are few, their lines
 * short, and one that says nothing is cut off: nothing here waits. */
#ifndef QHCP_ADMIN_CONTROL_SOCKET_H
#define QHCP_ADMIN_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "admin/private_socket.h"
#include "loop/listener.h"

#define CONTROL_PATH PRIVATE_SOCKET_PATH
#define CONTROL_CLIENTS 8
#define CONTROL_REPORT 16 /* values of one request */
#define CONTROL_LINE 512  /* bytes of a request: a verb and words for a reason */

struct qhcp_server;

struct control_client {
    struct control_socket *socket;
    struct loop_watch watch; /* on no loop: free */
    struct ucred peer;
    qhcp_nsec until;
    size_t n;
    char line[CONTROL_LINE];
};

struct control_socket {
    struct qhcp_server *core;
    struct loop_part part;
    struct listener listener;
    char path[CONTROL_PATH];
    bool stopping; /* set by the server: nothing can be changed any more */
    struct control_client clients[CONTROL_CLIENTS];
};

/* `path`, or where that is NULL control-PORT.sock in the state directory.  QHCP_E_FULL (too long
 * for a socket's name), or why there is no state directory; with words. */
int control_socket_path(const char *path, uint16_t port, char ret[CONTROL_PATH], char *words,
                        size_t words_cap);

/* Listens.  A name that a dead process left is taken over; QHCP_E_EXISTS where a live one answers.
 * *ret must stay where it is. */
int control_socket_init(struct control_socket *ret, const char *path, struct qhcp_server *core,
                        struct loop *loop, char *words, size_t words_cap);
/* Also for one that is zeroed, or whose init failed. */
void control_socket_deinit(struct control_socket *c);

#endif
