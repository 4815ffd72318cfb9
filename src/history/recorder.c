#include "history/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/os/clock.h"
#include "history/row.h"

#define APART NSEC_PER_SEC        /* turns */
#define AGAIN (10 * NSEC_PER_SEC) /* after a failure */
#define LOOK (60 * NSEC_PER_SEC)  /* whether the file is still there */
#define WORDS 600

static void say(struct recorder *r, enum qhcp_log_level level, const char *words)
{
    if (r->config.say)
        r->config.say(r->config.ctx, level, words);
}

/* The row of a server that is written now is another file's, or none: all are written again. */
static void forget(struct recorder *r)
{
    for (uint32_t i = 0; i < r->n_seen; i++)
        r->seen[i].id = 0;
    r->version = 0;
}

static void failed(struct recorder *r, int error, const char *why)
{
    char words[WORDS + 2 * STORE_PATH + 200];

    snprintf(words, sizeof words, "the history is not written: %s%s; trying again every 10 s",
             error == QHCP_E_FULL ? "no room on the disk for " : "",
             error == QHCP_E_FULL ? r->config.path : why);
    if (!r->told)
        say(r, QHCP_LOG_ERROR, words);
    r->told = true;
    forget(r);
}

/* It will not become better. */
static void give_up(struct recorder *r, const char *why)
{
    char words[WORDS + 2 * STORE_PATH + 200];

    snprintf(words, sizeof words,
             "the history is not written: %s; the file is left as it is: name another one with "
             "--history",
             why);
    say(r, QHCP_LOG_ERROR, words);
    r->given_up = true;
}

static void set_aside(struct recorder *r, const char *why)
{
    char words[WORDS + 2 * STORE_PATH + 100], aside[WORDS];
    int error;

    store_close(r->store);
    r->store = NULL;
    error = store_set_aside(r->config.path, r->config.ours, &(struct words){aside, sizeof aside});
    if (error == QHCP_E_ARG) {
        give_up(r, aside);
        return;
    }
    if (error == 0)
        snprintf(words, sizeof words,
                 "the history was damaged (%s): it is now %s.damaged, and a new one begins", why,
                 r->config.path);
    else
        snprintf(words, sizeof words, "the history is damaged (%s) and cannot be set aside: %s",
                 why, aside);
    say(r, QHCP_LOG_ERROR, words);
    forget(r);
    r->begun = false;
}

static void open_file(struct recorder *r)
{
    char why[WORDS];
    const struct words w = {why, sizeof why};
    int error = store_open(r->config.path, &r->store, &w);

    if (error == QHCP_E_PARSE) {
        set_aside(r, why);
        error = r->given_up ? 0 : store_open(r->config.path, &r->store, &w);
    }
    if (error == QHCP_E_EXISTS || error == QHCP_E_ARG)
        give_up(r, why);
    else if (error != 0)
        failed(r, error, why);
    r->look_at = 0;
}

/* Keeps a change until it is written. */
static void keep(struct recorder *r, const struct fleet_change *c)
{
    size_t cap = r->cap_waiting ? 2 * r->cap_waiting : 16;
    struct fleet_change *grown;

    if (r->n_waiting == r->cap_waiting) {
        grown = cap <= RECORDER_KEEP ? realloc(r->waiting, cap * sizeof *grown) : NULL;
        if (!grown) {
            r->lost++;
            return;
        }
        r->waiting = grown;
        r->cap_waiting = cap;
    }
    r->waiting[r->n_waiting++] = *c;
}

static void read_changes(struct recorder *r)
{
    struct fleet_change c;
    enum reader_news news;

    while ((news = reader_next(r->reader, &c)) == READER_CHANGE)
        keep(r, &c);
    if (news == READER_BEHIND && r->follows)
        r->missed = true;
    r->follows = true;
}

/* Room for what is known of each slot.  False: there is no memory. */
static bool room_for(struct recorder *r, uint32_t slots)
{
    struct recorder_seen *grown;

    if (slots <= r->n_seen)
        return true;
    grown = realloc(r->seen, slots * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + r->n_seen, 0, (slots - r->n_seen) * sizeof *grown);
    r->seen = grown;
    r->n_seen = slots;
    return true;
}

