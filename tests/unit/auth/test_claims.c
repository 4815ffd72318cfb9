#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "forge.h"
#include <qhcp/error.h>

/* One way to spoil a token: header and claims patched.  `twin_*` differ in that one thing and are
 * accepted. */
struct spoil {
    enum forge_key key;
    const char *header, *claims;
    int error;
    const char *words;
    const char *twin_header, *twin_claims;
};

static const struct spoil spoils[] = {
    /* header: critical extensions of any form */
    {ES, "{'crit':['b64'],'b64':false}", NULL, QHCP_E_TOKEN_CRIT, "crit", NULL, NULL},
    {ES, "{'crit':['exp']}", NULL, QHCP_E_TOKEN_CRIT, "crit", "{'critical':['exp']}", NULL},
    {ES, "{'crit':[]}", NULL, QHCP_E_TOKEN_CRIT, "crit", NULL, NULL},
    {ES, "{'crit':'@null'}", NULL, QHCP_E_TOKEN_CRIT, "crit", NULL, NULL},
    {ES, "{'crit':'exp'}", NULL, QHCP_E_TOKEN_CRIT, "crit", NULL, NULL},
    /* header: a token does not bring its own key */
    {ES, "{'b64':true}", NULL, QHCP_E_TOKEN_MALFORMED, "\"b64\"", "{'b65':true}", NULL},
    {ES, "{'jwk':{'kty':'oct','k':'AAAA'}}", NULL, QHCP_E_TOKEN_MALFORMED, "\"jwk\"", NULL, NULL},
    {ES, "{'jku':'https://e.example/k'}", NULL, QHCP_E_TOKEN_MALFORMED, "\"jku\"", NULL, NULL},
    {ES, "{'x5u':'https://e.example/k'}", NULL, QHCP_E_TOKEN_MALFORMED, "\"x5u\"", NULL, NULL},
    {ES, "{'x5c':[]}", NULL, QHCP_E_TOKEN_MALFORMED, "\"x5c\"", "{'x5t':'AAAA'}", NULL},
    /* header: the key */
    {ES, "{'kid':'unknown'}", NULL, QHCP_E_TOKEN_KEY, "does not know", "{'kid':'es'}", NULL},
    {ES, "{'kid':'ES'}", NULL, QHCP_E_TOKEN_KEY, "does not know", NULL, NULL},
    {ES, "{'kid':''}", NULL, QHCP_E_TOKEN_KEY, "does not know", NULL, NULL},
    {ES, "{'kid':'@absent'}", NULL, QHCP_E_TOKEN_KEY, "has no kid", NULL, NULL},
    {ES, "{'kid':['es']}", NULL, QHCP_E_TOKEN_KEY, "has no kid", NULL, NULL},
    {ES, "{'kid':'out'}", NULL, QHCP_E_TOKEN_SIGNATURE, "verify", NULL, NULL},
    {ES, "{'kid':'rs'}", NULL, QHCP_E_TOKEN_ALGORITHM, "algorithm", NULL, NULL},
    /* issuer and audience */
    {ES, NULL, "{'iss':'out.issuer'}", QHCP_E_TOKEN_ISSUER, "issuer", NULL, "{'iss':'es.issuer'}"},
    {ES, NULL, "{'iss':'es.issuer '}", QHCP_E_TOKEN_ISSUER, "issuer", NULL, NULL},
    {ES, NULL, "{'iss':'@absent'}", QHCP_E_TOKEN_CLAIM, "\"iss\" is missing", NULL, NULL},
    {ES, NULL, "{'iss':['es.issuer']}", QHCP_E_TOKEN_CLAIM, "\"iss\" is not", NULL, NULL},
    {ES, NULL, "{'aud':'b.example'}", QHCP_E_TOKEN_AUDIENCE,
     "token is for \"b.example\", which this server is not", NULL, "{'aud':'a.example'}"},
    {ES, NULL, "{'aud':['b.example','c.example']}", QHCP_E_TOKEN_AUDIENCE, "b.example", NULL,
     "{'aud':['b.example','a.example']}"},
    {ES, NULL, "{'aud':['a.example',1]}", QHCP_E_TOKEN_CLAIM, NULL, NULL, NULL},
    {ES, NULL, "{'aud':[]}", QHCP_E_TOKEN_CLAIM, "\"aud\"", NULL, "{'aud':['a.example']}"},
    {ES, NULL, "{'aud':'@absent'}", QHCP_E_TOKEN_CLAIM, "\"aud\" is missing", NULL, NULL},
    {ES, NULL, "{'aud':{'a.example':1}}", QHCP_E_TOKEN_CLAIM, "\"aud\"", NULL, NULL},
    /* times; now is 1700000000, leeway 5 */
    {ES, NULL, "{'exp':1699999988}", QHCP_E_TOKEN_EXPIRED, "expired 12 s ago", NULL,
     "{'exp':1700000012}"},
    {ES, NULL, "{'exp':1699999995}", QHCP_E_TOKEN_EXPIRED, "expired 5 s ago", NULL,
     "{'exp':1699999996}"},
    {ES, NULL, "{'iat':1699917200,'exp':1699920800}", QHCP_E_TOKEN_EXPIRED,
     "expired 22 h ago: the two clocks differ by 23 h; the server's clock is ahead", NULL,
     "{'iat':1699917200,'exp':1700000800}"},
    {ES, NULL, "{'iat':1700014400,'nbf':1700014400,'exp':1700018000}", QHCP_E_TOKEN_EARLY,
     "not valid for another 4 h: the two clocks differ by 4 h; the load balancer's clock is ahead",
     NULL, "{'nbf':'@absent'}"},
    {ES, NULL, "{'iat':1700000600}", QHCP_E_TOKEN_EARLY,
     "issued 10 min in the future: the two clocks differ by 10 min", NULL, NULL},
    {ES, NULL, "{'exp':'@absent'}", QHCP_E_TOKEN_CLAIM, "\"exp\" is missing", NULL, NULL},
    {ES, NULL, "{'exp':'1700000300'}", QHCP_E_TOKEN_CLAIM, "\"exp\" is not", NULL,
     "{'exp':1700000300}"},
    {ES, NULL, "{'exp':1700000300.0}", QHCP_E_TOKEN_CLAIM, "\"exp\" is not", NULL, NULL},
    {ES, NULL, "{'exp':9223372036854775807}", QHCP_E_TOKEN_CLAIM, "\"exp\" is not", NULL, NULL},
    {ES, NULL, "{'exp':-1}", QHCP_E_TOKEN_CLAIM, "\"exp\" is not", NULL, NULL},
    {ES, NULL, "{'exp':1700003606}", QHCP_E_TOKEN_CLAIM, "valid for 3606 s, at most 3600 s", NULL,
     "{'exp':1700003605}"},
    {ES, NULL, "{'nbf':1700000030}", QHCP_E_TOKEN_EARLY, "another 30 s", NULL,
     "{'nbf':1700000005}"},
    {ES, NULL, "{'nbf':true}", QHCP_E_TOKEN_CLAIM, "\"nbf\" is not", NULL, "{'nbf':'@absent'}"},
    {ES, NULL, "{'iat':1700000030}", QHCP_E_TOKEN_EARLY, "in the future", NULL,
     "{'iat':1700000005}"},
    {ES, NULL, "{'iat':'now'}", QHCP_E_TOKEN_CLAIM, "\"iat\" is not", NULL, "{'iat':'@absent'}"},
    /* scopes */
    {ES, NULL, "{'scope':'@absent'}", QHCP_E_TOKEN_CLAIM, "\"scope\" is missing", NULL,
     "{'scope':'health'}"},
    {ES, NULL, "{'scope':['health']}", QHCP_E_TOKEN_CLAIM, "\"scope\" is not", NULL, NULL},
    {ES, NULL, "{'scope':''}", QHCP_E_TOKEN_SCOPE, "none of these in common: health", NULL,
     "{'scope':' health'}"},
    {ES, NULL, "{'scope':'healthy'}", QHCP_E_TOKEN_SCOPE, "scope", NULL,
     "{'scope':'openid health'}"},
    {RS, NULL, "{'scope':'config terminate'}", QHCP_E_TOKEN_SCOPE, "scope", NULL,
     "{'scope':'config health'}"},
    /* binding */
    {ES, NULL, "{'cnf':{'tls-exporter':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}}",
     QHCP_E_TOKEN_BINDING, "another connection", NULL, NULL},
    {ES, NULL, "{'cnf':'@absent'}", QHCP_E_TOKEN_BINDING, "not bound", NULL, NULL},
    {RS, NULL, "{'cnf':'@absent'}", QHCP_E_TOKEN_BINDING, "not bound", NULL, NULL},
    {ES, NULL, "{'cnf':{'tls-exporter':'WlpaWg'}}", QHCP_E_TOKEN_BINDING, "bound to", NULL, NULL},
    {ES, NULL, "{'cnf':{'jkt':'AAAA'}}", QHCP_E_TOKEN_BINDING, "else than", NULL, NULL},
    {ES, NULL, "{'cnf':'@null'}", QHCP_E_TOKEN_BINDING, "else than", NULL, NULL},
    {OUT, NULL, "{'cnf':{'jkt':'AAAA'}}", QHCP_E_TOKEN_BINDING, "else than", NULL,
     "{'cnf':'@absent'}"},
    {OUT, NULL, "{'cnf':{'tls-exporter':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}}",
     QHCP_E_TOKEN_BINDING, "another connection", NULL, NULL},
    {HS, NULL, "{'cnf':{'tls-exporter':'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}}",
     QHCP_E_TOKEN_BINDING, "another connection", NULL, "{'cnf':'@absent'}"},
    /* a key that may ask one server only (under two names, one of which we are not) */
    {ONE, NULL, "{'aud':'b.example'}", QHCP_E_TOKEN_AUDIENCE, "b.example", NULL, NULL},
};

