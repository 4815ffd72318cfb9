/* The tables of options of the commands: what must hold of every row. */
#include "../words.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "daemon/daemon.h"
#include "daemon/lb_options.h"

static const struct args_spec *const commands[] = {
    &daemon_lb_spec, &daemon_server_spec, &cli_check_spec, &cli_control_spec, &cli_keys_spec};

/* Calls it with each row of each command, and fresh options of that command. */
static void walk(void (*look)(struct options *o, const struct options_row *row))
{
    for (size_t c = 0; c < sizeof commands / sizeof commands[0]; c++) {
        const struct options_table *table = commands[c]->options;
        struct options *o = malloc(table->size);

        assert_non_null(o);
        assert_in_range(table->n, 1, OPTIONS_MAX);
        for (size_t i = 0; i < table->n; i++) {
            options_init(o, table);
            look(o, &table->rows[i]);
            options_deinit(o);
        }
        free(o);
    }
}

static void look_at_name(struct options *o, const struct options_row *row)
{
    assert_ptr_equal(options_find(o->table, row->name), row); /* no other has it */
    assert_ptr_equal(options_find(o->table, options_key(row)), row);
    assert_in_range(row->offset, sizeof *o, o->table->size - 1);
    assert_true(row->doc && row->doc[0] != '\0' && row->doc[strlen(row->doc) - 1] == '.');
    assert_int_equal(!options_arg(row), row->kind == OPTIONS_SWITCH);
}

static void every_row_has_a_name_of_its_own_and_says_what_it_is_for(void **state)
{
    (void)state;
    walk(look_at_name);
}

static void look_at_default(struct options *o, const struct options_row *row)
{
    const struct place at = {.option = row->name};
    struct faults f = {.n = 0};

    if (!row->def)
        return;
    assert_false(options_repeatable(row) || row->kind == OPTIONS_FILE ||
                 row->kind == OPTIONS_CONFIG || row->kind == OPTIONS_SWITCH);
    if (options_set(o, row, row->def, LIST_TEXT_ONLY, &at, &f) != 0)
        fail_msg("its default: %s", faults_text(&f));
}

static void every_default_is_a_value_that_the_option_takes(void **state)
{
    (void)state;
    walk(look_at_default);
}

/* An entry whose commas are its own has a grammar that only its owner knows. */
static void look_at_owner(struct options *o, const struct options_row *row)
{
    (void)o;
    if (row->kind == OPTIONS_ITEM && !row->check)
        fail_msg("--%s: nobody judges its entries", row->name);
    if (row->kind == OPTIONS_DURATION || row->kind == OPTIONS_NUMBER || row->kind == OPTIONS_TEXT ||
        options_repeatable(row))
        assert_true(row->max > 0 && row->min <= row->max);
}

static void every_row_has_limits_and_an_owner_or_a_plain_kind(void **state)
{
    (void)state;
    walk(look_at_owner);
}

static void a_brake_is_a_share_and_perhaps_a_time(void **state)
{
    static const char *const good[] = {"20%", "1%/1s", "100%/1m", "20%/30", "20", "20/1m"};
    static const char *const bad[] = {"0%", "101%", "20%1m", "20%/", "20%/500ms",
                                      "%",  "x%",   "x",     "",     "20%%"};
    char words[300];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (lb_options_check_brake(good[i], words, sizeof words) != 0)
            fail_msg("%s: %s", good[i], words);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (lb_options_check_brake(bad[i], words, sizeof words) == 0)
            fail_msg("%s was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_name_of_its_own_and_says_what_it_is_for),
        cmocka_unit_test(every_default_is_a_value_that_the_option_takes),
        cmocka_unit_test(every_row_has_limits_and_an_owner_or_a_plain_kind),
        cmocka_unit_test(a_brake_is_a_share_and_perhaps_a_time),
    };

    return cmocka_run_group_tests_name("daemon-options", tests, NULL, NULL);
}
