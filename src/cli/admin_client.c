#include "cli/admin_client.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin_call.h"
#include "history/when.h"
#include "state/state.h"

#include <qhcp/error.h>

#define PORT 4242 /* qhcp lb's own default */
#define OPTION "--admin-socket"

static int take_path(struct admin_client *ret, const char *path, const struct words *w)
{
    if (strlen(path) >= sizeof ret->path)
        return words_fail(w, QHCP_E_FULL, "%s is too long for a socket's name", path);
    memcpy(ret->path, path, strlen(path) + 1);
    return 0;
}

/* The path of unix:PATH, as --admin of `qhcp lb` has it, or of PATH. */
static int take_option(struct admin_client *ret, const char *text, const struct words *w)
{
    const char *path = strncmp(text, "unix:", strlen("unix:")) == 0 ? text + strlen("unix:") : text;
    char *mode;
    int r = take_path(ret, path, w);

    if (r == 0 && path != text && (mode = strstr(ret->path, ",mode=")))
        *mode = '\0';
    return r;
}

/* The only socket of the state directory, in the place of the usual one that is not there. */
static int find_other(struct admin_client *ret, const struct words *w)
{
    char pattern[STATE_PATH + 64];
    struct state state;
    glob_t found;
    int r = state_find(&state, w->p, w->cap);

    if (r != 0)
        return r;
    state_path(&state, "admin-*.sock", pattern, sizeof pattern);
    state_close(&state);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    if (found.gl_pathc == 1)
        r = take_path(ret, found.gl_pathv[0], w);
    else
        r = words_fail(w, QHCP_E_EXISTS,
                       "%zu load balancers have a socket here: choose one with --port, as %s does",
                       found.gl_pathc, found.gl_pathv[0]);
    globfree(&found);
    return r;
}

int admin_client_find(struct admin_client *ret, const char *path, uint16_t port,
                      const struct words *w)
{
    int r;

    if (path)
        return take_option(ret, path, w);
    r = private_socket_path("admin", port ? port : PORT, OPTION, ret->path, w->p, w->cap);
    if (r == 0 && !port && access(ret->path, F_OK) != 0)
        r = find_other(ret, w);
    return r;
}

void admin_client_path(struct text *t, const char *before, const char *name, const char *after)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    text_add(t, before);
    for (const char *p = name; *p != '\0'; p++) {
        if (strchr(plain, *p))
            text_bytes(t, p, 1);
        else
            text_printf(t, "%%%02X", (unsigned)(unsigned char)*p);
    }
    text_add(t, after);
}

/* ---- one request, and a stream ---- */

int admin_client_ask(const struct admin_client *c, const char *path, const json_t *body,
                     struct admin_answer *ret, const struct words *w)
{
    struct admin_call call;
    int r = admin_call_begin(&call, c, path, body, w);

    if (r == 0)
        r = admin_call_end(&call, c, curl_easy_perform(call.easy), w);
    *ret = call.answer;
    return r;
}

void admin_client_release(struct admin_answer *a)
{
    text_deinit(&a->text);
    json_decref(a->json);
}

int admin_client_follow(const struct admin_client *c, const char *path, admin_client_line_fn *fn,
                        void *ctx, const struct words *w)
{
    struct admin_follower f;
    int r = admin_follower_begin(&f, c, path, fn, ctx, w);

    return r == 0 ? admin_follower_end(&f, c, curl_easy_perform(f.easy), w) : r;
}

/* ---- what an answer has ---- */

int64_t admin_client_time(const char *text)
{
    char seconds[32], words[8];
    int64_t ms;

    if (strlen(text) < 19)
        return -1;
    snprintf(seconds, sizeof seconds, "%.19sZ", text);
    if (when_parse(seconds, 0, &ms, words, sizeof words) != 0)
        return -1;
    return ms + (text[19] == '.' ? strtol(text + 20, NULL, 10) % 1000 : 0);
}

const char *admin_client_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}
