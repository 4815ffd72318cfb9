/* Each in turn, as often as its weight says. */
#include "balance/schedule.h"

const struct balance_algorithm round_robin_algorithm = {
    .name = "round-robin",
    .doc = "each in turn, smoothly by weight",
    .own_size = schedule_size,
    .own_init = schedule_init,
    .pick = schedule_pick,
};
