/* What the load balancer trusts and shows: certificates, tokens, tickets.  Files are read at the
 * start and again when they change; a change that does not load leaves the old in force and is
 * logged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lb/internal.h"

#define PEM_MAX (1 << 20)

static int load_tls(struct qhcp_lb *lb, const struct revoked *revoked, struct quic_tls **ret,
                    char *words, size_t cap)
{
    const struct qhcp_lb_config *config = lb->config;
    struct quic_tls_config tls = {.trust_name = lb->trust_path,
                                  .trust_given = config->cert_file != NULL,
                                  .insecure = config->insecure};
    char *trust = NULL, *cert = NULL, *key = NULL;
    uint8_t *prints = NULL;
    int err = state_read_file(lb->trust_path, false, PEM_MAX, &trust, NULL, words, cap);

    if (err == 0 && config->client_cert_file)
        err = state_read_file(config->client_cert_file, false, PEM_MAX, &cert, NULL, words, cap);
    if (err == 0 && config->client_key_file)
        err = state_read_file(config->client_key_file, true, PEM_MAX, &key, NULL, words, cap);
    if (err == 0)
        err = revoked_prints(revoked, &prints, &tls.n_revoked);
    if (err == 0) {
        tls.revoked = prints;
        tls.trust_pem = trust;
        tls.cert_pem = cert;
        tls.key_pem = key;
        err = quic_tls_new(&tls, ret, words, cap);
    }
    free(prints);
    free(trust);
    free(cert);
    if (key)
        explicit_bzero(key, strlen(key));
    free(key);
    return err;
}

static int parse_key(const char *path, struct auth_key **ret, char *words, size_t cap)
{
    char *json, why[QHCP_TEXT];
    size_t len;
    int err = state_read_file(path, true, PEM_MAX, &json, &len, words, cap);

    if (err != 0)
        return err;
    err = auth_key_parse(slice_of(json, len), ret, why, sizeof why);
    if (err != 0)
        snprintf(words, cap, "%s: %s", path, why);
    explicit_bzero(json, len);
    free(json);
    return err;
}

/* With a token file there is no key: the file is read again at each use, and here to see that it
 * can be. */
static int load_key(struct qhcp_lb *lb, struct auth_key **ret, char *words, size_t cap)
{
    char *text;
    size_t len;
    int err;

    if (!lb->config->token_file)
        return parse_key(lb->key_path, ret, words, cap);
    err = state_read_file(lb->key_path, true, LIMIT_TOKEN + 64, &text, &len, words, cap);
    if (err != 0)
        return err;
    explicit_bzero(text, len);
    free(text);
    *ret = NULL;
    return 0;
}

static void free_old_keys(struct qhcp_lb *lb)
{
    while (lb->n_old_keys > 0)
        auth_key_free(lb->old_keys[--lb->n_old_keys]);
}

/* After rotations servers on other machines know an old key only, until their next import. */
static void load_old_keys(struct qhcp_lb *lb)
{
    char path[STATE_PATH], words[STATE_PATH + QHCP_TEXT], why[QHCP_TEXT] = "", *json;
    size_t len;
    int err;

    state_path(&lb->state, STATE_TOKEN_KEY_OLD, path, sizeof path);
    if (lb->config->token_file || access(path, F_OK) != 0) {
        free_old_keys(lb);
        return;
    }
    err = state_read_file(path, true, PEM_MAX, &json, &len, words, sizeof words);
    if (err == 0) { /* else those that are there stay: servers may know no other */
        free_old_keys(lb);
        err = auth_key_parse_all(slice_of(json, len), lb->old_keys, STATE_OLD_KEYS, &lb->n_old_keys,
                                 why, sizeof why);
        if (err != 0)
            snprintf(words, sizeof words, "%s: %s", path, why);
        explicit_bzero(json, len);
        free(json);
    }
    if (err != 0)
        lb_log(lb, QHCP_LOG_WARNING, "%s", words);
}

void credentials_free(struct qhcp_lb *lb)
{
    quic_tls_unref(lb->tls);
    auth_key_free(lb->key);
    free_old_keys(lb);
    revoked_deinit(&lb->revoked);
}

