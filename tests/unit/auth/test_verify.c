#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "auth/b64url.h"
#include "forge.h"
#include <qhcp/error.h>

static struct forge *f;

static void no_token_is_refused_as_missing(void **state)
{
    char *token = forge_token(f, ES, NULL, NULL);

    (void)state;
    forge_refused(f, "", QHCP_E_TOKEN_MISSING, "no token");
    forge_accepted(f, token);
    free(token);
}

static void an_unsigned_token_is_refused(void **state)
{
    static const char *const nones[] = {"none", "None", "NONE", "nOnE", ""};
    json_t *claims = forge_claims(f, ES, NULL);
    char *payload = json_dumps(claims, 0), *token, *twin;

    (void)state;
    for (size_t i = 0; i < sizeof nones / sizeof nones[0]; i++) {
        char header[64];

        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"es\"}", nones[i]);
        token = forge_raw(header, payload, "");
        forge_refused(f, token, QHCP_E_TOKEN_ALGORITHM, "algorithm");
        free(token);
    }
    token = forge_raw("{\"alg\":\"none\"}", payload, "");
    forge_refused(f, token, QHCP_E_TOKEN_KEY, "has no kid");
    free(token);
    /* The honest algorithm with the signature left out. */
    token = forge_raw("{\"alg\":\"ES256\",\"kid\":\"es\"}", payload, "");
    forge_refused(f, token, QHCP_E_TOKEN_SIGNATURE, "signature");
    free(token);
    twin = forge_token(f, ES, "{'typ':'@absent'}", NULL);
    forge_accepted(f, twin);
    free(twin);
    free(payload);
    json_decref(claims);
}

/* The confusion that other libraries fell for: the public key, which everyone has, as a secret. */
static void a_token_keyed_with_a_public_key_is_refused(void **state)
{
    static const enum forge_key keys[] = {ES, RS, OUT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        json_t *claims = forge_claims(f, keys[i], NULL);
        char *payload = json_dumps(claims, 0), *pem = forge_pem(f, keys[i]);
        char *jwk = forge_jwk(f, keys[i]), header[64], *token;

        snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", forge_kid(keys[i]));
        token = forge_hmac(header, payload, pem, strlen(pem));
        forge_refused(f, token, QHCP_E_TOKEN_ALGORITHM, "algorithm is not its key's");
        assert_non_null(strstr(forge_log, "\"HS256\""));
        free(token);
        token = forge_hmac(header, payload, pem, strlen(pem) - 1);
        forge_refused(f, token, QHCP_E_TOKEN_ALGORITHM, NULL);
        free(token);
        token = forge_hmac(header, payload, jwk, strlen(jwk));
        forge_refused(f, token, QHCP_E_TOKEN_ALGORITHM, NULL);
        free(token);
        free(payload);
        free(pem);
        free(jwk);
        json_decref(claims);
    }
}

static void the_same_made_with_the_shared_secret_is_accepted(void **state)
{
    json_t *claims = forge_claims(f, HS, NULL);
    char *payload = json_dumps(claims, 0);
    char *token = forge_hmac("{\"alg\":\"HS256\",\"kid\":\"hs\"}", payload, forge_secret, 32);
    char *other = forge_hmac("{\"alg\":\"HS256\",\"kid\":\"hs\"}", payload, "another", 7);

    (void)state;
    forge_accepted(f, token);
    forge_refused(f, other, QHCP_E_TOKEN_SIGNATURE, "signature");
    free(token);
    free(other);
    token = forge_hmac("{\"alg\":\"HS384\",\"kid\":\"hs\"}", payload, forge_secret, 32);
    forge_refused(f, token, QHCP_E_TOKEN_ALGORITHM, "algorithm");
    free(token);
    free(payload);
    json_decref(claims);
}

static void a_member_that_stands_twice_is_refused(void **state)
{
    static const char *const header = "{\"alg\":\"HS256\",\"kid\":\"hs\"}";
    static const char *const claims = "{\"iss\":\"hs.issuer\",\"aud\":\"a.example\","
                                      "\"exp\":1700000300,\"scope\":\"health\"%s}";
    char once[200], twice[200], *token;

    (void)state;
    snprintf(once, sizeof once, claims, ",\"x\":\"b.example\"");
    snprintf(twice, sizeof twice, claims, ",\"aud\":\"a.example\"");
    token = forge_hmac(header, once, forge_secret, 32);
    forge_accepted(f, token);
    free(token);
    token = forge_hmac(header, twice, forge_secret, 32);
    forge_refused(f, token, QHCP_E_TOKEN_MALFORMED, "payload");
    free(token);
    token =
        forge_hmac("{\"alg\":\"HS256\",\"kid\":\"hs\",\"alg\":\"HS256\"}", once, forge_secret, 32);
    forge_refused(f, token, QHCP_E_TOKEN_MALFORMED, "header");
    free(token);
}

static void header_and_payload_must_be_json_objects(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "\"x\"",
                                      "{",
                                      "{} {}",
                                      "{}x",
                                      "null",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":\"\\u0000\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *token = forge_hmac("{\"alg\":\"HS256\",\"kid\":\"hs\"}", bad[i], forge_secret, 32);

        forge_refused(f, token, QHCP_E_TOKEN_MALFORMED, "payload");
        free(token);
        token = forge_hmac(bad[i], "{}", forge_secret, 32);
        forge_refused(f, token, QHCP_E_TOKEN_MALFORMED, "header");
        free(token);
    }
}

