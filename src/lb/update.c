#include "lb/update.h"

#include <string.h>

#include "lb/internal.h"
#include "wire/schema.h"

void update_open(struct backend *b, qhcp_nsec now)
{
    char *token = NULL;
    int err = token_make(b, now, &token, &b->link.renew_at);

    if (err == 0)
        err = session_lb_open(&b->link.session, now, slice_str(token));
    if (err != 0)
        lb_log(b->lb, QHCP_LOG_ERROR, "%s: cannot make a token: %s", b->text, qhcp_strerror(err));
    talk_flush(b, now);
    auth_token_free(token);
}

void update_established(struct backend *b)
{
    b->update = (struct update){.interval = false};
}

void update_owe(struct backend *b, qhcp_nsec now, bool metrics)
{
    b->update.interval = b->update.beats = true;
    b->update.metrics = b->update.metrics || metrics;
    update_send(b, now);
}

void update_owe_beats(struct backend *b, qhcp_nsec now)
{
    b->update.beats = true;
    update_send(b, now);
}

static bool owes(const struct update *u)
{
    return u->token || u->interval || u->metrics || u->beats;
}

/* The token is the caller's to free, once the update has left. */
static struct wire_config_update make(struct backend *b, qhcp_nsec now, char **ret_token)
{
    const struct lb_config *config = b->lb->owned;
    struct wire_config_update update;

    memset(&update, 0, sizeof update);
    if (b->update.interval) {
        update.has |= WIRE_HAS_INTERVAL;
        update.interval_us = own_liveness(b) / NSEC_PER_USEC;
    }
    if (b->update.metrics) {
        update.has |= WIRE_HAS_METRICS;
        update.metrics = config->numbers;
        update.metric_names = config->texts;
    }
    if (b->update.beats && b->link.session.beats && listen_wanted(b) != b->link.session.beat_us) {
        update.has |= WIRE_HAS_BEAT;
        update.beat_us = listen_wanted(b);
    }
    if (!b->update.token)
        return update;
    credentials_refresh(b->lb, now);
    if (token_make(b, now, ret_token, &b->update.next) == 0) {
        update.has |= WIRE_HAS_TOKEN;
        update.token = slice_str(*ret_token);
    }
    return update;
}

void update_send(struct backend *b, qhcp_nsec now)
{
    struct wire_config_update update;
    char *token = NULL;

    if (b->link.renew_at <= now) {
        b->update.token = true;
        link_renew(&b->link, nsec_add(now, UPDATE_AGAIN));
        token_renewing(b);
    }
    if (!owes(&b->update) || !link_takes_updates(&b->link))
        return;
    update = make(b, now, &token);
    if (update.has == 0) { /* beats are as they are wanted */
        b->update.beats = false;
        return;
    }
    if (session_lb_config(&b->link.session, now, &update) == 0) {
        b->update.interval = b->update.metrics = b->update.beats = false;
        b->update.token_sent = update.has & WIRE_HAS_TOKEN;
    }
    talk_flush(b, now);
    auth_token_free(token);
}

void update_other_sent(struct backend *b)
{
    b->update.token_sent = false;
}

/* The next renewal is as far off as the token's minting said. */
void update_taken(struct backend *b, qhcp_nsec now, const struct wire_config_ack *ack)
{
    if (b->update.token_sent && (ack->has & WIRE_HAS_EXPIRES)) {
        b->update.token = false;
        link_renew(&b->link, b->update.next);
        token_accepted(b);
        lb_log(b->lb, QHCP_LOG_DEBUG, "%s: token renewed", b->text);
    }
    report_metrics(b, &ack->metrics);
    b->update.token_sent = false;
    if (owes(&b->update))
        update_send(b, now);
    revoked_heard(b, now, ack->revoked);
}

static void refused(struct backend *b, const struct wire_refusal *r)
{
    const struct schema *update = schema_by_type(WIRE_CONFIG_UPDATE);
    const char *what = "an item that it does not have";
    char words[LIMIT_REASON + 1];

    for (size_t i = 0; i < update->count; i++)
        if (update->fields[i].key == r->key)
            what = update->fields[i].name;
    slice_to_cstr(r->words, words, sizeof words);
    lb_log(b->lb, QHCP_LOG_WARNING, "%s: the server refuses a change of the session (%s): %s",
           b->text, what, words);
    /* CONFIG_UPDATE insists, HELLO only asks: a new session gets what there is. */
    if (r->code == (uint64_t)-QHCP_E_CONFIG)
        link_reverify(&b->link, 0);
    if (r->key == UPDATE_KEY_REVOCATIONS)
        revoked_refused(b, r);
    if (r->code == (uint64_t)-QHCP_E_TOKEN_KEY && token_fall_back_in_session(b, r->code))
        link_renew(&b->link, 0); /* at once, with another key */
}

void update_refused(struct backend *b, const struct wire_config_ack *ack)
{
    for (size_t i = 0; i < ack->refused.count; i++)
        refused(b, &ack->refused.at[i]);
}
