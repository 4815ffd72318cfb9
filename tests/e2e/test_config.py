"""--config: read at the start, and again on SIGHUP, on live sessions."""

import json
import signal

from lib.case import Case, free_port
from lib.raw import wait_log


class Config(Case):
    def write(self, text):
        path = self.dir / "qhcp.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def yaml(self, servers, **more):
        lines = ["servers:", *(f"  - {s}" for s in servers), f"port: {self.port}",
                 "status-format: json", "check-interval: 1", "reconnect-interval: 1"]
        return "\n".join(lines + [f"{k.replace('_', '-')}: {v}" for k, v in more.items()]) + "\n"

    def setUp(self):
        super().setUp()
        self.port = free_port()

    def lb_of(self, path):
        from lib.case import Lb

        return self.start("lb", "--config", path, kind=Lb)

    def test_servers_come_and_go_without_disturbing_the_others(self):
        for port in (4243, 4244, 4245):
            self.server(port)
        path = self.write(self.yaml(["127.0.0.1:4243", "127.0.0.1:4244"]))
        lb = self.lb_of(path)
        at, _ = lb.wait_status(lambda s: s["up"] == 2, within=10)
        self.write(self.yaml(["127.0.0.1:4244", "127.0.0.1:4245"]))
        lb.send(signal.SIGHUP)
        _, status = lb.wait_status(
            lambda s: s["up"] == 2 and [x["address"] for x in s["servers"]]
            == ["127.0.0.1:4244", "127.0.0.1:4245"], within=10, since=at)
        stayed = [e for e in lb.events() if e["address"] == "127.0.0.1:4244"]
        self.assertEqual([e["to"] for e in stayed], ["up"])

    def test_a_new_interval_is_in_force_on_the_live_session(self):
        server = self.server(4243, "--log-level", "debug")
        path = self.write(self.yaml(["127.0.0.1:4243"], liveness_interval="1s"))
        lb = self.lb_of(path)
        at, before = lb.wait_status(lambda s: s["servers"][0]["checks_ok"] >= 2, within=10)
        self.write(self.yaml(["127.0.0.1:4243"], liveness_interval="20ms", min_silence="5s"))
        lb.send(signal.SIGHUP)
        first = before["servers"][0]["checks_ok"]
        lb.wait_status(lambda s: s["servers"][0]["checks_ok"] >= first + 100, within=8, since=at)
        self.assertEqual([e["to"] for e in lb.events()], ["up"])
        self.assertEqual(server.errors().count("watches this server"), 1, "it reconnected")

    def test_one_server_may_have_an_interval_of_its_own(self):
        for port in (4243, 4244):
            self.server(port)
        path = self.write(self.yaml(["127.0.0.1:4243 liveness-interval=20ms", "127.0.0.1:4244"],
                                    liveness_interval="1s", status_interval="100ms"))
        lb = self.lb_of(path)
        at, _ = lb.wait_status(lambda s: s["up"] == 2 and s["servers"][0]["checks_ok"] >= 30
                               and s["servers"][1]["checks_ok"] <= 10, within=10)
        self.write(self.yaml(["127.0.0.1:4243", "127.0.0.1:4244 liveness-interval=20ms"],
                             liveness_interval="1s", status_interval="100ms"))
        lb.send(signal.SIGHUP)
        lb.wait_status(lambda s: s["servers"][1]["checks_ok"] >= 40, within=10, since=at)

    def test_a_bad_new_file_leaves_the_old_in_force_and_says_so(self):
        self.server(4243)
        path = self.write(self.yaml(["127.0.0.1:4243"]))
        lb = self.lb_of(path)
        at, _ = lb.wait_status(lambda s: s["up"] == 1, within=10)
        self.write(self.yaml(["127.0.0.1:4243"], max_fail_attempts=0))
        lb.send(signal.SIGHUP)
        at, _ = lb.wait_status(lambda s: s["up"] == 1, within=10, since=len(lb.lines))
        self.assertIn("max-fail-attempts", lb.errors())

    def test_reloads_in_one_moment_and_a_bad_one_between_two_good_ones(self):
        for port in (4243, 4244, 4245):
            self.server(port)
        path = self.write(self.yaml(["127.0.0.1:4243"], status_interval="100ms"))
        lb = self.lb_of(path)
        at, _ = lb.wait_status(lambda s: s["up"] == 1, within=10)
        self.write(self.yaml(["127.0.0.1:4244"], status_interval="100ms"))
        lb.send(signal.SIGHUP)
        lb.send(signal.SIGHUP)
        at, _ = lb.wait_status(lambda s: [x["address"] for x in s["servers"] if x["state"] == "up"]
                               == ["127.0.0.1:4244"], within=10, since=at)
        start = len(lb.errors())
        self.write("servers: [127.0.0.1:4243, 127.0.0.1\nport: x\n")
        lb.send(signal.SIGHUP)
        wait_log(lb, f"reload refused, the old configuration stays in force: {path}:2:5: ", 5, start)
        self.write(self.yaml(["127.0.0.1:4244", "127.0.0.1:4245"], status_interval="100ms"))
        lb.send(signal.SIGHUP)
        lb.wait_status(lambda s: [x["address"] for x in s["servers"] if x["state"] == "up"]
                       == ["127.0.0.1:4244", "127.0.0.1:4245"], within=10, since=at)
        stayed = [e["to"] for e in lb.events() if e["address"] == "127.0.0.1:4244"]
        self.assertEqual(stayed, ["up"])

    def test_all_errors_of_a_reload_are_in_the_log(self):
        path = self.write(self.yaml(["127.0.0.1:4243"]))
        lb = self.lb_of(path)
        wait_log(lb, "watching 1 server", 5)
        self.write("servers: [a]\nprot: 1\nrise: 0\n")
        lb.send(signal.SIGHUP)
        wait_log(lb, f"{path}:3:7: rise: ", 5)
        for words in ("stays in force: there are 3 errors", f'{path}:1:11: "a": no port',
                      f'{path}:2:1: there is no option "prot": did you mean "port"?'):
            self.assertIn(words, lb.errors())

    def test_a_file_that_is_no_certificate_leaves_the_list_of_servers_too(self):
        for port in (4243, 4244):
            self.server(port)
        path = self.write(self.yaml(["127.0.0.1:4243"]))
        lb = self.lb_of(path)
        lb.wait_status(lambda s: s["up"] == 1, within=10)
        bad = self.dir / "bad.pem"
        bad.write_text("no certificate\n", encoding="utf-8")
        self.write(self.yaml(["127.0.0.1:4244"], cert_file=bad))
        at = len(lb.lines)
        lb.send(signal.SIGHUP)
        wait_log(lb, "reload refused", within=5)
        self.assertIn(str(bad), lb.errors())
        _, status = lb.wait_status(lambda s: s["up"] == 1, within=10, since=at)
        self.assertEqual([x["address"] for x in status["servers"]], ["127.0.0.1:4243"])
        self.write(self.yaml(["127.0.0.1:4244"]))
        lb.send(signal.SIGHUP)
        lb.wait_status(lambda s: [x["address"] for x in s["servers"] if x["state"] == "up"]
                       == ["127.0.0.1:4244"], within=10, since=at)
        self.assertEqual(lb.errors().count("1 server added: 127.0.0.1:4244; 1 removed: 127.0.0.1:4243"), 1)

    def test_names_tags_and_what_a_reload_changes_are_told(self):
        for port in (4243, 4244, 4245):
            self.server(port)
        rest = f"port: {self.port}\nstatus-format: json\nstatus-interval: 100ms\n"
        web = "servers:\n  - {address: \"127.0.0.1:%d\", name: web%d, weight: %d, tags: [a, b]}\n"
        path = self.write(web % (4243, 1, 1) + "  - 127.0.0.1:4244\n" + rest)
        lb = self.lb_of(path)
        at, status = lb.wait_status(lambda s: s["up"] == 2, within=10)
        self.assertEqual([(x["name"], x["tags"]) for x in status["servers"]],
                         [("web1", ["a", "b"]), ("127.0.0.1:4244", [])])
        self.write(web % (4243, 1, 0) + "groups:\n  g:\n    servers: [127.0.0.1:4245 name=web3]\n" + rest)
        lb.send(signal.SIGHUP)
        lb.wait_status(lambda s: [(x["name"], x["state"], x["tags"]) for x in s["servers"]] == [
            ("web1", "draining", ["a", "b"]), ("web3", "up", ["g"])], within=10, since=at)
        wait_log(lb, "1 server added: web3; 1 removed: 127.0.0.1:4244; 1 changed: web1 .weight 0, was 1", 5)
        told = [(o["type"], o["address"], o["name"], o.get("words")) for o in map(json.loads, lb.lines)
                if o["type"] in ("added", "removed", "changed")]
        self.assertEqual(sorted(told), [
            ("added", "127.0.0.1:4245", "web3", None), ("changed", "127.0.0.1:4243", "web1", "weight 0, was 1"),
            ("removed", "127.0.0.1:4244", "127.0.0.1:4244", None)])

    def test_the_log_and_the_status_follow_their_options(self):
        path = self.write(self.yaml(["127.0.0.1:4243"], log_level="error", status_interval="24h"))
        lb = self.lb_of(path)
        lb.wait_status(lambda s: True, within=10)
        self.write(self.yaml(["127.0.0.1:4243"], log_level="info", status_interval="100ms"))
        lb.send(signal.SIGHUP)
        wait_log(lb, "configuration read again: 1 server", 5)
        at, _ = lb.wait_status(lambda s: True, within=5, since=len(lb.lines))
        lb.wait_status(lambda s: True, within=5, since=at + 1)

    def test_an_option_that_needs_a_restart_is_named_until_it_has_one(self):
        server = self.start("server", "--config", self.write("port: 4243\ndrain-timeout: 10s\n"))
        wait_log(server, "listening on UDP", 5)
        self.write("port: 4250\ndrain-timeout: 20s\nid: other\n")
        for _ in range(2):
            start = len(server.errors())
            server.send(signal.SIGHUP)
            wait_log(server, "keys read again", 5, start)
            said = server.errors()[start:]
            self.assertIn("--port has changed: this needs a restart", said)
            self.assertIn("--id has changed: this needs a restart", said)
            self.assertNotIn("drain-timeout", said)
        start = len(server.errors())
        self.write("port: 4243\ndrain-timeout: 20s\n")
        server.send(signal.SIGHUP)
        wait_log(server, "keys read again", 5, start)
        self.assertNotIn("has changed", server.errors()[start:])  # it is what runs

    def test_the_fault_of_a_sink_is_told_where_that_sink_is(self):
        good = self.write("servers: [a:1]\nno-forward: true\nsinks:\n  - file_sd /a.json\n  - exec /no/such\n"
                        "  - file_sd /a.json port=1\n")
        status, out, err = self.qhcp("lb", "--config", good, "--check-config")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual([line[:line.index(" ")] for line in err.splitlines()], [f"{good}:6:5:"])
        self.write(good.read_text(encoding="utf-8").replace(" port=1", "2"))
        status, out, err = self.qhcp("lb", "--config", good, "--check-config")
        self.assertRegex(err, rf"^{good}:5:5: .*/no/such.*\n$")

    def test_check_config_says_whether_it_is_right_and_starts_nothing(self):
        good = self.write(self.yaml(["127.0.0.1:4243"]))
        status, out, err = self.qhcp("lb", "--config", good, "--check-config")
        self.assertEqual((status, out, err), (0, f"{good}: no errors\n", ""))
        self.assertEqual(list(self.dir.glob("**/*.sock")), [])
        bad = self.dir / "bad.pem"
        bad.write_text("no certificate\n", encoding="utf-8")
        self.write(self.yaml(["127.0.0.1:4243"], cert_file=bad))
        status, out, err = self.qhcp("lb", "--config", good, "--check-config")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, rf"^{good}:7:12: cert-file: .*{bad}")
        self.write("servers: [a]\n")
        status, out, err = self.qhcp("lb", "--config", good, "--check-config")
        self.assertEqual((status, out, err), (1, "", f'{good}:1:11: "a": no port: expected host:port\n'))
        self.assertEqual(self.qhcp("lb", "--config", good)[0], 2)
        self.write("port: 4250\nid: other\n")
        status, out, _ = self.qhcp("server", "--config", good, "--print-config", "--drain-timeout", "2m")
        self.assertEqual(status, 0)
        self.assertRegex(out, rf"(?m)^port: 4250 +# {good}:1:7$")
        self.assertRegex(out, r"(?m)^drain-timeout: 2m +# --drain-timeout$")

    def test_without_a_file_sighup_stops(self):
        self.server(4243)
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        self.assert_stops(lb, signal.SIGHUP)
