#include "conf/args.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "conf/options_copy.h"
#include "conf/print.h"
#include "conf/yaml.h"

#define ARGS_KEY 0x1000 /* first key of our options without a letter */
#define ARGS_DOC 700    /* longest text of one option in --help, defaults included */
#define ARGS_LINE 1000
#define ARGS_HELP 2000  /* what --help says around the options */
#define ARGS_CHOICES 40 /* a longer list of choices moves from the option into its text */

/* One parse: what argp's callback fills. */
struct parse {
    const struct args_spec *spec;
    struct options *options;
    const struct options *old; /* of a reload: what was in force; else NULL */
    const char **operands;     /* NULL: of no interest */
    unsigned n_operands;
    const char *wrong; /* the argument that argp could not parse */
    struct faults *faults;
};

/* The argp options of one command; the texts live as long. */
struct table {
    struct argp_option at[2 * OPTIONS_MAX + 2]; /* a row may have an alias */
    char doc[OPTIONS_MAX][ARGS_DOC];
};

static int key_of(const struct options_table *options, size_t i)
{
    return options->rows[i].letter ? options->rows[i].letter : ARGS_KEY + (int)i;
}

static void make_option(const struct options_row *row, struct argp_option *ret, char doc[ARGS_DOC])
{
    bool many = row->kind == OPTIONS_CHOICE && strlen(row->arg) > ARGS_CHOICES;
    char choices[OPTIONS_CHOICES] = "";

    if (many)
        options_choices(row->arg, choices);
    snprintf(doc, ARGS_DOC, "%s%s%s%s%s%s%s", row->doc, many ? " One of " : "", choices,
             many ? "." : "", row->def ? " Default: " : "", row->def ? row->def : "",
             row->def ? "." : "");
    *ret = (struct argp_option){
        .name = row->name, .arg = many ? "NAME" : options_arg(row), .doc = doc};
}

static void make_table(const struct options_table *options, struct table *ret)
{
    struct argp_option *at = ret->at;

    memset(ret->at, 0, sizeof ret->at);
    for (size_t i = 0; i < options->n; i++) {
        const struct options_row *row = &options->rows[i];

        make_option(row, at, ret->doc[i]);
        at++->key = key_of(options, i);
        if (row->alias)
            *at++ = (struct argp_option){
                .name = row->alias, .key = key_of(options, i), .flags = OPTION_ALIAS};
    }
    *at = (struct argp_option){.key = 'h', .flags = OPTION_HIDDEN}; /* as -?, --help */
}

static void set_option(struct parse *p, const struct options_row *row, const char *arg)
{
    const struct place at = {.option = row->name};

    if (!p->old || row->kind != OPTIONS_LIST || strcmp(arg, "@-") != 0)
        (void)options_set(p->options, row, arg ? arg : "true", LIST_STDIN, &at, p->faults);
    else if (options_copy_list(p->options, p->old, row) < 0)
        faults_add(p->faults, &at, QHCP_E_NOMEM, "out of memory");
}

static void add_operand(struct parse *p, const char *arg)
{
    char quote[VALUE_QUOTE + 8];

    if (p->n_operands == p->spec->operands) {
        faults_add(p->faults, NULL, QHCP_E_ARG, "%s is one argument too many",
                   value_quote(arg, quote));
        return;
    }
    if (p->operands)
        p->operands[p->n_operands] = arg;
    p->n_operands++;
}

/* The row that a key of argp's means; NULL: none. */
static const struct options_row *row_of(const struct options_table *options, int key)
{
    for (size_t i = 0; i < options->n; i++)
        if (key_of(options, i) == key)
            return &options->rows[i];
    return NULL;
}

