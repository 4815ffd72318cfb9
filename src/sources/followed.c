#include "sources/followed.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/file.h"

#define MOMENT (20 * NSEC_PER_MSEC) /* others follow: several files of one change */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_CREATE)
#define SELF (IN_DELETE_SELF | IN_MOVE_SELF)

/* Hidden files and what editors and package managers leave behind are no lists. */
static bool is_rest(const char *name)
{
    static const char *const ends[] = {"~",         ".tmp",       ".swp",     ".bak",   ".dpkg-old",
                                       ".dpkg-new", ".dpkg-dist", ".rpmsave", ".rpmnew"};
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i]);

        if (n >= end && strcmp(name + n - end, ends[i]) == 0)
            return true;
    }
    return name[0] == '.' || name[0] == '#';
}

static bool is_ours(const struct followed *f, const char *name)
{
    if (!f->many)
        return strcmp(f->pattern, name) == 0;
    return !is_rest(name) && fnmatch(f->pattern, name, 0) == 0;
}

/* Its own name, or a link of a volume's that the path leads through ("..data" of Kubernetes). */
static bool concerns(const struct followed *f, const struct inotify_event *e)
{
    return e->len == 0 || is_ours(f, e->name) || strncmp(e->name, "..", 2) == 0;
}

static void on_events(void *ctx, qhcp_nsec now, unsigned ready)
{
    _Alignas(struct inotify_event) char buf[16384];
    struct followed *f = ctx;
    bool changed = false;
    ssize_t n = read(f->fd, buf, sizeof buf);

    (void)ready;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(buf + at);

        if (e->mask & (IN_IGNORED | SELF))
            f->wd = -1;
        /* a file that is written, or was begun, is closed later */
        if (e->mask & (IN_Q_OVERFLOW | SELF) ||
            (!(e->mask & (IN_MODIFY | IN_CREATE) && !(e->mask & IN_ISDIR)) && concerns(f, e)))
            changed = true;
        at += (ssize_t)sizeof *e + e->len;
    }
    if (changed)
        f->fn(f->ctx, nsec_add(now, MOMENT));
}

static void watch_dir(struct followed *f)
{
    if (f->fd >= 0 && f->wd < 0)
        f->wd = inotify_add_watch(f->fd, f->dir, EVENTS | SELF | IN_ONLYDIR);
}

int followed_begin(struct followed *ret, struct loop *loop, const char *path,
                   void (*fn)(void *ctx, qhcp_nsec when), void *ctx)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat st;

    *ret = (struct followed){.fd = -1, .wd = -1, .fn = fn, .ctx = ctx};
    if (strlen(path) >= sizeof ret->dir || strlen(name) >= sizeof ret->pattern)
        return QHCP_E_TOO_LARGE;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(ret->dir, sizeof ret->dir, "%s", path);
        strcpy(ret->pattern, "*");
    } else {
        snprintf(ret->dir, sizeof ret->dir, "%.*s", slash ? (int)(name - path) : 1,
                 slash ? path : ".");
        snprintf(ret->pattern, sizeof ret->pattern, "%s", name);
    }
    ret->many = strpbrk(ret->pattern, "*?[") != NULL;
    ret->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* without one, times alone tell */
    watch_dir(ret);
    if (ret->fd >= 0)
        loop_watch(loop, &ret->watch, ret->fd, LOOP_READABLE, on_events, ret);
    return 0;
}

void followed_end(struct followed *f)
{
    loop_unwatch(&f->watch);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = f->wd = -1;
}

static int names_of(const struct followed *f, struct dirent ***ret)
{
    return scandir(f->dir, ret, NULL, alphasort);
}

static void free_names(struct dirent **names, int n)
{
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

static void path_of(const struct followed *f, const char *name, char ret[2 * PATH_MAX])
{
    size_t n = strlen(f->dir);

    snprintf(ret, 2 * PATH_MAX, "%s%s%s", f->dir, n > 0 && f->dir[n - 1] == '/' ? "" : "/", name);
}

/* A number that differs where the files do: their names, places, sizes and times. */
static uint64_t times_of(const struct followed *f)
{
    struct dirent **names = NULL;
    char path[2 * PATH_MAX];
    uint64_t hash = 1;
    struct stat st;
    int n = names_of(f, &names);

    for (int i = 0; i < n; i++) {
        if (!is_ours(f, names[i]->d_name))
            continue;
        path_of(f, names[i]->d_name, path);
        if (stat(path, &st) < 0)
            continue;
        hash = (hash ^ (uint64_t)st.st_ino ^ (uint64_t)st.st_size << 40) * UINT64_C(1099511628211);
        hash = (hash ^ (uint64_t)st.st_mtim.tv_sec ^ (uint64_t)st.st_mtim.tv_nsec << 32) *
               UINT64_C(1099511628211);
    }
    free_names(names, n);
    return hash;
}

bool followed_differ(struct followed *f)
{
    uint64_t times = times_of(f);
    bool lasts = times == f->times;

    watch_dir(f);
    f->times = times;
    return lasts && times != f->seen;
}

static int read_one(const struct followed *f, const char *name, followed_take_fn *take, void *ctx,
                    char *words, size_t words_cap)
{
    char path[2 * PATH_MAX], *content;
    size_t n;
    int r;

    path_of(f, name, path);
    r = file_read(path, true, FOLLOWED_MAX, &content, &n, &(struct words){words, words_cap});
    if (r < 0)
        return r;
    r = take(ctx, path, content, n, words, words_cap);
    free(content);
    return r;
}

int followed_read(struct followed *f, followed_take_fn *take, void *ctx, char *words,
                  size_t words_cap)
{
    struct dirent **names = NULL;
    int n, r = 0, files = 0;

    watch_dir(f); /* before the files are read, so that no change is lost between */
    f->seen = f->times = times_of(f);
    if (!f->many)
        return read_one(f, f->pattern, take, ctx, words, words_cap);
    n = names_of(f, &names);
    if (n < 0) {
        snprintf(words, words_cap, "cannot read the directory %.200s: %s", f->dir, strerror(errno));
        return QHCP_E_IO;
    }
    for (int i = 0; i < n && r == 0; i++) {
        if (!is_ours(f, names[i]->d_name))
            continue;
        if (files++ == FOLLOWED_FILES) {
            snprintf(words, words_cap, "more than %d files", FOLLOWED_FILES);
            r = QHCP_E_TOO_MANY;
        } else {
            r = read_one(f, names[i]->d_name, take, ctx, words, words_cap);
        }
    }
    free_names(names, n);
    return r;
}
