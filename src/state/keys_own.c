#include "state/keys_own.h"

#include <stdlib.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "state/jwks.h"
#include "state/pki.h"

int keys_own_ca(const struct state *s, const char *what, struct stored_pair *ret,
                const struct words *w)
{
    struct stored_pair ca;
    char subject[128];
    int error = stored_ca(s->dir, &ca, w);

    if (error)
        return error;
    if (ca.key) {
        *ret = ca;
        return 0;
    }
    pki_subject(ca.crt, subject, sizeof subject);
    stored_pair_deinit(&ca);
    return words_fail(w, QHCP_E_NOT_FOUND,
                      "this machine has imported its CA (%s) and does not have its key: run `qhcp "
                      "keys %s` on the machine that made it",
                      subject, what);
}

int keys_own_trust(const struct state *s, json_t **ret, const struct words *w)
{
    char path[STATE_PATH], *text;
    size_t n;
    int error = stored_file(s->dir, STATE_TRUST, true, JWKS_MAX, &text, &n, w);

    if (error)
        return error;
    state_path(s, STATE_TRUST, path, sizeof path);
    error = jwks_load(slice_of(text, n), path, ret, w);
    free(text);
    return error;
}

void keys_own_put(struct transaction *c, const char *name, const json_t *doc)
{
    char *text = jwks_text(doc);

    if (text)
        transaction_put(c, name, slice_str(text), 0600);
    else if (!c->error)
        c->error = words_fail(c->w, QHCP_E_NOMEM, "out of memory");
    free(text);
}

int keys_own_add_list(json_t *bundle, const struct revoked *list, const struct words *w)
{
    const char *text = revoked_list(list);

    if (!text || json_object_set_new(bundle, "revoked", json_string(text)) == 0)
        return 0;
    return words_fail(w, QHCP_E_NOMEM, "out of memory");
}

void keys_own_digest(const json_t *jwk, uint8_t ret[32])
{
    char *text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);

    memset(ret, 0, 32);
    if (text)
        gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), ret);
    free(text);
}
