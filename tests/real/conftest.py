"""The documentation as fixtures, served once for the session."""

from collections.abc import Iterator

import pytest

from tests.real.docs import FOLDERS, nginx


@pytest.fixture(scope="session")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Origins of the three documentations by name."""
    with nginx(FOLDERS, tmp_path_factory.mktemp("nginx")) as origins:
        yield origins
