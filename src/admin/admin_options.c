#include "admin/admin_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_json.h"
#include "base/value.h"
#include "conf/print.h"

#define VALUE_MAX 400 /* bytes of a value that a fault repeats */
#define KIND_MAX 40   /* of an entry, for who may not see its arguments */

/* ---- what is in force ---- */

/* "webhook ..." */
static void add_kind(struct text *t, const char *entry)
{
    char kind[KIND_MAX];

    snprintf(kind, sizeof kind, "%.*s ...", (int)strcspn(entry, " \t:"), entry);
    admin_json_text(t, NULL, kind);
}

static void add_list(struct text *t, const struct list *l, bool whole)
{
    admin_json_open(t, "value", '[');
    for (size_t i = 0; i < l->n; i++)
        if (whole)
            admin_json_text(t, NULL, l->at[i]);
        else
            add_kind(t, l->at[i]);
    admin_json_close(t, ']');
}

static void add_value(struct text *t, const struct options *o, const struct options_row *row,
                      bool whole)
{
    bool quoted = row->kind == OPTIONS_DURATION || row->kind == OPTIONS_CHOICE;

    if (row->fields || !options_has(o, row)) {
        admin_json_null(t, "value");
        return;
    }
    if (options_repeatable(row)) {
        add_list(t, options_value(o, row), whole || row->kind != OPTIONS_ITEM);
        return;
    }
    admin_json_key(t, "value");
    text_add(t, quoted ? "\"" : "");
    print_value(t, o, row);
    text_add(t, quoted ? "\"" : "");
}

static void add_option(struct text *t, const struct options *o, const struct options_row *row,
                       bool whole)
{
    static const char *const ways[] = {
        [PATCH_NOW] = "now", [PATCH_RELOAD] = "reload", [PATCH_RESTART] = "restart"};
    char from[PRINT_FROM], expected[PATCH_EXPECTED];

    print_from(o, row, from);
    patch_expected(row, expected);
    admin_json_open(t, options_key(row), '{');
    add_value(t, o, row, whole);
    admin_json_text(t, "from", from);
    admin_json_text(t, "changes", ways[patch_way(row)]);
    admin_json_text(t, "expected", expected);
    admin_json_close(t, '}');
}

/* Those that the admin interface has changed, and what becomes of them. */
static void add_unsaved(struct text *t, const struct options *o)
{
    size_t n = 0;

    admin_json_open(t, "unsaved", '[');
    for (size_t i = 0; i < o->table->n; i++)
        if (options_asked(o, &o->table->rows[i])) {
            admin_json_text(t, NULL, options_key(&o->table->rows[i]));
            n++;
        }
    admin_json_close(t, ']');
    admin_json_text(t, "note", n > 0 ? ADMIN_OPTIONS_NOTE : "");
}

void admin_options_json(struct text *t, const struct options *o, bool whole)
{
    text_add(t, "{");
    if (o->file)
        admin_json_text(t, "file", o->file);
    else
        admin_json_null(t, "file");
    add_unsaved(t, o);
    admin_json_open(t, "options", '{');
    for (size_t i = 0; i < o->table->n; i++)
        if (options_in_file(&o->table->rows[i]))
            add_option(t, o, &o->table->rows[i], whole);
    admin_json_close(t, '}');
    text_add(t, "}\n");
}

/* FNV-1a. */
void admin_options_tag(const struct text *json, char ret[ADMIN_OPTIONS_TAG])
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < json->n; i++)
        hash = (hash ^ (unsigned char)json->at[i]) * UINT64_C(1099511628211);
    snprintf(ret, ADMIN_OPTIONS_TAG, "\"%016llx\"", (unsigned long long)hash);
}

bool admin_options_match(const char *header, const char *tag)
{
    static const char between[] = " \t,";
    size_t n = strlen(tag), length;

    for (const char *p = header; *(p += strspn(p, between)) != '\0'; p += length) {
        length = strcspn(p, between);
        if ((length == 1 && *p == '*') || (length == n && memcmp(p, tag, n) == 0))
            return true;
    }
    return false;
}

/* ---- a change of it ---- */

static void open_fault(struct text *faults, const char *words)
{
    admin_json_open(faults, NULL, '{');
    admin_json_text(faults, "message", words);
}

void admin_options_fault(struct text *faults, const char *words)
{
    open_fault(faults, words);
    admin_json_close(faults, '}');
}

/* One member of the body that is looked at. */
struct member {
    const char *name;
    const json_t *value;
    const struct options_row *row; /* NULL: none has this name */
    struct text *faults;
    size_t n;
};

static char *dump(const json_t *value)
{
    return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
}

static void on_fault(void *ctx, const char *line)
{
    struct member *m = ctx;
    char expected[PATCH_EXPECTED];
    char *value = dump(m->value);

    open_fault(m->faults, line);
    admin_json_key(m->faults, "option");
    text_json(m->faults, m->name);
    if (value && strlen(value) < VALUE_MAX) {
        admin_json_key(m->faults, "value");
        text_add(m->faults, value);
    }
    free(value);
    if (m->row) {
        patch_expected(m->row, expected);
        admin_json_text(m->faults, "expected", expected);
    }
    admin_json_close(m->faults, '}');
    m->n++;
}

/* A single value as people write it. */
static void set_one(struct patch *p, const struct member *m, const json_t *value, struct faults *f)
{
    const struct place at = {.file = ""};
    char *text = json_is_string(value) ? strdup(json_string_value(value)) : dump(value);

    if (!text)
        faults_add(f, &at, QHCP_E_NOMEM, "out of memory");
    else if (json_is_object(value) || json_is_array(value) || json_is_null(value))
        faults_add(f, &at, QHCP_E_PARSE, "this is not a value of the option");
    else
        (void)patch_set(p, m->row, text, f);
    free(text);
}

static void set_entries(struct patch *p, const struct member *m, struct faults *f)
{
    const struct place at = {.file = ""};
    size_t n = json_array_size(m->value);

    if (!json_is_array(m->value))
        faults_add(f, &at, QHCP_E_PARSE, "this is not a list");
    else if (n > m->row->max)
        faults_add(f, &at, QHCP_E_FULL, "more than %llu entries", (unsigned long long)m->row->max);
    else
        for (size_t i = 0; i < n; i++)
            set_one(p, m, json_array_get(m->value, i), f);
}

static size_t take_member(struct patch *p, const char *name, const json_t *value,
                          struct text *faults)
{
    struct member m = {.name = name, .value = value, .faults = faults};
    struct faults f = {.n = 0};

    m.row = patch_row(p, name, &f);
    if (m.row && !json_is_null(value)) {
        if (options_repeatable(m.row))
            set_entries(p, &m, &f);
        else
            set_one(p, &m, value, &f);
    }
    if (f.n > 0)
        faults_each(&f, on_fault, &m);
    else if (m.row)
        patch_take(p, m.row);
    faults_deinit(&f);
    return m.n;
}

static void on_line(void *ctx, const char *line)
{
    admin_options_fault(ctx, line);
}

size_t admin_options_patch(struct patch *p, const json_t *body, struct text *faults)
{
    struct faults f = {.n = 0};
    const char *name;
    json_t *value;
    size_t n = 0;

    if (json_object_size(body) > p->options->table->n) {
        admin_options_fault(faults, "there are more members than there are options");
        return 1;
    }
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        n += take_member(p, name, value, faults);
    }
    if (n == 0 && patch_check(p, &f) != 0) {
        faults_each(&f, on_line, faults);
        n = f.n;
    }
    faults_deinit(&f);
    return n;
}
