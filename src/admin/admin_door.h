/* One --admin: its listening socket, its connections, and their libmicrohttpd.  Inside src/admin
 * alone. */
#ifndef QHCP_ADMIN_ADMIN_DOOR_H
#define QHCP_ADMIN_ADMIN_DOOR_H

#include <stddef.h>

#include <microhttpd.h>

struct admin_door;

/* Listens at door->at, with room for door->most connections.  Errors as admin_new. */
int admin_door_open(struct admin_door *door, char *words, size_t words_cap);
/* Nobody comes in any more; those who are in stay. */
void admin_door_shut(struct admin_door *door);
/* While the loop does not run. */
void admin_door_close(struct admin_door *door);

/* admin_http.c's, for libmicrohttpd: a request's target; a request, or more of it; its end. */
void *admin_http_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result admin_http_request(void *door, struct MHD_Connection *mhd, const char *path,
                                   const char *method, const char *version, const char *data,
                                   size_t *n, void **con_cls);
void admin_http_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                          enum MHD_RequestTerminationCode how);

#endif
