#include "conf/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/value.h"

struct builder {
    const char *name; /* of the file */
    const char *text;
    size_t n;
    struct faults *faults;
    struct tree *root, *open[TREE_DEPTH];
    size_t depth; /* of those that are open */
    size_t values, documents;
    char *key; /* in the open mapping, for the value that comes */
    struct place key_at;
    bool again; /* that key was there before */
    int error;  /* it ends here */
};

void tree_free(struct tree *t)
{
    struct tree *next;

    for (; t; t = next) {
        next = t->next;
        tree_free(t->first); /* TREE_DEPTH deep at most */
        free((char *)(uintptr_t)t->key);
        free(t);
    }
}

const char *tree_kind_name(const struct tree *t)
{
    static const char *const names[] = {"a single value", "a list", "a mapping (key: value)"};

    return names[t->kind];
}

bool tree_is_null(const struct tree *t)
{
    return t->kind == TREE_SCALAR && !t->quoted &&
           (t->text[0] == '\0' || strcmp(t->text, "~") == 0 || strcmp(t->text, "null") == 0);
}

static struct place place_of(const struct builder *b, const yaml_mark_t *mark)
{
    return (struct place){
        .file = b->name, .line = (unsigned)mark->line + 1, .column = (unsigned)mark->column + 1};
}

/* It ends here. */
static void stop(struct builder *b, const yaml_mark_t *mark, int error, const char *words)
{
    const struct place at = place_of(b, mark);

    b->error = faults_add(b->faults, &at, error, "%s", words);
}

