#include "state/revoked.h"

#include <stdlib.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "auth/b64url.h"
#include "base/os/file.h"
#include "state/jwks.h"
#include "state/lock.h"
#include "state/pki.h"
#include "state/stored.h"

#define REVOKED_MAX 262144 /* bytes of the file: several times the longest list */
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"qhcp-revoked\"}"
#define CERT_TEXT (B64URL_SIZE(REVOKED_CERT) + 1)
#define SIGNATURE_TEXT B64URL_SIZE(PKI_SIGNATURE)

static json_t *list_of(const struct revoked *r, const char *name)
{
    return json_object_get(r->doc, name);
}

int revoked_init(struct revoked *ret, const struct words *w)
{
    ret->doc = json_pack("{s:i, s:[], s:[]}", "number", 0, "keys", "certificates");
    return ret->doc ? 0 : words_fail(w, QHCP_E_NOMEM, "out of memory");
}

static bool cert_of(const json_t *text, uint8_t ret[REVOKED_CERT])
{
    const char *s = json_string_value(text);
    size_t n;

    return s && b64url_decode(slice_str(s), ret, REVOKED_CERT, &n) == 0 && n == REVOKED_CERT;
}

/* The members that file and payload share. */
static bool sound(const json_t *doc)
{
    const json_t *number = json_object_get(doc, "number"), *keys = json_object_get(doc, "keys");
    const json_t *certs = json_object_get(doc, "certificates");
    uint8_t print[REVOKED_CERT];

    if (!json_is_integer(number) || json_integer_value(number) < 0 ||
        json_integer_value(number) > LIMIT_UNIX_SECONDS || !json_is_array(keys) ||
        !json_is_array(certs))
        return false;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        size_t n = json_string_length(json_array_get(keys, i));

        if (n == 0 || n > LIMIT_ID)
            return false;
    }
    for (size_t i = 0; i < json_array_size(certs); i++)
        if (!cert_of(json_array_get(certs, i), print))
            return false;
    return true;
}

int revoked_load(const char *dir, struct revoked *ret, const struct words *w)
{
    char *text;
    json_t *doc;
    size_t n;
    int error;

    if (!stored_have(dir, STATE_REVOKED))
        return revoked_init(ret, w);
    error = stored_file(dir, STATE_REVOKED, true, REVOKED_MAX, &text, &n, w);
    if (error)
        return error;
    if (n == 0) { /* what a power cut leaves of a file that was just written */
        free(text);
        return revoked_init(ret, w);
    }
    doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!sound(doc)) {
        json_decref(doc);
        return words_fail(w, QHCP_E_PARSE,
                          "%s/" STATE_REVOKED " is damaged: restore it from a backup, or from "
                          "another machine of the same CA",
                          dir);
    }
    ret->doc = doc;
    return 0;
}

void revoked_deinit(struct revoked *r)
{
    json_decref(r->doc);
    r->doc = NULL;
}

uint64_t revoked_number(const struct revoked *r)
{
    return (uint64_t)json_integer_value(json_object_get(r->doc, "number"));
}

const char *revoked_list(const struct revoked *r)
{
    return json_string_value(json_object_get(r->doc, "list"));
}

static bool has(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

bool revoked_has_key(const struct revoked *r, const char *kid)
{
    return has(list_of(r, "keys"), kid);
}

bool revoked_has_cert(const struct revoked *r, const uint8_t print[REVOKED_CERT])
{
    char text[CERT_TEXT];

    b64url_encode(slice_of(print, REVOKED_CERT), text);
    return has(list_of(r, "certificates"), text);
}

bool revoked_has_pem(const struct revoked *r, const char *pem)
{
    const struct words silent = {NULL, 0};
    uint8_t print[REVOKED_CERT];
    gnutls_x509_crt_t crt;
    size_t n = sizeof print;
    bool found;

    if (pki_cert_load(slice_str(pem), "", false, &crt, &silent) != 0)
        return false;
    found = gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, print, &n) == 0 &&
            revoked_has_cert(r, print);
    gnutls_x509_crt_deinit(crt);
    return found;
}

const char *revoked_key_at(const struct revoked *r, size_t i)
{
    return json_string_value(json_array_get(list_of(r, "keys"), i));
}

