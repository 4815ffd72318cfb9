/* Listening sockets that another process opened: every thread gets some of each family. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "balance/balance.h"
#include "proxy/proxy.h"

static int family_of(int fd)
{
    int family = 0;
    socklen_t len = sizeof family;

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len), 0);
    return family;
}

/* As the process before gives them: a pair for each of its threads. */
static void every_thread_gets_both_families(void **state)
{
    for (unsigned threads = 1; threads <= 4; threads++) {
        int given[8], got[8];
        struct proxy_config config = {.port = 1,
                                      .listeners = given,
                                      .n_listeners = 8,
                                      .threads = threads,
                                      .max_connections = 10,
                                      .max_per_source = 10,
                                      .algorithm = balance_find("random")};
        struct proxy *p;
        char words[200];

        (void)state;
        for (unsigned i = 0; i < 8; i++)
            given[i] = socket(i % 2 == 0 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(proxy_new(&config, &p, words, sizeof words), 0);
        assert_int_equal(proxy_listeners(p, got, 8), 8);
        for (unsigned i = 0; i < 8; i++) /* thread by thread: each begins with one of each */
            assert_int_equal(family_of(got[i]), i % 2 == 0 ? AF_INET : AF_INET6);
        proxy_free(p); /* which closes them */
        assert_int_equal(getsockopt(given[7], SOL_SOCKET, SO_DOMAIN, words, &(socklen_t){4}), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_thread_gets_both_families)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
