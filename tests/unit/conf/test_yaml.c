/* Options and the configuration file: what is taken, what is refused, and in which words. */
#include "../words.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/check_options.h"
#include "conf/args.h"
#include "conf/yaml.h"
#include "daemon/lb_options.h"
#include "daemon/server_options.h"

static char words[4000];
static union {
    struct options head;
    struct lb_options lb;
    struct server_options server;
    struct check_options check;
} o;

/* Of a struct of options that has just been made. */
static const struct options_table *const OPTIONS_LB = &lb_options_table,
                                         *const OPTIONS_SERVER = &server_options_table,
                                         *const OPTIONS_CHECK = &check_options_table;

/* What *f says, in words; it is empty then. */
static int said(struct faults *f, int r)
{
    snprintf(words, sizeof words, "%s", faults_text(f));
    faults_deinit(f);
    return r;
}

static int config(const struct options_table *command, const char *yaml)
{
    options_deinit(&o.head);
    options_init(&o.head, command);
    struct faults f = {.n = 0};

    return said(&f, yaml_parse("t.yaml", yaml, strlen(yaml), &o.head, &f));
}

static int set(const char *name, const char *text)
{
    const struct place at = {.option = name};
    struct faults f = {.n = 0};

    return said(&f,
                options_set(&o.head, options_find(o.head.table, name), text, LIST_FILES, &at, &f));
}

static void fresh(const struct options_table *command)
{
    options_deinit(&o.head);
    options_init(&o.head, command);
}

static int check(void)
{
    struct faults f = {.n = 0};

    return said(&f, options_check(&o.head, &f));
}

static void defaults_are_those_of_the_brief(void **state)
{
    (void)state;
    fresh(OPTIONS_LB);
    assert_int_equal(o.lb.port, 4242);
    assert_int_equal(o.lb.max_fail_attempts, 3);
    assert_int_equal(o.lb.check_interval, 10 * NSEC_PER_SEC);
    assert_int_equal(o.lb.reconnect_interval, 30 * NSEC_PER_SEC);
    assert_int_equal(lb_options_liveness(&o.lb), NSEC_PER_SEC);
    assert_int_equal(lb_options_status_interval(&o.lb), 10 * NSEC_PER_SEC);
    assert_null(o.lb.cert_file);
    fresh(OPTIONS_SERVER);
    assert_int_equal(o.server.port, 4243);
    assert_string_equal(o.server.ip, "0.0.0.0");
    assert_int_equal(o.server.drain_timeout, 30 * NSEC_PER_SEC);
    assert_int_equal(check(), 0);
}

static void liveness_follows_a_shorter_check_interval_and_status_keeps_a_second(void **state)
{
    (void)state;
    fresh(OPTIONS_LB);
    assert_int_equal(set("check-interval", "200ms"), 0);
    assert_int_equal(lb_options_liveness(&o.lb), 200 * NSEC_PER_MSEC);
    assert_int_equal(lb_options_status_interval(&o.lb), NSEC_PER_SEC);
    assert_int_equal(set("status-interval", "500ms"), 0);
    assert_int_equal(lb_options_status_interval(&o.lb), 500 * NSEC_PER_MSEC);
}

static void an_option_given_twice_is_refused_but_a_list_grows(void **state)
{
    (void)state;
    fresh(OPTIONS_LB);
    assert_int_equal(set("port", "4000"), 0);
    assert_int_equal(set("port", "4001"), QHCP_E_EXISTS);
    assert_int_equal(o.lb.port, 4000);
    assert_int_equal(set("servers", "a:1"), 0);
    assert_int_equal(set("servers", "b:1"), 0);
    assert_int_equal(o.lb.servers.n, 2);
}

