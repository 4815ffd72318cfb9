"""The formatter decides form: for C that is clang-format, of which versions 14 and 19 (Debian 12 and
13) must agree; for shell, shellcheck."""

import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TREES = ["src", "include", "tests", "fuzz", "examples", "bench"]


VERSIONS = ("14", "19")
# What these versions write differently, and how to put it: for people who have but one of them.
DIFFER = {
    r"#define [^\n]*\\\n    \{ *\\\n": "a macro that is {...}: write it on one line, between /* clang-format off */ and on",
    r"\((?:u?intptr_t|(?:const )?\w+ \*)\) \"": "a cast of a string: give the string a name, and cast that",
}


def formatter():
    for name in ("clang-format", *(f"clang-format-{v}" for v in VERSIONS)):
        path = shutil.which(name)
        if path:
            shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
            if re.search(rf"version ({'|'.join(VERSIONS)})\.", shown.stdout):
                return path
    return None


def badly_formed(tool, paths):
    """The files that clang-format would change."""
    shown = subprocess.run([tool, "--dry-run", "-Werror", *map(str, paths)], cwd=ROOT,
                           capture_output=True, text=True, check=False)
    return sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", shown.stderr, re.MULTILINE)))


class Form(unittest.TestCase):
    def setUp(self):
        self.tool = formatter()

    def test_clang_format_would_change_no_file(self):
        if not self.tool:
            self.skipTest("no clang-format of version 14 or 19 (others may format otherwise)")
        paths = [p.relative_to(ROOT) for t in TREES for p in (ROOT / t).glob("**/*.[ch]")]
        self.assertGreater(len(paths), 20)
        found = badly_formed(self.tool, sorted(paths))
        self.assertEqual(found, [], f"\nclang-format -i {' '.join(found)}")

    def test_the_versions_of_clang_format_agree(self):
        found = [f"{p.relative_to(ROOT)}: {words}" for t in TREES for p in (ROOT / t).glob("**/*.[ch]")
                 for pattern, words in DIFFER.items() if re.search(pattern, p.read_text(encoding="utf-8"))]
        self.assertEqual(found, [])

    def test_a_badly_formed_file_is_found(self):
        if not self.tool:
            self.skipTest("no clang-format of version 14 or 19 (others may format otherwise)")
        shown = subprocess.run([self.tool, "--dry-run", "-Werror", "--assume-filename=x.c"], cwd=ROOT,
                               input="int  f( void ){return 1;}\n", capture_output=True, text=True,
                               check=False)
        self.assertNotEqual(shown.returncode, 0)

    def test_shellcheck_finds_nothing(self):
        scripts = [ROOT / "run_quic.sh", ROOT / ".ci" / "run"]
        scripts += [p for t in TREES + ["scripts"] for p in (ROOT / t).glob("**/*.sh")]
        shown = subprocess.run(["shellcheck", "--external-sources", "--source-path=SCRIPTDIR",
                                *map(str, sorted(scripts))],
                               cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(shown.stdout + shown.stderr, "")

    def test_no_file_has_a_tab_or_blanks_at_the_end_of_a_line(self):
        found = []
        for tree in TREES + ["scripts"]:
            for path in (ROOT / tree).glob("**/*.*"):
                if path.suffix in (".c", ".h", ".py", ".sh", ".build"):
                    text = path.read_text(encoding="utf-8")
                    if re.search(r"[ \t]$|\t", text, re.MULTILINE):
                        found.append(str(path.relative_to(ROOT)))
        self.assertEqual(found, [])
