/* The options of a command: rows, and a struct with the value of each.
 *
 * Who owns a command lists its rows, and makes the struct and the table of the same list:
 *
 *     #define LB_OPTIONS(X)                                                                \
 *         X(port, "port", PORT, .def = "4242",                                             \
 *           .doc = "The UDP port.")
 *     struct lb_options {
 *         struct options head;
 *         LB_OPTIONS(OPTIONS_MEMBER)
 *     };
 *     #define ROW(...) OPTIONS_ROW(struct lb_options, __VA_ARGS__)
 *     static const struct options_row rows[] = {LB_OPTIONS(ROW)};
 *     const struct options_table lb_options_table = OPTIONS_TABLE(struct lb_options, check);
 *
 * So a new option is one row: its value is o->port, of its kind's type.  The command line (args.c),
 * the YAML configuration (yaml.c, same names), --help and the manual pages (cli/options_doc.c)
 * are made from the rows.  A row may name two functions of its owner: `check` for the value, and
 * `live` for what a running process does when the value changes. */
#ifndef QHCP_CONF_OPTIONS_H
#define QHCP_CONF_OPTIONS_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/time.h"
#include "conf/list.h"

#define OPTIONS_MAX 128 /* rows of one command: twice what the largest has */

#define OPTIONS_INTERVAL_MIN (LIMIT_INTERVAL_MIN_US * NSEC_PER_USEC)
#define OPTIONS_INTERVAL_MAX (LIMIT_INTERVAL_MAX_US * NSEC_PER_USEC)
#define OPTIONS_DAY (24 * 3600 * NSEC_PER_SEC)

enum options_kind {
    OPTIONS_DURATION, /* min and max in nanoseconds */
    OPTIONS_NUMBER,   /* min and max; where arg is PERCENT, a % may follow */
    OPTIONS_PORT,     /* 1 to 65535 */
    OPTIONS_FILE,     /* a regular file that we may read */
    OPTIONS_CONFIG,   /* the same, with more of the options in it, as YAML */
    OPTIONS_TEXT,     /* min and max bytes */
    OPTIONS_LIST,     /* repeatable; comma-separated, or @FILE; max entries */
    OPTIONS_ITEM,     /* repeatable; each is one entry, commas and all; max entries */
    OPTIONS_CHOICE,   /* one of the words in arg, with | between */
    OPTIONS_SWITCH,   /* no value on the command line; true or false in the configuration */
};

#define OPTIONS_TYPE_DURATION qhcp_nsec
#define OPTIONS_TYPE_NUMBER uint64_t
#define OPTIONS_TYPE_PORT uint16_t /* 0: not given */
#define OPTIONS_TYPE_FILE char *   /* NULL: not given */
#define OPTIONS_TYPE_CONFIG char *
#define OPTIONS_TYPE_TEXT char *
#define OPTIONS_TYPE_LIST struct list
#define OPTIONS_TYPE_ITEM struct list
#define OPTIONS_TYPE_CHOICE unsigned /* which word, from 0 */
#define OPTIONS_TYPE_SWITCH bool

