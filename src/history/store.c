#include "history/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history/layout.h"

#define BUSY_MS 500       /* another process writes: a command of the operator's, or a twin */
#define PRUNE_ROWS 10000  /* that a call deletes: some 20 ms */
#define PRUNE_EVENTS 1000 /* the same, where there are no minutes */
#define SHRINK "PRAGMA incremental_vacuum(100)" /* pages that go back to the file system */

enum statement {
    SERVER_PUT,
    SERVER_GONE,
    EVENT_PUT,
    MINUTE_PUT,
    SAMPLE_PUT,
    MINUTE_OLDEST,
    MINUTE_DELETE,
    SAMPLE_DELETE,
    EVENT_DELETE,
    EVENT_DELETE_OLDEST,
    SERVER_DELETE,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [SERVER_PUT] = "INSERT INTO server(name, address, label, tags, server_id, remote, state, cause,"
                   " words, priority, weight, since_ms)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                   " ON CONFLICT(name) DO UPDATE SET address=?2, label=?3, tags=?4, server_id=?5,"
                   " remote=?6, state=?7, cause=?8, words=?9, priority=?10, weight=?11,"
                   " since_ms=?12, gone=NULL RETURNING id",
    [SERVER_GONE] = "UPDATE server SET gone=(SELECT coalesce(max(id), 0) FROM minute)"
                    " WHERE gone IS NULL AND (?1=0 OR id=?1)",
    [EVENT_PUT] = "INSERT INTO event(at_ms, server, kind, before, after, cause, words, evidence,"
                  " who) VALUES(?1, nullif(?2, 0), ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [MINUTE_PUT] = "INSERT INTO minute(at_ms, event)"
                   " VALUES(?1, (SELECT coalesce(max(id), 0) FROM event)) RETURNING id",
    [SAMPLE_PUT] = "INSERT OR REPLACE INTO sample VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                   " ?11)",
    [MINUTE_OLDEST] = "SELECT id, at_ms, event FROM minute ORDER BY id LIMIT 1",
    [MINUTE_DELETE] = "DELETE FROM minute WHERE id=?1",
    [SAMPLE_DELETE] = "DELETE FROM sample WHERE minute<=?1",
    [EVENT_DELETE] = "DELETE FROM event WHERE id<=?1",
    [EVENT_DELETE_OLDEST] = "DELETE FROM event WHERE id IN"
                            " (SELECT id FROM event ORDER BY id LIMIT ?1)",
    [SERVER_DELETE] = "DELETE FROM server WHERE gone<=?1"
                      " AND NOT EXISTS (SELECT 1 FROM event WHERE event.server=server.id)",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
    int64_t minute; /* of the samples */
    char path[STORE_PATH];
    ino_t inode;
    dev_t device;
};

static int error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return QHCP_E_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return QHCP_E_PARSE;
    case SQLITE_NOMEM:
        return QHCP_E_NOMEM;
    default:
        return QHCP_E_IO;
    }
}

/* So that nobody else can read it, from its first moment on; SQLite gives the same mode to the
 * files beside it. */
static int make_private(const char *path, const struct words *w)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    struct stat st;

    if (fd < 0)
        return words_errno(w, errno, "open", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return words_fail(w, QHCP_E_ARG, "%s is not a regular file", path);
    }
    close(fd);
    return 0;
}

