#include "admin/intent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/log.h"
#include "state/left.h"

#define PATH 160 /* a socket's name has 108 bytes at most */
#define INTENT_MAX 4096

static const struct {
    enum qhcp_status status;
    const char *name;
} names[] = {
    {QHCP_STATUS_DRAINING, "draining "},
    {QHCP_STATUS_MAINTENANCE, "maintenance "},
};

static void make_path(const char *socket, char ret[PATH])
{
    snprintf(ret, PATH, "%s.intent", socket);
}

void intent_drop(const char *socket)
{
    char path[PATH];

    make_path(socket, path);
    unlink(path);
}

void intent_keep(const char *socket, enum qhcp_status status, const char *reason)
{
    char path[PATH], text[QHCP_TEXT + 32], why[300];

    make_path(socket, path);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].status != status)
            continue;
        snprintf(text, sizeof text, "%s%s\n", names[i].name, reason);
        if (left_write(path, text, why, sizeof why) < 0)
            log_say(QHCP_LOG_WARNING, "a crash would end %s: %s", names[i].name, why);
        return;
    }
    unlink(path);
}

bool intent_take(const char *socket, enum qhcp_status *ret, char *reason)
{
    char path[PATH], words[300], *text;
    bool found = false;

    make_path(socket, path);
    text = left_read(path, INTENT_MAX, words, sizeof words);
    if (words[0] != '\0')
        log_say(QHCP_LOG_WARNING, "not using what the last process left: %s", words);
    for (size_t i = 0; text && i < sizeof names / sizeof names[0] && !found; i++) {
        size_t n = strlen(names[i].name);

        found = strncmp(text, names[i].name, n) == 0;
        if (!found)
            continue;
        *ret = names[i].status;
        snprintf(reason, QHCP_TEXT, "%.*s", (int)strcspn(text + n, "\n"), text + n);
    }
    free(text);
    return found;
}
