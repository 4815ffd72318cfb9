/* UTF-8: the shortest form alone, and what of it may be shown. */
#include "../words.h"

#include "base/utf8.h"

/* RFC 3629, 3: how each code point is written. */
static size_t encode(uint32_t c, char ret[5])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};

    memset(ret, 0, 5);
    if (n == 1) {
        ret[0] = (char)c;
        return 1;
    }
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        ret[i] = (char)(0x80 | (c & 0x3f));
    ret[0] = (char)(first[n] | c);
    return n;
}

static void every_code_point_is_decoded_and_no_surrogate(void **state)
{
    char text[5];

    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        bool good = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
        size_t n = encode(c, text);
        uint32_t got = 7;

        if (utf8_decode(text, n, &got) != (good ? n : 0) || got != (good ? c : 7))
            fail_msg("U+%04x", c);
        if (utf8_decode(text, n - 1, &got) != 0)
            fail_msg("U+%04x without its end", c);
    }
}

static void longer_forms_and_stray_bytes_are_refused(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3",
                                      "\xc3(",
                                      "\xe2\x82",
                                      "\xe2(\xa1",
                                      "\xf0\x9f\x98"};
    uint32_t c;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(utf8_decode(bad[i], 4, &c), 0); /* stops at the NUL */
    assert_int_equal(utf8_decode("a", 0, &c), 0);
}

static void what_is_printable_obeys_nobody(void **state)
{
    static const uint32_t bad[] = {0,      0x1f,   0x7f,   0x80,   0x9f,   0x61c,  0x200e,
                                   0x200f, 0x2028, 0x202e, 0x2066, 0x2069, 0xd800, 0x110000};
    static const uint32_t good[] = {' ',    '~',    0xa0,   0x61b,  0x61d,  0x200d,  0x2010,
                                    0x2027, 0x202f, 0x2065, 0x206a, 0xfffd, 0x10ffff};
    char text[5];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (utf8_printable(slice_of(text, encode(bad[i], text))))
            fail_msg("U+%04x", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!utf8_printable(slice_of(text, encode(good[i], text))))
            fail_msg("U+%04x", good[i]);
    assert_true(utf8_printable(slice_str("")));
}

static void a_clean_text_fits_and_may_be_in_its_place(void **state)
{
    char text[] = "a\x1b\xc3\xbc\xff", small[4];

    (void)state;
    assert_int_equal(utf8_clean(slice_str(text), text, sizeof text), 5);
    assert_string_equal(text, "a?\xc3\xbc?");
    assert_int_equal(utf8_clean(slice_str("ab\xc3\xbc"), small, sizeof small), 2);
    assert_string_equal(small, "ab");
    assert_int_equal(utf8_clean(slice_str("a\xc3\xbc"), small, sizeof small), 3);
    assert_int_equal(utf8_clean(slice_str("abc"), small, 1), 0);
    assert_string_equal(small, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_decoded_and_no_surrogate),
        cmocka_unit_test(longer_forms_and_stray_bytes_are_refused),
        cmocka_unit_test(what_is_printable_obeys_nobody),
        cmocka_unit_test(a_clean_text_fits_and_may_be_in_its_place),
    };

    return cmocka_run_group_tests_name("base-utf8", tests, NULL, NULL);
}
