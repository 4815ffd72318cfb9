"""The demo: what it shows, and that nothing of it stays."""

import os
import subprocess
import sys
from pathlib import Path

from lib.case import QHCP, SLOW, Case
from lib.scripts import ROOT, Terminal

COMMAND = [sys.executable, "-B", str(ROOT / "scripts/demo.py")]


class Demo(Case):
    """It runs in a network namespace with nothing but lo where that can be had: no network."""

    def setUp(self):
        super().setUp()
        self.temporary = self.dir / "tmp"
        self.temporary.mkdir()

    def demo_env(self):
        return {**os.environ, "QHCP_BINARY": QHCP, "TMPDIR": str(self.temporary),
                "HOME": str(self.dir / "home"), "QHCP_STATE_DIR": str(self.dir / "not-this-one")}

    def children_of_it(self):
        """Command lines of processes that work on the demo's directory."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if str(self.temporary).encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_text())
            except OSError:
                continue  # it ended meanwhile, or is another user's
        return found

    def assert_nothing_is_left(self):
        self.assertEqual(self.children_of_it(), [])
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertFalse((self.dir / "not-this-one").exists())
        self.assertFalse((self.dir / "home").exists())

    def test_a_killed_server_is_found_and_named_within_a_second_and_comes_back(self):
        done = subprocess.run(COMMAND, env=self.demo_env(), stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=60 * SLOW, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        healthy = [line for line in done.stdout.split("\n") if line.endswith("are healthy")]
        self.assertEqual(healthy, [f"{n} of 3 servers are healthy" for n in (3, 2, 3)])
        self.assertRegex(done.stdout, r"127\.0\.0\.1:\d+  up -> down: \S+")
        self.assert_nothing_is_left()

    def test_ctrl_c_and_a_closed_terminal_leave_nothing_behind(self):
        for end in ("ctrl-c", "hang up"):
            with self.subTest(end=end):
                terminal = Terminal(COMMAND, env=self.demo_env())
                self.addCleanup(terminal.close)
                terminal.read_until("3 of 3 servers are healthy", 15 * SLOW)
                if end == "ctrl-c":
                    terminal.type("\x03")
                else:
                    terminal.hang_up()
                self.assertNotIn(terminal.wait(15 * SLOW), (0, None))
                self.assert_nothing_is_left()

    def test_a_binary_that_fails_fails_the_demo_with_its_words(self):
        env = {**self.demo_env(), "QHCP_BINARY": "/bin/false"}
        done = subprocess.run(COMMAND, env=env, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the load balancer ended (status 1)", done.stderr)
        self.assert_nothing_is_left()
