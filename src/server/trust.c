/* What the server presents and whom it trusts: certificate, token keys, tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/hex.h"
#include "server/internal.h"

#include <qhcp/error.h>

#define PEM_MAX (1 << 20)

/* False: no memory. */
static bool choose_path(struct qhcp_server *s, const char *given, const char *name, char **at)
{
    char path[STATE_PATH], *copy;

    if (given)
        snprintf(path, sizeof path, "%s", given);
    else
        state_path(&s->state, name, path, sizeof path);
    copy = strdup(path);
    if (copy == NULL)
        return false;
    free(*at);
    *at = copy;
    return true;
}

/* Tickets end with the certificate under which they were given: a load balancer that resumes does
 * not look at the certificate again. */
static void ticket_key(struct qhcp_server *s, const char *cert, uint8_t ret[32])
{
    uint8_t print[32];
    char purpose[7 + 64 + 1] = "ticket:";

    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, cert, strlen(cert), print) != 0)
        memset(print, 0, sizeof print);
    hex_write(slice_of(print, sizeof print), purpose + 7);
    state_derive(&s->state, purpose, s->config.address, s->config.port, ret);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Would this server and the one that it shares with read the same certificate, or the same keys? */
static bool shares_tls(const struct qhcp_server *s)
{
    const struct qhcp_server_config *ours = &s->config;
    const struct qhcp_server_config *theirs = ours->share ? &ours->share->config : NULL;

    return theirs && same(ours->cert_file, theirs->cert_file) &&
           same(ours->key_file, theirs->key_file) &&
           same(ours->client_ca_file, theirs->client_ca_file);
}

static bool shares_keys(const struct qhcp_server *s)
{
    const struct qhcp_server *share = s->config.share;

    return share && same(s->config.keys_file, share->config.keys_file);
}

int trust_open(struct qhcp_server *s, char *words, size_t words_cap)
{
    int err = 0;

    if (s->config.share)
        s->state = s->config.share->state;
    else
        err = state_open(&s->state, words, words_cap);
    s->state_open = err == 0;
    return err;
}

/* Certificate and key; the state directory's are read as a pair, under its lock. */
static int load_pair(struct qhcp_server *s, char **ret_cert, char **ret_key, char *words,
                     size_t cap)
{
    int err;

    if (!s->config.cert_file && !s->config.key_file)
        return state_load_server(&s->state, ret_cert, ret_key, words, cap);
    err = state_read_file(s->cert_path, false, PEM_MAX, ret_cert, NULL, words, cap);
    if (err == 0)
        err = state_read_file(s->key_path, true, PEM_MAX, ret_key, NULL, words, cap);
    return err;
}

static int load_tls(struct qhcp_server *s, struct quic_tls **ret, char *words, size_t cap)
{
    struct quic_tls_config tls = {.trust_name = s->config.client_ca_file,
                                  .require_client_cert = s->config.client_ca_file != NULL};
    char *cert = NULL, *key = NULL, *ca = NULL, why[QHCP_TEXT * 2];
    uint8_t tickets[32];
    int err;

    if (shares_tls(s)) {
        *ret = quic_tls_ref(s->config.share->tls);
        return 0;
    }
    err = load_pair(s, &cert, &key, words, cap);

    if (err == 0 && s->config.client_ca_file)
        err = state_read_file(s->config.client_ca_file, false, PEM_MAX, &ca, NULL, words, cap);
    if (err == 0) {
        ticket_key(s, cert, tickets);
        tls.cert_pem = cert;
        tls.key_pem = key;
        tls.trust_pem = ca;
        tls.ticket_key = tickets;
        err = quic_tls_new(&tls, ret, why, sizeof why);
        if (err != 0)
            snprintf(words, cap, "%s with %s: %s", s->cert_path, s->key_path, why);
        explicit_bzero(tickets, sizeof tickets);
    }
    free(cert);
    free(ca);
    if (key)
        explicit_bzero(key, strlen(key));
    free(key);
    return err;
}

/* Public keys may be read by anyone; a set with a shared secret in it is as private as a key. */
static int load_keys(struct qhcp_server *s, struct auth_keys **ret, char *words, size_t cap)
{
    char *json, *again = NULL, why[QHCP_TEXT];
    struct auth_keys *keys = NULL;
    size_t len;
    int err;

    if (shares_keys(s)) {
        *ret = auth_keys_ref(s->config.share->keys);
        return 0;
    }
    err = state_read_file(s->keys_path, false, PEM_MAX, &json, &len, words, cap);
    if (err != 0)
        return err;
    err = auth_keys_parse(slice_of(json, len), &keys, why, sizeof why);
    explicit_bzero(json, len);
    free(json);
    if (err != 0) {
        snprintf(words, cap, "%s: %s", s->keys_path, why);
        return err;
    }
    if (auth_keys_secret(keys)) {
        err = state_read_file(s->keys_path, true, PEM_MAX, &again, &len, words, cap);
        if (err != 0) {
            auth_keys_free(keys);
            return err;
        }
        explicit_bzero(again, len);
        free(again);
    }
    *ret = keys;
    return 0;
}

