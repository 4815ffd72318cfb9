"""The history of `qhcp lb`, as an operator asks for it: while it runs, and after it was killed."""

import json
import signal
import sqlite3
import time

from lib.admin import ask
from lib.case import QHCP, SLOW, Case, Lb, free_port
from lib.raw import wait_log

SERVER = "127.0.0.1:4243"


class History(Case):
    def pair(self, *arguments):
        server = self.server(4243, ip="127.0.0.1")
        wait_log(server, "listening on UDP", 10 * SLOW)
        self.port = self.port if hasattr(self, "port") else free_port()
        lb = self.lb([SERVER], *arguments, port=self.port)
        at, _ = lb.wait_event("up", within=10)
        return server, lb, at

    def ask(self, *arguments):
        status, out, errors = self.qhcp(*arguments)
        self.assertEqual((status, errors), (0, ""))
        return out

    def wait_events(self, wanted, *arguments):
        """The events, once wanted(events) is true: they are written once a second."""
        end = time.monotonic() + 10 * SLOW
        while True:
            status, out, _ = self.qhcp("history", "--json", *arguments)
            events = [json.loads(line) for line in out.splitlines()] if status == 0 else []
            if wanted(events):
                return events
            self.assertLess(time.monotonic(), end, events)
            time.sleep(0.05)

    def test_why_a_server_went_down_is_known_after_the_load_balancer_was_killed_too(self):
        server, lb, at = self.pair()
        server.kill()
        _, event = lb.wait_event("down", within=5, since=at)
        events = self.wait_events(lambda events: any(e.get("to") == "down" for e in events))
        self.assertEqual([e["kind"] for e in events][0], "started")
        lb.kill()
        story = json.loads(self.ask("why", "127.0.0.1", "--json"))
        self.assertEqual((story["server"], story["state"], story["return"]), (SERVER, "down", None))
        for key in ("reason", "cause", "evidence", "from"):
            self.assertEqual(story["fall"][key], event[key])
        self.assertEqual(story["fall"]["time"], event["time"])
        words = self.ask("why", SERVER, "--port", self.port)
        self.assertIn(f"{SERVER} is down since ", words)
        self.assertIn(event["reason"], words)
        self.assertIn("Evidence\n", words)
        server, lb, at = self.pair()  # the next one goes on in the same file
        events = self.wait_events(lambda events: events[-1].get("to") == "up")
        self.assertEqual([e["kind"] for e in events].count("started"), 2)
        self.assertEqual(sorted(e["id"] for e in events), [e["id"] for e in events])
        story = json.loads(self.ask("why", SERVER, "--json"))
        self.assertEqual((story["state"], story["return"]["to"]), ("up", "up"))
        self.assert_stops(lb)
        self.assertEqual(self.wait_events(bool)[-1]["kind"], "stopped")

    def test_what_the_last_process_knew_is_shown_as_old_until_it_is_checked(self):
        server, lb, _ = self.pair("--status-interval", "100ms")
        self.wait_events(lambda events: any(e.get("to") == "up" for e in events))
        lb.kill()
        server.send(signal.SIGSTOP)  # so that there is no verdict yet
        lb = self.lb([SERVER], "--status-interval", "100ms", port=self.port)
        at, status = lb.wait_status(lambda s: True, within=5)
        shown = status["servers"][0]
        self.assertEqual((shown["state"], shown["known"]["state"]), ("connecting", "up"))
        self.assertRegex(shown["reason"], r"^old: it was up at \d{4}-.*; not checked yet$")
        self.assertLess(shown["known"]["since"], shown["since"])
        server.send(signal.SIGCONT)
        at, status = lb.wait_status(lambda s: s["up"] == 1, within=20, since=at)
        self.assertNotIn("known", status["servers"][0])

    def test_a_damaged_file_is_set_aside_and_a_newer_one_left_and_neither_stops_the_watching(self):
        self.port = free_port()
        server = self.server(4243, ip="127.0.0.1")
        wait_log(server, "listening on UDP", 10 * SLOW)  # and the state directory is there
        path = self.state / f"history-{self.port}.db"
        path.write_text("this is no database\n" * 100, encoding="ascii")
        lb = self.lb([SERVER], port=self.port)
        wait_log(lb, r"error the history was damaged .*it is now \S+\.damaged, and a new one begins",
                 10 * SLOW)
        lb.wait_event("up", within=10)
        self.wait_events(lambda events: any(e.get("to") == "up" for e in events))
        self.assertTrue((self.state / f"{path.name}.damaged").read_text().startswith("this is no"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assert_stops(lb)
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=99")
        lb = self.lb([SERVER], port=self.port)
        wait_log(lb, "error the history is not written: .*written by a newer version", 10 * SLOW)
        lb.wait_event("up", within=10)
        status, out, errors = self.qhcp("history", "--json", "--limit", "1")
        self.assertEqual((status, json.loads(out)["kind"]), (0, "stopped"))
        self.assertIn("a newer version of qhcp wrote this", errors)

    def test_a_file_that_cannot_grow_is_said_and_the_servers_are_watched(self):
        server = self.server(4243, ip="127.0.0.1")
        wait_log(server, "listening on UDP", 10 * SLOW)
        lb = Lb(["sh", "-c", 'ulimit -f 64; exec env --default-signal=XFSZ "$@"', "sh", QHCP, "lb", "--servers", SERVER, "--port", str(free_port()),
                 "--status-format", "json", "--admin", "off"], name="qhcp lb", log=self.dir / "lb.log", env=self.env())
        self.addCleanup(lb.close)
        at, _ = lb.wait_event("up", within=10)
        wait_log(lb, "error the history is not written: .*trying again every 10 s", 10 * SLOW)
        server.kill()
        lb.wait_event("down", within=10, since=at)
        self.assert_stops(lb)

    def test_the_admin_interface_has_the_same(self):
        socket = self.dir / "admin.sock"
        server, lb, at = self.pair("--admin", f"unix:{socket}")
        server.kill()
        lb.wait_event("down", within=5, since=at)
        self.wait_events(lambda events: any(e.get("to") == "down" for e in events))

        def get(path):
            return ask(socket, "GET", "/api/v1/" + path)

        why = get(f"servers/{SERVER}/why")
        self.assertEqual((why.status, why.json), (200, json.loads(self.ask("why", SERVER, "--json"))))
        events = get("history").json["events"]
        self.assertEqual(events, [json.loads(line) for line in self.ask("history", "--json").splitlines()])
        last = events[-1]["id"]
        self.assertEqual(get(f"history?after={last}").json, {"events": []})
        self.assertEqual(get(f"history?before={last}&limit=1").json["events"], events[-2:-1])
        own = get(f"servers/{SERVER}/history?since=1h").json["events"]
        self.assertEqual(own, [e for e in events if e.get("server") == SERVER])
        self.assertEqual(get(f"servers/{SERVER}/history?until=2026-01-01T00:00:00Z").json, {"events": []})
        self.assertEqual(get(f"servers/{SERVER}/samples?since=1h&limit=5").json["server"], SERVER)
        for path, code in (("servers/nobody/why", "not_found"), ("history?since=soon", "bad_query"),
                           ("history?limit=1001", "bad_query"), (f"servers/{SERVER}/samples?after=1", "bad_query")):
            self.assertEqual(get(path).error()[0], code, path)

    def test_who_asks_has_what_has_just_happened(self):
        self.port = free_port()
        server, lb, at = self.pair("--admin", f"unix:{self.state}/admin-{self.port}.sock")
        for _ in range(2):  # with a turn of the recorder a second, most of them would be too late
            self.assertEqual(self.qhcp("drain", SERVER)[0], 0)
            last = [json.loads(line) for line in self.ask("history", SERVER, "--json", "--limit", "1").splitlines()]
            self.assertEqual([(e["kind"], e["to"]) for e in last], [("intent", "drain")])
            self.assertRegex(self.ask("history", SERVER, "--limit", "1"), rf"  {SERVER}: drained \(.*\)\n$")
            self.assertEqual(self.qhcp("undrain", SERVER)[0], 0)
            self.assertRegex(self.ask("history", SERVER, "--limit", "1"), rf"  {SERVER}: undrained \(.*\)\n$")
        server.kill()
        lb.wait_event("down", within=5, since=at)
        self.assertEqual(json.loads(self.ask("why", SERVER, "--json"))["state"], "down")

    def test_where_it_is_kept_is_said_and_off_is_nowhere(self):
        _, lb, _ = self.pair("--history", "off")
        self.assert_stops(lb)
        self.assertEqual(list(self.state.glob("history*")), [])
        status, _, errors = self.qhcp("history")
        self.assertEqual(status, 1)
        self.assertIn("there is no history", errors)
        path = self.dir / "h.db"
        lb = self.lb([SERVER], "--history", path, port=self.port)
        lb.wait_event("up", within=10)
        self.assert_stops(lb)
        self.assertIn("connecting -> up", self.ask("history", "--history", path))
        status, _, errors = self.qhcp("why", "nobody", "--history", path)
        self.assertEqual((status, errors), (1, 'qhcp why: "nobody" is not in the history: qhcp history shows '
                                               'which servers are\n'))
        self.assertEqual(self.qhcp("history", "--since", "yesterday")[0], 2)
