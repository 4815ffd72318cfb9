"""Servers that lie, are silent or never stop, and lists and surroundings that are not as they should
be: the load balancer names each, and the good servers beside them are checked on time meanwhile."""

import json
import os
import re
import socket
import subprocess
import threading
from datetime import datetime

from lib import net, raw
from lib.case import SLOW, free_port
from lib.raw import RawCase, peak_kb, wait_log, wire

GOOD = 4243
BOOT, OTHER_BOOT = b"bootboot", b"ANOTHER!"


def ack(**over):
    fields = {"interval_us": 200_000, "server_id": b"hostile", "processing_us": 1000, "boot_id": BOOT,
              "push": 1, "metrics": [{"number": 1, "name": b"cpu_usage_percent", "unit": 1},
                                     {"number": 2, "name": b"memory_usage_percent", "unit": 1}]}
    return raw.frame(wire.ACK, **{**fields, **over})


def answer(seq=None, **over):
    fields = {"boot_id": BOOT, "epoch": 1, "status": 0, "processing_us": 10,
              "values": {1: 100, 2: 200}}
    if seq is not None:
        fields["seq"] = seq
    return raw.frame(wire.HEALTH_RESPONSE, **{**fields, **over})


class Fake:
    """A server that a test writes: `greeted` and `asked` say what it sends."""

    def __init__(self, peer, hello=ack, asked=answer, greeted=None):
        self.peer, self.hello, self.asked, self.greeted = peer, hello, asked, greeted
        self.checks = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def say(self, what, datagram=False):
        for piece in what if isinstance(what, list) else [what]:
            if isinstance(piece, str):
                self.peer.tell(piece)
            elif piece:
                self.peer.send(piece, datagram)

    def run(self):
        peer = self.peer
        while not peer._eof:
            peer.step(1)
            while peer.messages:
                message = peer.messages.pop(0)
                if message.type == wire.HELLO:
                    self.say(self.hello() if self.hello else None)
                    self.say(self.greeted() if self.greeted else None, True)
                elif message.type == wire.TERMINATE:
                    peer.send(raw.frame(wire.TERMINATE_ACK, outcome=0))
            while peer.datagrams:
                self.checks += 1
                seq = peer.datagrams.pop(0).fields["seq"]
                self.say(self.asked(seq) if self.asked else None, True)


