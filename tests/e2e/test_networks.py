"""Networks as they are: what others claim of a path, small interfaces, firewalls of our own."""

import os
import socket
import struct

from lib.case import QHCP, SLOW
from lib.net import ip, private_mounts, run
from lib.process import Process
from lib.raw import RawCase, wait_log

LB_PORT, PORT = 4242, 4243
LB, SERVER = "10.78.0.1", "10.78.0.2"
UDP_HEADS = 28  # of IPv4 and UDP


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return total ^ 0xffff


def too_big(source, destination, mtu):
    """ICMP "fragmentation needed" about a datagram that source sent to destination, or did not."""
    (from_ip, from_port), (to_ip, to_port) = source, destination
    quoted = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 1200 + UDP_HEADS, 1, 0x4000, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(from_ip), socket.inet_aton(to_ip))
    quoted += struct.pack(">HHHH", from_port, to_port, 1208, 0)
    message = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + quoted
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Networks(RawCase):
    def linked(self):
        self.server_ns, self.lb_ns = self.namespace("server"), self.namespace("lb")
        self.lb_ns.link(self.server_ns, f"{LB}/24", f"{SERVER}/24")

    def start_both(self, *arguments):
        server = self.ready_server(PORT, namespace=self.server_ns)
        lb = self.lb([f"{SERVER}:{PORT}"], "--status-interval", "100ms", *arguments, port=LB_PORT,
                     namespace=self.lb_ns)
        lb.wait_event("up", 10)
        return server, lb

    def forge(self, namespace, victim, peer):
        with namespace, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
            s.sendto(too_big(victim, peer, 600), (victim[0], 0))

    def test_a_forged_small_path_keeps_no_handshake_from_leaving_either_side(self):
        self.linked()
        server, lb = self.start_both()
        self.forge(self.server_ns, (LB, LB_PORT), (SERVER, PORT))
        self.forge(self.lb_ns, (SERVER, PORT), (LB, LB_PORT))
        server.kill()
        lb.wait_event("down", 5)
        at = len(lb.lines)
        server = self.ready_server(PORT, namespace=self.server_ns)
        self.forge(self.lb_ns, (SERVER, PORT), (LB, LB_PORT))
        lb.wait_event("up", 5, since=at)
        self.assertNotIn("do not leave", server.errors())

    def test_our_own_address_changes_and_no_server_is_called_down(self):
        self.linked()
        _, lb = self.start_both()
        with self.lb_ns:
            ip("address", "delete", f"{LB}/24", "dev", "veth0")
            ip("address", "add", "10.78.0.9/24", "dev", "veth0")
        wait_log(lb, "our own address has changed", 5 * SLOW)
        _, before = lb.wait_status(lambda s: True, 5, len(lb.lines))
        lb.wait_status(lambda s: s["up"] == 1 and s["servers"][0]["checks_ok"] >
                       before["servers"][0]["checks_ok"] + 2, 5, len(lb.lines))
        self.assertEqual([e["to"] for e in lb.events()], ["up"])

    def test_a_server_behind_a_nat_is_followed_to_its_new_place(self):
        self.linked()
        with self.server_ns:
            for last in (3, 4):
                ip("address", "add", f"10.78.0.{last}/24", "dev", "veth0")
        self.lead_to("10.78.0.3")
        old = self.ready_server(PORT, "--id", "old", ip="10.78.0.3", namespace=self.server_ns)
        self.ready_server(PORT, "--id", "new", ip="10.78.0.4", namespace=self.server_ns)
        lb = self.lb([f"{SERVER}:{PORT}"], "--status-interval", "100ms", "--reconnect-interval", "30",
                     port=LB_PORT, namespace=self.lb_ns)
        lb.wait_status(lambda s: s["servers"][0]["server_id"] == "old" and s["up"] == 1, 10)
        old.kill()
        self.lead_to("10.78.0.4")
        at, _ = lb.wait_event("down", 5)
        lb.wait_event("up", 10, since=at)
        lb.wait_status(lambda s: s["servers"][0]["server_id"] == "new", 5)
        self.assertIn("answered to our UDP port", lb.errors())

    def test_a_link_local_server_is_followed_when_its_interface_is_made_anew(self):
        self.server_ns, self.lb_ns = self.namespace("server"), self.namespace("lb")
        self.lb_ns.link(self.server_ns, "fe80::1/64", "fe80::2/64")
        self.ready_server(PORT, ip="::", namespace=self.server_ns)
        place = f"[fe80::2%veth0]:{PORT}"
        lb = self.lb([place], "--log-level", "debug", namespace=self.lb_ns)
        lb.wait_event("up", 10)
        with self.lb_ns:
            before = socket.if_nametoindex("veth0")
            ip("link", "delete", "veth0")
        at, down = lb.wait_event("down", 10)
        self.assertEqual(down["address"], place)
        self.lb_ns.link(self.server_ns, "fe80::1/64", "fe80::2/64")
        with self.lb_ns:
            self.assertNotEqual(socket.if_nametoindex("veth0"), before)
        lb.wait_event("up", 10, since=at)
        status, out, _ = self.qhcp("check", f"[fe80::2]:{PORT}", namespace=self.lb_ns)
        self.assertEqual(status, 3)
        self.assertIn("needs its interface", out)

    def test_a_machine_with_hundreds_of_addresses_is_found_at_each(self):
        self.linked()
        with self.server_ns:
            batch = "".join(f"address add 10.79.{i // 250}.{i % 250 + 1}/32 dev veth0\n" for i in range(400))
            run("ip", "-batch", "-", input=batch)
        server = self.ready_server(PORT, namespace=self.server_ns)
        wait_log(server, r"\d\d addresses of this machine are not in its certificate", 5 * SLOW)
        with self.lb_ns:
            ip("route", "add", "10.79.0.0/16", "via", SERVER)
        for address, wanted in (("10.79.1.3", 0), ("10.79.1.150", 3)):
            status, out, _ = self.qhcp("check", f"{address}:{PORT}", namespace=self.lb_ns)
            self.assertEqual(status, wanted, out)

    def test_a_server_bound_to_any_address_answers_from_the_one_that_was_asked(self):
        self.linked()
        with self.server_ns:
            ip("address", "add", "10.78.0.3/24", "dev", "veth0")
        self.ready_server(PORT, namespace=self.server_ns)
        status, out, _ = self.qhcp("check", f"10.78.0.3:{PORT}", namespace=self.lb_ns)
        self.assertEqual(status, 0, out)
        version = b"\xc0\xba\xba\xba\xba\x08" + b"d" * 8 + b"\x08" + b"s" * 8 + bytes(1200)
        with self.lb_ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5 * SLOW)
            s.connect(("10.78.0.3", PORT))  # hears this address alone
            s.send(version)
            self.assertEqual(s.recv(2048)[1:5], bytes(4), "version negotiation")
            s.send(b"\x41" + bytes(99))
            self.assertEqual(s.recv(2048)[0] & 0xc0, 0x40, "a stateless reset")

    def test_a_local_firewall_takes_one_server_away_and_no_time_of_the_others(self):
        self.linked()
        with self.server_ns:
            ip("address", "add", "10.78.0.3/24", "dev", "veth0")
        self.ready_server(PORT, namespace=self.server_ns)
        places = [f"{SERVER}:{PORT}", f"10.78.0.3:{PORT}"]
        lb = self.lb(places, "--status-interval", "100ms", port=LB_PORT, namespace=self.lb_ns)
        lb.wait_status(lambda s: s["up"] == 2, 10)
        self.lb_ns.nft("table inet f { chain o { type filter hook output priority 0; "
                       f"ip daddr {SERVER} udp dport {PORT} drop; }}; }}\n")
        at, down = lb.wait_event("down", 5, places[0])
        self.assertIn("local firewall", down["reason"])
        _, first = lb.wait_status(lambda s: True, 5, at)
        spent = cpu_seconds(lb.pid)
        lb.wait_status(lambda s: s["servers"][1]["checks_ok"] > first["servers"][1]["checks_ok"] + 5, 5, at)
        self.assertLess(cpu_seconds(lb.pid) - spent, 0.5)  # of about a second
        self.lb_ns.nft("delete table inet f\n")
        lb.wait_event("up", 5, places[0], at)
        self.assertEqual([e["address"] for e in lb.events() if e["from"] == "up"], places[:1])

    def test_a_server_that_cannot_read_proc_is_up_and_says_what_is_missing(self):
        self.needs_namespaces()
        script = f'mount --bind /dev/null /proc/meminfo && exec "{QHCP}" server --port {PORT}'
        server = Process([*private_mounts(), "sh", "-c", script], name="no meminfo", log=self.dir / "log",
                         env=self.env())
        self.addCleanup(server.close)
        wait_log(server, r"cannot measure memory_usage_percent: .*/proc/meminfo", 10 * SLOW)
        wait_log(server, r"listening on UDP", 10 * SLOW)
        lb = self.lb([f"localhost:{PORT}"], "--status-interval", "100ms")
        _, status = lb.wait_status(lambda s: s["up"] == 1, 10)
        self.assertEqual(list(status["servers"][0]["metrics"]), ["cpu_usage_percent"])
        self.assertIn("does not report memory_usage_percent", status["servers"][0]["notice"])

    def lead_to(self, target):
        self.server_ns.nft("table ip n { chain p { type nat hook prerouting priority -100; }; }\n"
                           "flush chain ip n p\n"
                           f"add rule ip n p ip daddr {SERVER} udp dport {PORT} dnat to {target}\n")

    def test_another_port_of_ipv6_is_used_while_the_usual_one_leads_nowhere(self):
        self.server_ns, self.lb_ns = self.namespace("server"), self.namespace("lb")
        self.lb_ns.link(self.server_ns, "fd00:78::1/64", "fd00:78::2/64")
        self.ready_server(PORT, ip="::", namespace=self.server_ns)
        lb = self.lb([f"[fd00:78::2]:{PORT}"], port=LB_PORT, namespace=self.lb_ns)
        lb.wait_event("up", 10)
        with self.server_ns.drop(f"udp sport {LB_PORT}"):
            at, _ = lb.wait_event("down", 5)
            at, _ = lb.wait_event("up", 10, since=at)
            port = int(wait_log(lb, r"answered to our UDP port (\d+) before", 5 * SLOW)[1])
            self.assertGreaterEqual(port, 61000)

    def test_only_the_mtu_of_our_own_interface_is_said(self):
        self.linked()
        with self.lb_ns:
            ip("link", "set", "veth0", "mtu", str(1199 + UDP_HEADS))
        server = self.ready_server(PORT, namespace=self.server_ns)
        lb = self.lb([f"{SERVER}:{PORT}"], namespace=self.lb_ns)
        _, down = lb.wait_event("down", 5)
        self.assertRegex(down["reason"], "too small for QUIC.* at least 1228")
        with self.lb_ns:
            ip("link", "set", "veth0", "mtu", str(1200 + UDP_HEADS))
        lb.wait_event("up", 5)

    def test_answers_that_our_own_firewall_refuses_are_said_by_the_server(self):
        self.linked()
        server = self.ready_server(PORT, namespace=self.server_ns)
        self.server_ns.nft("table inet f { chain o { type filter hook output priority 0; udp sport 4243 drop; }; }\n")
        status, out, _ = self.qhcp("check", "--timeout", "500ms", f"{SERVER}:{PORT}", namespace=self.lb_ns)
        self.assertEqual(status, 2, out)
        wait_log(server, f"answers to {LB}:.* do not leave this machine: the local firewall", 5 * SLOW)
        self.server_ns.nft("delete table inet f\n")
        status, out, _ = self.qhcp("check", f"{SERVER}:{PORT}", namespace=self.lb_ns)
        self.assertEqual(status, 0, out)
