#include "cli/past.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "cli/admin_call.h"
#include "daemon/recording.h"
#include "state/state.h"

#define PORT 4242           /* qhcp lb's own default */
#define UP_TO_DATE_MS 3000L /* the longest that a load balancer is waited for */

/* The only history of the state directory, in the place of the usual one that is not there. */
static int find_other(char path[STORE_PATH], const struct words *w)
{
    struct state state;
    char pattern[STORE_PATH];
    glob_t found;
    int r = state_find(&state, w->p, w->cap);
    if (r != 0)
        return r;
    state_path(&state, "history-*.db", pattern, sizeof pattern);
    state_close(&state);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    if (found.gl_pathc == 1)
        snprintf(path, STORE_PATH, "%s", found.gl_pathv[0]);
    else
        r = words_fail(w, QHCP_E_EXISTS,
                       "%zu load balancers have a history here: choose one with --port, as %s does",
                       found.gl_pathc, found.gl_pathv[0]);
    globfree(&found);
    return r;
}

/* A load balancer that runs writes what has just happened before it answers, which it else does
 * once a second.  Where none runs, or it does not answer, the file is what there is. */
static void bring_up_to_date(uint16_t port)
{
    const struct words ignored = {NULL, 0};
    struct admin_client client;
    struct admin_call call;

    if (admin_client_find(&client, NULL, port, &ignored) != 0 ||
        admin_call_begin(&call, &client, "/api/v1/history?limit=1", NULL, &ignored) != 0)
        return;
    curl_easy_setopt(call.easy, CURLOPT_TIMEOUT_MS, UP_TO_DATE_MS);
    (void)admin_call_end(&call, &client, curl_easy_perform(call.easy), &ignored);
    admin_client_release(&call.answer);
}

int past_open(const char *history, uint16_t port, struct query **ret, const struct words *w)
{
    char path[STORE_PATH];
    int r = history ? 0 : state_as_owner(w->p, w->cap);

    if (r == 0)
        r = recording_path(history, port ? port : PORT, path, w->p, w->cap);
    if (r != 0)
        return r;
    bring_up_to_date(port);
    r = query_open(path, ret, w);
    if (r != QHCP_E_NOT_FOUND || history || port)
        return r;
    r = find_other(path, w);
    return r == 0 ? query_open(path, ret, w) : r;
}
