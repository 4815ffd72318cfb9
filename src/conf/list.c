#include "conf/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/file.h"

void list_cut(struct list *l, size_t n)
{
    while (l->n > n)
        free(l->at[--l->n]);
}

void list_deinit(struct list *l)
{
    list_cut(l, 0);
    free(l->at);
    *l = (struct list){0};
}

int list_add(struct list *l, const char *text, size_t n)
{
    if (l->n >= LIST_MAX)
        return QHCP_E_FULL;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        char **grown = realloc(l->at, cap * sizeof *grown);
        if (!grown)
            return QHCP_E_NOMEM;
        l->at = grown;
        l->cap = cap;
    }
    char *copy = strndup(text, n);
    if (!copy)
        return QHCP_E_NOMEM;
    l->at[l->n++] = copy;
    return 0;
}

static int add_or_say(struct list *l, const char *text, size_t n, char *words, size_t words_cap)
{
    int r = list_add(l, text, n);

    if (r < 0)
        snprintf(words, words_cap, r == QHCP_E_FULL ? "more than %u entries" : "out of memory",
                 (unsigned)LIST_MAX);
    return r;
}

static void trim(const char **p, const char **end)
{
    while (*p < *end && strchr(" \t\r", **p))
        (*p)++;
    while (*end > *p && strchr(" \t\r", (*end)[-1]))
        (*end)--;
}

int list_parse_lines(struct list *l, const char *name, const char *content, size_t n, char *words,
                     size_t words_cap)
{
    const char *end = content + n;
    int r = 0;

    if (n > 0 && memchr(content, '\0', n)) {
        snprintf(words, words_cap, "%s is not a text file: it has a NUL byte", name);
        return QHCP_E_PARSE;
    }
    for (const char *line = content; line < end && r == 0;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *next = stop ? stop + 1 : end, *p = line;
        stop = stop ? stop : end;
        const char *comment = memchr(line, '#', (size_t)(stop - line));
        if (comment)
            stop = comment;
        trim(&p, &stop);
        if (p < stop)
            r = add_or_say(l, p, (size_t)(stop - p), words, words_cap);
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

static int parse_file(struct list *l, const char *path, enum list_source allowed, char *words,
                      size_t words_cap)
{
    const struct words w = {words, words_cap};
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    size_t before = l->n, n;
    char *content;

    if (is_stdin && allowed != LIST_STDIN)
        return words_fail(&w, QHCP_E_ARG, "@- (standard input) cannot be read here");
    if (path[0] == '\0')
        return words_fail(&w, QHCP_E_ARG,
                          "\"@\" needs a file: use @FILE, or @- for standard input");
    int fd = open_file(path, allowed, &w);
    if (fd < 0)
        return fd;
    int r = file_read_fd(fd, name, LIST_FILE_MAX, &content, &n, &w);
    if (!is_stdin)
        close(fd);
    if (r < 0)
        return r;
    r = list_parse_lines(l, name, content, n, words, words_cap);
    free(content);
    if (r == 0 && l->n == before)
        r = words_fail(&w, QHCP_E_PARSE, "%s has no entries", name);
    return r;
}

int list_parse(struct list *l, const char *text, enum list_source allowed, char *words,
               size_t words_cap)
{
    int r = 0;

    if (text[0] == '@' && allowed != LIST_TEXT_ONLY)
        return parse_file(l, text + 1, allowed, words, words_cap);
    for (const char *p = text; r == 0; p++) {
        const char *next = strchrnul(p, ','), *stop = next;
        trim(&p, &stop);
        if (p == stop) {
            snprintf(words, words_cap, "%s",
                     *text == '\0' ? "the list is empty"
                                   : "an entry is empty: two commas in a row, or one at an end");
            return QHCP_E_PARSE;
        }
        r = add_or_say(l, p, (size_t)(stop - p), words, words_cap);
        if (*next == '\0')
            break;
        p = next;
    }
    return r;
}