static struct forge *f;

static void each_spoiled_token_is_refused_and_its_twin_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        const struct spoil *s = &spoils[i];
        char *bad = forge_token(f, s->key, s->header, s->claims);
        char *good = forge_token(f, s->key, s->twin_header, s->twin_claims);

        forge_refused(f, bad, s->error, s->words);
        forge_accepted(f, good);
        free(bad);
        free(good);
    }
}

static void a_grant_is_what_token_and_key_both_allow(void **state)
{
    char *token = forge_token(f, OUT, NULL, "{'scope':'health terminate openid'}");
    struct auth_grant grant;

    (void)state;
    assert_int_equal(forge_verify(f, token, &grant), 0);
    assert_int_equal(grant.scopes, AUTH_SCOPE_HEALTH);
    assert_string_equal(grant.issuer, "out.issuer");
    assert_string_equal(grant.kid, "out");
    assert_true(grant.expires == FORGE_NOW + 300 + 5);
    free(token);
}

static void a_token_is_good_until_it_expires_and_no_second_longer(void **state)
{
    char *token = forge_token(f, ES, NULL, NULL);
    struct auth_grant grant;

    (void)state;
    assert_int_equal(forge_verify(f, token, &grant), 0);
    assert_int_equal(forge_verify_at(f, token, grant.expires - 1, &grant), 0);
    assert_int_equal(forge_verify_at(f, token, grant.expires, &grant), QHCP_E_TOKEN_EXPIRED);
    assert_int_equal(forge_verify_at(f, token, FORGE_NOW - 5, &grant), 0);
    assert_int_equal(forge_verify_at(f, token, FORGE_NOW - 6, &grant), QHCP_E_TOKEN_EARLY);
    free(token);
}