#define OPTIONS_MEMBER(member, name, kind, ...) OPTIONS_TYPE_##kind member;
/* After the kind: members of struct options_row, as .def = "5s". */
#define OPTIONS_ROW(type, member, name_, kind_, ...)                                               \
    {.name = (name_), .kind = OPTIONS_##kind_, .offset = offsetof(type, member), __VA_ARGS__},

struct options;

/* What a command may do with its options instead of its work; the file cannot ask for it. */
enum options_ends { OPTIONS_GOES_ON = 0, OPTIONS_CHECKS, OPTIONS_PRINTS, OPTIONS_CONVERTS };

/* The owner checks this text, or this entry of a list.  0, or QHCP_E_* with words that quote it. */
typedef int (*options_check_fn)(const char *text, char *words, size_t words_cap);

/* Makes a running process (ctx) follow a change of this option.  Its options have the new value
 * already; `before` has the former ones (of options that are live).  0; or QHCP_E_* with words, and
 * nothing has changed. */
typedef int (*options_live_fn)(void *ctx, const struct options *before, char *words,
                               size_t words_cap);

struct options_row {
    const char *name;
    const char *key;   /* in the configuration file, if that is another; NULL: its name */
    const char *alias; /* a second name, on the command line and in the file; NULL: none */
    enum options_kind kind;
    size_t offset;   /* of its value */
    const char *arg; /* what the value is called; NULL: the kind's usual name */
    const char *def; /* NULL: none.  A list, an item, a file and a switch have none. */
    uint64_t min, max;
    options_check_fn check; /* TEXT, LIST, ITEM: NULL: any will do */
    /* LIST: entries may have settings, "ENTRY KEY=VALUE ...", which the file may write as a mapping
     * (entries.h).  The names of the settings, NULL at the end; is this a value of that one? */
    const char *const *fields;
    int (*check_field)(const char *field, const char *value, char *words, size_t words_cap);
    const char *adds;       /* the setting that takes several, with | between; NULL: none */
    options_live_fn live;   /* NULL: a change needs a restart.  Rows may share one. */
    enum options_ends ends; /* SWITCH, FILE: the command does this, and ends */
    char letter;            /* as plugins of monitoring systems have them ("-t"); 0: none */
    const char *doc;
};

/* Of one command. */
struct options_table {
    const struct options_row *rows;
    size_t n;    /* OPTIONS_MAX at most */
    size_t size; /* of the struct of values */
    /* Checks the options together: pairs, what must be given; adds faults.  May be NULL. */
    void (*check)(const struct options *o, struct faults *f);
};

/* Of the array `rows` before it. */
/* clang-format off */
#define OPTIONS_TABLE(type, check_) \
    {.rows = rows, .n = sizeof rows / sizeof rows[0], .size = sizeof(type), .check = (check_)}
/* clang-format on */

/* The first member of every struct of values. */
struct options {
    const struct options_table *table; /* NULL: empty */
    bool no_files;                     /* no file is looked at: for fuzzing */
    bool set[OPTIONS_MAX];             /* by the user, not by default; by row */
    bool refused[OPTIONS_MAX];         /* the user gave it a value that is wrong */
    char *file;                        /* that was read; NULL: none, or it is not YAML */
    struct options_line {
        unsigned line, column; /* in it; 0: it was on the command line */
        bool asked;            /* no: it was changed while this ran (patch.h) */
    } from[OPTIONS_MAX];
};

/* The name of its value in --help: "PORT"; NULL for a switch. */
const char *options_arg(const struct options_row *row);

/* "a|b|c" as "a, b or c". */
#define OPTIONS_CHOICES 200
void options_choices(const char *choices, char ret[OPTIONS_CHOICES]);

/* May it be in the configuration file? */
bool options_in_file(const struct options_row *row);

/* What is asked for by an option that is given. */
enum options_ends options_ends(const struct options *o);

/* Bytes of a value of this kind. */
size_t options_size(enum options_kind kind);

/* The value of a row, of its kind's type. */
const void *options_value(const struct options *o, const struct options_row *row);

/* Has it a value: given, by default, or because a switch always has? */
bool options_has(const struct options *o, const struct options_row *row);

/* Was it changed while this ran (patch.h)? */
bool options_asked(const struct options *o, const struct options_row *row);

/* May it be given several times?  Each time adds entries. */
bool options_repeatable(const struct options_row *row);

/* What the configuration file calls it. */
const char *options_key(const struct options_row *row);

/* The row of this name, key or alias, or NULL. */
const struct options_row *options_find(const struct options_table *table, const char *name);

/* Sets every option to its default.  o is the head of a struct of table->size bytes. */
void options_init(struct options *o, const struct options_table *table);
/* Frees the values.  A struct that is zeroed is fine. */
void options_deinit(struct options *o);

/* Sets one option from text, which stands at `at` (at->file is NULL: on the command line). `files`:
 * may a list be "@FILE", or "@-".  Faults are added to *f, and the first is returned; of a list the
 * good entries are there then.  QHCP_E_EXISTS: it is set already (but a list grows). */
int options_set(struct options *o, const struct options_row *row, const char *text,
                enum list_source files, const struct place *at, struct faults *f);

/* Adds one entry to a list, commas and all. */
int options_add(struct options *o, const struct options_row *row, const char *entry,
                const struct place *at, struct faults *f);

/* The value of a row that is a list. */
struct list *options_list(struct options *o, const struct options_row *row);

/* The user gave it a value that is wrong. */
void options_refuse(struct options *o, const struct options_row *row);

/* Takes over from `from` (same command) what o does not have set itself; `from` is left empty. */
void options_merge(struct options *o, struct options *from);

/* Checks the options together (the table's check).  0, or the first fault. */
int options_check(const struct options *o, struct faults *f);

/* Did the user give this option?  value: where its value is, as &o->port. */
bool options_given(const struct options *o, const void *value);

/* Where it was given; where it is not, the file, or the command line if there is none. */
struct place options_place(const struct options *o, const void *value);

/* Two options that go together: both are given, or neither is. */
void options_check_pair(const struct options *o, const void *a, const void *b, struct faults *f);

/* The path of the configuration file; NULL: none. */
const char *options_config(const struct options *o);

/* Do two values differ? */
bool options_differ(const struct options *a, const struct options *b,
                    const struct options_row *row);

/* Exchanges the values of a row. */
void options_exchange(struct options *a, struct options *b, const struct options_row *row);

#endif
