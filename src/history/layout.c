#include "history/layout.h"

#include <stdio.h>

static const char first[] =
    "CREATE TABLE server("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " address TEXT NOT NULL,"
    " label TEXT NOT NULL,"
    " tags TEXT NOT NULL,"
    " server_id TEXT NOT NULL,"
    " remote TEXT NOT NULL,"
    " priority INTEGER NOT NULL,"
    " weight INTEGER NOT NULL,"
    " state TEXT NOT NULL,"
    " cause TEXT NOT NULL,"
    " words TEXT NOT NULL,"
    " since_ms INTEGER NOT NULL,"
    " gone INTEGER);" /* not watched any more since this minute */
    "CREATE TABLE event("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_ms INTEGER NOT NULL,"
    " server INTEGER,"
    " kind TEXT NOT NULL,"
    " before TEXT NOT NULL,"
    " after TEXT NOT NULL,"
    " cause TEXT NOT NULL,"
    " words TEXT NOT NULL,"
    " evidence TEXT NOT NULL,"
    " who TEXT NOT NULL);"
    "CREATE INDEX event_by_server ON event(server, id);"
    "CREATE INDEX event_by_time ON event(at_ms);"
    "CREATE TABLE minute("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_ms INTEGER NOT NULL,"
    " event INTEGER NOT NULL);" /* the newest then */
    "CREATE INDEX minute_by_time ON minute(at_ms);"
    /* In the order of time, so that a minute is written in one place of the file, and the oldest
     * is deleted in one.  A server's samples are looked up minute by minute. */
    "CREATE TABLE sample("
    " minute INTEGER NOT NULL,"
    " server INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " share INTEGER NOT NULL,"
    " rtt_us INTEGER,"
    " sent INTEGER NOT NULL,"
    " answered INTEGER NOT NULL,"
    " cpu INTEGER,"
    " memory INTEGER,"
    " requests INTEGER,"
    " connections INTEGER,"
    " PRIMARY KEY(minute, server)) WITHOUT ROWID;";

static const char *const all[LAYOUT_VERSION] = {first};

int layout_version(sqlite3 *db)
{
    sqlite3_stmt *stmt;
    int version = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return version;
}

int layout_steps(sqlite3 *db, int from, const char *const *steps, int n)
{
    char version[80];
    int r = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (r != SQLITE_OK)
        return r;
    for (int i = from; i < n && r == SQLITE_OK; i++)
        r = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
    snprintf(version, sizeof version, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             LAYOUT_APPLICATION, n);
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, version, NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (r != SQLITE_OK && !sqlite3_get_autocommit(db)) /* some errors roll back by themselves */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

int layout_migrate(sqlite3 *db, int from)
{
    return layout_steps(db, from, all, LAYOUT_VERSION);
}
