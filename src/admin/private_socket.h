/* A Unix socket that listens, whose mode says who may connect from the moment it is there. */
#ifndef QHCP_ADMIN_PRIVATE_SOCKET_H
#define QHCP_ADMIN_PRIVATE_SOCKET_H

#include <stddef.h>
#include <sys/un.h>

#define PRIVATE_SOCKET_PATH sizeof(((struct sockaddr_un *)0)->sun_path)

/* Listens at path, whose file has this mode.  A name that a dead process left is taken over.
 * *ret is a descriptor that does not block.  QHCP_E_EXISTS: a live process, or another kind of
 * file, has the name; QHCP_E_IO, QHCP_E_FULL (the path is too long), with words; `option` is what
 * the words tell to change. */
int private_socket_listen(const char *path, unsigned mode, int backlog, const char *option,
                          int *ret, char *words, size_t words_cap);

/* The path of NAME-PORT.sock in the state directory.  QHCP_E_FULL where it is too long for a
 * socket, or why there is no state directory; with words. */
int private_socket_path(const char *name, unsigned port, const char *option,
                        char ret[PRIVATE_SOCKET_PATH], char *words, size_t words_cap);

#endif
