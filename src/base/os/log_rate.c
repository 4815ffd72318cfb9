#include "base/os/log_rate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Of one word: does it vary from message to message? */
static bool varies(const char *word, size_t n, bool first)
{
    if (first && word[n - 1] == ':') /* of whom it is */
        return true;
    for (size_t i = 0; i < n; i++)
        if (isdigit((unsigned char)word[i]) || word[i] == '"')
            return true;
    return false;
}

uint64_t log_rate_kind(const char *words)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    bool first = true;

    for (const char *p = words; *(p += strspn(p, " ")) != '\0';) {
        size_t n = strcspn(p, " ");

        if (!varies(p, n, first))
            for (size_t i = 0; i < n; i++)
                hash = (hash ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
        hash = (hash ^ ' ') * UINT64_C(0x100000001b3);
        first = false;
        p += n;
    }
    return hash ? hash : 1;
}

/* The kind's place: its own, an unused one, or that of the kind that was silent for longest. */
static struct log_kind *place(struct log_rate *r, uint64_t hash, qhcp_nsec now)
{
    struct log_kind *oldest = NULL;

    for (size_t i = 0; i < LOG_KINDS; i++) {
        struct log_kind *k = &r->kinds[i];

        if (k->hash == hash)
            return k;
        if (k->left_out == 0 && (!oldest || k->at < oldest->at))
            oldest = k;
    }
    if (!oldest)
        return NULL; /* something is left out of every one */
    *oldest = (struct log_kind){.hash = hash, .at = now, .left = LOG_BURST};
    return oldest;
}

static void earn(struct log_kind *k, qhcp_nsec now)
{
    if (now > k->at)
        k->left += (double)(now - k->at) * LOG_SECOND / (double)NSEC_PER_SEC;
    if (k->left > LOG_BURST)
        k->left = LOG_BURST;
    k->at = now;
}

bool log_rate_take(struct log_rate *r, const char *words, int level, qhcp_nsec now)
{
    struct log_kind *k = place(r, log_rate_kind(words), now);

    if (!k)
        return true;
    earn(k, now);
    if (k->left >= 1) {
        k->left -= 1;
        return true;
    }
    if (k->left_out++ == 0) {
        k->since = now;
        k->level = level;
        snprintf(k->like, sizeof k->like, "%s", words);
    }
    r->left_out++;
    return false;
}

qhcp_nsec log_rate_deadline(const struct log_rate *r)
{
    qhcp_nsec next = NSEC_NEVER;

    for (size_t i = 0; i < LOG_KINDS && r->left_out > 0; i++)
        if (r->kinds[i].left_out > 0)
            next = nsec_min(next, nsec_add(r->kinds[i].since, NSEC_PER_SEC));
    return next;
}

bool log_rate_told(struct log_rate *r, qhcp_nsec now, struct log_kind *ret)
{
    for (size_t i = 0; i < LOG_KINDS && r->left_out > 0; i++) {
        struct log_kind *k = &r->kinds[i];

        if (k->left_out == 0 || now < nsec_add(k->since, NSEC_PER_SEC))
            continue;
        *ret = *k;
        r->left_out -= k->left_out;
        k->left_out = 0;
        return true;
    }
    return false;
}
