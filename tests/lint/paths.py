"""The documents name files that exist: a file that was moved or renamed is found in them here."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATH = re.compile(r"\b(?:src|include|tests|bench|tools|fuzz|scripts|examples|contrib|docs)/"
                  r"[A-Za-z0-9_/.-]*\.(?:c|h|py|md|sh|in|txt|build)\b")
TEMPLATE = re.compile(r"/[A-Z_]{2,}\.")  # src/check/NAME.c


def pages():
    yield from (ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


def missing(text, exists):
    return [path for path in PATH.findall(text) if not TEMPLATE.search(path) and not exists(path)]


class Paths(unittest.TestCase):
    def test_each_file_that_a_page_names_exists(self):
        for page in pages():
            text = page.read_text(encoding="utf-8")
            self.assertEqual(missing(text, lambda path: (ROOT / path).exists()), [], page)

    def test_the_test_itself(self):
        text = "`src/a.c`, [b](docs/b.md), src/check/NAME.c"
        self.assertEqual(missing(text, lambda path: path == "src/a.c"), ["docs/b.md"])
