/* The paths of the admin interface.  One more is one row, its function in a file of its own, and
 * its description in docs/openapi.json, which a test compares with these rows. */
#include <stdio.h>
#include <string.h>

#include "admin/admin_act.h"
#include "admin/admin_config.h"
#include "admin/admin_events.h"
#include "admin/admin_history.h"
#include "admin/admin_http.h"
#include "admin/admin_metrics.h"
#include "admin/admin_page.h"
#include "admin/admin_sd.h"
#include "admin/admin_self.h"
#include "admin/admin_server.h"
#include "admin/admin_sinks.h"

static const struct admin_route rows[] = {
    {"GET", "/", ADMIN_ANYBODY, "", admin_page_root},
    {"GET", "/page/*", ADMIN_ANYBODY, "", admin_page_part},
    {"GET", "/healthz", ADMIN_ANYBODY, "", admin_self_health},
    {"GET", "/readyz", ADMIN_ANYBODY, "", admin_self_ready},
    {"GET", "/metrics", ADMIN_READ, "name[]", admin_metrics_show},
    {"GET", "/api/v1/self", ADMIN_READ, "", admin_self_show},
    {"GET", "/api/v1/sinks", ADMIN_READ, "", admin_sinks_show},
    {"GET", "/api/v1/servers", ADMIN_READ, "state tag q fields since limit after",
     admin_server_list},
    {"GET", "/api/v1/servers/*", ADMIN_READ, "", admin_server_one},
    {"POST", "/api/v1/servers/*/drain", ADMIN_WRITE, "", admin_act_drain},
    {"POST", "/api/v1/servers/*/undrain", ADMIN_WRITE, "", admin_act_undrain},
    {"POST", "/api/v1/servers/*/maintenance", ADMIN_WRITE, "", admin_act_maintenance},
    {"POST", "/api/v1/servers/*/weight", ADMIN_WRITE, "", admin_act_weight},
    {"GET", "/api/v1/events", ADMIN_READ, "after limit server stream", admin_events_get},
    {"POST", "/api/v1/reload", ADMIN_WRITE, "", admin_act_reload},
    {"GET", "/api/v1/config", ADMIN_READ, "", admin_config_show},
    {"PATCH", "/api/v1/config", ADMIN_WRITE, "", admin_config_change},
    {"POST", "/api/v1/algorithm", ADMIN_WRITE, "", admin_config_algorithm},
    {"GET", "/api/v1/http_sd", ADMIN_READ, "port", admin_sd_show},
    {"GET", "/api/v1/history", ADMIN_READ, "since until limit after before", admin_history_events},
    {"GET", "/api/v1/servers/*/history", ADMIN_READ, "since until limit after before",
     admin_history_events},
    {"GET", "/api/v1/servers/*/samples", ADMIN_READ, "since until limit", admin_history_samples},
    {"GET", "/api/v1/servers/*/why", ADMIN_READ, "", admin_history_why},
};

#define ROWS (sizeof rows / sizeof rows[0])

const struct admin_route *admin_routes_at(size_t i)
{
    return i < ROWS ? &rows[i] : NULL;
}

/* Segment by segment; a "*" takes one that is not empty. */
static bool fits(const char *pattern, const char *path, char name[ADMIN_NAME])
{
    while (*pattern != '\0' && *path != '\0') {
        size_t n = strcspn(path + 1, "/"), k = strcspn(pattern + 1, "/");
        bool any = k == 1 && pattern[1] == '*';

        if (path[0] != '/' ||
            (any ? n == 0 || n >= ADMIN_NAME : n != k || memcmp(path + 1, pattern + 1, n) != 0))
            return false;
        if (any) {
            memcpy(name, path + 1, n);
            name[n] = '\0';
        }
        path += n + 1;
        pattern += k + 1;
    }
    return *pattern == '\0' && *path == '\0';
}

const struct admin_route *admin_routes_find(const char *method, const char *path,
                                            char ret_name[ADMIN_NAME], char ret_allow[64])
{
    size_t n = 0;

    ret_name[0] = ret_allow[0] = '\0';
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (size_t i = 0; i < ROWS; i++) {
        const char *m = rows[i].method;

        if (!fits(rows[i].path, path, ret_name))
            continue;
        if (strcmp(m, method) == 0) {
            ret_allow[0] = '\0';
            return &rows[i];
        }
        n += (size_t)snprintf(ret_allow + n, 64 - n, "%s%s%s", n > 0 ? ", " : "", m,
                              strcmp(m, "GET") == 0 ? ", HEAD" : "");
    }
    return NULL;
}