static void bad_values_are_refused_in_words(void **state)
{
    static const struct {
        const char *name, *good, *bad, *says;
    } rows[] = {
        {"port", "65535", "70000", "1 to 65535"},
        {"max-fail-attempts", "1", "0", "1 to 1000"},
        {"check-interval", "1ms", "0", "1ms to 1h"},
        {"liveness-interval", "1h", "-1", "not a duration"},
        {"reconnect-interval", "24h", "nan", "not a duration"},
        {"status-format", "json", "xml", "use human, json, events"},
        {"panic-mode", "none", "some", "use all or none"},
        {"log-level", "debug", "DEBUG", "use error, warning, info or debug"},
        {"cert-file", "/etc/passwd", "/etc/no-such-file", "No such file"},
        {"cert-file", "/etc/passwd", "/etc", "not a regular file"},
        {"cert-file", "/etc/passwd", "", "empty"},
        {"id", "lb-1", "", "1 to 128"},
        {"id", "l\xc3\xb6", "a\tb", "control character"},
        {"insecure", "true", "maybe", "not true or false"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fresh(OPTIONS_LB);
        if (set(rows[i].name, rows[i].bad) == 0)
            fail_msg("%s took %s", rows[i].name, rows[i].bad);
        assert_says(words, rows[i].says);
        if (set(rows[i].name, rows[i].good) != 0)
            fail_msg("%s refused %s: %s", rows[i].name, rows[i].good, words);
    }
}

static void checks_and_rules_are_entries_with_their_commas(void **state)
{
    (void)state;
    fresh(OPTIONS_SERVER);
    assert_int_equal(set("check", "http://h/a,b body=x,y"), 0);
    assert_int_equal(set("check", "tcp:1"), 0);
    assert_int_equal(o.server.check.n, 2);
    assert_string_equal(o.server.check.at[0], "http://h/a,b body=x,y");
    assert_int_equal(set("degraded", "cpu_usage_percent>90 for 5s"), 0);
    assert_int_not_equal(set("degraded", "cpu_usage_percent>100"), 0);
    assert_says(words, "this can never be true");
    assert_int_equal(check(), 0);
    assert_int_equal(set("degraded", "nonesuch>90"), 0);
    assert_int_equal(check(), QHCP_E_NOT_FOUND);
    assert_says(words, "there is no metric with this name");
    assert_int_equal(set("metrics", "nonesuch"), 0); /* the twin */
    assert_int_equal(check(), 0);
    assert_int_equal(set("check", "tcp:1 every=2"), 0);
    assert_int_equal(check(), QHCP_E_EXISTS);
    assert_says(words, "two checks have the name \"tcp:1\"");
    fresh(OPTIONS_SERVER);
    assert_int_equal(set("check", "tcp:1 name='process 7'"), 0);
    assert_int_equal(set("watch-pid", "8"), 0); /* the twin */
    assert_int_equal(check(), 0);
    assert_int_equal(set("watch-pid", "7"), 0);
    assert_int_equal(check(), QHCP_E_EXISTS);
    assert_says(words, "--watch-pid: two checks have the name \"process 7\"");
}

static void pairs_go_together(void **state)
{
    (void)state;
    fresh(OPTIONS_SERVER);
    assert_int_equal(set("key-file", "/etc/passwd"), 0);
    assert_int_equal(check(), QHCP_E_ARG);
    assert_says(words, "--key-file goes with --cert-file");
    assert_int_equal(set("cert-file", "/etc/passwd"), 0);
    assert_int_equal(check(), 0);
    fresh(OPTIONS_CHECK);
    assert_int_equal(set("client-key", "/etc/passwd"), 0);
    assert_int_equal(check(), QHCP_E_ARG);
    assert_int_equal(set("client-cert", "/etc/passwd"), 0);
    assert_int_equal(check(), 0);
}

static void services_are_tcp_and_ips_are_literals(void **state)
{
    static const char *const good[] = {"tcp:8080", "tcp:a.example:80", "tcp:[::1]:80"};
    static const char *const bad[] = {
        "8080", "udp:8080", "tcp:", "tcp:0", "tcp:a.example:", "tcp:x"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fresh(OPTIONS_SERVER);
        assert_int_equal(set("service", good[i]), 0);
        assert_int_equal(check(), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        fresh(OPTIONS_SERVER);
        assert_int_not_equal(set("service", bad[i]), 0);
        assert_says(words, bad[i] + (strncmp(bad[i], "tcp:", 4) == 0 ? 4 : 0));
    }
    fresh(OPTIONS_SERVER);
    assert_int_equal(set("ip", "localhost"), QHCP_E_PARSE);
    assert_says(words, "\"localhost\"");
    assert_int_equal(set("ip", "127.0.0.1"), 0);
    fresh(OPTIONS_LB);
    assert_int_equal(check(), QHCP_E_ARG);
    assert_says(words, "--servers is missing");
}

static void a_configuration_sets_what_it_names(void **state)
{
    (void)state;
    assert_int_equal(config(OPTIONS_LB, "# fleet\nport: 4300\ncheck-interval: 1.5s\n"
                                        "servers:\n  - a:1\n  - \"b:2\"\ninsecure: yes\n"
                                        "status-format: json\nid: lb-1\n"),
                     0);
    assert_int_equal(o.lb.port, 4300);
    assert_int_equal(o.lb.check_interval, 1500 * NSEC_PER_MSEC);
    assert_int_equal(o.lb.servers.n, 2);
    assert_string_equal(o.lb.servers.at[1], "b:2");
    assert_int_equal(o.lb.insecure, 1);
    assert_int_equal(o.lb.status_format, 1);
    assert_string_equal(o.lb.id, "lb-1");
    assert_int_equal(o.lb.max_fail_attempts, 3);
    assert_int_equal(config(OPTIONS_SERVER, "ip: \"::\"\nservice: [tcp:80, tcp:81]\n"), 0);
    assert_int_equal(o.server.service.n, 2);
    assert_int_equal(config(OPTIONS_LB, ""), 0);
    assert_int_equal(config(OPTIONS_LB, "# nothing\n"), 0);
}

static void make_config(char path[32], const char *yaml)
{
    strcpy(path, "/tmp/qhcp-yaml-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    close(fd);
}

static char lb[] = "lb";
static const struct args_spec spec = {
    .options = &lb_options_table, .name = "qhcp lb", .doc = "Watch.", .usage_status = 2};

static int reload(const char *path, const char *more, const char *value, struct lb_options *ret)
{
    char config[] = "--config";
    char *argv[6] = {lb, config};

    argv[2] = (char *)(uintptr_t)path;
    argv[3] = (char *)(uintptr_t)more;
    argv[4] = (char *)(uintptr_t)value;

    struct faults f = {.n = 0};

    return said(&f, args_reload(&spec, more ? 5 : 3, argv, &o.head, &ret->head, &f));
}

static void the_command_line_wins_over_the_file(void **state)
{
    struct lb_options got;
    char path[32];

    (void)state;
    fresh(OPTIONS_LB);
    make_config(path, "port: 4300\nmax-fail-attempts: 5\nservers: [a:1, b:2]\n");
    assert_int_equal(reload(path, "--port", "4400", &got), 0);
    assert_int_equal(got.port, 4400);
    assert_int_equal(got.max_fail_attempts, 5);
    assert_int_equal(got.servers.n, 2);
    options_deinit(&got.head);
    assert_int_equal(reload(path, "--servers", "c:3", &got), 0);
    assert_int_equal(got.servers.n, 1);
    assert_string_equal(got.servers.at[0], "c:3");
    options_deinit(&got.head);
    unlink(path);
}

static void a_reload_that_is_refused_changes_nothing(void **state)
{
    struct lb_options got;
    char path[32];

    (void)state;
    fresh(OPTIONS_LB);
    make_config(path, "servers: [a:1, a:1]\n");
    assert_int_equal(reload(path, NULL, NULL, &got), QHCP_E_EXISTS);
    assert_says(words, ":1:16: \"a:1\" is in the list twice, first on line 1 of /tmp/qhcp-yaml-");
    assert_null(got.head.table);
    unlink(path);
    assert_int_equal(reload(path, NULL, NULL, &got), QHCP_E_IO);
}

static void a_list_from_standard_input_outlives_a_reload(void **state)
{
    struct lb_options got;
    char path[32];

    (void)state;
    fresh(OPTIONS_LB);
    assert_int_equal(set("servers", "a:1,b:2"), 0); /* as if it had come from there */
    make_config(path, "port: 4300\n");
    assert_int_equal(reload(path, "--servers", "@-", &got), 0);
    assert_int_equal(got.servers.n, 2);
    assert_int_equal(got.port, 4300);
    options_deinit(&got.head);
    unlink(path);
}

/* Exit status of args_parse in a child; what it prints goes into words. */
static int parse_in_child(const char *const *args, int n)
{
    char *argv[8] = {lb};
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct lb_options got;
        dup2(ends[1], STDERR_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        for (int i = 0; i < n; i++)
            argv[i + 1] = (char *)(uintptr_t)args[i];
        args_parse(&spec, n + 1, argv, &got.head, NULL);
        options_deinit(&got.head);
        _exit(0);
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t r; (r = read(ends[0], words + got, sizeof words - 1 - got)) > 0;)
        got += (size_t)r;
    words[got] = '\0';
    close(ends[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_wrong_command_line_names_flag_and_value_and_exits_with_2(void **state)
{
    static const char *const good[] = {"--servers=a:1", "--port=1"};
    static const char *const bad_port[] = {"--servers=a:1", "--port=70000"};
    static const char *const twice[] = {"--servers=a:1", "--port=1", "--port=2"};
    static const char *const extra[] = {"--servers=a:1", "stray"};
    static const char *const no_file[] = {"--config=/no/such/file"};

    (void)state;
    assert_int_equal(parse_in_child(no_file, 1), 2);
    assert_says(words, "--config: \"/no/such/file\": No such file");
    assert_null(strstr(words, "is missing")); /* nobody knows what it would say */
    assert_int_equal(parse_in_child(good, 2), 0);
    assert_int_equal(parse_in_child(bad_port, 2), 2);
    assert_says(words, "qhcp lb: --port: \"70000\"");
    assert_int_equal(parse_in_child(twice, 3), 2);
    assert_says(words, "--port: is given twice");
    assert_int_equal(parse_in_child(extra, 2), 2);
    assert_says(words, "\"stray\"");
    assert_int_equal(parse_in_child(good, 0), 2);
    assert_says(words, "--servers is missing");
    assert_says(words, "Try 'qhcp lb --help'.");
}

static void all_that_is_wrong_is_told_at_once_and_help_is_offered_for_flags_alone(void **state)
{
    char path[32], expected[200];
    const char *args[] = {"--config", path, "--hold=x"};

    (void)state;
    make_config(path, "prot: 1\nport: x\nservers: [a:1]\n");
    assert_int_equal(parse_in_child(args, 2), 2);
    snprintf(expected, sizeof expected, "%s:1:1: there is no option \"prot\"", path);
    assert_memory_equal(words, expected, strlen(expected)); /* at the margin */
    snprintf(expected, sizeof expected, "\n%s:2:7: port: \"x\"", path);
    assert_says(words, expected);
    assert_null(strstr(words, "Try"));
    assert_int_equal(parse_in_child(args, 3), 2);
    assert_says(words, expected);
    assert_says(words, "qhcp lb: --hold: \"x\"");
    assert_says(words, "Try 'qhcp lb --help'.");
    unlink(path);
}

static void a_huge_file_is_refused_by_its_size(void **state)
{
    char path[32];
    const char *args[] = {"--config", path};

    (void)state;
    make_config(path, "servers: [a:1]\n");
    assert_int_equal(parse_in_child(args, 2), 0);
    assert_int_equal(truncate(path, 100 << 20), 0);
    assert_int_equal(parse_in_child(args, 2), 2);
    assert_says(words, "is too large (104857600 bytes; at most 33554432)");
    unlink(path);
}

static int tidy(void **state)
{
    (void)state;
    options_deinit(&o.head);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_brief),
        cmocka_unit_test(liveness_follows_a_shorter_check_interval_and_status_keeps_a_second),
        cmocka_unit_test(an_option_given_twice_is_refused_but_a_list_grows),
        cmocka_unit_test(bad_values_are_refused_in_words),
        cmocka_unit_test(checks_and_rules_are_entries_with_their_commas),
        cmocka_unit_test(pairs_go_together),
        cmocka_unit_test(services_are_tcp_and_ips_are_literals),
        cmocka_unit_test(a_configuration_sets_what_it_names),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(a_reload_that_is_refused_changes_nothing),
        cmocka_unit_test(a_list_from_standard_input_outlives_a_reload),
        cmocka_unit_test(all_that_is_wrong_is_told_at_once_and_help_is_offered_for_flags_alone),
        cmocka_unit_test(a_huge_file_is_refused_by_its_size),
        cmocka_unit_test(a_wrong_command_line_names_flag_and_value_and_exits_with_2),
    };

    return cmocka_run_group_tests_name("conf-config", tests, NULL, tidy);
}
