"""A file stays under 500 lines and a function under 60 (docs: the conventions)."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FILE_LINES = 500
FUNCTION_LINES = 60
TREES = ["src", "include", "tests", "fuzz", "examples", "scripts", "bench"]


def files(pattern):
    return sorted(p for tree in TREES for p in (ROOT / tree).glob(f"**/{pattern}"))


def functions(text):
    """(name, lines from brace to brace) of each function, whose braces stand in column 0."""
    signature, begin = "", None
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            begin = number
        elif line.startswith("}") and begin is not None:
            names = re.findall(r"(\w+)\s*\(", signature)
            yield (names[0] if names else "?"), number - begin + 1
            begin, signature = None, ""
        elif begin is None:
            signature = line if re.match(r"^\w", line) else signature + line


class Sizes(unittest.TestCase):
    def test_no_file_is_longer_than_500_lines(self):
        long = {}
        for pattern in ("*.c", "*.h", "*.py", "*.sh"):
            for path in files(pattern):
                lines = path.read_text(encoding="utf-8").count("\n")
                if lines > FILE_LINES:
                    long[str(path.relative_to(ROOT))] = lines
        self.assertEqual(long, {})

    def test_no_function_is_longer_than_60_lines(self):
        long = {}
        for path in files("*.c"):
            for name, lines in functions(path.read_text(encoding="utf-8")):
                if lines > FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}: {name}"] = lines
        self.assertEqual(long, {})

    def test_a_function_that_is_too_long_is_found(self):
        text = "static int f(int a,\n             int b)\n{\n" + "    a++;\n" * 59 + "}\n"
        self.assertEqual(list(functions(text)), [("f", 61)])

    def test_structs_and_tables_are_not_functions(self):
        text = "struct s {\n    int a;\n};\nstatic const int t[] = {\n    1,\n};\nint g(void)\n{\n}\n"
        self.assertEqual(list(functions(text)), [("g", 2)])
