/* Large pages for areas that are nearly full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <cmocka.h>

#include "base/os/collapse.h"

#define BLOCKS 4
#define PAGE 4096

/* Kilobytes in large pages, of the mapping that this address is in. */
static unsigned long large_kb(uintptr_t at)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    unsigned long from, to, kb, found = 0;
    bool here = false;
    char line[512];

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = at >= from && at < to;
        else if (here && sscanf(line, "AnonHugePages: %lu kB", &kb) == 1)
            found = kb;
    fclose(f);
    return found;
}

static void full_blocks_are_moved_and_keep_what_is_in_them(void **state)
{
    size_t size = (BLOCKS + 1) * COLLAPSE_BLOCK;
    uint8_t *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct collapse c;

    (void)state;
    assert_true(all != MAP_FAILED);
    c = (struct collapse){.at = ((uintptr_t)all + COLLAPSE_BLOCK - 1) & ~(COLLAPSE_BLOCK - 1)};
    c.begin = c.at;
    c.end = c.at + BLOCKS * COLLAPSE_BLOCK;
    uint8_t *p = (uint8_t *)c.at;
    /* Two are full.  One is half full, which the kernel by itself must not make large either. */
    (void)madvise(p + 2 * COLLAPSE_BLOCK, 2 * COLLAPSE_BLOCK, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < 2 * COLLAPSE_BLOCK; i += PAGE)
        memset(p + i, (int)(i / PAGE % 251), PAGE);
    for (size_t i = 0; i < COLLAPSE_BLOCK / 2; i += PAGE)
        p[2 * COLLAPSE_BLOCK + i] = 1;
    while (collapse_next(&c)) {
    }
    assert_true(c.impossible || (c.at == c.end && c.moved[0] == 3));
    if (!c.impossible)
        assert_int_equal(large_kb((uintptr_t)p), 2 * COLLAPSE_BLOCK / 1024);
    for (size_t i = 0; i < 2 * COLLAPSE_BLOCK; i++)
        if (p[i] != i / PAGE % 251)
            fail_msg("byte %zu has changed", i);
    c.at = c.begin; /* what was moved, and what is not full, takes one look */
    assert_false(collapse_next(&c));
    munmap(all, size);
}

static void a_walk_over_the_heap_ends(void **state)
{
    void *some[64];
    struct collapse c = {0};

    (void)state;
    for (size_t i = 0; i < 64; i++) { /* below what malloc maps by itself */
        some[i] = malloc(100000);
        assert_non_null(some[i]);
        memset(some[i], 1, 100000);
    }
    collapse_begin(&c);
    assert_true(c.at % COLLAPSE_BLOCK == 0 && c.end >= c.at);
    while (collapse_next(&c)) {
    }
    assert_true(c.impossible || c.at == c.end);
    assert_false(collapse_next(&c));
    c.impossible = true; /* then nothing is looked at any more */
    collapse_begin(&c);
    assert_false(collapse_next(&c));
    for (size_t i = 0; i < 64; i++)
        free(some[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_blocks_are_moved_and_keep_what_is_in_them),
        cmocka_unit_test(a_walk_over_the_heap_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
