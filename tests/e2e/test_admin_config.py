"""The configuration over the admin interface: shown, changed while it runs, and what a reload says."""

import json
import signal
import socket

from lib.admin import AdminCase, ask
from lib.case import SLOW, Lb
from lib.raw import wait_log

NAME = "127.0.0.1:4243"
CONFIG = "/api/v1/config"


class ConfigCase(AdminCase):
    def begin(self, more=""):
        self.server(4243)
        self.socket, self.config = self.dir / "admin.sock", self.dir / "lb.yaml"
        self.write(more)
        lb = self.start("lb", "--config", self.config, "--status-format", "json", kind=Lb)
        lb.wait_event("up", within=10)
        return lb

    def write(self, more=""):
        self.config.write_text(f"servers: [{NAME}]\nport: 4242\nadmin: ['unix:{self.socket}', '127.0.0.1:{self.PORT}']\n" + more)

    def show(self):
        answer = ask(self.socket, "GET", CONFIG)
        self.assertEqual(answer.status, 200)
        return answer

    def patch(self, body, match="*", where=None, **headers):
        return ask(where or self.socket, "PATCH", CONFIG, body, If_Match=match, **headers)

    def event(self):
        """The newest of this kind."""
        events = ask(self.socket, "GET", "/api/v1/events").json["events"]
        return [e for e in events if e["kind"] == "config"][-1]

    def faults(self, answer, status=400, code="bad_option"):
        self.assertEqual((answer.status, answer.error()[0]), (status, code), answer.text)
        return answer.json["error"]["faults"]


class Changed(ConfigCase):
    def test_options_change_whole_or_not_at_all_and_a_reload_takes_them_back(self):
        lb = self.begin("rise: 3\nliveness-interval: 200ms\n")
        before = self.show()
        self.assertEqual(before.json["options"]["rise"],
                         {"value": 3, "from": f"{self.config}:4:7", "changes": "now", "expected": "a whole number from 1 to 1000"})
        self.assertEqual(before.json["unsaved"], [])
        self.assertEqual(self.patch({"rise": 4}, None).error()[0], "no_match")
        self.assertEqual(self.patch({"rise": 4}, None).status, 428)
        self.assertEqual((self.patch({"rise": 4}, '"x"').status, self.patch({"rise": 4}, '"x"').error()[0]), (412, "changed"))
        faults = self.faults(self.patch({"rise": 4, "hold": "1s", "balance": "best"}))
        self.assertEqual([(f["option"], f["value"]) for f in faults], [("hold", "1s"), ("balance", "best")])
        self.assertIn("restart", faults[0]["message"])
        self.assertIn("round-robin", faults[1]["expected"])
        self.assertEqual(self.show().text, before.text)
        changed = self.patch({"rise": 4, "balance": "maglev", "liveness-interval": "100ms"}, before.headers["ETag"])
        self.assertEqual(changed.status, 200, changed.text)
        options = changed.json["options"]
        self.assertEqual((options["rise"]["value"], options["rise"]["from"]), (4, "admin interface"))
        self.assertEqual(sorted(changed.json["unsaved"]), ["balance", "liveness-interval", "rise"])
        self.assertIn("configuration file", changed.json["note"])
        self.assertEqual(self.show().headers["ETag"], changed.headers["ETag"])
        self.assertEqual(self.patch({"rise": 5}, before.headers["ETag"]).status, 412)
        event = self.event()
        self.assertEqual((event["server"], event["cause"]), ("", "operator"))
        self.assertIn("rise is 4, was 3", event["reason"])
        self.assertRegex(event["who"], r"uid \d+, process \d+ by the socket")
        lb.send(signal.SIGHUP)
        wait_log(lb, "rise is 3 again, as the configuration says: the admin interface had set it to 4", 10 * SLOW)
        wait_log(lb, "configuration read again", 10 * SLOW)
        after = self.show()
        self.assertEqual((after.text, after.headers["ETag"]), (before.text, before.headers["ETag"]))

    def test_who_may_change_options(self):
        self.begin("sources: ['exec /bin/true --password=x every=1h']\n")
        self.assertEqual(self.show().json["options"]["sources"]["value"], ["exec /bin/true --password=x every=1h"])
        self.assertEqual(self.get(CONFIG).json["options"]["sources"]["value"], ["exec ..."])
        self.assertNotIn("password", self.get(CONFIG).text)
        self.assertEqual(self.get(CONFIG).headers["ETag"], self.show().headers["ETag"])
        self.assertEqual(self.get(CONFIG, If_None_Match=self.show().headers["ETag"]).status, 304)
        answer = self.patch({"rise": 4}, where=self.PORT)
        self.assertEqual((answer.status, answer.error()[0]), (401, "no_token"))
        answer = self.patch({"rise": 4}, where=self.PORT, Authorization=f"Bearer {self.token()}")
        self.assertEqual((answer.status, answer.error()[0]), (403, "bad_scope"))
        token = self.token("--scope", "admin", "--name", "ops-7")
        self.assertEqual(self.patch({"rise": 4}, where=self.PORT, Authorization=f"Bearer {token}").status, 200)
        self.assertRegex(self.event()["who"], r"^token of ops-7 from 127\.0\.0\.1:\d+$")

    def test_another_algorithm(self):
        self.begin()
        answer = self.post("/api/v1/algorithm", {"algorithm": "maglev", "reason": "caches"})
        self.assertEqual((answer.status, answer.json["done"]), (200, "balance is maglev, was least-connections"))
        self.assertEqual(self.show().json["options"]["balance"]["value"], "maglev")
        self.assertEqual(self.event()["reason"], "balance is maglev, was least-connections: caches")
        fault, = self.faults(self.post("/api/v1/algorithm", {"algorithm": "best"}))
        self.assertIn("maglev", fault["expected"])
        for body in ({}, {"algorithm": "maglev", "why": "x"}):
            self.assertEqual(self.post("/api/v1/algorithm", body).error()[0], "bad_member")


