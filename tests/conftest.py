"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest

from tests.web.server import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on loopback."""
    with Web() as server:
        yield server
