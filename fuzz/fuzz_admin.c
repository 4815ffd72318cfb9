/* What the admin interface parses itself of a request: its target, its path, Host, Origin; and the
 * places of --admin.  The first byte chooses.  (HTTP is libmicrohttpd's, JSON jansson's.) */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_address.h"
#include "admin/admin_http.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const char *) = {fuzz_uri, fuzz_host, fuzz_origin, fuzz_path,
                                                  fuzz_place};
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