/* `qhcp check` on a server's machine has a key of its own, for that server alone. */
static void choose_paths(struct qhcp_lb *lb)
{
    if (lb->config->cert_file)
        snprintf(lb->trust_path, sizeof lb->trust_path, "%s", lb->config->cert_file);
    else
        state_path(&lb->state, "ca/ca.pem", lb->trust_path, sizeof lb->trust_path);
    if (lb->config->token_file) {
        snprintf(lb->key_path, sizeof lb->key_path, "%s", lb->config->token_file);
        return;
    }
    state_path(&lb->state, "check/token-key.json", lb->key_path, sizeof lb->key_path);
    if (!lb->config->once || access(lb->key_path, F_OK) != 0)
        state_path(&lb->state, "lb/token-key.json", lb->key_path, sizeof lb->key_path);
}

static void mark_files(const struct qhcp_lb *lb, struct watch ret[LB_FILES])
{
    char old[STATE_PATH], revoked[STATE_PATH];
    const char *const paths[LB_FILES] = {lb->trust_path,
                                         lb->key_path,
                                         lb->config->client_cert_file,
                                         lb->config->client_key_file,
                                         old,
                                         revoked};

    state_path(&lb->state, STATE_TOKEN_KEY_OLD, old, sizeof old);
    state_path(&lb->state, STATE_REVOKED, revoked, sizeof revoked);
    for (size_t i = 0; i < LB_FILES; i++)
        watch_mark(paths[i] ? paths[i] : "", &ret[i]);
}

static bool files_changed(const struct qhcp_lb *lb)
{
    struct watch marks[LB_FILES];

    mark_files(lb, marks);
    for (size_t i = 0; i < LB_FILES; i++)
        if (!watch_equal(&marks[i], &lb->marks[i]))
            return true;
    return false;
}

int credentials_load(struct qhcp_lb *lb, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct quic_tls *tls = NULL;
    struct auth_key *key = NULL;
    struct revoked revoked = {NULL};
    int err;

    choose_paths(lb);
    mark_files(lb, lb->marks);
    err = revoked_load(lb->state.dir, &revoked, &w);
    if (err == 0)
        err = load_tls(lb, &revoked, &tls, words, words_cap);
    if (err == 0)
        err = load_key(lb, &key, words, words_cap);
    if (err != 0) {
        revoked_deinit(&revoked);
        quic_tls_unref(tls);
        return err;
    }
    revoked_deinit(&lb->revoked);
    lb->revoked = revoked;
    lb->revoked_number = lb->config->once || !revoked_list(&revoked) ? 0 : revoked_number(&revoked);
    quic_tls_unref(lb->tls);
    auth_key_free(lb->key);
    lb->tls = tls;
    lb->key = key;
    load_old_keys(lb);
    if (lb->quic)
        quic_endpoint_set_tls(lb->quic, tls);
    return 0;
}

void credentials_refresh(struct qhcp_lb *lb, qhcp_nsec now)
{
    char words[QHCP_TEXT * 2];
    bool changed;

    if (now - lb->credentials_checked < LB_CREDENTIALS_CHECK)
        return;
    lb->credentials_checked = now;
    changed = files_changed(lb);
    if (!changed && now < lb->credentials_again)
        return;
    if (credentials_load(lb, words, sizeof words) != 0) {
        lb->credentials_again = nsec_add(now, LB_CREDENTIALS_AGAIN);
        if (changed)
            lb_log(lb, QHCP_LOG_ERROR,
                   "changed files are not taken, the old stay in force until they can be read: %s",
                   words);
        return;
    }
    lb->credentials_again = NSEC_NEVER;
    lb_log(lb, QHCP_LOG_INFO, "certificates and keys were read again: their files changed");
    credentials_renew(lb, now);
    revoked_changed(lb, now);
}

/* A token of an outside issuer: the file's text, without the white space around it. */
static int outside_token(struct qhcp_lb *lb, char **ret)
{
    char words[QHCP_TEXT * 2], *text;
    size_t len, start = 0;
    int err =
        state_read_file(lb->key_path, true, LIMIT_TOKEN + 64, &text, &len, words, sizeof words);

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

    return b->key_at == 0 || b->key_at > lb->n_old_keys ? lb->key : lb->old_keys[b->key_at - 1];
}

