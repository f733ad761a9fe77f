"""Dispatch and the frontier together: paced sites that make way for others, to the end."""

import pytest

from crawler.account import Tally
from crawler.engine.crawl import Limits
from crawler.frontier.memory import MemoryFrontier
from crawler.model import Holding
from crawler.policy.pace import Manners
from tests import virtual
from tests.engine.make import MemoryWeb, page, rig


def test_more_slow_sites_than_may_be_held_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = 0
    real = MemoryFrontier.claim

    async def claim(self: MemoryFrontier, sites: int, per_site: int, ttl: float) -> list[Holding]:
        nonlocal claims
        claims += 1
        if claims > 2_000:
            raise RuntimeError("dispatch goes round in circles")
        return list(await real(self, sites, per_site, ttl))

    monkeypatch.setattr(MemoryFrontier, "claim", claim)

    async def main() -> tuple[Tally, float]:
        web = MemoryWeb(lambda url: page(url, [f"/{number}" for number in range(5)]))
        limits = Limits(concurrency=4, workers=4, line=1, sites=1, per_site=2)
        made = rig(web, limits=limits, manners=Manners(delay=30.0, limit=1))
        result = await made.run("http://a.test/0", "http://b.test/0", "http://c.test/0")
        if result.error is not None:
            raise result.error
        return result.tally, result.elapsed

    tally, elapsed = virtual.run(main())

    assert (tally.fetched, tally.left) == (15, 0)
    assert elapsed < 240, "one after another they would take 12 pauses of 30 s"
