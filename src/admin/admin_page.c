#include "admin/admin_page.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_http.h"
#include "base/value.h"

static void give(struct admin_request *q, const char *name)
{
    const struct admin_page_file *f = admin_page_files;
    const char *known = admin_http_header(q, MHD_HTTP_HEADER_IF_NONE_MATCH);
    char quote[VALUE_QUOTE + 8];

    while (f->name && strcmp(f->name, name) != 0)
        f++;
    if (!f->name) {
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "not_found", "the page has no file %s",
                         value_quote(name, quote));
        return;
    }
    q->type = f->type;
    q->fixed = f;
    snprintf(q->etag, sizeof q->etag, "%s", f->etag);
    if (known && strcmp(known, f->etag) == 0)
        q->status = MHD_HTTP_NOT_MODIFIED;
}

void admin_page_root(struct admin_request *q)
{
    give(q, "index.html");
}

void admin_page_part(struct admin_request *q)
{
    give(q, q->name);
}
