#include "state/shelf.h"

#include <fcntl.h>
#include <unistd.h>

#include "state/state.h"

void shelf_open(struct shelf *s, const struct state *state)
{
    int fd = open(state->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    *s = (struct shelf){.open = fd >= 0, .fd = fd};
}

void shelf_close(struct shelf *s)
{
    if (s->open)
        close(s->fd);
    slots_deinit(&s->slots);
    *s = (struct shelf){.open = false};
}

static off_t place(uint32_t at)
{
    return (off_t)at * SHELF_PIECE;
}

bool shelf_put(struct shelf *s, void *owner, struct slice piece, uint32_t *ret_at)
{
    size_t at;

    if (!s->open || piece.n > SHELF_PIECE || slots_take(&s->slots, owner, &at) != 0)
        return false;
    if (at > UINT32_MAX ||
        pwrite(s->fd, piece.p, piece.n, place((uint32_t)at)) != (ssize_t)piece.n) {
        slots_give_back(&s->slots, at);
        return false;
    }
    *ret_at = (uint32_t)at;
    return true;
}

bool shelf_get(const struct shelf *s, uint32_t at, uint8_t *ret, size_t n)
{
    return s->open && pread(s->fd, ret, n, place(at)) == (ssize_t)n;
}

void shelf_drop(struct shelf *s, uint32_t at)
{
    slots_give_back(&s->slots, at);
}
