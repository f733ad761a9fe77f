"""Values as people type them: times, sizes, numbers, rates, addresses.

Each reader raises ValueError with an example.
"""

import math
import re

_NUMBER = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-zA-Z]*)")
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3}
_BYTES |= {"gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_COUNTS = {"": 1, "k": 1000, "m": 1000**2}


def duration(text: str) -> float:
    """Return seconds from ``500ms``, ``2s``, ``20m``, ``1.5h``, ``7d`` or a bare number."""
    return _measure(text, _SECONDS, "a duration is like 500ms, 2s, 20m or 1h")


def size(text: str) -> int:
    """Return bytes from ``64k``, ``10M``, ``1G``, ``512KiB`` or a bare number."""
    return round(_measure(text, _BYTES, "a size is like 64k, 10M or 1GiB"))


def number(text: str) -> int:
    """Return a count from ``500``, ``20k`` or ``2M``."""
    wrong = "a number is like 500, 20k or 2M"
    value = _measure(text, _COUNTS, wrong)
    if abs(value - round(value)) > 1e-6:
        raise ValueError(wrong)
    return round(value)


def rate(text: str) -> float:
    """Return requests a second from ``5/s``, ``30/m``, ``100/h`` or a bare number."""
    amount, _, unit = text.partition("/")
    seconds = _SECONDS.get(unit.strip().lower() or "s")
    wrong = "a rate is like 5/s, 30/m or 100/h"
    if seconds is None:
        raise ValueError(wrong)
    return _measure(amount, {"": 1.0}, wrong) / seconds


def address_override(text: str) -> tuple[str, int, str]:
    """Return (host, port, address) from ``HOST:PORT:ADDR``; an IPv6 ADDR may have brackets."""
    host, _, rest = text.partition(":")
    port, _, address = rest.partition(":")
    from ipaddress import ip_address  # 1.5 ms, that --help does without

    address = address.strip("[]")
    try:
        ip_address(address)
        if host and port.isdecimal() and 0 < int(port) < 65_536:
            return host.lower(), int(port), address
    except ValueError:
        pass
    raise ValueError(f"--resolve {text!r}: an override is like example.com:443:192.0.2.1")


def parsers(text: str) -> int | None:
    """Return a number of parsing children, None for ``auto``."""
    if text.strip().lower() == "auto":
        return None
    if not text.strip().isdecimal():
        raise ValueError("parsers are auto, 0 or a number")
    return int(text)


def _measure(text: str, units: dict[str, float] | dict[str, int], wrong: str) -> float:
    match = _NUMBER.fullmatch(text.strip())
    unit = units.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(wrong)
    value = float(match[1]) * unit
    if not math.isfinite(value):
        raise ValueError(wrong)
    return value
