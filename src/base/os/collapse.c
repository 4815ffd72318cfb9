#include "base/os/collapse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define PAGES 512 /* of 4 kB, in a block */
#define FULL (PAGES / 8 * 7)
#define LOOKS 64                    /* in a call: some 10 us each */
#define PRESENT (UINT64_C(1) << 63) /* of an entry of /proc/self/pagemap */

void collapse_begin(struct collapse *c)
{
    FILE *maps = c->impossible ? NULL : fopen("/proc/self/maps", "re");
    char line[512];
    unsigned long from, to;

    c->at = c->end = 0;
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, " [heap]\n") && sscanf(line, "%lx-%lx", &from, &to) == 2) {
            c->begin = c->at = (from + COLLAPSE_BLOCK - 1) / COLLAPSE_BLOCK * COLLAPSE_BLOCK;
            c->end = to / COLLAPSE_BLOCK * COLLAPSE_BLOCK;
        }
    if (maps)
        fclose(maps);
}

static unsigned present(uintptr_t block)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t pages[PAGES];
    ssize_t n;
    unsigned count = 0;

    if (fd < 0)
        return 0;
    n = pread(fd, pages, sizeof pages, (off_t)(block / 4096 * sizeof pages[0]));
    close(fd);
    for (ssize_t i = 0; i < n / (ssize_t)sizeof pages[0]; i++)
        count += (pages[i] & PRESENT) != 0;
    return count;
}

/* True: the kernel was asked to move it. */
static bool look(struct collapse *c, uintptr_t block)
{
    size_t i = (block - c->begin) / COLLAPSE_BLOCK;
    uint64_t bit = UINT64_C(1) << i % 64;

    if (i >= COLLAPSE_BLOCKS || (c->moved[i / 64] & bit) || present(block) < FULL)
        return false;
    if (madvise((void *)block, COLLAPSE_BLOCK, MADV_COLLAPSE) == 0)
        c->moved[i / 64] |= bit;
    else
        c->impossible = errno == EINVAL || errno == EPERM; /* else: no large page is free now */
    return true;
}

bool collapse_next(struct collapse *c)
{
    bool asked = false;

    for (unsigned i = 0; i < LOOKS && !asked && !c->impossible && c->at < c->end; i++) {
        asked = look(c, c->at);
        c->at += COLLAPSE_BLOCK;
    }
    return !c->impossible && c->at < c->end;
}
