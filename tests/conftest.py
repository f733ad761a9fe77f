"""Fixtures for all tests."""

from collections.abc import Iterator

import pytest

from tests.web.certificates import Certificates
from tests.web.proxy import ProxyWeb
from tests.web.server import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on loopback."""
    with Web() as server:
        yield server


@pytest.fixture
def through_web() -> Iterator[ProxyWeb]:
    """A web server on loopback, with proxies."""
    with ProxyWeb() as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority for https on loopback."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
