#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "auth/b64url.h"
#include "forge.h"
#include <qhcp/error.h>

static const uint8_t binding[AUTH_BINDING] = "thirty-two bytes of an exporter";
static const struct auth_claims honest = {.audience = "a.example",
                                          .scopes = AUTH_SCOPE_ALL,
                                          .now = FORGE_NOW,
                                          .lifetime = 60,
                                          .binding = binding};

static bool us(const char *aud, void *ctx)
{
    return strcmp(aud, ctx) == 0;
}

static const struct auth_demand demand = {.now = FORGE_NOW,
                                          .lifetime_max = 60,
                                          .binding = binding,
                                          .audience_ok = us,
                                          .ctx = (void *)"a.example"};

/* The set of this key's public part alone. */
static struct auth_keys *set_of(const struct auth_key *key)
{
    char *public = auth_key_json(key, false), *text, words[256] = "";
    struct auth_keys *keys = NULL;

    assert_true(asprintf(&text, "{\"keys\":[%s]}", public) > 0);
    if (auth_keys_parse(slice_str(text), &keys, words, sizeof words) != 0)
        fail_msg("%s", words);
    free(text);
    auth_token_free(public);
    return keys;
}

static void a_generated_key_mints_what_its_public_part_verifies(void **state)
{
    struct auth_key *key, *again;
    struct auth_keys *keys;
    struct auth_grant grant;
    char *token, *text, words[256];

    (void)state;
    assert_int_equal(auth_key_generate("lb-1", AUTH_SCOPE_HEALTH | AUTH_SCOPE_CONFIG, &key), 0);
    keys = set_of(key);
    text = auth_key_json(key, true);
    assert_int_equal(auth_key_parse(slice_str(text), &again, words, sizeof words), 0);
    assert_string_equal(auth_key_kid(again), auth_key_kid(key));
    assert_string_equal(auth_key_issuer(again), "lb-1");
    assert_int_equal(auth_mint(again, &honest, &token), 0);
    assert_int_equal(
        auth_verify(keys, slice_str(token), &demand, &grant, words, sizeof words, NULL, 0), 0);
    assert_int_equal(grant.scopes, AUTH_SCOPE_HEALTH | AUTH_SCOPE_CONFIG);
    assert_int_equal(honest.scopes & auth_key_scopes(again), grant.scopes);
    assert_string_equal(grant.issuer, "lb-1");
    assert_string_equal(grant.kid, auth_key_kid(key));
    assert_true(grant.expires == FORGE_NOW + 60);
    auth_token_free(token);
    auth_token_free(text);
    auth_keys_free(keys);
    auth_key_free(again);
    auth_key_free(key);
}

static void the_public_part_shows_nothing_private(void **state)
{
    static const char text[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"alg\":\"ES256\",\"iss\":\"joe\","
        "\"scope\":\"health\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"exp\":9,\"nbf\":3,"
        "\"aud\":[\"a.example\"],\"unbound\":true,\"note\":\"mine\","
        "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";
    struct auth_key *key;
    json_t *public, *private;
    char *out;

    (void)state;
    assert_int_equal(auth_key_parse(slice_str(text), &key, NULL, 0), 0);
    out = auth_key_json(key, false);
    public = json_loads(out, 0, NULL);
    assert_non_null(public);
    assert_null(strstr(out, "jpsQ"));
    assert_null(json_object_get(public, "d"));
    assert_null(json_object_get(public, "note"));
    assert_null(json_object_get(public, "unbound"));
    assert_int_equal(json_integer_value(json_object_get(public, "exp")), 9);
    assert_int_equal(json_integer_value(json_object_get(public, "nbf")), 3);
    assert_int_equal(json_array_size(json_object_get(public, "aud")), 1);
    free(out);
    out = auth_key_json(key, true);
    private = json_loads(out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(private, "d")),
                        "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    auth_token_free(out);
    json_decref(public);
    json_decref(private);
    auth_key_free(key);
}

/* A coordinate or scalar with leading zeros comes once in 85 keys: 32 bytes all the same. */
static void many_generated_keys_are_all_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        struct auth_key *key = NULL;

        assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_HEALTH, &key), 0);
        auth_key_free(key);
    }
}

static void kids_and_tokens_are_never_the_same_twice(void **state)
{
    struct auth_key *a, *b;
    char *one, *two;

    (void)state;
    assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_ALL, &a), 0);
    assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_ALL, &b), 0);
    assert_string_not_equal(auth_key_kid(a), auth_key_kid(b));
    assert_int_equal(auth_mint(a, &honest, &one), 0);
    assert_int_equal(auth_mint(a, &honest, &two), 0);
    /* Not by the signature alone: jti differs, so the payload does. */
    *strrchr(one, '.') = '\0';
    *strrchr(two, '.') = '\0';
    assert_string_not_equal(one, two);
    auth_token_free(one);
    auth_token_free(two);
    auth_key_free(a);
    auth_key_free(b);
}

