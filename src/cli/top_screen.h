/* The terminal of `qhcp top`: taken over with ncurses, and given back on every way out, by signals
 * and by faults of the program too.  Signals are read from a descriptor, so none interrupts a
 * drawing. */
#ifndef QHCP_CLI_TOP_SCREEN_H
#define QHCP_CLI_TOP_SCREEN_H

#include <stdbool.h>

#include "base/words.h"

enum top_colour { /* a pair of ncurses */
                  TOP_PLAIN,
                  TOP_GREEN,
                  TOP_YELLOW,
                  TOP_CYAN,
                  TOP_RED,
};

struct top_screen {
    struct screen *screen; /* ncurses' SCREEN */
    int signals;           /* a descriptor: readable when a signal has come */
    bool colours;
    bool blocks; /* the locale has UTF-8 */
};

/* Fails, with words, where standard input or output is no terminal, or one that cannot do it
 * (TERM=dumb); it is untouched then.  Without colours where NO_COLOR is set or the terminal has
 * none. */
int top_screen_begin(struct top_screen *s, const struct words *w);
/* The terminal is as it was; the second time nothing. */
void top_screen_end(struct top_screen *s);

/* Takes the signals that have come: a new size and Ctrl-Z are dealt with.  Returns the number of
 * one that ends the program, or 0. */
int top_screen_signals(struct top_screen *s);

#endif