static int64_t pragma(struct store *s, const char *text)
{
    sqlite3_stmt *stmt;
    int64_t n = 0;

    if (sqlite3_prepare_v2(s->db, text, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

static bool is_foreign(struct store *s)
{
    return pragma(s, "PRAGMA application_id") != LAYOUT_APPLICATION &&
           pragma(s, "SELECT count(*) FROM sqlite_master") > 0;
}

static int set_up(struct store *s, const struct words *w)
{
    static const char pragmas[] = "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
                                  "PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=8388608;"
                                  "PRAGMA trusted_schema=OFF";
    int version, r;

    if (is_foreign(s))
        return words_fail(w, QHCP_E_ARG, "%s is another program's database", s->path);
    r = sqlite3_exec(s->db, pragmas, NULL, NULL, NULL);
    if (r != SQLITE_OK)
        return words_fail(w, error_of(r), "%s: %s", s->path, store_words(s));
    version = layout_version(s->db);
    if (version > LAYOUT_VERSION)
        return words_fail(
            w, QHCP_E_EXISTS,
            "%s was written by a newer version of qhcp (schema %d, this one knows %d)", s->path,
            version, LAYOUT_VERSION);
    if (version < 0)
        return words_fail(w, error_of(sqlite3_errcode(s->db)), "%s: %s", s->path, store_words(s));
    if (version < LAYOUT_VERSION)
        r = layout_migrate(s->db, version);
    for (int i = 0; i < STATEMENTS && r == SQLITE_OK; i++)
        r = sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL);
    if (r == SQLITE_ERROR) /* a table or a column is not there: by this version's number it is */
        r = SQLITE_CORRUPT;
    return r == SQLITE_OK ? 0 : words_fail(w, error_of(r), "%s: %s", s->path, sqlite3_errstr(r));
}

int store_open(const char *path, struct store **ret, const struct words *w)
{
    struct store *s = calloc(1, sizeof *s);
    struct stat st;
    int r;

    if (!s)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    snprintf(s->path, sizeof s->path, "%s", path);
    r = make_private(path, w);
    if (r == 0 && sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                  NULL) != SQLITE_OK)
        r = words_fail(w, QHCP_E_IO, "%s: %s", path, store_words(s));
    if (r == 0) {
        sqlite3_extended_result_codes(s->db, 1);
        sqlite3_busy_timeout(s->db, BUSY_MS);
        r = set_up(s, w);
    }
    if (r == 0 && stat(path, &st) == 0) {
        s->inode = st.st_ino;
        s->device = st.st_dev;
    }
    if (r == 0)
        *ret = s;
    else
        store_close(s);
    return r;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->stmt[i]);
    (void)sqlite3_close(s->db);
    free(s);
}

static bool is_sqlite(const char *path)
{
    char head[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : 0;

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)sizeof head && memcmp(head, "SQLite format 3", sizeof head) == 0;
}

int store_set_aside(const char *path, bool any, const struct words *w)
{
    static const char *const behind[] = {"-wal", "-shm"};
    char from[STORE_PATH + 16], to[STORE_PATH + 16];

    if (!any && !is_sqlite(path))
        return words_fail(w, QHCP_E_ARG, "%s is not a history", path);
    snprintf(to, sizeof to, "%s.damaged", path);
    if (rename(path, to) < 0)
        return words_errno(w, errno, "rename", path);
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        snprintf(from, sizeof from, "%s%s", path, behind[i]);
        snprintf(to, sizeof to, "%s.damaged%s", path, behind[i]);
        if (rename(from, to) < 0) /* it has none: nor may it have that of the one before */
            (void)unlink(to);
    }
    return 0;
}

bool store_is_there(const struct store *s)
{
    struct stat st;

    return stat(s->path, &st) == 0 && st.st_ino == s->inode && st.st_dev == s->device;
}

const char *store_words(const struct store *s)
{
    return sqlite3_errmsg(s->db);
}

static int run(struct store *s, const char *text)
{
    return error_of(sqlite3_exec(s->db, text, NULL, NULL, NULL));
}

int store_begin(struct store *s)
{
    return run(s, "BEGIN IMMEDIATE");
}

int store_commit(struct store *s)
{
    return run(s, "COMMIT");
}

void store_rollback(struct store *s)
{
    if (!sqlite3_get_autocommit(s->db)) /* some errors have rolled back by themselves */
        (void)run(s, "ROLLBACK");
}

static void bind_words(sqlite3_stmt *stmt, int at, const char *text)
{
    (void)sqlite3_bind_text(stmt, at, text ? text : "", -1, SQLITE_STATIC);
}

static void bind_known(sqlite3_stmt *stmt, int at, int64_t number)
{
    (void)(number == STORE_NONE ? sqlite3_bind_null(stmt, at)
                                : sqlite3_bind_int64(stmt, at, number));
}

/* To its end; its first row's number in *ret (NULL: it has none). */
static int finish(sqlite3_stmt *stmt, int64_t *ret)
{
    int r = sqlite3_step(stmt);

    if (r == SQLITE_ROW && ret) {
        *ret = sqlite3_column_int64(stmt, 0);
        while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
            ;
    }
    sqlite3_reset(stmt);
    return error_of(r);
}

int store_server_put(struct store *s, const struct store_server *row, int64_t *ret_id)
{
    const char *const texts[] = {row->name,   row->address, row->label, row->tags, row->server_id,
                                 row->remote, row->state,   row->cause, row->words};
    sqlite3_stmt *stmt = s->stmt[SERVER_PUT];

    for (int i = 0; i < (int)(sizeof texts / sizeof texts[0]); i++)
        bind_words(stmt, 1 + i, texts[i]);
    (void)sqlite3_bind_int64(stmt, 10, row->priority);
    (void)sqlite3_bind_int64(stmt, 11, row->weight);
    (void)sqlite3_bind_int64(stmt, 12, row->since_ms);
    return finish(stmt, ret_id);
}

