/* The tables of the guard, walked whole; how messages may be cut; transport parameters and their
 * bounds.  That a connection ends with these codes: test_hostile.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "quic/guard.h"

#define TYPES 256

/* What RFC 8446 and RFC 9001 allow, written down a second time: side, level, state, type. */
static const char *const allowed[] = {
    "server 0 start 1",        "server 0 hello 1",        "server 1 hello 11",
    "server 1 hello-again 11", "server 1 certificate 15", "server 1 certificate 20",
    "server 1 verify 20",      "server 1 hello 20",       "server 1 hello-again 20",
    "client 0 start 2",        "client 0 hello 2",        "client 1 hello 8",
    "client 1 hello-again 8",  "client 1 extensions 13",  "client 1 extensions 11",
    "client 1 request 11",     "client 1 certificate 15", "client 1 verify 20",
    "client 1 extensions 20",  "client 2 finished 4",
};

static const char *const states[GUARD_STATES] = {
    "start", "hello", "hello-again", "extensions", "request", "certificate", "verify", "finished",
};

static bool is_listed(const char *key)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (strcmp(allowed[i], key) == 0)
            return true;
    }
    return false;
}

static int expected_alert(const char *key)
{
    if (strncmp(key, "client 2 ", 9) == 0 && strcmp(strrchr(key, ' '), " 13") == 0)
        return GUARD_VIOLATION; /* CertificateRequest (RFC 9001, 4.4) */
    return is_listed(key) ? 0 : GUARD_ALERT_UNEXPECTED;
}

static void only_what_is_listed_may_come(void **state)
{
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * 4 * GUARD_STATES * TYPES; i++) {
        struct guard g = {.server = i & 1, .state = (uint8_t)(i / 8 % GUARD_STATES)};
        enum guard_level level = (enum guard_level)(i / 2 % 4);
        uint8_t header[4] = {(uint8_t)(i / (8 * GUARD_STATES))};
        enum guard_state next;
        char key[64];
        size_t used;
        int alert;

        snprintf(key, sizeof(key), "%s %d %s %u", g.server ? "server" : "client", level,
                 states[g.state], header[0]);
        if (guard_allows(&g, level, header[0], &next) != is_listed(key))
            fail_msg("%s: %s", key, is_listed(key) ? "refused" : "allowed");
        count += is_listed(key);
        alert = guard_crypto(&g, level, header, 4, &used);
        if (alert != expected_alert(key))
            fail_msg("%s: alert %d", key, alert);
    }
    assert_int_equal(count, sizeof(allowed) / sizeof(allowed[0]));
}

static void no_second_hello_once_there_are_keys(void **state)
{
    const uint8_t hello[] = {1, 0, 0, 0};
    struct guard g = {.server = true};
    size_t used;

    (void)state;
    assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, 4, &used), 0);
    g.has_keys = true;
    assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, 4, &used), GUARD_ALERT_UNEXPECTED);
    g.has_keys = false; /* the twin: HelloRetryRequest was the answer */
    assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, 4, &used), 0);
    assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, 4, &used), GUARD_ALERT_UNEXPECTED);
}

static void a_message_may_be_cut_anywhere_and_ends_where_it_ends(void **state)
{
    /* EncryptedExtensions of 3 bytes, Finished of 2 */
    const uint8_t flight[] = {8, 0, 0, 3, 'a', 'b', 'c', 20, 0, 0, 2, 'd', 'e'};

    (void)state;
    for (size_t cut = 1; cut <= sizeof(flight); cut++) {
        struct guard g = {.state = GUARD_HELLO};
        size_t at = 0, used;

        while (at < sizeof(flight)) {
            size_t n = cut < sizeof(flight) - at ? cut : sizeof(flight) - at;

            assert_int_equal(guard_crypto(&g, GUARD_HANDSHAKE, flight + at, n, &used), 0);
            assert_in_range(used, 1, n);
            assert_false(at < 7 && at + used > 7); /* never over the end of a message */
            at += used;
        }
        assert_int_equal(g.state, GUARD_FINISHED);
        assert_int_equal(g.n_header, 0);
    }
}

