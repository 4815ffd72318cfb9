/* feed: what it costs to publish a change of the fleet, and to read it.
 *
 * Times are medians of many publications; each changes one server at random (a state, its words and
 * a line of the log), then one turn changes 1,000.  The readers are eight threads: seven follow
 * the log as fast as they can, and one has held its snapshot since the beginning. */
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fleet/feed.h"

#define RUNS 2000
#define TURN 1000 /* changes in one turn */
#define READERS 8

static const uint32_t sizes[] = {10, 1000, 50000};
static _Atomic bool done;
static volatile uint64_t sink; /* what was read is used for something */

/* The thread's own time: what readers do beside it on two processors is not its. */
static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static uint32_t random_below(uint32_t n)
{
    static uint64_t seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed % n);
}

static void check(int r)
{
    if (r != 0)
        abort();
}

static struct feed *make(uint32_t n)
{
    struct feed *f;
    char text[64];
    uint32_t slot;

    check(feed_new(0, &f));
    for (uint32_t i = 0; i < n; i++) {
        struct fleet_entry *e;

        snprintf(text, sizeof text, "web%u.example.com:4242", i);
        check(feed_add(f, text, &slot));
        e = feed_change(f, slot);
        e->verdict.state = QHCP_UP;
        check(feed_text(f, e, FLEET_ADDRESS, text));
        check(feed_text(f, e, FLEET_SERVER_ID, text));
        check(feed_bytes(f, e, FLEET_METRICS, "1cpu_usage_percent\0001memory_usage_percent", 43));
        check(feed_bytes(f, e, FLEET_VALUES, (uint64_t[]){3100, 4500}, 16));
    }
    check(feed_publish(f, 1, 0));
    return f;
}

static void change(struct feed *f, uint32_t slot)
{
    struct fleet_entry *e = feed_change(f, slot);
    struct fleet_change c = {.kind = FLEET_STATE, .slot = slot, .key = e->key};

    c.from = (uint8_t)e->verdict.state;
    c.to = c.from == QHCP_UP ? QHCP_DOWN : QHCP_UP;
    e->verdict.state = (enum qhcp_state)c.to;
    snprintf(c.words, sizeof c.words, "%s",
             c.to == QHCP_DOWN ? "no answer to 3 checks in 54 ms" : "");
    check(feed_text(f, e, FLEET_WORDS, c.words));
    feed_tell(f, &c);
}

/* Microseconds of a turn that changes so many: median, and at 99 %. */
static double measure(struct feed *f, uint32_t n, unsigned changes, unsigned runs, double *ret_99)
{
    static double took[RUNS];

    for (unsigned i = 0; i < runs; i++) {
        double begun = now();

        for (unsigned k = 0; k < changes; k++)
            change(f, random_below(n));
        check(feed_publish(f, i, 0));
        took[i] = (now() - begun) / 1e3;
    }
    qsort(took, runs, sizeof took[0], ascending);
    *ret_99 = took[runs * 99 / 100];
    return took[runs / 2];
}

static double read_all(const struct fleet_snapshot *s)
{
    const struct fleet_entry *e;
    double begun = now();

    for (uint32_t at = 0; (e = snapshot_next(s, &at)); at++)
        sink += e->state + e->verdict.checks_ok + (uint64_t)fleet_text(e, FLEET_NAME)[0];
    return (now() - begun) / 1e3;
}

struct follower {
    pthread_t thread;
    struct feed *feed;
    uint64_t changes, behind;
};

static void *follow(void *arg)
{
    struct follower *o = arg;
    struct fleet_change c;
    struct feed_reader *r;
    enum reader_news news;

    check(reader_open(o->feed, &r));
    while (!atomic_load(&done)) {
        struct pollfd p = {.fd = reader_fd(r), .events = POLLIN};

        reader_hold(r);
        while ((news = reader_next(r, &c)) == READER_CHANGE)
            o->changes++;
        o->behind += news == READER_BEHIND;
        if (reader_sleep(r)) {
            poll(&p, 1, 100);
            reader_woken(r);
        }
    }
    reader_close(r);
    return NULL;
}

static void with_readers(struct feed *f, uint32_t n, double *ret_median, double *ret_99)
{
    static struct follower all[READERS - 1];
    struct feed_reader *sleeper;

    check(reader_open(f, &sleeper));
    reader_hold(sleeper);
    atomic_store(&done, false);
    for (unsigned i = 0; i < READERS - 1; i++) {
        all[i] = (struct follower){.feed = f};
        check(pthread_create(&all[i].thread, NULL, follow, &all[i]));
    }
    *ret_median = measure(f, n, 1, RUNS, ret_99);
    atomic_store(&done, true);
    change(f, 0);
    check(feed_publish(f, 1, 0));
    for (unsigned i = 0; i < READERS - 1; i++)
        pthread_join(all[i].thread, NULL);
    reader_close(sleeper);
}

static void row(uint32_t n)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, bytes;
    struct feed *f = make(n);
    double one, one_99, turn, turn_99, readers, readers_99, reading;
    uint64_t version;

    bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before - sizeof *f -
            FLEET_RING * sizeof(struct fleet_change);
    one = measure(f, n, 1, RUNS, &one_99);
    version = feed_current(f)->version;
    turn = measure(f, n, TURN, 50, &turn_99);
    if (feed_current(f)->version != version + 50)
        abort(); /* a turn is one publication */
    reading = read_all(feed_current(f));
    with_readers(f, n, &readers, &readers_99);
    printf("| %7u | %6.1f (%6.1f) | %8.1f | %7.1f (%7.1f) | %8.1f | %8.0f |\n", n, one, one_99,
           turn, readers, readers_99, reading, (double)bytes / n);
    feed_free(f);
}

int main(void)
{
    printf("us of the watching thread, median (and 99 %%); bytes without the log's %zu kB\n\n",
           FLEET_RING * sizeof(struct fleet_change) / 1024);
    printf("| servers | one change      | %u in one turn | one, 8 readers | all read | bytes a "
           "server |\n|--:|--:|--:|--:|--:|--:|\n",
           TURN);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        row(sizes[i]);
    return 0;
}
