/* By chance, as often as its weight says. */
#include "balance/algorithm.h"

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    (void)r;
    return balance_draw(w);
}

const struct balance_algorithm random_algorithm = {
    .name = "random",
    .doc = "by chance and weight",
    .samples = true,
    .pick = pick,
};
