#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "auth/b64url.h"
#include "auth/jws.h"
#include "auth/scope.h"
#include "forge.h"
#include <qhcp/error.h>

/* RFC 7515, appendix A: keys, and the tokens that they signed. */
static const char secret_json[] =
    "{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"HS256\",\"iss\":\"joe\",\"scope\":\"health\","
    "\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CA"
    "ow\"}";
static const char ec_json[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"alg\":\"ES256\",\"iss\":\"joe\","
    "\"scope\":\"health\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char ec_private_json[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"alg\":\"ES256\",\"iss\":\"joe\","
    "\"scope\":\"health\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
    "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";
static const char rsa_json[] =
    "{\"kty\":\"RSA\",\"kid\":\"a\",\"alg\":\"RS256\",\"iss\":\"joe\",\"scope\":\"health\","
    "\"e\":\"AQAB\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}";
#define PAYLOAD                                                                                    \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
static const char secret_token[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." PAYLOAD
                                   ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char ec_token[] = "eyJhbGciOiJFUzI1NiJ9." PAYLOAD
                               ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
                               "pmWQxfKTUJqPP3-Kg6NU1Q";
static const char rsa_token[] =
    "eyJhbGciOiJSUzI1NiJ9." PAYLOAD
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1"
    "L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYE"
    "UipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

static void signatures_of_the_rfc_verify(void **state)
{
    static const struct {
        const char *key, *token;
    } rows[] = {{secret_json, secret_token}, {ec_json, ec_token}, {rsa_json, rsa_token}};
    static const char payload[] = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                                  "\"http://example.com/is_root\":true}";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *object = json_loads(rows[i].key, 0, NULL);
        char words[160] = "", *spoilt = strdup(rows[i].token);
        struct jwk key;
        uint8_t *got;
        size_t n;

        if (jwk_read(object, JWK_VERIFY, &key, words, sizeof words) != 0)
            fail_msg("%s", words);
        assert_int_equal(jws_verify(&key, slice_str(rows[i].token), &got, &n), 0);
        assert_int_equal(n, strlen(payload));
        assert_memory_equal(got, payload, n);
        free(got);
        spoilt[strlen(spoilt) - 10] ^= 1;
        assert_int_equal(jws_verify(&key, slice_str(spoilt), &got, &n), QHCP_E_TOKEN_SIGNATURE);
        free(spoilt);
        jwk_deinit(&key);
        json_decref(object);
    }
}

/* A set's entry, patched, and what must be said of it. */
struct entry {
    const char *base, *patch, *words;
};

static const struct entry entries[] = {
    {ec_json, "{'kid':'@absent'}", "keys[1]: member \"kid\" is missing"},
    {ec_json, "{'kid':''}", "\"kid\" is empty"},
    {ec_json, "{'kid':7}", "\"kid\" is not a string"},
    {ec_json, "{'kid':'a\\u0007'}", "control characters"},
    {ec_json, "{'kid':'first'}", "keys[1] (kid \"first\"): keys[0] has the same kid"},
    {ec_json, "{'kty':'@absent'}", "keys[1] (kid \"a\"): member \"kty\" is missing"},
    {ec_json, "{'alg':'@absent'}", "member \"alg\" is missing"},
    {ec_json, "{'alg':'none'}", "member \"alg\" is not ES256, RS256 or HS256"},
    {ec_json, "{'alg':'ES384'}", "member \"alg\" is not"},
    {ec_json, "{'alg':'HS256'}", "member \"kty\" is not \"oct\""},
    {ec_json, "{'alg':'RS256'}", "member \"kty\" is not \"RSA\""},
    {ec_json, "{'kty':'oct','k':'AAAA'}", "member \"kty\" is not \"EC\""},
    {ec_json, "{'iss':'@absent'}", "member \"iss\" is missing"},
    {ec_json, "{'iss':''}", "member \"iss\" is empty"},
    {ec_json, "{'scope':'@absent'}", "member \"scope\" is missing"},
    {ec_json, "{'scope':'helth'}", "member \"scope\" is not a list of: health config terminate"},
    {ec_json, "{'scope':''}", "member \"scope\" is not a list"},
    {ec_json, "{'nbf':'1'}", "member \"nbf\" is not a time"},
    {ec_json, "{'exp':-1}", "member \"exp\" is not a time"},
    {ec_json, "{'exp':1e9}", "member \"exp\" is not a time"},
    {ec_json, "{'unbound':'true'}", "member \"unbound\" is not true or false"},
    {ec_json, "{'aud':1}", "member \"aud\" is not"},
    {ec_json, "{'aud':[]}", "member \"aud\" is not"},
    {ec_json, "{'aud':['a',1]}", "member \"aud\" is not"},
    {ec_json, "{'use':'enc'}", "\"use\" or \"key_ops\" does not allow verifying"},
    {ec_json, "{'key_ops':['sign']}", "does not allow verifying"},
    {ec_json, "{'d':'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI'}", "member \"d\" is private"},
    {ec_json, "{'crv':'P-384'}", "member \"crv\" is not P-256"},
    {ec_json, "{'x':'@absent'}", "member \"x\" is missing"},
    {ec_json, "{'x':'AAAA'}", "member \"x\" is not 32 bytes"},
    {ec_json, "{'x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV'}", "\"x\" is not base64url"},
    {ec_json, "{'x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU='}", "\"x\" is not base64url"},
    {ec_json, "{'y':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}", "not a point"},
    {rsa_json, "{'d':'AQAB'}", "member \"d\" is private"},
    {rsa_json, "{'p':'AQAB'}", "member \"p\" is private"},
    {rsa_json, "{'e':'AQ'}", "not an RSA key"},
    {rsa_json, "{'e':'AQAC'}", "not an RSA key"},
    {rsa_json, "{'e':'AAEAAQ'}", "member \"e\" has leading zeros"},
    {rsa_json, "{'e':'@absent'}", "member \"e\" is missing"},
    {rsa_json, "{'n':'AQAB'}", "an RSA key of 17 bits, at least 2048"},
    {rsa_json, "{'n':''}", "member \"n\" is not base64url"},
    {secret_json, "{'k':'@absent'}", "member \"k\" is missing"},
    {secret_json, "{'k':'c2VjcmV0'}", "a secret of 6 bytes, at least 32"},
    {secret_json, "{'k':'LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0KLS0tLS0tLS0tLQ'}", "PEM"},
};

/* A set of a sound key and this one. */
static int parse_pair(const char *base, const char *patch, struct auth_keys **ret, char *words,
                      size_t cap)
{
    json_t *set =
        json_pack("{s:[o,o]}", "keys", forge_patch(json_loads(ec_json, 0, NULL), "{'kid':'first'}"),
                  forge_patch(json_loads(base, 0, NULL), patch));
    char *text = json_dumps(set, 0);
    int error = auth_keys_parse(slice_str(text), ret, words, cap);

    free(text);
    json_decref(set);
    return error;
}

static void a_bad_key_in_a_set_is_named_with_its_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct auth_keys *keys = NULL;
        char words[256] = "";
        int error = parse_pair(entries[i].base, entries[i].patch, &keys, words, sizeof words);

        if (error != QHCP_E_PARSE || strstr(words, entries[i].words) == NULL)
            fail_msg("%s: %d \"%s\"", entries[i].patch, error, words);
        assert_null(keys);
        assert_int_equal(strncmp(words, "keys[1]", 7), 0);
    }
}

