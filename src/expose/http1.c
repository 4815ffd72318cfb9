#include "expose/http1.h"

#include "expose/http_head.h"
#include "expose/pages.h"

static void put_answer(struct text *out, const struct page *p, bool head, bool keep)
{
    text_printf(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", p->status,
                pages_reason(p->status), p->type, p->body.n);
    text_add(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    if (p->status == 405)
        text_add(out, "Allow: GET, HEAD\r\n");
    text_add(out, keep ? "\r\n" : "Connection: close\r\n\r\n");
    if (!head)
        text_bytes(out, p->body.at, p->body.n);
    out->failed |= p->body.failed;
}

int http1_answer(struct expose *e, struct slice in, struct text *out, bool *closing)
{
    struct http_head head = {.keep = false};
    int n = http_head_parse(in, &head);
    struct page page;

    if (n == 0)
        return 0;
    if (n > 0)
        pages_answer(e, head.method, head.target, head.open_metrics, &page);
    else
        pages_error((unsigned)-n, &page);
    put_answer(out, &page, slice_equal(head.method, slice_str("HEAD")), head.keep);
    text_deinit(&page.body);
    *closing |= !head.keep;
    return n > 0 ? n : (int)in.n;
}
