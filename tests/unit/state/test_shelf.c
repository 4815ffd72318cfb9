/* Pieces in a file without a name: what was put there comes back, and places are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/shelf.h"
#include "state/state.h"

static struct state state;
static struct shelf s;

static int setup(void **unused)
{
    char dir[] = "/tmp/qhcp-shelf-XXXXXX";

    (void)unused;
    assert_non_null(mkdtemp(dir));
    snprintf(state.dir, sizeof state.dir, "%s", dir);
    shelf_open(&s, &state);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    shelf_close(&s);
    return rmdir(state.dir); /* the file has no name, so that there is nothing in it */
}

static void put(const char *words, uint32_t *ret)
{
    assert_true(shelf_put(&s, &s, slice_str(words), ret));
}

static void assert_there(uint32_t at, const char *words)
{
    uint8_t back[32];

    assert_true(shelf_get(&s, at, back, strlen(words)));
    assert_memory_equal(back, words, strlen(words));
}

static void pieces_come_back_and_places_are_used_again(void **unused)
{
    uint32_t a, b, c;

    (void)unused;
    put("first", &a);
    put("second", &b);
    assert_there(a, "first");
    assert_there(b, "second");
    shelf_drop(&s, a);
    put("third", &c);
    assert_int_equal(c, a);
    assert_there(c, "third");
    assert_there(b, "second");
}

static void a_piece_is_as_long_as_its_place_at_most(void **unused)
{
    static uint8_t piece[SHELF_PIECE + 1], back[SHELF_PIECE];
    uint32_t a, b;

    (void)unused;
    memset(piece, 7, sizeof piece);
    assert_false(shelf_put(&s, &s, slice_of(piece, sizeof piece), &a));
    assert_true(shelf_put(&s, &s, slice_of(piece, sizeof piece - 1), &a));
    put("next", &b);
    assert_true(shelf_get(&s, a, back, sizeof back));
    assert_memory_equal(back, piece, sizeof back);
    assert_false(shelf_get(&s, b + 1, back, 1)); /* nothing was put there */
}

static void without_a_file_nothing_is_taken(void **unused)
{
    uint8_t back[8];
    uint32_t a;

    (void)unused;
    put("first", &a);
    shelf_close(&s);
    assert_false(shelf_get(&s, a, back, 5));
    assert_false(shelf_put(&s, &s, slice_str("second"), &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_come_back_and_places_are_used_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_piece_is_as_long_as_its_place_at_most, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_file_nothing_is_taken, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