static void a_sound_key_beside_the_same_one_is_accepted(void **state)
{
    static const struct entry sound[] = {
        {ec_json, NULL, NULL},
        {ec_json,
         "{'aud':['a','b'],'nbf':1,'exp':2,'unbound':false,'x5t':'?','use':'sig',"
         "'key_ops':['verify'],'scope':'terminate health'}",
         NULL},
        {ec_json, "{'aud':'a'}", NULL},
        {rsa_json, NULL, NULL},
        {secret_json, NULL, NULL},
        {secret_json, "{'d':'not private here'}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        struct auth_keys *keys = NULL;
        char words[256] = "";

        if (parse_pair(sound[i].base, sound[i].patch, &keys, words, sizeof words) != 0)
            fail_msg("%s", words);
        assert_int_equal(auth_keys_count(keys), 2);
        auth_keys_free(keys);
    }
}

/* Shorter by one bit than what is accepted. */
static void rsa_keys_are_measured_to_the_bit(void **state)
{
    static const struct {
        uint8_t top;
        int error;
    } rows[] = {{0x7f, QHCP_E_PARSE}, {0x80, 0}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char n[B64URL_SIZE(256) + 1], patch[400], words[256] = "";
        uint8_t modulus[256];
        struct auth_keys *keys = NULL;

        memset(modulus, 0xff, sizeof modulus);
        modulus[0] = rows[i].top;
        b64url_encode(slice_of(modulus, sizeof modulus), n);
        snprintf(patch, sizeof patch, "{'n':'%s'}", n);
        assert_int_equal(parse_pair(rsa_json, patch, &keys, words, sizeof words), rows[i].error);
        if (rows[i].error != 0)
            assert_non_null(strstr(words, "of 2047 bits"));
        auth_keys_free(keys);
    }
}

static void a_set_that_is_no_set_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "line 1, column 0: not JSON"},
        {"{\"keys\":\n [", "line 2"},
        {"[]", "not a JSON object"},
        {"{}", "member \"keys\" is not a list"},
        {"{\"keys\":{}}", "member \"keys\" is not a list"},
        {"{\"keys\":[],\n\"keys\":[]}", "a member is there twice"},
        {"{\"keys\":[7]}", "keys[0]: not a JSON object"},
        {"{\"keys\":[]} x", "not JSON"},
    };
    struct auth_keys *keys = NULL;
    char words[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        words[0] = '\0';
        assert_int_equal(auth_keys_parse(slice_str(rows[i].text), &keys, words, sizeof words),
                         QHCP_E_PARSE);
        if (strstr(words, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].text, words);
    }
    assert_int_equal(auth_keys_parse(slice_str("{\"keys\":[],\"x\":1}"), &keys, NULL, 0), 0);
    assert_int_equal(auth_keys_count(keys), 0);
    auth_keys_free(keys);
}