static void glued_tokens_are_refused_and_each_alone_accepted(void **state)
{
    static const char *const glue[] = {"", ".", " ", "\n", ",", "\t", "~"};
    char *a = forge_token(f, ES, NULL, NULL), *b = forge_token(f, RS, NULL, NULL), *both;

    (void)state;
    forge_accepted(f, a);
    forge_accepted(f, b);
    for (size_t i = 0; i < sizeof glue / sizeof glue[0]; i++) {
        assert_true(asprintf(&both, "%s%s%s", a, glue[i], b) > 0);
        forge_refused(f, both, QHCP_E_TOKEN_MALFORMED, "parts");
        free(both);
    }
    free(a);
    free(b);
}

static void a_token_has_one_spelling(void **state)
{
    static const char *const tails[] = {"=", "==", " ", "\n", ".", "A", "%"};
    static const char *const heads[] = {" ", "\n", ".", "Bearer ", "\xef\xbb\xbf"};
    char *token = forge_token(f, ES, NULL, NULL), *other;
    size_t n = strlen(token);

    (void)state;
    forge_accepted(f, token);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct auth_grant grant;

        assert_true(asprintf(&other, "%s%s", token, tails[i]) > 0);
        assert_int_not_equal(forge_verify(f, other, &grant), 0);
        free(other);
    }
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_true(asprintf(&other, "%s%s", heads[i], token) > 0);
        forge_refused(f, other, QHCP_E_TOKEN_MALFORMED, NULL);
        free(other);
    }
    /* 64 bytes leave four bits over in the last character: the other 15 spellings of it. */
    token[n - 1] ^= 1;
    forge_refused(f, token, QHCP_E_TOKEN_MALFORMED, "signature is not base64url");
    free(token);
}

static void a_change_of_any_character_is_refused(void **state)
{
    static const enum forge_key keys[] = {ES, HS};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        char *token = forge_token(f, keys[k], NULL, NULL);
        struct auth_grant grant;

        for (size_t i = 0; token[i] != '\0'; i++) {
            char was = token[i];

            token[i] = was == 'A' ? 'B' : 'A';
            assert_int_not_equal(forge_verify(f, token, &grant), 0);
            token[i] = was;
        }
        forge_accepted(f, token);
        free(token);
    }
}

static void a_huge_token_is_refused_before_it_is_read(void **state)
{
    char *pad = malloc(LIMIT_TOKEN + 1), *patch, *token;

    (void)state;
    memset(pad, 'x', LIMIT_TOKEN);
    for (int fits = 0; fits < 2; fits++) {
        pad[fits ? LIMIT_TOKEN / 2 : LIMIT_TOKEN] = '\0';
        assert_true(asprintf(&patch, "{'sub':'%s'}", pad) > 0);
        memset(pad, 'x', LIMIT_TOKEN);
        token = forge_token(f, ES, NULL, patch);
        if (fits)
            forge_accepted(f, token);
        else
            forge_refused(f, token, QHCP_E_TOKEN_MALFORMED, "at most 8192");
        free(token);
        free(patch);
    }
    free(pad);
}

/* A server's own key, or a stranger's: neither under its own kid nor under the load balancer's. */
static void a_server_cannot_pose_as_a_load_balancer(void **state)
{
    char *own = forge_token(f, SERVER, NULL, NULL);
    char *posing = forge_signed(f, ES, NULL, NULL, f->key[SERVER]);
    char *honest = forge_signed(f, ES, NULL, NULL, f->key[ES]);

    (void)state;
    forge_refused(f, own, QHCP_E_TOKEN_KEY, "does not know");
    assert_null(strstr(forge_words, "es,"));
    assert_non_null(strstr(forge_log, "\"server\" is not among the 7 known: es, out, rs, hs"));
    forge_refused(f, posing, QHCP_E_TOKEN_SIGNATURE, "signature does not verify");
    forge_accepted(f, honest);
    free(own);
    free(posing);
    free(honest);
}

static void another_session_refuses_a_stolen_token(void **state)
{
    char *token = forge_token(f, ES, NULL, NULL);

    (void)state;
    forge_accepted(f, token);
    f->binding[31] ^= 1;
    forge_refused(f, token, QHCP_E_TOKEN_BINDING, "bound to another connection");
    f->binding[31] ^= 1;
    forge_accepted(f, token);
    free(token);
}

static void words_never_carry_control_characters_of_a_token(void **state)
{
    char *token = forge_token(f, ES, NULL, "{'aud':'b\\u001b[2J\\nexample\xc3\xa9\xe2\x80\xae'}");

    (void)state;
    forge_refused(f, token, QHCP_E_TOKEN_AUDIENCE, "token is for \"b?[2J?example\xc3\xa9???\"");
    free(token);
}

static int setup(void **state)
{
    (void)state;
    f = forge_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    forge_free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_token_is_refused_as_missing),
        cmocka_unit_test(an_unsigned_token_is_refused),
        cmocka_unit_test(a_token_keyed_with_a_public_key_is_refused),
        cmocka_unit_test(the_same_made_with_the_shared_secret_is_accepted),
        cmocka_unit_test(a_member_that_stands_twice_is_refused),
        cmocka_unit_test(header_and_payload_must_be_json_objects),
        cmocka_unit_test(glued_tokens_are_refused_and_each_alone_accepted),
        cmocka_unit_test(a_token_has_one_spelling),
        cmocka_unit_test(a_change_of_any_character_is_refused),
        cmocka_unit_test(a_huge_token_is_refused_before_it_is_read),
        cmocka_unit_test(a_server_cannot_pose_as_a_load_balancer),
        cmocka_unit_test(another_session_refuses_a_stolen_token),
        cmocka_unit_test(words_never_carry_control_characters_of_a_token),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