class Hostile(RawCase):
    def setUp(self):
        super().setUp()
        self.ready_server(GOOD)
        self.fakes = {}

    def fake(self, name, **behaviour):
        peer = self.listen(name=name)
        fake = self.fakes[name] = Fake(peer, **behaviour)
        self.addCleanup(fake.thread.join)
        self.addCleanup(peer.kill)
        return peer.port

    def watch(self, ports, *arguments):
        return self.lb([f"localhost:{GOOD}", *(f"localhost:{p}" for p in ports)], "--status-interval",
                       "200ms", "--log-level", "debug", *arguments)

    def assert_told(self, lb, port, states, words, within=15):
        return lb.wait_status(lambda status: any(
            s["address"] == f"localhost:{port}" and s["state"] in states and
            re.search(words, s["reason"]) for s in status["servers"]), within)

    def assert_good_all_the_while(self, lb):
        """The good server was up without a break, and its checks were on time."""
        good = f"localhost:{GOOD}"
        events = [(e["from"], e["to"]) for e in lb.events() if e["address"] == good]
        self.assertEqual(events, [("connecting", "up")])
        views = [(status["time"], s) for status in map(json.loads, lb.lines)
                 if status["type"] == "status" for s in status["servers"]
                 if s["address"] == good and s["state"] == "up"]
        (begin, first), (end, last) = views[0], views[-1]
        seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
        self.assertGreater(last["checks_ok"] - first["checks_ok"], (seconds - 1) * 3)  # of 5
        self.assertLessEqual(last["checks_sent"] - last["checks_ok"], 1)
        self.assertIsNone(lb.popen.poll())
        if SLOW == 1:
            self.assertLess(peak_kb(lb), 50_000, "what was sent without end was kept")
        self.assert_stops(lb)

    def test_servers_that_break_the_protocol_are_down_with_the_reason(self):
        garbage = bytes(range(255, 127, -1))
        rows = {
            "garbage on the stream": ({"hello": lambda: garbage}, "protocol error.*too large"),
            "garbage in datagrams": ({"asked": lambda seq: garbage[:40]}, "protocol error"),
            "a datagram cut short": ({"asked": lambda seq: answer(seq)[:-1]}, "ends before its length"),
            "bytes behind a frame": ({"asked": lambda seq: answer(seq) + b"\0"}, "left over"),
            "ACK twice": ({"hello": lambda: ack() + ack()}, "ACK"),
            "HELLO to the load balancer": ({"hello": lambda: raw.hello("x")}, "protocol error: HELLO"),
            "CONFIG_ACK unasked": ({"hello": lambda: ack() + raw.frame(
                wire.CONFIG_ACK, id=1, interval_us=1000, push=0)}, "protocol error: CONFIG_ACK"),
            "ACK in a datagram": ({"hello": None, "greeted": ack}, "not allowed in a datagram"),
            "ACK without a boot id": ({"hello": lambda: raw.raw_frame(wire.ACK, b"\x00\x43\xe8")},
                                      "protocol error: ACK: a required key is missing"),
            "a percentage of 100.01": ({"asked": lambda seq: answer(seq, values={1: 10000, 2: 0})
                                        .replace(wire.varint(10000), wire.varint(10001))},
                                       "HEALTH_RESPONSE: a value is out of its range"),
            "an ERROR": ({"hello": lambda: raw.frame(wire.ERROR, code=raw.TOKEN_EXPIRED,
                                                     words=b"expired 12 s ago")},
                         "expired 12 s ago"),
            "a close that says what no ERROR did": (
                {"hello": lambda: f"close {raw.TOKEN_EXPIRED:#x} expired 13 s ago"},
                "token refused: expired 13 s ago"),
            "an extension that nobody asked for": (
                {"hello": lambda: ack(extensions=[0x4000])}, "ACK: a value is out of its range"),
            "a name that would paint the terminal": (
                {"hello": lambda: ack().replace(b"hostile", b"\x1b[31mre")}, "protocol error: ACK.*UTF-8"),
            "a reason that is no text": (
                {"asked": lambda seq: answer(seq, status=1, reason=b"xxxx").replace(b"xxxx", b"x\xff\xc0\x80")},
                "protocol error: HEALTH_RESPONSE.*UTF-8"),
            "words that would paint the terminal": (
                {"hello": lambda: f"close 0x101 \x1b[31mred\x07\u202e"}, r"\?\[31mred\?"),
            "datagrams without end": ({"greeted": lambda: "flood " + answer().hex()},
                                      "more than the protocol needs"),
            "frames without end": ({"greeted": lambda: "pour " + (
                raw.raw_frame(0x21, b"x") * 200).hex()}, "more than the protocol needs"),
        }
        ports = {name: self.fake(name, **behaviour) for name, (behaviour, _) in rows.items()}
        lb = self.watch(ports.values())
        lb.wait_event("up", 10, f"localhost:{GOOD}")
        for name, (_, words) in rows.items():
            with self.subTest(name):
                self.assert_told(lb, ports[name], ("down",), words)
        self.assert_good_all_the_while(lb)

    def test_words_of_a_server_stay_on_their_line_and_in_their_place(self):
        reason = "x|y=1" + " " * 90 + "18:13:17  web9:4243  up -> down: gone \u200b\u0301"
        port = self.fake("a painter", asked=lambda seq: answer(seq, status=1, reason=reason.encode()))
        lb = self.watch([port], "--status-format", "human")
        plain = r"x\|y=1 18:13:17 web9:4243 up -> down: gone \?\?$"
        lb.wait_line(lambda line: re.search(rf"localhost:{port}: \S+ -> degraded: .*{plain}", line), 10)
        wait_log(lb, rf"(?m)localhost:{port}: \S+ -> degraded: .*{plain}", 10)
        status, out, _ = self.qhcp("check", f"localhost:{port}")
        self.assertEqual(status, 1)
        self.assertRegex(out, r"x/y=1 18:13:17 web9:4243 up -> down: gone \?\?, [^|]*\| cpu=[^|]*$")

    def test_a_check_has_figures_though_the_server_told_its_state_before(self):
        port = self.fake("a hasty one", greeted=lambda: answer(status=1, reason=b"so soon"),
                         asked=lambda seq: answer(seq, status=1, reason=b"so soon"))
        status, out, _ = self.qhcp("check", f"localhost:{port}")
        self.assertEqual(status, 1)
        self.assertRegex(out, r"is degraded: .*\| cpu=1.00%")

    def test_servers_that_are_silent_are_down_for_it(self):
        deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(deaf.close)
        deaf.bind(("127.0.0.1", 0))
        no_ack = self.fake("never an ACK", hello=None)
        no_answer = self.fake("never an answer", asked=None)
        wrong = self.fake("answers nobody asked for", asked=lambda seq: answer(seq + 10**6))
        stale = self.fake("answers to old checks", asked=lambda seq: answer(max(seq - 1, 1)))
        ports = [deaf.getsockname()[1], no_ack, no_answer, wrong]
        lb = self.watch([*ports, stale])
        for port, words in zip(ports, ("no answer", "no ACK within 5 s|did not answer in time",
                                       r"no answer to \d+ checks in \d+ ms",
                                       r"no answer to \d+ checks in \d+ ms")):
            with self.subTest(port=port):
                self.assert_told(lb, port, ("down",), words)
        self.assert_good_all_the_while(lb)

    def test_lies_about_boots_epochs_and_answers_are_seen_through(self):
        old = {"epoch": 1, "status": 3, "reason": b"an old status"}
        ports = {
            "an old status": self.fake("an old status", asked=lambda seq: [
                answer(seq, epoch=9), answer(**old), answer(seq, **old)]),
            "twice": self.fake("twice", asked=lambda seq: [answer(seq)] * 3),
            "before ACK": self.fake("before ACK", hello=lambda: ack(), greeted=lambda: answer()),
        }
        bare = self.fake("no metrics", asked=lambda seq: raw.frame(
            wire.HEALTH_RESPONSE, seq=seq, boot_id=BOOT, epoch=1, status=0, processing_us=1))
        reboots = self.fake("another boot", asked=lambda seq: answer(seq, boot_id=OTHER_BOOT))
        lb = self.watch([*ports.values(), bare, reboots])
        lb.wait_status(lambda s: s["up"] == 2 + len(ports), 10)
        self.assert_told(lb, reboots, ("down",), "")
        lb.wait_status(lambda s: any("does not report cpu_usage_percent and memory" in e.get("notice", "")
                                     for e in s["servers"] if e["address"] == f"localhost:{bare}"), 5)
        for fake in list(ports):
            count = self.fakes[fake].checks
            lb.wait_status(lambda s, f=fake, c=count: self.fakes[f].checks > c + 3, 10, len(lb.lines))
        _, status = lb.wait_status(lambda s: True, 5, len(lb.lines))
        for server in status["servers"][1:-2]:
            self.assertEqual(server["state"], "up", server)
            self.assertLessEqual(server["checks_ok"], server["checks_sent"])
        self.assertEqual([e for e in lb.events() if e["address"] in
                          [f"localhost:{p}" for p in ports.values()] and e["from"] == "up"], [])
        self.assertNotEqual(status["servers"][-1]["state"], "up")
        self.assert_good_all_the_while(lb)

    def test_a_server_that_comes_and_goes_costs_no_more_than_its_share(self):
        door = self.fake("a revolving door", hello=lambda: [ack(), "close 0x100 come again"])
        lb = self.watch([door])
        self.assert_told(lb, door, ("down",), "come again")
        dials = lb.errors().count(f"localhost:{door}: connection ended")
        _, status = lb.wait_status(lambda s: True, 5, len(lb.lines))
        self.assertLess(dials, 20)
        self.assert_good_all_the_while(lb)


