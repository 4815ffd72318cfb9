/* Sinks that keep a file: when it is written, and what is never lost by it. */
#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sinks/sinks.h"

static struct sinks sinks;
static char dir[64], path[PATH_MAX], words[SINK_WORDS];
static char before[PATH_MAX], reloaded[PATH_MAX]; /* of the sink nginx: PATH.before, and a mark */
static char filler[PATH_MAX];                     /* of a disk */

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/qhcp-sinks-XXXXXX");
    if (!mkdtemp(dir) || loop_new(NULL, &loop) != 0 || feed_new(16, &feed) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(before, sizeof before, "%s/file.before", dir);
    snprintf(reloaded, sizeof reloaded, "%s/reloaded", dir);
    snprintf(filler, sizeof filler, "%s/filler", dir);
    sinks_init(&sinks, loop, feed);
    feed_panic(feed, 0, QHCP_USE_ALL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sinks_deinit(&sinks);
    feed_free(feed);
    loop_free(loop);
    unlink(path);
    unlink(before);
    unlink(reloaded);
    return rmdir(dir);
}

static void begin(const char *kind, const char *settings)
{
    struct list list = {.n = 0};
    char text[PATH_MAX + 100];

    snprintf(text, sizeof text, "%s %s %s", kind, path, settings);
    assert_int_equal(list_add(&list, text, strlen(text), NULL), 0);
    assert_int_equal(sinks_set(&sinks, loop_now(), &list, words, sizeof words), 0);
    list_deinit(&list);
}

static void up(unsigned i)
{
    char address[32];

    be(i, QHCP_UP);
    server(i)->verdict.own_share = 1000;
    server(i)->target.in = (struct sockaddr_in){.sin_family = AF_INET,
                                                .sin_port = htons((uint16_t)(9000 + i)),
                                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(address, sizeof address, "127.0.0.1:%u", 9000 + i);
    assert_int_equal(feed_text(feed, server(i), FLEET_ADDRESS, address), 0);
}

static void down(unsigned i)
{
    be(i, QHCP_DOWN);
    server(i)->verdict.own_share = 0;
}

static void sweep(void)
{
    feed_self(feed)->swept = true;
    publish();
}

static struct sink_state state_of_it(void)
{
    struct sink_state s[1];

    assert_int_equal(sinks_states(&sinks, s, 1), 1);
    return s[0];
}

/* What the file has; "" where there is none. */
static const char *content(void)
{
    static char buf[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof buf - 1);

    if (fd >= 0)
        close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return buf;
}

static const char *wanted;

static bool it_has(void)
{
    return strcmp(content(), wanted) == 0;
}

static void wait_content(const char *text)
{
    wanted = text;
    run(it_has);
}

static bool it_fails(void)
{
    return state_of_it().failing_since > 0;
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static ino_t number_of_file(void)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void the_share_of_the_servers_that_get_traffic_is_a_number(void **state)
{
    struct stat st;

    (void)state;
    up(1);
    up(2);
    up(3);
    down(4);
    sweep();
    begin("track-file", "");
    wait_content("75\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(chown(path, (uid_t)-1, geteuid() == 0 ? 65534 : getegid()), 0);
    assert_int_equal(chmod(path, 0640), 0);    /* for some readers only: that stays */
    server(3)->intent.use = FLEET_MAINTENANCE; /* which counts no more */
    publish();
    wait_content("66\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_gid, geteuid() == 0 ? 65534 : getegid());
    down(1);
    down(2);
    publish();
    wait_content("0\n");
}

static void below_a_share_keepalived_is_to_give_up(void **state)
{
    (void)state;
    up(1);
    up(2);
    down(3);
    down(4);
    sweep();
    begin("track-file", "fault=50");
    wait_content("50\n");
    down(2);
    publish();
    wait_content("-254\n");
    up(2);
    publish();
    wait_content("50\n");
}

static void the_same_content_is_not_written_again(void **state)
{
    ino_t number;

    (void)state;
    up(1);
    down(2);
    sweep();
    begin("track-file", "");
    wait_content("50\n");
    number = number_of_file();
    server(1)->report.utilization = 1000; /* something new is said, but nothing of this */
    publish();
    run(NULL);
    server(1)->intent.weight = 2;
    publish();
    run(NULL);
    assert_int_equal(number_of_file(), number);
    up(2);
    publish();
    wait_content("100\n");
    assert_int_not_equal(number_of_file(), number);
}

static void a_file_of_before_stays_until_every_server_was_looked_at(void **state)
{
    (void)state;
    write_file("99\n");
    up(1);
    be(2, QHCP_CONNECTING);
    publish();
    begin("track-file", "");
    run(NULL);
    assert_string_equal(content(), "99\n");
    up(2);
    sweep();
    wait_content("100\n");
}

static void a_file_of_before_stays_until_it_is_known_where_the_servers_are(void **state)
{
    (void)state;
    write_file("99\n");
    up(1);
    up(2);
    server(2)->target.sa.sa_family = AF_UNSPEC; /* its session has begun in this very turn */
    sweep();
    begin("track-file", "");
    run(NULL);
    assert_string_equal(content(), "99\n");
    up(2);
    publish();
    wait_content("100\n");
    be(3, QHCP_UP); /* one that offers no service is waited for once, not for ever */
    server(3)->verdict.own_share = 1000;
    publish();
    down(2);
    publish();
    wait_content("66\n");
}

static void what_another_has_written_is_not_replaced(void **state)
{
    static const char *const kinds[] = {"track-file", "file_sd", "envoy"};

    (void)state;
    up(1);
    sweep();
    for (size_t i = 0; i < 3; i++) {
        write_file("precious = true\n");
        begin(kinds[i], i == 2 ? "cluster=be" : "");
        run(it_fails);
        assert_non_null(strstr(state_of_it().words, path));
        assert_non_null(strstr(state_of_it().words, "was not written by a sink of this kind"));
        assert_string_equal(content(), "precious = true\n");
    }
}

static void what_the_same_kind_has_written_is(void **state)
{
    (void)state;
    up(1);
    sweep();
    write_file("-254\n");
    begin("track-file", "");
    wait_content("100\n");
    write_file("[]\n");
    begin("file_sd", "");
    wait_content("[\n{\"targets\":[\"127.0.0.1:9001\"],\"labels\":{\"__meta_qhcp_name\":\"w1\","
                 "\"__meta_qhcp_address\":\"127.0.0.1:9001\",\"__meta_qhcp_server_id\":\"\","
                 "\"__meta_qhcp_state\":\"up\",\"__meta_qhcp_tags\":\"\","
                 "\"__meta_qhcp_weight\":\"1\",\"__meta_qhcp_priority\":\"0\"}}]\n");
}

static void a_directory_that_is_not_there_is_said_and_tried_again(void **state)
{
    char other[sizeof dir + 8];

    (void)state;
    snprintf(other, sizeof other, "%s.away", dir);
    up(1);
    sweep();
    assert_int_equal(rename(dir, other), 0);
    begin("track-file", "");
    run(it_fails);
    assert_non_null(strstr(state_of_it().words, "No such file or directory"));
    assert_int_equal(rename(other, dir), 0);
    wait_content("100\n");
    assert_int_equal(state_of_it().failing_since, 0);
}

#define NGINX "# Written by qhcp lb (sink nginx): what is changed here is lost.\n"

/* A directory that cannot be opened: what is written is there, and its writer is told that it may
 * not last. */
static void close_directory(bool closed)
{
    assert_int_equal(geteuid() == 0 ? chown(dir, 65534, 65534) | chown(path, 65534, 65534) : 0, 0);
    assert_int_equal(getuid() == 0 ? seteuid(closed ? 65534 : 0) : 0, 0);
    assert_int_equal(chmod(dir, closed ? 0300 : 0700), 0);
}

static void what_was_written_in_spite_of_an_error_is_not_taken_for_the_file_of_before(void **state)
{
    (void)state;
    up(1);
    up(2);
    sweep();
    begin("track-file", "");
    wait_content("100\n");
    close_directory(true);
    down(2);
    publish();
    wait_content("50\n");
    run(it_fails);
    up(2);
    publish();
    wait_content("100\n");
    close_directory(false);
}

static bool was_reloaded(void)
{
    return access(reloaded, F_OK) == 0 && access(before, F_OK) != 0;
}

/* The sink nginx, whose reload makes the mark. */
static void begin_nginx(const char *test)
{
    char settings[PATH_MAX + 100];

    snprintf(settings, sizeof settings, "test='%s' reload='touch %s' every=100ms", test, reloaded);
    begin("nginx", settings);
}

static void nginx_is_reloaded_where_the_process_before_may_not_have_done_it(void **state)
{
    static const char *const left[] = {NULL, "",
                                       NGINX "server 127.0.0.1:9001 weight=10 down; # w1\n"};

    (void)state;
    up(1);
    sweep();
    for (size_t i = 0; i < 3; i++) {
        FILE *f = left[i] ? fopen(before, "w") : NULL;

        if (f) {
            assert_true(fputs(left[i], f) >= 0);
            assert_int_equal(fclose(f), 0);
        }
        write_file(NGINX "server 127.0.0.1:9001 weight=10; # w1\n"); /* as it is to be */
        begin_nginx("true");
        run(left[i] ? was_reloaded : NULL);
        assert_int_equal(access(reloaded, F_OK) == 0, left[i] != NULL);
        sinks_stop(&sinks);
        unlink(reloaded);
    }
}

static bool is_tested(void)
{
    return access(before, F_OK) == 0;
}

static void a_command_that_runs_at_the_end_leaves_no_process(void **state)
{
    (void)state;
    up(1);
    sweep();
    begin_nginx("sleep 60");
    run(is_tested);
    sinks_stop(&sinks);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_test_that_fails_leaves_no_file_where_there_was_none(void **state)
{
    (void)state;
    up(1);
    sweep();
    begin_nginx("echo no good; false");
    run(it_fails);
    assert_non_null(strstr(state_of_it().words,
                           "failed with exit status 1: no good; the new file was removed"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(before, F_OK), 0);
    assert_int_not_equal(access(reloaded, F_OK), 0);
}

/* A disk of its own, for this process alone.  False: this machine lets us mount none.  (In a
 * chroot / is no mount, and cannot be made private: then it is this test that unmounts.) */
static bool mount_small(void)
{
    if (unshare(CLONE_NEWNS) != 0)
        return false;
    (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return mount("tmpfs", dir, "tmpfs", 0, "size=16k") == 0;
}

static void fill(void)
{
    char block[4096] = {0};
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
}

static void what_nginx_was_not_told_in_spite_of_an_error_is_not_left_there(void **state)
{
    (void)state;
    up(1);
    sweep();
    begin_nginx("true");
    run(was_reloaded);
    close_directory(true);
    down(1);
    publish();
    run(it_fails);
    assert_string_equal(content(), NGINX "server 127.0.0.1:9001 weight=10; # w1\n");
    close_directory(false);
}

static void a_full_disk_leaves_the_old_file_whole(void **state)
{
    (void)state;
    if (!mount_small())
        skip();
    up(1);
    sweep();
    begin("track-file", "");
    wait_content("100\n");
    fill();
    down(1);
    publish();
    run(it_fails);
    assert_non_null(strstr(state_of_it().words, "No space left on device"));
    assert_string_equal(content(), "100\n");
    assert_int_equal(unlink(filler), 0);
    wait_content("0\n");
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static void a_full_disk_leaves_nginx_what_it_has(void **state)
{
    (void)state;
    if (!mount_small())
        skip();
    up(1);
    sweep();
    begin_nginx("true");
    run(was_reloaded);
    assert_int_equal(unlink(reloaded), 0);
    fill();
    down(1);
    publish();
    run(it_fails);
    assert_non_null(strstr(state_of_it().words, "No space left on device"));
    assert_string_equal(content(), NGINX "server 127.0.0.1:9001 weight=10; # w1\n");
    assert_int_not_equal(access(before, F_OK), 0);
    assert_int_not_equal(access(reloaded, F_OK), 0);
    assert_int_equal(unlink(filler), 0);
    run(was_reloaded);
    assert_string_equal(content(), NGINX "server 127.0.0.1:9001 weight=10 down; # w1\n");
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_share_of_the_servers_that_get_traffic_is_a_number),
        TEST(below_a_share_keepalived_is_to_give_up),
        TEST(the_same_content_is_not_written_again),
        TEST(a_file_of_before_stays_until_every_server_was_looked_at),
        TEST(a_file_of_before_stays_until_it_is_known_where_the_servers_are),
        TEST(what_another_has_written_is_not_replaced),
        TEST(what_the_same_kind_has_written_is),
        TEST(a_directory_that_is_not_there_is_said_and_tried_again),
        TEST(what_was_written_in_spite_of_an_error_is_not_taken_for_the_file_of_before),
        TEST(what_nginx_was_not_told_in_spite_of_an_error_is_not_left_there),
        TEST(nginx_is_reloaded_where_the_process_before_may_not_have_done_it),
        TEST(a_command_that_runs_at_the_end_leaves_no_process),
        TEST(a_test_that_fails_leaves_no_file_where_there_was_none),
        TEST(a_full_disk_leaves_nginx_what_it_has),
        TEST(a_full_disk_leaves_the_old_file_whole), /* last: it has mounts of its own from then on
                                                      */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
