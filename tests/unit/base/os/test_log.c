/* The log: its forms, what is left out of a flood, other threads, the journal. */
#include "words.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os/log.h"
#include "base/os/log_form.h"
#include "base/os/log_rate.h"

static const struct log_field fields[] = {{"server", "web1:4243"},
                                          {"reason", "no \"answer\"\nnow"}};
static const struct log_message message = {.level = QHCP_LOG_WARNING,
                                           .ms = 1795880597123,
                                           .words = "web1:4243: up -> down: no \"answer\"\nnow",
                                           .fields = fields,
                                           .n_fields = 2};

static void a_message_has_a_form_for_each_reader(void **state)
{
    struct text t = {0};

    (void)state;
    log_form_human(&t, &message, true);
    assert_says(t.at, " warning web1:4243: up -> down: no \"answer\"?now\n");
    text_reset(&t);
    log_form_json(&t, &message);
    assert_string_equal(t.at, "{\"time\":\"2026-11-28T15:43:17.123Z\",\"level\":\"warning\","
                              "\"message\":\"web1:4243: up -> down: no \\\"answer\\\"\\nnow\","
                              "\"server\":\"web1:4243\",\"reason\":\"no \\\"answer\\\"\\nnow\"}\n");
    text_reset(&t);
    log_form_logfmt(&t, &message);
    assert_string_equal(t.at, "time=2026-11-28T15:43:17.123Z level=warning "
                              "msg=\"web1:4243: up -> down: no \\\"answer\\\"\\nnow\" "
                              "server=web1:4243 reason=\"no \\\"answer\\\"\\nnow\"\n");
    text_reset(&t);
    log_form_journal(&t, &message);
    assert_string_equal(t.at, "PRIORITY=4\nSYSLOG_IDENTIFIER=qhcp\n"
                              "MESSAGE=web1:4243: up -> down: no \"answer\"?now\n"
                              "QHCP_SERVER=web1:4243\nQHCP_REASON=no \"answer\"?now\n");
    text_deinit(&t);
}

static void a_token_does_not_come_through(void **state)
{
    char clean[200];

    (void)state;
    log_form_clean("refused: eyJhbGciOiJFUzI1NiIs.eyJpc3MiOiJx.c2ln-_x: no", clean, sizeof clean);
    assert_string_equal(clean, "refused: (token): no");
    log_form_clean("eyJ is how one begins, and eyJabc is too short", clean, sizeof clean);
    assert_string_equal(clean, "eyJ is how one begins, and eyJabc is too short");
}

static void a_kind_is_what_its_words_are_without_what_varies(void **state)
{
    uint64_t kind = log_rate_kind("10.0.0.1:4243: up -> down: port unreachable");

    (void)state;
    assert_true(kind == log_rate_kind("web1.example: up -> down: port unreachable"));
    assert_true(kind != log_rate_kind("10.0.0.1:4243: down -> up: port unreachable"));
    assert_true(log_rate_kind("lb \"a\" leaves after 3 s") ==
                log_rate_kind("lb \"b\" leaves after 40 s"));
    assert_true(log_rate_kind("") != 0);
}

static void what_is_left_out_of_a_flood_is_counted_and_told(void **state)
{
    static struct log_rate r;
    qhcp_nsec now = 5 * NSEC_PER_SEC;
    char words[60];
    size_t taken = 0;
    struct log_kind k;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(words, sizeof words, "web%u: up -> down", i);
        taken += log_rate_take(&r, words, QHCP_LOG_WARNING, now);
    }
    assert_int_equal(taken, LOG_BURST);
    assert_true(log_rate_take(&r, "another kind", QHCP_LOG_INFO, now));
    assert_int_equal(log_rate_deadline(&r), now + NSEC_PER_SEC);
    assert_false(log_rate_told(&r, now, &k));
    now += NSEC_PER_SEC;
    assert_true(log_rate_told(&r, now, &k));
    assert_int_equal(k.left_out, 2000);
    assert_int_equal(k.level, QHCP_LOG_WARNING);
    assert_string_equal(k.like, "web1000: up -> down");
    assert_false(log_rate_told(&r, now, &k));
    assert_int_equal(log_rate_deadline(&r), NSEC_NEVER);
    for (unsigned i = taken = 0; i < 100; i++) /* so many more after a second */
        taken += log_rate_take(&r, "web7: up -> down", QHCP_LOG_WARNING, now);
    assert_int_equal(taken, LOG_SECOND);
}