static void a_set_has_room_for_its_limit_and_no_more(void **state)
{
    (void)state;
    for (size_t n = LIMIT_KEYS; n <= LIMIT_KEYS + 1; n++) {
        json_t *list = json_array(), *set;
        struct auth_keys *keys = NULL;
        char *text, words[128] = "";

        for (size_t i = 0; i < n; i++) {
            json_t *key = json_loads(ec_json, 0, NULL);

            json_object_set_new(key, "kid", json_sprintf("%zu", i));
            json_array_append_new(list, key);
        }
        set = json_pack("{s:o}", "keys", list);
        text = json_dumps(set, 0);
        assert_int_equal(auth_keys_parse(slice_str(text), &keys, words, sizeof words),
                         n > LIMIT_KEYS ? QHCP_E_PARSE : 0);
        if (n > LIMIT_KEYS)
            assert_string_equal(words, "257 keys, at most 256 are allowed");
        auth_keys_free(keys);
        free(text);
        json_decref(set);
    }
}

/* Broken JSON too: a parser's own message would quote it. */
static void words_never_quote_key_material(void **state)
{
    static const char *const secret = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    static const char *const texts[] = {
        "{\"kty\":\"EC\",\"d\":\"%s\" x}",
        "{\"d\":\"%s",
        "{\"d\":%s}",
        "{\"%s\":1,\"%s\":2}",
        "{\"kid\":\"%s\x01\"}",
        "{\"kid\":\"a\",\"kty\":\"%s\",\"alg\":\"ES256\"}",
        "{\"kid\":\"a\",\"kty\":\"EC\",\"alg\":\"%s\"}",
        "{\"kid\":\"a\",\"kty\":\"EC\",\"alg\":\"ES256\",\"iss\":\"a\",\"scope\":\"%s\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[400], set[500], words[256] = "";
        struct auth_key *key = NULL;
        struct auth_keys *keys = NULL;

        snprintf(text, sizeof text, texts[i], secret, secret);
        assert_int_equal(auth_key_parse(slice_str(text), &key, words, sizeof words), QHCP_E_PARSE);
        assert_true(words[0] != '\0');
        assert_null(strstr(words, "jpsQnnGQ"));
        snprintf(set, sizeof set, "{\"keys\":[%s]}", text);
        assert_int_equal(auth_keys_parse(slice_str(set), &keys, words, sizeof words), QHCP_E_PARSE);
        assert_null(strstr(words, "jpsQnnGQ"));
    }
}

