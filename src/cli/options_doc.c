#include "cli/options_doc.h"

#include <string.h>

#include "wire/registry.h"

static const char *const names[] = {"lb", "server", "check", "control"};

bool options_doc_command(const char *name, enum options_command *ret)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum options_command)(1 << i);
            return true;
        }
    }
    return false;
}

static const char *command_name(enum options_command command)
{
    size_t i = 0;

    while ((1u << i) != command)
        i++;
    return names[i];
}

/* Text for roff: backslashes and hyphens of option names escaped, one sentence a line.  `here` is
 * what need not be said in the page itself: " in qhcp-lb(1)". */
static void put_text(FILE *out, const char *text, const char *here)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool line = p == text || p[-1] == ' ';
        if (here[0] != '\0' && strncmp(p, here, strlen(here)) == 0)
            p += strlen(here);
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-' && (line || p[-1] == '-'))
            fputs("\\-", out);
        else if (*p == ' ' && p > text && p[-1] == '.' && p[1] >= 'A' && p[1] <= 'Z')
            fputc('\n', out);
        else
            fputc(*p, out);
    }
    fputc('\n', out);
}

void options_doc_mdoc(FILE *out, enum options_command command)
{
    const struct options_row *rows = options_rows();
    char here[32];

    snprintf(here, sizeof here, " in qhcp-%s(1)", command_name(command));
    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (!(rows[i].commands & command))
            continue;
        fputs(".It Fl ", out);
        if (options_letter(rows[i].id))
            fprintf(out, "%c , Fl ", options_letter(rows[i].id));
        fprintf(out, "\\-%s", rows[i].name);
        if (rows[i].arg)
            fprintf(out, " Ar %s", rows[i].arg);
        fputc('\n', out);
        put_text(out, rows[i].doc, here);
        if (rows[i].def)
            fprintf(out, "Default:\n.Cm %s .\n", rows[i].def);
    }
    fputs(".El\n", out);
}

void options_doc_metrics(FILE *out)
{
    const struct wire_metric_row *row;

    fputs(".Bl -tag -width Ds\n", out);
    for (uint64_t n = 1; (row = wire_metric_by_number(n)); n++) {
        fprintf(out, ".It Cm %s Pq %s\n", row->name,
                row->unit == WIRE_UNIT_MILLI ? "decimal number" : wire_unit_name(row->unit));
        put_text(out, row->doc, "");
    }
    fputs(".El\n", out);
}
