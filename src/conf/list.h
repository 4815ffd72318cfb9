/* Lists of strings: comma-separated on the command line, or "@FILE" with one entry per line ('#'
 * begins a comment; "@-" is standard input), since ten thousand servers do not fit an argument. */
#ifndef QHCP_CONF_LIST_H
#define QHCP_CONF_LIST_H

#include <stddef.h>

#include <qhcp/error.h>

#define LIST_MAX 100000           /* entries: ten times the fleet that is promised */
#define LIST_FILE_MAX (32u << 20) /* bytes of a file: LIST_MAX entries of the longest names */

struct list {
    char **at; /* n strings, each on the heap */
    size_t n, cap;
};

void list_deinit(struct list *l);

/* Appends n bytes as one entry.  QHCP_E_NOMEM, QHCP_E_FULL. */
int list_add(struct list *l, const char *text, size_t n);

/* Drops all entries but the first n. */
void list_cut(struct list *l, size_t n);

enum list_source {
    LIST_TEXT_ONLY = 0, /* '@' has no meaning */
    LIST_FILES = 1,     /* "@FILE" */
    LIST_STDIN = 2,     /* "@-" too */
};

/* Appends what text lists.  On failure the list may have grown, and words say why: QHCP_E_PARSE (an
 * empty entry, a NUL in a file), QHCP_E_FULL, QHCP_E_NOMEM, and those of file_read. */
int list_parse(struct list *l, const char *text, enum list_source allowed, char *words,
               size_t words_cap);

/* Appends the lines of a file's content. */
int list_parse_lines(struct list *l, const char *name, const char *content, size_t n, char *words,
                     size_t words_cap);

#endif
