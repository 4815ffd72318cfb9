/* What `qhcp keys` and the servers read from other machines and from people: bundles, requests, JWK
 * Sets, lists of names, lists of revocations: as they are, and as what a CA has signed.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_bundle.c src/state/[a-z]*.c src/auth/[a-z]*.c src/base/error.c \
 *   -lcjose -ljansson -lgnutls -o fuzz_bundle
 * ./fuzz_bundle /tmp/found fuzz/corpus/bundle
 *
 * Besides memory and undefined behaviour: a refusal has words; a bundle that was taken is still
 * taken when it is written again; what is accepted has exactly the parts of its type.  The keys in
 * the corpus are throw-away ones. */
#include <stdlib.h>

#include "auth/b64url.h"
#include "state/bundle.h"
#include "state/jwks.h"
#include "state/names.h"
#include "state/pki.h"
#include "state/revoked.h"

#define NOW 1800000000 /* the corpus was made then */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void try_bundle(struct slice text)
{
    char words[512] = "";
    const struct words w = {words, sizeof words};
    struct bundle b, again;
    char *written;

    if (bundle_parse(text, "F", &b, &w) != 0) {
        must(words[0]);
        return;
    }
    must(b.ca && (b.type == BUNDLE_SERVER) == (b.cert && b.key && b.keys && b.check_key));
    must((b.type == BUNDLE_LB) == (b.kid != NULL));
    must(b.type != BUNDLE_REVOKED || b.revoked);
    if (bundle_check(&b, "F", NOW, &w) != 0)
        must(words[0]);
    written = bundle_text(b.doc);
    must(written && bundle_parse(slice_str(written), "F", &again, &w) == 0);
    free(written);
    bundle_deinit(&again);
    bundle_deinit(&b);
}

static void try_request(struct slice text)
{
    char words[512] = "";
    const struct words w = {words, sizeof words};
    struct bundle_request r;

    if (bundle_request_parse(text, "R", &r, &w) != 0) {
        must(words[0]);
        return;
    }
    must(r.iss && r.kid && r.proof);
    bundle_request_deinit(&r);
}

static void try_set(struct slice text)
{
    char words[512] = "", *written;
    const struct words w = {words, sizeof words};
    json_t *set, *public;

    if (jwks_load(text, "trust/keys.json", &set, &w) != 0) {
        must(words[0]);
        return;
    }
    jwks_retire(set, "lb:a", "b", NOW);
    jwks_prune(set, NOW);
    public = jwks_public(set);
    must(jwks_check(public, "trust/keys.json", &w) == 0);
    written = jwks_text(public);
    must(written != NULL);
    free(written);
    json_decref(public);
    json_decref(set);
}

static void try_names(struct slice text)
{
    char words[512] = "", *list = malloc(text.n + 1), *seen = NULL;
    const struct words w = {words, sizeof words};
    struct names *names = calloc(1, sizeof *names), *all = calloc(1, sizeof *all);

    must(list && names && all);
    slice_to_cstr(text, list, text.n + 1);
    if (names_parse(list, names, &w) == 0) {
        must(names->n > 0);
        for (size_t i = 0; i < names->n; i++) {
            char again[NAMES_TEXT];

            must(names_normal(names->at[i], again, &w) == 0);
            must(strcmp(names->at[i], again) == 0);
        }
    } else {
        must(words[0]);
    }
    if (names_remember(text, names, NOW, all, &seen, &w) == 0)
        must(all->n >= names->n);
    free(seen);
    free(list);
    free(names);
    free(all);
}

static gnutls_x509_privkey_t ca_key;
static gnutls_x509_crt_t ca;

static void make_ca(void)
{
    const struct words silent = {NULL, 0};
    char *pem;

    must(pki_key_new(&ca_key, &silent) == 0);
    must(pki_ca_new(ca_key, "fuzz", NULL, NOW, &pem, &silent) == 0);
    must(pki_cert_load(slice_str(pem), "CA", true, &ca, &silent) == 0);
    free(pem);
}

static void merge(struct slice list)
{
    char words[512] = "";
    const struct words w = {words, sizeof words};
    struct revoked r;
    bool news = false, again = true;

    must(revoked_init(&r, &w) == 0);
    revoked_add_key(&r, "before");
    if (revoked_merge(&r, list, ca, &news, &w) != 0)
        must(words[0] && revoked_number(&r) == 0 && !revoked_key_at(&r, 1));
    else
        must(revoked_merge(&r, list, ca, &again, &w) == 0 && !again);
    must(revoked_has_key(&r, "before")); /* nothing takes anything out */
    revoked_deinit(&r);
}

/* The input as a whole list, and as the payload that the CA has signed. */
static void try_list(struct slice text)
{
    static const char head[] = "{\"alg\":\"ES256\",\"typ\":\"qhcp-revoked\"}";
    const struct words silent = {NULL, 0};
    uint8_t signature[PKI_SIGNATURE];
    size_t n = B64URL_SIZE(sizeof head - 1);
    char *list;

    if (ca == NULL)
        make_ca();
    merge(text);
    if (text.n == 0 || text.p[0] != '{' || text.n > 8192)
        return;
    list = malloc(n + B64URL_SIZE(text.n) + B64URL_SIZE(PKI_SIGNATURE) + 3);
    must(list != NULL);
    b64url_encode(slice_str(head), list);
    list[n++] = '.';
    b64url_encode(text, list + n);
    n += B64URL_SIZE(text.n);
    must(pki_sign(ca_key, slice_of(list, n), signature, &silent) == 0);
    list[n++] = '.';
    b64url_encode(slice_of(signature, sizeof signature), list + n);
    merge(slice_str(list));
    free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {data, size};

    try_list(text);

    try_bundle(text);
    try_request(text);
    try_set(text);
    try_names(text);
    return 0;
}
