"""Fixtures for all tests."""

import os
from collections.abc import Iterator

import pytest

from tests.web.certificates import Certificates
from tests.web.proxy import ProxyWeb
from tests.web.server import Web


@pytest.fixture(autouse=True, scope="session")
def _no_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what a developer has configured for their own crawls out of the tests."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("home"))
    for name in [name for name in os.environ if name.startswith("CRAWLER_")]:
        del os.environ[name]


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
