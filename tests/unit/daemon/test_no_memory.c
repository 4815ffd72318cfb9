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
    char names[SERVERS][32], *list[SERVERS], words[400];
    unsigned fail = 0;
    int r;

    (void)state;
    for (unsigned i = 0; i < SERVERS; i++) {
        snprintf(names[i], sizeof names[i], "10.0.0.%u:4243", i + 1);
        list[i] = names[i];
    }
    do {
        allocator_fail = ++fail;
        r = servers_check(list, SERVERS, words, sizeof words);
        allocator_fail = 0;
        if (r != 0) {
            assert_int_equal(r, QHCP_E_NOMEM);
            assert_string_equal(words, "out of memory");
        }
    } while (r != 0 && fail < MOST);
    assert_int_equal(r, 0);
    assert_true(fail > 2);
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
