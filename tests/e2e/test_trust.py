"""Tokens at the server: nobody gets in who must not.  Every refusal comes with its words on both
sides, and beside each stands the twin that differs in that one thing and is accepted.  Certificates
and files: test_certificates.py; messages: test_messages.py."""

import json
import os
import re
import time

from lib import jwt, raw
from lib.raw import RawCase, hello, request, wait_log, wire, write_private

PORT = 4243


class Tokens(RawCase):
    """A raw client before one server."""

    def setUp(self):
        super().setUp()
        self.boss = self.ready_server(PORT)
        self.key = self.lb_key()

    def assert_refused(self, token, code, words, log=None, hello_bytes=None):
        """HELLO with a check right behind it: an ERROR with this code and these words comes, the
        connection closes with the same, the check is never answered, and the server logs why."""
        logged = len(self.boss.errors())
        client = self.dial(PORT)
        given = token(client.exporter) if callable(token) else token
        client.send((hello_bytes or hello)(given) + request(1))
        end = client.end()
        self.assertEqual([wire.type_name(m.type) for m in client.messages], ["ERROR"])
        error = client.messages[0].fields
        self.assertEqual((hex(error["code"]), error["refers"]), (hex(code), wire.HELLO))
        self.assertRegex(error["words"].decode(), words)
        self.assertEqual((end.by, end.application, end.code), ("closed-by-peer", True, code))
        self.assertEqual(end.words, error["words"].decode(), "CLOSE and ERROR say different things")
        self.assertEqual(client.datagrams, [])
        wait_log(self.boss, log or words, 5, logged)
        client.close()
        return error["words"].decode()

    def accept(self, token, port=PORT):
        """The same HELLO and check are answered; the client stays connected."""
        client = self.dial(port)
        given = token(client.exporter) if callable(token) else token
        client.send(hello(given) + request(1))
        client.message(wire.ACK)
        self.assertEqual(client.message(wire.HEALTH_RESPONSE).fields["seq"], 1)
        return client

    def assert_accepted(self, token):
        self.accept(token).close()

    def good(self, **over):
        return lambda exporter: self.key.token(exporter, **over)

    def signed(self, header, sign, **over):
        return lambda exporter: jwt.join(header, self.key.claims(exporter, **over), sign)

    def test_no_token_is_refused(self):
        self.assert_refused(None, raw.TOKEN_MISSING, "no token", "without a token")
        self.assert_accepted(self.good())

    def test_alg_none_is_refused(self):
        for alg in ("none", "None", "NONE"):
            header = self.key.header(alg=alg)
            with self.subTest(alg):
                self.assert_refused(self.signed(header, lambda data: b""), raw.TOKEN_ALGORITHM,
                                    "algorithm", 'algorithm is "none", but its key .* is only for ES256'
                                    .replace("none", alg))
                self.assert_refused(self.signed(header, self.key.sign), raw.TOKEN_ALGORITHM,
                                    "algorithm")
        self.assert_accepted(self.signed(self.key.header(), self.key.sign))

    def test_a_public_key_is_no_shared_secret(self):
        trust = (self.state / "trust/keys.json").read_text()
        public = {name: value for name, value in self.key.jwk.items() if name != "d"}
        secrets = {
            "PEM": self.key.public_pem.encode(), "PEM without its last line's end":
            self.key.public_pem.strip().encode(), "JWK": jwt.compact(public),
            "the file of keys": trust.encode(),
            "thumbprint's JSON": jwt.compact({n: public[n] for n in ("crv", "kty", "x", "y")}),
        }
        header = self.key.header(alg="HS256")
        for name, secret in secrets.items():
            with self.subTest(name):
                self.assert_refused(self.signed(header, jwt.hs256(secret)), raw.TOKEN_ALGORITHM,
                                    "algorithm", 'algorithm is "HS256"')
        self.assert_accepted(self.good())

    def test_an_unknown_kid_is_refused_and_the_known_ones_stay_in_the_log(self):
        known = re.escape(self.key.jwk["kid"])
        words = self.assert_refused(self.signed(self.key.header(kid="nobody"), self.key.sign),
                                    raw.TOKEN_KEY, "does not know: give it the load balancer's",
                                    f'kid "nobody" is not among the 1 known: {known}')
        self.assertNotRegex(words, known)
        self.assert_refused(self.signed(self.key.header(kid=None), self.key.sign), raw.TOKEN_KEY,
                            "has no kid")
        self.assert_accepted(self.signed(self.key.header(), self.key.sign))

    def test_a_wrong_issuer_audience_or_time_is_refused(self):
        now = int(time.time())
        rows = [
            ({"iss": "lb:someone-else"}, raw.TOKEN_ISSUER, "issuer", {}),
            ({"iss": None}, raw.TOKEN_CLAIM, '"iss" is missing', {}),
            ({"aud": "other.example"}, raw.TOKEN_AUDIENCE,
             'token is for "other.example", which this server is not', {"aud": ["other.example", "localhost"]}),
            ({"aud": None}, raw.TOKEN_CLAIM, '"aud" is missing', {}),
            ({"exp": now - 60}, raw.TOKEN_EXPIRED, r"expired [6-9]\d s ago", {"exp": now - 5}),
            ({"exp": None}, raw.TOKEN_CLAIM, '"exp" is missing', {}),
            ({"exp": now + 10 * 24 * 3600}, raw.TOKEN_CLAIM, "valid for 864000 s|valid for 86399. s",
             {"exp": now + 3600}),
            ({"nbf": now + 120}, raw.TOKEN_EARLY, r"not valid for another 1\d\d s", {"nbf": now + 10}),
            ({"iat": now + 120}, raw.TOKEN_EARLY, r"issued 1\d\d s in the future: the two clocks differ by 1\d\d s; the load balancer's clock is ahead", {"iat": None}),
        ]
        for claims, code, words, twin in rows:
            with self.subTest(str(claims)):
                self.assert_refused(self.good(**claims), code, words)
                self.assert_accepted(self.good(**twin))

    def test_a_scope_without_health_is_refused(self):
        for scope in ("config terminate", "", "HEALTH", "healthy"):
            with self.subTest(scope):
                self.assert_refused(self.good(scope=scope), raw.TOKEN_SCOPE, "scope")
        self.assert_accepted(self.good(scope="health"))

    def test_crit_is_refused(self):
        for header in ({"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": False}):
            with self.subTest(str(header)):
                self.assert_refused(self.signed(self.key.header(**header), self.key.sign),
                                    raw.TOKEN_CRIT, "critical")
        self.assert_accepted(self.good())

    def test_two_tokens_glued_are_refused(self):
        for glue in ("", ".", ",", " ", "\n", "~"):
            with self.subTest(repr(glue)):
                self.assert_refused(lambda e, g=glue: g.join([self.key.token(e)] * 2),
                                    raw.TOKEN_MALFORMED, "5 parts|6 parts")
        self.assert_refused(lambda e: self.key.token(e) + "=", raw.TOKEN_MALFORMED, "base64url")
        self.assert_accepted(self.good())

    def test_two_tokens_in_one_hello_are_a_protocol_error(self):
        def twice(token):
            once = wire.varint(3) + wire.varint(len(token)) + token.encode()
            whole = hello(token)
            payload = whole[len(whole) - int.from_bytes(whole[1:3], "big") % 0x4000:]
            return raw.raw_frame(wire.HELLO, payload.replace(once, once + once))

        self.assert_refused(self.good(), raw.KEY_DUPLICATE, "twice", hello_bytes=twice)
        self.assert_accepted(self.good())

    def test_a_token_is_worthless_on_another_connection(self):
        owner = self.dial(PORT)
        stolen = self.key.token(owner.exporter)
        self.assert_refused(stolen, raw.TOKEN_BINDING, "bound to another connection")
        owner.send(hello(stolen) + request(1))
        owner.message(wire.ACK)
        owner.message(wire.HEALTH_RESPONSE)
        self.assert_refused(stolen, raw.TOKEN_BINDING, "bound to another connection")
        owner.send(request(2))
        self.assertEqual(owner.message(wire.HEALTH_RESPONSE).fields["seq"], 2)

    def test_what_a_hostile_server_hears_opens_no_session_elsewhere(self):
        thief = self.listen(name="thief")
        self.lb([f"localhost:{thief.port}"])
        stolen = thief.message(wire.HELLO, 10)  # the token is for "localhost", which is the other's name too
        self.assert_refused(stolen.fields["token"], raw.TOKEN_BINDING, "bound to another connection",
                            hello_bytes=lambda token: raw.frame(wire.HELLO, **stolen.fields))
        self.assert_accepted(self.good())

    def test_a_token_without_the_binding_is_refused(self):
        self.assert_refused(self.good(cnf=None), raw.TOKEN_BINDING, "not bound to this connection")
        for cnf in ({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}, {}, "x",
                    {"tls-exporter": ""}):
            with self.subTest(str(cnf)):
                self.assert_refused(self.good(cnf=cnf), raw.TOKEN_BINDING, "else than a connection")
        self.assert_accepted(self.good())

    def test_the_servers_own_key_makes_no_load_balancer(self):
        tls = jwt.PemSigner((self.state / "server/key.pem").read_text())
        self.assert_refused(self.signed(self.key.header(), tls.es256), raw.TOKEN_SIGNATURE,
                            "signature does not verify")
        self.assert_refused(self.signed(self.key.header(kid="server"), tls.es256), raw.TOKEN_KEY,
                            "does not know")
        self.assert_accepted(self.good())

    def test_a_token_that_was_tampered_with_is_refused(self):
        def tampered(exporter):
            head, _, signature = self.key.token(exporter, scope="health").split(".")
            claims = self.key.claims(exporter, scope="health config terminate")
            return ".".join([head, jwt.b64(jwt.compact(claims)), signature])

        self.assert_refused(tampered, raw.TOKEN_SIGNATURE, "signature does not verify")
        for garbage in ("x", "..", "a.b.c", "\x7f" * 8192, "{}"):
            with self.subTest(garbage[:8]):
                self.assert_refused(garbage, raw.TOKEN_MALFORMED, "token")
        self.assert_accepted(self.good())

    def test_a_scope_allows_its_messages_only(self):
        update = raw.frame(wire.CONFIG_UPDATE, id=1, interval_us=2_000_000)
        leave = raw.frame(wire.TERMINATE, deadline_us=0, reason=b"test")
        client = self.accept(self.good(scope="health"))
        client.send(update)
        ack = client.message(wire.CONFIG_ACK).fields
        self.assertEqual([(r["key"], r["code"]) for r in ack["refused"]], [(2, raw.TOKEN_SCOPE)])
        self.assertIn(b"scope config", ack["refused"][0]["words"])
        self.assertEqual(ack["interval_us"], 1_000_000)
        client.send(request(2) + leave)
        client.message(wire.HEALTH_RESPONSE)
        error = client.message(wire.ERROR).fields
        self.assertEqual((error["code"], error["refers"]), (raw.TOKEN_SCOPE, wire.TERMINATE))
        self.assertIn(b"scope terminate", error["words"])
        self.assertEqual((client.end().code, client.closed.words),
                         (raw.TOKEN_SCOPE, error["words"].decode()))
        wait_log(self.boss, "lacks the scope terminate", 5)

        client = self.accept(self.good(scope="health config terminate"))
        client.send(update)
        ack = client.message(wire.CONFIG_ACK).fields
        self.assertEqual((ack.get("refused", []), ack["interval_us"]), ([], 2_000_000))
        client.send(leave)
        client.message(wire.TERMINATE_ACK)
        self.assertEqual(client.end().code, raw.NO_ERROR)

    def test_a_renewal_is_judged_like_the_first_token(self):
        client = self.accept(self.good())
        now = int(time.time())
        bad = self.key.token(client.exporter, exp=now - 100)
        client.send(raw.frame(wire.CONFIG_UPDATE, id=1, token=bad.encode(), interval_us=2_000_000))
        ack = client.message(wire.CONFIG_ACK).fields
        self.assertEqual([(r["key"], r["code"]) for r in ack["refused"]], [(3, raw.TOKEN_EXPIRED)])
        self.assertEqual(ack["interval_us"], 1_000_000, "half of an update was applied")
        wait_log(self.boss, r"token of .* refused: expired 10\d s ago", 5)
        good = self.key.token(client.exporter, exp=now + 1200)
        client.send(raw.frame(wire.CONFIG_UPDATE, id=2, token=good.encode(), interval_us=2_000_000))
        ack = client.message(wire.CONFIG_ACK).fields
        self.assertEqual((ack.get("refused", []), ack["interval_us"]), ([], 2_000_000))
        self.assertAlmostEqual(ack["expires_s"], 1200, delta=5)

    def test_a_session_ends_with_its_token(self):
        ends, stays = (self.accept(self.good(exp=int(time.time()) + s)) for s in (-28, 60))
        self.assertEqual(ends.message(wire.ERROR, within=6).fields["code"], raw.TOKEN_EXPIRED)
        self.assertEqual(ends.end().code, raw.TOKEN_EXPIRED)
        stays.send(request(2))
        stays.message(wire.HEALTH_RESPONSE)

    def test_shared_secrets_and_outside_issuers_are_the_servers_policy(self):
        secret, issuer = os.urandom(32), jwt.RsaIssuer(unbound=True)
        shared = jwt.secret_jwk(secret)
        policy = write_private(self.dir / "policy.json", json.dumps({"keys": [shared, issuer.jwk]}))
        bound_only = write_private(self.dir / "bound.json", json.dumps(
            {"keys": [shared, {**issuer.jwk, "unbound": False}]}))
        header = {"alg": "HS256", "kid": shared["kid"]}
        hs256 = self.signed(header, jwt.hs256(secret), iss=shared["iss"], cnf=None)
        rs256 = issuer.token()

        self.assert_refused(hs256, raw.TOKEN_KEY, "does not know")
        self.assert_refused(rs256, raw.TOKEN_KEY, "does not know")
        self.ready_server(PORT + 1, "--keys-file", policy)
        strict = self.ready_server(PORT + 2, "--keys-file", bound_only)
        self.accept(hs256, PORT + 1)
        outside = self.accept(rs256, PORT + 1)
        outside.send(raw.frame(wire.CONFIG_UPDATE, id=1, interval_us=2_000_000))
        refused = outside.message(wire.CONFIG_ACK).fields["refused"]
        self.assertEqual(refused[0]["code"], raw.TOKEN_SCOPE, "more than its key may give")
        client = self.dial(PORT + 2)
        client.send(hello(rs256))
        self.assertEqual(client.message(wire.ERROR).fields["code"], raw.TOKEN_BINDING)
        wait_log(strict, "not bound to this connection", 5)
