"""Tokens and keys made by hand, the right ones and every wrong one: a header, claims and a way to
sign, joined without a look at whether they make sense.  openssl does the arithmetic."""

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def join(header, claims, sign):
    """JWS compact serialisation; sign(bytes) -> bytes."""
    signed = f"{b64(compact(header))}.{b64(compact(claims))}"
    return f"{signed}.{b64(sign(signed.encode()))}"


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout


def pem(label, der):
    return f"-----BEGIN {label}-----\n" + base64.encodebytes(der).decode() + f"-----END {label}-----\n"


def _signature_numbers(der):
    """r and s of an ECDSA signature in DER, 32 bytes each."""
    assert der[0] == 0x30 and der[2] == 0x02
    end = 4 + der[3]
    for number in (der[4:end], der[end + 2:]):
        yield int.from_bytes(number, "big").to_bytes(32, "big")


class PemSigner:
    """Signs with a private key in PEM, as a JWS algorithm wants it."""

    def __init__(self, text):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".pem")  # 0600
        self.file.write(text)
        self.file.flush()

    def es256(self, data):
        return b"".join(_signature_numbers(self.rs256(data)))

    def rs256(self, data):
        return openssl("dgst", "-sha256", "-sign", self.file.name, stdin=data)


def hs256(secret):
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


# SubjectPublicKeyInfo and ECPrivateKey of P-256 have one length each, so their heads are constants
# (RFC 5480, 2; RFC 5915, 3).
_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_PRIVATE = bytes.fromhex("30770201010420")
_CURVE = bytes.fromhex("a00a06082a8648ce3d030107a144034200")


class LbKey:
    """A load balancer's key: the private JWK of a state directory (lb/token-key.json)."""

    def __init__(self, path):
        with open(path, encoding="ascii") as file:
            self.jwk = json.load(file)
        point = b"\x04" + unb64(self.jwk["x"]) + unb64(self.jwk["y"])
        private = _PRIVATE + unb64(self.jwk["d"]) + _CURVE + point
        self.public_pem = pem("PUBLIC KEY", _SPKI + point)
        self.private_pem = pem("EC PRIVATE KEY", private)
        self.sign = PemSigner(self.private_pem).es256

    def header(self, **over):
        return changed({"alg": "ES256", "kid": self.jwk["kid"], "typ": "JWT"}, over)

    def claims(self, exporter, **over):
        now = int(time.time())
        return changed({"iss": self.jwk["iss"], "aud": "localhost", "iat": now, "nbf": now,
                        "exp": now + 600, "scope": "health config terminate",
                        "cnf": {"tls-exporter": b64(exporter)}}, over)

    def token(self, exporter, **over):
        """A good token for the connection with this exporter value, but for what is in `over`;
        None takes a claim out."""
        return join(self.header(), self.claims(exporter, **over), self.sign)


def changed(members, over):
    return {name: value for name, value in {**members, **over}.items() if value is not None}


def secret_jwk(secret, **over):
    """An HS256 key as a server's policy (--keys-file) holds it."""
    return {"kty": "oct", "k": b64(secret), "alg": "HS256", "kid": "shared", "iss": "lb:shared",
            "scope": "health config terminate", **over}


class RsaIssuer:
    """An outside issuer: an RSA key, and its public JWK."""

    def __init__(self, **over):
        private = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").decode()
        self.signer = PemSigner(private)
        self.sign = self.signer.rs256
        modulus = openssl("rsa", "-in", self.signer.file.name, "-noout", "-modulus").decode()
        n = bytes.fromhex(modulus.strip().removeprefix("Modulus="))
        self.jwk = {"kty": "RSA", "n": b64(n), "e": b64(b"\x01\x00\x01"), "alg": "RS256",
                    "kid": "outside", "iss": "https://issuer.example", "scope": "health", **over}

    def token(self, **over):
        now = int(time.time())
        claims = {"iss": self.jwk["iss"], "aud": "localhost", "iat": now, "exp": now + 600,
                  "scope": "openid health"}
        return join({"alg": "RS256", "kid": self.jwk["kid"]}, changed(claims, over), self.sign)