static void a_message_does_not_go_on_at_another_level(void **state)
{
    const uint8_t hello[] = {2, 0, 0, 9, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'};

    (void)state;
    for (size_t heard = 1; heard <= sizeof(hello); heard++) {
        struct guard g = {0};
        const uint8_t next = 8;
        size_t used;
        int alert;

        assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, heard, &used), 0);
        alert = guard_crypto(&g, GUARD_HANDSHAKE, &next, 1, &used);
        assert_int_equal(alert, heard < sizeof(hello) ? GUARD_ALERT_UNEXPECTED : 0);
    }
}

static void a_message_is_no_longer_than_honest_ones(void **state)
{
    uint8_t hello[] = {1, 0, 0x40, 0}, chain[] = {11, 1, 0, 0};
    struct guard g = {.server = true};
    size_t used;

    (void)state;
    assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, 4, &used), 0);
    g = (struct guard){.server = true};
    hello[3]++;
    assert_int_equal(guard_crypto(&g, GUARD_INITIAL, hello, 4, &used), GUARD_ALERT_DECODE);
    g = (struct guard){.state = GUARD_EXTENSIONS};
    assert_int_equal(guard_crypto(&g, GUARD_HANDSHAKE, chain, 4, &used), 0);
    g = (struct guard){.state = GUARD_EXTENSIONS};
    chain[3]++;
    assert_int_equal(guard_crypto(&g, GUARD_HANDSHAKE, chain, 4, &used), GUARD_ALERT_DECODE);
}

struct given {
    const char *what;
    const char *bytes;
    size_t size;
    bool from_client, from_server; /* accepted */
};

#define BYTES(text) (text), sizeof(text) - 1
#define SCID "\x0f\x01s" /* initial_source_connection_id, which all must send */
#define ODCID "\x00\x01o"