/* Our own certificate may be among them: then no load balancer trusts it, and the operator must
 * know why. */
static void tell_own(struct qhcp_server *s)
{
    char ignored[QHCP_TEXT * 2], *cert = NULL;

    if (shares_tls(s)) /* the other one says it */
        return;
    if (state_read_file(s->cert_path, false, PEM_MAX, &cert, NULL, ignored, sizeof ignored) == 0 &&
        revoked_has_pem(&s->revoked, cert))
        server_log(s, QHCP_LOG_ERROR,
                   "%s was revoked, and load balancers refuse it: run `qhcp keys export` on the "
                   "machine with the CA, and `qhcp keys import F` here",
                   s->cert_path);
    free(cert);
}

static void revoke_keys(const struct qhcp_server *s, struct auth_keys *keys)
{
    for (size_t i = 0; revoked_key_at(&s->revoked, i); i++)
        auth_keys_revoke(keys, revoked_key_at(&s->revoked, i));
}

/* The file's list joins what we know; what a load balancer has brought stays, whatever became of
 * the file. */
static int load_revoked(struct qhcp_server *s, char *words, size_t cap)
{
    const struct words w = {words, cap};
    struct revoked list;
    bool news;
    int err = s->config.share ? revoked_init(&list, &w) : revoked_load(s->state.dir, &list, &w);

    if (err == 0 && s->config.share)
        revoked_join(&list, &s->config.share->revoked, &news);
    if (err == 0 && !s->revoked.doc)
        err = revoked_init(&s->revoked, &w);
    if (err != 0)
        return err;
    revoked_join(&s->revoked, &list, &news);
    revoked_join(&list, &s->revoked, &news);
    s->revoked_unsaved = news;
    s->self.revoked = revoked_number(&s->revoked);
    revoked_deinit(&list);
    return 0;
}

static void cut_off(struct qhcp_server *s)
{
    for (struct peer *p = s->members.first; p; p = p->next)
        if (!p->closing && !auth_keys_know(s->keys, p->kid))
            peer_revoke(p, s->now);
}

/* What a load balancer has brought: not while its message is being handled, since it may be the one
 * whose session ends. */
static void settle_revoked(struct qhcp_server *s)
{
    char words[QHCP_TEXT * 2] = "";
    bool news = false;
    int err;

    if (s->revoked_news) {
        cut_off(s);
        tell_own(s);
    }
    s->revoked_news = false;
    if (!s->revoked_unsaved)
        return;
    err = revoked_save(&s->state, &s->revoked, &news, words, sizeof words);
    if (err != 0 && err != QHCP_E_AGAIN && !s->revoked_failed)
        server_log(s, QHCP_LOG_ERROR, "cannot keep the list of revocations: %s", words);
    s->revoked_failed = err != 0 && err != QHCP_E_AGAIN;
    s->revoked_unsaved = err != 0;
    if (err == 0 && !news) /* else it is looked at, and what it had works from then on */
        stamp_take(s->revoked_path, &s->revoked_mark);
}

int trust_load(struct qhcp_server *s, char *words, size_t words_cap)
{
    struct quic_tls *tls = NULL;
    struct auth_keys *keys = NULL;
    int err;

    if (!choose_path(s, s->config.cert_file, "server/cert.pem", &s->cert_path) ||
        !choose_path(s, s->config.key_file, "server/key.pem", &s->key_path) ||
        !choose_path(s, s->config.keys_file, "trust/keys.json", &s->keys_path) ||
        !choose_path(s, NULL, STATE_REVOKED, &s->revoked_path)) {
        snprintf(words, words_cap, "%s", qhcp_strerror(QHCP_E_NOMEM));
        return QHCP_E_NOMEM;
    }
    stamp_take(s->cert_path, &s->cert_mark);
    stamp_take(s->key_path, &s->key_mark);
    stamp_take(s->keys_path, &s->keys_mark);
    stamp_take(s->revoked_path, &s->revoked_mark);
    err = load_tls(s, &tls, words, words_cap);
    if (err == 0)
        err = load_keys(s, &keys, words, words_cap);
    if (err == 0)
        err = load_revoked(s, words, words_cap);
    if (err != 0) {
        auth_keys_free(keys);
        quic_tls_unref(tls);
        return err;
    }
    quic_tls_unref(s->tls);
    auth_keys_free(s->keys);
    s->tls = tls;
    s->keys = keys;
    if (s->quic)
        quic_endpoint_set_tls(s->quic, tls);
    revoke_keys(s, keys);
    cut_off(s);
    tell_own(s);
    return 0;
}

/* The other one's files have changed, and it has read them. */
static bool share_changed(const struct qhcp_server *s)
{
    const struct qhcp_server *share = s->config.share;

    return (shares_tls(s) && s->tls != share->tls) || (shares_keys(s) && s->keys != share->keys) ||
           s->self.revoked < share->self.revoked;
}

