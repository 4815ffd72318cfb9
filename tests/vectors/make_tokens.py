#!/usr/bin/env python3
"""Writes token_keys.json and tokens.txt (README.md): tokens, and what a verifier says of them.
`--check` says whether the files are what this would write.
"""

import base64
import hashlib
import json
import pathlib
import sys

import signing

HERE = pathlib.Path(__file__).resolve().parent
NOW = 1790000000
BINDING = bytes(range(32))
NAMES = "web-1.example 192.0.2.7 2001:db8::7"
ABSENT = object()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def prime(letter, count):
    """One of 1024 bits; `count` is which of the numbers that follow from the letter is one."""
    seed = f"qhcp vectors {letter} {count}".encode()
    return int.from_bytes(hashlib.shake_256(seed).digest(128), "big") | (3 << 1022) | 1


RSA_P, RSA_Q = prime("p", 37), prime("q", 5)
RSA_N = RSA_P * RSA_Q
RSA_D = pow(65537, -1, (RSA_P - 1) * (RSA_Q - 1))
SECRET = b"a secret of 32 bytes, at least.."


class Key:
    """A key of the set, and the header and claims of its honest token."""

    def __init__(self, kid, alg="ES256", **policy):
        self.kid, self.alg = kid, alg
        self.private = int.from_bytes(hashlib.sha256(kid.encode()).digest(), "big") % signing.N
        self.policy = {"iss": "lb-1.example", "scope": "health config terminate", **policy}

    def jwk(self):
        if self.alg == "HS256":
            material = {"kty": "oct", "k": b64(SECRET)}
        elif self.alg == "RS256":
            material = {"kty": "RSA", "n": b64(RSA_N.to_bytes(256, "big")), "e": "AQAB"}
        else:
            x, y = signing.times(self.private, signing.G)
            material = {"kty": "EC", "crv": "P-256", "x": b64(x.to_bytes(32, "big")),
                        "y": b64(y.to_bytes(32, "big"))}
        return {"kid": self.kid, "alg": self.alg, **material, **self.policy}

    def sign(self, data):
        if self.alg == "HS256":
            return signing.hs256(SECRET, data)
        if self.alg == "RS256":
            return signing.rs256_sign(RSA_N, RSA_D, data)
        return signing.es256_sign(self.private, data)

    def header(self, **over):
        return changed({"alg": self.alg, "kid": self.kid, "typ": "JWT"}, over)

    def claims(self, **over):
        return changed({"iss": self.policy["iss"], "aud": "web-1.example", "iat": NOW, "nbf": NOW,
                        "exp": NOW + 3600, "scope": "health config terminate",
                        "cnf": {"tls-exporter": b64(BINDING)}}, over)


def changed(members, over):
    return {k: x for k, x in {**members, **over}.items() if x is not ABSENT}


ES, RS, HS = Key("es"), Key("rs", "RS256", iss="https://issuer.example"), Key("hs", "HS256")
OPEN = Key("open", unbound=True)
OLD, NEW = Key("old", exp=NOW + 100), Key("new", nbf=NOW + 100)
ONE = Key("one", scope="health", aud="web-1.example")
STRANGER = Key("stranger")
SET = [ES, RS, HS, OPEN, OLD, NEW, ONE]


def token(key=ES, header=None, claims=None, signer=None, **raw):
    """A token; `raw` replaces the bytes of header, payload or signature before they are encoded."""
    head = raw.get("head", compact(key.header(**(header or {}))))
    body = raw.get("body", compact(key.claims(**(claims or {}))))
    signed = f"{b64(head)}.{b64(body)}"
    signature = raw.get("signature", (signer or key).sign(signed.encode()))
    return f"{signed}.{b64(signature)}"


class Book:
    def __init__(self):
        self.lines = ["# Tokens: what a verifier says of them, with the keys of token_keys.json",
                      "# Written by make_tokens.py; the format is in README.md.", ""]

    def begin(self, name, says, text, now=NOW, leeway=0):
        self.lines += [f"vector: {name}", f"says: {says}", f"token: {text}", f"names: {NAMES}",
                       f"binding: {BINDING.hex()}", f"now: {now}", f"leeway: {leeway}"]

    def good(self, name, says, text, grants="health config terminate", until=NOW + 3600, **when):
        self.begin(name, says, text, **when)
        self.lines += [f"grants: {grants}", f"until: {until}", ""]

    def bad(self, name, says, text, error, **when):
        self.begin(name, says, text, **when)
        self.lines += [f"error: TOKEN_{error}", ""]


