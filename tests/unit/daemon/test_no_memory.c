/* Tables of servers without memory: none ends the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <qhcp/error.h>

#include "base/address.h"
#include "core/allocator.h"
#include "daemon/inherit.h"
#include "sources/servers.h"

#define MOST 100 /* allocations of what is tried */
#define SERVERS 40

static void a_list_is_refused_or_taken_whole(void **state)
{
    struct list list = {0};
    unsigned fail = 0;
    char name[32];
    int r;

    (void)state;
    for (unsigned i = 0; i < SERVERS; i++) {
        snprintf(name, sizeof name, "10.0.0.%u:4243", i + 1);
        assert_int_equal(list_add(&list, name, strlen(name), NULL), 0);
    }
    do {
        struct faults f = {.n = 0};

        allocator_fail = ++fail;
        r = servers_check(&list, "servers", &f);
        allocator_fail = 0;
        if (r != 0) {
            assert_int_equal(r, QHCP_E_NOMEM);
            assert_non_null(strstr(faults_text(&f), "out of memory\n"));
        }
        faults_deinit(&f);
    } while (r != 0 && fail < MOST);
    assert_int_equal(r, 0);
    assert_true(fail > 2);
    list_deinit(&list);
}

static void what_is_inherited_is_what_there_is_memory_for(void **state)
{
    static const char text[] =
        "a:1 1000 0 192.0.2.1:1\nb:1 1000 0 192.0.2.1:1\nc:1 1000 0 192.0.2.1:1\n";
    unsigned fail = 0, found;

    (void)state;
    do {
        struct inherited *all;

        allocator_fail = ++fail;
        all = inherit_read(text);
        allocator_fail = 0;
        found =
            !!inherit_find(all, "a:1") + !!inherit_find(all, "b:1") + !!inherit_find(all, "c:1");
        inherit_free(all);
    } while (found < 3 && fail < MOST);
    assert_int_equal(found, 3);
    assert_true(fail > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_refused_or_taken_whole),
        cmocka_unit_test(what_is_inherited_is_what_there_is_memory_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
