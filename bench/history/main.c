/* history [SERVERS [MINUTES]]: what a day of history takes, on the disk and of the processor, and
 * how long `qhcp why` looks for its answer.
 *
 * A fleet that is made up: every figure of every server changes each minute, and each server goes
 * down and comes back four times a day, with evidence as long as it usually is.  The recorder is
 * the real one, called as often as its loop would call it: once a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fleet/feed.h"
#include "history/recorder.h"
#include "history/story.h"

#define START_MS INT64_C(1800000000000)
#define FALLS 4 /* of each server, in 1,440 minutes */
#define ASKED 200

static const char names[] = "1cpu_usage_percent\0001memory_usage_percent\0000requests_in_flight";
static const char evidence[] =
    "last signal: 3 misses, 2 ms before; srtt 0.2 ms, loss 0.4 %; checks: 803 ms before: 0.1 ms, "
    "603 ms before: 0.1 ms, 403 ms before: 0.2 ms, 202 ms before: 0.2 ms, 3 ms before: missed, 3 "
    "ms before: missed, 2 ms before: not answered yet, 2 ms before: not answered yet";

static double cpu(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double wall(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void check(int r)
{
    if (r != 0) {
        fprintf(stderr, "history: %s\n", qhcp_strerror(r));
        exit(1);
    }
}

static void figures(struct feed *feed, uint32_t slot, unsigned minute)
{
    struct fleet_entry *e = feed_change(feed, slot);
    const uint64_t values[] = {(uint64_t)(rand() % 10000), (uint64_t)(rand() % 10000),
                               (uint64_t)(rand() % 300)};

    e->verdict.rtt_us = (uint64_t)(200 + rand() % 2000);
    e->verdict.checks_sent = 60 * (minute + 1);
    e->verdict.checks_ok = e->verdict.checks_sent - (uint64_t)(rand() % 3);
    e->report.in_flight = (uint32_t)values[2];
    check(feed_bytes(feed, e, FLEET_METRICS, names, sizeof names));
    check(feed_bytes(feed, e, FLEET_VALUES, values, sizeof values));
}

static void goes(struct feed *feed, uint32_t slot, enum qhcp_state to, qhcp_nsec now, int64_t ms)
{
    struct fleet_entry *e = feed_change(feed, slot);
    struct fleet_change c = {.kind = FLEET_STATE,
                             .slot = slot,
                             .key = e->key,
                             .from = (uint8_t)e->verdict.state,
                             .to = (uint8_t)to,
                             .cause = QHCP_CAUSE_SILENCE,
                             .at = now,
                             .at_ms = ms};

    snprintf(c.name, sizeof c.name, "%s", fleet_text(e, FLEET_NAME));
    snprintf(c.words, sizeof c.words, "%s", to == QHCP_DOWN ? "no answer to 3 checks" : "serving");
    snprintf(c.evidence, sizeof c.evidence, "%s", to == QHCP_DOWN ? evidence : "");
    e->verdict.state = to;
    e->verdict.since = now;
    check(feed_text(feed, e, FLEET_WORDS, c.words));
    feed_tell(feed, &c);
    c.kind = FLEET_SESSION;
    c.words[0] = c.evidence[0] = '\0';
    if (to == QHCP_UP)
        feed_tell(feed, &c);
}

/* One minute, of which the recorder has sixty turns; its processor time in *took. */
static void minute(struct feed *feed, struct recorder *r, uint32_t servers, unsigned m,
                   double *took)
{
    qhcp_nsec at = (m + 1) * 60 * NSEC_PER_SEC + NSEC_PER_SEC;
    int64_t ms = START_MS + (int64_t)m * 60000;

    for (uint32_t i = 0; i < servers; i++)
        figures(feed, i, m);
    check(feed_publish(feed, at, ms));
    for (unsigned s = 0; s < 60; s++) {
        double before;

        for (uint32_t i = s; i < servers; i += 60)
            if ((i * 37 + m) % (1440 / FALLS) < 2)
                goes(feed, i, (i * 37 + m) % (1440 / FALLS) == 0 ? QHCP_DOWN : QHCP_UP,
                     at + s * NSEC_PER_SEC, ms + s * 1000);
        check(feed_publish(feed, at + s * NSEC_PER_SEC, ms + s * 1000));
        before = cpu();
        recorder_turn(r, at + s * NSEC_PER_SEC, ms + s * 1000);
        *took += cpu() - before;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void ask(const char *path, uint32_t servers)
{
    static double took[ASKED];
    struct story *s = malloc(sizeof *s);
    char words[300] = "", name[40];
    const struct words w = {words, sizeof words};

    for (int i = 0; i < ASKED; i++) {
        double before = wall();
        struct query_server server;
        struct query *q;

        snprintf(name, sizeof name, "10.0.%d.%d:4243", (i * 7919 % (int)servers) / 250,
                 (i * 7919 % (int)servers) % 250);
        check(query_open(path, &q, &w));
        check(query_find(q, name, &server, &w));
        check(story_find(q, &server, s));
        query_close(q);
        took[i] = wall() - before;
        if (s->fall.id == 0 || s->n_samples == 0)
            check(QHCP_E_NOT_FOUND);
    }
    qsort(took, ASKED, sizeof took[0], ascending);
    printf("why: median %.1f ms, worst of %d %.1f ms\n", took[ASKED / 2] * 1e3, ASKED,
           took[ASKED - 1] * 1e3);
    free(s);
}

static void report(const char *path, uint32_t servers, unsigned minutes, double took)
{
    struct stat st;
    char words[300];
    struct store *store;

    check(store_open(path, &store, &(struct words){words, sizeof words}));
    if (stat(path, &st) != 0)
        check(QHCP_E_IO);
    printf("%u servers, %u minutes: %.1f MB (%.1f in use), %.1f MB for 24 h\n", servers, minutes,
           (double)st.st_size / 1e6, (double)store_bytes(store) / 1e6,
           (double)st.st_size / 1e6 * 1440 / minutes);
    printf("recorder: %.2f s of CPU, %.4f %% of one CPU, %.2f us a sample\n", took,
           took / (minutes * 60.0) * 100, took / ((double)servers * minutes) * 1e6);
    store_close(store);
}

int main(int argc, char **argv)
{
    uint32_t servers = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000, slot;
    unsigned minutes = argc > 2 ? (unsigned)atoi(argv[2]) : 1440;
    char dir[] = "/var/tmp/qhcp-history-XXXXXX", name[40], command[80];
    struct recorder_config c = {
        .max_bytes = UINT64_MAX, .max_age_ms = INT64_MAX / 4, .version = "bench"};
    struct recorder r;
    struct feed *feed;
    struct loop *loop;
    double took = 0;

    if (servers < 1 || minutes < 1 || !mkdtemp(dir) || loop_new(NULL, &loop) != 0)
        return 1;
    snprintf(c.path, sizeof c.path, "%s/history.db", dir);
    check(feed_new(16384, &feed));
    for (uint32_t i = 0; i < servers; i++) {
        snprintf(name, sizeof name, "10.0.%u.%u:4243", i / 250, i % 250);
        check(feed_add(feed, name, &slot));
    }
    check(recorder_begin(&r, loop, feed, &c));
    r.sample_at = 0;
    for (unsigned m = 0; m < minutes; m++)
        minute(feed, &r, servers, m, &took);
    recorder_end(&r);
    report(c.path, servers, minutes, took);
    ask(c.path, servers);
    feed_free(feed);
    loop_free(loop);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? 0 : 1;
}
