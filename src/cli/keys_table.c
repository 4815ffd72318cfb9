/* The table of `qhcp keys show`. */
#include <string.h>

#include "cli/keys.h"

#define EXPIRES_WIDTH 26 /* "in 3649 days (2036-11-20)" and a blank */
#define WHAT_WIDTH 20
#define PRINT_WIDTH 73 /* "sha256:", 64 digits and two blanks */

#include "state/pki.h"

static const char *text(const json_t *row, const char *name)
{
    const char *s = json_string_value(json_object_get(row, name));

    return s ? s : "-";
}

static void print_expires(const json_t *row, FILE *out)
{
    const json_t *at = json_object_get(row, "expires");
    long long days = json_integer_value(json_object_get(row, "days"));
    char date[16], cell[64] = "-";

    if (at) {
        pki_date(json_integer_value(at), date);
        snprintf(cell, sizeof cell, "%s%lld day%s%s (%s)", days < 0 ? "" : "in ",
                 days < 0 ? -days : days, days == 1 || days == -1 ? "" : "s",
                 days < 0 ? " ago" : "", date);
    }
    fprintf(out, "%-*s", EXPIRES_WIDTH, cell);
}

/* A string, or a list of them. */
static void print_names(const json_t *names, FILE *out)
{
    if (json_is_string(names))
        fputs(json_string_value(names), out);
    for (size_t i = 0; i < json_array_size(names); i++)
        fprintf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(names, i)));
}

static void print_revoked(const json_t *row, FILE *out)
{
    const json_t *at = json_object_get(row, "revoked");
    char date[16];

    if (!at)
        return;
    if (!json_is_integer(at)) {
        fputs(" (revoked)", out);
        return;
    }
    pki_date(json_integer_value(at), date);
    fprintf(out, " (revoked %s)", date);
}

static void begin(const char *what, const json_t *row, FILE *out)
{
    fprintf(out, "%-*s", WHAT_WIDTH, what);
    print_expires(row, out);
}

static void print_cert(const char *what, const json_t *row, FILE *out)
{
    if (!row)
        return;
    begin(what, row, out);
    fprintf(out, "%-*s", PRINT_WIDTH, text(row, "fingerprint"));
    if (json_object_get(row, "names"))
        print_names(json_object_get(row, "names"), out);
    else
        fputs(text(row, "subject"), out);
    print_revoked(row, out);
    if (json_is_true(json_object_get(row, "lacks_keys")))
        fputs(" (lacks the newest keys: export again)", out);
    fputc('\n', out);
}

static void print_key(const char *what, const json_t *row, FILE *out)
{
    const json_t *aud = json_object_get(row, "aud");

    if (!row)
        return;
    begin(what, row, out);
    fprintf(out, "%-*s%s", PRINT_WIDTH, text(row, "kid"), text(row, "id"));
    if (json_object_get(row, "scope"))
        fprintf(out, " (%s%s", text(row, "scope"), aud ? " of " : ")");
    if (aud) {
        print_names(aud, out);
        fputc(')', out);
    }
    print_revoked(row, out);
    fputc('\n', out);
}

static void print_list(const char *what, const json_t *list, FILE *out)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        fprintf(out, "%-*s%-*s%-*s-\n", WHAT_WIDTH, what, EXPIRES_WIDTH, "-", PRINT_WIDTH,
                json_string_value(json_array_get(list, i)));
}

void keys_table_print(const json_t *shown, FILE *out)
{
    const json_t *ca = json_object_get(shown, "ca"), *row;
    bool imported = strcmp(text(ca, "origin"), "imported") == 0;
    size_t i;

    fprintf(out, "State directory: %s\n\n", text(shown, "directory"));
    fprintf(out, "%-*s%-*s%-*s%s\n", WHAT_WIDTH, "WHAT", EXPIRES_WIDTH, "EXPIRES", PRINT_WIDTH,
            "FINGERPRINT OR KID", "NAME");
    print_cert(imported ? "CA (imported)" : "CA (automatic)", ca, out);
    print_cert("server certificate", json_object_get(shown, "server"), out);
    print_key("token key", json_object_get(shown, "token_key"), out);
    json_array_foreach(json_object_get(shown, "old_token_keys"), i, row)
    {
        print_key("old token key", row, out);
    }
    print_key("check key", json_object_get(shown, "check_key"), out);
    json_array_foreach(json_object_get(shown, "accepted_keys"), i, row)
    {
        print_key("accepted key", row, out);
    }
    json_array_foreach(json_object_get(shown, "exported"), i, row)
    {
        if (json_object_get(row, "names"))
            print_cert("exported", row, out);
        else
            print_key(strcmp(text(row, "type"), "check") == 0 ? "accepted check" : "accepted lb",
                      row, out);
    }
    print_list("revoked cert", json_object_get(json_object_get(shown, "revoked"), "certificates"),
               out);
    print_list("revoked key", json_object_get(json_object_get(shown, "revoked"), "keys"), out);
    json_array_foreach(json_object_get(shown, "problems"), i, row)
    {
        fprintf(out, "%sproblem: %s\n", i == 0 ? "\n" : "", json_string_value(row));
    }
}