def shape(book):
    book.good("token.ES256", "an honest token, ES256", token())
    book.good("token.RS256", "RS256", token(RS))
    book.good("token.HS256", "HS256, with the binding", token(HS))
    good = token()
    head, body, signature = good.split(".")
    for name, says, text in (
            ("two-parts", "a part is missing", f"{head}.{body}"),
            ("four-parts", "a part too many", f"{good}.{signature}"),
            ("padding", "base64url with padding", f"{head}.{body}.{signature}=="),
            ("base64", "base64 of the other alphabet", f"{head}.{body}.+/{signature[2:]}"),
            ("stray-bits", "bits left over in the last character", f"{head}.{body}.{signature[:-1]}B"),
            ("blank", "a blank at the end", f"{good} "),
            ("header-text", "a header that is not JSON", token(head=b"alg=ES256")),
            ("header-list", "a header that is no object", token(head=b'["ES256"]')),
            ("header-twice", "a member of the header twice",
             token(head=b'{"alg":"ES256","kid":"es","kid":"es"}')),
            ("payload-text", "a payload that is not JSON, signed", token(body=b"iss=lb-1.example")),
            ("payload-twice", "a claim twice, signed", token(
                body=compact(ES.claims())[:-1] + b',"exp":%d}' % (NOW + 7200)))):
        book.bad(f"token.shape.{name}", says, text, "MALFORMED")
    book.bad("token.order.signature-before-payload", "a payload that is not JSON, not signed",
             token(body=b"iss=lb-1.example", signer=STRANGER), "SIGNATURE")


def headers(book):
    book.good("token.typ.absent", "no typ", token(header={"typ": ABSENT}))
    book.good("token.header.other", "a header parameter that nobody knows", token(header={"x": 1}))
    book.bad("token.crit", "a critical extension", token(header={"crit": ["exp"]}), "CRIT")
    book.bad("token.crit.empty", "even of nothing", token(header={"crit": []}), "CRIT")
    book.bad("token.order.crit-before-jwk", "crit and jwk", token(
        header={"crit": ["b64"], "jwk": STRANGER.jwk()}), "CRIT")
    for name in ("jwk", "jku", "x5u", "x5c", "b64"):
        book.bad(f"token.header.{name}", "it brings a key, or changes what is signed",
                 token(header={name: "x"}), "MALFORMED")
    book.bad("token.order.jwk-before-kid", "jwk, and a kid that is not known",
             token(header={"jwk": "x", "kid": "nobody"}), "MALFORMED")
    book.bad("token.kid.absent", "no kid", token(header={"kid": ABSENT}), "KEY")
    book.bad("token.kid.number", "a kid that is no string", token(header={"kid": 1}), "KEY")
    book.bad("token.kid.unknown", "a kid that is not known", token(STRANGER), "KEY")
    book.bad("token.order.kid-before-alg", "alg none, and a kid that is not known",
             token(header={"alg": "none", "kid": "nobody"}, signature=b""), "KEY")
    for name, alg in (("absent", ABSENT), ("none", "none"), ("case", "es256"), ("HS256", "HS256"),
                      ("number", 256)):
        book.bad(f"token.alg.{name}", "not the key's algorithm", token(header={"alg": alg}), "ALGORITHM")
    book.bad("token.order.alg-before-signature", "alg none without a signature",
             token(header={"alg": "none"}, signature=b""), "ALGORITHM")


def signatures(book):
    good = ES.sign(token().rpartition(".")[0].encode())
    book.bad("token.signature.other-key", "signed with another key", token(signer=STRANGER), "SIGNATURE")
    book.bad("token.signature.flipped", "one bit is wrong",
             token(signature=bytes([good[0] ^ 1]) + good[1:]), "SIGNATURE")
    book.bad("token.signature.empty", "none", token(signature=b""), "SIGNATURE")
    book.bad("token.signature.der", "as DER",
             token(signature=b"\x30\x46\x02\x21\x00" + good[:32] + b"\x02\x21\x00" + good[32:]),
             "SIGNATURE")
    book.bad("token.signature.zero", "r and s of 0", token(signature=bytes(64)), "SIGNATURE")
    book.bad("token.signature.claims", "claims that were changed after it", token(
        claims={"exp": NOW + 7200}, signature=good), "SIGNATURE")
    book.bad("token.order.signature-before-claims", "badly signed and expired",
             token(claims={"exp": NOW - 1}, signer=STRANGER), "SIGNATURE")
    book.good("token.key.old", "a key before its end; the token ends with it", token(OLD), until=NOW + 100)
    book.bad("token.key.ended", "a key after its end", token(OLD), "KEY", now=NOW + 100)
    book.good("token.key.begun", "a key from its beginning on", token(NEW), now=NOW + 100)
    book.bad("token.key.early", "a key before its beginning", token(NEW), "KEY", now=NOW + 99)


def wrong_types(book, claim, *values):
    book.bad(f"token.{claim}.absent", "a required claim is missing", token(claims={claim: ABSENT}), "CLAIM")
    for name, value in values:
        book.bad(f"token.{claim}.{name}", "a claim of the wrong type", token(claims={claim: value}), "CLAIM")


