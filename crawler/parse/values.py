"""From the text on a page to a value: numbers, dates and truth as people write them.

A **number** is the first in the text, without its unit or currency: ``£1,299.00``,
``1.299,00 €``, ``1 299``, ``1'299``, ``-£5``, ``−5``. A sign stands right before the number
or its currency. Its marks are read so:

- where there are both, the last is the decimal mark; one that comes twice groups;
- a comma before exactly three digits groups (``1,299`` is 1299), a dot there is the decimal
  mark (``1.299`` is 1.299), save for ``int``, where it groups as well; but after a leading 0
  both are the decimal mark (``0,125``); ``decimal`` settles it for a site;
- a space or an apostrophe groups, before exactly three digits.

What cannot be read so (``1.2.3``, ``1,2,3``) is an error, never a guess, and ``12.50`` is no
``int``. A **date** is ISO 8601 or RFC 2822, or what a format says, and becomes ISO 8601:
``2024-05-01``, or ``2024-05-01T10:00:00+02:00``. **Truth** is what does not say no.
"""

import math
import re
from datetime import date, datetime
from email.utils import parsedate_to_datetime

SHOWN = 80
"""Characters of a text in an error."""

MOST_DIGITS = 300
"""Of a whole number; a float holds as many."""

_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 9, 10, 12, 13], " ")
_UNSEEN = dict.fromkeys([0xAD, 0x200B, 0x200E, 0x200F, 0x061C, 0x2060, 0xFEFF])
_DASHES = dict.fromkeys([0x2011, 0x2012, 0x2013, 0xFE63, 0xFF0D], "-")
_MARKS = {0x2019: "'", 0x066B: ".", 0x066C: ",", 0xFF0E: ".", 0xFF0C: ","}
_PLAIN = _SPACES | _UNSEEN | _DASHES | _MARKS
_MINUS = re.compile("\N{MINUS SIGN} ?")
_CURRENCY = r"(?:[$€£¥₹₽₩₺₫₪₴₦฿¢₿]|[A-Z]{3})"
_NUMBER = re.compile(
    rf"""(?P<sign>(?<![\w)])-(?:{_CURRENCY}[ ]?)?(?=[.\d]))?
    (?:
        (?P<spaced>\d{{1,3}}(?:[ ']\d{{3}})+(?!\d)(?:[.,]\d+)?)
      | (?P<plain>\d+(?:[.,]\d+)*|(?<![\w.])\.\d+)
    )
    (?P<exponent>[eE][+-]?\d{{1,3}}(?!\w))?""",
    re.VERBOSE,
)
_GROUPS = re.compile(r"\d{1,3}(?:[.,]\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")  # also 1,00,000
_RFC_2822 = re.compile(r"(?:[a-z]{3},? *)?\d{1,2} +[a-z]{3} +\d{2,4} +\d", re.IGNORECASE)
_OF_DAY = re.compile(r"%[-#]?[HIMSpfXcTRzZ]")
_NO = {"false", "no", "off", "0", "n"}


def number(text: str, decimal: str | None = None, *, whole: bool = False) -> str:
    """Return the first number of a text as Python spells it: ``-1299.00``.

    ``decimal`` is the decimal mark where it is known; ``whole``: no fraction is expected.
    Raises ValueError with words for people.
    """
    match = _NUMBER.search(_MINUS.sub("-", text.translate(_PLAIN)))
    if match is None:
        raise ValueError(f"no number in {text[:SHOWN]!r}")
    digits = (match["plain"] or match["spaced"]).replace(" ", "").replace("'", "")
    before, after = _split(digits, decimal, whole)
    if not before.isdecimal():
        if not _GROUPS.fullmatch(before) or {".", ","} <= set(before):
            raise ValueError(f"cannot tell which number {digits[:SHOWN]!r} is")
        before = before.replace(".", "").replace(",", "")
    sign = "-" if match["sign"] else ""
    fraction = f".{after}" if after else ""
    return f"{sign}{before}{fraction}{match['exponent'] or ''}"


def _split(digits: str, decimal: str | None, whole: bool) -> tuple[str, str]:
    """Return what stands before the decimal mark, marks that group in it, and after it."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits, ""
    mark, before, after = digits[last], digits[:last], digits[last + 1 :]
    if decimal is not None:
        is_decimal = mark == decimal and mark not in before
    elif mark in before:
        is_decimal = False
    elif len(after) != 3 or "," in before or "." in before:
        is_decimal = True
    else:  # one mark, and three digits behind it
        groups = (mark == "," or whole) and 0 < len(before) <= 3
        is_decimal = before.startswith("0") or not groups
    return (before or "0", after) if is_decimal else (digits, "")


def to_int(text: str, decimal: str | None = None) -> int:
    """Return the whole number in a text. Raises ValueError."""
    spelt = number(text, decimal, whole=True)
    if len(spelt) > MOST_DIGITS:
        raise ValueError(f"{spelt[:SHOWN]!r} is too large a number")
    if spelt.lstrip("-").isdecimal():
        return int(spelt)
    value = float(spelt)
    if not value.is_integer():
        raise ValueError(f"{spelt[:SHOWN]} is no whole number")
    return int(value)


def to_float(text: str, decimal: str | None = None) -> float:
    """Return the number in a text. Raises ValueError."""
    value = float(number(text, decimal))
    if not math.isfinite(value):
        raise ValueError(f"{text[:SHOWN]!r} is too large a number")
    return value


def to_bool(text: str) -> bool:
    """Whether a text that is there does not say no."""
    return text.strip().lower() not in _NO


def to_date(text: str, form: str | None = None) -> str:
    """Return the date, or date and time, in a text as ISO 8601. Raises ValueError.

    ``form`` is strptime's; without one the text is ISO 8601 or RFC 2822.
    """
    text = " ".join(text.split())
    try:
        if form is not None:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - a page's zone is its affair
            return moment.isoformat() if _OF_DAY.search(form) else moment.date().isoformat()
        if len(text) <= 10:
            return date.fromisoformat(text).isoformat()
        if _RFC_2822.match(text):
            return parsedate_to_datetime(text).isoformat()
        return datetime.fromisoformat(text).isoformat()
    except (ValueError, OverflowError, TypeError, IndexError):
        wanted = "an ISO 8601 or RFC 2822 date" if form is None else f"a date like {form}"
        raise ValueError(f"{text[:SHOWN]!r} is not {wanted}") from None
