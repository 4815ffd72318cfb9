"""What is compared: each starts a checking side and whom it asks, says when all are known, and what was really done."""

import json
import shutil
import signal
import socket
import time

from world import CHECK_CPU, FLEET, HELPERS, QHCP, SERVER_CPU, ask, kernel

FLEET_PORT, RESPONDER_PORT, ECHO_PORT = 4243, 8001, 9001
PATIENCE = 180  # seconds until all are known
HAPROXY = """
global
    nbthread 1
    no strict-limits
    stats socket {dir}/haproxy.sock
defaults
    mode {mode}
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout check 5s
frontend none
    bind unix@{dir}/none.sock
    default_backend b0
"""
CHECK_INTERVAL = 10  # seconds between two regular requests, which ask for metrics; at least ten checks
SETTLING = 35  # checks until the round trip of a server is known; no more than 32 are needed
SETTLING_RATE = 30000  # checks a second meanwhile
BACKEND_SERVERS = 1000


def address(i):
    """Of the server with this number, from 0 on."""
    return f"127.1.{(i + 1) >> 8}.{(i + 1) & 255}"


class Checker:
    """name: of --only; title: in the table; watched: for checks-watch."""

    watched = ("udp", FLEET_PORT)
    usual = None  # seconds: what it checks at by default, if not at what is asked for
    surplus = 0  # part of the checks that whom it asks may count besides
    slowest = None  # checks a second that it can do
    checking = answering = None  # processes

    def __init__(self, name, title):
        self.name, self.title = name, title

    def every(self, interval, n, given):
        """The interval in seconds that it is measured at; given: by the user."""
        if self.usual and not given:
            interval = max(interval, self.usual)
        return max(interval, n / self.slowest) if self.slowest else interval

    def settle(self, every):
        """Waits after the start until it does what it does from then on."""
        self.checking.pump(min(max(1, 2 * every), 3))

    def hurry(self):
        """The same for a run that is to be short, and may be of what it does at its start."""
        self.checking.pump(0.4)

    def up(self):
        """How many servers are up, by the checking side's own word; None: it says nothing of that."""
        return None

    def forget(self, world):
        """Makes the next start a cold one."""

    def says_lateness(self):
        """Does it say itself how late its probes left?"""
        return False

    def doubts(self):
        """What keeps a row from being what it claims."""
        return []

    def notes(self):
        """What a reader should know besides."""
        return []


