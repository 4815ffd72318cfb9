/* TSIG: keys as people have them, a signature that is known, and answers that are not what they
 * should be.  A real name server is in tests/e2e/test_dns_update.py. */
#include "../words.h"

#include "sinks/dns_tsig.h"

#include <qhcp/error.h>

#define TIME 1764316800

static const char file[] =
    "# made by tsig-keygen\nkey \"Qhcp.Example\" {\n\talgorithm hmac-sha256;\n"
    "\tsecret \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\";\n};\n";

static struct dns_tsig_key key(void)
{
    struct dns_tsig_key k;
    char words[300];

    assert_int_equal(dns_tsig_parse(file, &k, words, sizeof words), 0);
    return k;
}

static void test_keys(void **state)
{
    static const char *const bad[] = {
        "",
        "key",
        "key q {",
        "key q { algorithm hmac-sha256; };",
        "key q { secret \"aGVsbG8=\"; };",
        "key q { algorithm hmac-md5; secret \"aGVsbG8=\"; };",
        "key q { algorithm hmac-sha256; secret \"not base64!\"; };",
        "key q { algorithm hmac-sha256; secret \"\"; };",
        "key q { what hmac-sha256; secret \"aGVsbG8=\"; };",
        "key \"a..b\" { algorithm hmac-sha256; secret \"aGVsbG8=\"; };",
        "hmac-sha256:q",
        "hmac-sha256:q:",
        "q:aGVsbG8=",
        "{\"k\": 1}",
    };
    struct dns_tsig_key k = key();
    char words[300];

    (void)state;
    assert_int_equal(k.n, 32);
    assert_memory_equal(k.secret, "0123456789abcdef0123456789abcdef", 32);
    assert_int_equal(k.name.n, 14);
    assert_memory_equal(k.name.at, "\4qhcp\7example", 14);
    assert_int_equal(dns_tsig_parse("HMAC-SHA512:q:aGVsbG8=", &k, words, sizeof words), 0);
    assert_int_equal(k.n, 5);
    assert_int_equal(k.algorithm.n, 13);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dns_tsig_parse(bad[i], &k, words, sizeof words), QHCP_E_PARSE);
        assert_null(strstr(words, "aGVsbG8"));
    }
}

/* A message of one question, signed as an answer to `request` would be. */
static size_t answer(uint8_t at[512], const struct dns_tsig_key *k, int64_t time)
{
    struct dns_tsig_mac mac;
    struct dns_out o;

    dns_out_begin(&o, at, 512, 0x1234, 0xa800);
    dns_out_bytes(&o, k->name.at, k->name.n);
    dns_out_u16(&o, DNS_SOA);
    dns_out_u16(&o, DNS_IN);
    dns_out_count(&o, 0, 1);
    assert_int_equal(dns_tsig_sign(&o, k, time, &mac), 0);
    assert_false(o.full);
    return o.n;
}

static void test_an_answer_that_does_not_follow_from_the_request_is_refused(void **state)
{
    struct dns_tsig_key k = key(), other = k;
    struct dns_tsig_mac request = {.at = {1, 2, 3}, .n = 32};
    uint8_t at[512];
    size_t n = answer(at, &k, TIME);
    char words[300];

    (void)state;
    /* signed, but as a question: the request's signature is not in it */
    assert_int_equal(dns_tsig_verify(at, n, &k, &request, TIME, words, sizeof words), QHCP_E_PARSE);
    assert_non_null(strstr(words, "wrong signature"));
    other.name.at[1] ^= 1;
    assert_int_equal(dns_tsig_verify(at, n, &other, &request, TIME, words, sizeof words),
                     QHCP_E_PARSE);
    assert_non_null(strstr(words, "not signed with the key"));
    at[n - 3] = 17; /* its error */
    assert_int_equal(dns_tsig_verify(at, n, &k, &request, TIME, words, sizeof words), QHCP_E_IO);
    assert_non_null(strstr(words, "BADKEY"));
    for (size_t i = 0; i < n; i++) /* cut anywhere */
        assert_true(dns_tsig_verify(at, i, &k, &request, TIME, words, sizeof words) < 0);
}

/* Against a MAC that Python's hmac has made of the same bytes. */
static void test_a_signature_is_what_others_make(void **state)
{
    static const uint8_t wanted[32] = {0x59, 0x70, 0x7d, 0x79, 0x18, 0x05, 0x67, 0xdf,
                                       0x1e, 0xeb, 0xd5, 0xe0, 0x02, 0xc6, 0xad, 0x65,
                                       0x7e, 0xcf, 0x48, 0x96, 0x64, 0x1f, 0x2f, 0x02,
                                       0xab, 0x3c, 0x7e, 0x85, 0x47, 0x6a, 0x0c, 0x45};
    struct dns_tsig_key k = key();
    struct dns_tsig_mac mac;
    uint8_t at[512];
    struct dns_out o;

    (void)state;
    dns_out_begin(&o, at, sizeof at, 0x1234, 0x2800);
    assert_int_equal(dns_tsig_sign(&o, &k, TIME, &mac), 0);
    assert_int_equal(mac.n, 32);
    assert_memory_equal(mac.at, wanted, 32);
    assert_int_equal(at[11], 1);
    /* no room */
    dns_out_begin(&o, at, 40, 0x1234, 0x2800);
    assert_int_equal(dns_tsig_sign(&o, &k, TIME, &mac), 0);
    assert_true(o.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_a_signature_is_what_others_make),
        cmocka_unit_test(test_an_answer_that_does_not_follow_from_the_request_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
