#include "metrics/cgroup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/procfs.h"

void cgroup_look(struct cgroup_site *s, qhcp_nsec now)
{
    char text[CGROUP_MEMBERSHIP];

    if (s->epoch > 0 && now < nsec_add(s->looked_at, CGROUP_AGE))
        return;
    if (!procfs_text(s->root.proc, "self/cgroup", text, sizeof text))
        return; /* no descriptor is free, say: what was found stays, and the next sample looks */
    memcpy(s->membership, text, strlen(text) + 1);
    s->looked_at = now;
    s->epoch++;
}

/* Is `word` one of those between commas in list[0..n)? */
static bool listed(const char *list, size_t n, const char *word)
{
    size_t len = strlen(word);

    while (n >= len) {
        const char *comma = memchr(list, ',', n);
        size_t here = comma != NULL ? (size_t)(comma - list) : n;

        if (here == len && memcmp(list, word, len) == 0)
            return true;
        if (comma == NULL)
            return false;
        list += here + 1;
        n -= here + 1;
    }
    return false;
}

/* A line "ID:CONTROLLERS:PATH". */
struct line {
    const char *controllers, *path;
    size_t n_controllers, n_path;
};

static bool parse_line(const char *line, size_t n, struct line *ret)
{
    const char *end = line + n, *first = memchr(line, ':', n), *second;

    if (first == NULL)
        return false;
    first++;
    second = memchr(first, ':', (size_t)(end - first));
    if (second == NULL || second + 1 == end || second[1] != '/')
        return false;
    *ret = (struct line){first, second + 1, (size_t)(second - first), (size_t)(end - second - 1)};
    return true;
}

/* The line of that controller, or with NULL that of v2, whose list is empty. */
static bool find_line(const char *text, const char *controller, struct line *ret)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        if (parse_line(text, n, ret) &&
            (controller != NULL ? listed(ret->controllers, ret->n_controllers, controller)
                                : ret->n_controllers == 0))
            return true;
        text += n;
        text += *text == '\n';
    }
    return false;
}

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has_file(const char *dir, const char *name)
{
    int fd = procfs_open(dir, name);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* v1 hierarchies are mounted under the controller's name, or the names of those that share one. */
static bool mount_v1(const struct metrics_root *root, const char *controller,
                     const struct line *line, struct cgroup *g)
{
    int n = snprintf(g->dir, sizeof g->dir, "%s/%s", root->cgroup, controller);

    if (n > 0 && n < CGROUP_DIR && is_dir(g->dir))
        return true;
    n = snprintf(g->dir, sizeof g->dir, "%s/%.*s", root->cgroup, (int)line->n_controllers,
                 line->controllers);
    return n > 0 && n < CGROUP_DIR && is_dir(g->dir);
}

static bool mount_v2(const struct metrics_root *root, struct cgroup *g)
{
    static const char *const places[] = {"", "/unified"};

    for (size_t i = 0; i < 2; i++) {
        int n = snprintf(g->dir, sizeof g->dir, "%s%s", root->cgroup, places[i]);

        if (n > 0 && n < CGROUP_DIR && has_file(g->dir, "cgroup.controllers"))
            return true;
    }
    return false;
}

/* Appends the path the kernel reported.  One that leads out of the mount ("/../x": the process is
 * outside its namespace's root) or to nowhere (seen from outside a container) is dropped. */
static void enter(struct cgroup *g, const struct line *line)
{
    size_t n = line->n_path;

    g->mount = strlen(g->dir);
    while (n > 0 && line->path[n - 1] == '/')
        n--;
    if (g->mount + n >= CGROUP_DIR || memmem(line->path, line->n_path, "/..", 3) != NULL)
        return;
    memcpy(g->dir + g->mount, line->path, n);
    g->dir[g->mount + n] = '\0';
    if (!is_dir(g->dir))
        g->dir[g->mount] = '\0';
}

bool cgroup_find(const struct cgroup_site *s, const char *controller, struct cgroup *ret)
{
    struct cgroup g;
    struct line line;

    g.unified = false;
    if (!find_line(s->membership, controller, &line) ||
        !mount_v1(&s->root, controller, &line, &g)) {
        g.unified = true;
        if (!find_line(s->membership, NULL, &line) || !mount_v2(&s->root, &g))
            return false;
    }
    enter(&g, &line);
    *ret = g;
    return true;
}

bool cgroup_up(struct cgroup *g)
{
    char *slash = strrchr(g->dir + g->mount, '/');

    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

bool cgroup_same(const struct cgroup *a, const struct cgroup *b)
{
    return a->unified == b->unified && a->mount == b->mount && strcmp(a->dir, b->dir) == 0;
}

bool cgroup_memory_limit(const struct cgroup *g, uint64_t *ret)
{
    char text[32];

    if (!g->unified)
        return procfs_number(g->dir, "memory.limit_in_bytes", ret);
    if (!procfs_text(g->dir, "memory.max", text, sizeof text))
        return false;
    if (strcmp(text, "max\n") != 0)
        return procfs_number_of(text, ret);
    *ret = UINT64_MAX;
    return true;
}