class Reloaded(ConfigCase):
    def test_clients_that_do_not_wait_for_an_answer_harm_nothing(self):
        lb = self.begin()
        self.write("rise: 0\nnonsense: 1\n")
        for i in range(30):
            body = json.dumps({"rise": i % 5 + 1})
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.socket))
                client.sendall(f"PATCH {CONFIG} HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\nContent-Type: application/json\r\n"
                               f"Content-Length: {len(body)}\r\n\r\n{body}".encode() if i % 2 else
                               b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        faults, answer = [], None
        while not faults:  # while too many reloads wait
            faults = self.faults(self.post("/api/v1/reload"), 409, "refused")
        self.assertEqual(len(faults), 2)
        while not answer or answer.status == 409:  # while a reload reads the file
            answer = self.patch({"rise": 7})
        self.assertEqual(answer.json["options"]["rise"]["value"], 7)
        self.assert_stops(lb)

    def test_a_reload_that_is_refused_says_each_error_to_whoever_asked(self):
        self.begin()
        self.write("rise: 0\nnonsense: 1\n")
        answer = self.post("/api/v1/reload")
        lines = [f["message"] for f in self.faults(answer, 409, "refused")]
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[0].startswith(f'{self.config}:4:7: rise: "0" is out of range'), lines)
        self.assertTrue(lines[1].startswith(f'{self.config}:5:1: there is no option "nonsense"'), lines)
        status, out, err = self.qhcp("reload", "--admin-socket", self.socket)
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err.splitlines(), ["qhcp reload: the old configuration stays in force: there are 2 errors", *lines])
        self.write("rise: 4\n")
        self.assertEqual(self.post("/api/v1/reload", {"reason": "new"}).json, {"done": "1 server"})
        self.assertEqual(self.event()["reason"], "configuration read again: 1 server: new")
        self.assertIn("by the socket", self.event()["who"])
