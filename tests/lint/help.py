"""--help of every command: it fits a terminal of 80 columns, -h and -V work everywhere, and where a
text says "see SECTION", it says of which manual, and the section exists."""

import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
MAN = ROOT / "docs" / "man"
WIDTH = 80


def qhcp(*arguments):
    shown = subprocess.run([str(BUILD / "qhcp"), *arguments], capture_output=True, text=True,
                           check=True, stdin=subprocess.DEVNULL)
    if shown.stderr:
        raise AssertionError(f"{arguments}: {shown.stderr}")
    return shown.stdout


def commands():
    return re.findall(r"^  (\w+) ", qhcp("help"), re.MULTILINE)


def too_wide(text):
    return [line for line in text.splitlines() if len(line) > WIDTH]


def sections(page):
    return re.findall(r"^\.Sh (.*)$", (MAN / f"{page}.1").read_text(encoding="utf-8"), re.MULTILINE)


def references(text):
    """(section, manual or "") of each "see SECTION" or "see SECTION in MANUAL(1)"."""
    return re.findall(r"\bsee ([A-Z]{2,})\b(?: in ([a-z-]+)\(1\))?", re.sub(r"\s+", " ", text))


class Help(unittest.TestCase):
    def test_no_line_is_too_wide(self):
        self.assertIn("lb", commands())
        for command in commands():
            for option in ["--help", "--usage"]:
                self.assertEqual(too_wide(qhcp(command, option)), [], (command, option))
        self.assertEqual(too_wide(qhcp("help")), [])

    def test_h_is_help_and_capital_v_is_version_everywhere(self):
        for command in commands():
            shown = qhcp(command, "--help")
            self.assertIn(f"Usage: qhcp {command} ", shown)
            for same in [(command, "-h"), (command, "-?"), ("help", command)]:
                self.assertEqual(qhcp(*same), shown, same)
            self.assertEqual(qhcp(command, "-V"), qhcp("--version"), command)
        self.assertEqual(qhcp("-h"), qhcp("help"))
        self.assertEqual(qhcp("-V"), qhcp("--version"))

    def test_help_takes_what_people_type(self):
        self.assertEqual(qhcp("help", "keys", "export"), qhcp("keys", "--help"))
        self.assertEqual(qhcp("help", "--help"), qhcp("help"))
        self.assertEqual(qhcp("version"), qhcp("--version"))
        self.assertIn("--version", qhcp("help"))

    def test_a_duration_is_explained_where_there_is_one(self):
        for command in commands():
            shown = qhcp(command, "--help")
            if command != "keys":  # which has examples there
                self.assertEqual("A duration is in seconds" in shown, "DURATION" in shown, command)

    def test_output_that_cannot_be_written_is_a_failure(self):
        for words in [("--help",), ("help", "lb"), ("lb", "--help"), ("--version",), ("control", "-V"),
                      ("help", "--mdoc", "lb"), ("help", "--completion", "bash")]:
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([str(BUILD / "qhcp"), *words], stdout=full, stderr=subprocess.PIPE, text=True,
                                      check=False, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 1, words)

    def test_each_section_that_is_referred_to_exists(self):
        seen = 0
        for command in commands():
            for section, page in references(qhcp(command, "--help")):
                self.assertTrue(page, f"{command}: see {section}: in which manual?")
                self.assertIn(section, sections(page), command)
                seen += 1
        self.assertGreater(seen, 5)

    def test_the_test_itself(self):
        self.assertEqual(too_wide("a" * 80 + "\n" + "b" * 81), ["b" * 81])
        self.assertEqual(references("x; see RULES. y; see RULES in\n   qhcp-check(1)."),
                         [("RULES", ""), ("RULES", "qhcp-check")])

