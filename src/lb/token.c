#include "lb/token.h"

#include <stdio.h>
#include <string.h>

#include "lb/internal.h"

/* A token of an outside issuer: the file's text, without the white space around it. */
static int outside_token(struct qhcp_lb *lb, char **ret)
{
    char words[QHCP_TEXT * 2], *text;
    size_t len, start = 0;
    int err = state_read_file(lb->credentials.key_path, true, LIMIT_TOKEN + 64, &text, &len, words,
                              sizeof words);

    if (err != 0) {
        lb_log(lb, QHCP_LOG_ERROR, "token file: %s", words);
        return err;
    }
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    while (text[start] != '\0' && strchr(" \t\r\n", text[start]))
        start++;
    memmove(text, text + start, len - start + 1);
    *ret = text;
    return 0;
}

/* The newest token key, or the one that this server knows.  A rotation moves them by one: then the
 * server refuses, and the next is tried. */
static const struct auth_key *key_of(const struct backend *b)
{
    const struct qhcp_lb *lb = b->lb;

    return b->token.key_at == 0 || b->token.key_at > lb->credentials.n_old_keys
               ? lb->credentials.key
               : lb->credentials.old_keys[b->token.key_at - 1];
}

int token_make(struct backend *b, qhcp_nsec now, char **ret, qhcp_nsec *ret_renew)
{
    struct qhcp_lb *lb = b->lb;
    uint8_t binding[AUTH_BINDING];
    struct auth_claims claims = {.audience = b->address.host,
                                 .scopes = lb->config->once ? AUTH_SCOPE_HEALTH : AUTH_SCOPE_ALL,
                                 .now = lb->config->wall_clock(lb->config->ctx),
                                 .lifetime = lb->config->token_lifetime,
                                 .binding = binding};
    unsigned scopes = 0;
    int err;

    if (!lb->credentials.key) {
        *ret_renew = nsec_add(now, 60 * NSEC_PER_SEC); /* the file may have a newer one */
        err = outside_token(lb, ret);
        scopes = err == 0 ? auth_token_scopes(slice_str(*ret)) : 0;
    } else {
        *ret_renew = nsec_add(now, nsec_min((qhcp_nsec)claims.lifetime * NSEC_PER_SEC / 4 * 3,
                                            b->token.key_at > 0 ? TOKEN_RETRY : NSEC_NEVER));
        kept_set(&b->token.asked, auth_key_kid(key_of(b)), LIMIT_ID + 1);
        err = quic_conn_export(b->link.conn, AUTH_EXPORTER_LABEL, binding, sizeof binding);
        if (err == 0)
            err = auth_mint(key_of(b), &claims, ret);
        scopes = claims.scopes & auth_key_scopes(key_of(b));
    }
    b->token.scopes = err == 0 ? scopes : 0;
    return err;
}

bool token_key_changed(const struct backend *b, uint64_t code)
{
    return code == (uint64_t)-QHCP_E_TOKEN_KEY && b->lb->credentials.key &&
           !kept_empty(&b->token.asked) &&
           strcmp(kept_text(&b->token.asked), auth_key_kid(key_of(b))) != 0;
}

void token_renew_all(struct qhcp_lb *lb, qhcp_nsec now)
{
    for (size_t i = 0; lb->credentials.key && i < lb->count; i++) {
        struct backend *b = lb->backends[i];

        if (!b->link.conn ||
            strcmp(kept_text(&b->token.kid), auth_key_kid(lb->credentials.key)) == 0)
            continue;
        b->token.key_at = 0;
        b->token.settled = b->token.refused = false;
        link_renew(&b->link, now);
        settle_later(b);
    }
}

/* The key of the token in force, which is good for a renewal too. */
static bool settle_on_key(struct backend *b)
{
    for (size_t i = 0; i < b->lb->credentials.n_old_keys; i++)
        if (strcmp(kept_text(&b->token.kid), auth_key_kid(b->lb->credentials.old_keys[i])) == 0 &&
            strcmp(kept_text(&b->token.asked), kept_text(&b->token.kid)) != 0) {
            b->token.key_at = i + 1;
            return true;
        }
    return false;
}

bool token_fall_back(struct backend *b, uint64_t code)
{
    const struct qhcp_lb *lb = b->lb;

    if (token_key_changed(b, code) || (code == (uint64_t)-QHCP_E_TOKEN_KEY && settle_on_key(b)))
        return true;
    if (code != (uint64_t)-QHCP_E_TOKEN_KEY || lb->credentials.n_old_keys == 0)
        return false;
    if (++b->token.tries > lb->credentials.n_old_keys) { /* it knows none of them */
        b->token.tries = b->token.key_at = 0;
        return false;
    }
    b->token.key_at = b->token.key_at < lb->credentials.n_old_keys ? b->token.key_at + 1 : 0;
    return true;
}

void token_accepted(struct backend *b)
{
    b->token.tries = 0;
    publish_mark(b, QHCP_CHANGE_NOTICE);
    kept_set(&b->token.kid, kept_text(&b->token.asked), LIMIT_ID + 1);
    if (b->token.key_at > 0 && b->token.told != b->token.key_at)
        lb_log(b->lb, QHCP_LOG_WARNING,
               "%s does not know the new token key; using an old one (%s): run `qhcp keys export "
               "--server %s --out F` here and `qhcp keys import F` there",
               b->text, auth_key_kid(key_of(b)), b->address.host);
    b->token.told = b->token.key_at;
}

void token_renewing(struct backend *b)
{
    if (!b->token.settled)
        b->token.key_at = 0;
    b->token.settled = false;
}

bool token_fall_back_in_session(struct backend *b, uint64_t code)
{
    b->token.settled = token_fall_back(b, code);
    b->token.refused = !b->token.settled;
    return b->token.settled;
}

void token_established(struct backend *b)
{
    token_accepted(b);
    b->token.refused = b->token.settled = false;
}

bool token_notice(const struct backend *b, char *ret, size_t cap)
{
    if (b->token.key_at == 0 || !b->lb->credentials.key)
        return false;
    snprintf(ret, cap,
             "knows only an old token key: run `qhcp keys export --server %s --out F` on the "
             "machine with the CA, and `qhcp keys import F` on the server",
             b->address.host);
    return true;
}

void token_deinit(struct token *t)
{
    kept_deinit(&t->asked);
    kept_deinit(&t->kid);
}
