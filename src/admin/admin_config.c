#include "admin/admin_config.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_act.h"
#include "admin/admin_body.h"
#include "admin/admin_http.h"
#include "admin/admin_json.h"
#include "admin/admin_options.h"

#include <qhcp/error.h>

#define ALGORITHM "balance" /* the option */

/* What is in force; NULL: the answer says why not. */
static const struct in_force_copy *hold(struct admin_request *q)
{
    const struct in_force_copy *copy = in_force_hold(q->admin->config.in_force);

    if (!copy)
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
    return copy;
}

static void let_go(struct admin_request *q, const struct in_force_copy *copy)
{
    in_force_let_go(q->admin->config.in_force, copy);
}

/* The answer is what is in force, with its tag, which is the same for all clients. */
static void show(struct admin_request *q, const struct in_force_copy *copy)
{
    char tag[ADMIN_OPTIONS_TAG];

    admin_options_json(&q->out, copy->options, true);
    admin_options_tag(&q->out, tag);
    snprintf(q->etag, sizeof q->etag, "%s", tag);
    if (q->who.scopes & ADMIN_WRITE)
        return;
    text_reset(&q->out);
    admin_options_json(&q->out, copy->options, false);
}

void admin_config_show(struct admin_request *q)
{
    const char *known = admin_http_header(q, MHD_HTTP_HEADER_IF_NONE_MATCH);
    const struct in_force_copy *copy = hold(q);

    if (!copy)
        return;
    show(q, copy);
    let_go(q, copy);
    if (known && admin_options_match(known, q->etag)) {
        q->status = MHD_HTTP_NOT_MODIFIED;
        text_reset(&q->out);
    }
}

static void changed_meanwhile(struct admin_request *q)
{
    admin_http_error(q, MHD_HTTP_PRECONDITION_FAILED, "changed",
                     "If-Match does not name what is in force: GET it again, and look at it");
}

/* What the client has seen is in force. */
static bool check_match(struct admin_request *q, const struct in_force_copy *copy)
{
    const char *match = admin_http_header(q, MHD_HTTP_HEADER_IF_MATCH);

    show(q, copy);
    text_reset(&q->out);
    if (!match)
        admin_http_error(q, MHD_HTTP_PRECONDITION_REQUIRED, "no_match",
                         "If-Match is missing: send the ETag of GET /api/v1/config, or *");
    else if (!admin_options_match(match, q->etag))
        changed_meanwhile(q);
    return q->status == 0;
}

static void patch_free(void *patch)
{
    patch_deinit(patch);
    free(patch);
}

/* Made of the body; NULL: the answer says what is wrong. */
static struct patch *make(struct admin_request *q, const struct in_force_copy *copy,
                          const json_t *body)
{
    struct patch *p = calloc(1, sizeof *p);
    struct text faults = {0};
    size_t n;

    if (!p || patch_init(p, copy) != 0) {
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
    } else if ((n = admin_options_patch(p, body, &faults)) > 0) {
        admin_http_faults(q, MHD_HTTP_BAD_REQUEST, "bad_option", faults.at,
                          "nothing has changed: there %s %zu error%s", n == 1 ? "is" : "are",
                          TEXT_COUNT(n));
    } else {
        text_deinit(&faults);
        return p;
    }
    text_deinit(&faults);
    if (p)
        patch_free(p);
    return NULL;
}

static bool refused(struct admin_request *q, const struct wish_answer *a)
{
    if (a->result == QHCP_E_AGAIN)
        changed_meanwhile(q);
    else if (a->result < 0)
        admin_http_error(q, MHD_HTTP_CONFLICT, "refused", "%s", a->words);
    return a->result < 0;
}

static void done_change(struct admin_request *q, const struct wish_answer *a, void *with)
{
    const struct in_force_copy *copy = hold(q);

    (void)with;
    if (!copy)
        return;
    show(q, copy);
    if (a->result < 0)
        (void)refused(q, a);
    let_go(q, copy);
}

void admin_config_change(struct admin_request *q)
{
    const struct in_force_copy *copy = hold(q);
    struct wish w = {.kind = WISH_CONFIG};
    json_t *body = NULL;
    struct patch *p = NULL;

    if (!copy)
        return;
    if (check_match(q, copy) && (body = admin_body_object(q)))
        p = make(q, copy, body);
    if (p && p->n == 0)
        show(q, copy);
    let_go(q, copy);
    json_decref(body);
    w.with = p;
    if (p && p->n > 0)
        admin_follow_ask(q, &w, done_change, patch_free);
    else if (p)
        patch_free(p);
}

static void done_algorithm(struct admin_request *q, const struct wish_answer *a, void *with)
{
    (void)with;
    if (refused(q, a))
        return;
    text_add(&q->out, "{");
    admin_json_text(&q->out, "done", a->words);
    admin_json_text(&q->out, "note", ADMIN_OPTIONS_NOTE);
    text_add(&q->out, "}\n");
}

/* The option, given by another name. */
static struct patch *make_algorithm(struct admin_request *q, const json_t *body)
{
    json_t *value = json_object_get(body, "algorithm");
    json_t *option = value ? json_pack("{s:O}", ALGORITHM, value) : NULL;
    const struct in_force_copy *copy = option ? hold(q) : NULL;
    struct patch *p = NULL;

    if (!value)
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_member", "algorithm is missing");
    if (copy && (p = make(q, copy, option)))
        p->number = 0;
    let_go(q, copy);
    json_decref(option);
    return p;
}

void admin_config_algorithm(struct admin_request *q)
{
    struct wish w = {.kind = WISH_CONFIG};
    json_t *body = admin_body_read(q, "algorithm reason");

    if (body && admin_body_text(q, body, "reason", w.words, ADMIN_REASON) &&
        (w.with = make_algorithm(q, body)))
        admin_follow_ask(q, &w, done_algorithm, patch_free);
    json_decref(body);
}
