"""A damaged state is used to the right end, or refused and left as it is."""

import contextlib
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest

from tests.frontier.damage import (
    LEFT,
    Crawl,
    End,
    all_urls,
    columns,
    copied,
    differences,
    ends,
    harm,
    judge,
    leave,
    tamper,
)
from tests.frontier.kinds import scratch


@dataclass
class States:
    """States left in the middle in every way, and how their passes end undamaged."""

    crawls: list[Crawl]
    truth: Mapping[int, set[End]]


@pytest.fixture
async def states() -> AsyncIterator[States]:
    with scratch() as base:
        crawls = [await leave(base / how, how) for how in LEFT]
        truths = [await drained(crawl) for crawl in crawls]
        assert all(truth == truths[0] for truth in truths[:4])
        assert truths[4] == truths[5]
        assert {end[0] for end in truths[0]} == all_urls()
        assert sum(verdict == "gone" for _, verdict, *_ in truths[4]) > 50
        yield States(crawls, {1: truths[0], 2: truths[4]})


async def drained(left: Crawl) -> set[End]:
    with copied(left) as crawl:
        async with crawl.opened() as frontier:
            await crawl.go_on(frontier)
        return ends(crawl.folder)


async def harmed(states: States, seeds: range) -> None:
    """Damage and drain many times; print the counts, and what is wrong with its columns."""
    counts: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        dice = random.Random(seed)
        with copied(dice.choice(states.crawls)) as crawl, scratch() as beside:
            shutil.copytree(crawl.folder, beside / "whole")
            what = harm(crawl.folder, dice)
            shutil.copytree(crawl.folder, beside / "harmed")
            verdict = await judge(crawl, states.truth)
            counts[verdict.partition(":")[0]] += 1
            if verdict.startswith("wrong"):
                where = differences(beside / "whole/state.db", beside / "harmed/state.db")
                wrong.append(f"{seed}: {what}: {verdict} ({where})")
    print(dict(counts))
    assert not wrong, "\n".join(wrong)
    assert counts["equal"] > len(seeds) // 2
    assert counts["refused"] > len(seeds) // 20


async def test_a_damaged_state_ends_well_or_is_refused(states: States) -> None:
    await harmed(states, range(60))


async def test_no_column_can_be_wrong_unnoticed(states: States) -> None:
    for how in ("closed", "again closed"):
        assert await tampered(states, states.crawls[LEFT.index(how)]) == set(), how


async def test_columns_that_no_one_checks_would_be_noticed(
    states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.frontier.state.wrong", lambda db: None)
    closed = states.crawls[LEFT.index("closed")]
    assert len(await tampered(states, closed)) > 5


async def tampered(states: States, closed: Crawl) -> set[str]:
    """Return the columns in which a value of ours can be another without being noticed."""
    wrong = set()
    for table, column in columns():
        for which in ("verdict IS NULL", "verdict NOT NULL") if table == "url" else ("1",):
            with copied(closed) as crawl:
                done = tamper(crawl.folder, table, column, which)
                with contextlib.suppress(ValueError):  # no enum has this value: surely noticed
                    if done and (await judge(crawl, states.truth)).startswith("wrong"):
                        wrong.add(f"{table}.{column}")
    return wrong


@pytest.mark.slow
async def test_500_damaged_states_end_well_or_are_refused(states: States) -> None:
    await harmed(states, range(60, 560))