static void a_private_key_is_refused_for_one_thing_and_accepted_without_it(void **state)
{
    static const struct {
        const char *patch, *words;
    } rows[] = {
        {"{'d':'@absent'}", "member \"d\" is missing"},
        {"{'d':'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LA'}", "\"d\" does not belong"},
        {"{'d':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}", "\"d\" does not belong"},
        {"{'d':'_____________________________________________'}", "\"d\" is not base64url"},
        {"{'d':'__________________________________________8'}", "\"d\" does not belong"},
        {"{'d':'AAAA'}", "\"d\" is not 32 bytes"},
        {"{'alg':'RS256','kty':'RSA'}", "only ES256 can sign tokens"},
        {"{'alg':'HS256','kty':'oct'}", "only ES256 can sign tokens"},
        {"{'key_ops':['verify']}", "does not allow signing"},
        {"{'iss':'@absent'}", "member \"iss\" is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *object = forge_patch(json_loads(ec_private_json, 0, NULL), rows[i].patch);
        char *text = json_dumps(object, 0), words[256] = "";
        struct auth_key *key = NULL;

        assert_int_equal(auth_key_parse(slice_str(text), &key, words, sizeof words), QHCP_E_PARSE);
        if (words[0] == '\0' || strstr(words, rows[i].words) == NULL)
            fail_msg("%s: \"%s\"", rows[i].patch, words);
        assert_null(key);
        assert_int_equal(auth_key_parse(slice_str(ec_private_json), &key, words, sizeof words), 0);
        assert_string_equal(auth_key_kid(key), "a");
        assert_string_equal(auth_key_issuer(key), "joe");
        auth_key_free(key);
        free(text);
        json_decref(object);
    }
}

static void scopes_read_and_write_the_same(void **state)
{
    char text[SCOPE_TEXT];
    bool strange;

    (void)state;
    for (unsigned scopes = 0; scopes <= AUTH_SCOPE_ALL; scopes++) {
        scope_text(scopes, text);
        assert_int_equal(scope_parse(text, &strange), scopes);
        assert_false(strange);
    }
    assert_string_equal(text, AUTH_SCOPES);
    assert_int_equal(scope_parse("healthconfig", &strange), 0);
    assert_true(strange);
    assert_int_equal(scope_parse("  config  healt ", &strange), AUTH_SCOPE_CONFIG);
    assert_true(strange);
    assert_int_equal(scope_parse("health\tconfig", &strange), 0);
}

static void base64url_round_trips_and_has_one_form(void **state)
{
    static const char *const bad[] = {
        "A", "AAAAA", "AB", "AAB", "AA==", "AA=", "+AAA", "/AAA", " AAA", "AAA\n", "A.AA"};
    uint8_t in[70], out[70];
    char text[B64URL_SIZE(70) + 1];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 37 + 251);
    for (size_t len = 0; len <= sizeof in; len++) {
        b64url_encode(slice_of(in, len), text);
        assert_int_equal(strlen(text), B64URL_SIZE(len));
        assert_int_equal(b64url_decode(slice_str(text), out, len, &n), 0);
        assert_int_equal(n, len);
        assert_memory_equal(in, out, len);
        if (len > 0)
            assert_int_equal(b64url_decode(slice_str(text), out, len - 1, &n), QHCP_E_FULL);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(b64url_decode(slice_str(bad[i]), out, sizeof out, &n), QHCP_E_PARSE);
    assert_int_equal(b64url_decode(slice_str("AA"), out, sizeof out, &n), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_the_rfc_verify),
        cmocka_unit_test(a_bad_key_in_a_set_is_named_with_its_fault),
        cmocka_unit_test(a_sound_key_beside_the_same_one_is_accepted),
        cmocka_unit_test(rsa_keys_are_measured_to_the_bit),
        cmocka_unit_test(a_set_that_is_no_set_is_refused_with_its_place),
        cmocka_unit_test(a_set_has_room_for_its_limit_and_no_more),
        cmocka_unit_test(words_never_quote_key_material),
        cmocka_unit_test(a_private_key_is_refused_for_one_thing_and_accepted_without_it),
        cmocka_unit_test(scopes_read_and_write_the_same),
        cmocka_unit_test(base64url_round_trips_and_has_one_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
