/* A second load balancer: it asks, the machine with the CA accepts. */
#include "state/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/os/file.h"
#include "state/bundle.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/out.h"
#include "state/owner.h"
#include "state/pki.h"

/* The audience of a request's proof: no name that a server can have (a DNS name has no blanks). */
#define PROOF_AUDIENCE "qhcp keys accept"

/* The requester must hold the private key: it signs its own public half. */
static int make_proof(const struct auth_key *key, const json_t *jwk, int64_t now, char **ret)
{
    uint8_t digest[AUTH_BINDING];
    const struct auth_claims claims = {.audience = PROOF_AUDIENCE,
                                       .scopes = AUTH_SCOPE_HEALTH,
                                       .now = now,
                                       .lifetime = KEYS_REQUEST_LIFETIME,
                                       .binding = digest};

    keys_own_digest(jwk, digest);
    return auth_mint(key, &claims, ret);
}

int keys_request(const struct state *s, bool check_only, const char *out, int64_t now, char *words,
                 size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct auth_key *key = NULL;
    char *public = NULL, *proof = NULL, *text = NULL;
    json_t *jwk = NULL, *doc = NULL;
    int error = out_check(out, false, true, &w);

    if (!error)
        error = stored_token_key(s->dir, STATE_TOKEN_KEY, &key, &w);
    if (error)
        return error;
    public = auth_key_json(key, false);
    jwk = public ? json_loads(public, 0, NULL) : NULL;
    if (jwk && check_only)
        json_object_set_new(jwk, "scope", json_string("health"));
    if (!jwk || make_proof(key, jwk, now, &proof) != 0)
        error = words_fail(&w, QHCP_E_INTERNAL, "cannot sign the request");
    if (!error) {
        doc = json_pack("{s:i, s:s, s:I, s:O, s:s}", "qhcp_request", BUNDLE_VERSION, "type",
                        check_only ? "check" : "lb", "created", (json_int_t)now, "jwk", jwk,
                        "proof", proof);
        text = doc ? jwks_text(doc) : NULL;
        error = text ? out_write(out, slice_str(text), 0644, &w)
                     : words_fail(&w, QHCP_E_NOMEM, "out of memory");
    }
    if (!error)
        words_fail(&w, 0,
                   "%s: the request of %s (key %s). Nothing in it is secret. On the machine with "
                   "the CA run `qhcp keys accept %s --out F`, then `qhcp keys import F` here.",
                   out, auth_key_issuer(key), auth_key_kid(key), strcmp(out, "-") == 0 ? "R" : out);
    json_decref(doc);
    json_decref(jwk);
    free(text);
    auth_token_free(proof);
    free(public);
    auth_key_free(key);
    return error;
}

static bool is_proof_audience(const char *aud, void *ctx)
{
    (void)ctx;
    return strcmp(aud, PROOF_AUDIENCE) == 0;
}

static int check_proof(const struct bundle_request *r, const char *where, int64_t now,
                       const struct words *w)
{
    uint8_t digest[AUTH_BINDING];
    const struct auth_demand demand = {.now = now,
                                       .leeway = 60,
                                       .lifetime_max = KEYS_REQUEST_LIFETIME,
                                       .binding = digest,
                                       .audience_ok = is_proof_audience};
    char why[256] = "", log[256];
    struct auth_keys *keys = NULL;
    struct auth_grant grant;
    json_t *set = jwks_new();
    char *text = NULL;
    int error = jwks_add(set, r->jwk, w);

    keys_own_digest(r->jwk, digest);
    if (!error)
        text = jwks_text(set);
    if (!error)
        error = auth_keys_parse(slice_str(text), &keys, why, sizeof why);
    if (!error)
        error = auth_verify(keys, slice_str(r->proof), &demand, &grant, why, sizeof why, log,
                            sizeof log);
    if (error)
        words_fail(w, error, "%s: its proof is not valid: %s; run `qhcp keys request` again", where,
                   why);
    auth_keys_free(keys);
    free(text);
    json_decref(set);
    return error;
}

