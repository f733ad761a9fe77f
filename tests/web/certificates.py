"""Certificates made up for a test run, by an authority that nobody else trusts."""

import datetime
import ssl
from functools import cache
from pathlib import Path

import trustme

_YEAR = datetime.timedelta(days=365)


class Certificates:
    """An authority; ``file`` is what SSL_CERT_FILE is to name for it to be trusted."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "authority.pem"
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(self.file))

    def valid(self, *hosts: str) -> ssl.SSLContext:
        """A server with a good certificate for these hosts."""
        return _server(self._authority.issue_cert(*hosts))

    def expired(self, *hosts: str) -> ssl.SSLContext:
        """A server whose certificate was good a year ago."""
        now = datetime.datetime.now(datetime.UTC)
        cert = self._authority.issue_cert(*hosts, not_before=now - 2 * _YEAR, not_after=now - _YEAR)
        return _server(cert)

    def self_signed(self, *hosts: str) -> ssl.SSLContext:
        """A server that vouches for itself."""
        return _server(_stranger().issue_cert(*hosts))


@cache
def _stranger() -> trustme.CA:
    return trustme.CA()


def _server(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context
