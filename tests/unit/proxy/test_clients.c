/* How many connections each source has, against a plain array, and among threads; and the PROXY
 * protocol's header. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proxy/clients.h"
#include "proxy/header.h"

static void counts_are_those_of_a_plain_array_whatever_comes_and_goes(void **state)
{
    enum { KEYS = 40, MOST = 3, PLACES = 60 };
    unsigned plain[KEYS] = {0}, held = 0;
    uint32_t random = 1;
    struct clients s;

    (void)state;
    assert_int_equal(clients_init(&s, PLACES), 0);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t key;
        bool added;

        random = random * 1664525 + 1013904223;
        key = (random >> 16) % KEYS;
        if (random >> 31 && held < PLACES) {
            int r = clients_add(&s, key * 7, MOST);

            added = r == 0;
            assert_int_equal(r, plain[key] < MOST ? 0 : QHCP_E_FULL);
            plain[key] += added;
            held += added;
        } else if (plain[key] > 0) {
            clients_remove(&s, key * 7);
            plain[key]--;
            held--;
        }
    }
    clients_deinit(&s);
}

static struct clients shared;
static _Atomic int held, above;

enum { THREADS = 4, ROUNDS = 50000, SHARED_MOST = 2 };

static void *come_and_go(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (clients_add(&shared, 1, SHARED_MOST) != 0)
            continue;
        if (atomic_fetch_add(&held, 1) >= SHARED_MOST)
            atomic_store(&above, 1);
        atomic_fetch_sub(&held, 1);
        clients_remove(&shared, 1);
    }
    return NULL;
}

static void threads_together_count_no_more_than_its_most(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    assert_int_equal(clients_init(&shared, 10), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(above, 0);
    for (unsigned i = 0; i < SHARED_MOST; i++) /* and none is left behind */
        assert_int_equal(clients_add(&shared, 1, SHARED_MOST), 0);
    assert_int_equal(clients_add(&shared, 1, SHARED_MOST), QHCP_E_FULL);
    clients_deinit(&shared);
}

static void a_customer_s_ipv6_addresses_are_one_source(void **state)
{
    union qhcp_addr one = {.in6 = {.sin6_family = AF_INET6}}, same = one, other = one;

    (void)state;
    inet_pton(AF_INET6, "2001:db8:0:1::1", &one.in6.sin6_addr);
    inet_pton(AF_INET6, "2001:db8:0:1:ffff::2", &same.in6.sin6_addr);
    inet_pton(AF_INET6, "2001:db8:0:2::1", &other.in6.sin6_addr);
    assert_true(clients_key(&one) == clients_key(&same));
    assert_false(clients_key(&one) == clients_key(&other));
}

/* The bytes are those of the specification's 2.2, written out by hand. */
static void the_header_is_that_of_the_specification(void **state)
{
    static const char v4[] =
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\0\x50";
    static const char v6[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
                             "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                             "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x30\x39\0\x50";
    union qhcp_addr from = {.in = {.sin_family = AF_INET, .sin_port = htons(12345)}};
    union qhcp_addr to = {.in = {.sin_family = AF_INET, .sin_port = htons(80)}};
    uint8_t made[HEADER_MAX];

    (void)state;
    inet_pton(AF_INET, "192.0.2.1", &from.in.sin_addr);
    inet_pton(AF_INET, "198.51.100.2", &to.in.sin_addr);
    assert_int_equal(header_make(made, &from, &to), sizeof v4 - 1);
    assert_memory_equal(made, v4, sizeof v4 - 1);
    from = (union qhcp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(12345)}};
    to = (union qhcp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)}};
    inet_pton(AF_INET6, "2001:db8::1", &from.in6.sin6_addr);
    inet_pton(AF_INET6, "2001:db8::2", &to.in6.sin6_addr);
    assert_int_equal(header_make(made, &from, &to), sizeof v6 - 1);
    assert_memory_equal(made, v6, sizeof v6 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_a_plain_array_whatever_comes_and_goes),
        cmocka_unit_test(threads_together_count_no_more_than_its_most),
        cmocka_unit_test(a_customer_s_ipv6_addresses_are_one_source),
        cmocka_unit_test(the_header_is_that_of_the_specification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
