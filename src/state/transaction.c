/* A redo journal of whole files: see change.h. */
#include "state/transaction.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "base/os/file.h"
#include "state/guarded.h"
#include "state/state.h"

#define LIST "list" /* "put N MODE NAME" or "remove NAME", a line each */
#define LIST_MAX (TRANSACTION_FILES * (TRANSACTION_NAME + 16))

static void path_of(char ret[STATE_PATH], const char *dir, const char *sub, const char *name)
{
    snprintf(ret, STATE_PATH, "%s/%s%s%s", dir, sub, sub[0] && name[0] ? "/" : "", name);
}

/* Removes a directory of files of ours; it need not be there. */
static int sweep(const char *dir, const char *sub, const struct words *w)
{
    char path[STATE_PATH];
    struct dirent *e;
    DIR *d;

    path_of(path, dir, sub, "");
    d = opendir(path);
    if (!d)
        return errno == ENOENT ? 0 : words_errno(w, errno, "open", path);
    while ((e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    return rmdir(path) == 0 ? 0 : words_errno(w, errno, "remove", path);
}

void transaction_begin(struct transaction *c, const char *dir, const struct words *w)
{
    *c = (struct transaction){.dir = dir, .w = w};
}

/* Before the first row only: a change of nothing touches nothing. */
static int open_pending(const struct transaction *c)
{
    char path[STATE_PATH];
    int error = sweep(c->dir, "pending.new", c->w);

    path_of(path, c->dir, "pending.new", "");
    if (!error && mkdir(path, 0700) != 0)
        error = words_errno(c->w, errno, "make", path);
    return error;
}

static struct transaction_row *add_row(struct transaction *c, const char *name, unsigned mode)
{
    struct transaction_row *row = &c->rows[c->n];

    if (!c->error && c->n == 0)
        c->error = open_pending(c);
    if (c->error)
        return NULL;
    if (c->n == TRANSACTION_FILES || strlen(name) >= TRANSACTION_NAME) {
        c->error = words_fail(c->w, QHCP_E_INTERNAL, "too many files in one change");
        return NULL;
    }
    slice_to_cstr(slice_str(name), row->name, sizeof row->name);
    row->mode = mode;
    c->n++;
    return row;
}

void transaction_put(struct transaction *c, const char *name, struct slice content, unsigned mode)
{
    char number[24], path[STATE_PATH];
    size_t at = c->n;

    if (!add_row(c, name, mode))
        return;
    snprintf(number, sizeof number, "%zu", at);
    path_of(path, c->dir, "pending.new", number);
    c->error = file_create(path, content, mode, c->w);
}

void transaction_remove(struct transaction *c, const char *name)
{
    add_row(c, name, 0);
}

static int write_list(const struct transaction *c)
{
    char list[LIST_MAX], path[STATE_PATH];
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        const struct transaction_row *row = &c->rows[i];

        n += (size_t)(row->mode ? snprintf(list + n, sizeof list - n, "put %zu %o %s\n", i,
                                           row->mode, row->name)
                                : snprintf(list + n, sizeof list - n, "remove %s\n", row->name));
    }
    path_of(path, c->dir, "pending.new", LIST);
    return file_create(path, slice_of(list, n), 0600, c->w);
}

/* The folder a file goes to, made before the commit, since nothing may fail afterwards for lack of
 * space. */
static int make_folder(const char *dir, const char *name, const struct words *w)
{
    const char *slash = strchr(name, '/');
    char path[STATE_PATH];
    struct stat st;

    if (!slash)
        return 0;
    snprintf(path, sizeof path, "%s/%.*s", dir, (int)(slash - name), name);
    if (mkdir(path, 0700) == 0)
        return chmod(path, 0700) == 0 ? 0 : words_errno(w, errno, "chmod", path);
    if (errno != EEXIST)
        return words_errno(w, errno, "make", path);
    if (lstat(path, &st) != 0)
        return words_errno(w, errno, "look at", path);
    if (!S_ISDIR(st.st_mode))
        return words_fail(w, QHCP_E_IO, "%s is not a directory: move it away", path);
    return 0;
}

/* What is in a file's place must be a file, or the rename after the commit would fail. */
static int check_place(const char *dir, const char *name, const struct words *w)
{
    char path[STATE_PATH];
    struct stat st;

    path_of(path, dir, name, "");
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return words_fail(w, QHCP_E_IO, "%s is a directory, not a file: move it away", path);
    return 0;
}

static int prepare(struct transaction *c)
{
    char path[STATE_PATH];
    int error = 0;

    for (size_t i = 0; i < c->n && !error; i++) {
        error = make_folder(c->dir, c->rows[i].name, c->w);
        if (!error)
            error = check_place(c->dir, c->rows[i].name, c->w);
    }
    if (!error)
        error = write_list(c);
    path_of(path, c->dir, "pending.new", "");
    return error ? error : file_sync_dir(path, c->w);
}

int transaction_commit(struct transaction *c)
{
    char from[STATE_PATH], to[STATE_PATH];

    if (!c->error && c->n == 0)
        return 0;
    if (!c->error)
        c->error = prepare(c);
    path_of(from, c->dir, "pending.new", "");
    path_of(to, c->dir, "pending", "");
    if (!c->error && rename(from, to) != 0)
        c->error = words_errno(c->w, errno, "make", to);
    if (c->error) {
        transaction_abort(c);
        return c->error;
    }
    c->error = file_sync_dir(c->dir, c->w);
    if (!c->error)
        c->error = transaction_recover(c->dir, c->w);
    return c->error;
}

void transaction_abort(struct transaction *c)
{
    const struct words silent = {NULL, 0}; /* the words of the first error stay */

    sweep(c->dir, "pending.new", &silent);
}

static bool name_ok(const char *name)
{
    return name[0] && name[0] != '/' && !strstr(name, "..") && strlen(name) < TRANSACTION_NAME;
}

static int sync_folder(const char *dir, const char *name, const struct words *w)
{
    const char *slash = strchr(name, '/');
    char path[STATE_PATH];

    if (slash)
        snprintf(path, sizeof path, "%s/%.*s", dir, (int)(slash - name), name);
    else
        snprintf(path, sizeof path, "%s", dir);
    return file_sync_dir(path, w);
}

/* One line of the list.  Done already (the file is gone from pending) is fine. */
static int apply_line(const char *dir, const char *line, const struct words *w)
{
    char name[STATE_PATH], number[24], from[STATE_PATH], to[STATE_PATH];

    if (sscanf(line, "put %23[0-9] %*o %959s", number, name) == 2 && name_ok(name)) {
        path_of(from, dir, "pending", number);
        path_of(to, dir, name, "");
        if (rename(from, to) != 0 && (errno != ENOENT || access(from, F_OK) == 0))
            return words_errno(w, errno, "replace", to);
        return sync_folder(dir, name, w);
    }
    if (sscanf(line, "remove %959s", name) == 1 && name_ok(name)) {
        path_of(to, dir, name, "");
        if (unlink(to) != 0 && errno != ENOENT)
            return words_errno(w, errno, "remove", to);
        return 0;
    }
    return words_fail(w, QHCP_E_PARSE, "%s/pending/" LIST " is damaged: remove %s/pending", dir,
                      dir);
}

static int apply(const char *dir, char *list, const struct words *w)
{
    char path[STATE_PATH], *save = NULL;
    int error;

    for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        error = apply_line(dir, line, w);
        if (error)
            return error;
    }
    path_of(path, dir, "pending", LIST);
    if (unlink(path) != 0)
        return words_errno(w, errno, "remove", path);
    return sweep(dir, "pending", w);
}

int transaction_recover(const char *dir, const struct words *w)
{
    char path[STATE_PATH], *list;
    size_t n;
    int error;

    path_of(path, dir, "pending", "");
    if (access(path, F_OK) != 0)
        return sweep(dir, "pending.new", w);
    path_of(path, dir, "pending", LIST);
    error = guarded_read(path, GUARDED_PRIVATE, false, LIST_MAX, &list, &n, w);
    if (error == QHCP_E_NOT_FOUND) /* applied; only the sweeping was interrupted */
        return sweep(dir, "pending", w);
    if (error)
        return error;
    error = apply(dir, list, w);
    free(list);
    return error;
}
