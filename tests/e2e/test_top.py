"""`qhcp top`, on a terminal, as a person sees it."""

import re
import signal
import time

from lib.case import QHCP, SLOW, Case, free_port
from lib.pretend import Pretend, server
from lib.raw import wait_log
from lib.terminal import Terminal

WAIT = 20 * SLOW
COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m")


class Top(Case):
    def top(self, socket, columns=80, lines=24, **env):
        variables = {**self.env(), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env}
        variables.pop("LINES", None), variables.pop("COLUMNS", None)
        terminal = Terminal([QHCP, "top", "--admin-socket", str(socket)], columns=columns, lines=lines,
                            env={name: value for name, value in variables.items() if value is not None})
        self.addCleanup(terminal.close)
        return terminal

    def pretend(self, *servers):
        pretend = Pretend(self.dir / "admin.sock", list(servers))
        self.addCleanup(pretend.close)
        return pretend

    def pair(self):
        """Two servers, and their load balancer."""
        self.agents = [self.server(port, ip="127.0.0.1") for port in (4243, 4244)]
        for agent in self.agents:
            wait_log(agent, "listening on UDP", WAIT)
        self.port, self.socket = free_port(), self.dir / "lb.sock"
        return self.balancer()

    def balancer(self):
        lb = self.lb(["127.0.0.1:4243 name=web1", "127.0.0.1:4244 name=web2"], "--admin", f"unix:{self.socket}",
                     port=self.port)
        lb.wait_status(lambda s: s["up"] == 2, within=20)
        return lb

    def refused(self, **env):
        terminal = self.top(self.dir / "admin.sock", **env)
        self.assertEqual(terminal.ended(WAIT), 1)
        self.assertNotIn(b"\x1b[?1049h", terminal.raw)
        return terminal.text()

    def test_servers_are_shown_drained_and_taken_back(self):
        self.pair()
        top = self.top(self.socket)
        top.wait(lambda s: re.search(r"(?m)^web1 +up .*ms", s) and re.search(r"(?m)^web2 +up", s), WAIT)
        top.wait(lambda s: "2 of 2 servers are healthy" in s and "sorted by what is worst" in s, WAIT)
        top.type("jd")
        top.wait(lambda s: "drain web2: why" in s, WAIT)
        top.type("new disks\r")
        top.wait(lambda s: "for how long" in s, WAIT)
        top.type("soon\r")  # no duration
        top.wait(lambda s: "drain web2: for how long" in s and s.endswith("soon"), WAIT)
        top.type("\x1530m\r")
        top.wait(lambda s: "drain web2 for 30m: new disks? Type y" in s, WAIT)
        top.type("n")
        top.wait(lambda s: "nothing has changed" in s, WAIT)
        top.type("djoin\r\ry")
        top.wait(lambda s: "done: web2: wanted: drain" in s and re.search(r"(?m)^web2 +draining ", s), WAIT)
        top.wait(lambda s: re.search(r"web2 is draining: join\nwanted: drain, weight 1, by .*: join", s), WAIT)
        top.type("u\ry")
        top.wait(lambda s: re.search(r"(?m)^web2 +up ", s) and "web2 is up" in s, WAIT)
        self.agents[0].kill()
        text = top.wait(lambda s: re.search(r"(?m)^web1 +down ", s) and "1 of 2 servers are healthy (1 down)" in s, WAIT)
        self.assertLess(text.index("\nweb1 "), text.index("\nweb2 "))  # what is worst comes first
        top.type("q")
        self.assertEqual(top.ended(WAIT), 0)
        self.assertTrue(top.is_restored())

    def test_a_load_balancer_that_ends_and_comes_back(self):
        lb = self.pair()
        top = self.top(self.socket)
        top.wait(lambda s: re.search(r"(?m)^web2 +up", s), WAIT)
        self.assert_stops(lb, signal.SIGKILL)
        top.wait(lambda s: "NOT CONNECTED, what follows is old: " in s and re.search(r"(?m)^web2 +up", s), WAIT)
        self.agents[1].kill()
        lb = self.lb(["127.0.0.1:4243 name=web1", "127.0.0.1:4244 name=web2"], "--admin", f"unix:{self.socket}",
                     port=self.port)
        top.wait(lambda s: re.search(r"(?m)^web2 +(down|connecting) ", s) and "NOT CONNECTED" not in s, WAIT)

    def test_the_terminal_is_restored_after_every_end(self):
        self.pretend(server("web1"))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(number=number):
                if SLOW > 1 and number == signal.SIGSEGV:
                    continue  # which is the sanitizer's
                top = self.top(self.dir / "admin.sock")
                top.wait(lambda s: "web1" in s, WAIT)
                self.assertFalse(top.is_restored())
                top.popen.send_signal(number)
                self.assertEqual(top.ended(WAIT), -number)
                self.assertTrue(top.is_restored())

    def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(self):
        self.pretend(server("web1"))
        top = self.top(self.dir / "admin.sock")
        top.wait(lambda s: "web1" in s, WAIT)
        top.popen.send_signal(signal.SIGTSTP)
        while not top.is_restored():
            top.wait(lambda s: "web1" not in s or top.is_restored(), WAIT)
        top.popen.send_signal(signal.SIGCONT)
        top.wait(lambda s: "web1" in s and not top.is_restored(), WAIT)

    def test_the_size_of_the_terminal_is_followed(self):
        self.pretend(*[server(f"web{i}", reason="told to be so") for i in range(60)])
        top = self.top(self.dir / "admin.sock")
        text = top.wait(lambda s: "rows 1 to " in s and "web0" in s, WAIT)
        self.assertNotIn("REASON", text)
        self.assertLess(max(map(len, text.split("\n"))), 81)
        top.resize(140, 40)
        top.wait(lambda s: "REASON" in s and "\nweb20 " in s and "told to be so" in s, WAIT)
        top.resize(50, 24)
        text = top.wait(lambda s: "\nweb5 " in s and not s.startswith("20"), WAIT)  # drawn again: without the date
        self.assertIn(" RTT\n", text)  # the CPU has no room: no part of it
        self.assertFalse([line for line in text.split("\n") if re.search(r"ms +\S|^[\d.]+ %", line)], text)
        top.resize(10, 3)
        top.wait(lambda s: "the termin" in s, WAIT)
        top.resize(80, 24)
        top.wait(lambda s: "q:quit" in s and "\nweb5 " in s, WAIT)

    def test_rows_are_chosen_and_sorted(self):
        slow = {"verdict": {"rtt_us": 90_000, "evidence": ""}}
        self.pretend(server("web1"), server("web10", **slow), server("web2", tags=["eu"]), server("db1", state="down"))
        top = self.top(self.dir / "admin.sock")
        order = lambda s: re.findall(r"(?m)^(?:web|db)\d+(?= +(?:up|down) )", s)
        top.wait(lambda s: order(s) == ["db1", "web1", "web2", "web10"], WAIT)
        top.type("6")
        top.wait(lambda s: order(s)[:1] == ["web10"] and "sorted by round trip" in s, WAIT)
        top.type("2r")
        top.wait(lambda s: order(s) == ["web10", "web2", "web1", "db1"] and "sorted by name, reversed" in s, WAIT)
        top.type("/WEB eu")
        top.wait(lambda s: order(s) == ["web2"] and "filter: WEB eu" in s, WAIT)
        top.type("x\r")
        top.wait(lambda s: order(s) == [] and "no server has all words" in s, WAIT)
        top.type("d")  # on nothing
        top.wait(lambda s: "there is no server here" in s, WAIT)
        top.type("\x1b")
        top.wait(lambda s: len(order(s)) == 4, WAIT)
        top.type("?")
        top.wait(lambda s: "Keys of qhcp top" in s, WAIT)
        top.type("x")
        top.wait(lambda s: len(order(s)) == 4, WAIT)

    def test_an_event_is_shown_although_an_older_answer_comes_after_it(self):
        pretend = self.pretend(server("web1"), server("web2"))
        top = self.top(self.dir / "admin.sock")
        top.wait(lambda s: re.search(r"(?m)^web2 +up", s) and pretend.streams, WAIT)
        event = {"time": "2026-11-28T02:11:00.000Z", "server": "id-web2", "from": "up", "to": "down", "reason": "gone",
                 "evidence": "none"}
        pretend.event(5, kind="state", **{**event, "server": "id-web1"})  # (answers say that they know number 5)
        pretend.event(6, kind="state", **event)  # ... and not this one
        top.wait(lambda s: re.search(r"(?m)^web2 +down", s), WAIT)
        asked = len(pretend.asked)
        top.wait(lambda s: len([a for a in pretend.asked[asked:] if "servers?" in a]) >= 2, WAIT)
        top.wait(lambda s: re.search(r"(?m)^web2 +down", s) and re.search(r"(?m)^web1 +up", s), WAIT)
        pretend.event(7, kind="removed", server="id-web1", time=event["time"])
        del pretend.servers[0]
        top.wait(lambda s: "web1" not in s, WAIT)

    def test_a_large_fleet_is_read_in_parts(self):
        pretend = self.pretend(*[server(f"web{i}") for i in range(2500)])
        top = self.top(self.dir / "admin.sock")
        top.wait(lambda s: "of 2500" in s and "reading" not in s, WAIT)
        top.wait(lambda s: any("/events?" in a for a in pretend.asked), WAIT)  # all of it was read once, in a hurry
        started, since = len(pretend.asked), time.monotonic()
        top.wait(lambda s: len([a for a in pretend.asked[started:] if "self" in a]) >= 3, WAIT)
        asked, seconds = list(pretend.asked[started:]), time.monotonic() - since + 2
        parts = [a for a in asked if "servers?" in a]
        self.assertLessEqual(len(parts), seconds, asked)
        self.assertTrue(all("limit=1000&" in a for a in parts), parts)
        self.assertLessEqual(len(asked), 24 * seconds)  # those on the screen besides
        looked = {a.rsplit("/", 1)[1] for a in pretend.asked if "/servers/" in a}
        self.assertTrue({"id-web0", "id-web5"} <= looked <= {f"id-web{i}" for i in range(24)}, looked)

    def test_nothing_of_a_server_reaches_the_terminal_as_it_is(self):
        evil = "\x1b]0;title\x07\x1b[2Jred\x9b31m\u202eback\r\n\x00".replace("\x00", "")
        self.pretend(server("a" + evil, reason=evil, notice=evil, intent={"use": evil, "weight": 1, "reason": evil},
                            verdict={"rtt_us": 1, "evidence": evil}, state="down", tags=[evil]))
        for env in ({}, {"LC_ALL": "C"}):
            top = self.top(self.dir / "admin.sock", columns=140, **env)
            top.wait(lambda s: "a?]0;title??[2Jred" in s and "wanted: ?]0;" in s, WAIT)
            for bad in (b"\x1b]0;", b"\x07", "\u202e".encode(), "\x9b".encode(), b"\x1b[2Jred"):
                self.assertNotIn(bad, top.raw)
            top.type("d")
            top.wait(lambda s: "drain a?]0;title??[2Jred" in s, WAIT)

    def test_no_colours_where_none_are_wanted(self):
        self.pretend(server("web1", state="down"))
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "vt100"}, False)):
            top = self.top(self.dir / "admin.sock", **env)
            top.wait(lambda s: re.search(r"(?m)^web1 +down", s), WAIT)
            self.assertEqual(bool(COLOUR.search(top.raw)), coloured, env)

    def test_a_terminal_that_cannot_do_it_is_left_alone(self):
        self.pretend(server("web1"))
        self.assertIn('TERM="dumb": this terminal cannot move its cursor: use qhcp status', self.refused(TERM="dumb"))
        self.assertIn('TERM="nonesuch" is not a terminal that is known here', self.refused(TERM="nonesuch"))
        self.assertIn("TERM is not set", self.refused(TERM=None))
        status, out, errors = self.qhcp("top", "--admin-socket", self.dir / "admin.sock")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("must be a terminal: use qhcp status", errors)
        self.assertIn("no load balancer runs there", self.qhcp("top", "--admin-socket", self.dir / "no.sock")[2])
