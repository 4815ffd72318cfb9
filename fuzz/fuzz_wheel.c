/* The timing wheel against a list that is looked through: any order of settings and times. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/wheel.h"

#define N 80

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t take(struct input *in)
{
    return in->n > 0 ? in->n--, *in->p++ : 0;
}

/* So many bits of a number: a time may be near or far. */
static uint64_t number(struct input *in)
{
    unsigned shift = take(in) % 64;
    uint64_t low = take(in);

    return (low << 56 | UINT64_C(0x00ffffffffffffff)) >> shift;
}

static qhcp_nsec least(const struct wheel_timer *timers)
{
    qhcp_nsec at = NSEC_NEVER;

    for (size_t i = 0; i < N; i++)
        if (timers[i].place > 0)
            at = nsec_min(at, timers[i].at);
    return at;
}

static void look(struct wheel *w, const struct wheel_timer *timers, qhcp_nsec now)
{
    qhcp_nsec at = least(timers), told = wheel_deadline(w);
    const struct wheel_timer *due = wheel_due(w, now);

    assert(told <= at && (told == NSEC_NEVER) == (at == NSEC_NEVER));
    assert((due != NULL) == (at <= now) && (!due || due->at <= now));
    told = wheel_deadline(w);
    assert(told <= at && (told == at || told > now));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wheel_timer timers[N] = {0}, *due;
    struct input in = {data, size};
    struct wheel w = {0};
    qhcp_nsec now = number(&in) / 2;
    size_t room = 1 + take(&in) % N;

    if (wheel_reserve(&w, room) != 0)
        return 0;
    while (in.n > 0) {
        uint8_t what = take(&in), which = take(&in);
        qhcp_nsec by = number(&in), at = what & 1 ? nsec_add(now, by) : now - nsec_min(now, by);

        if ((what >> 1) % 8 == 0)
            now = nsec_min(nsec_add(now, by), NSEC_NEVER - 1);
        else if ((what >> 1) % 8 == 1 && wheel_reserve(&w, room + 1) == 0)
            room += room < N;
        else if ((what >> 1) % 8 == 2 && (due = wheel_due(&w, now)))
            wheel_set(&w, due, at);
        else
            wheel_set(&w, &timers[which % room], (what >> 1) % 8 == 3 ? NSEC_NEVER : at);
        look(&w, timers, now);
    }
    wheel_deinit(&w);
    return 0;
}
