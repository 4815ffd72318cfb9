"""Tickets in the state directory that are not what they were: the load balancer makes a full handshake,
and what cannot be a ticket is gone or passed over."""

import os

from lib.case import free_port
from lib.raw import RawCase, wait_log


class Poison(RawCase):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.ready_server(self.port)

    def session(self, resumed):
        """A load balancer comes, has a session, resumed or not, and goes; its ticket's file."""
        lb = self.lb([f"localhost:{self.port}"], "--log-level", "debug")
        lb.wait_event("up", 10)
        said = wait_log(lb, rf"localhost:{self.port}: session with .*", 1)[0]
        self.assertEqual("TLS resumed" in said, resumed, said)
        self.assert_stops(lb)
        files = list((self.state / "tickets").iterdir())
        self.assertEqual(len(files), 1)
        return files[0]

    def test_a_ticket_that_was_tampered_with_is_worth_nothing(self):
        path = self.session(False)

        def turn(at):
            good = path.read_bytes()
            path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])

        def instead(make):
            path.unlink()
            make()

        poisons = {
            "untouched": lambda: None,
            "one bit of its end": lambda: turn(len(path.read_bytes()) - 1),
            "one bit of the session": lambda: turn(200),
            "cut": lambda: os.truncate(path, 150),
            "empty": lambda: path.write_bytes(b""),
            "noise": lambda: path.write_bytes(os.urandom(3000)),
            "a terabyte": lambda: os.truncate(path, 1 << 40),
            "a pipe": lambda: instead(lambda: os.mkfifo(path, 0o600)),
            "a way out": lambda: instead(lambda: path.symlink_to("/dev/zero")),
        }
        for name, poison in poisons.items():
            with self.subTest(name):
                poison()
                path = self.session(name == "untouched")