class Lists(RawCase):
    """Lists of servers, ports and outputs that are not as they should be."""

    def refused(self, *arguments, words, status=2, within=20, **options):
        code, out, err = self.qhcp(*arguments, within=within, **options)
        self.assertEqual((code, out), (status, ""), err)
        self.assertRegex(err, words)
        return err

    def test_a_bad_list_is_refused_with_the_entry_and_its_place(self):
        rows = {
            "": "--servers",
            "localhost:1,localhost:2,LOCALHOST:1": '--servers: "LOCALHOST:1" is in the list twice, '
                                                   "first as number 1",
            "[::1]:1,[0:0::1]:1": "is in the list twice",
            "localhost": '--servers: "localhost": no port: expected host:port',
            "localhost:": '"localhost:": "" is not a port: expected a whole number from 1 to 65535',
            "a:1,localhost:70000": '--servers: "localhost:70000": "70000" is out of range: a port is 1 to 65535',
            "localhost:0": "a port is 1 to 65535",
            "::1:4243": "an IPv6 address needs brackets",
            "[::1]": r"expected \[IPv6 address\]:port",
            "[::1:4243": r"expected \[IPv6 address\]:port",
            "1.2.3:4": '"1.2.3:4"', "-a.example:4": '"-a.example:4"',
            "a" * 300 + ":1": "longer than 253 bytes",
            "@/nonexistent": "nonexistent", "@/dev": "/dev", "@": '"@" needs a file',
            "@-": "standard input has no entries",
        }
        for servers, words in rows.items():
            with self.subTest(servers[:30]):
                self.refused("lb", "--servers", servers, words=words)
        self.refused("lb", words="--servers is missing")
        self.refused("server", "--ip", "localhost", words='"localhost" is not an IP address')
        self.refused("server", "--ip", "192.0.2.1", words="does not have that address", status=1)

    def test_a_port_in_use_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", 0))
            port = taken.getsockname()[1]
            self.refused("server", "--port", port, words=f"UDP port {port} is in use", status=1)
            self.refused("lb", "--servers", "localhost:1", "--port", port, status=1,
                         words=f"UDP port {port} is in use")
        self.ready_server(port)

    def test_ipv6_and_names_that_lead_nowhere_stand_beside_the_others(self):
        self.ready_server(GOOD)
        self.ready_server(GOOD + 1, ip="::1")
        self.ready_server(GOOD + 2, ip="[::1]")
        names = ["nowhere.invalid:4243", f"{'x' * 60}.invalid:1", f"[::1]:{GOOD + 9}"]
        lb = self.lb([*names, f"localhost:{GOOD}", f"[::1]:{GOOD + 1}", f"[::1]:{GOOD + 2}",
                      f"127.0.0.1:{GOOD}"], "--status-interval", "200ms")
        lb.wait_status(lambda s: s["up"] == 4, 10)
        lb.wait_status(lambda s: all(e["state"] == "down" for e in s["servers"][:3]) and all(
            re.search("resolve|DNS", e["reason"]) for e in s["servers"][:2]) and
            "port unreachable (ICMP)" in s["servers"][2]["reason"], 20)


