"""The menu of run_quic.sh: its words, its defaults, its refusals, its ends.  A stand-in for the
binary says with what it was called; the last class runs the real one."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib.case import QHCP, SLOW, Case, free_port
from lib.scripts import Terminal, copy_tree, executable

SERVERS = ("Enter the comma-separated list of server addresses (host:port) "
           "(e.g., localhost:4243,localhost:4244):")
LB_PORT = "Enter the port for the load balancer (default: 4242):"
FAILS = "Enter the maximum fail attempts before marking a server as down (default: 3):"
CHECK = "Enter the interval for health checks and status display in seconds (default: 10):"
RECONNECT = "Enter the interval for attempting to reconnect to down servers in seconds (default: 30):"
CERT = "Enter the TLS certificate file (leave blank for default):"
IP = "Enter the server IP (default: 0.0.0.0):"
PORT = "Enter the server port (default: 4243):"
KEY = "Enter the TLS key file (leave blank for default):"

STAND_IN = """#!/bin/sh
printf 'called:'; printf ' <%s>' "$@"; echo
[ -z "${STAY-}" ] || exec sleep 60
"""


class Tree(unittest.TestCase):
    """A tree whose build is done: build/qhcp is a stand-in."""

    binary = STAND_IN

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="qhcp-menu-")
        self.addCleanup(directory.cleanup)
        self.tree = copy_tree(Path(directory.name))
        executable(self.tree / "scripts/build.sh", "#!/bin/sh\n")
        executable(self.tree / "build/qhcp", self.binary)

    def menu(self, answers, **env):
        """(status, output lines) of the menu with these lines as its input."""
        done = subprocess.run([self.tree / "run_quic.sh"], input=answers, text=True, timeout=20,
                              capture_output=True, check=False, cwd=self.tree,
                              env={**os.environ, **env})
        return done.returncode, [line.rstrip() for line in done.stdout.split("\n")], done.stderr

    def called(self, answers):
        status, lines, errors = self.menu(answers)
        self.assertEqual(status, 0, lines + [errors])
        return [line for line in lines if line.startswith("called:")][0]


class Menu(Tree):
    def test_enter_gives_every_default_of_the_load_balancer_and_each_prompt_has_its_line(self):
        status, lines, _ = self.menu("1\nlocalhost:4243,localhost:4244\n\n\n\n\n\n")
        self.assertEqual(status, 0)
        self.assertIn("1. Run Load Balancer", lines)
        self.assertIn("2. Run Server", lines)
        prompts = [line for line in lines if line.startswith("Enter the")]
        self.assertEqual(prompts, [SERVERS, LB_PORT, FAILS, CHECK, RECONNECT, CERT])
        self.assertIn("called: <lb> <--servers> <localhost:4243,localhost:4244> <--port> <4242>"
                      " <--max-fail-attempts> <3> <--check-interval> <10>"
                      " <--reconnect-interval> <30>", lines)

    def test_enter_gives_every_default_of_the_server(self):
        status, lines, _ = self.menu("2\n\n\n\n\n")
        self.assertEqual(status, 0)
        prompts = [line for line in lines if line.startswith("Enter the")]
        self.assertEqual(prompts, [IP, PORT, KEY, CERT])
        self.assertIn("called: <server> <--ip> <0.0.0.0> <--port> <4243>", lines)

    def test_answers_reach_the_binary(self):
        cert = self.tree / "a file with blanks.pem"
        key = self.tree / "key.pem"
        cert.write_text("x", encoding="ascii")
        key.write_text("x", encoding="ascii")
        key.chmod(0o600)
        self.assertEqual(
            self.called(f"1\n a.example:1 , [::1]:4243\n5000\n5\n250ms\n1.5s\n{cert}\n"),
            "called: <lb> <--servers> <a.example:1,[::1]:4243> <--port> <5000>"
            " <--max-fail-attempts> <5> <--check-interval> <250ms> <--reconnect-interval> <1.5s>"
            f" <--cert-file> <{cert}>")
        self.assertEqual(self.called(f"2\n::1\n5001\n{key}\n{cert}\n"),
                         f"called: <server> <--ip> <::1> <--port> <5001> <--key-file> <{key}>"
                         f" <--cert-file> <{cert}>")

    def refusals(self, before, bad, good, after, prompt):
        """Each bad answer is refused at its prompt with a reason, and the good one then taken."""
        for answer in bad:
            with self.subTest(answer=answer):
                status, lines, _ = self.menu(f"{before}{answer}\n{good}\n{after}")
                self.assertEqual(status, 0, lines)
                self.assertEqual(lines.count(prompt), 2, lines)
                reason = lines[lines.index(prompt) + 1]
                self.assertRegex(reason, r"^  \S", lines)

    def test_a_bad_list_of_servers_is_refused_at_its_prompt(self):
        self.refusals("1\n", ["", ",", "a:1,", "localhost", "a:0", "a:70000", ":1", "::1:4243",
                              "a:1,A:1", "a b:1", "@/no/such/file", "@-"],
                      "a:1", "\n" * 5, SERVERS)

    def test_a_bad_port_is_refused_at_its_prompt(self):
        bad = ["70000", "0", "-1", "http", "42 42", "99999999999999999999"]
        self.refusals("1\na:1\n", bad, "4242", "\n" * 4, LB_PORT)
        self.refusals("2\n\n", bad, "4243", "\n" * 2, PORT)

    def test_a_bad_number_of_attempts_is_refused_at_its_prompt(self):
        self.refusals("1\na:1\n\n", ["0", "-3", "2.5", "many", "99999"], "3", "\n" * 3, FAILS)

    def test_a_bad_interval_is_refused_at_its_prompt(self):
        bad = ["0", "0.0", "0ms", "-1", "soon", "1e3", "10 s", "9999999"]
        self.refusals("1\na:1\n\n\n", bad, "10", "\n" * 2, CHECK)
        self.refusals("1\na:1\n\n\n\n", bad, "30", "\n", RECONNECT)

    def test_a_bad_file_is_refused_at_its_prompt(self):
        empty = self.tree / "empty"
        empty.touch(0o600)
        bad = ["/no/such/file", "/", "/dev/null", str(empty)]
        self.refusals("1\na:1\n\n\n\n\n", bad, "", "", CERT)
        self.refusals("2\n\n\n", bad, "", "\n", KEY)

    def test_a_key_file_that_others_can_read_is_refused_at_its_prompt(self):
        key = self.tree / "key.pem"
        key.write_text("x", encoding="ascii")
        key.chmod(0o644)
        self.refusals("2\n\n\n", [str(key)], "", "\n", KEY)

    def test_a_certificate_without_its_key_and_a_key_without_its_certificate_are_refused(self):
        cert, key = self.tree / "cert.pem", self.tree / "key.pem"
        for path in (cert, key):
            path.write_text("x", encoding="ascii")
            path.chmod(0o600)
        self.refusals("2\n\n\n\n", [str(cert)], "", "", CERT)
        self.refusals(f"2\n\n\n{key}\n", [""], str(cert), "", CERT)

    def test_a_bad_address_is_refused_at_its_prompt(self):
        self.refusals("2\n", ["localhost", "256.0.0.1", "1.2.3", "1::2::3", "[::1]", "::1 x"],
                      "127.0.0.1", "\n" * 3, IP)

    def test_a_bad_choice_is_refused_and_exit_exits_with_0(self):
        status, lines, _ = self.menu("4\nserver\n\n3\n")
        self.assertEqual(status, 0)
        self.assertEqual(lines.count("1. Run Load Balancer"), 4)

    def test_the_end_of_the_input_exits_with_1_at_every_prompt(self):
        for answers in ("", "1\n", "1\na:1\n", "1\na:1\n\n", "1\na:1\n\n\n", "1\na:1\n\n\n\n",
                        "1\na:1\n\n\n\n\n", "2\n", "2\n\n", "2\n\n\n", "2\n\n\n\n", "9", "1\nbad"):
            with self.subTest(answers=answers):
                status, lines, errors = self.menu(answers)
                self.assertEqual(status, 1, lines)
                self.assertIn("the input ended", errors)
                self.assertFalse([line for line in lines if line.startswith("called:")])

    def test_a_last_line_without_its_newline_is_an_answer(self):
        self.assertIn("<--port> <5001>", self.called("2\n\n5001\n\n\n"))
        status, _, _ = self.menu("3")
        self.assertEqual(status, 0)

    def at_terminal(self, *typed, wait_for):
        terminal = Terminal([self.tree / "run_quic.sh"], env={**os.environ, "STAY": "1"})
        self.addCleanup(terminal.close)
        for prompt, answer in typed:
            terminal.read_until(prompt)
            terminal.type(answer)
        terminal.read_until(wait_for)
        return terminal

    def test_ctrl_c_stops_the_script_at_a_prompt(self):
        terminal = self.at_terminal(("choice", "1\n"), wait_for=SERVERS)
        terminal.type("\x03")
        self.assertEqual(os.WTERMSIG(terminal.wait()), signal.SIGINT)

    def test_ctrl_c_stops_the_component_and_the_script(self):
        terminal = self.at_terminal(("choice", "2\n"), (IP, "\n"), (PORT, "\n"), (KEY, "\n"),
                                    (CERT, "\n"), wait_for="called:")
        terminal.type("\x03")
        self.assertEqual(os.WTERMSIG(terminal.wait()), signal.SIGINT)

    def test_a_closed_terminal_stops_the_component_and_the_script(self):
        terminal = self.at_terminal(("choice", "2\n"), (IP, "\n"), (PORT, "\n"), (KEY, "\n"),
                                    (CERT, "\n"), wait_for="called:")
        terminal.hang_up()
        self.assertEqual(os.WTERMSIG(terminal.wait()), signal.SIGHUP)


class MenuAndBinary(Case):
    """The same with the real binary."""

    def setUp(self):
        super().setUp()
        self.needs_namespaces()  # for the default ports
        self.tree = copy_tree(self.dir / "tree")
        executable(self.tree / "scripts/build.sh", "#!/bin/sh\n")
        (self.tree / "build").mkdir()
        (self.tree / "build/qhcp").symlink_to(QHCP)

    def terminal(self, *answers):
        terminal = Terminal([self.tree / "run_quic.sh"], env=self.env())
        self.addCleanup(terminal.close)
        for answer in answers:
            terminal.read_until("Enter")
            terminal.type(answer + "\n")
        return terminal

    def test_two_servers_each_from_its_own_menu_work_beside_one_load_balancer(self):
        self.terminal("2", "", "", "", "")
        self.terminal("2", "", "4244", "", "")
        lb = self.terminal("1", "localhost:4243,localhost:4244", "", "", "1", "1", "")
        lb.read_until("2 of 2 servers are healthy", 15 * SLOW)
        lb.type("\x03")
        status = lb.wait(10 * SLOW)
        self.assertTrue(os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGINT, lb.seen)

    def test_a_closed_terminal_stops_a_server_within_its_drain(self):
        port = free_port()
        server = self.terminal("2", "127.0.0.1", str(port), "", "")
        lb = self.lb([f"127.0.0.1:{port}"])
        lb.wait_event("up", within=15)
        server.hang_up()
        self.assertIsNotNone(server.wait(10 * SLOW))
        lb.wait_event("down", within=5)