bool revoked_cert_at(const struct revoked *r, size_t i, uint8_t ret[REVOKED_CERT])
{
    return cert_of(json_array_get(list_of(r, "certificates"), i), ret);
}

static bool add(json_t *list, const char *text)
{
    return !has(list, text) && json_array_append_new(list, json_string(text)) == 0;
}

bool revoked_add_key(struct revoked *r, const char *kid)
{
    return add(list_of(r, "keys"), kid);
}

bool revoked_add_cert(struct revoked *r, const uint8_t print[REVOKED_CERT])
{
    char text[CERT_TEXT];

    b64url_encode(slice_of(print, REVOKED_CERT), text);
    return add(list_of(r, "certificates"), text);
}

/* "header.payload." with room for the signature behind it; free() it.  *ret_n: without the last
 * dot. */
static char *signed_part(const struct revoked *r, size_t *ret_n)
{
    json_t *doc = json_pack("{s:O, s:O, s:O}", "number", list_of(r, "number"), "keys",
                            list_of(r, "keys"), "certificates", list_of(r, "certificates"));
    char *payload = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    size_t n = payload ? strlen(payload) : 0, head = B64URL_SIZE(sizeof HEADER - 1);
    char *text = payload ? malloc(head + B64URL_SIZE(n) + SIGNATURE_TEXT + 3) : NULL;

    if (text) {
        b64url_encode(slice_str(HEADER), text);
        text[head] = '.';
        b64url_encode(slice_str(payload), text + head + 1);
        *ret_n = strlen(text);
    }
    free(payload);
    json_decref(doc);
    return text;
}

int revoked_sign(struct revoked *r, gnutls_x509_privkey_t ca_key, int64_t now,
                 const struct words *w)
{
    int64_t before = (int64_t)revoked_number(r), number = now > before ? now : before + 1;
    uint8_t signature[PKI_SIGNATURE];
    char *text;
    size_t n;
    int error;

    json_object_set_new(r->doc, "number", json_integer(number));
    text = signed_part(r, &n);
    if (!text)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    error = pki_sign(ca_key, slice_of(text, n), signature, w);
    if (!error && n + 1 + SIGNATURE_TEXT > LIMIT_REVOCATIONS)
        error = words_fail(w, QHCP_E_FULL,
                           "the list of revocations is full (%zu keys, %zu certificates): make a "
                           "new CA (docs/keys.md, \"A lost CA\")",
                           json_array_size(list_of(r, "keys")),
                           json_array_size(list_of(r, "certificates")));
    if (!error) {
        text[n] = '.';
        b64url_encode(slice_of(signature, sizeof signature), text + n + 1);
        json_object_set_new(r->doc, "list", json_string(text));
    }
    free(text);
    return error;
}

/* Three parts; the header in the one spelling that it has. */
static bool split(struct slice list, struct slice ret[3])
{
    size_t start = 0, part = 0;

    for (size_t i = 0; i <= list.n && part < 3; i++)
        if (i == list.n || list.p[i] == '.') {
            ret[part++] = slice_of(list.p + start, i - start);
            start = i + 1;
        }
    return part == 3 && start == list.n + 1;
}

static bool header_is_ours(struct slice part)
{
    uint8_t text[256];
    const char *alg, *typ;
    json_t *header;
    size_t n;
    bool ours;

    if (b64url_decode(part, text, sizeof text, &n) != 0)
        return false;
    header = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
    alg = json_string_value(json_object_get(header, "alg"));
    typ = json_string_value(json_object_get(header, "typ"));
    ours = alg && typ && strcmp(alg, "ES256") == 0 && strcmp(typ, "qhcp-revoked") == 0 &&
           !json_object_get(header, "crit");
    json_decref(header);
    return ours;
}

