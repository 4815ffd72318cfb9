"""The test driver itself: what scripts/test.py counts, and what tests/tap.py prints."""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def load_driver():
    spec = importlib.util.spec_from_file_location("driver_under_test", ROOT / "scripts/test.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


driver = load_driver()


class Counting(unittest.TestCase):
    def judge(self, stdout, status=0, result="OK", stderr=""):
        tally = driver.Tally()
        with contextlib.redirect_stdout(io.StringIO()):
            driver.judge({"stdout": stdout, "stderr": stderr, "returncode": status,
                          "result": result, "duration": 1.0}, "unit/x", tally)
        return tally.passed, len(tally.failed), len(tally.skipped)

    def test_each_case_of_a_binary_counts(self):
        self.assertEqual(self.judge("1..3\nok 1 - a\nok 2 - b\nok 3 - c\n"), (3, 0, 0))

    def test_a_case_that_fails_counts_as_failed_and_the_others_as_passed(self):
        self.assertEqual(self.judge("1..2\nok 1 - a\nnot ok 2 - b\n# x.c:1: no\n", 1), (1, 1, 0))

    def test_both_forms_of_a_skip_count_as_skipped(self):
        self.assertEqual(self.judge("1..2\nnot ok 1 # SKIP cmocka's\nok 2 - b # SKIP why\n"),
                         (0, 0, 2))
        self.assertEqual(self.judge("1..0 # SKIP nothing here\n"), (0, 0, 1))

    def test_several_plans_in_one_binary_add_up(self):
        self.assertEqual(self.judge("1..1\nok 1 - a\n# ok - g\n1..1\nok 1 - b\n"), (2, 0, 0))

    def test_a_result_behind_a_text_without_newline_counts(self):
        self.assertEqual(self.judge("1..1\nprinted by the testok 1 - a\n"), (1, 0, 0))

    def test_a_binary_that_ends_before_its_last_case_is_a_failure(self):
        self.assertEqual(self.judge("1..3\nok 1 - a\n", -11, "FAIL"), (1, 1, 0))
        self.assertEqual(self.judge("1..3\nok 1 - a\n"), (1, 1, 0))

    def test_a_sanitizers_report_after_the_last_case_is_a_failure(self):
        self.assertEqual(self.judge("1..1\nok 1 - a\n", 99, "FAIL", "ERROR: LeakSanitizer"),
                         (1, 1, 0))

    def test_a_binary_that_prints_nothing_is_a_failure(self):
        self.assertEqual(self.judge(""), (0, 1, 0))

    def test_a_binary_that_runs_over_its_time_is_a_failure(self):
        self.assertEqual(self.judge("1..2\nok 1 - a\n", -15, "TIMEOUT"), (1, 1, 0))


class Names(unittest.TestCase):
    def test_no_two_tests_have_one_name(self):
        """meson takes a name for all tests that have it, whatever their suite."""
        tests = Path(os.environ["BUILD_DIR"]) / "meson-info/intro-tests.json"
        names = [test["name"] for test in json.loads(tests.read_text(encoding="utf-8"))]
        self.assertEqual([name for name in set(names) if names.count(name) > 1], [])


class Tap(unittest.TestCase):
    """tests/tap.py on a file with every kind of test."""

    TEXT = '''
import unittest
class Kinds(unittest.TestCase):
    def test_1_passes(self):
        print("said on the way")
    def test_2_fails(self):
        self.assertEqual(1, 2)
    def test_3_breaks(self):
        raise OSError("broken")
    def test_4_is_skipped(self):
        self.skipTest("not here")
    def test_5_has_a_sub_test_that_fails(self):
        for n in (1, 2):
            with self.subTest(n=n):
                self.assertEqual(n, 1)
'''

    def run_tap(self, text, *names):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "kinds.py"
            path.write_text(text, encoding="ascii")
            done = subprocess.run([sys.executable, ROOT / "tests/tap.py", path, *names],
                                  capture_output=True, text=True, check=False)
        return done.returncode, [l for l in done.stdout.split("\n") if l and l[0] != "#"]

    def test_each_kind_of_end_has_its_line(self):
        self.assertEqual(self.run_tap(self.TEXT), (1, [
            "1..5", "ok 1 - 1 passes", "not ok 2 - 2 fails", "not ok 3 - 3 breaks",
            "ok 4 - 4 is skipped # SKIP not here", "not ok 5 - 5 has a sub test that fails"]))

    def test_all_that_passes_ends_with_0(self):
        self.assertEqual(self.run_tap(self.TEXT, "1 passes"), (0, ["1..1", "ok 1 - 1 passes"]))

    def test_a_class_that_cannot_be_set_up_is_a_failure(self):
        text = ("import unittest\nclass A(unittest.TestCase):\n    @classmethod\n"
                "    def setUpClass(cls):\n        raise OSError('no')\n"
                "    def test_a(self):\n        pass\n")
        status, lines = self.run_tap(text)
        self.assertEqual(status, 1)
        self.assertTrue(lines[1].startswith("not ok 1"), lines)

    def test_a_file_without_a_test_is_a_failure(self):
        self.assertEqual(self.run_tap("import unittest\n"), (1, ["1..0"]))


class Status(unittest.TestCase):
    """The whole driver on a tree of its own with two tests."""

    MESON = """project('x', 'c')
option_tests = get_option('tests')
tool = executable('tool', 'tool.c', build_by_default: false)
test('good', find_program('good.sh'), suite: 'unit')
test('other', find_program('other.sh'), args: tool.full_path(), depends: tool, suite: 'unit')
"""

    def run_driver(self, other, *names, meson=MESON, good="echo 1..1; echo ok 1 - a", **env):
        with tempfile.TemporaryDirectory() as directory:
            tree = Path(directory)
            (tree / "scripts").mkdir()
            text = (ROOT / "scripts/test.py").read_text(encoding="utf-8")
            # one way to build is enough here, and there is nothing to sanitize
            text = text.replace("for way in ways:", "for way in ways[:1]:")
            text = text.replace("LANES = min(CPUS, 2)", "LANES = 2")
            (tree / "scripts/test.py").write_text(text, encoding="utf-8")
            (tree / "meson.build").write_text(meson, encoding="ascii")
            (tree / "tool.c").write_text("int main(void) { return 0; }\n", encoding="ascii")
            (tree / "meson_options.txt").write_text("option('tests', type: 'feature')\n")
            for name, said in (("good", good), ("other", other)):
                (tree / f"{name}.sh").write_text(f"#!/bin/sh\n{said}\n", encoding="ascii")
                (tree / f"{name}.sh").chmod(0o755)
            environment = {k: v for k, v in os.environ.items() if k != "CI"}
            done = subprocess.run([sys.executable, "-B", tree / "scripts/test.py", *names],
                                  capture_output=True, text=True, check=False,
                                  env={**environment, **env})
        return done.returncode, done.stdout.rstrip("\n").split("\n")[-1], done.stdout

    def test_the_last_line_is_the_count_and_the_status_says_whether_all_passed(self):
        self.assertEqual(self.run_driver("echo 1..1; echo ok 1 - b")[:2],
                         (0, "3 passed, 0 failed, 0 skipped"))

    def test_what_nothing_but_a_test_needs_is_built(self):
        self.assertEqual(self.run_driver('"$1" && echo 1..1 && echo ok 1 - b')[0], 0)

    def test_a_failure_shows_its_output_and_its_name_and_ends_with_1(self):
        status, last, said = self.run_driver("echo 1..1; echo the cause; echo not ok 1 - b; exit 1")
        self.assertEqual((status, last), (1, "2 passed, 1 failed, 0 skipped"))
        self.assertIn("FAILED: normal: unit/other: b\n", said)
        self.assertIn("the cause", said)

    def test_a_skip_is_named_and_fails_only_in_ci(self):
        skip = "echo 1..1; echo ok 1 - b '# SKIP no reason'"
        status, last, said = self.run_driver(skip)
        self.assertEqual((status, last), (0, "2 passed, 0 failed, 1 skipped"))
        self.assertIn("SKIPPED: normal: unit/other: b: no reason", said)
        self.assertEqual(self.run_driver(skip, CI="true")[0], 1)

    def test_a_name_runs_a_part_and_an_unknown_one_is_refused(self):
        self.assertEqual(self.run_driver("exit 1", "unit/good")[:2],
                         (0, "2 passed, 0 failed, 0 skipped"))
        self.assertEqual(self.run_driver("exit 1", "nonesuch")[0], 2)

    @staticmethod
    def meet(tenths):
        """Waits so long for the other to begin; its own sign stays until the other has seen it, and then goes."""
        return f"""echo 1..1; touch begun.$$
both() {{
    i=0
    while [ $(ls | grep -c $1) -lt 2 ] && [ $i -lt {tenths} ]; do sleep 0.1; i=$((i + 1)); done
    [ $i -lt {tenths} ]
}}
both begun && touch met.$$ && both met && echo ok 1 - they meet
rm begun.$$"""

    def test_tests_that_judge_times_run_at_once_in_a_group_and_else_one_by_one(self):
        alone = self.MESON.replace("suite: 'unit'", "suite: 'unit', is_parallel: false")
        group = alone.replace("'unit'", "['unit', 'waiting']")
        status, last, said = self.run_driver(self.meet(250), good=self.meet(250), meson=group)
        self.assertEqual((status, last), (0, "3 passed, 0 failed, 0 skipped"), said)
        status, last, said = self.run_driver(self.meet(3), good=self.meet(3), meson=alone)
        self.assertEqual((status, last), (1, "1 passed, 2 failed, 0 skipped"), said)
