/* A bundle takes its place on this machine, as one change.
 *
 * What it may replace: an automatic CA that nobody else depends on; the same CA once more (a
 * renewed certificate, new keys); with --force any other, except the CA that this machine itself
 * made and that made the bundle, whose key exists nowhere else. */
#include "state/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/os/file.h"
#include "state/bundle.h"
#include "state/guarded.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/names.h"
#include "state/owner.h"
#include "state/pki.h"
#include "state/revoked.h"

struct import {
    const struct state *s;
    const struct bundle *b;
    const char *path;
    int64_t now;
    const struct words *w;
    struct stored_origin before;
    bool same_ca;
    struct revoked list; /* what is trusted no more, from now on */
};

/* The bundle's CA and ours: the same key?  A CA here that cannot be read is another one. */
static int compare_ca(struct import *i, bool force, struct stored_pair *ret_here)
{
    gnutls_x509_crt_t theirs;
    int error = stored_origin(i->s->dir, &i->before, i->w);

    if (error && !force)
        return error;
    error = stored_ca(i->s->dir, ret_here, i->w);
    if (error && !force)
        return error;
    if (error)
        return 0;
    error = pki_cert_load(slice_str(i->b->ca), i->path, true, &theirs, i->w);
    if (error)
        return error;
    i->same_ca = pki_same_key(ret_here->crt, theirs);
    gnutls_x509_crt_deinit(theirs);
    return 0;
}

static int count_issued(const struct import *i, size_t *ret)
{
    json_t *issued;
    int error = issued_load(i->s->dir, &issued, i->w);

    if (error)
        return error;
    *ret = json_array_size(issued);
    json_decref(issued);
    return 0;
}

/* An older bundle knows fewer keys than the one in force. */
static int check_age(const struct import *i)
{
    int64_t before = i->b->type == BUNDLE_SERVER ? i->before.server_created : i->before.lb_created;
    char theirs[WORDS_TIME], ours[WORDS_TIME];

    if (i->b->created >= before)
        return 0;
    words_time(i->b->created, theirs);
    words_time(before, ours);
    return words_fail(i->w, QHCP_E_EXISTS,
                      "%s (made %s) is older than the bundle that this machine has imported (made "
                      "%s): newer keys would be lost; --force imports it anyway",
                      i->path, theirs, ours);
}

static int check_replace(struct import *i, bool force)
{
    struct stored_pair here = {0};
    char subject[128] = "";
    bool key_here;
    size_t issued = 0;
    int error = compare_ca(i, force, &here);

    if (error)
        return error;
    if (here.crt)
        pki_subject(here.crt, subject, sizeof subject);
    key_here = here.key;
    stored_pair_deinit(&here);
    if (i->same_ca && key_here)
        return words_fail(i->w, QHCP_E_EXISTS,
                          "this machine made %s: it has the CA and needs no bundle. Import it on "
                          "the machine that it is for",
                          i->path);
    if (i->b->type == BUNDLE_REVOKED && !i->same_ca)
        return words_fail(i->w, QHCP_E_CERT,
                          "%s is a list of revocations of another CA, not of this machine's (%s)",
                          i->path, subject);
    if (force || i->b->type == BUNDLE_REVOKED)
        return 0;
    if (i->same_ca)
        return check_age(i);
    if (i->before.server || i->before.lb)
        return words_fail(i->w, QHCP_E_EXISTS,
                          "this machine has imported another CA (%s): --force replaces it",
                          subject);
    error = count_issued(i, &issued);
    if (!error && issued > 0)
        error = words_fail(i->w, QHCP_E_EXISTS,
                           "this machine's own CA (%s) has exported to %zu other%s (see `qhcp keys "
                           "show`), and its key would be lost: --force replaces it",
                           subject, issued, issued == 1 ? "" : "s");
    return error;
}

/* The set that this server accepts: the load balancers' keys and its own check key. */
static int server_trust(const struct import *i, const struct auth_key *check, json_t **ret)
{
    json_t *trust = json_deep_copy(i->b->keys);
    int error;

    if (!trust)
        return words_fail(i->w, QHCP_E_NOMEM, "out of memory");
    jwks_prune(trust, i->now);
    if (jwks_find(trust, auth_key_kid(check)))
        error = words_fail(i->w, QHCP_E_PARSE,
                           "%s: \"check_key\" has the kid of a load balancer's key", i->path);
    else
        error = jwks_add_key(trust, check, i->w);
    if (!error)
        error = jwks_check(trust, i->path, i->w);
    if (error)
        json_decref(trust);
    else
        *ret = trust;
    return error;
}

