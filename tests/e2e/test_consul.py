"""The sink consul, against a fake of a Consul agent.  The fake has the end-points that the sink uses, as Consul's
documentation has them (PUT, JSON, the token in a header; 404 for a check that it does not know), and nothing else:
check/register or service/register, check/update, check/deregister or service/deregister."""

import signal
import threading
import urllib.parse

from lib.case import Case
from lib.raw import wait_log
from lib.receiver import Receiver

PATIENCE = 30


class FakeConsul:
    def __init__(self, token=""):
        self.token, self.checks, self.services, self.wrong = token, {}, {}, []
        self.changed = threading.Condition()
        self.receiver = Receiver(self.rule)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.receiver.port}"

    def rule(self, request):
        with self.changed:
            self.changed.notify_all()
            return self.answer(request)

    def answer(self, request):
        path = urllib.parse.urlsplit(request.path).path.split("/")[1:]
        if request.method != "PUT" or path[:2] != ["v1", "agent"]:
            self.wrong.append(request)
            return 405, b"method not allowed"
        if request.headers.get("X-Consul-Token", "") != self.token:
            return 403, b"Permission denied"
        what, name = "/".join(path[2:4]), urllib.parse.unquote("/".join(path[4:]))
        if what == "service/register":
            self.services[request.json["ID"]] = request.json
            self.register(request.json["Check"], request.json["Check"]["CheckID"])
        elif what == "check/register":
            self.register(request.json, request.json["ID"])
        elif name not in self.checks:
            return 404, f'Unknown check ID "{name}". Ensure that the check ID is passed, not the check name.'.encode()
        elif what == "check/update":
            if request.json["Status"] not in ("passing", "warning", "critical"):
                return 400, b"bad status"
            self.checks[name].update(request.json, updates=self.checks[name]["updates"] + 1)
        elif what in ("check/deregister", "service/deregister"):
            del self.checks[name]
            self.services.pop(name, None)
        else:
            self.wrong.append(request)
            return 404, b"no such path"
        return 200

    def register(self, check, name):
        assert check["TTL"].endswith("ms") and check["Name"].startswith("QHCP ")
        self.checks[name] = {**check, "Output": "", "updates": 0}

    def wait(self, wanted):
        with self.changed:
            if not self.changed.wait_for(lambda: wanted(self.checks), PATIENCE):
                raise AssertionError(f"Consul has {self.checks}; wrong: {self.wrong}")

    def status(self, name, status, output=""):
        self.wait(lambda checks: name in checks and checks[name]["Status"] == status
                  and checks[name]["updates"] > 0 and output in checks[name]["Output"])

    def forget(self):
        with self.changed:
            self.checks.clear()
            self.services.clear()


class Consul(Case):
    def consul(self, **options):
        consul = FakeConsul(**options)
        self.addCleanup(consul.receiver.close)
        return consul

    def test_each_server_is_a_check_with_its_state_and_its_reason(self):
        consul = self.consul()
        first = self.server(4243)
        self.server(4244)
        path = self.dir / "qhcp.yaml"
        text = ("servers: [127.0.0.1:4243 name=web1, '127.0.0.1:4244']\nport: 24242\nadmin: off\nhistory: off\n"
                f"status-format: json\nsinks: [consul {consul.url}]\n")
        path.write_text(text, encoding="utf-8")
        lb = self.start("lb", "--config", path)
        consul.status("qhcp-127.0.0.1:4243", "passing", "serve")
        consul.status("qhcp-127.0.0.1:4244", "passing", "serve")
        self.assertEqual(consul.checks["qhcp-127.0.0.1:4243"]["Name"], "QHCP web1")
        first.send(signal.SIGKILL)
        consul.status("qhcp-127.0.0.1:4243", "critical", "down: ")
        # One leaves the list; and its name is another one's.
        path.write_text(text.replace("127.0.0.1:4243 name=web1, ", ""), encoding="utf-8")
        lb.send(signal.SIGHUP)
        consul.wait(lambda checks: list(checks) == ["qhcp-127.0.0.1:4244"])
        self.assert_stops(lb)
        self.assertEqual(consul.wrong, [])

    def test_with_a_name_each_is_an_instance_of_the_service(self):
        consul = self.consul(token="geheim")
        token = self.dir / "token"
        token.write_text("geheim\n", encoding="utf-8")
        token.chmod(0o600)
        self.server(4243, "--service", "tcp:8080")
        lb = self.lb(["127.0.0.1:4243 tags=eu|ssd weight=10"], "--sink",
                     f"consul {consul.url}/ service=web token-file={token}", "--no-forward")
        consul.status("qhcp-web-127.0.0.1:4243", "passing", "serve")
        service = consul.services["qhcp-web-127.0.0.1:4243"]
        self.assertEqual({k: service[k] for k in ("Name", "Address", "Port", "Tags", "Weights")},
                         {"Name": "web", "Address": "127.0.0.1", "Port": 8080, "Tags": ["eu", "ssd"],
                          "Weights": {"Passing": 10, "Warning": 3}})
        self.assert_stops(lb)
        self.assertNotIn("geheim", lb.errors())
        self.assertEqual(consul.wrong, [])

    def test_one_that_has_forgotten_or_was_away_is_told_again(self):
        consul = self.consul()
        self.server(4243)
        lb = self.lb(["127.0.0.1:4243"], "--sink", f"consul {consul.url} ttl=1s")
        consul.status("qhcp-127.0.0.1:4243", "passing")
        consul.forget()
        consul.status("qhcp-127.0.0.1:4243", "passing")  # with the next update
        port = consul.receiver.port
        consul.receiver.close()
        wait_log(lb, rf"sink consul http://127.0.0.1:{port}: .", PATIENCE)
        consul.forget()
        consul.receiver = Receiver(consul.rule, port=port)
        consul.status("qhcp-127.0.0.1:4243", "passing")
        wait_log(lb, f"sink consul http://127.0.0.1:{port}: works again", PATIENCE)

    def test_a_token_that_it_does_not_know_is_told(self):
        consul = self.consul(token="another")
        self.server(4243)
        lb = self.lb(["127.0.0.1:4243"], "--sink", f"consul {consul.url}")
        wait_log(lb, "it answered with status 403: Permission denied", PATIENCE)
        self.assertEqual(consul.checks, {})
