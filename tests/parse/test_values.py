"""Numbers, dates and truth as pages spell them."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.parse import values
from crawler.parse.values import to_bool, to_date, to_float, to_int

NUMBERS: list[tuple[str, float]] = [
    ("£1,299.00", 1299), ("1.299,00 €", 1299), ("1 299", 1299), ("1\u00a0299,50", 1299.5),
    ("1\u202f299", 1299), ("1\u2009299.5", 1299.5), ("1'299.50", 1299.5), ("1\u2019299", 1299),
    ("-5", -5), ("\u22125", -5), ("\u2212 5,00 €", -5), ("-£5", -5), ("£-5.50", -5.5),
    ("-EUR 5", -5), ("\u20135", -5), ("- 5", 5), ("10\u201320", 10), ("10 - 20", 10), ("A-5", 5),
    ("1,299", 1299), ("1.299", 1.299), ("0,125", 0.125), ("0.125", 0.125), ("12,5", 12.5),
    ("1.299.000", 1299000), ("1,00,000", 100000), ("1.000,000", 1000), ("12345,678", 12345.678),
    (".99", 0.99), ("$.99", 0.99), ("No.5", 5), ("5,-", 5), ("€ 5,–", 5), ("4,5 / 5", 4.5),
    ("Was £20, now £10", 20), ("1e5", 1e5), ("1.5e-3", 0.0015), ("3rd", 3), ("12.50", 12.5),
    ("\u0663\u066b\u0665", 3.5), ("\uff11\uff12", 12), ("iPhone 15 128 GB", 15128),
    ("1,299.", 1299),
    ("2 500 g", 2500), ("1 2999", 1), ("ab\u00a07,20\u00a0€*", 7.2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert to_float(text) == value


@pytest.mark.parametrize(
    "text", ["", "call us", "1.2.3", "1,2,3", "1,299,00", "12.05.2024", "½", "1e999", "1.299,000.5"]
)
def test_what_is_no_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"no number in|cannot tell|too large"):
        to_float(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1,299", 1299), ("1.299", 1299), ("12.00", 12), ("1e3", 1000), ("-7", -7)]
)
def test_whole_numbers(text: str, value: int) -> None:
    assert to_int(text) == value
    assert type(to_int(text)) is int


@pytest.mark.parametrize("text", ["12.50", "0.125", "12,5", "9" * 400, "1e999"])
def test_what_is_no_whole_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"no whole number|too large"):
        to_int(text)


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [("1.299", ",", 1299), ("1,299", ",", 1.299), ("1,299", ".", 1299), ("1.299", ".", 1.299),
     ("1.299,5", ",", 1299.5), ("0,125", ",", 0.125), ("7", ",", 7),
     ("1.299.000", ".", 1299000)],
)  # fmt: skip
def test_a_decimal_mark_that_is_known_settles_it(text: str, decimal: str, value: float) -> None:
    assert to_float(text, decimal) == value


@pytest.mark.parametrize(
    ("text", "decimal"), [("12.5", ","), ("12,5", "."), ("1,299,00", ","), ("5,25", ".")]
)
def test_with_another_decimal_mark_than_is_known_it_is_not_guessed(text: str, decimal: str) -> None:
    with pytest.raises(ValueError, match="cannot tell"):
        to_float(text, decimal)


@given(st.integers(-(10**12), 10**12), st.integers(0, 99))
def test_any_price_is_read_back(whole: int, cents: int) -> None:
    english = f"{abs(whole):,}.{cents:02}"
    sign = "-" if whole < 0 else ""
    value = float(f"{sign}{abs(whole)}.{cents:02}")

    assert to_float(f"{sign}£{english}") == value
    assert to_float(sign + english.translate({ord(","): ".", ord("."): ","}) + " €") == value
    assert to_float(sign + english.replace(",", "\u00a0").replace(".", ",")) == value
    assert to_int(f"{sign}{abs(whole):,} pieces") == whole


def test_a_mark_taken_wrongly_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_split", lambda digits, decimal, whole: (digits, ""))
    with pytest.raises((AssertionError, ValueError)):
        test_any_price_is_read_back()


@given(st.text())
@pytest.mark.parametrize("reader", [to_float, to_int, to_date, to_bool])
def test_no_text_makes_it_fail_otherwise(reader: Callable[[str], Any], text: str) -> None:
    with contextlib.suppress(ValueError):
        value = reader(text)
        assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-01", "2024-05-01"),
        (" 2024-05-01T10:00 ", "2024-05-01T10:00:00"),
        ("2024-05-01 10:00:00+02:00", "2024-05-01T10:00:00+02:00"),
        ("2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00.500000+00:00"),
        ("20240501", "2024-05-01"),
        ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01T10:00:00+00:00"),
        ("1 May 2024 10:00 +0200", "2024-05-01T10:00:00+02:00"),
    ],
)
def test_dates(text: str, iso: str) -> None:
    assert to_date(text) == iso


def test_dates_with_a_format() -> None:
    assert to_date("1. May \n 2024", "%d. %B %Y") == "2024-05-01"
    assert to_date("1/5/24 9:30", "%d/%m/%y %H:%M") == "2024-05-01T09:30:00"
    with pytest.raises(ValueError, match="'2024-05-01' is not a date like %d/%m/%y"):
        to_date("2024-05-01", "%d/%m/%y")


@pytest.mark.parametrize("text", ["", "2024", "May 1, 2024", "10:30", "P3D", "2024-13-01", "soon"])
def test_what_is_no_date_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 or RFC 2822 date"):
        to_date(text)


def test_truth_is_what_does_not_say_no() -> None:
    assert [to_bool(text) for text in ("", "yes", "in stock", "checked", "1")] == [True] * 5
    assert [to_bool(text) for text in ("no", " False ", "0", "OFF")] == [False] * 4
