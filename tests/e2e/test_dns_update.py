"""The sink `dns-update`, with a real BIND."""

import shutil
import socket

from lib.bind import Bind
from lib.case import SLOW, Case
from lib.raw import wait_log

NAME = "www.example.org"
WITHIN = 30


class DnsUpdate(Case):
    def setUp(self):
        super().setUp()
        directory = self.dir / "bind"
        directory.mkdir()
        self.bind = Bind(directory)
        self.addCleanup(self.bind.close)

    def watch(self, *settings):
        """Two servers of other addresses, their load balancer, and the sink."""
        self.agents = [self.server(port, ip="127.0.0.1") for port in (4243, 4244)]
        for agent in self.agents:
            wait_log(agent, "listening on UDP", WITHIN * SLOW)
        sink = f"dns-update 127.0.0.1:{self.bind.port} zone=example.org key-file={self.bind.key}"
        return self.lb(["127.0.0.1:4243 name=web1 service=tcp:192.0.2.11:80",
                        "127.0.0.1:4244 name=web2 service=tcp:192.0.2.12:80"],
                       "--no-forward", "--sink", " ".join([sink, *(settings or [f"name={NAME}"])]))

    def test_bind_has_the_servers_that_are_up(self):
        self.bind.start()
        self.watch(f"name={NAME}", "ttl=7s")
        self.bind.wait(NAME, ["192.0.2.11", "192.0.2.12"])
        self.agents[0].kill()
        self.bind.wait(NAME, ["192.0.2.12"])
        self.assertEqual(self.bind.ask("other.example.org"), ["192.0.2.1"])

    def test_a_name_of_servers_is_found_however_it_is_written(self):
        self.bind.start()
        self.watch(f"name={NAME}", "servers=Web1")
        self.bind.wait(NAME, ["192.0.2.11"])

    def test_a_start_that_knows_no_address_leaves_what_is_there(self):
        self.bind.start()
        lb = self.watch()
        self.bind.wait(NAME, ["192.0.2.11", "192.0.2.12"])
        lb.kill()
        sink = f"dns-update 127.0.0.1:{self.bind.port} zone=example.org key-file={self.bind.key} name={NAME}"
        lb = self.lb(["127.0.0.1:4299 name=web1"], "--no-forward", "--sink", sink)
        wait_log(lb, f"no server has an address that is known: {NAME} stays as it is", WITHIN)
        self.assertEqual(self.bind.ask(NAME), ["192.0.2.11", "192.0.2.12"])

    def test_a_name_server_that_is_away_is_asked_again(self):
        lb = self.watch()
        wait_log(lb, f"sink dns-update 127.0.0.1:{self.bind.port}: 127.0.0.1:{self.bind.port}: Connection refused", WITHIN)
        self.bind.start()
        self.bind.wait(NAME, ["192.0.2.11", "192.0.2.12"])
        wait_log(lb, "works again", WITHIN)

    def test_what_bind_refuses_is_said_and_tried_again(self):
        good = self.bind.key.read_text(encoding="ascii")
        self.bind.key.write_text(good.replace('secret "', 'secret "AAAA'), encoding="ascii")
        self.bind.start()
        lb = self.watch()
        wait_log(lb, r"answers NOTAUTH: it takes the signature for wrong \(BADSIG\)", WITHIN)
        self.bind.key.write_text(good, encoding="ascii")
        self.bind.wait(NAME, ["192.0.2.11", "192.0.2.12"])
        wait_log(lb, "works again", WITHIN)
        self.assertNotIn(good.split('secret "')[1].split('"')[0], lb.errors())

    def test_an_answer_without_the_signature_counts_for_nothing(self):
        with socket.create_server(("127.0.0.1", self.bind.port)) as pretender:
            pretender.settimeout(WITHIN * SLOW)
            lb = self.watch()
            with pretender.accept()[0] as connection:
                connection.settimeout(WITHIN * SLOW)
                query = connection.recv(4096)
                self.assertEqual(query[4:6], b"\x28\0")  # UPDATE
                connection.sendall(b"\0\x0c" + query[2:4] + b"\xa8\0" + bytes(8))
                wait_log(lb, "the name server's answer is not signed with the key", WITHIN)
            with pretender.accept()[0] as connection:
                connection.sendall(b"\xff\xff")
                wait_log(lb, "what answers there is no name server", WITHIN)

    def test_a_name_that_the_key_may_not_change(self):
        self.bind.start()
        lb = self.watch("name=other.example.org")
        wait_log(lb, "the name server answers REFUSED: may the key change that name", WITHIN)
        self.assertEqual(self.bind.ask("other.example.org"), ["192.0.2.1"])

    def test_what_is_wrong_is_said_before_anything_begins(self):
        bad = self.dir / "bad.key"
        bad.write_text("key qhcp { algorithm hmac-md5; secret \"c2VjcmV0\"; };", encoding="ascii")
        bad.chmod(0o600)
        readable = self.dir / "readable.key"
        shutil.copy(self.bind.key, readable)
        readable.chmod(0o644)
        for words, said in (("192.0.2.53 zone=example.org name=x.example.org", "key-file= is missing"),
                            (f"192.0.2.53 name={NAME} key-file={bad}", "zone= is missing"),
                            (f"192.0.2.53 zone=example.org name=www.example.com key-file={bad}", "is not in zone="),
                            (f"ns.example.org zone=example.org name={NAME} key-file={bad}",
                             '"ns.example.org" is not the address of a name server')):
            status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--sink", f"dns-update {words}",
                                          "--check-config")
            self.assertEqual(status, 1, words)
            self.assertIn(said, errors)
        for path, said in ((bad, "is not a TSIG key"), (readable, "chmod 600"), (self.dir / "none", "none")):
            sink = f"dns-update 192.0.2.53 zone=example.org name={NAME} key-file={path}"
            for more in ("--no-forward", "--check-config"):
                status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--admin", "off", more, "--sink", sink)
                self.assertEqual(status, 1, path)
                self.assertIn(said, errors)
