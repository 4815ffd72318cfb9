#include "expose/pages.h"

#include "expose/page_metrics.h"
#include "wire/registry.h"

#define JSON "application/json"

const char *pages_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {431, "Request Header Fields Too Large"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

void pages_error(unsigned status, struct page *ret)
{
    *ret = (struct page){.status = status, .type = JSON};
    text_add(&ret->body, "{\"error\":");
    text_json(&ret->body, pages_reason(status));
    text_add(&ret->body, "}\n");
}

static void put_check(struct text *t, const struct qhcp_check_view *c)
{
    text_add(t, "{\"name\":");
    text_json(t, c->name);
    text_printf(t, ",\"status\":\"%s\",\"reason\":", wire_status(c->status)->name);
    text_json(t, c->reason);
    text_add(t, "}");
}

/* The status is a load balancer's answer: what it does with the words is its own affair. */
static void status_page(const struct expose *e, struct page *p)
{
    struct text *t = &p->body;
    struct facts f;

    expose_facts(e, &f);
    p->status = facts_serving(f.view.status) ? 200 : 503;
    p->type = JSON;
    text_printf(t, "{\"status\":\"%s\",\"reason\":", wire_status(f.view.status)->name);
    text_json(t, f.view.reason);
    text_add(t, ",\"checks\":[");
    for (size_t i = 0; i < f.view.n_checks; i++) {
        text_add(t, i > 0 ? "," : "");
        put_check(t, &f.view.checks[i]);
    }
    text_add(t, "]}\n");
}

static struct slice without_query(struct slice target)
{
    const uint8_t *mark = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;

    return mark ? slice_of(target.p, (size_t)(mark - target.p)) : target;
}

void pages_answer(struct expose *e, struct slice method, struct slice target, bool open_metrics,
                  struct page *ret)
{
    struct slice path = without_query(target);

    *ret = (struct page){.status = 200};
    e->counts.pages++;
    if (!slice_equal(method, slice_str("GET")) && !slice_equal(method, slice_str("HEAD"))) {
        pages_error(405, ret);
    } else if (slice_equal(path, slice_str("/"))) {
        status_page(e, ret);
    } else if (slice_equal(path, slice_str("/metrics"))) {
        ret->type = page_metrics_type(open_metrics);
        page_metrics_put(e, open_metrics, &ret->body);
    } else {
        pages_error(404, ret);
    }
}
