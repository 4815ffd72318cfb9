#include "conf/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAULT 1000 /* bytes of one */

void faults_deinit(struct faults *f)
{
    text_deinit(&f->lines);
    *f = (struct faults){.n = 0};
}

void faults_copy(struct faults *to, struct faults *from)
{
    text_add(&to->lines, faults_text(from));
    to->n = from->n;
    to->error = from->error;
    to->flags = from->flags;
    to->summed = from->summed;
}

static void add_place(struct text *t, const char *command, const struct place *at)
{
    if (!at->file && command)
        text_add(t, command);
    if (at->file) {
        text_plain(t, at->file);
        if (at->line > 0)
            text_printf(t, ":%u:%u", at->line, at->column);
        text_add(t, at->file[0] ? ": " : "");
    }
    if (at->option)
        text_printf(t, "%s%s: ", at->file ? "" : "--", at->option);
}

int faults_add(struct faults *f, const struct place *at, int error, const char *fmt, ...)
{
    static const struct place command_line = {.file = NULL};
    char words[FAULT];
    va_list args;

    if (f->n++ == 0)
        f->error = error;
    at = at ? at : &command_line;
    f->flags = f->flags || !at->file;
    if (f->n > FAULTS_SHOWN)
        return error;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    add_place(&f->lines, f->command, at);
    text_add(&f->lines, words);
    text_add(&f->lines, "\n");
    return error;
}

const char *faults_text(struct faults *f)
{
    if (f->n > FAULTS_SHOWN && !f->summed) {
        text_printf(&f->lines, "and %zu more error%s\n", TEXT_COUNT(f->n - FAULTS_SHOWN));
        f->summed = true;
    }
    if (f->lines.failed)
        return "out of memory\n";
    return f->lines.at ? f->lines.at : "";
}

void faults_each(struct faults *f, void (*say)(void *ctx, const char *line), void *ctx)
{
    char line[2 * FAULT];

    for (const char *p = faults_text(f), *end; (end = strchr(p, '\n')); p = end + 1) {
        snprintf(line, sizeof line, "%.*s", (int)(end - p), p);
        say(ctx, line);
    }
}
