"""For ``--extract tests.cli.taken:links``: an item for each link of a page."""

from collections.abc import Iterator
from typing import Any

import crawler


def links(page: crawler.Document) -> Iterator[dict[str, Any]]:
    for anchor in page.tree.css("a"):
        yield {"to": anchor.attributes["href"], "words": anchor.text()}