int credentials_token(struct backend *b, qhcp_nsec now, char **ret, qhcp_nsec *ret_renew)
{
    struct qhcp_lb *lb = b->lb;
    uint8_t binding[AUTH_BINDING];
    struct auth_claims claims = {.audience = b->address.host,
                                 .scopes = lb->config->once ? AUTH_SCOPE_HEALTH : AUTH_SCOPE_ALL,
                                 .now = lb->config->wall_clock(lb->config->ctx),
                                 .lifetime = lb->config->token_lifetime,
                                 .binding = binding};
    int err;

    if (!lb->key) {
        *ret_renew = nsec_add(now, 60 * NSEC_PER_SEC); /* the file may have a newer one */
        err = outside_token(lb, ret);
    } else {
        *ret_renew = nsec_add(now, nsec_min((qhcp_nsec)claims.lifetime * NSEC_PER_SEC / 4 * 3,
                                            b->key_at > 0 ? LB_KEY_RETRY : NSEC_NEVER));
        snprintf(b->asked_kid, sizeof b->asked_kid, "%s", auth_key_kid(key_of(b)));
        err = quic_conn_export(b->link.conn, AUTH_EXPORTER_LABEL, binding, sizeof binding);
        if (err == 0)
            err = auth_mint(key_of(b), &claims, ret);
    }
    b->scopes = err == 0 ? auth_token_scopes(slice_str(*ret)) : 0;
    return err;
}

/* Tickets are kept under what the trust in them rests on: the name and port dialled, and the
 * fingerprint of trust store, own certificate and policy.  Before the ticket stands the end of the
 * certificate that was verified, 8 bytes; the ticket ends with it. */
static size_t ticket_key(const struct backend *b, uint8_t ret[QHCP_TEXT + 40])
{
    size_t n = strlen(b->address.host);

    quic_tls_fingerprint(b->lb->tls, ret);
    ret[32] = (uint8_t)(b->address.port >> 8);
    ret[33] = (uint8_t)b->address.port;
    memcpy(ret + 34, b->address.host, n);
    return 34 + n;
}

static void load_ticket(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40], buf[LB_TICKET_MAX + 8];
    size_t n;
    int64_t expires;

    b->ticket_loaded = true;
    if (state_ticket_load(&b->lb->state, slice_of(key, ticket_key(b, key)), buf, sizeof buf, &n) ||
        n <= 8)
        return;
    memcpy(&expires, buf, 8);
    b->ticket = malloc(n - 8);
    if (!b->ticket)
        return;
    memcpy(b->ticket, buf + 8, n - 8);
    b->ticket_len = n - 8;
    b->ticket_time =
        b->lb->config->wall_clock(b->lb->config->ctx); /* its file is at most a day old */
    b->peer_expires = expires;
    publish_mark(b, QHCP_CHANGE_NOTICE);
}

struct slice credentials_ticket(struct backend *b)
{
    int64_t wall = b->lb->config->wall_clock(b->lb->config->ctx);
    uint8_t now_print[32];

    if (b->lb->config->insecure)
        return slice_of(NULL, 0);
    quic_tls_fingerprint(b->lb->tls, now_print);
    if (b->ticket && memcmp(now_print, b->ticket_print, sizeof now_print) != 0)
        credentials_drop_ticket(b);
    if (!b->ticket_loaded)
        load_ticket(b);
    memcpy(b->ticket_print, now_print, sizeof now_print);
    if (b->ticket && (b->peer_expires <= wall || wall < b->ticket_time || /* the clock was set */
                      wall - b->ticket_time > LB_TICKET_AGE))
        credentials_drop_ticket(b);
    return slice_of(b->ticket, b->ticket_len);
}

void credentials_keep_ticket(struct backend *b, const uint8_t *p, size_t n)
{
    uint8_t *copy;

    if (b->lb->config->insecure || n == 0 || n > LB_TICKET_MAX || b->peer_expires == 0)
        return;
    copy = malloc(n);
    if (!copy)
        return;
    memcpy(copy, p, n);
    free(b->ticket);
    b->ticket = copy;
    b->ticket_len = n;
    b->ticket_time = b->lb->config->wall_clock(b->lb->config->ctx);
    b->ticket_fresh = true;
}

