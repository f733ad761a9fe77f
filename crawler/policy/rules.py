"""``--fail-on``: what a crawl should not come to, and whether it has.

::

    rule      = figure operator threshold
              | "status" operator CODE [":" threshold]    answers with such a status; any
              | "broken"                                  errors, and what is gone by 404 or 410
    figure    = pages | redirects | errors | gone | skipped | left | new | changed | changes
              | unconfirmed | a class of error
    operator  = > | >= | < | <= | = | !=
    threshold = NUMBER | NUMBER "%"

A percentage is a share of the URLs that were asked for, or, for ``skipped`` and ``left``, of
all. After a colon stands what may be: ``status>=500:1%`` is met by more than 1 %.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from crawler.account import Tally
from crawler.model import Change, Fault, Gone

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_FIGURES = (
    "pages", "redirects", "errors", "gone", "skipped", "left", "new", "changed", "changes",
    "unconfirmed",
)  # fmt: skip
ON_CHANGE = "changes>0"
"""The rule that ``--exit-on-change`` stands for: anything new, changed or gone."""

_OF_ALL = ("skipped", "left")

_WORD = re.compile(r"[a-z0-9_]+")
_OPERATOR = re.compile(r"[<>!=]+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_CODE = re.compile(r"[0-9]{3}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Account:
    """What a pass came to: its tally, errors by class, URLs by the status they ended with,
    answers by what they are against those before (none on the first), why those that are gone
    are, and how many known pages the pass has not met, ``unconfirmed``.
    """

    tally: Tally
    errors: Mapping[str, int]
    statuses: Mapping[int, int]
    changes: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    unconfirmed: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A ``figure`` is measured by an ``operator`` against a ``bound``, a percentage if ``share``.

    ``status`` is the (operator, code) of those that are counted, for the figure of that name.
    """

    text: str
    figure: str
    operator: str
    bound: float
    share: bool = False
    status: tuple[str, int] | None = None

    def finding(self, account: Account) -> str | None:
        """Return the rule and the figures if it is met."""
        count, of = self._count(account), self._whole(account.tally)
        measured = (count * 100 / of if of else 0.0) if self.share else count
        if not _OPERATORS[self.operator](measured, self.bound):
            return None
        noun = "answers" if self.status is not None else self.figure
        if count == 1 and noun in ("pages", "redirects", "errors", "answers", "changes"):
            noun = noun[:-1]
        told = f"{self.text}: {count:,} {noun}"
        return f"{told} of {of:,} URLs, {measured:.3g} %" if self.share else told

    def _count(self, account: Account) -> int:
        tally = account.tally
        if self.status is not None:
            matches, code = _OPERATORS[self.status[0]], self.status[1]
            return sum(many for each, many in account.statuses.items() if matches(each, code))
        new, changed = (account.changes.get(each, 0) for each in (Change.NEW, Change.CHANGED))
        figures = {
            "new": new,
            "changed": changed,
            "changes": new + changed + tally.gone,
            "pages": tally.fetched,
            "redirects": tally.redirected,
            "errors": tally.failed,
            "gone": tally.gone,
            "skipped": tally.skipped,
            "left": tally.left,
            "unconfirmed": account.unconfirmed,
            "broken": tally.failed + account.gone.get(Gone.HTTP, 0),
        }
        return figures.get(self.figure, account.errors.get(self.figure, 0))

    def _whole(self, tally: Tally) -> int:
        if self.figure in _OF_ALL:
            return tally.discovered
        return tally.fetched + tally.redirected + tally.failed + tally.gone


def parse(text: str) -> Rule:
    """Return the rule that a text spells. Raises ValueError, with a caret at what is wrong."""
    source = _Source(text)
    figure = source.take(_WORD)
    if figure == "broken":
        source.end()
        return Rule(text, "broken", ">", 0)
    if figure == "status":
        status = source.operator(), int(source.take(_CODE, "a status like 404"))
        if source.at_end:
            return Rule(text, "status", ">", 0, status=status)
        source.colon()
        return Rule(text, "status", ">", *source.threshold(), status)
    if figure not in (*_FIGURES, *Fault):
        known = ", ".join((*_FIGURES, "status", "broken"))
        source.refuse(0, f"{known} or a class of error")
    return Rule(text, figure, source.operator(), *source.threshold())


def findings(rules: Sequence[Rule], account: Account) -> list[str]:
    """Return a line for each rule that is met."""
    return [told for rule in rules if (told := rule.finding(account)) is not None]


class _Source:
    """A text that is read from left to right; spaces do not count."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    @property
    def at_end(self) -> bool:
        return self._at == len(self._text)

    def take(self, kind: re.Pattern[str], wanted: str = "") -> str:
        match = kind.match(self._text, self._at)
        if match is None:
            if wanted:
                self.refuse(self._at, wanted)
            return ""
        self._at = match.end()
        self._skip()
        return match[0]

    def operator(self) -> str:
        at = self._at
        found = self.take(_OPERATOR)
        if found not in _OPERATORS:
            self.refuse(at, "one of > >= < <= = !=")
        return found

    def threshold(self) -> tuple[float, bool]:
        bound = float(self.take(_NUMBER, "a number like 10 or 1%"))
        share = self._text.startswith("%", self._at)
        self._at += share
        self._skip()
        self.end()
        return bound, share

    def colon(self) -> None:
        if not self._text.startswith(":", self._at):
            self.refuse(self._at, "the end, or a colon and a number")
        self._at += 1
        self._skip()

    def end(self) -> None:
        if not self.at_end:
            self.refuse(self._at, "the end")

    def refuse(self, at: int, wanted: str) -> None:
        text = f"{self._text[:at]}^{self._text[at:]}"
        raise ValueError(f"--fail-on {text!r}: at the ^ belongs {wanted}")

    def _skip(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
