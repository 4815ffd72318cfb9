/* Runs the files of vectors that it is given: each decodes to its fields and encodes to its bytes
 * again, or fails with its error; and every key of the schema has the vectors that its rules ask
 * for. TAP: one line a file, and one for the cover. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#include "dump.h"
#include "vector.h"
#include "wire/schema.h"

/* Names of the vectors seen, for the cover. */
struct names {
    char **at;
    size_t count, cap;
};

static bool remember(struct names *names, const char *name)
{
    if (names->count == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 256;
        char **more = realloc(names->at, cap * sizeof *more);

        if (!more)
            return false;
        names->at = more;
        names->cap = cap;
    }
    names->at[names->count] = strdup(name);
    return names->at[names->count++] != NULL;
}

static bool seen(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

static bool complain(const struct vector *v, const char *what, const char *got, const char *want)
{
    printf("# %s: %s\n# got:  %s\n# want: %s\n", v->name, what, got, want);
    return false;
}

static bool check_fields(const struct vector *v, const struct wire_message *m)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    bool same;

    if (!out)
        return complain(v, "no memory", "", "");
    dump_message(out, "", m);
    fclose(out);
    same = n == v->fields_len && (n == 0 || memcmp(text, v->fields, n) == 0);
    if (!same)
        complain(v, "fields", text, v->fields ? v->fields : "");
    free(text);
    return same;
}

static bool check_again(const struct vector *v, const struct wire_message *m)
{
    static uint8_t buf[VECTOR_FRAME];
    const uint8_t *want = v->has_again ? v->again : v->frame;
    size_t want_len = v->has_again ? v->again_len : v->frame_len;
    int n;

    if (v->has_again && v->again_len == 0) /* a frame to skip */
        return wire_encode(m, buf, sizeof buf) == QHCP_E_VALUE;
    n = wire_encode(m, buf, want_len); /* room for exactly this */
    if (n < 0)
        return complain(v, "encoding", dump_error(n), "a frame");
    if ((size_t)n != want_len || memcmp(buf, want, want_len) != 0)
        return complain(v, "encoding", "other bytes", "the frame's");
    n = wire_encode(m, buf, want_len - 1);
    return n == QHCP_E_FULL || complain(v, "encoding into one byte less", dump_error(n), "FULL");
}

static bool check_vector(const struct vector *v)
{
    static struct wire_message m;
    /* Exactly as long as the frame, so that a sanitizer sees a read past its end. */
    uint8_t *copy = malloc(v->frame_len ? v->frame_len : 1);
    uint64_t type = 99;
    const char *name;
    bool ok;
    int r;

    if (!copy)
        return false;
    memcpy(copy, v->frame, v->frame_len);
    memset(&m, 0xa5, sizeof m); /* nothing may depend on what was there */
    r = wire_decode(copy, v->frame_len, &m, &type);
    name = type == 0 && r < 0 ? "-" : wire_type_name(type);
    ok = strcmp(name, v->message) == 0 || complain(v, "type", name, v->message);
    if (v->error[0])
        ok = (r < 0 && strcmp(dump_error(r), v->error) == 0) ||
             complain(v, "decoding", r < 0 ? dump_error(r) : "no error", v->error);
    else if (r < 0)
        ok = complain(v, "decoding", dump_error(r), "no error");
    else
        ok = ok && check_fields(v, &m) && check_again(v, &m);
    free(copy);
    return ok;
}

static bool run_file(const char *path, struct names *names)
{
    struct vector v = {0};
    FILE *in = fopen(path, "r");
    size_t good = 0, all = 0;
    bool ok = in != NULL;
    int r = 0;

    while (ok && (r = vector_next(in, &v)) > 0) {
        all++;
        good += check_vector(&v);
        if (seen(names, v.name))
            ok = complain(&v, "name", "twice", "once");
        ok = ok && remember(names, v.name);
    }
    printf("# %s: %zu of %zu\n", path, good, all);
    vector_deinit(&v);
    if (in)
        fclose(in);
    return ok && r == 0 && all > 0 && good == all;
}

struct cover {
    const struct names *names;
    char path[96]; /* MESSAGE.KEY, or MESSAGE.KEY.MEMBER */
    bool ok;
};

static void wants(struct cover *c, const char *rule)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", c->path, rule);
    if (seen(c->names, name))
        return;
    printf("# no vector %s\n", name);
    c->ok = false;
}

static void cover_list(struct cover *c, const struct schema *s);

static void cover_kind(struct cover *c, const struct schema_field *f)
{
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_NUMBER:
        wants(c, "not-shortest");
        if (f->max < (UINT64_C(1) << 62) - 1)
            wants(c, "above");
        break;
    case SCHEMA_TEXT:
        wants(c, "control");
        wants(c, "not-utf8");
        wants(c, "utf8");
        /* fall through */
    case SCHEMA_NAME:
    case SCHEMA_BYTES:
        wants(c, "above");
        wants(c, "cut");
        break;
    case SCHEMA_LIST:
        wants(c, "empty");
        wants(c, "inner-order");
        wants(c, "inner-unknown");
        cover_list(c, f->list);
        return;
    case SCHEMA_VALUES:
        wants(c, "twice");
        wants(c, "order");
        return;
    }
    wants(c, "least");
    wants(c, "greatest");
    if (f->min > 0)
        wants(c, "below");
}

static void cover_list(struct cover *c, const struct schema *s)
{
    size_t n = strlen(c->path);

    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];

        snprintf(c->path + n, sizeof c->path - n, ".%s", f->name);
        if (f->required)
            wants(c, "missing");
        if (f->most > 0)
            wants(c, "one-too-many");
        else if (f->kind != SCHEMA_VALUES)
            wants(c, "twice");
        wants(c, "as-many-as-may-be");
        cover_kind(c, f);
        c->path[n] = '\0';
    }
}

static bool cover(const struct names *names)
{
    struct cover c = {.names = names, .ok = true};

    for (uint64_t type = 1; schema_by_type(type); type++) {
        const struct schema *s = schema_by_type(type);

        snprintf(c.path, sizeof c.path, "%s", s->name);
        wants(&c, "least");
        wants(&c, "unknown-key");
        wants(&c, "order");
        wants(&c, "left-over");
        wants(&c, "truncated");
        cover_list(&c, s);
    }
    return c.ok;
}

int main(int argc, char **argv)
{
    struct names names = {0};
    int failed = 0;

    printf("TAP version 13\n1..%d\n", argc);
    for (int i = 1; i < argc; i++) {
        bool ok = run_file(argv[i], &names);
        const char *slash = strrchr(argv[i], '/');

        printf("%s %d - the vectors of %s\n", ok ? "ok" : "not ok", i, slash ? slash + 1 : argv[i]);
        failed += !ok;
    }
    failed += !cover(&names);
    printf("%s %d - every key of the schema has its vectors\n", cover(&names) ? "ok" : "not ok",
           argc);
    for (size_t i = 0; i < names.count; i++)
        free(names.at[i]);
    free(names.at);
    return failed != 0;
}
