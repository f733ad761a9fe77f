"""Faults that no server can be made to show: whatever connecting raises is a value."""

import errno
from typing import Any

import aiohttp
import pytest

from crawler.fetch.connection import Connector
from crawler.model import Failed, Fault
from tests.fetch.wire import fetching

URL = "http://example.com/"


def raising(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have every attempt to connect end like this."""

    async def connect(self: Connector, *asked: Any) -> None:
        raise error

    monkeypatch.setattr(Connector, "connect", connect)


@pytest.mark.parametrize(
    ("error", "fault", "lasting"),
    [
        (OSError(errno.EMFILE, "too many open files"), Fault.DISCONNECT, False),
        (OSError(errno.ENETDOWN, "network is down"), Fault.DISCONNECT, False),
        (aiohttp.ServerTimeoutError(), Fault.TIMEOUT, False),
        (aiohttp.ClientPayloadError("broken"), Fault.PROTOCOL, True),
        (ValueError("what a library says of a header"), Fault.PROTOCOL, True),
    ],
)
async def test_what_the_wire_raises_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, error: Exception, fault: Fault, lasting: bool
) -> None:
    raising(monkeypatch, error)

    async with fetching() as fetcher:
        outcome = await fetcher.fetch(URL)

    assert isinstance(outcome, Failed)
    assert (outcome.fault, outcome.lasting, outcome.status) == (fault, lasting, None)
    assert outcome.message


async def test_a_bug_is_not_taken_for_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, ZeroDivisionError())

    async with fetching() as fetcher:
        with pytest.raises(ZeroDivisionError):
            await fetcher.fetch(URL)
