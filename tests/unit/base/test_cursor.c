#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/cursor.h"
#include <qhcp/error.h>

static void varints_round_trip_in_shortest_form(void **state)
{
    static const uint64_t values[] = {
        0, 63, 64, 16383, 16384, (1u << 30) - 1, 1u << 30, CURSOR_VARINT_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        uint8_t buf[8];
        struct writer w;
        struct cursor c;

        writer_init(&w, buf, sizeof buf);
        writer_varint(&w, values[i]);
        assert_int_equal(w.error, 0);
        assert_int_equal(w.p - buf, varint_size(values[i]));
        cursor_init(&c, slice_of(buf, (size_t)(w.p - buf)));
        assert_true(cursor_varint(&c) == values[i]);
        assert_int_equal(c.error, 0);
        assert_int_equal(cursor_left(&c), 0);
    }
}

static void longer_forms_and_cut_ones_are_errors(void **state)
{
    static const uint8_t longer[] = {0x40, 0x3f}, cut[] = {0x40};
    struct cursor c;

    (void)state;
    cursor_init(&c, slice_of(longer, 2));
    cursor_varint(&c);
    assert_int_equal(c.error, QHCP_E_VARINT);
    cursor_init(&c, slice_of(cut, 1));
    cursor_varint(&c);
    assert_int_equal(c.error, QHCP_E_TRUNCATED);
    assert_int_equal(cursor_bytes(&c, 0).n, 0);
    assert_int_equal(c.error, QHCP_E_TRUNCATED);
}

static void writing_past_the_end_is_sticky(void **state)
{
    uint8_t buf[3];
    struct writer w;

    (void)state;
    writer_init(&w, buf, sizeof buf);
    writer_bytes(&w, slice_str("ab"));
    writer_varint(&w, 64);
    assert_int_equal(w.error, QHCP_E_FULL);
    writer_varint(&w, 1);
    assert_int_equal(w.error, QHCP_E_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_round_trip_in_shortest_form),
        cmocka_unit_test(longer_forms_and_cut_ones_are_errors),
        cmocka_unit_test(writing_past_the_end_is_sticky),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