/* A history that begins, or goes on after another process. */
static int write_beginning(struct recorder *r, int64_t wall_ms, size_t servers)
{
    char words[100];
    struct store_event e = {
        .at_ms = r->begun_ms ? r->begun_ms : wall_ms, .kind = "started", .words = words};
    int error = store_server_gone(r->store, 0);

    snprintf(words, sizeof words, "qhcp %s watches %zu server%s", r->config.version, servers,
             servers == 1 ? "" : "s");
    return error == 0 ? store_event_put(r->store, &e) : error;
}

static int write_gap(struct recorder *r, int64_t wall_ms)
{
    char words[100];
    struct store_event e = {.at_ms = wall_ms, .kind = "gap", .words = words};

    if (r->lost > 0)
        snprintf(words, sizeof words,
                 "%llu change%s could not be written and are missing before this",
                 (unsigned long long)r->lost, r->lost == 1 ? "" : "s");
    else
        snprintf(words, sizeof words, "too many changes at once: some are missing before this");
    return store_event_put(r->store, &e);
}

/* Servers whose state has changed since they were written. */
static int write_servers(struct recorder *r, const struct fleet_snapshot *s)
{
    const struct fleet_entry *e;
    int error = 0;

    for (uint32_t at = 0; error == 0 && (e = snapshot_changed(s, r->version, &at)); at++)
        if (e->text[FLEET_NAME])
            error = row_server(r->store, e, &r->seen[at]);
    return error;
}

static int write_samples(struct recorder *r, const struct fleet_snapshot *s)
{
    uint32_t end = r->sample_next + RECORDER_SLICE;
    const struct fleet_entry *e;
    int error = 0;

    for (; error == 0 && r->sample_next < end && (e = snapshot_next(s, &r->sample_next));
         r->sample_next++)
        error = row_sample(r->store, e, s->self.use, &r->seen[r->sample_next]);
    if (error == 0 && r->sample_next < end)
        r->sample_next = UINT32_MAX; /* that was the last */
    return error;
}

static int write_all(struct recorder *r, const struct fleet_snapshot *s, qhcp_nsec now,
                     int64_t wall_ms)
{
    bool gap = r->lost > 0 || r->missed;
    int error = store_begin(r->store);

    if (error == 0 && !r->begun)
        error = write_beginning(r, wall_ms, s->self.n);
    if (error == 0)
        error = write_servers(r, s);
    for (size_t i = 0; i < r->n_waiting && error == 0; i++)
        error = row_change(r->store, &r->waiting[i], r->seen, r->n_seen);
    if (error == 0 && gap)
        error = write_gap(r, wall_ms);
    if (error == 0 && r->sample_at <= now)
        error = store_minute(r->store, wall_ms);
    if (error == 0 && r->sample_at <= now)
        r->sample_next = 0;
    if (error == 0 && r->sample_next != UINT32_MAX)
        error = write_samples(r, s);
    if (error == 0)
        error = store_prune(r->store, wall_ms - r->config.max_age_ms, r->config.max_bytes);
    return error == 0 ? store_commit(r->store) : error;
}

static void written(struct recorder *r, const struct fleet_snapshot *s, qhcp_nsec now)
{
    char words[STORE_PATH + 200];

    if (r->told) {
        snprintf(words, sizeof words, "the history is written again (%s); %llu change%s missing",
                 r->config.path, (unsigned long long)r->lost, r->lost == 1 ? " is" : "s are");
        say(r, QHCP_LOG_WARNING, words);
    }
    r->told = r->missed = false;
    r->begun = true;
    r->begun_ms = 0;
    r->lost = 0;
    r->version = s->version;
    if (r->sample_at <= now)
        r->sample_at = nsec_add(now, RECORDER_SAMPLE);
    r->n_waiting = 0;
    if (r->cap_waiting > 256) { /* a storm is over */
        free(r->waiting);
        r->waiting = NULL;
        r->cap_waiting = 0;
    }
}

