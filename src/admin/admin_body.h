/* A request's body: one JSON object whose members are known. */
#ifndef QHCP_ADMIN_ADMIN_BODY_H
#define QHCP_ADMIN_ADMIN_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/time.h"

struct admin_request;

/* The body as an object; an empty one where there is no body.  json_decref it.  NULL: it is none,
 * and the answer says what is wrong and where. */
json_t *admin_body_object(struct admin_request *q);
/* The same, whose members are only those of `names`, with blanks between. */
json_t *admin_body_read(struct admin_request *q, const char *names);

/* A member that is text of less than cap bytes, without control characters; "" where there is none.
 * False: it is not, and the answer says so. */
bool admin_body_text(struct admin_request *q, const json_t *body, const char *name, char *ret,
                     size_t cap);
/* A duration as options have it ("30m"), from a second to a year; 0 where there is none. */
bool admin_body_duration(struct admin_request *q, const json_t *body, const char *name,
                         qhcp_nsec *ret);

#endif