static bool files_changed(const struct qhcp_server *s)
{
    struct stamp cert, key, keys, revoked;

    if (shares_tls(s) && shares_keys(s))
        return share_changed(s);
    stamp_take(s->cert_path, &cert);
    stamp_take(s->key_path, &key);
    stamp_take(s->keys_path, &keys);
    stamp_take(s->revoked_path, &revoked);
    return (s->config.share && share_changed(s)) || !stamp_equal(&cert, &s->cert_mark) ||
           !stamp_equal(&key, &s->key_mark) || !stamp_equal(&keys, &s->keys_mark) ||
           !stamp_equal(&revoked, &s->revoked_mark);
}

static void renew_state(struct qhcp_server *s)
{
    char words[QHCP_TEXT * 2];

    /* What ran out is renewed on disk; files_changed sees it. */
    if (state_renew(&s->state, words, sizeof words) != 0)
        server_log(s, QHCP_LOG_ERROR, "state directory: %s", words);
}

/* Once a day at most: a certificate that runs out, a renewal that failed. */
static void tell_notices(struct qhcp_server *s, qhcp_nsec now)
{
    char words[QHCP_TEXT * 2], *cert = NULL;

    if (now < s->notice_at || shares_tls(s))
        return;
    s->notice_at = nsec_add(now, SERVER_NOTICE);
    if (s->state.notice[0] != '\0')
        server_log(s, QHCP_LOG_WARNING, "%s", s->state.notice);
    if (state_read_file(s->cert_path, false, PEM_MAX, &cert, NULL, words, sizeof words) == 0 &&
        state_expiry_notice(cert, !s->config.cert_file, s->config.wall_clock(s->config.ctx), words,
                            sizeof words))
        server_log(s, QHCP_LOG_WARNING, "%s: %s", s->cert_path, words);
    free(cert);
}

void trust_refresh(struct qhcp_server *s, qhcp_nsec now)
{
    char words[QHCP_TEXT * 2];
    bool changed;

    if (s->renew_at <= now) {
        s->renew_at = nsec_add(now, SERVER_STATE_CHECK);
        renew_state(s);
    }
    tell_notices(s, now);
    s->files_at = nsec_add(now, SERVER_FILES_CHECK);
    settle_revoked(s);
    changed = files_changed(s);
    if (!changed && !s->files_failed)
        return;
    if (state_busy(&s->state)) { /* an import waits for the disk, and checks must not */
        s->files_at = nsec_add(now, SERVER_FILES_AGAIN);
        return;
    }
    s->files_failed = trust_load(s, words, sizeof words) != 0;
    if (!s->files_failed)
        server_log(s, QHCP_LOG_INFO, "read certificates and keys again: their files have changed");
    else if (changed)
        server_log(s, QHCP_LOG_ERROR, "cannot use changed files, so the old ones stay in force: %s",
                   words);
}

int trust_revoke(struct peer *p, struct slice list, char *words, size_t words_cap)
{
    struct qhcp_server *s = p->server;
    char why[QHCP_TEXT * 2] = "";
    bool news = false;
    int err = revoked_take(&s->state, &s->revoked, list, &news, why, sizeof why);

    if (err == 0 && news) {
        s->self.revoked = revoked_number(&s->revoked);
        revoke_keys(s, s->keys);
        s->revoked_news = s->revoked_unsaved = true;
        s->files_at = s->now; /* settle_revoked */
    }
    if (err == 0)
        return 0;
    roster_warn(p, "revocations of \"%s\" refused: %s", p->lb_id, why);
    if (err == QHCP_E_TOKEN_MALFORMED || err == QHCP_E_TOKEN_SIGNATURE) {
        snprintf(words, words_cap, "%s", why);
        return err;
    }
    snprintf(words, words_cap, "cannot check the list of revocations: see the server's log");
    return QHCP_E_INTERNAL;
}

static bool covers(const char *aud, void *ctx)
{
    return quic_tls_covers(ctx, aud);
}

int trust_verify(struct peer *p, struct slice token, struct auth_grant *ret, char *words,
                 size_t words_cap)
{
    struct qhcp_server *s = p->server;
    uint8_t binding[AUTH_BINDING];
    struct auth_demand demand = {.now = s->config.wall_clock(s->config.ctx),
                                 .leeway = SERVER_LEEWAY,
                                 .lifetime_max = SERVER_TOKEN_LIFETIME_MAX,
                                 .binding = binding,
                                 .audience_ok = covers,
                                 .ctx = s->tls};
    char log_words[QHCP_TEXT * 2];
    int err = quic_conn_export(p->conn, AUTH_EXPORTER_LABEL, binding, sizeof binding);

    log_words[0] = '\0';
    snprintf(words, words_cap, "%s", qhcp_strerror(err));
    if (err != 0)
        return QHCP_E_INTERNAL;
    err = auth_verify(s->keys, token, &demand, ret, words, words_cap, log_words, sizeof log_words);
    if (err != 0)
        roster_warn(p, "token of \"%s\" refused: %s", p->lb_id,
                    log_words[0] != '\0' ? log_words : words);
    return err;
}

qhcp_nsec trust_expiry(const struct qhcp_server *s, qhcp_nsec now, const struct auth_grant *grant)
{
    int64_t left = grant->expires - s->config.wall_clock(s->config.ctx);

    return left <= 0 ? now : nsec_add(now, (qhcp_nsec)left * NSEC_PER_SEC);
}
