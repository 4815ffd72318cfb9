#include "auth/jws.h"

#include <stdlib.h>

#include <qhcp/error.h>

int jws_verify(const struct jwk *key, struct slice token, uint8_t **ret, size_t *ret_n)
{
    cjose_jws_t *jws = cjose_jws_import((const char *)token.p, token.n, NULL);
    uint8_t *plain, *copy = NULL;
    size_t n;

    if (jws != NULL && cjose_jws_verify(jws, key->material, NULL) &&
        cjose_jws_get_plaintext(jws, &plain, &n, NULL)) {
        copy = malloc(n + 1); /* an empty payload too has an address */
        if (copy != NULL && n > 0)
            memcpy(copy, plain, n);
    }
    if (jws != NULL)
        cjose_jws_release(jws);
    if (copy == NULL)
        return QHCP_E_TOKEN_SIGNATURE;
    *ret = copy;
    *ret_n = n;
    return 0;
}

int jws_sign(const struct jwk *key, json_t *header, const char *payload, char **ret)
{
    cjose_jws_t *jws =
        cjose_jws_sign(key->material, header, (const uint8_t *)payload, strlen(payload), NULL);
    const char *text;
    char *copy = NULL;

    if (jws != NULL && cjose_jws_export(jws, &text, NULL)) {
        copy = strdup(text);
        explicit_bzero((char *)text, strlen(text));
    }
    if (jws != NULL)
        cjose_jws_release(jws);
    if (copy == NULL)
        return QHCP_E_INTERNAL;
    *ret = copy;
    return 0;
}
