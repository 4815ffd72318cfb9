/* Every provider there is, one file each. */
#ifndef QHCP_METRICS_PROVIDERS_H
#define QHCP_METRICS_PROVIDERS_H

#include "metrics/provider.h"

extern const struct provider cpu_provider;
extern const struct provider memory_provider;
extern const struct provider load_provider;

#endif
