#include "sinks/sink_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/os/file.h"
#include "base/utf8.h"
#include "state/guarded.h"

#define URL_MAX 2000
#define HEADERS_MAX 16384
#define HOST_MAX 256

struct url {
    char *scheme, *host, *port, *user, *password;
};

static void free_url(struct url *u)
{
    curl_free(u->scheme);
    curl_free(u->host);
    curl_free(u->port);
    curl_free(u->user);
    curl_free(u->password);
}

/* False: it is none. */
static bool take_apart(const char *text, struct url *ret)
{
    CURLU *u = curl_url();
    bool good = u && strlen(text) <= URL_MAX && utf8_printable(slice_str(text)) &&
                curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK;

    *ret = (struct url){.scheme = NULL};
    if (good) {
        curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0);
        curl_url_get(u, CURLUPART_HOST, &ret->host, 0);
        curl_url_get(u, CURLUPART_PORT, &ret->port, 0);
        curl_url_get(u, CURLUPART_USER, &ret->user, 0);
        curl_url_get(u, CURLUPART_PASSWORD, &ret->password, 0);
    }
    curl_url_cleanup(u);
    return good && ret->scheme && ret->host;
}

static bool is_this_machine(const char *host)
{
    union qhcp_addr addr;
    char words[200];

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (address_parse_ip(host, 0, &addr, words, sizeof words) < 0)
        return false;
    if (addr.sa.sa_family == AF_INET)
        return ntohl(addr.in.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&addr.in6.sin6_addr);
}

/* Words never quote it: its path may be a secret. */
static int check_url(const char *text, bool insecure, char name[SINK_NAME], char *words,
                     size_t words_cap)
{
    struct url u;
    bool good = take_apart(text, &u);
    int r = QHCP_E_PARSE;

    if (!good || (strcmp(u.scheme, "https") != 0 && strcmp(u.scheme, "http") != 0))
        snprintf(words, words_cap, "the URL is not one: use https://HOST[:PORT][/PATH]");
    else if (u.user || u.password)
        snprintf(words, words_cap,
                 "the URL has a user or a password in it: use token-file= or header-file=");
    else if (strcmp(u.scheme, "http") == 0 && !insecure && !is_this_machine(u.host))
        snprintf(words, words_cap,
                 "http:// to another machine is neither encrypted nor verified: use https://, or "
                 "say insecure=yes");
    else
        r = 0;
    if (r == 0)
        snprintf(name, SINK_NAME, "%s://%.80s%s%.8s", u.scheme, u.host, u.port ? ":" : "",
                 u.port ? u.port : "");
    free_url(&u);
    return r;
}

int sink_url_parse(struct sink_args *args, struct sink_url *ret, char *words, size_t words_cap)
{
    const char *where = args->argv[0];
    char kind[32], name[SINK_NAME];
    int r;

    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(args->name, " "), args->name);
    snprintf(name, sizeof name, "%.90s", where);
    *ret = (struct sink_url){.token_file = sink_args_get(args, "token-file"),
                             .header_file = sink_args_get(args, "header-file"),
                             .ca_file = sink_args_get(args, "ca-file")};
    r = sink_args_switch(args, "insecure", &ret->insecure, words, words_cap);
    if (where[0] == '@')
        ret->url_file = where + 1;
    else
        ret->url = where;
    if (r == 0 && ret->url)
        r = check_url(where, ret->insecure, name, words, words_cap);
    if (r == 0)
        snprintf(args->name, sizeof args->name, "%s %.90s", kind, name);
    return r;
}

/* A private file without the blanks at its end; the caller frees it (file_wipe). */
static int read_secret(const char *path, size_t max, char **ret, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    size_t n;
    int r = guarded_read(path, GUARDED_PRIVATE, true, max, ret, &n, &w);

    while (r == 0 && n > 0 && strchr(" \t\r\n", (*ret)[n - 1]))
        (*ret)[--n] = '\0';
    return r;
}

