/* The tables of a history, and how a file of an older version gets them.
 *
 * minute   one row a minute: its number ascends whatever the clock does, and orders all samples
 * server   each server that was ever watched, with its last known state
 * event    what happened, in the order in which it did: `id` ascends, `at_ms` is the wall clock
 * sample   a server's figures of one minute
 *
 * docs/history.md lists the columns: people read them with other tools too. */
#ifndef QHCP_HISTORY_LAYOUT_H
#define QHCP_HISTORY_LAYOUT_H

#include <sqlite3.h>

#define LAYOUT_VERSION 1
#define LAYOUT_APPLICATION 0x51484350 /* "QHCP", in the file's header */

/* The file's version: 0 for an empty file; -1: it cannot be read, sqlite3_errcode says why. */
int layout_version(sqlite3 *db);

/* Brings a file of version `from` to this version, whole or not at all.  An SQLite code. */
int layout_migrate(sqlite3 *db, int from);

/* The same with other steps, for a test: steps[i] leads from version i to i + 1. */
int layout_steps(sqlite3 *db, int from, const char *const *steps, int n);

#endif
