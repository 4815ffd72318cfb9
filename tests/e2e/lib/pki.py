"""Certificates, good and bad: a CA of the test's own, or the one of a state directory."""

import os
import time
from pathlib import Path

from lib.jwt import openssl

DAY = 24 * 3600

_CONFIG = """
[ca]
default_ca = here
[here]
database = {dir}/index.txt
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {usage}
{names}
[req]
distinguished_name = nobody
[nobody]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[alone]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
"""


def utc(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _config(directory, usage="serverAuth", names=""):
    path = directory / "openssl.cnf"
    path.write_text(_CONFIG.format(dir=directory, usage=usage,
                                   names=f"subjectAltName = {names}" if names else ""))
    return path


def _key(directory, name):
    path = directory / f"{name}-key.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    os.chmod(path, 0o600)
    return path


def self_signed(directory, name, extensions="alone"):
    """(certificate, key) that nobody vouches for; `root`: a CA's."""
    directory = Path(directory)
    key, cert = _key(directory, name), directory / f"{name}.pem"
    openssl("req", "-x509", "-new", "-key", key, "-out", cert, "-days", 30, "-subj", f"/CN={name}",
            "-config", _config(directory), "-extensions", extensions)
    return cert, key


class Ca:
    """Issues certificates; made anew, or from a certificate and a key that are there."""

    def __init__(self, directory, cert=None, key=None):
        self.dir = Path(directory)
        self.dir.mkdir(exist_ok=True)
        (self.dir / "index.txt").touch()
        self.cert, self.key = (cert, key) if cert else self_signed(self.dir, "ca", "root")

    def issue(self, name, names="DNS:localhost", begin=-DAY, end=30 * DAY, usage="serverAuth"):
        """(certificate with the CA's behind it, key); begin and end in seconds from now."""
        now = time.time()
        key, request, cert = _key(self.dir, name), self.dir / f"{name}.csr", self.dir / f"{name}.pem"
        config = _config(self.dir, usage, names)
        openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}", "-config", config)
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.cert, "-keyfile", self.key,
                "-in", request, "-out", cert, "-startdate", utc(now + begin), "-enddate",
                utc(now + end))
        with open(cert, "a", encoding="ascii") as out:
            out.write(Path(self.cert).read_text(encoding="ascii"))
        return cert, key
