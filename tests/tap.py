#!/usr/bin/env python3
"""Runs a unittest file and prints TAP: tap.py FILE [NAME ...]

A test's method name is a sentence, test_a_killed_server_is_found, and is printed as one.  What a
test prints goes to standard error.  `# ` lines after a failure are its traceback.  NAME runs only
the tests whose name contains it."""

import contextlib
import importlib.util
import sys
import time
import traceback
import unittest
from pathlib import Path

sys.dont_write_bytecode = True


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def sentence(test):
    name = test.id().rsplit(".", 1)[-1]
    return name.removeprefix("test_").replace("_", " ")


class TapResult(unittest.TestResult):
    """One TAP line for each test; a failing subTest fails its test once."""

    def __init__(self, out):
        super().__init__()
        self.out, self.number, self.problems, self.began = out, 0, [], 0.0

    def line(self, text):
        print(text, file=self.out, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.problems, self.skip, self.began = [], None, time.monotonic()

    def keep(self, err, what=""):
        kind, value, frame = err
        while frame and "__unittest" in frame.tb_frame.f_globals:  # unittest's own frames
            frame = frame.tb_next
        text = traceback.TracebackException(kind, value, frame)
        for inner in text.stack[:]:
            if "/unittest/" in inner.filename:
                text.stack.remove(inner)
        self.problems.append(what + "".join(text.format()))

    def addError(self, test, err):
        super().addError(test, err)
        self.keep(err)
        if not isinstance(test, unittest.TestCase):  # setUpClass or setUpModule
            self.number += 1
            self.report(str(test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.keep(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.keep(err, f"in {subtest}:\n")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skip = reason
        if not isinstance(test, unittest.TestCase):
            self.number += 1
            self.line(f"ok {self.number} - {test} # SKIP {reason}")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.problems.append("it was expected to fail and did not\n")

    def report(self, name):
        self.line(f"not ok {self.number} - {name}")
        for problem in self.problems:
            for text in problem.rstrip("\n").split("\n"):
                self.line(f"# {text}")
        self.problems = []

    def stopTest(self, test):
        super().stopTest(test)
        self.number += 1
        took = time.monotonic() - self.began
        if self.problems:
            self.report(sentence(test))
        elif self.skip is not None:
            self.line(f"ok {self.number} - {sentence(test)} # SKIP {self.skip}")
        else:
            self.line(f"ok {self.number} - {sentence(test)}" + (f" ({took:.1f} s)" if took > 1 else ""))


def load(path):
    path = Path(path).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def main():
    module = load(sys.argv[1])
    wanted = [name.replace(" ", "_") for name in sys.argv[2:]]
    tests = [t for t in flatten(unittest.defaultTestLoader.loadTestsFromModule(module))
             if not wanted or any(w in t.id() for w in wanted)]
    result = TapResult(sys.stdout)
    result.line(f"1..{len(tests)}")
    with contextlib.redirect_stdout(sys.stderr):
        unittest.TestSuite(tests).run(result)
    return 0 if result.wasSuccessful() and tests else 1


if __name__ == "__main__":
    sys.exit(main())
