#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/value.h"
#include "cli/top.h"

#define ESCAPE 27
#define CONTROL(letter) (0x1f & (letter))
#define LASTS_MOST (366 * (24 * 3600 * NSEC_PER_SEC))

static void say(struct top *t, const char *words)
{
    snprintf(t->message, sizeof t->message, "%s", words);
}

void top_keys_drop(struct top *t)
{
    free(t->action.id);
    free(t->action.name);
    t->action = (struct top_action){.verb = NULL};
    t->prompt = TOP_NO_PROMPT;
}

/* ---- an action ---- */

static void begin_action(struct top *t, const char *verb, bool lasts)
{
    /* what somebody saw as selected, also if the rows have changed since */
    size_t at = t->shown ? top_fleet_find(&t->fleet, t->shown) : 0;

    if (!t->shown || at >= top_rows(t)) {
        say(t, "there is no server here");
        return;
    }
    top_keys_drop(t);
    t->action.verb = verb;
    t->action.lasts = lasts;
    t->action.id = strdup(t->shown);
    t->action.name = strdup(top_fleet_row(&t->fleet, at)->name);
    t->prompt = TOP_REASON;
    if (!t->action.id || !t->action.name)
        top_keys_drop(t);
}

static void end_lasts(struct top *t)
{
    const char *text = t->action.lasts_for.text;
    char words[TOP_WORDS];
    qhcp_nsec ignored;

    if (text[0] == '\0' ||
        value_duration(text, NSEC_PER_SEC, LASTS_MOST, &ignored, words, sizeof words) == 0)
        t->prompt = TOP_CONFIRM;
    else
        say(t, words);
}

static void confirm(struct top *t, wint_t key)
{
    if (key == 'y' || key == 'Y')
        top_act(t);
    else
        say(t, "nothing has changed");
    top_keys_drop(t);
}

/* ---- a line is typed ---- */

static struct top_line *line_of(struct top *t)
{
    if (t->prompt == TOP_REASON)
        return &t->action.reason;
    return t->prompt == TOP_LASTS ? &t->action.lasts_for : &t->filter;
}

static void end_line(struct top *t)
{
    if (t->prompt == TOP_FILTER)
        t->prompt = TOP_NO_PROMPT;
    else if (t->prompt == TOP_LASTS)
        end_lasts(t);
    else
        t->prompt = t->action.lasts ? TOP_LASTS : TOP_CONFIRM;
}

static void cancel(struct top *t)
{
    if (t->prompt == TOP_FILTER)
        top_line_clear(&t->filter);
    else
        say(t, "nothing has changed");
    top_keys_drop(t);
}

static bool is_back(wint_t key, bool special)
{
    return special ? key == KEY_BACKSPACE || key == KEY_DC : key == 127 || key == '\b';
}

static void type(struct top *t, wint_t key, bool special)
{
    struct top_line *line = line_of(t);

    if (special ? key == KEY_ENTER : key == '\r' || key == '\n')
        end_line(t);
    else if (!special && key == ESCAPE)
        cancel(t);
    else if (is_back(key, special))
        top_line_back(line);
    else if (!special && key == CONTROL('u'))
        top_line_clear(line);
    else if (!special)
        top_line_add(line, (uint32_t)key);
    t->dirty = t->dirty || line == &t->filter;
}

/* ---- where to look ---- */

static void select_row(struct top *t, size_t at)
{
    size_t n = top_rows(t);

    free(t->selected);
    free(t->shown);
    t->selected = t->shown = NULL;
    if (at > 0 && n > 0)
        t->selected = strdup(top_fleet_row(&t->fleet, at < n ? at : n - 1)->id);
    if (n > 0)
        t->shown = strdup(top_fleet_row(&t->fleet, top_selected(t))->id);
}

static void move_by(struct top *t, size_t by, bool down)
{
    size_t at = top_selected(t);

    select_row(t, down ? at + by : at > by ? at - by : 0);
}

static bool go(struct top *t, wint_t key, bool special)
{
    if (special ? key == KEY_UP : key == 'k')
        move_by(t, 1, false);
    else if (special ? key == KEY_DOWN : key == 'j')
        move_by(t, 1, true);
    else if (special ? key == KEY_PPAGE : key == CONTROL('b'))
        move_by(t, t->page, false);
    else if (special ? key == KEY_NPAGE : key == CONTROL('f'))
        move_by(t, t->page, true);
    else if (special ? key == KEY_HOME : key == 'g')
        select_row(t, 0);
    else if (special ? key == KEY_END : key == 'G')
        select_row(t, SIZE_MAX);
    else
        return false;
    return true;
}

static void sort_by(struct top *t, unsigned sort)
{
    t->sort = (enum top_sort)(sort % TOP_SORTS);
    t->reversed = false;
    t->dirty = true;
}

/* ---- keys that do something ---- */

static void act(struct top *t, wint_t key)
{
    switch (key) {
    case '?':
    case 'h':
        t->help = true;
        break;
    case '/':
        t->prompt = TOP_FILTER;
        break;
    case 's':
        sort_by(t, t->sort + 1U);
        break;
    case 'S':
        sort_by(t, t->sort + TOP_SORTS - 1U);
        break;
    case 'r':
        t->reversed = !t->reversed;
        t->dirty = true;
        break;
    case 'd':
        begin_action(t, "drain", true);
        break;
    case 'm':
        begin_action(t, "maintenance", true);
        break;
    case 'u':
        begin_action(t, "undrain", false);
        break;
    case CONTROL('l'):
        clearok(curscr, TRUE);
        break;
    case ESCAPE:
        top_line_clear(&t->filter);
        t->dirty = true;
        break;
    default:
        if (key >= '1' && key < '1' + TOP_SORTS)
            sort_by(t, (unsigned)(key - '1'));
    }
}

/* False: it ends the program. */
static bool take(struct top *t, wint_t key, bool special)
{
    t->draw = t->urgent = true;
    if (special && key == KEY_RESIZE)
        return true;
    t->message[0] = '\0';
    if (t->help)
        t->help = false;
    else if (t->prompt == TOP_CONFIRM)
        confirm(t, special ? 0 : key);
    else if (t->prompt != TOP_NO_PROMPT)
        type(t, key, special);
    else if (!special && (key == 'q' || key == 'Q'))
        return false;
    else if (special && key == KEY_F(1))
        t->help = true;
    else if (!go(t, key, special) && !special)
        act(t, key);
    return true;
}

bool top_keys(struct top *t)
{
    wint_t key;
    int r;

    while ((r = get_wch(&key)) != ERR)
        if (!take(t, key, r == KEY_CODE_YES))
            return false;
    return true;
}
