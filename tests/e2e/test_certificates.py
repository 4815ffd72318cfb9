"""Certificates at the load balancer, with and without session tickets from better days, client
certificates at the server, and files that must be private: each refusal with its twin."""

import json
import os
import re
import shutil
import time

from lib import jwt, pki
from lib.case import SLOW
from lib.raw import RawCase, wait_log, write_private

PORT = 4243


class Certificates(RawCase):
    """`qhcp lb` before servers with good and bad certificates."""

    def setUp(self):
        super().setUp()
        self.make_state()
        state_ca = pki.Ca(self.dir / "ours", self.state / "ca/ca.pem", self.state / "ca/ca-key.pem")
        self.ca = state_ca

    def start_lb(self, ports, *arguments, **options):
        return self.lb([f"localhost:{port}" for port in ports], "--status-interval", "100ms",
                       "--log-level", "debug", *arguments, **options)

    def start_server(self, port, pair, *arguments, **options):
        return self.server(port, "--cert-file", pair[0], "--key-file", pair[1], *arguments, **options)

    def reason(self, lb, port, state, pattern, within=10):
        """Waits until this server has this state with a reason like this."""
        def wanted(status):
            return any(s["address"] == f"localhost:{port}" and s["state"] == state and
                       re.search(pattern, s["reason"]) for s in status["servers"])
        return lb.wait_status(wanted, within)

    def bad(self):
        other = pki.Ca(self.dir / "other")
        return {
            "of another CA": (other.issue("other"), "unknown CA: trusted is .*ca/ca.pem "
                              r"\(SHA-256 [0-9a-f]{16}\.\.\.\).*issued by CN=ca; does another user "
                              "run the server, or were its keys not imported"),
            "self-signed": (pki.self_signed(self.dir, "alone"), "unknown CA.*issued by CN=alone"),
            "for another name": (self.ca.issue("name", "DNS:b.example"),
                                 "certificate is for b.example, not for localhost"),
            "without a name": (self.ca.issue("nameless", ""), "certificate is for no name"),
            "expired": (self.ca.issue("old", begin=-pki.DAY, end=-3600),
                        "certificate expired (60|59|61) min ago"),
            "not valid yet": (self.ca.issue("young", begin=3600, end=pki.DAY),
                              "certificate is not valid for another .*clocks right"),
            "for clients": (self.ca.issue("client", usage="clientAuth"), "not for a TLS server"),
        }

    def test_a_bad_certificate_is_refused_with_and_without_a_ticket_from_better_days(self):
        rows = self.bad()
        good = self.ca.issue("good")
        ports = range(PORT, PORT + len(rows) + 1)
        first = [self.start_server(port, good) for port in ports]
        lb = self.start_lb(ports)
        lb.wait_status(lambda s: s["up"] == len(ports), 15)
        for server in first[:-1]:
            server.kill()
        for port, (pair, _) in zip(ports, rows.values()):
            self.start_server(port, pair)
        for port, (name, (_, words)) in zip(ports, rows.items()):
            with self.subTest(name + ", with a ticket in memory"):
                self.reason(lb, port, "down", words)
        last = first[-1]  # the twin: the same certificate resumes
        logged = len(lb.errors())
        last.kill()
        last = self.start_server(ports[-1], good)
        wait_log(lb, rf"localhost:{ports[-1]}: session with .*, TLS resumed", 10 * SLOW, logged)
        self.assert_stops(lb)

        again = self.start_lb(ports)  # tickets, where there are any, from the state directory
        wait_log(again, rf"localhost:{ports[-1]}: session with .*, TLS resumed", 10 * SLOW)
        for port, (name, (_, words)) in zip(ports, rows.items()):
            with self.subTest(name + ", with tickets on the disk"):
                self.reason(again, port, "down", words)
        fresh = self.dir / "fresh"
        shutil.copytree(self.state, fresh, ignore=shutil.ignore_patterns("*.sock"))
        shutil.rmtree(fresh / "tickets", ignore_errors=True)
        without = self.start_lb(ports, state=fresh)
        for port, (name, (_, words)) in zip(ports, rows.items()):
            with self.subTest(name + ", without any ticket"):
                self.reason(without, port, "down", words.replace("trusted is .*ca", "trusted is .*"))
        without.wait_status(lambda s: s["up"] == 1, 10)

    def test_a_ticket_does_not_outlive_its_certificate(self):
        begun = time.monotonic()  # a rehearsal: how long it takes on this machine
        self.start_server(PORT + 1, self.ca.issue("good"))
        lb = self.start_lb([PORT + 1])
        self.reason(lb, PORT + 1, "up", "")
        self.assert_stops(lb)
        lifetime = 4 + int(4 * (time.monotonic() - begun))
        short = self.ca.issue("short", end=lifetime)
        end = time.time() + lifetime
        server = self.start_server(PORT, short)
        lb = self.start_lb([PORT])
        self.reason(lb, PORT, "up", "")
        server.kill()
        server = self.start_server(PORT, short)  # the same certificate: its tickets open here
        wait_log(lb, "TLS resumed", 10 * SLOW)
        lb.wait_status(lambda s: time.time() > end + 1, 10, since=len(lb.lines))
        server.kill()
        self.start_server(PORT, short)
        self.reason(lb, PORT, "down", r"certificate expired \d+ s ago")
        fresh = self.start_lb([PORT])  # which never saw it while it was good
        _, status = self.reason(fresh, PORT, "down", r"certificate expired \d+ s ago")
        self.assertIn("qhcp keys export --server localhost", status["servers"][0]["notice"])

    def test_a_ticket_does_not_outlive_the_trust(self):
        good = self.ca.issue("good")
        other = pki.Ca(self.dir / "other")
        server = self.start_server(PORT, good)
        lb = self.start_lb([PORT])
        self.reason(lb, PORT, "up", "")
        self.assert_stops(lb)
        self.assertTrue(any((self.state / "tickets").iterdir()), "no ticket was kept")
        lb = self.start_lb([PORT], "--cert-file", other.cert)
        self.reason(lb, PORT, "down", "unknown CA: trusted is .*other/ca.pem")
        self.assert_stops(lb)
        lb = self.start_lb([PORT])
        wait_log(lb, "TLS resumed", 10 * SLOW)
        self.assert_stops(lb)
        lb = self.start_lb([PORT], "--cert-file", good[0])  # the server's own: pinned
        self.reason(lb, PORT, "up", "")
        self.assertNotRegex(lb.errors(), "TLS resumed")
        server.kill()

    def test_a_pinned_certificate_is_trusted_for_its_name_alone(self):
        alone = pki.self_signed(self.dir, "alone")
        self.start_server(PORT, alone)
        lb = self.lb([f"localhost:{PORT}", f"127.0.0.1:{PORT}"], "--cert-file", alone[0],
                     "--status-interval", "100ms")
        self.reason(lb, PORT, "up", "")
        lb.wait_status(lambda s: s["servers"][1]["state"] == "down" and
                       "certificate is for localhost, not for 127.0.0.1" in s["servers"][1]["reason"], 10)

    def test_insecure_skips_the_certificate_loudly_and_never_the_token(self):
        stranger = pki.Ca(self.dir / "other").issue("other", "DNS:b.example")
        nobody = write_private(self.dir / "nobody.json", '{"keys":[]}')
        self.start_server(PORT, stranger)
        self.start_server(PORT + 1, self.ca.issue("good"), "--keys-file", nobody)
        lb = self.start_lb([PORT, PORT + 1])
        self.reason(lb, PORT, "down", "unknown CA")
        self.assertNotIn("insecure", lb.errors())
        self.assert_stops(lb)
        for _ in range(2):
            lb = self.start_lb([PORT, PORT + 1], "--insecure")
            _, status = self.reason(lb, PORT, "down",
                                    'token is for "localhost", which this server is not|token refused')
            self.assertTrue(status["insecure"])
            self.reason(lb, PORT + 1, "down", "token refused: .*does not know")
            wait_log(lb, "--insecure: the certificates of the servers are NOT verified", 5)
            self.assert_stops(lb)
        named = pki.Ca(self.dir / "third").issue("third")
        self.start_server(PORT + 2, named)
        lb = self.start_lb([PORT + 2], "--insecure")
        self.reason(lb, PORT + 2, "up", "")

    def test_the_words_of_the_error_are_the_status(self):
        nobody = write_private(self.dir / "nobody.json", '{"keys":[]}')
        everybody = write_private(self.dir / "everybody.json",
                                  (self.state / "trust/keys.json").read_text())
        strict = self.server(PORT, "--keys-file", nobody)
        self.server(PORT + 1, "--keys-file", everybody)
        lb = self.start_lb([PORT, PORT + 1])
        self.reason(lb, PORT, "down", "^token refused: signed with a key that this server does not "
                    "know: give it the load balancer's public key in a new bundle")
        self.reason(lb, PORT + 1, "up", "^$")
        wait_log(strict, "token of .* refused: .*not among the 0 known", 5)
        code, out, _ = self.qhcp("check", f"localhost:{PORT}")
        self.assertEqual(code, 3, out)
        self.assertIn("does not know", out)
        code, out, _ = self.qhcp("check", f"localhost:{PORT + 1}")
        self.assertEqual(code, 0, out)

    def test_a_client_certificate_is_asked_for_where_that_is_the_policy(self):
        clients, others = pki.Ca(self.dir / "clients"), pki.Ca(self.dir / "others")
        mine = clients.issue("mine", usage="clientAuth")
        theirs = others.issue("theirs", usage="clientAuth")
        server = self.server(PORT, "--client-ca", clients.cert, "--log-level", "debug")
        for pair, words, log in (((), "client certificate is required", "client"),
                                 (theirs, "unknown CA", "client's certificate is issued by CN=ca")):
            options = ("--client-cert", pair[0], "--client-key", pair[1]) if pair else ()
            with self.subTest(words):
                logged = len(server.errors())
                lb = self.start_lb([PORT], *options)
                self.reason(lb, PORT, "down", words)
                wait_log(server, log, 5, logged)
                self.assert_stops(lb)
        lb = self.start_lb([PORT], "--client-cert", mine[0], "--client-key", mine[1])
        self.reason(lb, PORT, "up", "^$")


