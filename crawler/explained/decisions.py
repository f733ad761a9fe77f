"""Why a URL is, or is not, in a crawl: the crawl's own decisions, made for that URL alone.

What can be known without asking anyone is asked of the rooms that decide it in a crawl; what
comes then is seen in a crawl of that one URL (``visited``).
"""

import contextlib
import dataclasses
import math
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.account import Past
from crawler.app import plan
from crawler.checked import check
from crawler.encoding import moment
from crawler.errors import BadSetting
from crawler.explained.roots import Roots
from crawler.explained.telling import Telling
from crawler.explained.visited import Visitor
from crawler.explanation import (
    BudgetTold,
    DepthTold,
    EndTold,
    Explanation,
    PassEnd,
    ScopeTold,
    StateTold,
    StepTold,
)
from crawler.frontier.inquiry import Account, Inquiry
from crawler.frontier.state import damaged
from crawler.frontier.trail import Answer, Begun, Trail
from crawler.meaning import meant, recalled
from crawler.model import Gone, Known, Reason, Refusal, Target
from crawler.policy import traps, urls
from crawler.policy.scope import Scope, same_domain
from crawler.policy.urls import Canon
from crawler.seeds import Seed, Seeds
from crawler.settings import Settings

PATIENCE = 10.0
"""Seconds that a pause (a Crawl-delay, say) may take, if nobody says more."""

