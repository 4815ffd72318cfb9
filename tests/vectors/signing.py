"""The arithmetic of ES256, RS256 and HS256 (RFC 7518, 3), for test vectors and for the second
implementation: the standard library alone, and nothing constant in time.  Not for production."""

import hashlib
import hmac

# P-256 (FIPS 186-4, D.1.2.3): y^2 = x^3 - 3x + B over the prime P; the point G has order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def add(a, b):
    """The sum of two points; None is the point at infinity."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    for bit in bin(k)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def digest(data):
    return int.from_bytes(hashlib.sha256(data).digest(), "big")


def es256_sign(private, data):
    """Signs with a nonce that follows from key and data, so that vectors are the same each time."""
    k = digest(private.to_bytes(32, "big") + data) % (N - 1) + 1
    r = times(k, G)[0] % N
    s = pow(k, -1, N) * (digest(data) + r * private) % N
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def es256_verify(public, data, signature):
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    x, y = public
    if not (0 < r < N and 0 < s < N) or (y * y - (x * x * x - 3 * x + B)) % P != 0:
        return False
    w = pow(s, -1, N)
    point = add(times(digest(data) * w % N, G), times(r * w % N, public))
    return point is not None and point[0] % N == r


def padded(size, data):
    """EMSA-PKCS1-v1_5 of SHA-256 (RFC 8017, 9.2)."""
    tail = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    return b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail


def rs256_sign(n, d, data):
    size = (n.bit_length() + 7) // 8
    return pow(int.from_bytes(padded(size, data), "big"), d, n).to_bytes(size, "big")


def rs256_verify(n, e, data, signature):
    size = (n.bit_length() + 7) // 8
    opened = pow(int.from_bytes(signature, "big"), e, n).to_bytes(size, "big")
    return len(signature) == size and opened == padded(size, data)


def hs256(secret, data):
    return hmac.new(secret, data, hashlib.sha256).digest()
