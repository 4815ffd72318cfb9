/* What a load balancer may change in a live session, and on whose word.
 *
 * Each item is judged first; only when none was refused is anything written.  The refusals' words
 * are kept in the session until its CONFIG_ACK is pulled. */
#include "session/config.h"

#include <stdio.h>

#include <qhcp/error.h>

uint64_t session_config_interval(uint64_t us)
{
    if (us < LIMIT_INTERVAL_MIN_US)
        return LIMIT_INTERVAL_MIN_US;
    return us > LIMIT_INTERVAL_MAX_US ? LIMIT_INTERVAL_MAX_US : us;
}

/* Refuses an item. */
static void refuse_item(struct session_server *s, uint64_t key, int error, const char *words)
{
    struct wire_refusals *r = &s->config_ack.refused;
    char *kept = s->refused[r->count];

    session_text(kept, sizeof s->refused[0], words, qhcp_strerror(error));
    r->at[r->count++] = (struct wire_refusal){key, slice_str(kept), (uint64_t)-error};
}

/* Keys of CONFIG_UPDATE, which refusals name. */
enum {
    KEY_INTERVAL = 0x02,
    KEY_TOKEN = 0x03,
    KEY_METRICS = 0x04,
    KEY_NAMES = 0x05,
    KEY_PUSH = 0x06,
    KEY_REVOCATIONS = 0x07,
    KEY_BEAT = 0x08
};

static void judge_token(struct session_server *s, const struct session_token *token)
{
    if (token->error)
        refuse_item(s, KEY_TOKEN, token->error, token->words);
    else if (!(token->scopes & SESSION_SCOPE_HEALTH))
        refuse_item(s, KEY_TOKEN, QHCP_E_TOKEN_SCOPE, "the new token lacks the scope health");
}

/* An update of anything but the token needs the scope; one refusal says so. */
static bool judge_scope(struct session_server *s, const struct wire_config_update *u,
                        unsigned scopes)
{
    uint64_t key = u->has & WIRE_HAS_INTERVAL  ? KEY_INTERVAL
                   : u->metrics.count > 0      ? KEY_METRICS
                   : u->has & WIRE_HAS_METRICS ? KEY_NAMES
                   : u->has & WIRE_HAS_PUSH    ? KEY_PUSH
                   : u->has & WIRE_HAS_BEAT    ? KEY_BEAT
                                               : KEY_REVOCATIONS;

    if (!(u->has & ~WIRE_HAS_TOKEN) || scopes & SESSION_SCOPE_CONFIG)
        return true;
    refuse_item(s, key, QHCP_E_TOKEN_SCOPE, "the token lacks the scope config");
    return false;
}

static void judge_interval(struct session_server *s, uint64_t key, uint64_t us)
{
    char words[128];

    if (us == session_config_interval(us))
        return;
    snprintf(words, sizeof words, "an interval of %llu us is outside %llu to %llu us",
             (unsigned long long)us, LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US);
    refuse_item(s, key, QHCP_E_VALUE, words);
}

static void judge_metrics(struct session_server *s, const struct wire_config_update *u,
                          struct session_metrics *ret)
{
    struct slice name;
    uint64_t number;
    char words[LIMIT_NAME + 32];

    session_metrics_choose(s->self, &u->metrics, &u->metric_names, ret, &number, &name);
    if (number > 0) {
        snprintf(words, sizeof words, "there is no metric %llu", (unsigned long long)number);
        refuse_item(s, KEY_METRICS, QHCP_E_CONFIG, words);
    }
    if (name.n > 0) {
        snprintf(words, sizeof words, "there is no metric %.*s", (int)name.n, (const char *)name.p);
        refuse_item(s, KEY_NAMES, QHCP_E_CONFIG, words);
    }
}

static void describe(struct session_server *s, qhcp_nsec now)
{
    struct wire_config_ack *ack = &s->config_ack;
    qhcp_nsec end = nsec_add(now, s->self->leeway);

    ack->has = s->token_expires != NSEC_NEVER ? WIRE_HAS_EXPIRES : 0;
    ack->id = s->config_id;
    ack->interval_us = s->interval_us;
    ack->push = s->push;
    ack->revoked = s->self->revoked;
    ack->beat_us = s->beat_us;
    ack->expires_s = s->token_expires > end ? (s->token_expires - end) / NSEC_PER_SEC : 0;
}

static void apply(struct session_server *s, const struct wire_config_update *u,
                  const struct session_metrics *metrics, const struct session_token *token)
{
    if (u->has & WIRE_HAS_INTERVAL)
        s->interval_us = u->interval_us;
    if (u->has & WIRE_HAS_METRICS)
        s->metrics = *metrics;
    if (u->has & WIRE_HAS_PUSH)
        s->push = u->push;
    if (u->has & WIRE_HAS_BEAT && s->beats)
        s->beat_us = u->beat_us;
    if (u->has & WIRE_HAS_TOKEN) {
        s->scopes = token->scopes;
        s->token_expires = token->expires;
    }
}

void session_config_apply(struct session_server *s, qhcp_nsec now,
                          const struct wire_config_update *u, const struct session_token *token)
{
    bool renews = u->has & WIRE_HAS_TOKEN;
    struct session_metrics metrics = {0};

    s->config_ack.refused.count = 0;
    if (renews)
        judge_token(s, token);
    if (judge_scope(s, u, renews && !token->error ? token->scopes : s->scopes)) {
        if (u->has & WIRE_HAS_INTERVAL)
            judge_interval(s, KEY_INTERVAL, u->interval_us);
        if (u->has & WIRE_HAS_BEAT && u->beat_us > 0)
            judge_interval(s, KEY_BEAT, u->beat_us);
        if (u->has & WIRE_HAS_METRICS)
            judge_metrics(s, u, &metrics);
        if (u->has & WIRE_HAS_REVOCATIONS && token->error)
            refuse_item(s, KEY_REVOCATIONS, token->error, token->words);
    }
    if (s->config_ack.refused.count == 0)
        apply(s, u, &metrics, token);
    describe(s, now);
}
