#include "state/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <jansson.h>
#include <qhcp/error.h>

#include "base/os/file.h"
#include "state/guarded.h"
#include "state/pki.h"
#include "state/state.h"

bool stored_have(const char *dir, const char *name)
{
    char path[STATE_PATH];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0;
}

int stored_file(const char *dir, const char *name, bool private, size_t max, char **ret,
                size_t *ret_len, const struct words *w)
{
    char path[STATE_PATH];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return private ? guarded_read(path, GUARDED_PRIVATE, false, max, ret, ret_len, w)
                   : file_read(path, false, max, ret, ret_len, w);
}

static int stored_key(const char *dir, const char *name, struct stored_pair *pair,
                      const struct words *w)
{
    char path[STATE_PATH], *pem;
    size_t n;
    int error = stored_file(dir, name, true, PKI_PEM_MAX, &pem, &n, w);

    if (error)
        return error;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    error = pki_key_load(slice_of(pem, n), path, &pair->key, w);
    file_wipe(pem, n);
    return error;
}

int stored_pair(const char *dir, const char *cert_name, const char *key_name,
                struct stored_pair *ret, const struct words *w)
{
    struct stored_pair pair = {0};
    char path[STATE_PATH];
    size_t n;
    int error = stored_file(dir, cert_name, false, PKI_PEM_MAX, &pair.pem, &n, w);

    if (error)
        return error;
    snprintf(path, sizeof path, "%s/%s", dir, cert_name);
    error = pki_cert_load(slice_of(pair.pem, n), path, false, &pair.crt, w);
    if (!error && key_name)
        error = stored_key(dir, key_name, &pair, w);
    if (!error && key_name && !pki_key_matches(pair.crt, pair.key))
        error =
            words_fail(w, QHCP_E_CERT, "%s does not belong to the key %s/%s", path, dir, key_name);
    if (error) {
        stored_pair_deinit(&pair);
        return error;
    }
    *ret = pair;
    return 0;
}

void stored_pair_deinit(struct stored_pair *pair)
{
    if (pair->crt)
        gnutls_x509_crt_deinit(pair->crt);
    if (pair->key)
        gnutls_x509_privkey_deinit(pair->key);
    free(pair->pem);
    *pair = (struct stored_pair){0};
}

int stored_ca(const char *dir, struct stored_pair *ret, const struct words *w)
{
    struct stored_pair pair;
    int error =
        stored_pair(dir, STATE_CA, stored_have(dir, STATE_CA_KEY) ? STATE_CA_KEY : NULL, &pair, w);

    if (error)
        return error;
    if (!pki_is_ca(pair.crt)) {
        stored_pair_deinit(&pair);
        return words_fail(w, QHCP_E_CERT, "%s/" STATE_CA " is not a CA certificate", dir);
    }
    *ret = pair;
    return 0;
}

int stored_token_key(const char *dir, const char *name, struct auth_key **ret,
                     const struct words *w)
{
    char *text, why[256] = "";
    size_t n;
    int error = stored_file(dir, name, true, LIMIT_TOKEN, &text, &n, w);

    if (error)
        return error;
    error = auth_key_parse(slice_of(text, n), ret, why, sizeof why);
    file_wipe(text, n);
    return error ? words_fail(w, error, "%s/%s is damaged: %s", dir, name, why) : 0;
}

int stored_origin(const char *dir, struct stored_origin *ret, const struct words *w)
{
    json_t *doc;
    char *text;
    size_t n;
    int server, lb, error;

    if (!stored_have(dir, STATE_IMPORTED)) {
        *ret = (struct stored_origin){0};
        return 0;
    }
    error = stored_file(dir, STATE_IMPORTED, false, 4096, &text, &n, w);
    if (error)
        return error;
    doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (json_unpack(doc, "{s:b, s:b}", "server", &server, "lb", &lb) == 0)
        *ret = (struct stored_origin){
            .server = server,
            .lb = lb,
            .server_created = json_integer_value(json_object_get(doc, "server_created")),
            .lb_created = json_integer_value(json_object_get(doc, "lb_created"))};
    else
        error = words_fail(w, QHCP_E_PARSE,
                           "%s/" STATE_IMPORTED " is damaged: import the bundle again with "
                           "`qhcp keys import --force`",
                           dir);
    json_decref(doc);
    return error;
}