/* More kinds than there are places: all come. */
static void many_kinds_are_no_flood(void **state)
{
    static struct log_rate r;
    char words[60];

    (void)state;
    for (unsigned i = 0; i < 10 * LOG_KINDS; i++) {
        snprintf(words, sizeof words, "kind %c%c", 'a' + i % 26, 'a' + i / 26 % 26);
        assert_true(log_rate_take(&r, words, QHCP_LOG_INFO, i + 1));
    }
}

struct stage {
    int saved, ends[2];
    char got[300000];
};

static void open_stage(struct stage *s, enum log_format format)
{
    unsetenv("JOURNAL_STREAM");
    s->saved = dup(STDERR_FILENO);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s->ends), 0);
    dup2(s->ends[1], STDERR_FILENO);
    log_init(QHCP_LOG_INFO, format);
}

static const char *said(struct stage *s)
{
    ssize_t n = recv(s->ends[0], s->got, sizeof s->got - 1, MSG_DONTWAIT);

    s->got[n > 0 ? n : 0] = '\0';
    return s->got;
}

static void close_stage(struct stage *s)
{
    log_deinit();
    dup2(s->saved, STDERR_FILENO);
    close(s->saved);
    close(s->ends[0]);
    close(s->ends[1]);
}

static void *other_thread(void *arg)
{
    for (int i = 0; i < 3; i++)
        log_say(QHCP_LOG_INFO, "thread %d says %d", *(int *)arg, i);
    log_say(QHCP_LOG_DEBUG, "not this one");
    return NULL;
}

static void other_threads_are_heard_in_their_order_and_write_nothing_themselves(void **state)
{
    static struct stage s;
    pthread_t threads[4];
    int numbers[] = {10, 11, 12, 13};
    char words[40];

    (void)state;
    open_stage(&s, LOG_HUMAN);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, other_thread, &numbers[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_string_equal(said(&s), "");
    log_drain();
    said(&s);
    for (int i = 0; i < 4; i++) {
        const char *at = s.got;

        for (int k = 0; k < 3; k++) {
            snprintf(words, sizeof words, "thread %d says %d\n", numbers[i], k);
            at = strstr(at, words);
            assert_non_null(at);
        }
    }
    assert_null(strstr(s.got, "not this one"));
    close_stage(&s);
}

static void *talkative_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1500; i++)
        log_record(QHCP_LOG_INFO, "a line");
    return NULL;
}

static void a_thread_that_says_too_much_loses_lines_which_are_counted(void **state)
{
    static struct stage s;
    pthread_t thread;

    (void)state;
    open_stage(&s, LOG_HUMAN);
    assert_int_equal(pthread_create(&thread, NULL, talkative_thread, NULL), 0);
    pthread_join(thread, NULL);
    log_drain();
    assert_says(said(&s), "a line\n");
    log_say(QHCP_LOG_INFO, "then");
    assert_says(said(&s), " warning dropped ");
    close_stage(&s);
}

static void a_flood_is_left_out_but_not_records(void **state)
{
    static struct stage s;
    size_t lines = 0;

    (void)state;
    open_stage(&s, LOG_LOGFMT);
    for (int i = 0; i < 2 * LOG_BURST; i++) {
        log_say(QHCP_LOG_INFO, "again %d", i);
        lines += strstr(said(&s), "msg=\"again ") != NULL;
        log_record(QHCP_LOG_INFO, "client 7");
        assert_says(said(&s), "msg=\"client 7\"\n");
    }
    assert_in_range(lines, LOG_BURST, 2 * LOG_BURST - 1);
    assert_true(log_deadline() != NSEC_NEVER);
    log_expire(log_deadline());
    assert_says(said(&s), "more lines like this one: again ");
    assert_true(log_deadline() == NSEC_NEVER);
    close_stage(&s);
}