static const struct given given[] = {
    {"what a client must send", BYTES(SCID), true, false},
    {"what a server must send, too", BYTES(SCID ODCID), false, true},
    {"nothing", BYTES(""), false, false},
    {"all but the source ID", BYTES(ODCID), false, false},
    {"an empty source ID", BYTES("\x0f\x00"), true, false},
    {"the longest source ID",
     BYTES("\x0f\x14"
           "12345678901234567890"),
     true, false},
    {"one that is too long",
     BYTES("\x0f\x15"
           "123456789012345678901"),
     false, false},
    {"a parameter without a size", BYTES(SCID "\x01"), false, false},
    {"a value cut short", BYTES(SCID "\x01\x02\x40"), false, false},
    {"a number cut short in itself", BYTES(SCID "\x01\x01\x40"), false, false},
    {"a number with a byte behind it", BYTES(SCID "\x01\x02\x01\x00"), false, false},
    {"a number in a longer form", BYTES(SCID "\x01\x02\x40\x01"), true, false},
    {"an ID in a longer form", BYTES(SCID "\x40\x01\x01\x01"), true, false},
    {"one twice", BYTES(SCID "\x04\x01\x05\x04\x01\x05"), false, false},
    {"one twice, in another form", BYTES(SCID "\x04\x01\x05\x40\x04\x01\x05"), false, false},
    {"an unknown one", BYTES(SCID "\x3f\x01x"), true, false},
    {"an unknown one twice", BYTES(SCID "\x3f\x01x\x3f\x01y"), false, false},
    {"a client's stateless reset token",
     BYTES(SCID "\x02\x10"
                "1234567890123456"),
     false, false},
    {"a server's",
     BYTES(SCID ODCID "\x02\x10"
                      "1234567890123456"),
     false, true},
    {"one that is too short",
     BYTES(SCID ODCID "\x02\x0f"
                      "123456789012345"),
     false, false},
    {"a retry ID", BYTES(SCID ODCID "\x10\x01r"), false, true},
    {"a client's retry ID", BYTES(SCID "\x10\x01r"), false, false},
    {"a preferred address",
     BYTES(SCID ODCID "\x0d\x2a"
                      "1234561234567890abcdef12\x01"
                      "c"
                      "1234567890123456"),
     false, true},
    {"a client's",
     BYTES(SCID "\x0d\x2a"
                "1234561234567890abcdef12\x01"
                "c"
                "1234567890123456"),
     false, false},
    {"one with no ID",
     BYTES(SCID ODCID "\x0d\x29"
                      "1234561234567890abcdef12\x00"
                      "1234567890123456"),
     false, false},
    {"packets of 1,200 bytes", BYTES(SCID "\x03\x02\x44\xb0"), true, false},
    {"packets of 1,199 bytes", BYTES(SCID "\x03\x02\x44\xaf"), false, false},
    {"2^60 streams", BYTES(SCID "\x08\x08\xd0\0\0\0\0\0\0\0"), true, false},
    {"2^60 + 1 streams", BYTES(SCID "\x08\x08\xd0\0\0\0\0\0\0\1"), false, false},
    {"2^60 + 1 one-way streams", BYTES(SCID "\x09\x08\xd0\0\0\0\0\0\0\1"), false, false},
    {"an exponent of 20", BYTES(SCID "\x0a\x01\x14"), true, false},
    {"an exponent of 21", BYTES(SCID "\x0a\x01\x15"), false, false},
    {"a delay of 16,383 ms", BYTES(SCID "\x0b\x02\x7f\xff"), true, false},
    {"a delay of 16,384 ms", BYTES(SCID "\x0b\x04\x80\x00\x40\x00"), false, false},
    {"no migration", BYTES(SCID "\x0c\x00"), true, false},
    {"no migration, with a value", BYTES(SCID "\x0c\x01\x00"), false, false},
    {"two connection IDs", BYTES(SCID "\x0e\x01\x02"), true, false},
    {"one connection ID", BYTES(SCID "\x0e\x01\x01"), false, false},
    {"versions", BYTES(SCID "\x11\x08\0\0\0\1\0\0\0\1"), true, false},
    {"versions and a byte", BYTES(SCID "\x11\x05\0\0\0\1\0"), false, false},
    {"version 0", BYTES(SCID "\x11\x08\0\0\0\1\0\0\0\0"), false, false},
    {"no version", BYTES(SCID "\x11\x00"), false, false},
};

static void transport_parameters_are_held_to_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        const struct given *t = &given[i];

        if (guard_params(true, (const uint8_t *)t->bytes, t->size) != t->from_client)
            fail_msg("a client's %s: %s", t->what, t->from_client ? "refused" : "accepted");
        if (guard_params(false, (const uint8_t *)t->bytes, t->size) != t->from_server)
            fail_msg("a server's %s: %s", t->what, t->from_server ? "refused" : "accepted");
    }
}

static void more_than_64_parameters_are_too_many(void **state)
{
    uint8_t many[3 + 3 * 64] = {0x0f, 1, 's'};
    size_t n = 3;

    (void)state;
    for (unsigned i = 0; i < 64; i++) { /* IDs of two bytes, unknown ones, without a value */
        many[n++] = 0x7f;
        many[n++] = (uint8_t)i;
        many[n++] = 0;
    }
    assert_true(guard_params(true, many, n - 3));
    assert_false(guard_params(true, many, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_listed_may_come),
        cmocka_unit_test(no_second_hello_once_there_are_keys),
        cmocka_unit_test(a_message_may_be_cut_anywhere_and_ends_where_it_ends),
        cmocka_unit_test(a_message_does_not_go_on_at_another_level),
        cmocka_unit_test(a_message_is_no_longer_than_honest_ones),
        cmocka_unit_test(transport_parameters_are_held_to_their_bounds),
        cmocka_unit_test(more_than_64_parameters_are_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
