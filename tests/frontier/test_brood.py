"""Packed targets against the targets that they stand for; what they take."""

import tracemalloc
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier import brood
from crawler.frontier.brood import Brood, broods
from crawler.frontier.memory import MemoryFrontier
from crawler.model import Link, Settled, Target, Verdict
from tests.frontier.kinds import TTL, Clock, link, target

PARENT = Target("http://a/", "a", 1, "http://seed/", "http://via/", 3, 2, b'{"n":1}')
BRINGS = [PARENT.child, PARENT.hop]

links = st.lists(
    st.builds(
        lambda site, path, fp: Link(f"http://{site}/{path}", site, fp),
        st.sampled_from(["a", "b", "xn--bcher-kva.example:8080"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126)),
        st.integers(-(1 << 63), (1 << 63) - 1),
    )
)


def unpacked(found: Target | Brood) -> list[Target]:
    if isinstance(found, Target):
        return [found]
    whole = [found.first, *found.others]
    assert len(whole) == len(found)
    assert {(found.site, found.depth)} == {(each.site, each.depth) for each in whole}
    return whole


@given(links, st.sampled_from(BRINGS))
def test_what_is_packed_comes_out_as_it_was(
    found: Sequence[Link], bring: Callable[[Link], Target]
) -> None:
    packed = [each for made in broods(found, bring) for each in unpacked(made)]

    sites = dict.fromkeys(link.site for link in found) if len(found) >= brood.WORTH_IT else [None]
    assert packed == [bring(link) for site in sites for link in found if site in (None, link.site)]


async def taken(urls: int, each: int) -> float:
    """Return the bytes for each of so many URLs that wait, ``each`` of a page."""
    frontier = MemoryFrontier(Clock())
    await frontier.add([target(f"127.0.0.1:12345/{page}") for page in range(urls // each)])
    tracemalloc.start()
    try:
        for page in range(urls // each):
            for holding in await frontier.claim(1, 1, TTL):
                for lease in holding.leases:
                    found = [link(f"127.0.0.1:12345/{page}-{number}") for number in range(each)]
                    await frontier.settle([Settled(lease, Verdict.FETCHED, found=found)], ())
        waiting = (await frontier.tally()).left
        assert waiting == urls
        return tracemalloc.get_traced_memory()[0] / waiting
    finally:
        tracemalloc.stop()


async def test_what_waits_takes_little() -> None:
    assert await taken(30_000, 20) < 180


async def test_what_is_not_packed_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brood, "WORTH_IT", 1_000)

    assert await taken(30_000, 20) > 180