static error_t on_option(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    const struct options_row *row = row_of(p->spec->options, key);

    if (row)
        set_option(p, row, arg);
    else if (key == 'h')
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    else if (key == ARGP_KEY_ERROR)
        p->wrong = state->argv[state->next - (state->next > 1)];
    else if (key == ARGP_KEY_ARG)
        add_operand(p, arg);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* argp shows no help if it must show no errors. */
static bool asks_for_help(int argc, char **argv)
{
    static const char *const words[] = {"--help", "--usage", "-?", "-h"};

    for (int i = 1; i < argc; i++)
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
            if (strcmp(argv[i], words[k]) == 0)
                return true;
    return false;
}

/* What a duration is, for a command that has one. */
static const char *notes(const struct args_spec *spec)
{
    for (size_t n = 0; n < spec->options->n; n++)
        if (spec->options->rows[n].kind == OPTIONS_DURATION)
            return "A duration is in seconds, or has a unit: 250ms, 1.5s, 2m.";
    return "";
}

/* False: some of it was not looked at. */
static bool parse_argv(const struct args_spec *spec, int argc, char **argv, unsigned flags,
                       struct parse *p)
{
    struct table *table = malloc(sizeof *table);
    char *saved = argv[0], doc[ARGS_HELP], name[32], quote[VALUE_QUOTE + 8];

    if (!table) {
        faults_add(p->faults, NULL, QHCP_E_NOMEM, "out of memory");
        return false;
    }
    make_table(spec->options, table);
    snprintf(doc, sizeof doc, "%s\v%s", spec->doc, spec->notes ? spec->notes : notes(spec));
    snprintf(name, sizeof name, "%s", spec->name);
    const struct argp argp = {table->at, on_option, spec->positional, doc};
    if (spec->plugin && !asks_for_help(argc, argv))
        flags |= ARGP_NO_ERRS;
    argp_err_exit_status = spec->usage_status;
    argv[0] = name;
    error_t e = argp_parse(&argp, argc, argv, flags, NULL, p);
    argv[0] = saved;
    free(table);
    if (e != 0)
        faults_add(p->faults, NULL, QHCP_E_ARG, "%s is not an option, or its value is missing",
                   value_quote(p->wrong ? p->wrong : "", quote));
    if (p->faults->n == 0 && spec->operands > 0 && p->n_operands == 0 && !spec->optional)
        faults_add(p->faults, NULL, QHCP_E_ARG, "%s is missing", spec->positional);
    return e == 0;
}

/* Takes over what the configuration file says that the command line does not. */
static void add_config(struct options *o, const char *path, struct faults *f)
{
    struct options *file = malloc(o->table->size);

    if (!file) {
        faults_add(f, NULL, QHCP_E_NOMEM, "out of memory");
        return;
    }
    options_init(file, o->table);
    (void)yaml_load(path, file, f);
    options_merge(o, file);
    free(file);
}

/* A configuration file is named and cannot be used. */
static bool config_is_refused(const struct options *o)
{
    for (size_t i = 0; i < o->table->n; i++)
        if (o->table->rows[i].kind == OPTIONS_CONFIG && o->refused[i])
            return true;
    return false;
}

/* The command line; the configuration file, where one is named; then a check of the whole, if all
 * of it is known. */
static int parse(struct parse *p, int argc, char **argv, unsigned flags)
{
    bool all;
    const char *path;

    options_init(p->options, p->spec->options);
    all = parse_argv(p->spec, argc, argv, flags, p) && !config_is_refused(p->options);
    path = options_config(p->options);
    if (path)
        add_config(p->options, path, p->faults);
    if (all && (!path || p->options->file) && options_ends(p->options) != OPTIONS_CONVERTS)
        (void)options_check(p->options, p->faults);
    return p->faults->n > 0 ? p->faults->error : 0;
}

void args_refuse(const struct args_spec *spec, const char *words)
{
    if (spec->plugin)
        printf("%s%s (see %s --help)\n", spec->plugin, words, spec->name);
    else
        fprintf(stderr, "%s: %s\nTry '%s --help'.\n", spec->name, words, spec->name);
}

static void first_line(void *ctx, const char *line)
{
    char *ret = ctx;

    if (ret[0] == '\0')
        snprintf(ret, ARGS_LINE, "%s", line);
}

static void refuse(const struct args_spec *spec, struct faults *f)
{
    char line[ARGS_LINE] = "";

    if (spec->plugin) {
        faults_each(f, first_line, line);
        args_refuse(spec, line);
        return;
    }
    fputs(faults_text(f), stderr); /* those of a file begin with its name, as editors want it */
    if (f->flags)
        fprintf(stderr, "Try '%s --help'.\n", spec->name);
}

/* --check-config, --print-config: all is well. */
static int finish(const struct args_spec *spec, const struct options *o, enum options_ends ends)
{
    const char *path = options_config(o);
    struct text t = {0};
    int written;

    if (ends == OPTIONS_PRINTS)
        print_options(o, &t);
    else
        text_printf(&t, "%s: no errors\n", path ? path : spec->name);
    written = t.failed ? EOF : fputs(t.at, stdout);
    text_deinit(&t);
    return written != EOF && fflush(stdout) != EOF ? ARGS_OK : ARGS_FAILURE;
}

void args_parse(const struct args_spec *spec, int argc, char **argv, struct options *ret,
                const char **ret_operands)
{
    char command[40];
    struct faults faults = {.command = spec->plugin ? NULL : command};
    struct parse p = {.spec = spec, .options = ret, .operands = ret_operands, .faults = &faults};

    snprintf(command, sizeof command, "%s: ", spec->name);
    for (unsigned i = 0; i < spec->operands; i++)
        ret_operands[i] = NULL;
    int r = parse(&p, argc, argv, 0), status = spec->usage_status;
    enum options_ends ends = options_ends(ret);
    if (r == 0 && ends == OPTIONS_GOES_ON)
        return;
    if (r == 0 && ends == OPTIONS_CHECKS && spec->look)
        spec->look(ret, &faults);
    if (faults.n > 0)
        refuse(spec, &faults);
    else if (ends == OPTIONS_CONVERTS)
        status = spec->convert(ret);
    else
        status = finish(spec, ret, ends);
    if (ends == OPTIONS_CHECKS && status != ARGS_OK)
        status = ARGS_FAILURE;
    faults_deinit(&faults);
    options_deinit(ret);
    exit(status);
}

int args_reload(const struct args_spec *spec, int argc, char **argv, const struct options *old,
                struct options *ret, struct faults *f)
{
    struct parse p = {.spec = spec, .options = ret, .old = old, .faults = f};
    int r = parse(&p, argc, argv, ARGP_SILENT);

    if (r < 0)
        options_deinit(ret);
    return r;
}