static void the_level_follows_steps_and_says_so(void **state)
{
    static struct stage s;

    (void)state;
    open_stage(&s, LOG_HUMAN);
    log_say(QHCP_LOG_DEBUG, "one");
    log_step(1, "SIGUSR1");
    log_say(QHCP_LOG_DEBUG, "two");
    log_step(1, "SIGUSR1");
    assert_says(said(&s), "SIGUSR1: the log level is debug now\n");
    assert_says(s.got, "debug two\n");
    assert_null(strstr(s.got, "one"));
    for (int i = 0; i < 4; i++)
        log_step(-1, "SIGUSR2");
    assert_says(said(&s), "error SIGUSR2: the log level is error now\n");
    log_say(QHCP_LOG_WARNING, "three");
    assert_string_equal(said(&s), "");
    close_stage(&s);
}

/* journald's two sockets, in a directory. */
static void the_journal_gets_fields_by_its_own_socket(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/qhcp-log-XXXXXX", stream[64], got[2000];
    int saved = dup(STDERR_FILENO), lines, messages, end;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    lines = socket(AF_UNIX, SOCK_STREAM, 0);
    messages = socket(AF_UNIX, SOCK_DGRAM, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/stdout", dir);
    assert_int_equal(bind(lines, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(lines, 1), 0);
    end = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(end, (struct sockaddr *)&at, sizeof at), 0);
    unlink(at.sun_path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", dir);
    assert_int_equal(bind(messages, (struct sockaddr *)&at, sizeof at), 0);
    dup2(end, STDERR_FILENO);
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init(QHCP_LOG_INFO, LOG_AUTO);
    log_fields(QHCP_LOG_WARNING, fields, 1, "web1:4243: up -> down");
    ssize_t n = recv(messages, got, sizeof got - 1, MSG_DONTWAIT);
    log_form(LOG_JSON); /* as lines, with the journal's prefix */
    log_say(QHCP_LOG_WARNING, "two");
    int reader = accept(lines, NULL, NULL);
    ssize_t m = recv(reader, got + 1000, 999, MSG_DONTWAIT);
    dup2(saved, STDERR_FILENO);
    log_deinit();
    unsetenv("JOURNAL_STREAM");
    unlink(at.sun_path);
    rmdir(dir);
    assert_true(n > 0 && m > 0);
    got[n] = got[1000 + m] = '\0';
    assert_string_equal(got, "PRIORITY=4\nSYSLOG_IDENTIFIER=qhcp\nMESSAGE=web1:4243: up -> down\n"
                             "QHCP_SERVER=web1:4243\n");
    assert_memory_equal(got + 1000, "<4>{\"time\":", 11);
    close(saved);
    close(lines);
    close(messages);
    close(end);
    close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_a_form_for_each_reader),
        cmocka_unit_test(a_token_does_not_come_through),
        cmocka_unit_test(a_kind_is_what_its_words_are_without_what_varies),
        cmocka_unit_test(what_is_left_out_of_a_flood_is_counted_and_told),
        cmocka_unit_test(many_kinds_are_no_flood),
        cmocka_unit_test(other_threads_are_heard_in_their_order_and_write_nothing_themselves),
        cmocka_unit_test(a_thread_that_says_too_much_loses_lines_which_are_counted),
        cmocka_unit_test(a_flood_is_left_out_but_not_records),
        cmocka_unit_test(the_level_follows_steps_and_says_so),
        cmocka_unit_test(the_journal_gets_fields_by_its_own_socket),
    };

    return cmocka_run_group_tests_name("base-log", tests, NULL, NULL);
}
