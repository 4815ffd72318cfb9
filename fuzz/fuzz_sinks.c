/* Sinks as their owners write them (src/sinks), and the queue of events.
 *
 * Input: the text of a sink; its bytes are steps of the queue as well: events come, are tried, and
 * end in one way or another, while time passes.  Besides memory and undefined behaviour: a refusal
 * has words; events of one server are tried in their order; no more are tried at once than may be;
 * no event stays when nothing is tried and nothing fails any more. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/hook.h"
#include "sinks/sink.h"

#define SERVERS 4
#define AT_ONCE 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void try_text(const uint8_t *data, size_t size)
{
    char words[900] = "", *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (sink_check(text, words, sizeof words) < 0)
        must(words[0] != '\0');
    free(text);
}

struct world {
    struct hook hook;
    struct hook_event *running[AT_ONCE];
    uint64_t told[SERVERS], seq;
    qhcp_nsec now;
};

static uint64_t seq_of(const struct hook_event *e)
{
    return strtoull(e->json + strlen("{\"seq\":"), NULL, 10);
}

static void begin(struct world *w)
{
    struct hook_event *e = hook_next(&w->hook, w->now, 0);

    if (!e)
        return;
    must(w->hook.running <= w->hook.at_most);
    if (e->tells == 0) {
        must(seq_of(e) >= w->told[e->key]); /* it may be tried again */
        w->told[e->key] = seq_of(e);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        must(!w->running[i] || e->tells > 0 || w->running[i]->tells > 0 ||
             w->running[i]->key != e->key);
        if (!w->running[i] && e) {
            w->running[i] = e;
            return;
        }
    }
    must(0);
}

static void end(struct world *w, size_t which, enum hook_end how)
{
    struct hook_event *e = w->running[which % AT_ONCE];

    w->running[which % AT_ONCE] = NULL;
    if (e)
        (void)hook_done(&w->hook, e, how, w->now);
}

static void step(struct world *w, uint8_t byte)
{
    struct fleet_change c = {.seq = ++w->seq, .key = byte % SERVERS, .kind = FLEET_STATE};

    switch (byte >> 5) {
    case 0:
    case 1:
        hook_add(&w->hook, &c);
        break;
    case 2:
        hook_add(&w->hook, NULL);
        break;
    case 3:
        w->now = nsec_add(w->now, (qhcp_nsec)(byte & 31) * NSEC_PER_SEC);
        break;
    case 4:
        end(w, byte, HOOK_REFUSED);
        break;
    case 5:
        end(w, byte, HOOK_SILENT);
        break;
    case 6:
        end(w, byte, HOOK_TAKEN);
        break;
    default:
        begin(w);
    }
}

static void try_queue(const uint8_t *data, size_t size)
{
    struct world w = {.hook = {.at_most = AT_ONCE, .retries = 2, .kinds = UINT32_MAX}, .now = 1};

    for (size_t i = 0; i < size; i++)
        step(&w, data[i]);
    for (size_t left = w.hook.n + AT_ONCE + 2; w.hook.n + w.hook.missed > 0; left--) {
        must(left > 0);
        for (size_t i = 0; i < AT_ONCE; i++)
            end(&w, i, HOOK_TAKEN);
        if (hook_deadline(&w.hook) != NSEC_NEVER)
            w.now = nsec_max(w.now, hook_deadline(&w.hook));
        begin(&w);
    }
    hook_clear(&w.hook);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_text(data, size);
    try_queue(data, size);
    return 0;
}
