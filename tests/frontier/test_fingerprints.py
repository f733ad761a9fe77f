"""The seen-set of a crawl in memory against a plain set."""

import random
from collections.abc import Iterable

import pytest

from crawler.frontier import fingerprints
from crawler.frontier.fingerprints import Fingerprints
from crawler.model import Link

RECENT = 50


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "RECENT", RECENT)
    monkeypatch.setattr(fingerprints, "BUCKETS", 8)


def walk(kind: type[Fingerprints], seed: int, most: int = 1_000) -> Fingerprints:
    """Ask a set about pages of links, some of which it knows, and compare."""
    dice, made, truth = random.Random(seed), kind(), set[int]()
    pool = [dice.getrandbits(64) - (1 << 63) for _ in range(most)]
    pool += [0, -1, -(1 << 63), (1 << 63) - 1, *(1 << 8 * shift for shift in range(7))]
    for _ in range(400):
        fps = dice.choices(pool, k=dice.randint(0, 12))
        new = [link.fp for link in made.new([Link("", "", fp) for fp in fps])]
        assert new == [fp for fp in dict.fromkeys(fps) if fp not in truth]
        truth |= set(fps)
        assert len(made._recent) < RECENT + 12
    assert len(truth) > most / 2
    return made


@pytest.mark.parametrize("seed", range(10))
def test_it_knows_what_a_set_knows(seed: int) -> None:
    assert walk(Fingerprints, seed)._buckets, "it has been full"
    walk(Fingerprints, seed, RECENT // 2)


class LosesWhatItPutsAway(Fingerprints):
    def _put(self, fps: Iterable[int]) -> list[int]:
        new = super()._put(fps)
        self._buckets[3] = b""
        return new


class ForgetsTheFirst(Fingerprints):
    """Does not put away what came before it was full."""

    def _put(self, fps: Iterable[int]) -> list[int]:
        return list(fps) if fps is self._recent else super()._put(fps)


class NeverForgets(Fingerprints):
    def new(self, urls: Iterable[Link]) -> list[Link]:  # type: ignore[override]
        unmet = {url.fp: url for url in urls if url.fp not in self._recent}
        self._recent.update(unmet)
        return list(unmet.values())


def across() -> None:
    """Ask for what is only there where one ends and the next begins."""
    made = Fingerprints()
    made.new([Link("", "", 1_000 + each) for each in range(RECENT)])  # now they are put away
    made.new([Link("", "", 0), Link("", "", 1)])
    assert made.new([Link("", "", 1 << 48)]), "0 and 1 have it between them"


def test_one_is_not_found_across_two_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "BUCKETS", 1)
    across()
    monkeypatch.setattr(fingerprints, "_holds", bytes.__contains__)

    with pytest.raises(AssertionError):
        across()


@pytest.mark.parametrize("broken", [LosesWhatItPutsAway, ForgetsTheFirst, NeverForgets])
def test_a_broken_set_is_noticed(broken: type[Fingerprints]) -> None:
    with pytest.raises(AssertionError):
        walk(broken, 0)