NOTHING = Begun((), ())


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the state of a crawl says of it: nothing, where there is none (yet)."""

    inquiry: Inquiry | None = None
    account: Account | None = None
    begun: Begun = NOTHING

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: str | None, *, required: bool) -> Iterator["Remembered"]:
        """Look into a state. Raises InputMissing if there is none and one is ``required``."""
        if path is None or (not required and not Path(path).exists()):
            yield cls()
            return
        with Inquiry(path) as inquiry:
            yield cls(inquiry, inquiry.account(), inquiry.begun())

    @property
    def path(self) -> str:
        """Where the state is."""
        return "" if self.inquiry is None else self.inquiry.path

    @property
    def settings(self) -> dict[str, Any]:
        """What the crawl was begun with. Raises StateUnusable."""
        try:
            return {} if self.account is None else recalled(self.account.asked)
        except ValueError:
            raise damaged(self.path, "what was asked for is not what it was") from None

    def trail(self, url: str) -> Trail | None:
        """Return what is known of a canonical URL."""
        return None if self.inquiry is None else self.inquiry.trail(url)


async def explain(
    settings: Settings, typed: str, given: Sequence[str] = (), *, offline: bool = False
) -> Explanation:
    """Return why the URL that someone ``typed`` is, or is not, in the crawl of ``settings``.

    What the state was begun with takes the place of settings, but for those ``given`` on the
    command line. With ``offline`` no one is asked anything. Raises CrawlError.
    """
    with Remembered.opened(settings.state, required="state" in given) as remembered:
        begun, then = remembered.begun, remembered.settings
        if then:
            kept = {name: value for name, value in then.items() if name not in given}
            if {"seeds", "input"} & {*given}:
                begun = NOTHING
                kept.pop("seeds", None)
            else:
                kept["input"] = None
            settings = dataclasses.replace(settings, **kept)
        canon = Canon(settings.drop_params)
        try:
            url, normalised = urls.normalised(typed, canon)
        except ValueError as error:
            raise BadSetting(str(error)) from None
        trail = remembered.trail(url)
    checked = check(settings)
    roots = Roots(url, canon, settings.scope == "dir")
    await _sow(roots, settings, begun, typed)
    seeds = [seed.url for seed in roots.kept]
    planned = plan(checked, Past(seeds=seeds, widened=begun.widened))
    scope = _scope(planned.scope, url, exempt=roots.itself or (trail is not None and trail.exempt))
    depth = 0 if roots.itself else None if trail is None else trail.distance
    otherwise = _otherwise(then, meant(checked))
    answer = None if trail is None or otherwise else trail.answer  # others ask for everything
    fetched = None if answer is None else answer.fetched
    least = _least(depth, settings)
    early = _early(url, settings, seeds, scope, least, fetched)
    told = Telling()
    if early is None and not offline:
        link = canon.of(url)
        seed = scope.seed or seeds[0]
        target = Target(
            url,
            link.site,
            link.fp,
            url if roots.itself else seed,
            None,
            least,
        )
        patience = settings.max_wait if "max_wait" in given else PATIENCE
        visitor = Visitor(target, roots.kept, _known(trail), patience)
        told = Telling.of(target, await visitor.visit(checked, planned), planned, patience)
    account = remembered.account
    ends = [early] if early is not None else told.ends
    if account is not None and early is None and not otherwise:
        ends = [*_standing(url, account, trail, seed=roots.itself), *ends]
    return Explanation(
        url=url,
        normalised=normalised,
        otherwise=otherwise,
        seed=roots.itself,
        seeds=roots.named,
        n_seeds=roots.count,
        scope=scope,
        depth=DepthTold(depth=depth, limit=settings.depth, sitemap=settings.sitemap),
        trap=traps.trap(url),
        robots=told.robots,
        budget=BudgetTold(
            max_pages=settings.max_pages,
            pages=None if account is None else account.tally.fetched,
            max_time=settings.max_time,
            max_size=settings.max_size,
        ),
        requests=told.requests,
        page=told.page,
        end=ends[0] if ends else EndTold(url=url, type="unknown"),
        further=ends[1:],
        state=None if account is None else _state(remembered.path, account, trail, answer),
    )


async def _sow(roots: Roots, settings: Settings, begun: Begun, typed: str) -> None:
    """Take the seeds in; where there are none the URL is one itself."""
    for url in begun.seeds:
        roots.take(Seed(url, None))
    texts = settings.seeds
    if not texts and settings.input is None:
        texts = () if roots.count else (typed,)
    if texts or settings.input is not None:
        async for batch in Seeds(texts, settings.input).batches():
            for seed in batch:
                roots.take(seed)


def _scope(scope: Scope, url: str, *, exempt: bool) -> ScopeTold:
    decision = scope.decide(url)
    return ScopeTold(
        kind=scope.kind,
        refusal=decision.refusal,
        seed=decision.seed,
        pattern=decision.pattern,
        exempt=exempt,
    )


def _least(depth: int | None, settings: Settings) -> int:
    """Return how deep a URL is, or, where that is not known, may be and yet be in the crawl."""
    if depth is not None:
        return depth
    return 0 if settings.depth == 0 and settings.sitemap != "off" else 1


def _early(
    url: str,
    settings: Settings,
    seeds: Iterable[str],
    scope: ScopeTold,
    depth: int,
    fetched: float | None,
) -> EndTold | None:
    """Return what comes of a URL that is not even asked about, or None.

    ``fetched`` is when it answered last, seconds since the epoch, if that is known.
    """
    if scope.refusal is not None and not scope.exempt:
        why = None
        if scope.refusal == Refusal.SCOPE and scope.kind == "host" and fetched is None:
            near = next((seed for seed in seeds if same_domain(seed, url)), None)
            why = near and f"it would, if {near} redirected to {urls.origin(url)}/"
        return EndTold(url=url, type="refused", reason=scope.refusal, message=why)
    if settings.depth is not None and depth > settings.depth:
        return EndTold(url=url, type="refused", reason=Refusal.DEPTH.value)
    fresh = math.inf if settings.max_age is None else time.time() - settings.max_age
    if fetched is not None and fetched >= fresh:
        return EndTold(url=url, type="skip", reason=Reason.FRESH.value)
    if (why := traps.trap(url)) is not None:
        return EndTold(url=url, type="skip", reason=Reason.TRAP.value, message=why)
    return None


def _standing(url: str, account: Account, trail: Trail | None, *, seed: bool) -> list[EndTold]:
    """Return why the last pass of a state has not asked for a URL, if it has not."""
    run = account.run
    if trail is None or trail.run < run:
        if seed or account.ended != "drained":
            return []
        why = f"no link that was followed in pass {run} leads to it"
        return [EndTold(url=url, type="unmet", message=why)]
    last = trail.ends[-1]
    if last.why == Gone.UNLINKED:
        why = f"nothing led to it any more in pass {run}"
        return [EndTold(url=url, type="gone", reason=last.why, message=why)]
    if last.verdict is not None:
        return []
    if account.ended is None:
        why = f"pass {run} has not ended, and its turn has not come"
        return [EndTold(url=url, type="left", reason="unfinished", message=why)]
    why = f"pass {run} had its {account.tally.fetched:,} pages (-n) before its turn came"
    return [EndTold(url=url, type="left", reason=account.ended, message=why)]


def _known(trail: Trail | None) -> Known | None:
    """Return what tells a page that is gone from one that never was.

    Validators are none of it: a page that is asked for with them does not say what it is.
    """
    answer = None if trail is None else trail.answer
    return None if answer is None else Known(page=answer.verdict == "page")


def _otherwise(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the flags that are otherwise than in the state's crawl, in words."""
    return [
        f"{_flag(name)} is {_shown(now[name])} here, {_shown(value)} in the state"
        for name, value in then.items()
        if now[name] != value and name != "text"
    ]


def _flag(name: str) -> str:
    return "SEED" if name == "seeds" else f"--{name.replace('_', '-')}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return shlex.join(value) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value)


def _state(
    path: str, account: Account, trail: Trail | None, asked_with: Answer | None
) -> StateTold:
    """Return what a state says; ``asked_with`` is the answer that a pass begins from."""
    if trail is None:
        return StateTold(path=path, passes=account.run, known=False)
    answer = trail.answer
    return StateTold(
        path=path,
        passes=account.run,
        known=True,
        met=trail.run,
        ends=[
            PassEnd(since=each.since, type=each.verdict, status=each.status, reason=each.why)
            for each in trail.ends
        ],
        changes=[(each.run, each.kind) for each in trail.changes],
        fetched=None if answer is None else moment(answer.fetched),
        fetched_pass=None if answer is None else answer.run,
        conditional=asked_with is not None and (asked_with.etag or asked_with.modified) is not None,
        via=trail.via,
        linked=trail.linked,
        sources=list(trail.sources),
        way=[StepTold(url=step.url, by=step.by) for step in trail.path],
    )
