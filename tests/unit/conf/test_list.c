/* Lists: commas, and files. */
#include "../words.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/list.h"
#include "sources/servers.h"

static char words[900];

/* What *f says, in words; it is empty then. */
static int said(struct faults *f, int r)
{
    snprintf(words, sizeof words, "%s", faults_text(f));
    faults_deinit(f);
    return r;
}

static int parse(struct list *l, const char *text, enum list_source allowed)
{
    struct faults f = {.n = 0};

    return said(&f, list_parse(l, text, allowed, NULL, &f));
}

static void make_file(char path[32], const char *content, size_t n)
{
    strcpy(path, "/tmp/qhcp-list-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, n), n);
    close(fd);
}

static void entries_stand_between_commas(void **state)
{
    struct list l = {0};

    (void)state;
    assert_int_equal(parse(&l, "a:1, b:2 ,c:3", LIST_FILES), 0);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.at[0], "a:1");
    assert_string_equal(l.at[1], "b:2");
    assert_string_equal(l.at[2], "c:3");
    assert_int_equal(parse(&l, "d:4", LIST_FILES), 0);
    assert_int_equal(l.n, 4);
    list_deinit(&l);
}

static void an_empty_entry_is_refused(void **state)
{
    static const char *const bad[] = {"", ",", "a:1,", ",a:1", "a:1,,b:2", "  "};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct list l = {0};
        assert_int_equal(parse(&l, bad[i], LIST_FILES), QHCP_E_PARSE);
        assert_says(words, "empty");
        list_deinit(&l);
    }
}

static void a_pipe_is_read_on_the_command_line_alone(void **state)
{
    char path[32], arg[40];
    struct list l = {0};
    pid_t writer;

    (void)state;
    make_file(path, "", 0);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(arg, sizeof arg, "@%s", path);
    assert_int_equal(parse(&l, arg, LIST_FILES), QHCP_E_IO); /* at once: nobody writes */
    assert_says(words, "is not a regular file");
    writer = fork();
    if (writer == 0) {
        int fd = open(path, O_WRONLY);
        _exit(write(fd, "a:1\n", 4) == 4 ? 0 : 1);
    }
    assert_int_equal(parse(&l, arg, LIST_STDIN), 0);
    assert_int_equal(l.n, 1);
    waitpid(writer, NULL, 0);
    list_deinit(&l);
    unlink(path);
}

static void a_file_lists_one_a_line_with_comments(void **state)
{
    static const char content[] = "# the fleet\na:1\r\n\n  b:2  # second\n#c:3\nd:4";
    struct list l = {0};
    char path[32], arg[40];

    (void)state;
    make_file(path, content, sizeof content - 1);
    snprintf(arg, sizeof arg, "@%s", path);
    assert_int_equal(parse(&l, arg, LIST_FILES), 0);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.at[0], "a:1");
    assert_string_equal(l.at[1], "b:2");
    assert_string_equal(l.at[2], "d:4");
    list_deinit(&l);
    unlink(path);
}

static void files_that_cannot_be_lists_are_refused(void **state)
{
    struct list l = {0};
    char path[32], arg[40];

    (void)state;
    assert_int_equal(parse(&l, "@/nowhere/at/all", LIST_FILES), QHCP_E_NOT_FOUND);
    assert_says(words, "/nowhere/at/all");
    assert_says(words, "no such file");
    assert_int_equal(parse(&l, "@/", LIST_FILES), QHCP_E_IO);
    make_file(path, "# nothing\n\n", 11);
    snprintf(arg, sizeof arg, "@%s", path);
    assert_int_equal(parse(&l, arg, LIST_FILES), QHCP_E_PARSE);
    assert_says(words, "has no entries");
    unlink(path);
    make_file(path, "a:1\n\0b:2\n", 9);
    snprintf(arg, sizeof arg, "@%s", path);
    assert_int_equal(parse(&l, arg, LIST_FILES), QHCP_E_PARSE);
    assert_says(words, "NUL");
    unlink(path);
    assert_int_equal(l.n, 0);
    list_deinit(&l);
}

static void standard_input_is_read_only_where_allowed(void **state)
{
    struct list l = {0};
    int saved = dup(STDIN_FILENO), ends[2];

    (void)state;
    assert_int_equal(parse(&l, "@-", LIST_FILES), QHCP_E_ARG);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "a:1\nb:2\n", 8), 8);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    assert_int_equal(parse(&l, "@-", LIST_STDIN), 0);
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_int_equal(l.n, 2);
    list_deinit(&l);
}

static void ten_thousand_servers_are_taken(void **state)
{
    struct faults f = {.n = 0};
    struct list l = {0};
    char name[32];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "s%d.example:4243", i);
        assert_int_equal(list_add(&l, name, strlen(name), NULL), 0);
    }
    assert_int_equal(servers_check(&l, "servers", &f), 0);
    assert_int_equal(list_add(&l, "S9998.EXAMPLE:4243", 18, NULL), 0);
    assert_int_equal(said(&f, servers_check(&l, "servers", &f)), QHCP_E_EXISTS);
    assert_string_equal(words, "--servers: \"S9998.EXAMPLE:4243\" is in the list twice, first as "
                               "number 9999\n");
    list_deinit(&l);
}

static void too_many_entries_are_refused(void **state)
{
    struct list l = {.n = LIST_MAX};

    (void)state;
    assert_int_equal(list_add(&l, "a:1", 3, NULL), QHCP_E_FULL);
    l.n = 0;
    assert_int_equal(list_add(&l, "a:1", 3, NULL), 0);
    list_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_stand_between_commas),
        cmocka_unit_test(an_empty_entry_is_refused),
        cmocka_unit_test(a_pipe_is_read_on_the_command_line_alone),
        cmocka_unit_test(a_file_lists_one_a_line_with_comments),
        cmocka_unit_test(files_that_cannot_be_lists_are_refused),
        cmocka_unit_test(standard_input_is_read_only_where_allowed),
        cmocka_unit_test(ten_thousand_servers_are_taken),
        cmocka_unit_test(too_many_entries_are_refused),
    };

    return cmocka_run_group_tests_name("conf-list", tests, NULL, NULL);
}
