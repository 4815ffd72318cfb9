#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

void exchange_must(const struct place *p, int error)
{
    if (error)
        print_error("%s\n", p->words);
    assert_int_equal(error, 0);
}

int exchange_export(struct place *p, const char *machine, const char *names, const char *file,
                    int64_t now)
{
    struct state s = place_make(p, machine, now);

    const struct keys_export what = {.names = names, .out = place_path(p, file), .force = true};

    return keys_export(&s, &what, now, p->words, sizeof p->words);
}

int exchange_import(struct place *p, const char *machine, const char *file, bool force, int64_t now)
{
    struct state s = place_make(p, machine, now);

    return keys_import(&s, place_path(p, file), force, now, p->words, sizeof p->words);
}

int exchange_request(struct place *p, const char *machine, const char *file, int64_t now)
{
    struct state s = place_make(p, machine, now);

    return keys_request(&s, false, place_path(p, file), now, p->words, sizeof p->words);
}

int exchange_request_check(struct place *p, const char *machine, const char *file, int64_t now)
{
    struct state s = place_make(p, machine, now);

    return keys_request(&s, true, place_path(p, file), now, p->words, sizeof p->words);
}

int exchange_accept(struct place *p, const char *machine, const char *request, const char *file,
                    int64_t now)
{
    struct state s = place_make(p, machine, now);

    return keys_accept(&s, place_path(p, request), place_path(p, file), now, p->words,
                       sizeof p->words);
}

int exchange_rotate(struct place *p, const char *machine, int64_t grace, int64_t now)
{
    struct state s = place_make(p, machine, now);

    return keys_rotate(&s, grace, false, now, p->words, sizeof p->words);
}

int exchange_rotate_force(struct place *p, const char *machine, int64_t grace, int64_t now)
{
    struct state s = place_make(p, machine, now);

    return keys_rotate(&s, grace, true, now, p->words, sizeof p->words);
}

int exchange_export_all(struct place *p, const char *machine, const char *dir, bool force,
                        int64_t now)
{
    struct state s = place_make(p, machine, now);
    const struct keys_export what = {.out = place_path(p, dir), .force = force};

    return keys_export(&s, &what, now, p->words, sizeof p->words);
}

static bool any_audience(const char *aud, void *ctx)
{
    (void)ctx;
    return aud[0];
}

int exchange_ask(struct place *p, const char *machine, const char *key_file, const char *aud,
                 int64_t now, unsigned *ret_scopes)
{
    static const uint8_t binding[AUTH_BINDING] = {7};
    const struct auth_claims claims = {
        .audience = aud, .scopes = AUTH_SCOPE_ALL, .now = now, .lifetime = 60, .binding = binding};
    const struct auth_demand demand = {
        .now = now, .lifetime_max = 300, .binding = binding, .audience_ok = any_audience};
    char trust[64], log[256], *text, *token;
    struct auth_grant grant;
    struct auth_keys *keys;
    struct auth_key *key;
    int error;

    text = place_read(place_path(p, key_file), NULL);
    assert_int_equal(auth_key_parse(slice_str(text), &key, p->words, sizeof p->words), 0);
    free(text);
    snprintf(trust, sizeof trust, "%s/" STATE_TRUST, machine);
    text = place_read(place_path(p, trust), NULL);
    assert_int_equal(auth_keys_parse(slice_str(text), &keys, p->words, sizeof p->words), 0);
    free(text);
    assert_int_equal(auth_mint(key, &claims, &token), 0);
    error = auth_verify(keys, slice_str(token), &demand, &grant, p->words, sizeof p->words, log,
                        sizeof log);
    auth_token_free(token);
    auth_keys_free(keys);
    auth_key_free(key);
    if (!error && ret_scopes)
        *ret_scopes = grant.scopes;
    return error;
}

json_t *exchange_load(const struct place *p, const char *file)
{
    char *text = place_read(place_path(p, file), NULL);
    json_t *doc = json_loads(text, 0, NULL);

    free(text);
    assert_non_null(doc);
    return doc;
}

void exchange_save(const struct place *p, const char *file, json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(2));

    place_write(place_path(p, file), text, 0600);
    free(text);
    json_decref(doc);
}