/* libyaml's words for what people do most, in theirs. */
static const char *plain_words(const char *problem)
{
    static const struct {
        const char *theirs, *ours;
    } rows[] = {
        {"mapping values are not allowed",
         "a colon is not expected here: does the line begin in the same column as its neighbours, "
         "and is a text with \": \" in it in quotes?"},
        {"could not find expected ':'", "expected \"key: value\""},
        {"did not find expected key",
         "expected \"key: value\" here: does the line begin in the same column as its neighbours?"},
        {"did not find expected '-' indicator",
         "expected \"- entry\" here: does the line begin in the same column as its neighbours?"},
        {"block sequence entries are not allowed", "a list cannot begin here: expected a value"},
        {"did not find expected ',' or ']'", "expected a comma, or ] to end the list"},
        {"did not find expected ',' or '}'", "expected a comma, or } to end the mapping"},
        {"found unexpected end of stream", "the file ends within quotes: is it half written?"},
        {"did not find expected node content", "expected a value: is the file half written?"},
        {"found character that cannot start any token",
         "a value cannot begin with this character: put it in quotes"},
        {"found unknown escape character", "\\ and this character have no meaning in quotes"},
        {"found undefined tag handle", "tags (!name) are not allowed here"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(problem, rows[i].theirs, strlen(rows[i].theirs)) == 0)
            return rows[i].ours;
    return problem;
}

static bool is_first(char c) /* of a character in UTF-8 */
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* The tab that the line of this mark is indented with, or that stands at the mark; false: none. */
static bool find_tab(const struct builder *b, yaml_mark_t mark, yaml_mark_t *ret)
{
    const char *p = b->text, *end = b->text + b->n;
    bool indent = true;

    for (size_t i = 0; i < mark.line && p < end; i++) {
        const char *next = memchr(p, '\n', (size_t)(end - p));
        p = next ? next + 1 : end;
    }
    *ret = (yaml_mark_t){.line = mark.line};
    for (; p < end && ret->column <= mark.column; p++) {
        if (*p == '\t' && (indent || ret->column == mark.column))
            return true;
        indent = indent && *p == ' ';
        ret->column += is_first(*p);
    }
    return false;
}

/* The line and column of a byte that is no UTF-8, which libyaml only counts. */
static yaml_mark_t mark_of(const struct builder *b, size_t offset)
{
    yaml_mark_t mark = {.line = 0};

    for (size_t i = 0; i < offset && i < b->n; i++) {
        mark.column += is_first(b->text[i]);
        if (b->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

/* What libyaml refuses. */
static void refuse(struct builder *b, const yaml_parser_t *p)
{
    const char *problem = p->problem ? p->problem : "not YAML";
    yaml_mark_t mark = p->problem_mark, tab;

    if (p->error == YAML_MEMORY_ERROR) {
        b->error =
            faults_add(b->faults, &(struct place){.file = b->name}, QHCP_E_NOMEM, "out of memory");
        return;
    }
    if (p->error == YAML_READER_ERROR) {
        mark = mark_of(b, p->problem_offset);
        stop(b, &mark, QHCP_E_PARSE, "this byte is not UTF-8, or not text: is it a text file?");
    } else if (find_tab(b, mark, &tab)) {
        stop(b, &tab, QHCP_E_PARSE, "a tab: YAML is indented with blanks");
    } else {
        stop(b, &mark, QHCP_E_PARSE, plain_words(problem));
    }
}

/* Is this key in the mapping already? */
static bool has_key(const struct tree *mapping, const char *key)
{
    for (const struct tree *t = mapping->first; t; t = t->next)
        if (strcmp(t->key, key) == 0)
            return true;
    return false;
}

static void take_key(struct builder *b, const yaml_event_t *e)
{
    struct tree *mapping = b->open[b->depth - 1];
    const char *key = (const char *)e->data.scalar.value;
    char quote[VALUE_QUOTE + 8];

    b->key_at = place_of(b, &e->start_mark);
    if (mapping->n >= TREE_KEYS) {
        stop(b, &e->start_mark, QHCP_E_FULL, "too many keys in one mapping");
        return;
    }
    b->again = has_key(mapping, key);
    if (b->again)
        faults_add(b->faults, &b->key_at, QHCP_E_EXISTS, "%s is there twice",
                   value_quote(key, quote));
    b->key = strdup(key);
    if (!b->key)
        stop(b, &e->start_mark, QHCP_E_NOMEM, "out of memory");
}

static void append(struct builder *b, struct tree *t)
{
    struct tree *parent = b->depth > 0 ? b->open[b->depth - 1] : NULL;

    t->again = b->key && b->again;
    t->key = b->key;
    t->key_line = b->key_at.line;
    t->key_column = b->key_at.column;
    b->key = NULL;
    if (!parent)
        b->root = t;
    else if (parent->last)
        parent->last->next = t;
    else
        parent->first = t;
    if (parent) {
        parent->last = t;
        parent->n++;
    }
}

/* A value begins. */
static struct tree *add(struct builder *b, const yaml_event_t *e, enum tree_kind kind,
                        const char *text, size_t n)
{
    struct tree *t;

    if (++b->values > TREE_VALUES_MAX) {
        stop(b, &e->start_mark, QHCP_E_FULL, "too many values: split the fleet");
        return NULL;
    }
    t = calloc(1, sizeof *t + n + 1);
    if (!t) {
        stop(b, &e->start_mark, QHCP_E_NOMEM, "out of memory");
        return NULL;
    }
    t->kind = kind;
    t->line = (unsigned)e->start_mark.line + 1;
    t->column = (unsigned)e->start_mark.column + 1;
    memcpy(t->text, text, n);
    append(b, t);
    return t;
}

static bool wants_key(const struct builder *b)
{
    return b->depth > 0 && b->open[b->depth - 1]->kind == TREE_MAPPING && !b->key;
}

static void on_scalar(struct builder *b, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    struct tree *t;

    if (e->data.scalar.tag)
        stop(b, &e->start_mark, QHCP_E_PARSE, "tags (!name) are not allowed here");
    else if (strlen(text) != e->data.scalar.length)
        stop(b, &e->start_mark, QHCP_E_PARSE, "a NUL character in a value");
    else if (wants_key(b))
        take_key(b, e);
    else if ((t = add(b, e, TREE_SCALAR, text, e->data.scalar.length)))
        t->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

static void on_start(struct builder *b, const yaml_event_t *e, enum tree_kind kind,
                     const yaml_char_t *tag)
{
    struct tree *t;

    if (tag)
        stop(b, &e->start_mark, QHCP_E_PARSE, "tags (!name) are not allowed here");
    else if (wants_key(b))
        stop(b, &e->start_mark, QHCP_E_PARSE, "a list or a mapping cannot be a key");
    else if (b->depth == TREE_DEPTH)
        stop(b, &e->start_mark, QHCP_E_FULL, "nested too deep");
    else if ((t = add(b, e, kind, "", 0)))
        b->open[b->depth++] = t;
}

static void on_event(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        stop(b, &e->start_mark, QHCP_E_PARSE,
             "aliases (*name) are not allowed: write the value itself");
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(b, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_start(b, e, TREE_SEQUENCE, e->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        on_start(b, e, TREE_MAPPING, e->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ > 0)
            stop(b, &e->start_mark, QHCP_E_PARSE, "a second document (after ---) is not allowed");
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

static void build(struct builder *b, yaml_parser_t *p)
{
    bool ended = false;
    yaml_event_t e;

    yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(p, (const unsigned char *)b->text, b->n);
    while (b->error == 0 && !ended) {
        if (!yaml_parser_parse(p, &e)) {
            refuse(b, p);
            return;
        }
        on_event(b, &e);
        ended = e.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
    }
}

int tree_parse(const char *name, const char *text, size_t n, struct tree **ret, struct faults *f)
{
    struct builder b = {.name = name, .text = text, .n = n, .faults = f};
    size_t before = f->n;
    yaml_parser_t parser;

    *ret = NULL;
    if (!yaml_parser_initialize(&parser))
        return faults_add(f, &(struct place){.file = name}, QHCP_E_NOMEM, "out of memory");
    build(&b, &parser);
    yaml_parser_delete(&parser);
    free(b.key);
    if (b.error == 0)
        *ret = b.root;
    else
        tree_free(b.root);
    return f->n > before ? f->error : 0;
}
