/* What `qhcp keys` and the servers read from other machines and from people: bundles, requests, JWK
 * Sets, lists of names.
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

#include "state/bundle.h"
#include "state/jwks.h"
#include "state/names.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {data, size};

    try_bundle(text);
    try_request(text);
    try_set(text);
    try_names(text);
    return 0;
}