int store_server_gone(struct store *s, int64_t id)
{
    (void)sqlite3_bind_int64(s->stmt[SERVER_GONE], 1, id);
    return finish(s->stmt[SERVER_GONE], NULL);
}

int store_event_put(struct store *s, const struct store_event *row)
{
    const char *const texts[] = {row->kind,  row->before,   row->after, row->cause,
                                 row->words, row->evidence, row->who};
    sqlite3_stmt *stmt = s->stmt[EVENT_PUT];

    (void)sqlite3_bind_int64(stmt, 1, row->at_ms);
    (void)sqlite3_bind_int64(stmt, 2, row->server);
    for (int i = 0; i < (int)(sizeof texts / sizeof texts[0]); i++)
        bind_words(stmt, 3 + i, texts[i]);
    return finish(stmt, NULL);
}

int store_minute(struct store *s, int64_t at_ms)
{
    (void)sqlite3_bind_int64(s->stmt[MINUTE_PUT], 1, at_ms);
    return finish(s->stmt[MINUTE_PUT], &s->minute);
}

int store_sample_put(struct store *s, const struct store_sample *row)
{
    sqlite3_stmt *stmt = s->stmt[SAMPLE_PUT];
    const int64_t numbers[] = {s->minute,
                               row->server,
                               row->state,
                               row->share,
                               row->rtt_us,
                               (int64_t)row->sent,
                               (int64_t)row->answered,
                               row->cpu,
                               row->memory,
                               row->requests,
                               row->connections};

    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        bind_known(stmt, 1 + i, numbers[i]);
    return finish(stmt, NULL);
}

uint64_t store_bytes(struct store *s)
{
    return (uint64_t)((pragma(s, "PRAGMA page_count") - pragma(s, "PRAGMA freelist_count")) *
                      pragma(s, "PRAGMA page_size"));
}

static int run_with(struct store *s, enum statement which, int64_t number, int *rows)
{
    int r;

    (void)sqlite3_bind_int64(s->stmt[which], 1, number);
    r = finish(s->stmt[which], NULL);
    *rows += sqlite3_changes(s->db);
    return r;
}

/* The oldest minute; false: there is none but the one that samples are written for. */
static bool oldest(struct store *s, int64_t *ret_id, int64_t *ret_ms, int64_t *ret_event)
{
    sqlite3_stmt *stmt = s->stmt[MINUTE_OLDEST];
    bool is = sqlite3_step(stmt) == SQLITE_ROW;

    if (is) {
        *ret_id = sqlite3_column_int64(stmt, 0);
        *ret_ms = sqlite3_column_int64(stmt, 1);
        *ret_event = sqlite3_column_int64(stmt, 2);
    }
    sqlite3_reset(stmt);
    return is && *ret_id != s->minute;
}

static int delete_minute(struct store *s, int64_t id, int64_t event, int *rows)
{
    int r = run_with(s, MINUTE_DELETE, id, rows);

    if (r == 0)
        r = run_with(s, SAMPLE_DELETE, id, rows);
    if (r == 0)
        r = run_with(s, EVENT_DELETE, event, rows);
    return r;
}

int store_prune(struct store *s, int64_t oldest_ms, uint64_t max_bytes)
{
    int64_t id = 0, at_ms, event, last = 0;
    int rows = 0, r = 0;
    bool large = store_bytes(s) > max_bytes;

    while (r == 0 && rows < PRUNE_ROWS && oldest(s, &id, &at_ms, &event) &&
           (at_ms < oldest_ms || large)) {
        r = delete_minute(s, id, event, &rows);
        large = store_bytes(s) > max_bytes;
        last = id;
    }
    if (r == 0 && large && rows == 0)
        r = run_with(s, EVENT_DELETE_OLDEST, PRUNE_EVENTS, &rows);
    if (r == 0 && last > 0)
        r = run_with(s, SERVER_DELETE, last, &rows);
    if (r == 0 &&
        (uint64_t)(pragma(s, "PRAGMA page_count") * pragma(s, "PRAGMA page_size")) > max_bytes)
        r = run(s, SHRINK);
    return r;
}