static void put_server(struct transaction *c, const struct import *i)
{
    struct auth_key *key = NULL;
    char *chain = NULL, *check = bundle_text(i->b->check_key), why[256] = "";
    json_t *trust = NULL;

    if (!check || asprintf(&chain, "%s%s", i->b->cert, i->b->ca) < 0)
        c->error = words_fail(i->w, QHCP_E_NOMEM, "out of memory");
    if (!c->error)
        c->error = auth_key_parse(slice_str(check), &key, why, sizeof why);
    if (!c->error)
        c->error = server_trust(i, key, &trust);
    transaction_put(c, STATE_KEY, slice_str(i->b->key), 0600);
    transaction_put(c, STATE_CERT, slice_str(chain), 0644);
    transaction_put(c, STATE_CHECK_KEY, slice_str(check), 0600);
    if (!c->error)
        keys_own_put(c, STATE_TRUST, trust);
    json_decref(trust);
    auth_key_free(key);
    file_wipe(check, check ? strlen(check) : 0);
    free(chain);
}

/* The bundle for a load balancer is for the one that holds the accepted key. */
static int check_own_kid(const struct import *i)
{
    struct auth_key *own;
    int error = stored_token_key(i->s->dir, STATE_TOKEN_KEY, &own, i->w);

    if (error)
        return error;
    if (strcmp(auth_key_kid(own), i->b->kid) != 0)
        error = words_fail(
            i->w, QHCP_E_ARG,
            "%s is for another load balancer, or for a token key (%.128s) that was replaced by a "
            "rotation: run `qhcp keys request --lb --out R` here, and `qhcp keys accept` again",
            i->path, i->b->kid);
    auth_key_free(own);
    return error;
}

static void put_origin(struct transaction *c, const struct import *i)
{
    struct stored_origin o = i->same_ca ? i->before : (struct stored_origin){0};
    json_t *doc;

    if (i->b->type == BUNDLE_SERVER) {
        o.server = true;
        o.server_created = i->b->created;
    } else {
        o.lb = true;
        o.lb_created = i->b->created;
    }
    doc = json_pack("{s:b, s:b, s:I, s:I, s:I}", "server", o.server, "lb", o.lb, "at",
                    (json_int_t)i->now, "server_created", (json_int_t)o.server_created,
                    "lb_created", (json_int_t)o.lb_created);

    keys_own_put(c, STATE_IMPORTED, doc);
    json_decref(doc);
}

static int apply(const struct import *i)
{
    struct transaction c;

    transaction_begin(&c, i->s->dir, i->w);
    if (revoked_number(&i->list) > 0)
        revoked_put(&c, &i->list);
    else
        transaction_remove(&c, STATE_REVOKED);
    if (i->b->type == BUNDLE_REVOKED)
        return transaction_commit(&c);
    transaction_put(&c, STATE_CA, slice_str(i->b->ca), 0644);
    if (i->b->type == BUNDLE_SERVER) {
        put_server(&c, i);
    } else if (!i->same_ca) { /* a certificate of the previous CA would not be trusted */
        transaction_remove(&c, STATE_CERT);
        transaction_remove(&c, STATE_KEY);
        transaction_remove(&c, STATE_CHECK_KEY);
    }
    transaction_remove(&c, STATE_CA_KEY);
    transaction_remove(&c, STATE_ISSUED);
    transaction_remove(&c, STATE_NAMES);
    put_origin(&c, i);
    return transaction_commit(&c);
}

/* The bundle's list joins that of this machine, whatever their order: it only grows.  That of
 * another CA means nothing. */
static int join_lists(struct import *i, gnutls_x509_crt_t ca)
{
    bool news;
    int error = i->same_ca ? revoked_load(i->s->dir, &i->list, i->w) : revoked_init(&i->list, i->w);

    if (!error && i->b->revoked)
        error = revoked_merge(&i->list, slice_str(i->b->revoked), ca, &news, i->w);
    return error;
}

