/* What a DNS answer says of a name. */
#include "../words.h"

#include <arpa/inet.h>

#include "loop/records.h"

/* A message that is put together by the byte. */
static uint8_t message[70000];
static size_t n;
static char words[300];

static void put(const void *p, size_t len)
{
    memcpy(message + n, p, len);
    n += len;
}

static void put16(unsigned v)
{
    put((uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_name(const char *name)
{
    while (*name) {
        size_t len = strcspn(name, ".");

        put(&(uint8_t){(uint8_t)len}, 1);
        put(name, len);
        name += len + (name[len] == '.');
    }
    put("", 1);
}

static void begin(const char *name, unsigned type)
{
    n = 0;
    put((uint8_t[]){0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, 12);
    put_name(name);
    put16(type);
    put16(1);
}

static void record(const char *name, unsigned type, unsigned ttl, size_t len)
{
    unsigned count = (unsigned)(message[6] << 8 | message[7]) + 1;

    message[6] = (uint8_t)(count >> 8);
    message[7] = (uint8_t)count;
    put_name(name);
    put16(type);
    put16(1);
    put16(ttl >> 16);
    put16(ttl & 0xffff);
    put16((unsigned)len);
}

static void alias(const char *name, unsigned ttl, const char *to)
{
    record(name, 5, ttl, strlen(to) + 2);
    put_name(to);
}

static int parse(enum records_type type, struct records *ret)
{
    return records_parse(message, n, type, ret, words, sizeof words);
}

static void addresses_come_with_the_least_time_of_the_chain(void **state)
{
    struct records r;

    (void)state;
    begin("web.example", RECORDS_A);
    record("c.example", RECORDS_A, 60, 4);
    put("\x0a\0\0\1", 4);
    alias("b.example", 7, "c.example"); /* in any order */
    alias("WEB.example", 30, "b.example");
    record("c.example", RECORDS_A, 90, 4);
    put("\x0a\0\0\2", 4);
    record("other.example", RECORDS_A, 1, 4);
    put("\x0a\0\0\3", 4);
    assert_int_equal(parse(RECORDS_A, &r), 0);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.ttl, 7);
    assert_int_equal(ntohl(r.at[1].addr.in.sin_addr.s_addr), 0x0a000002);
    free(r.at);
    assert_int_equal(parse(RECORDS_AAAA, &r), 0); /* there are none of that type */
    assert_int_equal(r.n, 0);
    free(r.at);
}

static void services_have_all_their_numbers(void **state)
{
    struct records r;

    (void)state;
    begin("_qhcp._udp.web.example", RECORDS_SRV);
    record("_qhcp._udp.web.example", RECORDS_SRV, 0, 6 + 11);
    put16(10), put16(20), put16(4243), put_name("a.example");
    record("_qhcp._udp.web.example", RECORDS_SRV, 5, 6 + 1);
    put16(0), put16(0), put16(0), put_name("");
    assert_int_equal(parse(RECORDS_SRV, &r), 0);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.ttl, 0);
    assert_string_equal(r.at[0].name, "a.example");
    assert_int_equal(r.at[0].priority, 10);
    assert_int_equal(r.at[0].weight, 20);
    assert_int_equal(r.at[0].port, 4243);
    assert_string_equal(r.at[1].name, ""); /* "decidedly not available" */
    free(r.at);
}

static void a_circle_of_aliases_ends(void **state)
{
    struct records r;

    (void)state;
    begin("a.example", RECORDS_A);
    alias("a.example", 7, "b.example");
    alias("b.example", 7, "a.example");
    assert_int_equal(parse(RECORDS_A, &r), QHCP_E_PARSE);
    assert_says(words, "circle");
    begin("a.example", RECORDS_A); /* the twin: it leads nowhere, and that is that */
    alias("a.example", 7, "b.example");
    assert_int_equal(parse(RECORDS_A, &r), 0);
    assert_int_equal(r.n, 0);
    free(r.at);
}

/* Every prefix, and every byte with another value: an error or an answer, never harm. */
static void a_broken_message_is_an_error(void **state)
{
    size_t whole;

    (void)state;
    begin("_qhcp._udp.web.example", RECORDS_SRV);
    alias("_qhcp._udp.web.example", 7, "b.example");
    record("b.example", RECORDS_SRV, 5, 6 + 11);
    put16(10), put16(20), put16(4243), put_name("a.example");
    whole = n;
    for (n = 0; n < whole; n++) {
        struct records r = {0};
        uint8_t *exact = malloc(n ? n : 1);

        memcpy(exact, message, n);
        assert_true(records_parse(exact, n, RECORDS_SRV, &r, words, sizeof words) < 0);
        free(exact);
    }
    for (size_t i = 0; i < 256 * whole; i++) {
        struct records r = {0};
        uint8_t was = message[i / 256];

        message[i / 256] = (uint8_t)i;
        (void)parse(RECORDS_SRV, &r);
        free(r.at);
        message[i / 256] = was;
    }
    record("b.example", RECORDS_SRV, 5, 3); /* too short for what it is */
    put("\0\0\0", 3);
    struct records r;
    assert_int_equal(parse(RECORDS_SRV, &r), QHCP_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_with_the_least_time_of_the_chain),
        cmocka_unit_test(services_have_all_their_numbers),
        cmocka_unit_test(a_circle_of_aliases_ends),
        cmocka_unit_test(a_broken_message_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
