/* The examples in contrib: they are right, and they have every key of their command. */
#include "../words.h"

#include "conf/yaml.h"
#include "daemon/lb_options.h"
#include "daemon/server_options.h"

static union {
    struct options head;
    struct lb_options lb;
    struct server_options server;
} o;

static char *read_file(const char *name)
{
    char path[300];
    char *text = calloc(1, 65536);
    FILE *file;

    snprintf(path, sizeof path, "%s/contrib/%s", getenv("QHCP_SOURCE"), name);
    file = fopen(path, "r");
    assert_non_null(text);
    if (!file)
        fail_msg("cannot open %s", path);
    assert_in_range(fread(text, 1, 65535, file), 1, 65534);
    fclose(file);
    return text;
}

/* A line of an option that is commented out ("# port: 1"), or of its list ("#   - x"). */
static bool is_option(const char *line)
{
    size_t n = strspn(line + 2, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return strncmp(line, "#   - ", 6) == 0 ||
           (strncmp(line, "# ", 2) == 0 && n > 1 && line[2 + n] == ':');
}

/* Options that are commented out come into force. */
static void uncomment(char *text)
{
    char *to = text;

    for (char *line = text, *next; *line != '\0'; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        char *from = is_option(line) ? line + 2 : line;
        memmove(to, from, (size_t)(next - from));
        to += next - from;
    }
    *to = '\0';
}

static void load(const struct options_table *table, const char *name, const char *text)
{
    struct faults f = {.n = 0};

    options_init(&o.head, table);
    o.head.no_files = true;
    (void)yaml_parse(name, text, strlen(text), &o.head, &f);
    (void)options_check(&o.head, &f);
    if (f.n > 0)
        fail_msg("%s", faults_text(&f));
}

static void check(const struct options_table *table, const char *name)
{
    char *text = read_file(name);

    load(table, name, text);
    options_deinit(&o.head);
    uncomment(text);
    load(table, name, text);
    for (size_t i = 0; i < table->n; i++)
        if (options_in_file(&table->rows[i]) && !o.head.set[i])
            fail_msg("contrib/%s does not have %s", name, table->rows[i].name);
    options_deinit(&o.head);
    free(text);
}

static void the_example_of_a_load_balancer_is_right_and_has_every_key(void **state)
{
    (void)state;
    check(&lb_options_table, "qhcp-lb.yaml");
}

static void the_example_of_a_server_is_right_and_has_every_key(void **state)
{
    (void)state;
    check(&server_options_table, "qhcp-server.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_a_load_balancer_is_right_and_has_every_key),
        cmocka_unit_test(the_example_of_a_server_is_right_and_has_every_key),
    };

    return cmocka_run_group_tests_name("conf-examples", tests, NULL, NULL);
}
