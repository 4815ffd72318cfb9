#include "lb/revoked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/internal.h"

int revoked_prints(const struct revoked *list, uint8_t **ret, size_t *ret_n)
{
    uint8_t *prints, one[REVOKED_CERT];
    size_t n = 0;

    while (revoked_cert_at(list, n, one))
        n++;
    prints = malloc(n * REVOKED_CERT + 1);
    if (!prints)
        return QHCP_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        (void)revoked_cert_at(list, i, prints + i * REVOKED_CERT);
    *ret = prints;
    *ret_n = n;
    return 0;
}

/* Its server has not our list. */
static bool behind(const struct backend *b)
{
    return b->lb->credentials.revoked_number > b->revocation.known;
}

/* Our own token in this session is of a key in the list: first a token of another key, or the
 * server would end the session with the list (token_renew_all). */
static bool renews_first(const struct backend *b)
{
    const struct credentials *ours = &b->lb->credentials;

    return ours->key && !b->token.refused &&
           strcmp(kept_text(&b->token.kid), auth_key_kid(ours->key)) != 0 &&
           revoked_has_key(&ours->revoked, kept_text(&b->token.kid));
}

void revoked_tell(struct backend *b, qhcp_nsec now)
{
    struct wire_config_update update;

    if (!behind(b) || b->revocation.sent == b->lb->credentials.revoked_number ||
        !link_takes_updates(&b->link) || renews_first(b))
        return;
    memset(&update, 0, sizeof update);
    update.has = WIRE_HAS_REVOCATIONS;
    update.revocations = slice_str(revoked_list(&b->lb->credentials.revoked));
    if (session_lb_config(&b->link.session, now, &update) != 0)
        return; /* another update is on its way: after its answer */
    b->revocation.sent = b->lb->credentials.revoked_number;
    kept_set(&b->revocation.words, "", 1);
    update_other_sent(b);
    publish_mark(b, QHCP_CHANGE_NOTICE);
    talk_flush(b, now);
}

void revoked_heard(struct backend *b, qhcp_nsec now, uint64_t number)
{
    if (number > b->revocation.known)
        lb_log(b->lb, QHCP_LOG_INFO, "%s has the list of revocations %llu", b->text,
               (unsigned long long)number);
    if (number != b->revocation.known)
        publish_mark(b, QHCP_CHANGE_NOTICE);
    b->revocation.known = number;
    revoked_tell(b, now);
}

void revoked_established(struct backend *b, qhcp_nsec now, uint64_t number)
{
    b->revocation.sent = 0;
    kept_set(&b->revocation.words, "", 1);
    revoked_heard(b, now, number);
}

void revoked_refused(struct backend *b, const struct wire_refusal *refusal)
{
    kept_set_slice(&b->revocation.words, refusal->words, REVOKED_WORDS);
    publish_mark(b, QHCP_CHANGE_NOTICE);
}

static void remind(struct qhcp_lb *lb)
{
    char names[QHCP_TEXT * 2] = "";
    size_t n = 0, at = 0;

    for (size_t i = 0; i < lb->count; i++) {
        const char *name = lb->backends[i]->text;

        if (!behind(lb->backends[i]))
            continue;
        n++;
        if (at + strlen(name) + 8 < sizeof names)
            at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", at > 0 ? ", " : "", name);
        else if (at + 5 < sizeof names && names[at - 1] != '.')
            at += (size_t)snprintf(names + at, sizeof names - at, ", ...");
    }
    if (n > 0)
        lb_log(lb, QHCP_LOG_WARNING, "%zu server%s not have the list of revocations yet: %s", n,
               n == 1 ? " does" : "s do", names);
}

void revoked_remind(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (now < lb->revoked_tell_at)
        return;
    lb->revoked_tell_at = NSEC_NEVER;
    remind(lb);
}

void revoked_changed(struct qhcp_lb *lb, qhcp_nsec now)
{
    lb->revoked_tell_at = nsec_add(now, REVOKED_WAIT);
    for (size_t i = 0; i < lb->count; i++) {
        struct backend *b = lb->backends[i];

        if (b->lost && b->lost->link.conn &&
            quic_conn_peer_revoked(b->lost->link.conn, lb->credentials.tls))
            lost_end(b);
        if (b->link.conn && quic_conn_peer_revoked(b->link.conn, lb->credentials.tls))
            link_reverify(&b->link, now); /* the new handshake refuses it, and says why */
        publish_mark(b, QHCP_CHANGE_NOTICE);
        revoked_tell(b, now);
        settle_later(b);
    }
}

bool revoked_notice(const struct backend *b, char *ret, size_t cap)
{
    const char *why = "it could not be reached";

    if (!behind(b) || b->health.state == QHCP_CONNECTING)
        return false;
    if (!kept_empty(&b->revocation.words))
        why = kept_text(&b->revocation.words);
    else if (b->revocation.sent == b->lb->credentials.revoked_number)
        why = "it has not accepted the list (does its version support it?)";
    snprintf(ret, cap,
             "does not have the list of revocations: %.90s; run `qhcp keys export --revoked --out "
             "F` here and `qhcp keys import F` there",
             why);
    return true;
}

void revocation_deinit(struct revocation *r)
{
    kept_deinit(&r->words);
}
