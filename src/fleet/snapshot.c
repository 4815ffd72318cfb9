#include "fleet/snapshot.h"

#include <string.h>

const struct fleet_entry *snapshot_at(const struct fleet_snapshot *s, uint32_t slot)
{
    const struct fleet_entry *e;

    if (slot >= s->slots)
        return NULL;
    e = &s->chunks[slot / FLEET_CHUNK].chunk->at[slot % FLEET_CHUNK];
    return e->text[FLEET_NAME] ? e : NULL;
}

const struct fleet_entry *snapshot_next(const struct fleet_snapshot *s, uint32_t *at)
{
    for (; *at < s->slots; ++*at) {
        const struct fleet_entry *e = snapshot_at(s, *at);

        if (e)
            return e;
    }
    return NULL;
}

const struct fleet_entry *snapshot_changed(const struct fleet_snapshot *s, uint64_t version,
                                           uint32_t *at)
{
    while (*at < s->slots) {
        const struct fleet_entry *e;

        if (s->chunks[*at / FLEET_CHUNK].version <= version) {
            *at = (*at / FLEET_CHUNK + 1) * FLEET_CHUNK;
            continue;
        }
        e = &s->chunks[*at / FLEET_CHUNK].chunk->at[*at % FLEET_CHUNK];
        if (e->version > version)
            return e;
        ++*at;
    }
    return NULL;
}

const struct fleet_entry *snapshot_find(const struct fleet_snapshot *s, const char *name,
                                        uint32_t *ret_slot)
{
    uint64_t key = fleet_key(name);
    const struct fleet_entry *e;

    for (uint32_t at = 0; (e = snapshot_next(s, &at)); at++) {
        if ((e->key == key && strcmp(fleet_text(e, FLEET_NAME), name) == 0) ||
            strcmp(fleet_text(e, FLEET_LABEL), name) == 0) {
            *ret_slot = at;
            return e;
        }
    }
    return NULL;
}
