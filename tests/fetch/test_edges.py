"""Faults that no server can be made to show, through aioresponses: each is a value."""

import errno
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses.core as core
import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses

from crawler.model import Failed, Fault
from tests.fetch.wire import fetching

URL = "http://example.com/"


class _Compatible(ClientResponse):
    """aioresponses 0.7.9 does not know an argument that aiohttp has had since 3.14."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", Mock(output_size=0))
        super().__init__(*args, **kwargs)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses]:
    """Answers in place of the wire."""
    monkeypatch.setattr(core, "ClientResponse", _Compatible)
    with aioresponses() as answers:
        yield answers


@pytest.mark.parametrize(
    ("error", "fault", "lasting"),
    [
        (OSError(errno.EMFILE, "too many open files"), Fault.DISCONNECT, False),
        (OSError(errno.ENETDOWN, "network is down"), Fault.DISCONNECT, False),
        (aiohttp.ServerTimeoutError(), Fault.TIMEOUT, False),
        (aiohttp.ClientPayloadError("broken"), Fault.PROTOCOL, True),
        (aiohttp.InvalidURL("http://"), Fault.PROTOCOL, True),
        (ValueError("what a library says of a header"), Fault.PROTOCOL, True),
    ],
)
async def test_what_the_wire_raises_is_a_failure(
    mocked: aioresponses, error: Exception, fault: Fault, lasting: bool
) -> None:
    mocked.get(URL, exception=error)

    async with fetching() as fetcher:
        outcome = await fetcher.fetch(URL)

    assert isinstance(outcome, Failed)
    assert (outcome.fault, outcome.lasting, outcome.status) == (fault, lasting, None)
    assert outcome.message


async def test_a_bug_is_not_taken_for_the_web(mocked: aioresponses) -> None:
    mocked.get(URL, exception=ZeroDivisionError())

    async with fetching() as fetcher:
        with pytest.raises(ZeroDivisionError):
            await fetcher.fetch(URL)
