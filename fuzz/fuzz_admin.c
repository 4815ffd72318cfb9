/* What the admin interface parses itself of a request: its target, its path, Host, Origin,
 * If-Match, the options that a body changes; and the places of --admin.  The first byte chooses.
 * (HTTP is libmicrohttpd's, JSON jansson's.) */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_address.h"
#include "admin/admin_http.h"
#include "admin/admin_options.h"
#include "daemon/lb_options.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void fuzz_uri(const char *text)
{
    if (!admin_access_uri(text))
        return;
    for (const char *p = text; *p != '\0'; p++)
        must(*p > ' ' && *p <= '~' && (*p != '%' || strspn(p + 1, "0123456789abcdefABCDEF") >= 2));
}

/* A name with other characters than these could be another site's. */
static void fuzz_host(const char *text)
{
    if (!admin_access_host(text))
        return;
    must(strncasecmp(text, "localhost", 9) == 0 ||
         strspn(text, "0123456789abcdefABCDEF.:[]") == strlen(text));
    must(strlen(text) < 64);
}

static void fuzz_origin(const char *text)
{
    const char *host = strchr(text, '\n');
    char origin[512];

    if (!host || (size_t)(host - text) >= sizeof origin)
        return;
    memcpy(origin, text, (size_t)(host - text));
    origin[host - text] = '\0';
    if (admin_access_origin(origin, host + 1, false))
        must(strlen(origin) == strlen(host + 1) + strlen("http://"));
}

static void fuzz_path(const char *text)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PATCH", ""};
    char name[ADMIN_NAME], allow[64];

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const struct admin_route *r = admin_routes_find(methods[i], text, name, allow);

        must(strlen(allow) < sizeof allow && (!r || allow[0] == '\0'));
        if (!r)
            continue;
        must(text[0] == '/' && strlen(name) < sizeof name);
        must(strchr(r->path, '*') ? name[0] != '\0' : strcmp(r->path, text) == 0);
    }
}

static void fuzz_place(const char *text)
{
    struct admin_address at;
    char words[300];

    words[0] = '\0';
    if (admin_address_parse(text, &at, words, sizeof words) == 0)
        must(at.local ? at.path[0] != '\0' && (at.mode & ~0660U) == 0
                      : at.addr.sa.sa_family == AF_INET || at.addr.sa.sa_family == AF_INET6);
    else
        must(words[0] != '\0');
}

/* Only an equal tag, or *, is what is in force. */
static void fuzz_match(const char *text)
{
    static const char tag[] = "\"0123456789abcdef\"";

    if (admin_options_match(text, tag))
        must(strstr(text, tag) || strchr(text, '*'));
}

/* What was put in force can be shown, and is what a patch may change. */
static void check_patch(struct patch *p, const struct in_force_copy *base)
{
    const struct options_table *table = p->options->table;
    struct text t = {0};
    json_t *json;

    for (size_t i = 0; i < table->n; i++)
        must(p->rows[i] ? patch_way(&table->rows[i]) == PATCH_NOW
                        : !options_differ(p->options, base->options, &table->rows[i]));
    admin_options_json(&t, p->options, true);
    json = json_loadb(t.at, t.n, JSON_REJECT_DUPLICATES, NULL);
    must(json_array_size(json_object_get(json, "unsaved")) == p->n);
    json_decref(json);
    text_reset(&t);
    patch_words(p, base->options, &t);
    must(p->n == 0 || t.n > 0);
    text_deinit(&t);
}

static void fuzz_patch(const char *text)
{
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *json;
    struct lb_options options;
    struct in_force in_force;
    struct text faults = {0}, all = {0};
    const struct in_force_copy *base;
    struct patch p;
    size_t n;

    if (!json_is_object(body)) {
        json_decref(body);
        return;
    }
    options_init(&options.head, &lb_options_table);
    in_force_init(&in_force);
    options.head.set[0] = true; /* it has servers */
    in_force_put(&in_force, &options.head);
    base = in_force_hold(&in_force);
    must(patch_init(&p, base) == 0);
    n = admin_options_patch(&p, body, &faults);
    text_printf(&all, "[%s]", faults.at ? faults.at : "");
    json = json_loadb(all.at, all.n, 0, NULL);
    must(json && (json_array_size(json) > 0) == (n > 0));
    if (n == 0)
        check_patch(&p, base);
    json_decref(json);
    json_decref(body);
    text_deinit(&faults);
    text_deinit(&all);
    patch_deinit(&p);
    in_force_let_go(&in_force, base);
    in_force_deinit(&in_force);
    options_deinit(&options.head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const char *) = {fuzz_uri,   fuzz_host,  fuzz_origin, fuzz_path,
                                                  fuzz_place, fuzz_match, fuzz_patch};
    char *text;

    if (size < 1)
        return 0;
    text = malloc(size);
    must(text);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    parts[data[0] % (sizeof parts / sizeof parts[0])](text);
    free(text);
    return 0;
}