/* The payload, when the CA has signed it. */
static int open_list(struct slice list, gnutls_x509_crt_t ca, json_t **ret, const struct words *w)
{
    uint8_t signature[PKI_SIGNATURE], *payload;
    struct slice parts[3];
    json_t *doc = NULL;
    size_t n;

    if (list.n > LIMIT_REVOCATIONS || !split(list, parts) || !header_is_ours(parts[0]) ||
        b64url_decode(parts[2], signature, sizeof signature, &n) != 0 || n != sizeof signature)
        return words_fail(w, QHCP_E_TOKEN_MALFORMED, "not a well-formed list of revocations");
    if (!pki_verify(ca, slice_of(list.p, parts[0].n + 1 + parts[1].n), signature))
        return words_fail(w, QHCP_E_TOKEN_SIGNATURE,
                          "the list of revocations is not signed by this machine's CA");
    payload = malloc(parts[1].n + 1);
    if (!payload)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    if (b64url_decode(parts[1], payload, parts[1].n, &n) == 0)
        doc = json_loadb((const char *)payload, n, JSON_REJECT_DUPLICATES, NULL);
    free(payload);
    if (!sound(doc)) {
        json_decref(doc);
        return words_fail(w, QHCP_E_TOKEN_MALFORMED, "not a well-formed list of revocations");
    }
    *ret = doc;
    return 0;
}

static bool add_all(json_t *list, const json_t *more)
{
    bool news = false;

    for (size_t i = 0; i < json_array_size(more); i++)
        news = add(list, json_string_value(json_array_get(more, i))) || news;
    return news;
}

int revoked_merge(struct revoked *r, struct slice list, gnutls_x509_crt_t ca, bool *ret_news,
                  const struct words *w)
{
    json_t *doc;
    bool news;
    int error = open_list(list, ca, &doc, w);

    if (error)
        return error;
    news = add_all(list_of(r, "keys"), json_object_get(doc, "keys"));
    news = add_all(list_of(r, "certificates"), json_object_get(doc, "certificates")) || news;
    if (json_integer_value(json_object_get(doc, "number")) > (json_int_t)revoked_number(r)) {
        json_object_set(r->doc, "number", json_object_get(doc, "number"));
        json_object_set_new(r->doc, "list", json_stringn((const char *)list.p, list.n));
        news = true;
    }
    json_decref(doc);
    *ret_news = news;
    return 0;
}

void revoked_put(struct transaction *c, const struct revoked *r)
{
    char *text = jwks_text(r->doc);

    if (text)
        transaction_put(c, STATE_REVOKED, slice_str(text), 0600);
    else if (!c->error)
        c->error = words_fail(c->w, QHCP_E_NOMEM, "out of memory");
    free(text);
}

void revoked_join(struct revoked *r, const struct revoked *more, bool *ret_news)
{
    bool news = add_all(list_of(r, "keys"), list_of(more, "keys"));

    news = add_all(list_of(r, "certificates"), list_of(more, "certificates")) || news;
    if (revoked_number(more) > revoked_number(r)) {
        json_object_set(r->doc, "number", list_of(more, "number"));
        json_object_set(r->doc, "list", list_of(more, "list"));
        news = true;
    }
    *ret_news = news;
}

int revoked_take(const struct state *s, struct revoked *mine, struct slice list, bool *ret_news,
                 char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct stored_pair ca;
    int error = stored_pair(s->dir, STATE_CA, NULL, &ca, &w);

    if (error)
        return error;
    error = revoked_merge(mine, list, ca.crt, ret_news, &w);
    stored_pair_deinit(&ca);
    return error;
}

static int save_locked(const struct state *s, struct revoked *mine, bool *ret_news,
                       const struct words *w)
{
    struct revoked there;
    char path[STATE_PATH], *text;
    bool news;
    int error = revoked_load(s->dir, &there, w);

    if (error)
        return error;
    revoked_join(mine, &there, &news);
    revoked_deinit(&there);
    text = jwks_text(mine->doc);
    if (!text)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    *ret_news = news;
    state_path(s, STATE_REVOKED, path, sizeof path);
    error = file_replace(path, slice_str(text), 0600, false, w);
    free(text);
    return error;
}

int revoked_save(const struct state *s, struct revoked *mine, bool *ret_news, char *words,
                 size_t words_cap)
{
    const struct words w = {words, words_cap};
    int fd, error = lock_try(s->dir, &fd, &w);

    if (error)
        return error;
    error = save_locked(s, mine, ret_news, &w);
    lock_drop(fd);
    return error;
}
