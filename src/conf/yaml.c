#include "conf/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "base/os/file.h"
#include "base/value.h"

#define CONFIG_FILE_MAX (32u << 20) /* bytes: LIST_MAX servers with the longest names */
#define CONFIG_SCALAR_MAX 4096      /* bytes of one value: a path (PATH_MAX) */

/* What libcyaml loads: one member of each array per option, used as its kind says. */
struct raw {
    char *scalar[OPTIONS_MAX];
    char **list[OPTIONS_MAX];
    uint32_t n[OPTIONS_MAX];
};

/* What libcyaml says of a failure, line by line, on its log. */
struct complaint {
    char error[300]; /* the first error */
    char where[80];  /* the option, where one is named */
    unsigned line;   /* 0: unknown */
    bool more;       /* a second document */
};

static const cyaml_schema_value_t entry_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CONFIG_SCALAR_MAX)};

static cyaml_schema_field_t make_field(const struct options_row *row, size_t i)
{
    cyaml_schema_field_t f = {.key = row->name};
    enum cyaml_flag flags = (enum cyaml_flag)(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL);

    if (options_repeatable(row)) {
        f.data_offset = (uint32_t)(offsetof(struct raw, list) + i * sizeof(char **));
        f.count_offset = (uint32_t)(offsetof(struct raw, n) + i * sizeof(uint32_t));
        f.count_size = sizeof(uint32_t);
        f.value = (cyaml_schema_value_t){.type = CYAML_SEQUENCE,
                                         .flags = flags,
                                         .data_size = sizeof(char *),
                                         .sequence = {&entry_schema, 0, LIST_MAX}};
    } else {
        f.data_offset = (uint32_t)(offsetof(struct raw, scalar) + i * sizeof(char *));
        f.value = (cyaml_schema_value_t){.type = CYAML_STRING,
                                         .flags = flags,
                                         .data_size = sizeof(char),
                                         .string = {0, CONFIG_SCALAR_MAX}};
    }
    return f;
}

/* All options of the command but --config itself. */
static void make_fields(const struct options_table *options,
                        cyaml_schema_field_t ret[OPTIONS_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < options->n; i++)
        if (options->rows[i].kind != OPTIONS_CONFIG)
            ret[n++] = make_field(&options->rows[i], i);
    ret[n] = (cyaml_schema_field_t){.key = NULL};
}

/* "  in mapping field 'port' (line: 3, column: 7)" */
static void note_place(struct complaint *c, const char *text)
{
    const char *line = strstr(text, "(line: "), *name = strchr(text, '\'');

    if (c->line == 0 && line)
        c->line = (unsigned)strtoul(line + 7, NULL, 10);
    if (c->where[0] == '\0' && strstr(text, "in mapping field '") && name)
        snprintf(c->where, sizeof c->where, "%.*s", (int)strcspn(name + 1, "'"), name + 1);
}

static void on_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct complaint *c = ctx;
    char text[300];

    vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = '\0';
    if (level == CYAML_LOG_WARNING && strstr(text, "Ignoring documents"))
        c->more = true;
    if (level < CYAML_LOG_ERROR || strstr(text, "Backtrace:"))
        return;
    if (strncmp(text, "Load: ", 6) == 0 && text[6] != ' ' && c->error[0] == '\0')
        snprintf(c->error, sizeof c->error, "%s", text + 6);
    else
        note_place(c, text);
}

/* The line of the last `key:`; 0: nowhere. */
static unsigned line_of(const char *text, size_t n, const char *key)
{
    unsigned line = 1, found = 0;
    size_t len = strlen(key);

    for (const char *p = text, *end = text + n; p < end; line++) {
        const char *next = memchr(p, '\n', (size_t)(end - p));
        next = next ? next + 1 : end;
        while (p < next && strchr(" \t{\"'", *p))
            p++;
        if ((size_t)(next - p) > len && memcmp(p, key, len) == 0 && strchr(": \"'", p[len]))
            found = line;
        p = next;
    }
    return found;
}

