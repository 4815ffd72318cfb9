/* What is answered over plain HTTP: GET / (200 or 503, the status in JSON) and GET /metrics. Inside
 * src/expose alone. */
#ifndef QHCP_EXPOSE_PAGES_H
#define QHCP_EXPOSE_PAGES_H

#include "base/slice.h"
#include "base/text.h"
#include "expose/expose.h"

struct page {
    unsigned status;
    const char *type;
    struct text body; /* text_deinit it */
};

/* The answer to a request without a body; for HEAD the body is made too, and not sent. */
void pages_answer(struct expose *e, struct slice method, struct slice target, bool open_metrics,
                  struct page *ret);
/* An error's answer. */
void pages_error(unsigned status, struct page *ret);

/* "Not Found"; "" for a status that has none here. */
const char *pages_reason(unsigned status);

#endif