static void a_token_says_what_it_should(void **state)
{
    struct auth_key *key;
    char *token, *dot, binding_text[64];
    uint8_t payload[1024];
    json_t *claims;
    size_t n;

    (void)state;
    assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_ALL, &key), 0);
    assert_int_equal(auth_mint(key, &honest, &token), 0);
    dot = strchr(token, '.');
    assert_int_equal(
        b64url_decode(slice_of(dot + 1, strcspn(dot + 1, ".")), payload, sizeof payload, &n), 0);
    claims = json_loadb((const char *)payload, n, 0, NULL);
    b64url_encode(slice_of(binding, sizeof binding), binding_text);
    assert_string_equal(json_string_value(json_object_get(claims, "iss")), "lb");
    assert_string_equal(json_string_value(json_object_get(claims, "aud")), "a.example");
    assert_true(json_integer_value(json_object_get(claims, "iat")) == FORGE_NOW);
    assert_true(json_integer_value(json_object_get(claims, "nbf")) == FORGE_NOW);
    assert_true(json_integer_value(json_object_get(claims, "exp")) == FORGE_NOW + 60);
    assert_int_equal(json_string_length(json_object_get(claims, "jti")), 22);
    assert_string_equal(json_string_value(json_object_get(claims, "scope")), AUTH_SCOPES);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(claims, "cnf"), "tls-exporter")),
        binding_text);
    assert_int_equal(json_object_size(claims), 8);
    json_decref(claims);
    auth_token_free(token);
    auth_key_free(key);
}

static void claims_that_make_no_sense_are_not_minted(void **state)
{
    struct auth_claims bad[7];
    struct auth_key *key;
    char *token = NULL, longest[400];

    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < 7; i++)
        bad[i] = honest;
    bad[0].audience = NULL;
    bad[1].audience = "";
    bad[2].audience = "\xff";
    bad[3].audience = longest;
    bad[4].scopes = AUTH_SCOPE_CONFIG; /* not the key's */
    bad[5].lifetime = 0;
    bad[6].lifetime = INT64_MAX;
    assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_HEALTH, &key), 0);
    for (size_t i = 0; i < 7; i++)
        assert_int_not_equal(auth_mint(key, &bad[i], &token), 0);
    assert_null(token);
    assert_int_equal(auth_mint(key, &honest, &token), 0);
    auth_token_free(token);
    auth_key_free(key);
}

static void keys_without_an_issuer_or_scope_are_not_generated(void **state)
{
    struct auth_key *key = NULL;
    char longest[LIMIT_ID + 2];

    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[LIMIT_ID + 1] = '\0';
    assert_int_equal(auth_key_generate(NULL, AUTH_SCOPE_ALL, &key), QHCP_E_ARG);
    assert_int_equal(auth_key_generate("", AUTH_SCOPE_ALL, &key), QHCP_E_ARG);
    assert_int_equal(auth_key_generate("a\nb", AUTH_SCOPE_ALL, &key), QHCP_E_ARG);
    assert_int_equal(auth_key_generate(longest, AUTH_SCOPE_ALL, &key), QHCP_E_ARG);
    assert_int_equal(auth_key_generate("lb", 0, &key), QHCP_E_ARG);
    assert_int_equal(auth_key_generate("lb", 32, &key), QHCP_E_ARG);
    assert_null(key);
    longest[LIMIT_ID] = '\0';
    assert_int_equal(auth_key_generate(longest, AUTH_SCOPE_ALL, &key), 0);
    auth_key_free(key);
}

static void a_token_for_one_session_is_refused_in_another(void **state)
{
    struct auth_demand other = demand;
    struct auth_claims without = honest;
    uint8_t others[AUTH_BINDING] = {0};
    struct auth_grant grant;
    struct auth_keys *keys;
    struct auth_key *key;
    char *token;

    (void)state;
    other.binding = others;
    without.binding = NULL;
    assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_ALL, &key), 0);
    keys = set_of(key);
    assert_int_equal(auth_mint(key, &honest, &token), 0);
    assert_int_equal(auth_verify(keys, slice_str(token), &other, &grant, NULL, 0, NULL, 0),
                     QHCP_E_TOKEN_BINDING);
    assert_int_equal(auth_verify(keys, slice_str(token), &demand, &grant, NULL, 0, NULL, 0), 0);
    auth_token_free(token);
    assert_int_equal(auth_mint(key, &without, &token), 0);
    assert_int_equal(auth_verify(keys, slice_str(token), &demand, &grant, NULL, 0, NULL, 0),
                     QHCP_E_TOKEN_BINDING);
    auth_token_free(token);
    auth_keys_free(keys);
    auth_key_free(key);
}

static void the_sender_of_a_token_can_read_its_scopes(void **state)
{
    static const char *const strange[] = {"",       ".",       "a.b",
                                          "a.!!.c", "a.e30.c", "a.eyJzY29wZSI6MX0.c"};
    struct auth_claims claims = honest;
    struct auth_key *key;
    char *token;

    (void)state;
    assert_int_equal(auth_key_generate("lb", AUTH_SCOPE_ALL, &key), 0);
    for (claims.scopes = 1; claims.scopes <= AUTH_SCOPE_ALL; claims.scopes++) {
        assert_int_equal(auth_mint(key, &claims, &token), 0);
        assert_int_equal(auth_token_scopes(slice_str(token)), claims.scopes);
        auth_token_free(token);
    }
    auth_key_free(key);
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        assert_int_equal(auth_token_scopes(slice_str(strange[i])), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generated_key_mints_what_its_public_part_verifies),
        cmocka_unit_test(the_public_part_shows_nothing_private),
        cmocka_unit_test(many_generated_keys_are_all_whole),
        cmocka_unit_test(kids_and_tokens_are_never_the_same_twice),
        cmocka_unit_test(a_token_says_what_it_should),
        cmocka_unit_test(claims_that_make_no_sense_are_not_minted),
        cmocka_unit_test(keys_without_an_issuer_or_scope_are_not_generated),
        cmocka_unit_test(a_token_for_one_session_is_refused_in_another),
        cmocka_unit_test(the_sender_of_a_token_can_read_its_scopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
