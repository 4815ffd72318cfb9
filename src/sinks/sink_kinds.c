#include "sinks/sink_kinds.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct sink_kind *const kinds[] = {
    &sink_haproxy_agent,
    &sink_haproxy,
    &sink_nginx,
    &sink_envoy,
    &sink_file_sd,
    &sink_track_file,
    &sink_exec,
    &sink_webhook,
    &sink_dns,
    &sink_dns_update,
    &sink_consul,
};
/* clang-format on */

#define KINDS (sizeof kinds / sizeof kinds[0])

const struct sink_kind *sink_kinds_find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

void sink_kinds_names(char *ret, size_t cap)
{
    size_t n = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < KINDS && n < cap; i++)
        n += (size_t)snprintf(ret + n, cap - n, "%s%s",
                              i == 0           ? ""
                              : i == KINDS - 1 ? " or "
                                               : ", ",
                              kinds[i]->name);
}
