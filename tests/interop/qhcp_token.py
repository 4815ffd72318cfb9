"""The verification of tokens, a second time: written from docs/protocol.md's section on tokens alone,
with the standard library and the arithmetic of tests/vectors/signing.py.  Not for production.

verify(keys, token, demand) -> Grant, or Refused with the name of the error.
"""

import base64
import json
import re
from dataclasses import dataclass

import signing

TOKEN_MAX = 8192
OURS = ("health", "config", "terminate")
FORBIDDEN = ("jwk", "jku", "x5u", "x5c", "b64")


class Refused(Exception):
    """The token is refused with this error."""


@dataclass
class Demand:
    names: list
    binding: bytes
    now: int
    leeway: int


@dataclass
class Grant:
    scopes: list
    until: int


def need(good, error):
    if not good:
        raise Refused("TOKEN_" + error)


def strict(text):
    """Base64url without padding, in the one spelling that its bytes have."""
    need(re.fullmatch(r"[A-Za-z0-9_-]*", text, re.ASCII), "MALFORMED")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refused("TOKEN_MALFORMED") from None
    need(base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text, "MALFORMED")
    return data


def members(pairs):
    need(len({name for name, _ in pairs}) == len(pairs), "MALFORMED")
    return dict(pairs)


def an_object(data):
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=members)
    except ValueError:
        raise Refused("TOKEN_MALFORMED") from None
    need(isinstance(value, dict), "MALFORMED")
    return value


def number(text):
    return int.from_bytes(strict(text), "big")


def signed(key, data, signature):
    if key["alg"] == "HS256":
        return signing.hs256(strict(key["k"]), data) == signature
    if key["alg"] == "RS256":
        return signing.rs256_verify(number(key["n"]), number(key["e"]), data, signature)
    return signing.es256_verify((number(key["x"]), number(key["y"])), data, signature)


def find_key(keys, header):
    need("crit" not in header, "CRIT")
    need(not any(name in header for name in FORBIDDEN), "MALFORMED")
    kid = header.get("kid")
    found = [key for key in keys if isinstance(kid, str) and key["kid"] == kid]
    need(found, "KEY")
    need(header.get("alg") == found[0]["alg"], "ALGORITHM")
    return found[0]


def a_text(claims, name):
    need(isinstance(claims.get(name), str), "CLAIM")
    return claims[name]


def a_time(claims, name, absent=None):
    value = claims.get(name, absent)
    need(type(value) is int and value >= 0, "CLAIM")
    return value


def check_audience(claims, key, names):
    aud = claims.get("aud")
    aud = [aud] if isinstance(aud, str) else aud
    need(isinstance(aud, list) and aud and all(isinstance(a, str) for a in aud), "CLAIM")
    may = key.get("aud", aud)
    may = {a.lower() for a in ([may] if isinstance(may, str) else may)}
    need({a.lower() for a in aud} & {name.lower() for name in names} & may, "AUDIENCE")


def check_times(claims, demand):
    exp, nbf, iat = a_time(claims, "exp"), a_time(claims, "nbf", 0), a_time(claims, "iat", 0)
    need(demand.now < exp + demand.leeway, "EXPIRED")
    need(max(nbf, iat) <= demand.now + demand.leeway, "EARLY")
    return exp


def check_binding(claims, key, binding):
    if "cnf" not in claims:
        need(key["alg"] == "HS256" or key.get("unbound"), "BINDING")
        return
    cnf = claims["cnf"]
    need(isinstance(cnf, dict) and list(cnf) == ["tls-exporter"], "BINDING")
    try:
        bound = strict(cnf["tls-exporter"])
    except (Refused, TypeError):
        raise Refused("TOKEN_BINDING") from None
    need(bound == binding, "BINDING")


def check_claims(claims, key, demand):
    need(key.get("nbf", 0) <= demand.now < key.get("exp", demand.now + 1), "KEY")
    need(a_text(claims, "iss") == key["iss"], "ISSUER")
    check_audience(claims, key, demand.names)
    exp = check_times(claims, demand)
    check_binding(claims, key, demand.binding)
    words = set(a_text(claims, "scope").split(" ")) & set(key["scope"].split(" "))
    scopes = [word for word in OURS if word in words]
    need(scopes, "SCOPE")
    return Grant(scopes, min(exp, key.get("exp", exp)) + demand.leeway)


def verify(keys, token, demand):
    need(len(token) <= TOKEN_MAX and token.count(".") == 2, "MALFORMED")
    head, body, signature = token.split(".")
    header = an_object(strict(head))
    payload, signature = strict(body), strict(signature)
    key = find_key(keys, header)
    need(signed(key, f"{head}.{body}".encode(), signature), "SIGNATURE")
    return check_claims(an_object(payload), key, demand)
