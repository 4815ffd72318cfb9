#include "cli/completion.h"

#include <string.h>

#define TITLE "completion of qhcp; made by: qhcp help --completion "
#define WORD "abcdefghijklmnopqrstuvwxyz"

struct commands {
    const struct completion_command *at;
    size_t n;
};

/* Is the value a file's name, or may it begin with one (@FILE)? */
static bool takes_file(const struct options_row *row)
{
    const char *arg = options_arg(row);

    return row->kind == OPTIONS_FILE || row->kind == OPTIONS_CONFIG ||
           (arg &&
            (strcmp(arg, "FILE") == 0 || strcmp(arg, "PATH") == 0 || strcmp(arg, "DIR") == 0));
}

/* "a|b|c" as words. */
static void put_choices(FILE *out, const char *choices)
{
    for (const char *p = choices; *p != '\0'; p++)
        fputc(*p == '|' ? ' ' : *p, out);
}

/* The words that an operand may be ("show", "export"), from the lines of the help: what begins a
 * line in small letters.  Nothing for "HOST:PORT". */
static void put_actions(FILE *out, const struct args_spec *spec)
{
    const char *line = spec->choices ? NULL : spec->positional, *blank = "";

    if (spec->choices)
        put_choices(out, spec->choices);
    while (line) {
        for (size_t n; (n = strspn(line, WORD)) > 0 && strchr("| \n", line[n]); line += n + 1) {
            fprintf(out, "%s%.*s", blank, (int)n, line);
            blank = " ";
            if (line[n] != '|')
                break;
        }
        line = strchr(line, '\n');
        if (line)
            line++;
    }
}

struct quoting {
    const char *special; /* characters that need a backslash ... */
    const char *quote;   /* ... and what is written for ' */
};
static const struct quoting zsh_quoting = {"\\:[]", "'\\''"};
static const struct quoting fish_quoting = {"\\", "\\'"};

/* Does the first sentence end here? */
static bool ends(const char *p, int parentheses)
{
    return *p == '\0' || strcmp(p, ".") == 0 || strncmp(p, ". ", 2) == 0 ||
           strncmp(p, "; see ", 6) == 0 || (parentheses == 0 && strncmp(p, ": ", 2) == 0);
}

/* The first sentence, between single quotes. */
static void put_sentence(FILE *out, const char *doc, const struct quoting *q)
{
    int parentheses = 0;

    for (const char *p = doc; !ends(p, parentheses); p++) {
        parentheses += (*p == '(') - (*p == ')');
        if (*p == '\'')
            fputs(q->quote, out);
        else
            fprintf(out, "%s%c", strchr(q->special, *p) ? "\\" : "", *p);
    }
}

static void put_names(FILE *out, const struct commands *c)
{
    for (size_t i = 0; i < c->n; i++)
        fprintf(out, "%s ", c->at[i].name);
}

static void bash_pattern(FILE *out, const char *command, const struct options_row *row)
{
    fprintf(out, "    '%s --%s'", command, row->name);
    if (row->letter)
        fprintf(out, " | '%s -%c'", command, row->letter);
    if (row->alias)
        fprintf(out, " | '%s --%s'", command, row->alias);
    fputs(") ", out);
}

static void bash_values(FILE *out, const struct completion_command *c)
{
    const struct options_table *t = c->spec->options;

    for (size_t i = 0; i < t->n; i++) {
        const struct options_row *row = &t->rows[i];

        if (row->kind == OPTIONS_SWITCH)
            continue;
        bash_pattern(out, c->name, row);
        if (row->kind == OPTIONS_CHOICE) {
            fputs("_qhcp_words '", out);
            put_choices(out, row->arg);
            fputs("'", out);
        } else {
            fputs(takes_file(row) ? "_qhcp_files" : ":", out);
        }
        fputs("; return ;;\n", out);
    }
}

static void bash_words(FILE *out, const struct completion_command *c)
{
    const struct options_table *t = c->spec->options;

    fprintf(out, "    %s)\n        options='", c->name);
    for (size_t i = 0; i < t->n; i++)
        fprintf(out, t->rows[i].alias ? "--%s --%s " : "--%s ", t->rows[i].name, t->rows[i].alias);
    fputs("--help --usage --version'\n        actions='", out);
    put_actions(out, c->spec);
    fputs("' ;;\n", out);
}

