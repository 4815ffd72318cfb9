/* Whole files: read with a bound, written whole or not at all; nobody is waited for. */
#include "../../words.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/file.h"

#include <qhcp/error.h>

static char dir[] = "/tmp/qhcp-file-XXXXXX", path[64], said[300];
static const struct words words = {said, sizeof said};

static void put(const char *text)
{
    assert_int_equal(file_replace(path, slice_str(text), 0640, false, &words), 0);
}

static void a_file_is_read_whole_up_to_its_bound(void **state)
{
    char *text;
    size_t n;

    (void)state;
    put("12345");
    assert_int_equal(file_read(path, true, 5, &text, &n, &words), 0);
    assert_int_equal(n, 5);
    assert_string_equal(text, "12345");
    file_wipe(text, n);
    assert_int_equal(file_read(path, true, 4, &text, &n, &words), QHCP_E_TOO_LARGE);
    assert_says(said, path);
    assert_says(said, "at most 4");
    put("");
    assert_int_equal(file_read(path, true, 0, &text, &n, &words), 0);
    assert_int_equal(n, 0);
    free(text);
}

/* One that says it is empty, as those of /proc do, and one that does not end. */
static void what_a_file_says_of_its_size_is_not_believed(void **state)
{
    char *text;
    size_t n;
    int fd;

    (void)state;
    assert_int_equal(file_read("/proc/self/status", true, 65536, &text, &n, &words), 0);
    assert_true(n > 100 && strlen(text) == n);
    free(text);
    fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_read_fd(fd, "/dev/zero", 65536, &text, &n, &words), QHCP_E_TOO_LARGE);
    close(fd);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    char *text;
    size_t n;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(file_write_all(ends[1], slice_str("abc")), 0);
    close(ends[1]);
    assert_int_equal(file_read_fd(ends[0], "a pipe", 10, &text, &n, &words), 0);
    assert_string_equal(text, "abc");
    free(text);
    close(ends[0]);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
    char fifo[80], link[80], *text = NULL;
    size_t n;

    (void)state;
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    snprintf(link, sizeof link, "%s/link", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(fifo, true, 10, &text, &n, &words), QHCP_E_IO);
    assert_says(said, "is not a regular file");
    assert_int_equal(file_read("/dev/zero", true, 10, &text, &n, &words), QHCP_E_IO);
    assert_int_equal(file_read(dir, true, 10, &text, &n, &words), QHCP_E_IO);
    assert_says(said, "is a directory");
    unlink(path);
    assert_int_equal(file_read(path, true, 10, &text, &n, &words), QHCP_E_NOT_FOUND);
    put("x");
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(file_read(link, false, 10, &text, &n, &words), QHCP_E_IO);
    assert_says(said, "symbolic link");
    assert_null(text);
    assert_int_equal(file_read(link, true, 10, &text, &n, &words), 0);
    free(text);
    unlink(link);
    unlink(fifo);
}

static unsigned files(void)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void a_file_is_replaced_whole_with_its_mode_or_stays(void **state)
{
    struct stat st;
    char *text;
    size_t n;

    (void)state;
    put("old");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(file_replace(path, slice_str("new"), 0600, true, &words), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_create(path, slice_str("twice"), 0600, &words), QHCP_E_IO);
    assert_int_equal(file_read(path, true, 10, &text, &n, &words), 0);
    assert_string_equal(text, "new");
    free(text);
    assert_int_equal(files(), 1);
    assert_int_equal(file_replace("/nonesuch/x", slice_str(""), 0600, false, &words),
                     QHCP_E_NOT_FOUND);
    assert_int_equal(file_replace(dir, slice_str(""), 0600, false, &words), QHCP_E_IO);
    assert_int_equal(files(), 1);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/file", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole_up_to_its_bound),
        cmocka_unit_test(what_a_file_says_of_its_size_is_not_believed),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(what_is_no_file_is_refused_at_once),
        cmocka_unit_test(a_file_is_replaced_whole_with_its_mode_or_stays),
    };

    return cmocka_run_group_tests_name("base-file", tests, setup, teardown);
}
