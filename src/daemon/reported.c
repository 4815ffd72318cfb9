#include "daemon/reported.h"

#include <string.h>

#include "fleet/fleet.h"

uint32_t reported_value(const struct qhcp_view *view, const char *name)
{
    for (size_t i = 0; i < view->n_values; i++)
        if (strcmp(view->values[i].name, name) == 0)
            return view->values[i].value < FLEET_UNKNOWN ? (uint32_t)view->values[i].value
                                                         : FLEET_UNKNOWN - 1;
    return FLEET_UNKNOWN;
}

uint32_t reported_utilization(const struct qhcp_view *view)
{
    uint32_t used =
        reported_value(view, "application_utilization_percent"); /* hundredths of a per cent */

    if (used == FLEET_UNKNOWN)
        used = reported_value(view, "cpu_usage_percent");
    return used == FLEET_UNKNOWN ? used : used / 10;
}
