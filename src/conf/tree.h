/* A YAML file as a tree of values that know their line and column: by libyaml, from its events.
 *
 * In: text, which may be hostile.  Out: a tree, bounded in depth and size, or faults.  Anchors'
 * aliases (a small file could grow without bound by them), tags and a second document are refused;
 * so is a key that is there twice. */
#ifndef QHCP_CONF_TREE_H
#define QHCP_CONF_TREE_H

#include <stdbool.h>

#include "conf/faults.h"

#define TREE_DEPTH 8   /* three are used: groups, a group, its servers, a server, its tags */
#define TREE_KEYS 1000 /* of one mapping */
#define TREE_VALUES_MAX 2000000 /* LIST_MAX servers with all that can be said of them */

enum tree_kind { TREE_SCALAR, TREE_SEQUENCE, TREE_MAPPING };

struct tree {
    enum tree_kind kind;
    unsigned line, column; /* from 1 */
    const char *key;       /* in a mapping; NULL elsewhere */
    unsigned key_line, key_column;
    bool again;                /* the key was there before, which is a fault */
    bool quoted;               /* a scalar in quotes, or a block */
    struct tree *first, *last; /* of its values */
    struct tree *next;         /* in the same sequence or mapping */
    size_t n;                  /* its values */
    char text[];               /* of a scalar; of others "" */
};

/* *ret is NULL for an empty file; free it with tree_free.  name: the file's.  QHCP_E_PARSE (also
 * where a key is there twice: the tree is whole then, *ret is set), QHCP_E_FULL, QHCP_E_NOMEM. */
int tree_parse(const char *name, const char *text, size_t n, struct tree **ret, struct faults *f);

void tree_free(struct tree *t);

/* "a list", "a single value" ...: what it is, for words. */
const char *tree_kind_name(const struct tree *t);

/* No value stands there: `key:`, `key: ~`, `key: null`. */
bool tree_is_null(const struct tree *t);

#endif