class Surroundings(RawCase):
    """State directories that cannot be had."""

    def refused(self, state, words, *before):
        command = [*before, os.environ["QHCP_BINARY"], "server", "--port", str(free_port())]
        env = self.env()
        env["QHCP_STATE_DIR"] = str(state)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env,
                              timeout=20 * SLOW, cwd=self.dir)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, words)

    def test_a_state_directory_that_cannot_be_is_refused_with_the_remedy(self):
        file = self.dir / "file"
        file.write_text("x")
        closed = self.dir / "closed"
        closed.mkdir(mode=0o500)
        open_to_all = self.dir / "open"
        open_to_all.mkdir()
        os.chmod(open_to_all, 0o755)
        no_caps = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
        self.refused("", "QHCP_STATE_DIR is empty: unset it, or set it to a directory")
        self.refused(file, f"{file} is not a directory")
        self.refused(file / "below", f"{file}/below.*a part of that path is a file")
        self.refused("/proc/qhcp", "/proc/qhcp")
        self.refused("/" + "x" * 1100, "too long")
        self.refused(closed / "state", f"{closed}/state.*Permission denied", *no_caps)
        self.refused(closed, f"{closed}.*Permission denied", *no_caps)
        self.refused(open_to_all, f"chmod 700 {open_to_all}")
        os.chmod(open_to_all, 0o700)
        self.assertEqual(list(closed.iterdir()), [])
        self.ready_server(GOOD, state=open_to_all)

    def test_a_relative_state_directory_is_taken_from_where_one_stands(self):
        self.ready_server(GOOD, state=os.path.relpath(self.dir / "state"))
        self.assertTrue((self.dir / "state" / "ca/ca.pem").exists())

    def test_a_full_disk_leaves_nothing_half_made(self):
        disk = self.dir / "disk"
        disk.mkdir()
        script = (f"mount -t tmpfs -o size=1m tmpfs {disk} && mkdir -m 700 {disk}/state || exit 9; "
                  f"head -c 2m /dev/zero 2>&- >{disk}/filler; truncate -s -16k {disk}/filler; "
                  f"{os.environ['QHCP_BINARY']} server --port 4299; echo $?; find {disk}/state -type f; "
                  f"rm {disk}/filler; "
                  f"timeout -s TERM 5 {os.environ['QHCP_BINARY']} check localhost:9 --timeout 10ms; "
                  f"test -e {disk}/state/ca/ca.pem && echo made; umount {disk}")
        done = subprocess.run([*net.private_mounts(), "sh", "-c", script], capture_output=True, text=True,
                              check=False, env=self.env(disk / "state"), timeout=30 * SLOW)
        if done.returncode == 9:
            self.skipTest("no tmpfs can be mounted here")
        self.assertRegex(done.stderr, "No space left on device: free some space on that disk")
        lines = done.stdout.split("\n")
        self.assertEqual(lines[0], "1", done.stdout)
        made = [line for line in lines if "/ca/" in line or "/server/" in line or "/lb/" in line]
        self.assertEqual(made, [], "half a state was left behind")
        self.assertIn("made", lines, done.stderr)
