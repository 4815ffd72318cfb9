/* Texts that are kept for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/kept.h"

static void it_keeps_a_copy(void **state)
{
    struct kept k = {0};
    char text[] = "words", copy[8];

    (void)state;
    assert_true(kept_empty(&k));
    assert_string_equal(kept_text(&k), "");
    kept_set(&k, text, 256);
    text[0] = 'x';
    assert_string_equal(kept_text(&k), "words");
    kept_copy(&k, copy, sizeof copy);
    assert_string_equal(copy, "words");
    kept_copy(&k, copy, 3);
    assert_string_equal(copy, "wo");
    kept_set(&k, "", 256);
    assert_true(kept_empty(&k));
    kept_copy(&k, copy, sizeof copy);
    assert_string_equal(copy, "");
    kept_deinit(&k);
}

static void it_is_cut_to_fit(void **state)
{
    struct kept k = {0};

    (void)state;
    kept_set(&k, "12345678", 5);
    assert_string_equal(kept_text(&k), "1234");
    kept_set_slice(&k, slice_of("12345678", 3), 256);
    assert_string_equal(kept_text(&k), "123");
    kept_set_slice(&k, slice_of(NULL, 0), 256);
    assert_true(kept_empty(&k));
    kept_set(&k, "anything", 1);
    assert_true(kept_empty(&k));
    kept_deinit(&k);
}

static void its_own_text_may_be_set_again(void **state)
{
    struct kept k = {0};

    (void)state;
    kept_set(&k, "the same", 256);
    kept_set(&k, kept_text(&k) + 4, 256);
    assert_string_equal(kept_text(&k), "same");
    kept_deinit(&k);
}

static void what_fits_the_longest_allocates_nothing(void **state)
{
    struct kept k = {0};
    char longest[2 * KEPT_STEP];
    const char *before;

    (void)state;
    memset(longest, 'x', sizeof longest);
    kept_set_slice(&k, slice_of(longest, KEPT_STEP - 1), 256);
    assert_int_equal(k.cap, KEPT_STEP);
    kept_set_slice(&k, slice_of(longest, sizeof longest - 1), 256);
    assert_int_equal(k.cap, sizeof longest);
    before = kept_text(&k);
    for (size_t n = 0; n < sizeof longest; n++) {
        kept_set_slice(&k, slice_of(longest, n), 256);
        assert_int_equal(strlen(kept_text(&k)), n);
        assert_ptr_equal(kept_text(&k), before);
    }
    kept_set_slice(&k, slice_of(longest, sizeof longest), 256);
    assert_int_equal(k.cap, 3 * KEPT_STEP);
    kept_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_a_copy),
        cmocka_unit_test(it_is_cut_to_fit),
        cmocka_unit_test(its_own_text_may_be_set_again),
        cmocka_unit_test(what_fits_the_longest_allocates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
