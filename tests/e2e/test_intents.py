"""What operators want of servers survives the load balancer, however it ends; what the list says is the list's."""

import json
import time

from lib.admin import ask
from lib.case import SLOW, Case, free_port
from lib.forward import ForwardCase
from lib.raw import wait_log


def intent(socket, server):
    return ask(socket, "GET", f"/api/v1/servers/{server}").json["intent"]


def act(test, socket, server, action, **body):
    answer = ask(socket, "POST", f"/api/v1/servers/{server}/{action}", body)
    test.assertEqual(answer.status, 200, answer)
    return answer.json["intent"]


class Intents(Case):
    def balancer(self, *settings, port=None):
        self.port = port or free_port()
        self.socket = self.state / f"admin-{self.port}.sock"
        servers = [f"127.0.0.1:{n} name=web{n} {more}" for n, more in enumerate(settings, 1)]
        lb = self.lb(servers, "--no-forward", "--admin", f"unix:{self.socket}", port=self.port)
        wait_log(lb, "watching", 10 * SLOW)
        return lb

    def test_a_drain_a_maintenance_and_a_weight_survive_kill_9(self):
        lb = self.balancer("", "", "", "weight=2")
        before = {"web1": act(self, self.socket, "web1", "drain", reason='new "disks"'),
                  "web2": act(self, self.socket, "web2", "maintenance", reason="ü kernel", **{"for": "2h"}),
                  "web3": act(self, self.socket, "web3", "weight", weight=7)}
        lb.kill()  # as soon as the last is answered
        lb = self.balancer("", "", "", "weight=5", port=self.port)
        after = {name: intent(self.socket, name) for name in ("web1", "web2", "web3", "web4")}
        for name, i in before.items():
            for key in ("use", "weight", "listed_weight", "since", "reason", "who"):
                self.assertEqual(after[name][key], i[key], (name, key))
        self.assertLess(abs(seconds(after["web2"]["until"]) - seconds(before["web2"]["until"])), 2)
        self.assertIn("uid", after["web1"]["who"])
        self.assertEqual([after["web4"][key] for key in ("use", "weight", "listed_weight")], ["in_use", 5, 5])
        self.assertIn("web2 stays in maintenance until ", lb.errors())
        self.assertIn("web3 keeps weight 7, as before", lb.errors())
        act(self, self.socket, "web1", "undrain")
        act(self, self.socket, "web2", "undrain")
        self.assertEqual(act(self, self.socket, "web3", "weight", weight=1)["weight"], 1)  # what the list says
        self.assertFalse((self.state / f"intents-{self.port}").exists())
        lb.kill()
        self.balancer("", "", "weight=3", port=self.port)
        self.assertEqual([intent(self.socket, f"web{n}")["use"] for n in (1, 2)], ["in_use"] * 2)
        self.assertEqual(intent(self.socket, "web3")["weight"], 3)

    def test_a_maintenance_whose_time_is_over_meanwhile_is_over_and_said_so(self):
        lb = self.balancer("", "")
        act(self, self.socket, "web1", "maintenance", **{"for": "1s"})
        act(self, self.socket, "web2", "drain")
        lb.kill()
        kept = (self.state / f"intents-{self.port}").read_text().splitlines()
        until = max(json.loads(line).get("until_ms", 0) for line in kept) / 1000
        time.sleep(max(0, until - time.time()))
        lb = self.balancer("", "", port=self.port)
        wait_log(lb, "in use again: the time that was given is over", 10 * SLOW)
        events = ask(self.socket, "GET", "/api/v1/events").json["events"]
        self.assertIn(("web1", "maintenance", "in_use"),
                      [(e["name"], e["from"], e["to"]) for e in events if e["kind"] == "intent"])
        self.assertEqual([intent(self.socket, f"web{n}")["use"] for n in (1, 2)], ["in_use", "drain"])

    def test_an_intent_outlives_a_time_in_which_its_server_is_not_in_the_list(self):
        lb = self.balancer("", "")
        act(self, self.socket, "web2", "maintenance", reason="dead")
        lb.kill()
        lb = self.balancer("", port=self.port)
        lb.kill()
        self.balancer("", "", port=self.port)
        self.assertEqual(intent(self.socket, "web2")["reason"], "dead")


def seconds(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


class HandOver(ForwardCase):
    def test_they_survive_a_hand_over(self):
        """The old one has the file until it lets go of the port; the new one sends nobody to a drained server."""
        sockets = [self.dir / "old.sock", self.dir / "new.sock"]
        old, _ = self.fleet("a", "b", arguments=("--admin", f"unix:{sockets[0]}"))
        act(self, sockets[0], f"127.0.0.1:{self.agents[0]}", "drain", reason="new disks")
        new = self.lb([f"127.0.0.1:{port}" for port in self.agents], "--take-over", "--admin",
                      f"unix:{sockets[1]}", port=self.port)
        wait_log(old, "another load balancer took over the port", 10 * SLOW)
        self.assertEqual(old.wait(10 * SLOW), 0)
        new.wait_status(lambda s: s["up"] == 1, 15)
        self.assertEqual({self.ask() for _ in range(10)}, {"b"})
        self.assertEqual(intent(sockets[1], f"127.0.0.1:{self.agents[0]}")["reason"], "new disks")
        act(self, sockets[1], f"127.0.0.1:{self.agents[0]}", "undrain")
        self.assertFalse((self.state / f"intents-{self.port}").exists())