/* Bash splits at '=' (COMP_WORDBREAKS), so "--balance=r" is three words. */
static void bash(FILE *out, const struct commands *c)
{
    fputs("# bash " TITLE "bash\n"
          "_qhcp_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
          "_qhcp_files() {\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "}\n"
          "_qhcp() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} options='' actions='' i\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        _qhcp_words '",
          out);
    put_names(out, c);
    fputs("help --help --version'\n"
          "        return\n"
          "    fi\n"
          "    if [[ $cur == = ]]; then\n"
          "        cur=''\n"
          "    elif [[ $prev == = ]]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case \"$command $prev\" in\n    'help help') _qhcp_words '",
          out);
    put_names(out, c);
    fputs("'; return ;;\n", out);
    for (size_t i = 0; i < c->n; i++)
        bash_values(out, &c->at[i]);
    fputs("    esac\n    case $command in\n", out);
    for (size_t i = 0; i < c->n; i++)
        bash_words(out, &c->at[i]);
    fputs("    esac\n"
          "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "        [[ \" $actions \" != *\" ${COMP_WORDS[i]} \"* ]] || actions=''\n"
          "    done\n"
          "    if [[ $cur == -* ]]; then\n"
          "        _qhcp_words \"$options\"\n"
          "    elif [[ $actions ]]; then\n"
          "        _qhcp_words \"$actions\"\n"
          "    else\n"
          "        _qhcp_files\n"
          "    fi\n"
          "}\n"
          "complete -F _qhcp qhcp\n",
          out);
}

static void zsh_option(FILE *out, const struct options_row *row, const char *name)
{
    fprintf(out, "        '%s--%s%s[", options_repeatable(row) ? "*" : "", name,
            row->kind == OPTIONS_SWITCH ? "" : "=");
    put_sentence(out, row->doc, &zsh_quoting);
    fputc(']', out);
    if (row->kind == OPTIONS_CHOICE) {
        fputs(":value:(", out);
        put_choices(out, row->arg);
        fputc(')', out);
    } else if (row->kind != OPTIONS_SWITCH) {
        fprintf(out, ":value:%s", takes_file(row) ? "_files" : " ");
    }
    fputs("'\n", out);
}

static void zsh_command(FILE *out, const struct completion_command *c)
{
    fprintf(out, "    %s) args=(\n", c->name);
    for (size_t i = 0; i < c->spec->options->n; i++) {
        const struct options_row *row = &c->spec->options->rows[i];

        zsh_option(out, row, row->name);
        if (row->alias)
            zsh_option(out, row, row->alias);
    }
    fputs("        '--help[show help]' '--usage[show a short help]' '--version[show the version]'\n"
          "        '1:what:(",
          out);
    put_actions(out, c->spec);
    fputs(")' '*:file:_files')\n    ;;\n", out);
}

static void zsh(FILE *out, const struct commands *c)
{
    fputs("#compdef qhcp\n# zsh " TITLE "zsh\n"
          "_qhcp() {\n"
          "    local -a commands args\n"
          "    commands=(\n",
          out);
    for (size_t i = 0; i < c->n; i++) {
        fprintf(out, "        '%s:", c->at[i].name);
        put_sentence(out, c->at[i].doc, &zsh_quoting);
        fputs("'\n", out);
    }
    fputs("        'help:show help'\n"
          "    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe -t commands 'command of qhcp' commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    case $command in\n"
          "    help) _describe -t commands 'command of qhcp' commands; return ;;\n",
          out);
    for (size_t i = 0; i < c->n; i++)
        zsh_command(out, &c->at[i]);
    fputs("    *) return 1 ;;\n"
          "    esac\n"
          "    _arguments $args\n"
          "}\n"
          "if [[ $funcstack[1] == _qhcp ]]; then\n"
          "    _qhcp \"$@\"\n"
          "else\n"
          "    compdef _qhcp qhcp\n"
          "fi\n",
          out);
}

static void fish_option(FILE *out, const char *command, const struct options_row *row)
{
    fprintf(out, "complete -c qhcp -n '__fish_seen_subcommand_from %s' -l %s", command, row->name);
    if (row->letter)
        fprintf(out, " -s %c", row->letter);
    if (row->alias)
        fprintf(out, " -l %s", row->alias);
    if (row->kind == OPTIONS_CHOICE) {
        fputs(" -x -a '", out);
        put_choices(out, row->arg);
        fputc('\'', out);
    } else if (row->kind != OPTIONS_SWITCH) {
        fputs(takes_file(row) ? " -r -F" : " -x", out);
    }
    fputs(" -d '", out);
    put_sentence(out, row->doc, &fish_quoting);
    fputs("'\n", out);
}

static void fish(FILE *out, const struct commands *c)
{
    fputs("# fish " TITLE "fish\n"
          "complete -c qhcp -n __fish_use_subcommand -f\n"
          "complete -c qhcp -n __fish_use_subcommand -a help -d 'show help'\n",
          out);
    for (size_t i = 0; i < c->n; i++) {
        const struct completion_command *one = &c->at[i];

        fprintf(out, "complete -c qhcp -n __fish_use_subcommand -a %s -d '", one->name);
        put_sentence(out, one->doc, &fish_quoting);
        fprintf(out,
                "'\ncomplete -c qhcp -n '__fish_seen_subcommand_from help' -f -a %s\n"
                "complete -c qhcp -n '__fish_seen_subcommand_from %s' -a '",
                one->name, one->name);
        put_actions(out, one->spec);
        fputs("'\n", out);
        for (size_t k = 0; k < one->spec->options->n; k++)
            fish_option(out, one->name, &one->spec->options->rows[k]);
    }
}

bool completion_print(FILE *out, const char *shell, const struct completion_command *commands,
                      size_t n)
{
    const struct commands c = {commands, n};

    if (strcmp(shell, "bash") == 0)
        bash(out, &c);
    else if (strcmp(shell, "zsh") == 0)
        zsh(out, &c);
    else if (strcmp(shell, "fish") == 0)
        fish(out, &c);
    else
        return false;
    return true;
}
