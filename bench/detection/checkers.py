"""What is measured: QHCP with its agents, and HAProxy, each watching applications of the same kind.

A checker has targets; a target can be hurt and healed in several ways, and is told of its checker's
verdicts."""

import json
import re
import signal
import socket
import subprocess
import time

from world import HELPERS, MS, QHCP, S, Packets, datagram_pair, now, stamped

AGENT_PORT, APP_PORT = 5000, 6000


class Target:
    """One server: an application, and with QHCP an agent beside it."""

    def __init__(self, checker, index):
        self.checker, self.world, self.index = checker, checker.world, index
        self.agent_port, self.app_port = AGENT_PORT + index, APP_PORT + index
        self.app = self.agent = None
        self.state, self.since = "down", 0
        self.listening = 0  # when its newest agent (or application) began to listen
        self.verdicts = []  # (instant, state)

    def told(self, at, state):
        self.state, self.since = state, at
        self.verdicts.append((at, state))
        self.checker.told.append((at, self, state))

    def start_app(self):
        self.app = self.world.spawn([HELPERS / "detection-app", self.app_port],
                                    error_lines=self.on_app_line)

    def on_app_line(self, at, line):
        if "listening" in line and self.agent is None:
            self.listening = at

    def cut(self, ways, on):
        self.world.nft.cut(self.checker.port_of(self), ways, on)

    def end(self):
        for child in (self.agent, self.app):
            if child:
                self.world.end(child)
        self.agent = self.app = None


class Qhcp:
    """`qhcp lb` and as many `qhcp server`."""

    name = "QHCP"
    settle = S  # how long a server is up before it is hurt again

    def __init__(self, world, state, count, checked=False, arguments=()):
        self.world, self.state, self.checked = world, state, checked
        self.told, self.statuses, self.keep_statuses = [], [], False
        self.targets = [Target(self, i) for i in range(count)]
        self.by_address = {f"127.0.0.1:{t.agent_port}": t for t in self.targets}
        self.arguments = list(arguments)
        self.env = {"QHCP_STATE_DIR": str(state)}
        self.lb = None

    def port_of(self, target):
        return target.agent_port

    def start(self):
        for target in self.targets:
            target.start_app()
        for target in self.targets:
            self.start_agent(target)
        self.world.wait(lambda: all(t.listening for t in self.targets), 120, "agents start")
        servers = self.state.parent / "servers"
        servers.write_text("\n".join(self.by_address) + "\n")
        read, write = datagram_pair()
        self.lb = self.world.spawn_into(
            [QHCP, "lb", "--servers", f"@{servers}", "--status-format", "json",
             "--check-interval", "100ms", "--liveness-interval", "100ms", "--max-fail-attempts", "3",
             "--flap-hold", "0", "--slow-start", "0", "--status-interval", "1s",
             "--log-level", "error", *self.arguments], write, self.env)
        self.world.spawn([HELPERS / "detection-stamp", "-"], stdin=read, on_line=stamped(self.on_line))
        read.close()
        write.close()
        self.world.wait(lambda: all(t.state == "up" for t in self.targets), 60, "servers are up")

    def start_agent(self, target):
        watch = (["--check", f"http://127.0.0.1:{target.app_port}/ every=100ms timeout=50ms fall=1"]
                 if self.checked else ["--watch-pid", target.app.pid])
        target.listening = 0
        target.agent = self.world.spawn(
            [QHCP, "server", "--ip", "127.0.0.1", "--port", target.agent_port, *watch], self.env,
            error_lines=lambda at, line: self.on_agent_line(target, at, line))

    @staticmethod
    def on_agent_line(target, at, line):
        """The agent's own time of the day, which is cut to milliseconds, so never too late."""
        found = re.match(r"(\S+)T(\S+)Z info listening on UDP", line)
        if not found:
            return
        clock = time.clock_gettime_ns(time.CLOCK_REALTIME)
        hour, minute, second = found.group(2).split(":")
        of_day = (int(hour) * 3600 + int(minute) * 60) * S + int(float(second) * 1000) * MS
        ago = (clock - of_day) % (86400 * S)
        target.listening = now() - ago if ago < 60 * S else at

    def on_line(self, at, line):
        if '"type":"event"' in line:
            event = json.loads(line)
            self.by_address[event["address"]].told(at, event["to"])
        elif self.keep_statuses and '"type":"status"' in line:
            self.statuses.append((at, json.loads(line)))

    def packets(self, target):
        """Watches for what the agent sends."""
        return Packets(target.agent_port)

    def control(self, target, verb):
        """What `qhcp control VERB` says, without its start."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.state / f"control-{target.agent_port}.sock"))
            begun = now()
            s.sendall(verb.encode() + b"\n")
        return begun

    def close(self):
        if self.lb:
            self.world.end(self.lb)
        for target in self.targets:
            target.end()


class Haproxy:
    """HAProxy with HTTP checks."""

    def __init__(self, world, directory, count, name, options, timeout=None):
        self.world, self.directory, self.name = world, directory, name
        self.options, self.timeout = options, timeout
        self.settle = 2 * S if timeout is None else S // 2
        self.told = []
        self.targets = [Target(self, i) for i in range(count)]
        self.haproxy = None

    def port_of(self, target):
        return target.app_port

    def config(self, log):
        lines = ["global", f"  log {log} len 1024 local0 notice", "  nbthread 1", "defaults",
                 "  mode http", "  log global", "  timeout connect 5s", "  timeout client 5s",
                 "  timeout server 5s", "frontend none",
                 f"  bind unix@{self.directory}/{self.name.replace(' ', '-')}.sock",
                 "  default_backend apps", "backend apps", "  option httpchk GET /"]
        if self.timeout:
            lines.append(f"  timeout check {self.timeout}")
        lines.append(f"  default-server {self.options}")
        lines += [f"  server s{t.index} 127.0.0.1:{t.app_port} check" for t in self.targets]
        return "\n".join(lines) + "\n"

    def start(self, apps=True):
        stem = self.directory / self.name.replace(" ", "-")
        log, config = stem.with_suffix(".log"), stem.with_suffix(".cfg")
        log.unlink(missing_ok=True)
        if apps:
            for target in self.targets:
                target.start_app()
            self.world.wait(lambda: all(t.listening for t in self.targets), 60, "applications start")
        bound = []
        self.world.spawn([HELPERS / "detection-stamp", log],
                         on_line=stamped(lambda at, line: self.on_line(at, line, bound)))
        self.world.wait(lambda: bound, 10, "the log's socket")
        config.write_text(self.config(log))
        self.haproxy = self.world.spawn(["haproxy", "-db", "-f", config])
        self.world.pump(now() + self.world.calm)  # it says nothing when all is well
        for target in self.targets:
            target.state = target.state if target.verdicts else "up"

    def on_line(self, at, line, bound):
        found = re.search(r"Server apps/s(\d+) is (UP|DOWN)", line)
        if found:
            self.targets[int(found.group(1))].told(at, found.group(2).lower())
        elif line == "bound":
            bound.append(at)

    def close(self):
        if self.haproxy:
            self.world.end(self.haproxy)
        for target in self.targets:
            target.end()


def haproxy_version():
    shown = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True).stdout
    return re.search(r"version (\S+)", shown).group(1)


STOP, CONTINUE, KILL, TERM = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL, signal.SIGTERM
