#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/slots.h"

static void numbers_are_dense_and_those_given_back_come_first(void **state)
{
    struct slots s = {0};
    int things[100];
    size_t number;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(slots_take(&s, &things[i], &number), 0);
        assert_int_equal(number, i);
    }
    slots_give_back(&s, 70);
    slots_give_back(&s, 7);
    assert_null(s.at[7]);
    assert_int_equal(slots_take(&s, &things[0], &number), 0);
    assert_int_equal(number, 7);
    assert_int_equal(slots_take(&s, &things[0], &number), 0);
    assert_int_equal(number, 70);
    for (size_t i = 0; i < 100; i++)
        assert_ptr_equal(s.at[i], i == 7 || i == 70 ? &things[0] : &things[i]);
    for (size_t i = 100; i < s.n; i++)
        assert_null(s.at[i]);
    slots_deinit(&s);
    assert_null(s.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_dense_and_those_given_back_come_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
