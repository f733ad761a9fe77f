"""kill -9 at any moment, and the same command again: every record once, none lost, none torn."""

import random
import re
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.mortal import MOMENTS
from tests.cli.run import finish
from tests.cli.written import parts, rows
from tests.web.server import Reply, Request, Web, html

WORKERS = 64 + 16 * 3
"""Requests at once, and pages that one parsing child may have."""

BATCH = 500


@dataclass
class Site:
    """A generated site: pages, redirects, missing pages, pages that fail at first."""

    pages: int
    seed: int
    origin: str = ""
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        paths = [f"/{number}" for number in range(self.pages)]
        self.links = {path: [chance.choice(paths) for _ in range(6)] for path in paths}
        for number in range(1, self.pages):
            self.links[f"/{chance.randrange(max(0, number - 60), number)}"].append(f"/{number}")
        self.kind = {path: chance.choices("prm", (94, 3, 3))[0] for path in paths[1:]} | {"/0": "p"}
        self.shaky = set(chance.sample(paths, self.pages // 100))
        self.bodies = {path: html(links, path) for path, links in self.links.items()}

    async def answer(self, request: Request) -> Reply:
        """Serve one request."""
        path = request.path
        self.asked[path] += 1
        kind = self.kind.get(path, "m")
        if kind == "m":
            return Reply("none", 404)
        if path in self.shaky and self.asked[path] == 1:
            return Reply("later", 500)
        if kind == "r":
            return Reply(b"", 302, headers={"Location": self.links[path][-1]})
        return Reply(self.bodies[path])

    def truth(self) -> dict[str, str]:
        """Return the record type of every URL that can be reached."""
        types = {"p": "page", "r": "redirect", "m": "error"}
        ends: dict[str, str] = {}
        line = ["/0"]
        while line:
            path = line.pop()
            if path not in ends:
                kind = self.kind[path]
                ends[path] = types[kind]
                line += self.links[path] if kind == "p" else self.links[path][-1:] * (kind == "r")
        return {self.origin + path: type_ for path, type_ in ends.items()}


@dataclass
class Life:
    """A crawl that dies now and then; ``refetched`` counts requests per death."""

    site: Site
    folder: Path
    outputs: tuple[str, ...] = ("out.jsonl",)
    flags: tuple[str, ...] = ()
    variant: str = "-"
    deaths: int = 0
    refetched: list[int] = field(default_factory=list)

    def run(self, moment: str = "never", number: int = 1) -> int:
        """Run the command until it ends or dies; return its exit code."""
        outputs = [arg for name in self.outputs for arg in ("-o", str(self.folder / name))]
        ran = finish(
            [
                sys.executable, "-m", "tests.cli.mortal", moment, str(number), self.variant,
                "crawl", f"{self.site.origin}/0", "--state", str(self.folder / "crawl.db"),
                "--per-host", "64", "--parsers", "1", "--retries", "1", *outputs, *self.flags,
            ],
            timeout=100,
        )  # fmt: skip
        if ran.code != -signal.SIGKILL:
            assert (ran.code, ran.err) == (0, "")
        return ran.code

    def live(self, deaths: int, seed: int) -> None:
        """Die ``deaths`` times, about equally far apart, then finish."""
        chance = random.Random(seed)
        rotates = "--rotate" in self.flags
        moments = [moment for moment in MOMENTS if rotates or "rotate" not in moment]
        for _ in range(deaths):
            moment = chance.choice(moments)
            most = {"page": 2 * self.site.pages // deaths, "truncate": len(self.outputs)}
            number = chance.randint(1, most.get(moment.split()[1], 12))
            before = self.extra()
            if self.run(moment, number) == 0:
                return  # it was over before its time
            self.deaths += 1
            self.refetched.append(self.extra() - before)
        assert self.run() == 0

    def check(self) -> None:
        """Compare what was written with the truth."""
        truth = self.site.truth()
        for name in self.outputs:
            found = Counter((each["url"], each["type"]) for each in rows(self.folder / name))
            types = name.partition(":")[2].split(",")
            wanted = {url: type_ for url, type_ in truth.items() if type_ in types or not types[0]}
            lost = wanted.items() - found.keys()
            repeated = [url for url, times in found.items() if times > 1]
            assert not lost, f"{len(lost)} lost in {name}"
            assert not repeated, f"{len(repeated)} repeated in {name}"
            assert found.keys() == wanted.items()

    def extra(self) -> int:
        """Return how many requests were made beyond those of an undisturbed crawl."""
        usual = {path: 2 if path in self.site.shaky else 1 for path in self.site.asked}
        usual["/robots.txt"] = self.deaths + 1
        return self.site.asked.total() - sum(usual.values())

    def report(self) -> str:
        """Return the three numbers, and what a death costs."""
        return (
            f"{self.deaths} kills: 0 lost, 0 repeated, 0 torn; refetched per kill "
            f"{self.extra() / self.deaths:.0f} on average, {max(self.refetched)} at most"
        )


@pytest.fixture
def site(web: Web, request: pytest.FixtureRequest) -> Site:
    """A site of as many pages as the test asks for."""
    made = Site(*getattr(request, "param", (2_000, 1)))
    made.origin = web.serve(made.answer)
    return made


PLAIN = ("out.jsonl",)
THREE = ("out.jsonl.zst", "broken.csv.gz:error", "out.tsv")
ROTATED, ALWAYS = ("--rotate", "20k"), ("--rotate", "1")


def see(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    """Check everything, and print the numbers."""
    life.check()
    with capsys.disabled():
        print(f"\n{life.report()}")
    assert max(life.refetched) <= WORKERS + BATCH


@pytest.mark.timeout(300)
@pytest.mark.parametrize("site", [(4_000, 7)], indirect=True)
def test_twenty_kills(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    life = Life(site, tmp_path, THREE, ROTATED)

    life.live(20, seed=3)

    assert life.deaths == 20
    assert len(parts(tmp_path / "out.jsonl.zst")) > 5
    assert len(parts(tmp_path / "out.tsv")) > 10
    see(life, capsys)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("outputs", "flags"),
    [(PLAIN, ()), (THREE, ()), (THREE, ROTATED)],
    ids=["one output", "three outputs", "rotated"],
)
@pytest.mark.parametrize("site", [(10_000, seed) for seed in range(5)], indirect=True)
def test_two_hundred_kills(
    site: Site,
    outputs: tuple[str, ...],
    flags: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    life = Life(site, tmp_path, outputs, flags)

    life.live(20, seed=site.seed)

    assert life.deaths == 20
    see(life, capsys)


@pytest.mark.parametrize(
    ("variant", "flags", "moment", "caught"),
    [
        ("no truncation", (), "after write", "repeated|torn|Extra data"),
        ("commit before write", ALWAYS, "before write", "lost"),
        ("no mark of a new file", ALWAYS, "after write", "repeated|torn"),
    ],
)
def test_a_broken_promise_is_caught(
    site: Site,
    tmp_path: Path,
    variant: str,
    flags: tuple[str, ...],
    moment: str,
    caught: str,
) -> None:
    """Where a death comes between two commits only makes it likely: there are three tries."""
    told = []
    for turn, numbers in enumerate(((4, 7), (5, 8), (6, 9))):
        life = Life(site, tmp_path / str(turn), THREE, flags, variant)
        life.folder.mkdir()
        for number in numbers:
            assert life.run(moment, number * len(THREE)) == -signal.SIGKILL
        life.run()
        try:
            life.check()
        except AssertionError as error:
            told.append(str(error))
            break

    assert [each for each in told if re.search(caught, each)], told


def test_the_same_deaths_do_no_harm_to_the_real_one(site: Site, tmp_path: Path) -> None:
    life = Life(site, tmp_path, THREE, ALWAYS, "nothing broken")
    for moment in ("after write", "before write"):
        for number in (4, 7):
            assert life.run(moment, number) == -signal.SIGKILL
    life.run()

    life.check()
