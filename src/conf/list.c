#include "conf/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/file.h"

void list_deinit(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->at[i]);
    for (size_t i = 0; i < l->n_files; i++)
        free(l->files[i]);
    free(l->at);
    free(l->places);
    free(l->files);
    *l = (struct list){0};
}

static bool grow(struct list *l)
{
    size_t cap = l->cap ? 2 * l->cap : 16;
    char **at = realloc(l->at, cap * sizeof *at);

    if (!at)
        return false;
    l->at = at;
    struct list_place *places = realloc(l->places, cap * sizeof *places);
    if (!places)
        return false;
    l->places = places;
    l->cap = cap;
    return true;
}

/* The number of a file of this name; 0: there is no memory.  Entries of one file follow each other.
 */
static size_t file_number(struct list *l, const char *name)
{
    if (l->n_files > 0 && strcmp(l->files[l->n_files - 1], name) == 0)
        return l->n_files;
    char **files = realloc(l->files, (l->n_files + 1) * sizeof *files);
    if (!files)
        return 0;
    l->files = files;
    l->files[l->n_files] = strdup(name);
    return l->files[l->n_files] ? ++l->n_files : 0;
}

int list_add(struct list *l, const char *text, size_t n, const struct place *at)
{
    struct list_place place = {.line = 0};

    if (l->n >= LIST_MAX)
        return QHCP_E_FULL;
    if (l->n == l->cap && !grow(l))
        return QHCP_E_NOMEM;
    if (at && at->file) {
        size_t file = file_number(l, at->file);

        if (file == 0 || file > UINT16_MAX)
            return file == 0 ? QHCP_E_NOMEM : QHCP_E_FULL;
        place.file = (uint16_t)file;
        place.line = at->line;
        place.column = at->column < UINT16_MAX ? (uint16_t)at->column : UINT16_MAX;
    }
    char *copy = strndup(text, n);
    if (!copy)
        return QHCP_E_NOMEM;
    l->places[l->n] = place;
    l->at[l->n++] = copy;
    return 0;
}

struct place list_place(const struct list *l, size_t i, const char *option)
{
    const struct list_place *p = &l->places[i];

    if (p->file == 0)
        return (struct place){.option = option};
    return (struct place){.file = l->files[p->file - 1], .line = p->line, .column = p->column};
}

void list_drop(struct list *l, size_t i)
{
    free(l->at[i]);
    l->n--;
    memmove(&l->at[i], &l->at[i + 1], (l->n - i) * sizeof l->at[0]);
    memmove(&l->places[i], &l->places[i + 1], (l->n - i) * sizeof l->places[0]);
}

static int add(struct list *l, const char *text, size_t n, const struct place *at, struct faults *f)
{
    int r = list_add(l, text, n, at);

    if (r == QHCP_E_FULL)
        return faults_add(f, at, r, "more than %u entries", (unsigned)LIST_MAX);
    return r < 0 ? faults_add(f, at, r, "out of memory") : 0;
}

static void trim(const char **p, const char **end)
{
    while (*p < *end && strchr(" \t\r", **p))
        (*p)++;
    while (*end > *p && strchr(" \t\r", (*end)[-1]))
        (*end)--;
}

/* Characters from p to end, from 1. */
static unsigned column_of(const char *p, const char *end)
{
    unsigned n = 1;

    for (; p < end; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80; /* of UTF-8, the first byte of each */
    return n;
}

int list_parse_lines(struct list *l, const char *name, const char *content, size_t n,
                     struct faults *f)
{
    struct place at = {.file = name};
    const char *end = content + n;
    int r = 0;

    if (n > 0 && memchr(content, '\0', n))
        return faults_add(f, &at, QHCP_E_PARSE, "it has a NUL byte: not a text file");
    for (const char *line = content; line < end && r == 0;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *next = stop ? stop + 1 : end, *p = line;
        stop = stop ? stop : end;
        const char *comment = memchr(line, '#', (size_t)(stop - line));
        if (comment)
            stop = comment;
        trim(&p, &stop);
        at.line++;
        at.column = column_of(line, p);
        if (p < stop)
            r = add(l, p, (size_t)(stop - p), &at, f);
        line = next;
    }
    return r;
}

/* On the command line the file may be a pipe, @<(command); a file that is read while a load
 * balancer runs must not block it. */
static int open_file(const char *path, enum list_source allowed, const struct words *w)
{
    int fd = -1, r;

    if (allowed != LIST_STDIN) {
        r = file_open(path, true, &fd, w);
        return r < 0 ? r : fd;
    }
    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? words_errno(w, errno, "open", path) : fd;
}

static int parse_file(struct list *l, const char *path, enum list_source allowed,
                      const struct place *at, struct faults *f)
{
    char why[500] = "";
    const struct words w = {why, sizeof why};
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    size_t before = l->n, n;
    char *content;

    if (is_stdin && allowed != LIST_STDIN)
        return faults_add(f, at, QHCP_E_ARG, "@- (standard input) cannot be read here");
    if (path[0] == '\0')
        return faults_add(f, at, QHCP_E_ARG,
                          "\"@\" needs a file: use @FILE, or @- for standard input");
    int fd = open_file(path, allowed, &w);
    if (fd < 0)
        return faults_add(f, at, fd, "%s", why);
    int r = file_read_fd(fd, name, LIST_FILE_MAX, &content, &n, &w);
    if (!is_stdin)
        close(fd);
    if (r < 0)
        return faults_add(f, at, r, "%s", why);
    r = list_parse_lines(l, name, content, n, f);
    free(content);
    if (r == 0 && l->n == before)
        r = faults_add(f, at, QHCP_E_PARSE, "%s has no entries", name);
    return r;
}

int list_parse(struct list *l, const char *text, enum list_source allowed, const struct place *at,
               struct faults *f)
{
    int r = 0;

    if (text[0] == '@' && allowed != LIST_TEXT_ONLY)
        return parse_file(l, text + 1, allowed, at, f);
    for (const char *p = text; r == 0; p++) {
        const char *next = strchrnul(p, ','), *stop = next;
        trim(&p, &stop);
        if (p == stop)
            return faults_add(f, at, QHCP_E_PARSE, "%s",
                              *text == '\0'
                                  ? "the list is empty"
                                  : "an entry is empty: two commas in a row, or one at an end");
        r = add(l, p, (size_t)(stop - p), at, f);
        if (*next == '\0')
            break;
        p = next;
    }
    return r;
}
