"""The application beside a server: checked by tcp, http and commands, watched by its process."""

import os
import re
import select
import socket
import time

from lib.app import ADDRESS, AppCase, script, sleeper
from lib.case import QHCP, SLOW, free_port
from lib.process import Process


class Application(AppCase):
    def test_a_port_that_stops_listening_is_not_serving_and_its_return_is_noticed(self):
        port = free_port(socket.SOCK_STREAM)
        listener = socket.create_server(("127.0.0.1", port))
        self.addCleanup(listener.close)
        _, lb = self.watched("--check", f"tcp:{port} every=50ms rise=2 name=web")
        at, _ = lb.wait_event("up", within=10)
        listener.close()
        at, event = lb.wait_event("down", within=2, since=at)
        self.assertEqual(event["reason"], "server is not serving: web: connection refused")
        listener = socket.create_server(("127.0.0.1", port))
        self.addCleanup(listener.close)
        lb.wait_event("up", within=2, since=at)

    def test_a_service_on_the_ipv6_loopback_alone_and_one_by_name_are_found(self):
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
            port = six.getsockname()[1]
            server, lb = self.watched("--check", f"tcp:{port} every=100ms", "--check",
                                      f"tcp:localhost:{port} every=100ms")
            lb.wait_event("up", within=10)
            self.assertIn("serving", self.qhcp("control", "show")[1])
            self.assertIn(f'check "tcp:localhost:{port}": serving', server.errors())

    def test_a_restart_of_the_agent_is_no_verdict_on_the_application(self):
        app = self.http()
        check = ["--check", f"http://localhost:{app.port}/ name=a", "--check",
                 f"name=b exec:{script(self.dir / 'check', 'exit 0')}"]
        server, lb = self.watched(*check, **{"--liveness-interval": "100ms",
                                              "--flap-hold": "0"})
        lb.wait_event("up", within=10)
        for _ in range(5):
            at = len(lb.lines)
            server.kill()
            server = self.server(4243, *check)
            lb.wait_event("up", within=10, since=at)
        self.assertNotIn("not serving", str(lb.events()))

    def test_a_command_sees_nothing_of_the_service_manager_and_its_words_are_kept(self):
        command = script(self.dir / "check", 'echo "Größe: $PATH_OF_MINE${NOTIFY_SOCKET}${WATCHDOG_USEC}'
                                             '${LISTEN_FDS}."\nexit 1\n')
        self.server(4243, "--check", f"name=words exec:{command}",
                    env={"WATCHDOG_USEC": "10000000", "LISTEN_FDS": "1",
                         "NOTIFY_SOCKET": "@nobody", "PATH_OF_MINE": "12"})
        self.lb([ADDRESS]).wait_event("degraded", within=10)
        self.assertIn("check words: degraded: Größe: 12.", self.qhcp("control", "show")[1])

    def test_a_timeout_beyond_the_interval_is_said(self):
        server, lb = self.watched("--check", "tcp:1 timeout=3 name=long",
                                  "--check", "tcp:1 every=5s timeout=3 name=short")
        lb.wait_event("down", within=10)  # it has started
        self.assertIn('"long": timeout=3s is longer than every=1s', server.errors())
        self.assertNotIn('"short": timeout=', server.errors())

    def test_a_rule_on_the_application_s_own_metric(self):
        _, lb = self.watched("--metrics", "queue_depth", "--degraded", "queue_depth>50")
        at, _ = lb.wait_event("up", within=10)
        self.qhcp("control", "report", "--metric", "queue_depth=51")
        _, event = lb.wait_event("degraded", within=5, since=at)
        self.assertEqual(event["reason"], "server is degraded: queue_depth is 51: over 50")

    def test_a_name_that_does_not_resolve_is_named_once(self):
        _, lb = self.watched("--check", "tcp:nonesuch.invalid:80 name=web timeout=5s")
        lb.wait_status(lambda s: re.match("server is not serving: web: cannot resolve "
                                          r"nonesuch\.invalid: (?!cannot)",
                                          s["servers"][0]["reason"]), within=10)

    def test_the_load_balancer_names_each_check_with_its_outcome_and_the_services(self):
        app = self.http()
        _, lb = self.watched("--service", "tcp:8080,tcp:db.example:5432",
                             "--check", f"name=web http://127.0.0.1:{app.port}/ every=50ms",
                             "--check", f"name=port tcp:{app.port} every=50ms")
        at, _ = lb.wait_event("up", within=10)
        at, status = lb.wait_status(lambda s: s["up"] == 1, within=5, since=at)
        server = status["servers"][0]
        self.assertEqual(server["services"], ["tcp:8080", "tcp:db.example:5432"])
        self.assertEqual([(c["name"], c["status"], c["reason"]) for c in server["checks"]],
                         [("web", "serving", ""), ("port", "serving", "")])
        self.assertTrue(all(0 < c["duration_us"] < 3e6 for c in server["checks"]), server)
        app.mode = "error"
        at, _ = lb.wait_event("down", within=3, since=at)
        _, status = lb.wait_status(lambda s: s["servers"][0]["state"] == "down", within=5, since=at)
        self.assertEqual({c["name"]: (c["status"], c["reason"])
                          for c in status["servers"][0]["checks"]},
                         {"web": ("not serving", "answered 503, not 200-299"),
                          "port": ("serving", "")})

    def test_status_and_body_are_held_to_what_is_expected(self):
        app = self.http()
        app.body = b"x" * 30000 + b"status: fine"
        url = f"http://127.0.0.1:{app.port}/"
        server, lb = self.watched("--check", f'body="status: fine" {url} every=100ms name=good',
                                  "--check", f"expect=200-599 {url} every=100ms name=wide")
        at, _ = lb.wait_event("up", within=10)
        app.body = b"status: poor"
        at, event = lb.wait_event("down", within=3, since=at)
        self.assertEqual(event["reason"],
                         'server is not serving: good: answered 200 without "status: fine"')
        app.mode = "error"
        shown = self.qhcp("control", "show")[1]
        self.assertRegex(shown, "check wide: serving")
        self.assertEqual(server.popen.poll(), None)

    def wait_shown(self, *words):
        """`qhcp control show` says all of that."""
        deadline = time.monotonic() + 5 * SLOW
        while not all(w in (shown := self.qhcp("control", "show")[1]) for w in words):
            self.assertLess(time.monotonic(), deadline, shown)
            time.sleep(0.05)

    def test_floods_of_headers_and_bodies_are_cut_off_and_delay_no_answer(self):
        app = self.http()
        url = f"http://127.0.0.1:{app.port}/"
        _, lb = self.watched("--check", f"{url} every=50ms name=status", "--check",
                             f"{url} body=nonesuch every=50ms name=body",
                             **{"--liveness-interval": "50ms"})
        lb.wait_event("down", within=10)
        app.mode = "body"
        self.wait_shown("check status: serving", 'check body: not serving: answered 200 without "nonesuch"')
        app.mode = "headers"
        self.wait_shown("headers are longer than 64 KiB")

    def test_a_command_says_serving_degraded_or_not_by_its_exit_status(self):
        says = self.dir / "says"
        says.write_text("0", encoding="ascii")
        command = script(self.dir / "check", f"echo \"disk $1\"\nexit $(cat {says})\n")
        _, lb = self.watched("--check", f"every=50ms rise=1 name=disk exec:{command} 'is odd'")
        at, _ = lb.wait_event("up", within=10)
        says.write_text("1", encoding="ascii")
        at, event = lb.wait_event("degraded", within=3, since=at)
        self.assertEqual(event["reason"], "server is degraded: disk: disk is odd")
        says.write_text("2", encoding="ascii")
        at, event = lb.wait_event("down", within=3, since=at)
        self.assertEqual(event["reason"], "server is not serving: disk: disk is odd")
        says.write_text("0", encoding="ascii")
        lb.wait_event("up", within=3, since=at)

    def test_a_command_has_an_exit_status_whatever_signals_we_were_started_with(self):
        command = script(self.dir / "check", "exit 1\n")
        server = Process(["env", "--ignore-signal=CHLD", "--block-signal=CHLD", QHCP, "server",
                          "--check", f"name=x exec:{command}"], name="server", env=self.env(),
                         log=self.dir / "server.log")
        self.addCleanup(server.close)
        _, event = self.lb([ADDRESS], "--liveness-interval", "1s").wait_event("degraded", within=10)
        self.assertEqual(event["reason"], "server is degraded: x: exit status 1")

    def test_sixteen_checks_that_start_together_run_all(self):
        app = self.http()
        options = [x for i in range(16) for x in
                   ("--check", f"name=c{i} http://127.0.0.1:{app.port}/{i} every=100ms")]
        _, lb = self.watched(*options)
        lb.wait_event("up", within=10)
        deadline = time.monotonic() + 5 * SLOW
        while (shown := self.qhcp("control", "show")[1]).count(": serving") < 17:  # 16, and the whole
            self.assertLess(time.monotonic(), deadline, shown)
        status, _, errors = self.qhcp("server", *options, "--watch-pid", "1")
        self.assertEqual(status, 2)
        self.assertIn("more than 16 in all", errors)

    def test_a_command_over_its_time_is_killed_with_its_whole_group(self):
        pids = self.dir / "pids"
        command = script(self.dir / "check", f"sleep 600 &\necho $$ $! >> {pids}\nsleep 600\n")
        _, lb = self.watched("--check", f"every=200ms timeout=100ms name=slow exec:{command}")
        lb.wait_status(lambda s: s["servers"][0]["reason"] ==
                       "server is not serving: slow: did not end within 100 ms", within=5)
        deadline = time.monotonic() + 3 * SLOW
        while pids.read_text(encoding="ascii").count("\n") < 3:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        first = [int(p) for p in pids.read_text(encoding="ascii").split("\n")[0].split()]
        self.assertEqual(len(first), 2)
        for pid in first:
            self.assertFalse(alive(pid), f"process {pid} of the first run is still there")
        self.assertIn("check slow: not serving: did not end within 100 ms",
                      self.qhcp("control", "show")[1])

    def test_what_a_command_leaves_behind_in_its_group_ends_with_it(self):
        pids = self.dir / "pids"
        command = script(self.dir / "check", f"sleep 600 &\necho $! >> {pids}\n")
        _, lb = self.watched("--check", f"every=100ms exec:{command}")
        lb.wait_event("up", within=10)
        deadline = time.monotonic() + 3 * SLOW
        while pids.read_text(encoding="ascii").count("\n") < 3:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.assertFalse(alive(int(pids.read_text(encoding="ascii").split("\n")[0])))

    def test_a_command_does_not_outlive_a_server_that_is_killed(self):
        for killed in (False, True):
            with self.subTest(killed=killed):
                file = self.dir / "pid"
                command = script(self.dir / "check", f"echo $$ > {file}.new\nmv {file}.new {file}\n"
                                 "exec sleep 600\n")
                server = self.server(4243, "--check", f"timeout=10m exec:{command}")
                deadline = time.monotonic() + 10 * SLOW
                while not file.exists():
                    self.assertLess(time.monotonic(), deadline, server.story())
                    time.sleep(0.02)
                pid = int(file.read_text(encoding="ascii"))
                self.assertTrue(alive(pid))
                process = os.pidfd_open(pid)
                self.addCleanup(os.close, process)
                if killed:
                    server.kill()
                # the twin's command goes on, as long as its server does
                ended, _, _ = select.select([process], [], [], 5 * SLOW if killed else 0.5)
                self.assertEqual(bool(ended), killed)
                self.assertEqual(alive(pid), not killed)
                server.close()
                file.unlink()

    def test_what_cannot_be_run_any_more_is_told(self):
        command = script(self.dir / "check", "exit 0\n")
        _, lb = self.watched("--check", f"every=50ms name=x exec:{command}")
        at, _ = lb.wait_event("up", within=10)
        command.unlink()
        lb.wait_status(lambda s: s["servers"][0]["reason"] ==  # after a shell that came too late, perhaps
                       "server is not serving: x: cannot run it: No such file or directory", within=3, since=at)

    def test_what_cannot_be_checked_is_refused_at_the_start_with_its_place(self):
        command = script(self.dir / "check", "exit 0\n")
        plain = self.dir / "plain"
        plain.write_text("exit 0\n", encoding="ascii")
        ended = sleeper()
        ended.kill()
        ended.wait()
        for option, bad, said in (
                ("check", "tcp:65536", 'at character 1, "tcp:65536": "65536" is out of range: a port'),
                ("check", "tcp:80 rise=0", 'at character 8, "rise=0": "0" is out of range'),
                ("check", "tcp:80 fal=2", 'at character 8, "fal=2": not a setting'),
                ("check", "tcp:80 every=1ms", '"1ms" is out of range: 10ms to 1h'),
                ("check", "https://127.0.0.1/", "expected tcp:"),
                ("check", "http://127.0.0.1:0/", "http://127.0.0.1:0/"),
                ("check", f"exec:{self.dir}/none", "No such file or directory"),
                ("check", f"exec:{plain}", "is not executable"),
                ("degraded", "nonesuch>3", "there is no metric with this name"),
                ("degraded", "cpu_usage_percent>90 for ever", 'at character 26, "ever"'),
                ("watch-pid", "0", "a process is 1 to 4194304"),
                ("watch-unit", "a/b", "name of a systemd unit")):
            status, _, errors = self.qhcp("server", "--port", "4243", f"--{option}", bad)
            self.assertEqual(status, 2, bad)
            self.assertIn(f"--{option}: ", errors)
            self.assertIn(said, errors)
        status, _, errors = self.qhcp("server", "--port", "4243", "--watch-pid", ended.pid)
        self.assertEqual((status, f"there is no process {ended.pid}" in errors), (1, True), errors)
        status, _, errors = self.qhcp("server", "--watch-unit", "nginx",
                                      env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonesuch"})
        self.assertEqual(status, 1)
        self.assertRegex(errors, "cannot ask systemd for nginx.service: No such file or dir")
        file = self.dir / "qhcp.yaml"
        file.write_text("port: 4243\ncheck:\n  - tcp:80\n  - tcp:80 rise=0\n", encoding="ascii")
        status, _, errors = self.qhcp("server", "--config", file)
        self.assertEqual(status, 2)
        self.assertIn(f"{file}:4:5: at character 8, \"rise=0\"", errors)
        # the twins
        process = self.sleeper()
        _, lb = self.watched("--check", f"exec:{command}", "--check", "rise=1 tcp:1 name=b fall=1000",
                             "--degraded", "cpu_usage_percent>100 for 5s", "--watch-pid",
                             process.pid)
        lb.wait_event("down", within=10)  # nobody listens on port 1: the first result decides

    def test_two_checks_of_one_name_are_refused_and_told_apart_by_name(self):
        status, _, errors = self.qhcp("server", "--check", "tcp:80", "--check", "tcp:80 every=2")
        self.assertEqual(status, 2)
        self.assertIn('two checks have the name "tcp:80"', errors)
        _, lb = self.watched("--check", "tcp:80", "--check", "tcp:80 every=2 name=slow")
        lb.wait_event("down", within=10)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
