"""Completion in real shells: what a person gets who presses TAB.

bash and zsh run on a terminal of their own, as a person runs them; fish says what it would offer."""

import os
import pty
import re
import select
import subprocess
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
QHCP = str(BUILD / "qhcp")
WITHIN = 30  # seconds, on a busy machine


def made(shell):
    return subprocess.run([QHCP, "help", "--completion", shell], capture_output=True, text=True, check=True).stdout


def table(command):
    """The options of a command, by their names, from --help: what the table has."""
    shown = subprocess.run([QHCP, command, "--help"], capture_output=True, text=True, check=True).stdout
    heads = re.findall(r"(?m)^ {2,6}((?:(?:-\w|-\?|--[a-z0-9-]+(?:=\S*[^\s,])?)(?:, +|(?= |$)))+)", shown)
    return {name for head in heads for name in re.findall(r"(?:^|, +)(--[a-z0-9-]+)", head)}


COMMANDS = re.findall(r"^  (\w+) ", subprocess.run([QHCP, "help"], capture_output=True, text=True,
                                                  check=True).stdout, re.MULTILINE)


class Terminal:
    """A shell on a terminal; what is typed, and what it shows."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", **env})
        self.shown = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, wanted):
        """What was shown since the last wait, up to what is wanted."""
        end = time.monotonic() + WITHIN
        while wanted not in self.shown:
            if not select.select([self.fd], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError(f"no {wanted!r} within {WITHIN} s: {self.shown!r}")
            self.shown += os.read(self.fd, 65536).decode("utf-8", "replace")
        at = self.shown.index(wanted) + len(wanted)
        seen, self.shown = self.shown[:at], self.shown[at:]
        return seen

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


class Completion(unittest.TestCase):
    def bash(self, *words):
        """What bash offers for the last word."""
        script = ('eval "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _qhcp; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", made("bash"), "qhcp", *words],
                              capture_output=True, text=True, check=True, cwd=ROOT / "docs/man")
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_offers_every_command_and_every_option_of_it(self):
        self.assertEqual(set(self.bash("")) - {"help", "--help", "--version"}, set(COMMANDS))
        for command in COMMANDS:
            self.assertEqual(set(self.bash(command, "--")), table(command), command)
            self.assertIn(command, self.bash("help", ""))

    def test_bash_offers_the_values_of_a_choice_in_both_spellings(self):
        for words in (("lb", "--balance", "p"), ("lb", "--balance", "=", "p")):
            self.assertEqual(self.bash(*words), ["power-of-two", "peak-ewma", "prequal"])
        self.assertEqual(self.bash("lb", "--balance", "="), self.bash("lb", "--balance", ""))
        self.assertEqual(self.bash("keys", "-F", ""), ["text", "json"])

    def test_bash_offers_files_where_a_file_is_wanted_and_nothing_for_a_number(self):
        self.assertIn("qhcp-lb.1", self.bash("lb", "--config", "qhcp-"))
        self.assertEqual(self.bash("lb", "--rise", ""), [])

    def test_bash_offers_what_a_command_can_do_once(self):
        self.assertEqual(self.bash("control", "d"), ["drain"])
        self.assertEqual(self.bash("algorithm", "p"), ["power-of-two", "peak-ewma", "prequal"])
        self.assertIn("rotate", self.bash("keys", ""))
        self.assertNotIn("rotate", self.bash("keys", "import", ""))
        self.assertIn("qhcp-lb.1", self.bash("keys", "import", "qhcp-"))

    def complete(self, command, prompt, source, env):
        """On a terminal: a choice is completed to its end, and an option."""
        terminal = Terminal(command, env)
        self.addCleanup(terminal.close)
        terminal.wait(prompt)
        terminal.type(source)
        terminal.wait("sourced-1")
        for typed, wanted in (("qhcp lb --balance mag\t", "maglev"), ("qhcp lb --send\t", "--send-proxy-v2"),
                              ("qhcp ser\t", "server"), ("qhcp keys rot\t", "rotate")):
            terminal.type(typed)
            terminal.wait(wanted)
            terminal.type("\x15")  # the line is taken back

    def file_of(self, shell):
        path = BUILD / f"completion-test.{shell}"
        path.write_text(made(shell), encoding="utf-8")
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    def test_bash_completes_on_a_terminal(self):
        path = self.file_of("bash")
        self.complete(["bash", "--norc", "--noprofile", "-i"], "ready> ",
                      f"source {path}; echo sourced-$((3-2))\n", {"PS1": "ready> "})

    def test_zsh_completes_on_a_terminal(self):
        path = self.file_of("zsh")
        dump = BUILD / "completion-test.zcompdump"
        self.addCleanup(lambda: dump.unlink(missing_ok=True))
        self.complete(["zsh", "-f", "-i"], "ready> ",
                      f"autoload -Uz compinit; compinit -u -d {dump}; source {path}; echo sourced-$((3-2))\n",
                      {"PS1": "ready> "})

    def fish(self, line):
        path = self.file_of("fish")
        done = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"],
                              capture_output=True, text=True, check=True, cwd=ROOT / "docs/man")
        self.assertEqual(done.stderr, "")
        return [offer.split("\t")[0] for offer in done.stdout.splitlines()]

    def test_fish_offers_commands_options_and_values(self):
        self.assertEqual(set(self.fish("qhcp ")) - {"help"}, set(COMMANDS))
        for command in COMMANDS:
            offered = set(self.fish(f"qhcp {command} --"))
            self.assertEqual(table(command) - {"--help", "--usage", "--version"}, offered, command)
        self.assertEqual(set(self.fish("qhcp lb --balance p")), {"power-of-two", "peak-ewma", "prequal"})
        self.assertEqual(self.fish("qhcp keys rot"), ["rotate"])
        self.assertIn("qhcp-lb.1", self.fish("qhcp lb --config qhcp-"))
        self.assertEqual(self.fish("qhcp lb --rise "), [])

    def test_an_unknown_shell_is_refused(self):
        done = subprocess.run([QHCP, "help", "--completion", "tcsh"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("bash, zsh or fish", done.stderr)
