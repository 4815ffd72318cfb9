#!/usr/bin/env python3
"""Builds QHCP in each of its ways, runs every test, counts every test case.

    test.py [--fuzz-seconds N] [--fuzz-only] [NAME ...]

Four builds, each in its own directory beside the source:

    build        gcc as shipped: unit, simulation, end-to-end, lint
    build-asan   gcc with AddressSanitizer and UBSan: the same suite, without lint
    build-tsan   gcc with ThreadSanitizer: the tests of what has threads, the forwarder
    build-clang  clang -Werror with both sanitizers: each fuzzer for N seconds over its corpus

The tests print TAP and this counts its lines, so that N is cases, not binaries.  A binary that
crashes, runs over its time, prints no plan or fewer results than planned is a failed case of its
own.  A NAME runs only the tests whose suite/name contains it (`unit/wire`, `fuzz`, `up_down`).

The last line is `N passed, N failed, N skipped`.  Exit status 0: none failed (and, where CI is
set, none skipped), 1: some did, 2: usage."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAIL = 40  # lines of a failure's output that are shown

RESULT = re.compile(r"(not ok|ok) (\d+)(?: - | )(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)")
SKIP = re.compile(r"(?:^|\s)# SKIP\b\s*(.*)$", re.IGNORECASE)


class Way:
    """One way to build and what is run there."""

    def __init__(self, name, directory, runs, options=(), cc=None, also=()):
        self.name = name
        self.dir = ROOT / directory
        self.runs = runs  # whether it runs the test suite/name
        self.options = list(options)
        self.cc = cc
        self.also = list(also)  # ninja targets that are built besides those of its tests


THREADED = ("e2e/connections", "e2e/forward", "e2e/handover", "e2e/routes", "unit/fleet-readers", "unit/fleet-wish",
            "unit/loop-descriptors", "unit/loop-mailbox", "unit/proxy-places", "unit/proxy-sources", "unit/proxy-table")
SANITIZE = "-Db_sanitize=address,undefined"
WAYS = [
    Way("normal", "build", lambda test: not test.startswith("fuzz/"), also=["all"]),
    Way("asan", "build-asan", lambda test: not test.startswith(("fuzz/", "lint/")), [SANITIZE]),
    Way("tsan", "build-tsan", lambda test: test in THREADED, ["-Db_sanitize=thread"]),
    Way("clang", "build-clang", lambda test: test.startswith("fuzz/"),
        [SANITIZE, "-Db_lundef=false", "-Dfuzz=true"], cc="clang", also=["shipped"]),
]


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


class Live:
    """One line that is overwritten, on a terminal; nothing elsewhere."""

    def __init__(self):
        self.on = sys.stdout.isatty()
        self.start = 0.0
        self.title = ""

    def begin(self, title):
        self.title, self.start = title, time.monotonic()
        if not self.on:
            print(f"{title} ...", flush=True)

    def update(self, text):
        if self.on and time.monotonic() - self.start > 1:
            columns = os.get_terminal_size().columns
            seconds = int(time.monotonic() - self.start)
            line = f"{self.title} ({seconds} s) {text}"[: columns - 1]
            print(f"\r\033[K{line}", end="", flush=True)

    def clear(self):
        if self.on:
            print("\r\033[K", end="", flush=True)


live = Live()


def say(text):
    live.clear()
    print(text, flush=True)


def run_logged(command, log, env):
    """Runs a command, everything it says into the log and its last line onto the terminal."""
    with open(log, "a", encoding="utf-8", errors="replace") as out:
        out.write(f"$ {' '.join(map(str, command))}\n")
        with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace") as child:
            for line in child.stdout:
                out.write(line)
                live.update(line.strip())
    return child.returncode


def way_env(way):
    env = dict(os.environ)
    env["LC_ALL"] = "C.UTF-8"
    env["PYTHONUNBUFFERED"] = "1"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["ASAN_OPTIONS"] = "abort_on_error=0:exitcode=99:detect_stack_use_after_return=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env["TSAN_OPTIONS"] = f"halt_on_error=1:exitcode=99:suppressions={ROOT / 'tests/tsan.supp'}"
    if way.cc:
        env["CC"] = way.cc
    return env


def is_stale(way):
    """A meson.build or fuzzer that came after the last configuration, so ninja cannot know it."""
    stamp = (way.dir / "build.ninja").stat().st_mtime
    files = [p for p in ROOT.glob("**/meson.build")
             if not p.relative_to(ROOT).parts[0].startswith("build")]
    files += [*ROOT.glob("fuzz/fuzz_*.c"), *ROOT.glob("meson_options.txt")]
    return any(p.stat().st_mtime > stamp for p in files)


def has_tests(way):
    """Whether the directory was configured when cmocka was not there yet (run_quic.sh build)."""
    options = {o["name"]: o["value"] for o in introspect(way, "buildoptions")}
    return options["tests"] == "enabled"


def configure(way, log):
    """Makes the build directory, or renews it where ninja would not; 0 or the status."""
    options = way.options + ["-Dtests=enabled"]
    if not (way.dir / "build.ninja").exists():
        return run_logged(["meson", "setup", str(way.dir)] + options, log, way_env(way))
    if not has_tests(way) or is_stale(way):
        command = ["meson", "setup", "--reconfigure", str(way.dir)] + options
        return run_logged(command, log, way_env(way))
    return 0


def tail(text, lines=TAIL):
    kept = text.rstrip("\n").split("\n")
    cut = [f"... {len(kept) - lines} lines before"] if len(kept) > lines else []
    return "\n".join("    " + line for line in cut + kept[-lines:])


def build_case(way, names, tally):
    """Builds, which is a case too: that it compiles without a warning.  Returns the tests to run,
    None where the build failed, and does not build where NAMEs choose none."""
    way.dir.mkdir(exist_ok=True)
    log = way.dir / "test.log"
    log.unlink(missing_ok=True)
    live.begin(f"[{way.name}] building")
    status, chosen = configure(way, log), {}
    if status == 0:
        chosen, targets = list_tests(way, names)
        if names and not chosen:
            return chosen
        command = ["ninja", "-C", str(way.dir), *way.also, *targets]
        status = run_logged(command, log, way_env(way))
    if status == 0:
        tally.passed += 1
        return chosen
    tally.failed.append(f"{way.name}: it compiles without warnings")
    say(f"FAILED: {way.name}: it compiles without warnings\n"
        f"{tail(log.read_text(errors='replace'))}\n    (all of it: {log})")
    return None


def introspect(way, what):
    shown = subprocess.run(["meson", "introspect", f"--{what}", str(way.dir)], cwd=ROOT,
                           capture_output=True, text=True, check=True)
    return json.loads(shown.stdout)


def list_tests(way, names):
    """The tests to run here, {suite/name: name}, and the ninja targets that they need.

    `ninja all` is not enough: since meson 1.7 it leaves out what only tests depend on."""
    chosen, ids = {}, set()
    for test in introspect(way, "tests"):
        suite = test["suite"][0].split(":")[-1]
        label = f"{suite}/{test['name']}"
        if way.runs(label) and (not names or any(n in label for n in names)):
            chosen[label] = test["name"]
            ids.update(test["depends"])
    files = [os.path.relpath(t["filename"][0], way.dir) for t in introspect(way, "targets")
             if t["id"] in ids]
    return chosen, sorted(files)


def read_tap(text, tally, label):
    """Counts the TAP lines of one test; returns its failures' names.

    cmocka writes `not ok 3 # SKIP name` for a skip, several plans for several groups, and its
    lines may follow a text without a newline."""
    planned, seen, failed = 0, 0, []
    for line in text.split("\n"):
        plan = PLAN.match(line)
        if plan:
            planned += int(plan.group(1))
            skip = SKIP.search(line)
            if skip and int(plan.group(1)) == 0:
                tally.skipped.append(f"{label}: {skip.group(1)}")
            continue
        result = None if line.startswith("#") else RESULT.search(line)
        if not result:
            continue
        seen += 1
        skip = SKIP.search(" " + result.group(3))
        if skip:
            name = result.group(3).split("# SKIP")[0].strip()
            tally.skipped.append(f"{label}: {name + ': ' if name else ''}{skip.group(1)}")
        elif result.group(1) == "ok":
            tally.passed += 1
        else:
            failed.append(f"{label}: {result.group(3)}")
    return planned, seen, failed


def judge(entry, label, tally):
    """One test's entry of meson's log into the tally; prints its failures."""
    stdout, stderr = entry.get("stdout", ""), entry.get("stderr", "")
    planned, seen, failed = read_tap(stdout, tally, label)
    status = entry.get("returncode", 1)
    if entry["result"] == "TIMEOUT":
        failed.append(f"{label}: ends within its time (it ran {entry['duration']:.0f} s)")
    elif status == 77 and seen == 0:
        tally.skipped.append(f"{label}: {stdout.strip().splitlines()[-1] if stdout.strip() else ''}")
    elif seen < planned:
        failed.append(f"{label}: runs all of its cases ({seen} of {planned}, exit status {status})")
    elif planned == 0 and status == 0 and "# SKIP" not in stdout:
        failed.append(f"{label}: prints a TAP plan")
    elif status != 0 and not failed:
        failed.append(f"{label}: ends with status 0 (it was {status})")
    if failed:
        tally.failed += failed
        say("".join(f"FAILED: {name}\n" for name in failed)
            + tail(stdout + ("\n--- stderr:\n" + stderr if stderr.strip() else "")))


def run_tests(way, chosen, tally, env):
    meson_log = way.dir / "meson-logs" / "testlog.json"
    meson_log.unlink(missing_ok=True)
    log = way.dir / "test.log"
    live.begin(f"[{way.name}] {len(chosen)} test programs")
    command = ["meson", "test", "-C", str(way.dir), "--no-rebuild",
               "--num-processes", str(min(os.cpu_count() or 1, 8))]
    started = time.monotonic()
    run_logged(command + sorted(set(chosen.values())), log, env)
    entries = {}
    if meson_log.exists():
        with open(meson_log, encoding="utf-8", errors="replace") as lines:
            # "project:suite / name"; "name" where there is one suite alone
            entries = {re.sub(r"^(?:.*?:)?([^+ ]*).* / ", r"\1/", e["name"]): e
                       for e in map(json.loads, lines)}
    here = Tally()
    for key in sorted(chosen):
        label = f"{way.name}: {key}"
        entry = entries.get(key) or entries.get(chosen[key])
        if entry:
            judge(entry, label, here)
        else:
            here.failed.append(f"{label}: was run")
            say(f"FAILED: {label}: was run\n{tail(log.read_text(errors='replace'))}")
    say(f"[{way.name}] {here} ({time.monotonic() - started:.0f} s)")
    tally.add(here)


def main():
    parser = argparse.ArgumentParser(description="Builds and runs QHCP's tests.")
    parser.add_argument("--fuzz-seconds", type=int, default=5, help="for each fuzzer (default 5)")
    parser.add_argument("--fuzz-only", action="store_true", help="nothing but the fuzzers")
    parser.add_argument("names", nargs="*", help="run tests whose suite/name contains one of these")
    args = parser.parse_args()

    names = args.names
    ways = [w for w in WAYS if w.name == "clang"] if args.fuzz_only else WAYS
    tally, found = Tally(), False
    for way in ways:
        chosen = build_case(way, names, tally)
        found = found or chosen is None or bool(chosen)
        if chosen:
            env = way_env(way)
            env["FUZZ_SECONDS"] = str(args.fuzz_seconds)
            run_tests(way, chosen, tally, env)
    if not found:
        print(f"test: no test's suite/name contains {' or '.join(names)}", file=sys.stderr)
        return 2
    for name in tally.skipped:
        print(f"SKIPPED: {name}")
    for name in tally.failed:
        print(f"FAILED: {name}")
    print(tally)
    return 1 if tally.failed or (tally.skipped and os.environ.get("CI")) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        live.clear()
        print("test: interrupted", file=sys.stderr)
        sys.exit(130)
