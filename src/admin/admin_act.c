#include "admin/admin_act.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_body.h"
#include "admin/admin_http.h"
#include "admin/admin_json.h"
#include "admin/admin_options.h"
#include "admin/admin_server.h"
#include "fleet/reader.h"

#include <qhcp/error.h>

static void refused(struct admin_request *q, const struct wish_answer *a)
{
    if (a->result == QHCP_E_NOT_FOUND)
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "not_found", "%s", a->words);
    else
        admin_http_error(q, MHD_HTTP_CONFLICT, "refused", "%s", a->words);
}

/* The server as it is now. */
static void done_server(struct admin_request *q, const struct wish_answer *a, void *with)
{
    const struct fleet_snapshot *s = reader_hold(q->admin->reader);
    const struct fleet_entry *e;
    uint32_t slot;

    (void)with;
    if (a->result < 0) {
        refused(q, a);
        return;
    }
    e = snapshot_find(s, q->name, &slot);
    if (!e) {
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "not_found", "it was removed meanwhile");
        return;
    }
    admin_server_json(&q->out, s, e);
    text_add(&q->out, "\n");
}

static void add_fault(void *ctx, const char *line)
{
    admin_options_fault(ctx, line);
}

static void reload_refused(struct admin_request *q, const struct wish_answer *a, struct faults *f)
{
    struct text faults = {0};

    faults_each(f, add_fault, &faults);
    admin_http_faults(q, MHD_HTTP_CONFLICT, "refused", faults.at,
                      "the old configuration stays in force: %s", a->words);
    text_deinit(&faults);
}

static void done_reload(struct admin_request *q, const struct wish_answer *a, void *with)
{
    if (a->result < 0) {
        reload_refused(q, a, with);
        return;
    }
    text_add(&q->out, "{");
    admin_json_text(&q->out, "done", a->words);
    text_add(&q->out, "}\n");
}

static bool take_weight(struct admin_request *q, const json_t *body, struct wish *w)
{
    const json_t *value = json_object_get(body, "weight");

    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) <= FLEET_WEIGHT_MAX) {
        w->number = (uint64_t)json_integer_value(value);
        return true;
    }
    admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_member",
                     "weight: expected a whole number from 0 to %d", FLEET_WEIGHT_MAX);
    return false;
}

static void act(struct admin_request *q, enum wish_kind kind, const char *names)
{
    struct wish w = {.kind = kind};
    json_t *body = admin_body_read(q, names);

    if (!body)
        return;
    snprintf(w.server, sizeof w.server, "%s", q->name);
    if (admin_body_text(q, body, "reason", w.words, ADMIN_REASON) &&
        admin_body_duration(q, body, "for", &w.lasts) &&
        (kind != WISH_WEIGHT || take_weight(q, body, &w)))
        admin_follow_ask(q, &w, done_server, NULL);
    json_decref(body);
}

void admin_act_drain(struct admin_request *q)
{
    act(q, WISH_DRAIN, "reason for");
}

void admin_act_undrain(struct admin_request *q)
{
    act(q, WISH_UNDRAIN, "reason");
}

void admin_act_maintenance(struct admin_request *q)
{
    act(q, WISH_MAINTENANCE, "reason for");
}

void admin_act_weight(struct admin_request *q)
{
    act(q, WISH_WEIGHT, "weight reason");
}

static void free_faults(void *faults)
{
    faults_deinit(faults);
    free(faults);
}

void admin_act_reload(struct admin_request *q)
{
    struct wish w = {.kind = WISH_RELOAD};
    json_t *body = admin_body_read(q, "reason");

    if (body && admin_body_text(q, body, "reason", w.words, ADMIN_REASON)) {
        w.with = calloc(1, sizeof(struct faults));
        if (w.with)
            admin_follow_ask(q, &w, done_reload, free_faults);
        else
            admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
    }
    json_decref(body);
}