def parties(book):
    wrong_types(book, "iss", ("number", 7))
    book.bad("token.iss.other", "an issuer for which the key may not sign",
             token(claims={"iss": "lb-2.example"}), "ISSUER")
    wrong_types(book, "aud", ("number", 7), ("empty", []), ("list-of-numbers", ["web-1.example", 7]))
    for name, says, aud in (("case", "names are compared without case", "WEB-1.Example"),
                            ("address", "the text of an address", "192.0.2.7"),
                            ("list", "a list of which one fits", ["web-2.example", "web-1.example"])):
        book.good(f"token.aud.{name}", says, token(claims={"aud": aud}))
    book.bad("token.aud.other", "for another server", token(claims={"aud": "web-2.example"}), "AUDIENCE")
    book.bad("token.aud.port", "a name with a port", token(claims={"aud": "web-1.example:4243"}), "AUDIENCE")
    book.good("token.key.aud", "a key for this name alone", token(ONE), grants="health")
    book.bad("token.key.other-aud", "another name of the server, which its key may not ask",
             token(ONE, claims={"aud": "192.0.2.7"}), "AUDIENCE")
    book.bad("token.order.iss-before-aud", "both are wrong",
             token(claims={"iss": "x", "aud": "web-2.example"}), "ISSUER")
    book.bad("token.order.aud-before-exp", "both are wrong",
             token(claims={"aud": "web-2.example", "exp": NOW}), "AUDIENCE")


def times(book):
    wrong_types(book, "exp", ("text", str(NOW + 60)), ("fraction", NOW + 60.5), ("below", -1))
    for claim in ("nbf", "iat"):
        book.good(f"token.{claim}.absent", "it is optional", token(claims={claim: ABSENT}))
        book.bad(f"token.{claim}.text", "a claim of the wrong type", token(claims={claim: "now"}), "CLAIM")
        book.bad(f"token.{claim}.ahead", "a second ahead", token(claims={claim: NOW + 1}), "EARLY")
        book.good(f"token.{claim}.leeway", "as far ahead as the leeway", token(claims={claim: NOW + 30}),
                  until=NOW + 3630, leeway=30)
        book.bad(f"token.{claim}.beyond-leeway", "a second further", token(claims={claim: NOW + 31}),
                 "EARLY", leeway=30)
    book.good("token.exp.last", "its last second", token(claims={"exp": NOW + 1}), until=NOW + 1)
    book.bad("token.exp.over", "then it is over", token(claims={"exp": NOW}), "EXPIRED")
    book.good("token.exp.leeway", "the last second of the leeway", token(claims={"exp": NOW - 29}),
              until=NOW + 1, leeway=30)
    book.bad("token.exp.beyond-leeway", "then that is over too", token(claims={"exp": NOW - 30}), "EXPIRED",
             leeway=30)
    book.bad("token.order.exp-before-cnf", "expired and without its binding",
             token(claims={"exp": NOW, "cnf": ABSENT}), "EXPIRED")


def bindings(book):
    bound = b64(BINDING)
    book.bad("token.cnf.absent", "no binding", token(claims={"cnf": ABSENT}), "BINDING")
    book.good("token.cnf.absent-HS256", "a shared secret needs none", token(HS, claims={"cnf": ABSENT}))
    book.good("token.cnf.absent-unbound", "nor a key whose policy says so", token(OPEN, claims={"cnf": ABSENT}))
    for name, cnf in (("other", {"tls-exporter": b64(bytes(32))}), ("text", bound), ("empty", {}),
                      ("beside", {"tls-exporter": bound, "jkt": "x"}), ("other-way", {"jkt": bound}),
                      ("short", {"tls-exporter": b64(BINDING[:31])}),
                      ("padded", {"tls-exporter": bound + "="}), ("null", None)):
        book.bad(f"token.cnf.{name}", "not the binding to this connection", token(claims={"cnf": cnf}),
                 "BINDING")
    for key in (HS, OPEN):
        book.bad(f"token.cnf.other-{key.kid}", "what is there has to match in any case",
                 token(key, claims={"cnf": {"tls-exporter": b64(bytes(32))}}), "BINDING")
    book.bad("token.order.cnf-before-scope", "neither", token(claims={"cnf": ABSENT, "scope": "x"}), "BINDING")


def scopes(book):
    wrong_types(book, "scope", ("list", ["health"]))
    book.good("token.scope.health", "less than its key may grant", token(claims={"scope": "health"}),
              grants="health")
    book.good("token.scope.other", "words of others are ignored",
              token(claims={"scope": "openid health admin"}), grants="health")
    book.good("token.scope.key", "no more than its key may grant", token(ONE), grants="health")
    book.bad("token.scope.none", "no word of ours", token(claims={"scope": "openid"}), "SCOPE")
    book.bad("token.scope.empty", "no word at all", token(claims={"scope": ""}), "SCOPE")
    book.bad("token.scope.not-the-key-s", "none that its key may grant",
             token(ONE, claims={"scope": "config terminate"}), "SCOPE")


def files():
    book = Book()
    for part in (shape, headers, signatures, parties, times, bindings, scopes):
        part(book)
    yield "token_keys.json", json.dumps({"keys": [key.jwk() for key in SET]}, indent=1) + "\n"
    yield "tokens.txt", "\n".join(book.lines).rstrip("\n") + "\n"


def main():
    stale = []
    for name, text in files():
        path = HERE / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if "--check" in sys.argv:
        print("TAP version 13\n1..1")
        print(f"{'not ok' if stale else 'ok'} 1 - the tokens are what make_tokens.py writes")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
