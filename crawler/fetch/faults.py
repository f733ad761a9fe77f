"""What the wire raises, translated at the door: a failure with its class, in a few words."""

import os
import socket
import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from crawler.errors import words
from crawler.model import Failed, Fault


def late(error: TimeoutError, timeout: float, connect_timeout: float) -> Failed:
    """Return the failure of a request that was over its time, in seconds, before any answer."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Failed(Fault.TIMEOUT, f"no connection within {connect_timeout:g} s")
    return Failed(Fault.TIMEOUT, f"no answer within {timeout:g} s")


def failed(error: Exception) -> Failed:
    """Return the failure that an exception of the wire stands for."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return _unresolved(error.os_error)
        case aiohttp.ClientConnectorCertificateError():
            words = getattr(error.certificate_error, "verify_message", "") or "bad certificate"
            return Failed(Fault.TLS, f"certificate: {words}", lasting=True)
        case aiohttp.ClientConnectorSSLError():
            return Failed(Fault.TLS, _words(error.os_error), lasting=True)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Failed(Fault.TLS, _words(error), lasting=True)
        case aiohttp.ClientConnectorError():
            return Failed(Fault.CONNECT, _words(error.os_error))
        case aiohttp.ServerDisconnectedError():
            return Failed(Fault.DISCONNECT, "the server closed the connection without an answer")
        case HttpProcessingError():
            return Failed(Fault.PROTOCOL, _words(error), lasting=True)
        case OSError():
            return Failed(Fault.DISCONNECT, _words(error))
    return Failed(Fault.PROTOCOL, _words(error), lasting=True)


def _unresolved(error: OSError) -> Failed:
    if isinstance(error, socket.gaierror):
        lasting = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", 0))
        return Failed(Fault.DNS, words(error), lasting=lasting)
    return Failed(Fault.DNS, str(error))


def _words(error: BaseException) -> str:
    """Return an exception in a few words for a record."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS handshake failed: {error.reason.replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return (getattr(error, "message", "") or str(error) or type(error).__name__)[:300]