/* Somebody has removed the file, or moved it: another is begun. */
static void look(struct recorder *r, qhcp_nsec now)
{
    if (!r->store || r->look_at > now)
        return;
    if (r->look_at > 0 && !store_is_there(r->store)) {
        say(r, QHCP_LOG_WARNING, "the history's file is not there any more: a new one begins");
        store_close(r->store);
        r->store = NULL;
        forget(r);
        r->begun = false;
    }
    r->look_at = nsec_add(now, LOOK);
}

static void write_out(struct recorder *r, const struct fleet_snapshot *s, qhcp_nsec now,
                      int64_t wall_ms)
{
    char why[WORDS + STORE_PATH];
    int error;

    look(r, now);
    if (!r->store)
        open_file(r);
    r->try_at = nsec_add(now, AGAIN);
    if (!r->store || !room_for(r, s->slots))
        return;
    error = write_all(r, s, now, wall_ms);
    if (error == 0) {
        written(r, s, now);
        r->try_at = now;
        return;
    }
    snprintf(why, sizeof why, "%s: %s", r->config.path, store_words(r->store));
    store_rollback(r->store);
    r->sample_next = UINT32_MAX; /* its minute is rolled back, or incomplete */
    if (error == QHCP_E_PARSE)
        set_aside(r, why);
    else
        failed(r, error, why);
}

void recorder_turn(struct recorder *r, qhcp_nsec now, int64_t wall_ms)
{
    const struct fleet_snapshot *s = reader_hold(r->reader);
    bool due;

    r->at = nsec_add(now, APART);
    read_changes(r);
    if (atomic_load(&r->silent) || r->given_up) {
        r->n_waiting = 0;
        reader_let_go(r->reader);
        return;
    }
    due = !r->begun || r->n_waiting > 0 || r->lost > 0 || r->missed || r->sample_at <= now ||
          r->sample_next != UINT32_MAX;
    if (due && r->try_at <= now)
        write_out(r, s, now, wall_ms);
    reader_let_go(r->reader);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((const struct recorder *)ctx)->at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    recorder_turn(ctx, now, clock_wall_ms());
}

void recorder_write(struct recorder *r)
{
    if (r->reader)
        recorder_turn(r, loop_now(), clock_wall_ms());
}

int recorder_begin(struct recorder *ret, struct loop *loop, struct feed *feed,
                   const struct recorder_config *config)
{
    qhcp_nsec now = loop_now();
    int r;

    *ret = (struct recorder){
        .config = *config,
        .at = nsec_add(now, APART),
        .begun_ms = clock_wall_ms(),
        .sample_at = nsec_add(now, RECORDER_FIRST),
        .sample_next = UINT32_MAX,
        .part = {.name = "history", .ctx = ret, .deadline = deadline, .expire = expire}};
    r = reader_open(feed, &ret->reader);
    if (r != 0)
        return r;
    (void)reader_hold(ret->reader);
    read_changes(ret); /* what was before us is in the snapshot */
    reader_let_go(ret->reader);
    loop_add(loop, &ret->part);
    return 0;
}

/* The last row says that it was no accident. */
static void write_end(struct recorder *r)
{
    const struct store_event e = {.at_ms = clock_wall_ms(), .kind = "stopped"};

    if (!r->store || !r->begun || r->told || atomic_load(&r->silent) || store_begin(r->store) != 0)
        return;
    if (store_event_put(r->store, &e) != 0 || store_commit(r->store) != 0)
        store_rollback(r->store);
}

void recorder_end(struct recorder *r)
{
    if (!r->reader)
        return;
    loop_remove(&r->part);
    recorder_turn(r, loop_now(), clock_wall_ms());
    write_end(r);
    reader_close(r->reader);
    store_close(r->store);
    free(r->seen);
    free(r->waiting);
    *r = (struct recorder){.reader = NULL};
}

void recorder_silence(struct recorder *r)
{
    atomic_store(&r->silent, true);
}