/* Our own key's name must not be taken, nor another's key be replaced. */
static int check_newcomer(const struct state *s, const struct bundle_request *r,
                          const json_t *trust, const struct words *w)
{
    const json_t *known = jwks_find(trust, r->kid);
    struct auth_key *own;
    bool ours;
    int error = stored_token_key(s->dir, STATE_TOKEN_KEY, &own, w);

    if (error)
        return error;
    ours = strcmp(auth_key_issuer(own), r->iss) == 0;
    auth_key_free(own);
    if (ours)
        return words_fail(w, QHCP_E_EXISTS,
                          "%s is the load balancer of this machine: the request was made here",
                          r->iss);
    if (strncmp(r->iss, "lb:", 3) != 0)
        return words_fail(w, QHCP_E_PARSE, "\"%s\" is not a load balancer's name (lb:...)", r->iss);
    if (known && !json_equal(json_object_get(known, "x"), json_object_get(r->jwk, "x")))
        return words_fail(w, QHCP_E_EXISTS, "another key already has the kid %s", r->kid);
    return 0;
}

static int check_revoked(const struct revoked *list, const struct bundle_request *r,
                         const struct words *w)
{
    return !revoked_has_key(list, r->kid)
               ? 0
               : words_fail(w, QHCP_E_TOKEN_KEY,
                            "the key %s of %s was revoked: run `qhcp keys rotate` there, then "
                            "`qhcp keys request` again",
                            r->kid, r->iss);
}

static int accept_locked(const struct state *s, const struct bundle_request *r, const char *out,
                         int64_t now, const struct words *w)
{
    struct stored_pair ca = {0};
    struct revoked list = {NULL};
    json_t *trust = NULL, *issued = NULL, *doc = NULL;
    struct transaction c;
    char *text = NULL;
    int error = keys_own_ca(s, "accept", &ca, w);

    if (!error)
        error = keys_own_trust(s, &trust, w);
    if (!error)
        error = check_newcomer(s, r, trust, w);
    if (!error)
        error = issued_load(s->dir, &issued, w);
    if (!error)
        error = revoked_load(s->dir, &list, w);
    if (!error)
        error = check_revoked(&list, r, w);
    if (error)
        goto out;
    jwks_prune(trust, now);
    error = jwks_add(trust, r->jwk, w);
    jwks_retire(trust, r->iss, r->kid, now + KEYS_GRACE);
    if (!error)
        error = issued_add(issued,
                           json_pack("{s:s, s:s, s:s, s:I}", "type", r->check_only ? "check" : "lb",
                                     "id", r->iss, "kid", r->kid, "at", (json_int_t)now),
                           now, w);
    doc = json_pack("{s:i, s:s, s:I, s:s, s:s}", "qhcp_bundle", BUNDLE_VERSION, "type", "lb",
                    "created", (json_int_t)now, "ca", ca.pem, "kid", r->kid);
    if (doc && !error)
        error = keys_own_add_list(doc, &list, w);
    text = doc ? jwks_text(doc) : NULL;
    if (!error && !text)
        error = words_fail(w, QHCP_E_NOMEM, "out of memory");
    if (error)
        goto out;
    transaction_begin(&c, s->dir, w);
    keys_own_put(&c, STATE_TRUST, trust);
    keys_own_put(&c, STATE_ISSUED, issued);
    error = out_publish(&c, out, slice_str(text), w);
    if (!error)
        words_fail(
            w, 0,
            "%s: the bundle for %s (key %s), which may %s. Run `qhcp keys import` with it there. "
            "Servers of this machine accept it from now on. For servers on other machines run "
            "`qhcp keys export --all --dir D` here and `qhcp keys import` there.",
            out, r->iss, r->kid,
            r->check_only ? "check servers and do nothing else" : "do all that load balancers do");
out:
    free(text);
    revoked_deinit(&list);
    json_decref(doc);
    json_decref(issued);
    json_decref(trust);
    stored_pair_deinit(&ca);
    return error;
}

static int read_request(const char *path, char **ret, size_t *ret_len, const struct words *w)
{
    if (strcmp(path, "-") == 0)
        return file_read_fd(STDIN_FILENO, "standard input", BUNDLE_MAX, ret, ret_len, w);
    owner_outside();
    int error = file_read(path, true, BUNDLE_MAX, ret, ret_len, w);
    owner_inside();
    return error;
}

int keys_accept(const struct state *s, const char *path, const char *out, int64_t now, char *words,
                size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct bundle_request r;
    char *text;
    size_t n;
    int fd, error = out_check(out, false, true, &w);

    if (!error)
        error = read_request(path, &text, &n, &w);
    if (error)
        return error;
    error = bundle_request_parse(slice_of(text, n), path, &r, &w);
    free(text);
    if (error)
        return error;
    error = check_proof(&r, path, now, &w);
    if (!error)
        error = lock_take(s->dir, &fd, &w);
    if (!error) {
        error = accept_locked(s, &r, out, now, &w);
        lock_drop(fd);
    }
    bundle_request_deinit(&r);
    return error;
}
