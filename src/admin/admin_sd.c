#include "admin/admin_sd.h"

#include <microhttpd.h>
#include <stdlib.h>

#include "admin/admin_http.h"
#include "fleet/reader.h"
#include "fleet/snapshot.h"
#include "sinks/targets_json.h"

struct sd {
    uint64_t port; /* of all targets; 0: each server's own */
    uint32_t at;   /* the next slot */
    bool begun;    /* some server was written */
    bool ended;
};

/* One server more. */
static enum admin_more more(struct admin_request *q)
{
    const struct fleet_snapshot *s = reader_hold(q->admin->reader);
    const struct fleet_entry *e;
    struct sd *sd = q->ctx;
    bool written = false;

    if (sd->ended)
        return ADMIN_END;
    while (!written && (e = snapshot_next(s, &sd->at))) {
        size_t before = q->out.n;

        text_add(&q->out, sd->begun ? ",\n" : "[\n");
        written = targets_json_one(&q->out, e, (uint16_t)sd->port);
        if (!written)
            q->out.n = before;
        sd->begun |= written;
        sd->at++;
    }
    sd->ended = !written;
    if (sd->ended)
        text_add(&q->out, sd->begun ? "]\n" : "[]\n");
    return ADMIN_MORE;
}

void admin_sd_show(struct admin_request *q)
{
    struct sd *sd = calloc(1, sizeof *sd);

    q->ctx = sd;
    q->free_ctx = free;
    if (!sd)
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
    else if (admin_http_number(q, "port", 1, UINT16_MAX, &sd->port))
        q->more = more;
}
