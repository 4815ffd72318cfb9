"""The manual pages say what the program says: their lists of options and metrics are made from its
tables.

After a change of a table, `qhcp help --mdoc COMMAND` (or `metrics`) prints what belongs between the
two comments of the page."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
MAN = ROOT / "docs" / "man"
MADE = re.compile(r'^\.\\" made by: qhcp help --mdoc (\w+).*?\n(.*?)^\.\\" end of what is made$',
                  re.MULTILINE | re.DOTALL)


def qhcp(*arguments):
    shown = subprocess.run([str(BUILD / "qhcp"), *arguments], capture_output=True, text=True,
                           check=True)
    return shown.stdout


class Manuals(unittest.TestCase):
    def test_each_list_is_the_program_s_own(self):
        for command in ["lb", "server", "check", "control", "drain", "events", "history", "reload", "status", "support",
                        "top", "why"]:
            page = (MAN / f"qhcp-{command}.1").read_text(encoding="utf-8")
            made = dict(MADE.findall(page))
            self.assertIn(command, made)
            for what, text in made.items():
                self.assertEqual(text, qhcp("help", "--mdoc", what), what)

    def test_every_metric_is_in_the_page_of_the_server(self):
        page = (MAN / "qhcp-server.1").read_text(encoding="utf-8")
        self.assertIn("metrics", dict(MADE.findall(page)))

    def test_every_command_has_a_page(self):
        commands = re.findall(r"^  (\w+) ", qhcp("help"), re.MULTILINE)
        self.assertIn("lb", commands)
        for command in commands:
            self.assertTrue((MAN / f"qhcp-{command}.1").is_file(), command)

    def test_each_option_begins_its_line_in_help(self):
        """glibc's argp indents a line wrongly where its buffer ends at a bad place: then reword."""
        for command in ["keys", *re.findall(r"^  (\w+) ", qhcp("help"), re.MULTILINE)]:
            for line in qhcp(command, "--help").splitlines():
                self.assertNotRegex(line, r"^( {7,28}| {30,})--|^ +$", command)

    def test_every_option_of_keys_stands_in_its_page(self):
        page = (MAN / "qhcp-keys.1").read_text(encoding="utf-8")
        named = set(re.findall(r"--([a-z]+)", qhcp("keys", "--help"))) - {"help", "usage", "version"}
        self.assertIn("grace", named)
        for option in named:
            self.assertIn(f"\\-{option}", page)

    def test_mandoc_warns_of_nothing(self):
        if not shutil.which("mandoc"):
            self.skipTest("no mandoc")
        for page in sorted(MAN.glob("*.1")):
            shown = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)],
                                   capture_output=True, text=True, check=False)
            self.assertEqual(shown.stdout + shown.stderr, "")

    def test_the_version_is_the_build_s(self):
        stated = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text(encoding="utf-8"))
        self.assertEqual(qhcp("--version"), f"qhcp {stated.group(1)}\n")