/* Words for what libcyaml found, in the user's terms. */
static void explain(const char *name, const char *text, size_t n, const struct complaint *c,
                    cyaml_err_t error, char *words, size_t words_cap)
{
    char what[500], quote[VALUE_QUOTE + 8], at[16] = "";
    const char *colon = strstr(c->error, ": ");
    const char *detail = colon ? colon + 2 : "";
    unsigned line = c->line;

    if (strncmp(c->error, "Unexpected key", 14) == 0 ||
        strncmp(c->error, "Mapping field already seen", 26) == 0) {
        snprintf(what, sizeof what,
                 c->error[0] == 'U' ? "there is no option %s" : "%s is there twice",
                 value_quote(detail, quote));
        if (line_of(text, n, detail) > 0) /* libcyaml names the value before it */
            line = line_of(text, n, detail);
    } else if (strncmp(c->error, "Expecting STRING", 16) == 0) {
        snprintf(what, sizeof what, "%s: expected a single value", c->where);
    } else if (strncmp(c->error, "Expecting SEQUENCE", 18) == 0) {
        snprintf(what, sizeof what, "%s: expected a list, one \"- entry\" a line", c->where);
    } else if (strncmp(c->error, "Expecting MAPPING", 17) == 0) {
        snprintf(what, sizeof what, "expected only lines of the form \"option: value\"");
    } else if (error == CYAML_ERR_ALIAS) {
        snprintf(what, sizeof what, "aliases (*name) are not allowed here");
    } else {
        snprintf(what, sizeof what, "%s%s%s", c->where, c->where[0] ? ": " : "",
                 c->error[0] ? c->error : cyaml_strerror(error));
    }
    if (line > 0)
        snprintf(at, sizeof at, "%u: ", line);
    snprintf(words, words_cap, "%s: %s%s%s", name, line > 0 ? "line " : "", at, what);
}

static int apply_row(const struct raw *raw, size_t i, struct options *ret, char *words,
                     size_t words_cap)
{
    const struct options_row *row = &ret->table->rows[i];
    char why[400];
    int r;

    if (!options_repeatable(row)) {
        if (!raw->scalar[i])
            return 0;
        return options_set(ret, row, raw->scalar[i], LIST_TEXT_ONLY, words, words_cap);
    }
    for (size_t k = 0; k < raw->n[i]; k++) {
        r = options_set(ret, row, raw->list[i][k], LIST_FILES, why, sizeof why);
        if (r < 0) {
            snprintf(words, words_cap, "entry %zu: %s", k + 1, why);
            return r;
        }
    }
    return 0;
}

static int apply(const char *name, const char *text, size_t n, const struct raw *raw,
                 struct options *ret, char *words, size_t words_cap)
{
    char why[500];

    for (size_t i = 0; i < ret->table->n; i++) {
        const char *option = ret->table->rows[i].name;
        int r = apply_row(raw, i, ret, why, sizeof why);

        if (r < 0) {
            snprintf(words, words_cap, "%s: line %u: %s: %s", name, line_of(text, n, option),
                     option, why);
            return r;
        }
    }
    return 0;
}

int yaml_parse(const char *name, const char *text, size_t n, struct options *ret, char *words,
               size_t words_cap)
{
    cyaml_schema_field_t fields[OPTIONS_MAX + 1];
    struct complaint c = {0};
    struct raw *raw = NULL;
    int r = 0;

    make_fields(ret->table, fields);
    const cyaml_schema_value_t top = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw, fields)};
    const cyaml_config_t config = {.log_fn = on_log,
                                   .log_ctx = &c,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_WARNING,
                                   .flags = CYAML_CFG_NO_ALIAS};
    if (n > 0 && memchr(text, '\0', n)) {
        snprintf(words, words_cap, "%s is not YAML: it has a NUL byte", name);
        return QHCP_E_PARSE;
    }
    cyaml_err_t error =
        cyaml_load_data((const uint8_t *)text, n, &config, &top, (cyaml_data_t **)&raw, NULL);
    if (error != CYAML_OK) {
        explain(name, text, n, &c, error, words, words_cap);
        return QHCP_E_PARSE;
    }
    if (c.more) {
        snprintf(words, words_cap, "%s: a second document (after ---) is not allowed", name);
        r = QHCP_E_PARSE;
    }
    if (r == 0 && raw) /* NULL: an empty file, which sets nothing */
        r = apply(name, text, n, raw, ret, words, words_cap);
    cyaml_free(&config, &top, raw, 0);
    return r;
}

int yaml_load(const char *path, struct options *ret, char *words, size_t words_cap)
{
    char *text;
    size_t n;
    int r = file_read(path, true, CONFIG_FILE_MAX, &text, &n, &(struct words){words, words_cap});

    if (r < 0)
        return r;
    r = yaml_parse(path, text, n, ret, words, words_cap);
    free(text);
    return r;
}