static void a_key_is_accepted_in_its_own_period(void **state)
{
    char *old = forge_token(f, OLD, NULL, NULL), *fresh = forge_token(f, NEW, NULL, NULL);
    struct auth_grant grant;

    (void)state;
    assert_int_equal(forge_verify(f, old, &grant), 0);
    assert_true(grant.expires == FORGE_NOW + 100 + 5); /* the key's end, before the token's */
    assert_int_equal(forge_verify_at(f, old, FORGE_NOW + 104, &grant), 0);
    assert_int_equal(forge_verify_at(f, old, FORGE_NOW + 105, &grant), QHCP_E_TOKEN_KEY);
    assert_non_null(strstr(forge_words, "the period of its key ended 5 s ago"));
    forge_accepted(f, fresh);
    assert_int_equal(forge_verify_at(f, fresh, FORGE_NOW - 106, &grant), QHCP_E_TOKEN_KEY);
    assert_non_null(strstr(forge_words, "the period of its key begins in 6 s"));
    free(old);
    free(fresh);
}

static bool anyone(const char *aud, void *ctx)
{
    (void)aud;
    (void)ctx;
    return true;
}

/* The key for a server's own `qhcp check` asks that server, whoever else would listen. */
static void a_key_for_one_server_asks_no_other(void **state)
{
    const struct auth_demand demand = {
        .now = FORGE_NOW, .binding = f->binding, .audience_ok = anyone};
    static const struct {
        enum forge_key key;
        const char *claims;
        int error;
    } rows[] = {
        {ONE, "{'aud':'b.example'}", QHCP_E_TOKEN_AUDIENCE},
        {ES, "{'aud':'b.example'}", 0},
        {ONE, "{'aud':'a.example'}", 0},
        {ONE, "{'aud':'a2.EXAMPLE'}", 0},
        {ONE, "{'aud':'a2.example.b'}", QHCP_E_TOKEN_AUDIENCE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *token = forge_token(f, rows[i].key, NULL, rows[i].claims), words[256] = "";
        struct auth_grant grant;

        assert_int_equal(
            auth_verify(f->keys, slice_str(token), &demand, &grant, words, sizeof words, NULL, 0),
            rows[i].error);
        if (rows[i].error != 0)
            assert_non_null(strstr(words, "its key may not be used for"));
        free(token);
    }
}

static void without_a_session_no_bound_token_is_accepted(void **state)
{
    struct auth_demand demand = {.now = FORGE_NOW, .audience_ok = anyone};
    char *token = forge_token(f, ES, NULL, NULL);
    struct auth_grant grant;

    (void)state;
    assert_int_equal(auth_verify(f->keys, slice_str(token), &demand, &grant, NULL, 0, NULL, 0),
                     QHCP_E_TOKEN_BINDING);
    demand.binding = f->binding;
    assert_int_equal(auth_verify(f->keys, slice_str(token), &demand, &grant, NULL, 0, NULL, 0), 0);
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
        cmocka_unit_test(each_spoiled_token_is_refused_and_its_twin_accepted),
        cmocka_unit_test(a_grant_is_what_token_and_key_both_allow),
        cmocka_unit_test(a_token_is_good_until_it_expires_and_no_second_longer),
        cmocka_unit_test(a_key_is_accepted_in_its_own_period),
        cmocka_unit_test(a_key_for_one_server_asks_no_other),
        cmocka_unit_test(without_a_session_no_bound_token_is_accepted),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
