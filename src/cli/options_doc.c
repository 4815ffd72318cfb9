#include "cli/options_doc.h"

#include <string.h>

#include "wire/registry.h"

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

void options_doc_mdoc(FILE *out, const char *command, const struct options_table *options)
{
    char here[32];

    snprintf(here, sizeof here, " in qhcp-%s(1)", command);
    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < options->n; i++) {
        const struct options_row *row = &options->rows[i];

        fputs(".It Fl ", out);
        if (row->letter)
            fprintf(out, "%c , Fl ", row->letter);
        fprintf(out, "\\-%s", row->name);
        if (row->alias)
            fprintf(out, " , Fl \\-%s", row->alias);
        if (options_arg(row))
            fprintf(out, " Ar %s", options_arg(row));
        fputc('\n', out);
        put_text(out, row->doc, here);
        if (row->def)
            fprintf(out, "Default:\n.Cm %s .\n", row->def);
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
