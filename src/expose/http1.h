/* HTTP/1.1 on a connection.  Inside src/expose alone. */
#ifndef QHCP_EXPOSE_HTTP1_H
#define QHCP_EXPOSE_HTTP1_H

#include "base/slice.h"
#include "base/text.h"
#include "expose/expose.h"

/* Answers the request at the front of `in` into *out.  How many bytes it had; 0: it is not whole
 * yet.  *closing is set where the connection ends with this answer. */
int http1_answer(struct expose *e, struct slice in, struct text *out, bool *closing);

#endif
