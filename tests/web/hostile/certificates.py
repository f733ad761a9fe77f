"""Certificates for 127.0.0.1, good and bad, made anew by the ``openssl`` command."""

import ssl
import subprocess
from pathlib import Path

KINDS = {
    "good": ("127.0.0.1", 2),
    "expired": ("127.0.0.1", -1),
    "other": ("127.0.0.2", 2),
    "own": ("127.0.0.1", 2),
}
"""The address that a certificate is for, and in how many days it expires."""

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def authority(folder: Path) -> Path:
    """Return the certificate of a new authority; crawlers trust it by ``SSL_CERT_FILE``."""
    _openssl(folder, "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=a")
    return folder / "ca.pem"


def context(folder: Path, kind: str) -> ssl.SSLContext:
    """Return what a server needs to show a certificate of one of ``KINDS``."""
    address, days = KINDS[kind]
    key, request, certificate = (f"{kind}.{end}" for end in ("key", "csr", "pem"))
    (folder / "names").write_text(f"subjectAltName=IP:{address}\n")
    _openssl(folder, "req", *_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={address}")
    signer = ["-signkey", key] if kind == "own" else ["-CA", "ca.pem", "-CAkey", "ca.key"]
    _openssl(folder, "x509", "-req", "-in", request, *signer, "-days", str(days),
             "-extfile", "names", "-out", certificate)  # fmt: skip
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / certificate, folder / key)
    return made


def _openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)
