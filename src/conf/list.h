/* Lists of strings: comma-separated on the command line, or "@FILE" with one entry per line ('#'
 * begins a comment; "@-" is standard input), since ten thousand servers do not fit an argument. */
#ifndef QHCP_CONF_LIST_H
#define QHCP_CONF_LIST_H

#include <stdint.h>

#include "conf/faults.h"

#define LIST_MAX 100000           /* entries: ten times the fleet that is promised */
#define LIST_FILE_MAX (32u << 20) /* bytes of a file: LIST_MAX entries of the longest names */

/* Where an entry stands, and in which of the list's files, from 1; 0: on the command line. */
struct list_place {
    uint32_t line;
    uint16_t column, file;
};

struct list {
    char **at; /* n strings, each on the heap */
    size_t n, cap;
    struct list_place *places; /* of the same entries */
    char **files;              /* n_files names, each on the heap */
    size_t n_files;
};

void list_deinit(struct list *l);

/* Appends n bytes as one entry that stands at `at` (NULL: on the command line).  QHCP_E_NOMEM,
 * QHCP_E_FULL. */
int list_add(struct list *l, const char *text, size_t n, const struct place *at);

/* Where entry i stands.  option: whose value the list is, for entries of the command line. */
struct place list_place(const struct list *l, size_t i, const char *option);

/* Drops entry i. */
void list_drop(struct list *l, size_t i);

enum list_source {
    LIST_ONE = -1,      /* one entry: a comma has no meaning either */
    LIST_TEXT_ONLY = 0, /* '@' has no meaning */
    LIST_FILES = 1,     /* "@FILE" */
    LIST_STDIN = 2,     /* "@-" too */
};

/* Appends what text, which stands at `at`, lists; of a file, the good entries.  Faults are added to
 * *f, and the first is returned: QHCP_E_PARSE (an empty entry, a NUL in a file), QHCP_E_FULL,
 * QHCP_E_NOMEM, and those of file_read. */
int list_parse(struct list *l, const char *text, enum list_source allowed, const struct place *at,
               struct faults *f);

/* Appends the lines of a file's content. */
int list_parse_lines(struct list *l, const char *name, const char *content, size_t n,
                     struct faults *f);

#endif