void credentials_drop_ticket(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40];

    if (!b->ticket)
        return;
    state_ticket_drop(&b->lb->state, slice_of(key, ticket_key(b, key)));
    free(b->ticket);
    b->ticket = NULL;
    b->ticket_len = 0;
    b->ticket_fresh = false;
}

void credentials_save_ticket(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40], buf[LB_TICKET_MAX + 8];

    if (!b->ticket_fresh)
        return;
    memcpy(buf, &b->peer_expires, 8);
    memcpy(buf + 8, b->ticket, b->ticket_len);
    state_ticket_store(&b->lb->state, slice_of(key, ticket_key(b, key)),
                       slice_of(buf, b->ticket_len + 8));
}

bool credentials_changed(const struct backend *b, uint64_t code)
{
    return code == (uint64_t)-QHCP_E_TOKEN_KEY && b->lb->key && b->asked_kid[0] != '\0' &&
           strcmp(b->asked_kid, auth_key_kid(key_of(b))) != 0;
}

void credentials_renew(struct qhcp_lb *lb, qhcp_nsec now)
{
    for (size_t i = 0; lb->key && i < lb->count; i++) {
        struct backend *b = lb->backends[i];

        if (!b->link.conn || strcmp(b->token_kid, auth_key_kid(lb->key)) == 0)
            continue;
        b->key_at = 0;
        b->key_settled = b->keys_refused = false;
        b->link.renew_at = now;
        settle_later(b);
    }
}

/* The key of the token in force, which is good for a renewal too. */
static bool settle(struct backend *b)
{
    for (size_t i = 0; i < b->lb->n_old_keys; i++)
        if (strcmp(b->token_kid, auth_key_kid(b->lb->old_keys[i])) == 0 &&
            strcmp(b->asked_kid, b->token_kid) != 0) {
            b->key_at = i + 1;
            return true;
        }
    return false;
}

bool credentials_fall_back(struct backend *b, uint64_t code)
{
    const struct qhcp_lb *lb = b->lb;

    if (credentials_changed(b, code) || (code == (uint64_t)-QHCP_E_TOKEN_KEY && settle(b)))
        return true;
    if (code != (uint64_t)-QHCP_E_TOKEN_KEY || lb->n_old_keys == 0)
        return false;
    if (++b->key_tries > lb->n_old_keys) { /* it knows none of them */
        b->key_tries = b->key_at = 0;
        return false;
    }
    b->key_at = b->key_at < lb->n_old_keys ? b->key_at + 1 : 0;
    return true;
}

void credentials_accepted(struct backend *b)
{
    b->key_tries = 0;
    publish_mark(b, QHCP_CHANGE_NOTICE);
    snprintf(b->token_kid, sizeof b->token_kid, "%s", b->asked_kid);
    if (b->key_at > 0 && b->key_told != b->key_at)
        lb_log(b->lb, QHCP_LOG_WARNING,
               "%s does not know the new token key, and an old one (%s) is used: run \"qhcp keys "
               "export --server %s --out F\" here and \"qhcp keys import F\" there",
               b->text, auth_key_kid(key_of(b)), b->address.host);
    b->key_told = b->key_at;
}

qhcp_nsec credentials_reverify(const struct backend *b, qhcp_nsec now)
{
    int64_t left = b->peer_expires - b->lb->config->wall_clock(b->lb->config->ctx) -
                   (int64_t)LB_NOTICE_DAYS * 86400;

    if (b->peer_expires == 0 || left > LB_FAR)
        return NSEC_NEVER;
    return nsec_add(now,
                    left > 0 ? nsec_max((qhcp_nsec)left * NSEC_PER_SEC, LB_REVERIFY) : LB_REVERIFY);
}

void credentials_notice(const struct backend *b, char *ret, size_t cap)
{
    ret[0] = '\0';
    if (revoked_notice(b, ret, cap))
        return;
    if (state_expiry_words(b->address.host, !b->lb->config->cert_file, b->peer_expires,
                           b->lb->config->wall_clock(b->lb->config->ctx), ret, cap))
        return;
    if (b->key_at > 0 && b->lb->key)
        snprintf(ret, cap,
                 "knows an old token key only: run `qhcp keys export --server %s --out F` on the "
                 "machine with the CA, and `qhcp keys import F` on the server",
                 b->address.host);
}
