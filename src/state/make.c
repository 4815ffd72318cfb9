/* The first start makes a private CA, a server certificate, a token key and a secret, as one
 * change: the trust between machines depends on them, so a directory has all of them or none.
 * Later starts check and renew.  Never: replace what is damaged, or make again what other machines
 * know (CA, token key, the set of accepted keys). */
#include "state/make.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "base/hex.h"
#include "base/os/entropy.h"
#include "base/os/file.h"
#include "state/jwks.h"
#include "state/pki.h"
#include "state/stored.h"
#include "state/transaction.h"

/* A clock before this (2025-01-01) was never set: what is made now would be over when it is. */
#define MAKE_CLOCK_MIN 1735689600

static void host_name(char ret[65])
{
    if (gethostname(ret, 64) != 0 || !ret[0])
        memcpy(ret, "localhost", 10);
    ret[64] = '\0';
    for (char *p = ret; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~')
            *p = '?';
}

/* The leaf and the CA's certificate behind it, as TLS sends them. */
static void put_chain(struct transaction *c, const char *leaf, const char *ca)
{
    char *chain;

    if (asprintf(&chain, "%s%s", leaf, ca) < 0) {
        c->error = words_fail(c->w, QHCP_E_NOMEM, "out of memory");
        return;
    }
    transaction_put(c, STATE_CERT, slice_str(chain), 0644);
    free(chain);
}

static void put_key(struct transaction *c, const char *name, gnutls_x509_privkey_t key)
{
    char *pem = NULL;

    if (!c->error)
        c->error = pki_key_pem(key, &pem, c->w);
    transaction_put(c, name, slice_str(pem), 0600);
    file_wipe(pem, pem ? strlen(pem) : 0);
}

static void put_secret(struct transaction *c)
{
    uint8_t secret[STATE_SECRET];

    if (entropy_fill(secret, sizeof secret) != 0)
        c->error = words_fail(c->w, QHCP_E_INTERNAL, "the system gives no random numbers");
    transaction_put(c, "secret", slice_of(secret, sizeof secret), 0600);
    gnutls_memset(secret, 0, sizeof secret);
}

/* A token key for this machine's load balancers, and the set that its servers accept. */
static void put_token_key(struct transaction *c)
{
    char host[65], iss[96], *text = NULL, *trust = NULL;
    struct auth_key *key = NULL;
    json_t *set = jwks_new();
    uint8_t tag[4];
    char shown[2 * sizeof tag + 1];

    host_name(host);
    if (!c->error && entropy_fill(tag, sizeof tag) != 0)
        c->error = words_fail(c->w, QHCP_E_INTERNAL, "the system gives no random numbers");
    if (c->error)
        goto out;
    hex_write(slice_of(tag, sizeof tag), shown);
    snprintf(iss, sizeof iss, "lb:%s-%s", host, shown);
    c->error = auth_key_generate(iss, AUTH_SCOPE_ALL, &key);
    if (c->error) {
        words_fail(c->w, c->error, "cannot make a token key: %s", qhcp_strerror(c->error));
        goto out;
    }
    c->error = jwks_add_key(set, key, c->w);
    text = auth_key_json(key, true);
    trust = jwks_text(set);
    if (!c->error && (!text || !trust))
        c->error = words_fail(c->w, QHCP_E_NOMEM, "out of memory");
    transaction_put(c, STATE_TOKEN_KEY, slice_str(text), 0600);
    transaction_put(c, STATE_TRUST, slice_str(trust), 0600);
out:
    file_wipe(text, text ? strlen(text) : 0);
    free(trust);
    json_decref(set);
    auth_key_free(key);
}

static int make_ca(struct stored_pair *ret, const struct make *m)
{
    struct stored_pair ca = {0};
    char host[65];
    int error = pki_key_new(&ca.key, m->w);

    host_name(host);
    if (!error)
        error = pki_ca_new(ca.key, host, NULL, m->now, &ca.pem, m->w);
    if (!error)
        error = pki_cert_load(slice_str(ca.pem), "the new CA", true, &ca.crt, m->w);
    if (error) {
        stored_pair_deinit(&ca);
        return error;
    }
    *ret = ca;
    return 0;
}

/* Issues a certificate for `names`; key NULL: with a key of its own, which is put too. */
static void put_server(struct transaction *c, const struct make *m, const struct stored_pair *ca,
                       const struct names *names, gnutls_x509_privkey_t key)
{
    gnutls_x509_privkey_t fresh = NULL;
    char *leaf = NULL;
    struct pki_issue issue = {.ca = ca->crt,
                              .ca_key = ca->key,
                              .key = key,
                              .names = names,
                              .now = m->now,
                              .lifetime = PKI_AUTO_LIFETIME};

    if (!c->error && !key) {
        c->error = pki_key_new(&fresh, m->w);
        issue.key = fresh;
        if (!c->error)
            put_key(c, STATE_KEY, fresh);
    }
    if (!c->error)
        c->error = pki_server_new(&issue, &leaf, m->w);
    if (!c->error)
        put_chain(c, leaf, ca->pem);
    free(leaf);
    if (fresh)
        gnutls_x509_privkey_deinit(fresh);
}

static int make_fresh(const struct make *m, const struct names *names, const char *seen)
{
    struct stored_pair ca;
    struct transaction c;
    int error;

    if (m->now < MAKE_CLOCK_MIN)
        return words_fail(m->w, QHCP_E_CERT,
                          "the clock says that it is before 2025: set it first, since certificates "
                          "made now would be useless");
    error = make_ca(&ca, m);
    if (error)
        return error;
    transaction_begin(&c, m->dir, m->w);
    transaction_put(&c, STATE_CA, slice_str(ca.pem), 0644);
    put_key(&c, STATE_CA_KEY, ca.key);
    put_server(&c, m, &ca, names, NULL);
    if (seen)
        transaction_put(&c, STATE_NAMES, slice_str(seen), 0644);
    put_token_key(&c);
    put_secret(&c);
    error = transaction_commit(&c);
    stored_pair_deinit(&ca);
    return error;
}

static bool nothing_yet(const char *dir)
{
    return !stored_have(dir, STATE_CA) && !stored_have(dir, STATE_CA_KEY) &&
           !stored_have(dir, STATE_CERT) && !stored_have(dir, STATE_KEY) &&
           !stored_have(dir, STATE_TOKEN_KEY) && !stored_have(dir, STATE_TRUST) &&
           !stored_have(dir, STATE_IMPORTED);
}

/* What cannot be made again must be there. */
static int check_complete(const struct make *m, const struct stored_origin *origin)
{
    const struct {
        const char *name;
        bool needed;
    } pieces[] = {{STATE_CA, true},
                  {STATE_CA_KEY, !origin->server && !origin->lb},
                  {STATE_TOKEN_KEY, true},
                  {STATE_TRUST, true},
                  {STATE_CERT, origin->server},
                  {STATE_KEY, origin->server}};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        if (pieces[i].needed && !stored_have(m->dir, pieces[i].name))
            return words_fail(
                m->w, QHCP_E_NOT_FOUND,
                "%s/%s is missing, and other machines would not trust a new one: restore it from a "
                "backup%s, or move %s away to start again",
                m->dir, pieces[i].name,
                i >= 4 ? ", import the bundle again with `qhcp keys import --force`" : "", m->dir);
    return 0;
}

/* Does the server certificate need to be issued again? */
static bool server_stale(const struct stored_pair *server, const struct stored_pair *ca,
                         const struct names *names, int64_t now)
{
    struct names *has = calloc(1, sizeof *has);
    bool stale = true;

    if (has && server->crt) {
        pki_names(server->crt, has);
        stale = !names_equal(has, names) || !pki_issued_by(server->crt, ca->crt) ||
                gnutls_x509_crt_get_activation_time(server->crt) > now ||
                gnutls_x509_crt_get_expiration_time(server->crt) - now < PKI_RENEW_BEFORE;
    }
    free(has);
    return stale;
}

/* The automatic CA in its last two years: a new certificate for the same key and name, so that what
 * it issued, and who trusts it, go on. */
static void renew_ca(struct transaction *c, const struct make *m, struct stored_pair *ca)
{
    char host[65], *pem;
    gnutls_x509_crt_t crt;

    if (gnutls_x509_crt_get_expiration_time(ca->crt) - m->now > PKI_CA_RENEW_BEFORE)
        return;
    host_name(host);
    c->error = pki_ca_new(ca->key, host, ca->crt, m->now, &pem, m->w);
    if (c->error)
        return;
    c->error = pki_cert_load(slice_str(pem), "the renewed CA", true, &crt, m->w);
    if (c->error) {
        free(pem);
        return;
    }
    transaction_put(c, STATE_CA, slice_str(pem), 0644);
    gnutls_x509_crt_deinit(ca->crt);
    free(ca->pem);
    ca->crt = crt;
    ca->pem = pem;
}

/* The server's pair; both are made again if one is missing: no other machine has them. */
static int load_server(const struct make *m, struct stored_pair *ret)
{
    struct stored_pair pair = {0};
    bool cert = stored_have(m->dir, STATE_CERT), key = stored_have(m->dir, STATE_KEY);
    int error = 0;

    if (cert && key)
        error = stored_pair(m->dir, STATE_CERT, STATE_KEY, &pair, m->w);
    if (!error)
        *ret = pair;
    return error;
}

static int renew_automatic(const struct make *m, const struct names *names, const char *seen,
                           struct stored_pair *ca, struct stored_pair *server)
{
    struct transaction c;

    transaction_begin(&c, m->dir, m->w);
    renew_ca(&c, m, ca);
    if (server_stale(server, ca, names, m->now))
        put_server(&c, m, ca, names, server->key);
    if (seen)
        transaction_put(&c, STATE_NAMES, slice_str(seen), 0644);
    if (!stored_have(m->dir, "secret"))
        put_secret(&c);
    return transaction_commit(&c);
}

/* Is what is there good enough to go on with, though it could not be renewed? */
static bool usable(const struct make *m, const struct stored_pair *server)
{
    const struct words silent = {NULL, 0};

    return server->crt && stored_have(m->dir, "secret") &&
           pki_check_time(server->crt, "", m->now, &silent) == 0;
}

static int check_automatic(const struct make *m, const struct names *names, const char *seen,
                           struct state *s)
{
    struct stored_pair ca, server = {0};
    int error = stored_ca(m->dir, &ca, m->w);

    if (error)
        return error;
    error = load_server(m, &server);
    if (!error) {
        error = renew_automatic(m, names, seen, &ca, &server);
        if (error && usable(m, &server)) { /* a full disk must not stop what runs well */
            snprintf(s->notice, sizeof s->notice, "not renewed: %.240s", m->w->cap ? m->w->p : "");
            error = 0;
        }
    }
    stored_pair_deinit(&server);
    stored_pair_deinit(&ca);
    return error;
}

static int check_imported(const struct make *m, const struct stored_origin *origin)
{
    struct stored_pair ca, server = {0};
    struct transaction c;
    int error = stored_ca(m->dir, &ca, m->w);

    if (error)
        return error;
    if (origin->server)
        error = stored_pair(m->dir, STATE_CERT, STATE_KEY, &server, m->w);
    if (!error && server.crt && !pki_issued_by(server.crt, ca.crt))
        error = words_fail(m->w, QHCP_E_CERT,
                           "%s/" STATE_CERT " was not issued by the CA in %s/" STATE_CA, m->dir,
                           m->dir);
    if (!error && !stored_have(m->dir, "secret")) {
        transaction_begin(&c, m->dir, m->w);
        put_secret(&c);
        error = transaction_commit(&c);
    }
    stored_pair_deinit(&server);
    stored_pair_deinit(&ca);
    return error;
}

/* The pieces that are only read: token key, accepted keys, secret. */
static int check_rest(const struct make *m, struct state *s)
{
    char *text, path[STATE_PATH];
    struct auth_key *key;
    json_t *set;
    size_t n;
    int error = stored_token_key(m->dir, STATE_TOKEN_KEY, &key, m->w);

    if (error)
        return error;
    auth_key_free(key);
    error = stored_file(m->dir, STATE_TRUST, true, JWKS_MAX, &text, &n, m->w);
    if (error)
        return error;
    snprintf(path, sizeof path, "%s/" STATE_TRUST, m->dir);
    error = jwks_load(slice_of(text, n), path, &set, m->w);
    free(text);
    if (error)
        return error;
    json_decref(set);
    error = stored_file(m->dir, "secret", true, 4096, &text, &n, m->w);
    if (error)
        return error;
    if (n == STATE_SECRET)
        memcpy(s->secret, text, n);
    else
        error =
            words_fail(m->w, QHCP_E_PARSE,
                       "%s/secret is damaged (%zu bytes, not %d): remove it, and it is made again",
                       m->dir, n, STATE_SECRET);
    file_wipe(text, n);
    return error;
}

static int load_seen(const struct make *m, struct names *ret, char **ret_seen)
{
    char *text = NULL;
    size_t n = 0;
    int error = 0;

    if (stored_have(m->dir, STATE_NAMES))
        error = stored_file(m->dir, STATE_NAMES, false, PKI_PEM_MAX, &text, &n, m->w);
    if (!error)
        error = names_remember(slice_of(text, n), m->host, m->now, ret, ret_seen, m->w);
    free(text);
    return error;
}

int make_all(const struct make *m, struct state *ret)
{
    struct names *names = calloc(1, sizeof *names);
    struct stored_origin origin;
    char *seen = NULL;
    int error = names ? stored_origin(m->dir, &origin, m->w)
                      : words_fail(m->w, QHCP_E_NOMEM, "out of memory");

    if (error)
        goto out;
    ret->imported = origin.server || origin.lb;
    if (!ret->imported)
        error = load_seen(m, names, &seen);
    if (!error && nothing_yet(m->dir))
        error = make_fresh(m, names, seen);
    if (!error)
        error = check_complete(m, &origin);
    if (!error)
        error = ret->imported ? check_imported(m, &origin) : check_automatic(m, names, seen, ret);
    if (!error)
        error = check_rest(m, ret);
out:
    free(seen);
    free(names);
    return error;
}
