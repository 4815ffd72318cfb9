/* What the kernel says of the machine and its control groups: the providers of src/metrics, on a
 * tree of files that the input writes.
 *
 * Input: pieces that begin with '|' and a letter.  A letter of `files` writes that file with what
 * follows (a newline behind the letter is not part of it); '.' takes a sample, a second later than
 * the one before, so that what comes behind it changes live; '-' and a letter removes that file.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_metrics.c src/metrics/[a-z]*.c src/wire/registry.c src/base/cursor.c \
 *   src/base/text.c src/base/utf8.c src/base/value.c src/base/os/procfs.c -o fuzz_metrics
 * ./fuzz_metrics /tmp/found fuzz/corpus/metrics
 *
 * Besides memory and undefined behaviour: no value is beyond what the registry allows; two samples
 * at one moment agree; every file that was opened is closed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/os/procfs.h"
#include "base/slice.h"
#include "metrics/cgroup.h"
#include "metrics/providers.h"
#include "wire/registry.h"

#define FILES (sizeof files / sizeof files[0])

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const dirs[] = {
    "proc",
    "proc/self",
    "cgroup",
    "cgroup/g",
    "cgroup/g/h",
    "cgroup/cpu",
    "cgroup/cpu/g",
    "cgroup/cpuacct",
    "cgroup/cpuacct/g",
    "cgroup/cpuset",
    "cgroup/cpuset/g",
    "cgroup/memory",
    "cgroup/memory/g",
    "cgroup/unified",
};

static const struct {
    char letter;
    const char *path;
} files[] = {
    {'s', "proc/stat"},
    {'m', "proc/meminfo"},
    {'l', "proc/loadavg"},
    {'c', "proc/self/cgroup"},
    /* v2: the mount point, and two groups below it */
    {'0', "cgroup/cgroup.controllers"},
    {'a', "cgroup/cpu.max"},
    {'b', "cgroup/cpu.stat"},
    {'d', "cgroup/cpuset.cpus.effective"},
    {'e', "cgroup/memory.max"},
    {'f', "cgroup/memory.current"},
    {'g', "cgroup/memory.stat"},
    {'A', "cgroup/g/cpu.max"},
    {'B', "cgroup/g/cpu.stat"},
    {'D', "cgroup/g/cpuset.cpus.effective"},
    {'E', "cgroup/g/memory.max"},
    {'F', "cgroup/g/memory.current"},
    {'G', "cgroup/g/memory.stat"},
    {'1', "cgroup/g/h/cpu.max"},
    {'2', "cgroup/g/h/cpu.stat"},
    {'3', "cgroup/g/h/memory.max"},
    {'4', "cgroup/g/h/memory.current"},
    /* v1 */
    {'o', "cgroup/cpu/cpu.cfs_quota_us"},
    {'q', "cgroup/cpu/g/cpu.cfs_quota_us"},
    {'r', "cgroup/cpu/cpu.cfs_period_us"},
    {'p', "cgroup/cpu/g/cpu.cfs_period_us"},
    {'i', "cgroup/cpuacct/cpuacct.usage"},
    {'t', "cgroup/cpuacct/g/cpuacct.usage"},
    {'k', "cgroup/cpuset/g/cpuset.effective_cpus"},
    {'K', "cgroup/cpuset/g/cpuset.cpus"},
    {'x', "cgroup/memory/g/memory.limit_in_bytes"},
    {'y', "cgroup/memory/g/memory.usage_in_bytes"},
    {'z', "cgroup/memory/g/memory.stat"},
    /* both at once */
    {'u', "cgroup/unified/cgroup.controllers"},
    {'v', "cgroup/unified/cpu.max"},
    {'w', "cgroup/unified/cpu.stat"},
};

static const struct provider *const providers[] = {&cpu_provider, &memory_provider, &load_provider};
#define PROVIDERS (sizeof providers / sizeof providers[0])

static char base[64], proc[80], cgroup[80];
static int base_fd = -1;
static bool written[FILES];
static struct cgroup_site site;
static struct procfs_held held;
static void *remembers[PROVIDERS];
static bool begun;
static qhcp_nsec now;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void remove_file(size_t i)
{
    if (written[i])
        must(unlinkat(base_fd, files[i].path, 0) == 0);
    written[i] = false;
}