class Files(RawCase):
    """Files that other users can read, or that hold something else."""

    def refused(self, *arguments, words, status=1):
        code, out, err = self.qhcp(*arguments, within=3)
        self.assertEqual((code, out), (status, ""), err)
        self.assertRegex(err, words)

    def test_private_files_that_others_can_read_are_refused(self):
        self.make_state()
        ca = pki.Ca(self.dir / "ca")
        cert, key = ca.issue("server")
        client_cert, client_key = ca.issue("client", usage="clientAuth")
        secret = write_private(self.dir / "secret.json",
                               json.dumps({"keys": [jwt.secret_jwk(os.urandom(32))]}))
        token = write_private(self.dir / "token", jwt.RsaIssuer().token() + "\n")
        lb = ("lb", "--servers", f"localhost:{PORT}", "--status-format", "none")
        rows = [
            (("server", "--cert-file", cert, "--key-file", key), key),
            (("server", "--keys-file", secret), secret),
            ((*lb, "--token-file", token), token),
            ((*lb, "--client-cert", client_cert, "--client-key", client_key), client_key),
            (("server",), self.state / "server/key.pem"),
            (("server",), self.state / "secret"),
            (lb, self.state / "lb/token-key.json"),
        ]
        for arguments, path in rows:
            for mode in (0o644, 0o640, 0o604, 0o602):
                with self.subTest(f"{path.name} {mode:04o}"):
                    os.chmod(path, mode)
                    self.refused(*arguments, words=f"{path}.*chmod (600|go-w) {path}")
            os.chmod(path, 0o600)
            with self.subTest(f"{path.name} 0600"):
                process = self.start(*arguments, "--log-level", "debug")
                wait_log(process, "listening on UDP|watching 1 server", 10 * SLOW)
                self.assert_stops(process)

    def test_files_that_decide_whom_to_trust_are_refused_when_others_can_change_them(self):
        self.make_state()
        ca = pki.Ca(self.dir / "ca")
        cert, key = ca.issue("server")
        policy = write_private(self.dir / "keys.json",
                               json.dumps({"keys": [jwt.RsaIssuer(unbound=True).jwk]}))
        rows = [
            (("server", "--cert-file", cert, "--key-file", key), cert),
            (("server", "--keys-file", policy), policy),
            (("server", "--client-ca", ca.cert), ca.cert),
            (("lb", "--servers", f"localhost:{PORT}", "--status-format", "none", "--cert-file",
              ca.cert), ca.cert),
        ]
        for arguments, path in rows:
            for mode in (0o664, 0o646):
                with self.subTest(f"{arguments[0]} {path.name} {mode:04o}"):
                    os.chmod(path, mode)
                    self.refused(*arguments, words=f"{path}.*chmod go-w {path}")
            os.chmod(path, 0o644)
            with self.subTest(f"{arguments[0]} {path.name} 0644"):
                process = self.start(*arguments, "--log-level", "debug")
                wait_log(process, "listening on UDP|watching 1 server", 10 * SLOW)
                self.assert_stops(process)

    def test_a_private_key_in_the_set_of_accepted_keys_is_refused(self):
        self.make_state()
        jwk = self.lb_key().jwk
        private = write_private(self.dir / "private.json", json.dumps({"keys": [jwk]}))
        self.refused("server", "--keys-file", private,
                     words=f'{private}: keys\\[0\\].*"d" is private: a server holds only public keys')
        public = {name: value for name, value in jwk.items() if name != "d"}
        write_private(private, json.dumps({"keys": [public]}), 0o644)  # public keys may be public
        self.ready_server(PORT, "--keys-file", private)
        lb = self.lb([f"localhost:{PORT}"])
        lb.wait_event("up", 10)

    def test_a_token_of_an_outside_issuer_is_sent_from_its_file(self):
        issuer = jwt.RsaIssuer(unbound=True)
        policy = write_private(self.dir / "policy.json", json.dumps({"keys": [issuer.jwk]}))
        token = write_private(self.dir / "token", "\n " + issuer.token() + "\r\n")
        old = write_private(self.dir / "old", issuer.token(exp=int(time.time()) - 90))
        self.ready_server(PORT, "--keys-file", policy)
        lb = self.lb([f"localhost:{PORT}"], "--token-file", token)
        lb.wait_event("up", 10)
        lb = self.lb([f"localhost:{PORT}"], "--token-file", old)
        _, event = lb.wait_event("down", 10)
        self.assertRegex(event["reason"], r"^token refused: expired 9\d s ago$")
