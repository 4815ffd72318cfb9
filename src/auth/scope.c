#include "auth/scope.h"

static const struct {
    const char *name;
    unsigned bit;
} rows[] = {
    {"health", AUTH_SCOPE_HEALTH},       {"config", AUTH_SCOPE_CONFIG},
    {"terminate", AUTH_SCOPE_TERMINATE}, {"read", AUTH_SCOPE_READ},
    {"admin", AUTH_SCOPE_ADMIN},
};

#define ROWS (sizeof rows / sizeof rows[0])

unsigned scope_parse(const char *text, bool *ret_strange)
{
    unsigned found = 0;
    bool strange = false;

    while (*text != '\0') {
        size_t n = strcspn(text, " "), i = 0;

        while (i < ROWS && (strlen(rows[i].name) != n || memcmp(rows[i].name, text, n) != 0))
            i++;
        if (i < ROWS)
            found |= rows[i].bit;
        else if (n > 0)
            strange = true;
        text += n;
        text += *text == ' ';
    }
    if (ret_strange != NULL)
        *ret_strange = strange;
    return found;
}

void scope_text(unsigned scopes, char ret[SCOPE_TEXT])
{
    char *p = ret;

    for (size_t i = 0; i < ROWS; i++) {
        size_t n = strlen(rows[i].name);

        if ((scopes & rows[i].bit) == 0)
            continue;
        if (p != ret)
            *p++ = ' ';
        memcpy(p, rows[i].name, n);
        p += n;
    }
    *p = '\0';
}
