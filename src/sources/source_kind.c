#include "sources/source_kind.h"

#include <stdio.h>
#include <string.h>

static const struct source_kind *const kinds[] = {&kind_list, &kind_file, &kind_file_sd,
                                                  &kind_dns,  &kind_srv,  &kind_exec};

#define KINDS (sizeof kinds / sizeof kinds[0])

const struct source_kind *source_kind_find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

void source_kind_names(char *ret, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < KINDS && n < cap; i++)
        n += (size_t)snprintf(ret + n, cap - n, "%s%s",
                              i == 0           ? ""
                              : i == KINDS - 1 ? " or "
                                               : ", ",
                              kinds[i]->name);
}
