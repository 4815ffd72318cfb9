#include "fleet/fleet.h"

#include "base/prng.h"

/* FNV-1a, then splitmix64's finish: FNV alone leaves names that differ in their last byte close. */
uint64_t fleet_key(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return prng_mix(h);
}
