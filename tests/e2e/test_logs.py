"""No secret and no token in any output: every component runs at debug level, with good and with
refused tokens, and all that they print is searched for all that is private."""

import base64
import json
import os
import re

from lib import jwt, raw
from lib.raw import RawCase, hello, request, wire, write_private

PORT = 4243


def spellings(secret):
    """The ways in which bytes might be printed."""
    return {secret, secret.hex().encode(), secret.hex().upper().encode(),
            base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret).rstrip(b"=")}


def secrets_of_pem(text):
    """The lines of a private key's body that tell something, and its numbers."""
    body = re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", text, re.DOTALL)
    if not body:
        return set()
    der = base64.b64decode(body[1])
    found = {line.encode() for line in body[1].split("\n") if len(line) > 20} | spellings(der)
    at = der.find(b"\x04\x20")  # ECPrivateKey's OCTET STRING
    return found | (spellings(der[at + 2:at + 34]) if at >= 0 else set())


def secrets_of_json(value):
    """Members that are private (RFC 7518, 6), wherever they stand."""
    if isinstance(value, dict):
        found = set()
        for name, member in value.items():
            if name in ("d", "k", "p", "q") and isinstance(member, str):
                found |= spellings(jwt.unb64(member)) | {member.encode()}
            elif isinstance(member, str):
                found |= secrets_of_pem(member)
            else:
                found |= secrets_of_json(member)
        return found
    if isinstance(value, list):
        return set().union(*map(secrets_of_json, value)) if value else set()
    return set()


def secrets_under(directory):
    found = set()
    for path in directory.rglob("*"):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if path.name == "secret":
            found |= spellings(data)
        elif path.parent.name == "tickets":
            found |= spellings(data[-32:])
        else:
            text = data.decode("utf-8", "replace")
            found |= secrets_of_pem(text)
            try:
                found |= secrets_of_json(json.loads(text))
            except ValueError:
                pass
    return found


TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")


