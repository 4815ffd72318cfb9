#include "sinks/nginx_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/ease.h"
#include "sinks/sink_places.h"

#define HEAD "# Written by qhcp lb (sink nginx): what is changed here is lost.\n"
#define NAME_MAX_ 64

bool nginx_text_name(const char *upstream)
{
    size_t n =
        strspn(upstream, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return n > 0 && n <= NAME_MAX_ && upstream[n] == '\0';
}

bool nginx_text_is(const char *content)
{
    return strncmp(content, HEAD, strlen(HEAD)) == 0;
}

/* Weights are whole numbers, so that all are in tenths, always: when one server is degraded, the
 * lines of the others stay, and with them what hashes over the servers lead to. */
static unsigned tenths(const struct say *say)
{
    bool less = say->use == SAY_SERVE && say->degraded;

    return say->weight * (less ? EASE_DEGRADED : 100) / EASE_STEP;
}

static void add_server(struct text *t, const struct sink_place *p, bool backup)
{
    const struct say *say = p->say;
    unsigned weight = tenths(say);
    char address[ADDRESS_TEXT];

    address_format(&p->entry->target, address, sizeof address);
    text_printf(t, "server %s", address);
    if (weight > 0) /* one that is down has it too: hashes count the weights of all */
        text_printf(t, " weight=%u", weight);
    text_add(t, backup ? " backup" : "");
    text_add(t, say->use == SAY_SERVE ? "; # " : " down; # ");
    text_plain(t, fleet_text(p->entry, FLEET_LABEL));
    text_add(t, "\n");
}

void nginx_text(const char *upstream, const struct sink_view *view, struct text *ret)
{
    struct sink_place *places;
    struct sink_tiers tiers;
    size_t n;

    if (sink_places(view, &places, &n) < 0) {
        ret->failed = true;
        return;
    }
    sink_tiers(places, n, &tiers);
    text_add(ret, HEAD);
    if (upstream)
        text_printf(ret, "upstream %s {\n", upstream);
    for (size_t i = 0; i < n; i++)
        add_server(ret, &places[i], tiers.rank[places[i].say->priority % FLEET_TIERS] > 0);
    if (n == 0) /* nginx refuses a block without any */
        text_add(ret, "server 127.0.0.1:1 down; # no server is known\n");
    text_add(ret, upstream ? "}\n" : "");
    free(places);
}
