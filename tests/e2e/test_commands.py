"""The commands that ask a running `qhcp lb` by its Unix socket."""

import json
import re
import signal
import socket
import time

from lib.admin import ask
from lib.case import SLOW, Case, Lb, free_port
from lib.raw import wait_log


class Commands(Case):
    def pair(self, servers=("127.0.0.1:4243 name=web1",), port=None):
        """A server that is up, and its load balancer with the usual socket in the state directory."""
        self.agent = self.server(4243, ip="127.0.0.1")
        wait_log(self.agent, "listening on UDP", 10 * SLOW)
        self.port = port or free_port()
        self.socket = self.state / f"admin-{self.port}.sock"
        lb = self.lb(servers, "--admin", f"unix:{self.socket}", port=self.port)
        lb.wait_event("up", within=10)
        return lb

    def wait_change(self, wanted):
        """Waits until the events have one that is wanted: the admin interface reads behind the watching."""
        stream = self.start("events", "--follow", "--json", "--port", self.port)
        return json.loads(stream.wait_line(lambda line: wanted(json.loads(line)), 10 * SLOW)[1])

    def wait_status(self, wanted, *arguments):
        """The last line of `qhcp status`, once it ends so: a busy machine makes the load balancer late (2)."""
        end = time.monotonic() + 40 * SLOW
        while True:
            status, out, errors = self.qhcp("status", *arguments)
            if status == wanted:
                self.assertEqual(errors, "")
                return out.splitlines()[-1]
            self.assertLess(time.monotonic(), end, (status, out, errors))

    def test_status_ends_with_0_when_all_is_well_and_with_1_when_a_server_is_not_up(self):
        self.pair()
        line = self.wait_status(0)  # finds the only load balancer there is
        self.assertRegex(line, r"^web1 +up +\d+s +100 % ")
        self.agent.kill()
        line = self.wait_status(1, "--port", self.port)
        reason = ask(self.socket, "GET", "/api/v1/servers/web1").json["reason"]
        self.assertRegex(line, "^web1 +down .*" + re.escape(reason))

    def test_status_json_is_what_the_admin_interface_says(self):
        self.pair()
        answer = json.loads(self.wait_status(0, "--json", "--admin-socket", self.socket))
        self.assertEqual(set(answer), {"self", *ask(self.socket, "GET", "/api/v1/servers").json})
        self.assertEqual(set(answer["self"]), set(ask(self.socket, "GET", "/api/v1/self").json))
        self.assertEqual(set(answer["servers"][0]), set(ask(self.socket, "GET", "/api/v1/servers/web1").json))

    def test_status_ends_with_2_when_the_load_balancer_is_not_there_or_is_silent(self):
        lb = self.pair()
        for arguments in (["--port", free_port()], ["--admin-socket", self.dir / "none"]):
            status, out, errors = self.qhcp("status", *arguments)
            self.assertEqual((status, out), (2, ""))
            self.assertIn("no load balancer runs there", errors)
        self.wait_status(0, "--port", self.port)
        self.assertEqual(self.qhcp("status", "--port", "none")[0], 3)
        self.assert_stops(lb)
        with socket.socket(socket.AF_UNIX) as other:  # what answers there says something else
            other.bind(str(self.socket))
            other.listen()
            asking = self.start("status", "--port", self.port)
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
            self.assertEqual(asking.wait(10 * SLOW), 2)

    def test_events_are_listed_and_followed(self):
        self.pair()
        self.wait_change(lambda e: e["to"] == "up")
        status, out, errors = self.qhcp("events")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(out, r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  web1: connecting -> up: serving$")
        listed = [json.loads(line) for line in self.qhcp("events", "web1", "--json")[1].splitlines()]
        self.assertEqual(listed, ask(self.socket, "GET", "/api/v1/events?server=127.0.0.1:4243").json["events"])
        newest = self.qhcp("events", "127.0.0.1:4243", "--json", "--limit", "1")[1]
        self.assertEqual(json.loads(newest), listed[-1])
        self.assertEqual(self.qhcp("events", "--since", "2100-01-01"), (0, "", ""))
        status, out, errors = self.qhcp("events", "web9")
        self.assertEqual((status, out, errors), (1, "", 'qhcp events: "web9" is not watched: qhcp status shows which servers are\n'))
        follower = self.start("events", "--follow", "--json", "--limit", "1", "web1")
        at, first = follower.wait_line(lambda _: True, 10 * SLOW)
        self.assertEqual(json.loads(first), listed[-1])
        self.agent.kill()
        follower.wait_line(lambda line: json.loads(line)["to"] == "down", 10 * SLOW, at + 1)

    def test_the_newest_events_of_one_server_are_found_behind_those_of_others(self):
        self.pair(servers=("127.0.0.1:4243 name=web1", "127.0.0.1:1 name=web2"))
        self.act("drain", "web2", "--reason", "first")
        for weight in range(2, 7):
            self.act("weight", "web1", str(weight))
        for server in ("web2", "127.0.0.1:1"):
            newest = ask(self.socket, "GET", f"/api/v1/events?server={server}&limit=1").json
            self.assertEqual([e["name"] for e in newest["events"]], ["web2"])
        newest = ask(self.socket, "GET", "/api/v1/events?server=web1&limit=2").json
        self.assertEqual([e["reason"] for e in newest["events"]], ["weight 5", "weight 6"])
        self.assertEqual(newest["missed"], False)
        after = ask(self.socket, "GET", f"/api/v1/events?server=web2&after={newest['next']}").json
        self.assertEqual([e for e in after["events"] if e["kind"] == "intent"], [])

    def test_a_follower_waits_for_its_load_balancer_and_goes_on_with_the_next(self):
        lb = self.pair()
        follower = self.start("events", "--follow", "--json")
        at, _ = follower.wait_line(lambda line: json.loads(line)["to"] == "up", 10 * SLOW)
        self.agent.kill()  # the list is printed whole: this comes by the stream
        at, _ = follower.wait_line(lambda line: json.loads(line)["to"] == "down", 10 * SLOW, at + 1)
        self.assert_stops(lb, signal.SIGKILL)
        wait_log(follower, "the load balancer has ended: waiting for it", 10 * SLOW)
        self.agent = self.server(4243, ip="127.0.0.1")
        lb = self.lb(["127.0.0.1:4243 name=web1"], "--admin", f"unix:{self.socket}", port=self.port)
        lb.wait_event("up", within=10)
        at, first = follower.wait_line(lambda line: json.loads(line)["kind"] == "added", 10 * SLOW, at + 1)
        at, _ = follower.wait_line(lambda line: json.loads(line)["to"] == "up", 10 * SLOW, at + 1)
        self.act("drain", "web1")
        follower.wait_line(lambda line: json.loads(line)["to"] == "drain", 10 * SLOW, at + 1)
        numbers = [json.loads(line)["seq"] for line in follower.lines]
        again = numbers[numbers.index(json.loads(first)["seq"], 1):]
        self.assertEqual(again, sorted(set(again)), "none is missing, and none is there twice")
        self.assertIn("the load balancer has restarted; qhcp history has what was before", follower.errors())

    def act(self, *arguments):
        """What is in force after it."""
        status, out, errors = self.qhcp(*arguments, "--port", self.port)
        self.assertEqual((status, errors), (0, ""), arguments)
        return out

    def refused(self, status, *arguments):
        ended, out, errors = self.qhcp(*arguments, "--port", self.port)
        self.assertEqual((ended, out), (status, ""), arguments)
        return errors

    def server_of_api(self):
        return ask(self.socket, "GET", "/api/v1/servers/web1").json

    def test_a_server_is_drained_and_taken_back(self):
        lb = self.pair()
        self.wait_change(lambda e: e["to"] == "up")
        self.assertEqual(self.refused(1, "drain", "web9"), 'qhcp drain: "web9" is not watched: qhcp status shows which servers are\n')
        out = self.act("drain", "web1", "--reason", "new disks", "--for", "30m")
        self.assertRegex(out, r"^web1 is draining: new disks\n  wanted: drain, weight 1, until \d{4}-.*, by .*: new disks\n"
                              r"  now: 0 % of its weight, 0 connections open\n$")
        intent = self.server_of_api()["intent"]
        self.assertEqual((intent["use"], intent["reason"]), ("drain", "new disks"))
        self.assertRegex(self.wait_status(1), "^web1 +draining .* new disks$")
        self.assertRegex(self.act("undrain", "127.0.0.1:4243"), "^web1 is up.*\n  wanted: in use, weight 1")
        self.wait_status(0)
        self.assertRegex(self.act("maintenance", "web1"), "^web1 is in maintenance")
        self.act("undrain", "web1")
        self.refused(2, "drain", "web1", "--for", "0s")
        newest = json.loads(self.act("events", "--json", "--limit", "1"))["seq"]
        self.act("drain", "web1", "--for", "1s")
        self.wait_change(lambda e: e["seq"] > newest and (e["kind"], e["from"], e["to"]) == ("intent", "drain", "in_use"))
        self.assertEqual(self.server_of_api()["state"], "up")
        wait_log(lb, "info web1 is in use again: the time that was given is over", 10 * SLOW)

    def test_a_server_gets_another_weight(self):
        self.pair()
        self.assertIn("WEIGHT is missing", self.refused(2, "weight", "web1"))
        self.assertIn('"1001" is out of range', self.refused(2, "weight", "web1", "1001"))
        self.assertIn("weight 1000", self.act("weight", "web1", "1000"))
        self.assertEqual(self.server_of_api()["intent"]["weight"], 1000)

    def test_reload_changes_all_or_nothing(self):
        config = self.dir / "lb.yaml"
        good = "servers: [127.0.0.1:4243 name=web1]\n"
        config.write_text(good, encoding="ascii")
        self.agent = self.server(4243, ip="127.0.0.1")
        wait_log(self.agent, "listening on UDP", 10 * SLOW)
        self.port = free_port()
        self.socket = self.state / f"admin-{self.port}.sock"
        lb = self.start("lb", "--config", config, "--port", self.port, "--admin", f"unix:{self.socket}", "--no-forward",
                        "--status-format", "json", kind=Lb)
        lb.wait_event("up", within=10)
        more = good.replace("]", ", 127.0.0.1:4244 name=web2]")
        config.write_text(more + "nonsense: 1\n", encoding="ascii")
        self.assertIn("the old configuration stays in force", self.refused(1, "reload"))
        self.assertEqual(self.refused(1, "undrain", "web2"), 'qhcp undrain: "web2" is not watched: qhcp status shows which servers are\n')
        config.write_text(more, encoding="ascii")
        self.assertIn('"best" is not a valid value: use round-robin', self.refused(1, "algorithm", "best"))
        self.assertRegex(self.act("algorithm", "maglev"), r"^balance is maglev, was least-connections\nthis lasts until")
        self.assertRegex(self.act("reload", "--reason", "one more"), "^reloaded: ")
        self.wait_change(lambda e: e["kind"] == "added" and e["name"] == "web2")
        self.act("undrain", "web2")
