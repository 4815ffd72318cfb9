/* ncurses' own types are in this file and in top_view.c and top_keys.c alone. */
#include "cli/top_screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "base/value.h"

#include <qhcp/error.h>

#define RESTORE_MOST 256 /* bytes */

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* For a handler of faults, which may call next to nothing. */
static struct termios before;
static char restore[RESTORE_MOST];
static size_t n_restore;

static void on_fault(int number)
{
    ssize_t ignored = write(STDOUT_FILENO, restore, n_restore);

    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    signal(number, SIG_DFL);
    raise(number);
}

static void add_string(const char *capability)
{
    const char *s = tigetstr((char *)(uintptr_t)capability);
    size_t n = s && s != (char *)-1 ? strlen(s) : 0; /* NOLINT: what terminfo says */

    if (n == 0 || n_restore + n > sizeof restore)
        return;
    memcpy(restore + n_restore, s, n);
    n_restore += n;
}

/* A handler of somebody else, as a sanitizer's, stays. */
static void set_faults(bool on)
{
    struct sigaction now;

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (sigaction(faults[i], NULL, &now) != 0 || now.sa_handler != (on ? SIG_DFL : on_fault))
            continue;
        now = (struct sigaction){.sa_handler = on ? on_fault : SIG_DFL};
        sigaction(faults[i], &now, NULL);
    }
}

static void signal_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        sigaddset(set, caught[i]);
}

/* Can the terminal that TERM names do what is needed? */
static int look_at_terminal(const struct words *w)
{
    static const char advice[] = "use qhcp status, or set TERM to what your terminal is";
    const char *name = getenv("TERM");
    char quote[VALUE_QUOTE + 8];
    int error;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return words_fail(w, QHCP_E_ARG,
                          "standard input and output must be a terminal: use qhcp status");
    if (!name || name[0] == '\0')
        return words_fail(w, QHCP_E_ARG, "TERM is not set: %s", advice);
    if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
        return words_fail(w, QHCP_E_ARG, "TERM=%s is not a terminal that is known here: %s",
                          value_quote(name, quote), advice);
    if (!cursor_address || !clear_screen || !clr_eol)
        return words_fail(w, QHCP_E_ARG, "TERM=%s: this terminal cannot move its cursor: %s",
                          value_quote(name, quote), advice);
    add_string("rmkx");
    add_string("sgr0");
    add_string("cnorm");
    add_string("rmcup");
    return 0;
}

static void begin_colours(struct top_screen *s)
{
    const char *no = getenv("NO_COLOR"); /* no-color.org */

    s->colours =
        has_colors() && (!no || no[0] == '\0') && start_color() == OK && use_default_colors() == OK;
    if (!s->colours)
        return;
    init_pair(TOP_GREEN, COLOR_GREEN, -1);
    init_pair(TOP_YELLOW, COLOR_YELLOW, -1);
    init_pair(TOP_CYAN, COLOR_CYAN, -1);
    init_pair(TOP_RED, COLOR_RED, -1);
}

static void set_modes(void)
{
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    typeahead(-1);
    set_escdelay(25);
    curs_set(0);
}

int top_screen_begin(struct top_screen *s, const struct words *w)
{
    sigset_t set;
    int r;

    *s = (struct top_screen){.signals = -1};
    setlocale(LC_CTYPE, "");
    s->blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    r = look_at_terminal(w);
    if (cur_term)
        del_curterm(cur_term);
    if (r != 0)
        return r;
    signal_set(&set);
    if (tcgetattr(STDIN_FILENO, &before) != 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return words_fail(w, QHCP_E_IO, "the terminal's signals cannot be read");
    s->screen = newterm(NULL, stdout, stdin);
    if (!s->screen) {
        top_screen_end(s);
        return words_fail(w, QHCP_E_NOMEM, "the terminal cannot be set up");
    }
    set_modes();
    begin_colours(s);
    set_faults(true);
    return 0;
}

void top_screen_end(struct top_screen *s)
{
    if (s->screen) {
        endwin();
        delscreen(s->screen);
        set_faults(false);
    }
    s->screen = NULL;
    if (s->signals >= 0)
        close(s->signals);
    s->signals = -1;
}

static void resize(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    clearok(curscr, TRUE);
}

/* As the shell expects of Ctrl-Z: the terminal is its own until the program goes on. */
static void stop(void)
{
    endwin();
    raise(SIGSTOP);
    resize();
    refresh();
}

int top_screen_signals(struct top_screen *s)
{
    struct signalfd_siginfo one;

    while (read(s->signals, &one, sizeof one) == (ssize_t)sizeof one) {
        if (one.ssi_signo == SIGWINCH)
            resize();
        else if (one.ssi_signo == SIGTSTP)
            stop();
        else
            return (int)one.ssi_signo;
    }
    return 0;
}
