"""The same command night after night over a site that changes, and what should come of it."""

import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from tests.cli.lives import Life
from tests.cli.mortal import MOMENTS
from tests.cli.run import COMMAND, Ran, finish
from tests.web.changing import Site

End = tuple[str, str, str | None]
"""Path, record type, and its change, reason or class of error."""

WITH_ITEMS = ("--emit", "page,item,redirect,error,gone,skip,summary")
SELECT = ("-s", "words=title", "-s", "to[]=a::attr(href)", "--extract", "tests.cli.taken:links",
          *WITH_ITEMS)  # fmt: skip
"""What :func:`selected` is taken by: all that pages of a site say."""

Says = tuple[dict[str, Any], list[dict[str, Any]]]
"""The fields of a page, and those of its items in their order."""

MAIN = "\nfrom crawler.cli import main\nmain()"


@dataclass
class Nights:
    """A crawl with a state, run again and again; ``broken`` is code that breaks it on purpose."""

    site: Site
    life: Life
    broken: str = ""

    def run(self, *more: str) -> Ran:
        """Run the command once, to its end."""
        return finish([*self.command, *self.life.args(*more)])

    def diff(self, *more: str) -> list[str]:
        """Return the lines of ``crawler diff``, with the site's origin taken off."""
        ran = finish([*self.command, "diff", str(self.life.state), *more])
        assert (ran.code, ran.err) == (0, ""), (ran.code, ran.err)
        return [line.replace(self.site.origin, "") for line in ran.out.splitlines()]

    @property
    def command(self) -> list[str]:
        """The command, broken or not."""
        return [sys.executable, "-c", self.broken + MAIN] if self.broken else COMMAND

    def night(self, *more: str) -> list[dict[str, Any]]:
        """Run the command, which has to end well, and return what it wrote."""
        before = self.written()
        self.site.night()
        ran = self.run(*more)
        assert (ran.code, ran.err) == (0, ""), (ran.code, ran.err)
        return self.life.records()[before:]

    def night_with_deaths(self, dice: random.Random, *more: str) -> list[dict[str, Any]]:
        """Run the command until its pass has ended, killed now and then; return the pass."""
        number = self.last()[0] + 1
        for _ in range(20):
            if dice.random() < 0.5:
                ran = self.life.die(dice.choice(MOMENTS), dice.randint(1, 12), *more)
            else:
                ran = self.run(*more)
            assert ran.code in (0, -9), (ran.code, ran.err)
            if self.last() == (number, "drained"):
                break
        assert self.last() == (number, "drained")
        return [each for each in self.life.records() if each["pass"] == number]

    def last(self) -> tuple[int, str | None]:
        """Return the number of the last pass, and how it ended."""
        if not self.life.state.exists():
            return 0, None
        with closing(sqlite3.connect(self.life.state)) as db:
            number, ended = db.execute(
                "SELECT number, ended FROM pass ORDER BY number DESC LIMIT 1"
            ).fetchone()
        return number, ended

    def written(self) -> int:
        """Return how many records there are."""
        return len(self.life.records()) if self.life.out.exists() else 0

    def ends(self, records: list[dict[str, Any]]) -> set[End]:
        """Return how each URL ended; two ends are an error."""
        told = [
            (
                each["url"].removeprefix(self.site.origin),
                each["type"],
                each.get("change") or each.get("reason") or each.get("error", {}).get("class"),
            )
            for each in records
            if each["type"] not in ("summary", "item")
        ]
        ends = set(told)
        assert len({path for path, *_ in told}) == len(told), "two ends for one URL"
        return ends

    def says(self, records: list[dict[str, Any]]) -> dict[str, Says]:
        """Return what is selected of each page; items that are not numbered are an error."""
        items: dict[str, list[dict[str, Any]]] = {}
        for each in records:
            if each["type"] == "item":
                items.setdefault(each["url"], []).append(each)
        for url, found in items.items():
            assert [each["index"] for each in found] == list(range(len(found))), url
        pages = {each["url"]: each.get("fields", {}) for each in records if each["type"] == "page"}
        assert items.keys() <= pages.keys()
        return {
            url.removeprefix(self.site.origin): (
                fields, [each["fields"] for each in items.get(url, [])]
            )
            for url, fields in pages.items()
        }  # fmt: skip


def selected(site: Site, path: str) -> Says:
    """Return what ``SELECT`` takes out of a page that a site serves now."""
    links = site.links[path]
    words = " ".join(site.texts[path].split())
    return {"words": words, "to": list(links)}, [{"to": link, "words": link} for link in links]


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the summary among records."""
    (found,) = [each for each in records if each["type"] == "summary"]
    return found


@dataclass
class Truth:
    """What a crawl from ``/0`` has to say of a site, worked out from what the site serves.

    ``says`` is what it has to select of the pages of the last pass, sent again or not.
    """

    site: Site
    known: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    passes: int = 0
    says: dict[str, Says] = field(default_factory=dict)

    def night(self) -> set[End]:
        """Return the ends of the next pass."""
        self.passes += 1
        self.says = {}
        ends: set[End] = set()
        unsure = False
        todo, met = ["/0"], {"/0"}
        now: dict[str, tuple[str, list[str]]] = dict(self.known)
        while todo:
            path = todo.pop()
            before = self.known.get(path)
            links: list[str] = before[1] if before else []
            if self.site.refuses(path) is not None:
                ends.add((path, "error", "http_5xx"))
                unsure = True
            elif path in self.site.links:
                links = self.site.links[path]
                said = self.site.texts[path] + " ".join(links)
                change = None if self.passes == 1 else "new"
                if before is not None:
                    change = "unchanged" if before[0] == said else "changed"
                ends.add((path, "page", change))
                self.says[path] = selected(self.site, path)
                now[path] = (said, list(links))
            else:
                links = []
                ends.add((path, "gone", "http") if before else (path, "error", "http_4xx"))
                now.pop(path, None)
            for link in links:
                if link not in met:
                    met.add(link)
                    todo.append(link)
        if not unsure:
            for path in set(now) - met:
                ends.add((path, "gone", "unlinked"))
                del now[path]
        self.known = now
        return ends


class Script:
    """Changes a site from night to night, by a seed: edits, pages and links that come and go,
    and a section that is down for a night.
    """

    def __init__(self, site: Site, seed: int) -> None:
        self._site = site
        self._dice = random.Random(seed)
        self._number = 1_000

    def day(self) -> None:
        """Change the site."""
        dice, site = self._dice, self._site
        for _ in range(dice.randint(0, 6)):
            path = dice.choice([each for each in site.links if each != "/0"])
            what = dice.randrange(5)
            if what == 0:
                site.edit(path, f"words of day {dice.random()}")
            elif what == 1:
                self._number += 1
                new = f"/{self._number}"
                site.add(new, dice.sample(sorted(site.links), 2))
                site.links[path].append(new)
            elif what == 2:
                site.remove(path)
            elif what == 3:
                site.unlink(path)
            else:  # gone, and still linked to
                del site.links[path], site.texts[path]
        down = set(dice.sample(sorted(site.links), 3)) if dice.random() < 0.4 else set()
        site.refuses = lambda path: 500 if path in down and path != "/0" else None