static int check_lists(struct import *i)
{
    uint8_t print[REVOKED_CERT];
    gnutls_x509_crt_t ca, leaf;
    size_t n = sizeof print;
    int error = pki_cert_load(slice_str(i->b->ca), i->path, true, &ca, i->w);

    if (error)
        return error;
    error = join_lists(i, ca);
    gnutls_x509_crt_deinit(ca);
    if (error || i->b->type != BUNDLE_SERVER)
        return error;
    error = pki_cert_load(slice_str(i->b->cert), i->path, true, &leaf, i->w);
    if (error)
        return error;
    if (gnutls_x509_crt_get_fingerprint(leaf, GNUTLS_DIG_SHA256, print, &n) != 0 ||
        revoked_has_cert(&i->list, print))
        error = words_fail(i->w, QHCP_E_CERT,
                           "the certificate in %s was revoked: run `qhcp keys export` again on the "
                           "machine with the CA",
                           i->path);
    gnutls_x509_crt_deinit(leaf);
    return error;
}

static int import_locked(struct import *i, bool force)
{
    int error = check_replace(i, force);

    if (!error)
        error = check_lists(i);
    if (!error && i->b->type == BUNDLE_LB)
        error = check_own_kid(i);
    if (!error)
        error = apply(i);
    return error;
}

/* What was done, in words. */
static void report(const struct import *i)
{
    struct names *names = calloc(1, sizeof *names);
    bool in = strcmp(i->path, "-") == 0;
    char list[400] = "", date[16] = "", subject[128] = "";
    gnutls_x509_crt_t crt;

    if (pki_cert_load(slice_str(i->b->ca), "", true, &crt, &(struct words){NULL, 0}) == 0) {
        pki_subject(crt, subject, sizeof subject);
        gnutls_x509_crt_deinit(crt);
    }
    if (i->b->type == BUNDLE_REVOKED) {
        words_fail(i->w, 0,
                   "imported: the list of revocations of the CA \"%s\". Running processes use it "
                   "within 10 s",
                   subject);
    } else if (i->b->type == BUNDLE_LB) {
        words_fail(i->w, 0, "imported: load balancers of this machine trust the CA \"%s\"",
                   subject);
    } else if (names && pki_cert_load(slice_str(i->b->cert), "", true, &crt,
                                      &(struct words){NULL, 0}) == 0) {
        pki_names(crt, names);
        names_drop_local(names);
        names_list(names, list, sizeof list);
        pki_date(gnutls_x509_crt_get_expiration_time(crt), date);
        gnutls_x509_crt_deinit(crt);
        words_fail(i->w, 0,
                   "imported: servers of this machine are %s until %s, under the CA \"%s\". A "
                   "running server uses this within 10 s, and load balancers connect again within "
                   "their reconnect interval (30 s).%s%s%s",
                   list, date, subject, in ? "" : " Delete ", in ? "" : i->path,
                   in ? "" : ", it holds private keys.");
    }
    free(names);
}

/* First what the file is, then who can read it: a mistyped name can be any file, and the mode of
 * /etc/passwd is right. */
static int read_fd(int fd, const char *where, struct bundle *ret, const struct words *w)
{
    struct bundle b;
    char *text;
    size_t n;
    int error = file_read_fd(fd, where, BUNDLE_MAX, &text, &n, w);

    if (error)
        return error;
    error = bundle_parse(slice_of(text, n), where, &b, w);
    file_wipe(text, n);
    if (error)
        return error;
    error = guarded_check(fd, where, GUARDED_PRIVATE, w);
    if (error)
        bundle_deinit(&b);
    else
        *ret = b;
    return error;
}

static int read_bundle(const char *path, struct bundle *ret, const struct words *w)
{
    int fd, error;

    if (strcmp(path, "-") == 0)
        return read_fd(STDIN_FILENO, "standard input", ret, w);
    owner_outside();
    error = file_open(path, true, &fd, w);
    owner_inside();
    if (error)
        return error;
    error = read_fd(fd, path, ret, w);
    close(fd);
    return error;
}

int keys_import(const struct state *s, const char *path, bool force, int64_t now, char *words,
                size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct bundle b;
    struct import i = {.s = s, .b = &b, .path = path, .now = now, .w = &w};
    int fd, error = read_bundle(path, &b, &w);

    if (error)
        return error;
    error = bundle_check(&b, path, now, &w);
    if (!error)
        error = lock_take(s->dir, &fd, &w);
    if (!error) {
        error = import_locked(&i, force);
        lock_drop(fd);
    }
    if (!error)
        report(&i);
    revoked_deinit(&i.list);
    bundle_deinit(&b);
    return error;
}