static int add_header(struct curl_slist **headers, const char *begin, const char *value,
                      const char *path, char *words, size_t words_cap)
{
    size_t n = strlen(begin) + strlen(value) + 1;
    char *line = malloc(n);
    struct curl_slist *more = NULL;

    if (line && utf8_printable(slice_str(value))) {
        snprintf(line, n, "%s%s", begin, value);
        more = curl_slist_append(*headers, line);
        snprintf(words, words_cap, "out of memory");
    } else {
        snprintf(words, words_cap, "%.200s has a control character in it, or more than one line",
                 path);
    }
    file_wipe(line, line ? n - 1 : 0);
    *headers = more ? more : *headers;
    return more ? 0 : QHCP_E_PARSE;
}

static int add_token(const struct sink_url *e, const char *token, struct curl_slist **headers,
                     char *words, size_t words_cap)
{
    char *text = NULL;
    int r = 0;

    if (e->token_file)
        r = read_secret(e->token_file, LIMIT_TOKEN, &text, words, words_cap);
    if (r == 0 && text)
        r = add_header(headers, token, text, e->token_file, words, words_cap);
    file_wipe(text, text ? strlen(text) : 0);
    return r;
}

static int add_lines(const struct sink_url *e, struct curl_slist **headers, char *words,
                     size_t words_cap)
{
    char *text = NULL, *line, *left;
    size_t n = 0;
    int r = 0;

    if (e->header_file)
        r = read_secret(e->header_file, HEADERS_MAX, &text, words, words_cap);
    n = text && r == 0 ? strlen(text) : 0;
    line = n > 0 ? strtok_r(text, "\n", &left) : NULL;
    for (unsigned number = 1; line && r == 0; number++, line = strtok_r(NULL, "\n", &left)) {
        line[strcspn(line, "\r")] = '\0';
        if (strchr(line, ':'))
            r = add_header(headers, "", line, e->header_file, words, words_cap);
        else {
            snprintf(words, words_cap, "%.200s: line %u is no header: use NAME: VALUE",
                     e->header_file, number);
            r = QHCP_E_PARSE;
        }
    }
    file_wipe(text, n);
    return r;
}

static int open_url(const struct sink_url *e, char **ret, char *words, size_t words_cap)
{
    char name[SINK_NAME], why[300];
    int r;

    *ret = NULL;
    if (e->url) {
        *ret = strdup(e->url);
        return *ret ? 0 : QHCP_E_NOMEM;
    }
    r = read_secret(e->url_file, URL_MAX, ret, words, words_cap);
    if (r == 0 && (r = check_url(*ret, e->insecure, name, why, sizeof why)) < 0)
        snprintf(words, words_cap, "%.200s: %s", e->url_file, why);
    return r;
}

int sink_url_open(const struct sink_url *e, const char *token, char **ret_url,
                  struct curl_slist **ret_headers, char *words, size_t words_cap)
{
    struct curl_slist *headers = NULL;
    char *url = NULL;
    int r;

    snprintf(words, words_cap, "out of memory");
    r = open_url(e, &url, words, words_cap);
    if (r == 0)
        r = add_token(e, token, &headers, words, words_cap);
    if (r == 0)
        r = add_lines(e, &headers, words, words_cap);
    if (r < 0) {
        curl_slist_free_all(headers);
        file_wipe(url, url ? strlen(url) : 0);
        headers = NULL;
        url = NULL;
    }
    *ret_url = url;
    *ret_headers = headers;
    return r;
}

int sink_url_look(const struct sink_url *e, const char *token, char *words, size_t words_cap)
{
    struct curl_slist *headers;
    char *url;
    int r = sink_url_open(e, token, &url, &headers, words, words_cap);

    file_wipe(url, url ? strlen(url) : 0);
    curl_slist_free_all(headers);
    return r;
}