class Logs(RawCase):
    def setUp(self):
        super().setUp()
        self.outputs, self.tokens, self.processes, self.client = {}, set(), [], None

    def run_qhcp(self, *arguments, state=None):
        code, out, err = self.qhcp(*arguments, state=state)
        self.outputs[" ".join(map(str, arguments[:3]))] = (out + err).encode()
        return code, out + err

    def watched(self, process):
        self.processes.append(process)
        return process

    def say(self, port, make):
        """HELLO with this token; what came first."""
        if self.client and not self.client.closed:
            self.client.tell("close 0x100 bye")  # the server waits for nobody then
            self.client.end()
        client = self.client = self.dial(port)
        token = make(client.exporter)
        self.tokens.add(token.encode())
        client.send(hello(token) + request(1))
        client.until(lambda: client.messages or client.closed)
        return client

    def collect(self):
        for process in self.processes:
            process.stop()
            said = "\n".join(process.lines) + process.errors()
            self.outputs[process.name] = said.encode()

    def assert_clean(self, secrets):
        for name, said in self.outputs.items():
            self.assertNotEqual(said, b"", f"{name} said nothing: the test tests nothing")
            for secret in secrets:
                self.assertNotIn(secret, said, f"{name} printed a secret")
            self.assertIsNone(TOKEN.search(said), f"{name} printed a token")
            self.assertNotIn(b"PRIVATE KEY", said)

    def tokens_good_and_bad(self, port, key):
        self.assertEqual(self.say(port, key.token).messages[0].type, wire.ACK)
        for make in (lambda e: key.token(e, exp=1), lambda e: key.token(e, aud="x"),
                     lambda e: key.token(e) + ".", lambda e: key.token(e)[:-4] + "AAAA",
                     lambda e: jwt.join(key.header(kid="x"), key.claims(e), key.sign),
                     lambda e: jwt.join(key.header(crit=["x"]), key.claims(e), key.sign)):
            self.assertEqual(self.say(port, make).messages[0].type, wire.ERROR)
        client = self.say(port, key.token)
        renewal = key.token(client.exporter, exp=2)
        self.tokens.add(renewal.encode())
        client.message(wire.ACK)
        client.message(wire.HEALTH_RESPONSE)
        client.send(raw.frame(wire.CONFIG_UPDATE, id=1, token=renewal.encode()))
        client.message(wire.CONFIG_ACK)
        client.send(raw.raw_frame(wire.ACK, client.exporter))  # what is refused is not logged either
        client.end()

    def test_no_output_has_a_secret_or_a_token_in_it(self):
        issuer, secret = jwt.RsaIssuer(unbound=True), os.urandom(32)
        self.make_state()
        policy = write_private(self.dir / "policy.json", json.dumps(
            {"keys": [issuer.jwk, jwt.secret_jwk(secret), {
                n: v for n, v in self.lb_key().jwk.items() if n != "d"}]}))
        token = write_private(self.dir / "token", issuer.token())
        expired = write_private(self.dir / "expired", issuer.token(exp=1))
        self.tokens |= {token.read_bytes(), expired.read_bytes()}
        self.watched(self.ready_server(PORT))
        self.watched(self.ready_server(PORT + 1, "--keys-file", policy))
        servers = [f"localhost:{PORT}", f"localhost:{PORT + 1}", "localhost:1"]
        for arguments, up in (((), 2), (("--token-file", token), 1), (("--token-file", expired), 0),
                              (("--insecure",), 2)):
            lb = self.watched(self.lb(servers, "--log-level", "debug", "--status-interval", "100ms",
                                      *arguments))
            lb.wait_status(lambda s, up=up: s["up"] == up and all(
                e["state"] in ("up", "down") for e in s["servers"]), 15)
        self.tokens_good_and_bad(PORT, self.lb_key())
        for port in (PORT, PORT + 1, 1):
            self.run_qhcp("check", f"localhost:{port}", "--log-level", "debug", "--timeout", "2")
        self.run_qhcp("check", f"localhost:{PORT}", "--token-file", expired, "--log-level", "debug")
        self.keys_commands()
        self.collect()
        secrets = spellings(secret) | self.tokens
        for state in self.dir.glob("state*"):
            secrets |= secrets_under(state)
        secrets |= secrets_of_json(json.loads((self.dir / "bundle").read_text()))
        self.assertGreater(len(secrets), 40)
        self.assert_clean({s for s in secrets if len(s) > 15})

    def keys_commands(self):
        other = self.dir / "state-other"
        bundle, asked, given = self.dir / "bundle", self.dir / "request", self.dir / "given"
        steps = [
            (("keys", "show"), None, 0),
            (("keys", "export", "--server", "b.example", "--out", bundle), None, 0),
            (("keys", "import", bundle), other, 0),
            (("keys", "show"), other, 0),
            (("keys", "import", self.dir / "token"), other, None),
            (("keys", "request", "--lb", "--out", asked), self.dir / "state-lb", 0),
            (("keys", "accept", asked, "--out", given), None, 0),
            (("keys", "import", given), self.dir / "state-lb", 0),
            (("keys", "rotate"), None, 0),
            (("keys", "show"), None, 0),
        ]
        for number, (arguments, state, wanted) in enumerate(steps):
            code, said = self.run_qhcp(*arguments, state=state)
            self.outputs[f"{number} {' '.join(map(str, arguments[:2]))}"] = (said or "-").encode()
            self.outputs.pop(" ".join(map(str, arguments[:3])), None)
            if wanted is not None:
                self.assertEqual(code, wanted, f"{arguments}: {said}")

    def test_the_search_finds_what_is_there(self):
        self.make_state()
        key = self.lb_key()
        secrets = secrets_under(self.state)
        pem = (self.state / "ca/ca-key.pem").read_text().split("\n")[1].encode()
        for planted in (key.jwk["d"].encode(), jwt.unb64(key.jwk["d"]).hex().encode(), pem,
                        (self.state / "secret").read_bytes().hex().encode(),
                        key.token(b"x" * 32).encode()):
            self.outputs = {"planted": b"a line with " + planted + b" in it"}
            with self.assertRaises(AssertionError):
                self.assert_clean(secrets)
        self.outputs = {"harmless": b"listening on UDP 0.0.0.0:4243"}
        self.assert_clean(secrets)