class Qhcp(Checker):
    """`qhcp lb` and a fleet, which is the same for all runs of a size."""

    fleets = {}  # the one that runs, by its size

    def __init__(self, name, title, liveness, status="1h"):
        super().__init__(name, title)
        self.liveness, self.status = liveness, status
        if liveness == "listen":  # what leaves regularly leaves the servers, and how late that is says nothing of the checker
            self.watched = self.late = None
            self.surplus = 0.1  # the servers' acknowledgements, which the fleet cannot tell from what they send by themselves

    def settle(self, every):
        """Its heap moves into large pages after 5 s; listening, it also asks until it knows the round trip.  Where that
        takes long, it is done at a shorter interval."""
        if self.liveness != "listen" or SETTLING * every < 15:
            self.checking.pump(15)
        elif SETTLING * every < 60:
            self.checking.pump(SETTLING * every)
        else:
            fast = max(self.n / SETTLING_RATE, 0.1)
            self.pace(fast)
            self.checking.pump(SETTLING * fast)
            while not self.listens(SETTLING / 4 * fast) and time.monotonic() < self.checking.began + PATIENCE:
                pass
            self.pace(every)
            self.checking.pump(1.2 * every)

    def told(self):
        """What the fleet says of the time since it was asked before."""
        words = self.answering.say("stats", "stats:").split()
        return {name: int(words[words.index(name) + 1].rstrip(",")) for name in ("in", "out", "answers", "dropped")}

    def listens(self, seconds):
        """Do most of the servers send by themselves in that time, or are they asked?"""
        self.told()
        self.checking.pump(seconds)
        told = self.told()
        return told["in"] < 0.3 * told["out"]

    def hurry(self):
        """Listening, it may ask besides all the time, where round trips differ."""
        super().hurry()
        if self.liveness == "listen":
            self.surplus = 1

    def fleet(self, world, n):
        if n not in self.fleets:
            self.end_fleet(world)
            self.fleets[n] = world.start("qhcp-fleet", [FLEET, "--servers", n, "--list", world.dir / "fleet.txt",
                                                        "--port", FLEET_PORT], SERVER_CPU, ready="fleet:")
        return self.fleets[n]

    @classmethod
    def end_fleet(cls, world):
        for n in [*cls.fleets]:
            world.end(cls.fleets.pop(n), signal.SIGTERM)

    def start(self, world, n, every):
        self.world, self.n, self.seen, self.n_up, self.downs = world, n, 0, 0, 0
        self.answering = self.fleet(world, n)
        servers = world.dir / "fleet.txt"
        if n == 1:
            servers.write_text(f"{address(0)}:{FLEET_PORT}\n")
        self.config, self.admin = world.dir / "lb.yaml", world.dir / "admin.sock"
        self.configure(every)
        self.checking = world.start("qhcp lb", [
            QHCP, "lb", "--no-forward", "--servers", f"@{servers}", "--liveness", self.liveness, "--slow-start", "0",
            "--status-format", "json", "--status-interval", self.status, "--admin", f"unix:{self.admin}",
            "--config", self.config, "--log-level", "error"], CHECK_CPU)

    def configure(self, every):
        self.regular = max(CHECK_INTERVAL, 10 * every)
        self.config.write_text(f"liveness-interval: {every * 1000:g}ms\ncheck-interval: {self.regular:g}s\n")

    def pace(self, every):
        """The servers that it watches are checked at this interval from now on."""
        self.configure(every)
        self.checking.send(signal.SIGHUP)

    @staticmethod
    def forget(world):
        """A start is cold: without the tickets of the one before."""
        shutil.rmtree(world.dir / "state" / "tickets", ignore_errors=True)

    def own_lateness(self):
        """{upper bounds in us, how often since the start}; a second old at most where it was asked for a moment ago."""
        return ask(self.admin, "GET", "/api/v1/self").json["probe_lateness_us"]

    def says_lateness(self):
        """With a status each second it says how that delays what is due."""
        return self.name != "status"

    def known(self):
        """Have all been up?  Each event on its own would wake this program, on the servers' processor."""
        time.sleep(0.01)
        self.checking.pump(0.001)
        self.read()
        return self.n_up == self.n

    def read(self):
        lines = self.checking.lines
        for line in lines[self.seen:]:
            if line.startswith('{"type":"event"'):
                event = json.loads(line)
                self.n_up += (event["to"] == "up") - (event["from"] == "up")
                self.downs += event["to"] == "down"
        self.seen = len(lines)

    def begin(self):
        self.up()
        self.began_downs = self.downs
        self.told()
        self.began = time.monotonic()

    def finish(self):
        """Checks that the servers have answered since begin(), and datagrams that the kernel dropped before them."""
        told = self.told()
        self.dropped, self.fleet_in, self.fleet_out = told["dropped"], told["in"], told["out"]
        # Listening: the answers to the regular requests come besides what the servers send by themselves.
        besides = self.n / self.regular * (time.monotonic() - self.began) if self.liveness == "listen" else 0
        return told["answers"] - round(besides)

    def up(self):
        self.checking.pump(0)
        self.read()
        return self.n_up

    def downs_meanwhile(self):
        self.up()
        return self.downs - self.began_downs

    def doubts(self):
        found = []
        if self.downs_meanwhile():
            found.append(f'{self.downs_meanwhile()} "down" meanwhile')
        if self.dropped:
            found.append(f"the fleet's socket dropped {self.dropped}")
        return found

    def notes(self):
        return [f'{self.began_downs} "down" before'] if self.began_downs else []

    def stop(self):
        self.world.end(self.checking, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while ", 0 sessions," not in self.answering.say("stats", "stats:") and time.monotonic() < deadline:
            time.sleep(0.1)


class Haproxy(Checker):
    def __init__(self, name, title, port, mode="tcp", backend="", server="check", usual=None, slowest=None):
        super().__init__(name, title)
        self.port, self.mode, self.backend, self.server = RESPONDER_PORT + port, mode, backend, server
        self.usual, self.slowest = usual, slowest
        self.watched = ("tcp", self.port)

    def configure(self, world, n, every):
        lines = [HAPROXY.format(dir=world.dir, mode=self.mode)]
        for i in range(n):
            if i % BACKEND_SERVERS == 0:
                lines += [f"backend b{i // BACKEND_SERVERS}", *([f"    {self.backend}"] if self.backend else []),
                          f"    default-server inter {every * 1000:g}ms"]
            server = self.server.format(port=self.port, every=f"{every * 1000:g}ms")
            lines.append(f"    server s{i} {address(i)}:{self.port} {server}")
        path = world.dir / "haproxy.cfg"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, world, n, every):
        self.world, self.n = world, n
        config = self.configure(world, n, every)
        self.answering = world.start("checks-responder", [HELPERS / "checks-responder", RESPONDER_PORT], SERVER_CPU,
                                     ready="ready")
        self.connects = kernel()["connects"]
        self.checking = world.start("haproxy", ["haproxy", "-db", "-f", config], CHECK_CPU)

    def known(self):
        """It checks each once before it checks one twice."""
        time.sleep(0.005)
        if self.checking.popen.poll() is not None:
            raise RuntimeError(self.checking.story())
        return kernel()["connects"] - self.connects >= self.n

    def begin(self):
        self.answering.report()
        self.connects = kernel()["connects"]

    def finish(self):
        counts = self.answering.report()
        self.resumed = counts["resumed"] / counts["handshakes"] if counts["handshakes"] else None
        # Of a check by TCP alone the responder sees nothing: the reset comes before the handshake's third packet.
        return counts["answers"] if self.port != RESPONDER_PORT else kernel()["connects"] - self.connects

    def up(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.world.dir / "haproxy.sock"))
            s.sendall(b"show stat -1 4 -1\n")
            shown = b"".join(iter(lambda: s.recv(1 << 20), b"")).decode()
        head, *rows = [line.split(",") for line in shown.lstrip("# ").splitlines() if line]
        # Of a check under way it shows "* " and the one before.
        agent = "agent" in self.server
        status, check = head.index("status"), head.index("agent_status" if agent else "check_status")
        return sum(row[status].startswith("no check" if agent else "UP") and row[check].lstrip("* ").startswith(("L4OK", "L6OK", "L7OK"))
                   for row in rows)

    def notes(self):
        return [] if self.resumed is None else [f"{self.resumed * 100:.0f} % resumed"]

    def stop(self):
        self.world.end(self.checking, signal.SIGTERM)
        self.world.end(self.answering)