static void remove_tree(void)
{
    for (size_t i = 0; i < FILES; i++)
        remove_file(i);
    for (size_t i = sizeof dirs / sizeof dirs[0]; i > 0; i--)
        unlinkat(base_fd, dirs[i - 1], AT_REMOVEDIR);
    rmdir(base);
}

/* In memory where there is such a place: an input writes a dozen files. */
static void make_tree(void)
{
    snprintf(base, sizeof base, "/dev/shm/fuzz-metrics-XXXXXX");
    if (mkdtemp(base) == NULL) {
        snprintf(base, sizeof base, "/tmp/fuzz-metrics-XXXXXX");
        must(mkdtemp(base) != NULL);
    }
    base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(base_fd >= 0);
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
        must(mkdirat(base_fd, dirs[i], 0700) == 0);
    snprintf(proc, sizeof proc, "%s/proc", base);
    snprintf(cgroup, sizeof cgroup, "%s/cgroup", base);
    atexit(remove_tree);
}

static void write_file(size_t i, struct slice text)
{
    int fd = openat(base_fd, files[i].path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    must(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
    close(fd);
    written[i] = true;
}

/* The lowest descriptor that is free: the same before and after, if nothing stayed open. */
static int lowest_free(void)
{
    int fd = dup(base_fd);

    must(fd >= 0);
    close(fd);
    return fd;
}

static void begin(void)
{
    begun = true;
    site = (struct cgroup_site){.root = {.proc = proc, .cgroup = cgroup}, .stat = &held};
    for (size_t i = 0; i < PROVIDERS; i++) {
        remembers[i] = providers[i]->size > 0 ? calloc(1, providers[i]->size) : NULL;
        must(providers[i]->size == 0 || remembers[i] != NULL);
    }
}

static void sample_all(void)
{
    if (!begun)
        begin();
    now += NSEC_PER_SEC;
    cgroup_look(&site, now);
    for (size_t i = 0; i < PROVIDERS; i++) {
        const struct wire_metric_row *row = wire_metric_by_number(providers[i]->number);
        uint64_t value = UINT64_MAX, again = UINT64_MAX;
        bool known = providers[i]->sample(remembers[i], &site, now, &value);

        must(row != NULL);
        if (known)
            must(value <= CURSOR_VARINT_MAX && (row->max == 0 || value <= row->max));
        must(providers[i]->sample(remembers[i], &site, now, &again) == known &&
             (!known || again == value));
    }
    procfs_let_go(&held);
}

static void end(void)
{
    for (size_t i = 0; i < PROVIDERS; i++) {
        free(remembers[i]);
        remembers[i] = NULL;
    }
    begun = false;
    for (size_t i = 0; i < FILES; i++)
        remove_file(i);
}

static size_t find(char letter)
{
    size_t i = 0;

    while (i < FILES && files[i].letter != letter)
        i++;
    return i;
}

/* One piece without its '|'. */
static void run(struct slice piece)
{
    size_t i;

    if (piece.n == 0)
        return;
    if (piece.p[0] == '.') {
        sample_all();
        return;
    }
    if (piece.p[0] == '-') {
        i = find(piece.n > 1 ? (char)piece.p[1] : '\0');
        if (i < FILES)
            remove_file(i);
        return;
    }
    i = find((char)piece.p[0]);
    piece = slice_of(piece.p + 1, piece.n - 1);
    if (piece.n > 0 && piece.p[0] == '\n')
        piece = slice_of(piece.p + 1, piece.n - 1);
    if (i < FILES)
        write_file(i, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int before;

    if (base_fd < 0)
        make_tree();
    before = lowest_free();
    now = 1000 * NSEC_PER_SEC;
    while (size > 0) {
        const uint8_t *bar = memchr(data, '|', size);
        size_t n = bar != NULL ? (size_t)(bar - data) : size;

        run(slice_of(data, n));
        n += bar != NULL;
        data += n;
        size -= n;
    }
    sample_all();
    sample_all();
    end();
    must(lowest_free() == before);
    return 0;
}