class Floor(Checker):
    watched = None  # it says itself

    def __init__(self, tick):
        super().__init__("floor", f"floor, ticks of {tick} ms" if tick else "floor, a wake-up a packet")
        self.tick = tick

    def start(self, world, n, every):
        self.world = world
        self.answering = world.start("floor echo", [HELPERS / "checks-floor", "echo", ECHO_PORT], SERVER_CPU, ready="ready")
        self.checking = world.start("floor ask", [HELPERS / "checks-floor", "ask", ECHO_PORT, n, n / every,
                                                  self.tick * 1000], CHECK_CPU, ready="ready")

    def known(self):
        return True

    def begin(self):
        self.answering.report()
        self.checking.report()

    def finish(self):
        self.late = self.checking.report()["late_us"]
        return self.answering.report()["out"]

    def stop(self):
        self.world.end(self.checking)
        self.world.end(self.answering)


def checkers():
    tcp, http, https, agent = range(4)
    return [
        Qhcp("asking", "QHCP, asking", "ask"),
        Qhcp("listening", "QHCP, listening", "listen"),
        Qhcp("status", "QHCP, asking, status as JSON each second", "ask", status="1s"),
        Haproxy("tcp", "HAProxy, TCP connect", tcp),
        Haproxy("http", "HAProxy, HTTP", http, "http", "option httpchk GET /"),
        Haproxy("https", "HAProxy, HTTPS", https, "http", "option httpchk GET /", "check check-ssl verify none",
                usual=2, slowest=400),
        Haproxy("agent", "HAProxy, agent-check", agent, server="agent-check agent-port {port} agent-inter {every}"),
        *[Floor(tick) for tick in (0, 1, 4, 16)],
    ]

