"""What gives a crawl its meaning, as a state remembers it: from settings to flags, and back."""

import contextlib
import shlex
from collections.abc import Mapping
from typing import Any

from crawler.checked import Checked
from crawler.frontier.asked import Asked
from crawler.policy import urls
from crawler.settings import CONTENT, Settings


def asked(checked: Checked) -> Asked:
    """Return what gives a crawl its meaning: what may not change before it has ended.

    No secret is among it: seeds are without userinfo.
    """
    settings = checked.settings
    seeds = []
    for text in settings.seeds:
        with contextlib.suppress(ValueError):
            seeds.append(urls.seed(text).url)
    depth = "" if settings.depth is None else str(settings.depth)
    return Asked(
        outputs=settings.names,
        flags={
            "URL": " ".join(dict.fromkeys(seeds)),
            "--depth": depth,
            "--scope": settings.scope,
            "--include": shlex.join(settings.include),
            "--exclude": shlex.join(settings.exclude),
            "--drop-params": ",".join(settings.drop_params),
            "--nofollow": settings.nofollow,
            "--sitemap": settings.sitemap,
            "--user-agent": settings.user_agent or "",
            "--ignore-robots": "yes" if settings.ignore_robots else "",
            "--select": shlex.join(settings.select),
            "--each": settings.each or "",
            "--recipe": checked.selection.digest,
            "--extract": settings.extract or "",
            "--extract code": checked.selection.code,
            "--output": shlex.join(settings.output),
            "--emit": ",".join(sorted(checked.emit)),
            "--format": settings.format or "jsonl",
            "--fields": ",".join(settings.fields),
            "--overwrite": "yes" if settings.overwrite else "",
            **{f"--{kind}": "yes" if kind in settings.content else "" for kind in CONTENT},
        },
    )


def recalled(flags: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that a state was begun with, as far as they say what is asked of whom.

    It is what :func:`asked` has written, read again. Raises ValueError if it is none.
    """
    known: dict[str, Any] = {
        "seeds": tuple(flags.get("URL", "").split()),
        "depth": int(flags["--depth"]) if flags.get("--depth") else None,
        "include": tuple(shlex.split(flags.get("--include", ""))),
        "exclude": tuple(shlex.split(flags.get("--exclude", ""))),
        "drop_params": tuple(filter(None, flags.get("--drop-params", "").split(","))),
        "user_agent": flags.get("--user-agent") or None,
        "ignore_robots": bool(flags.get("--ignore-robots")),
        "text": bool(flags.get("--text")),
    }
    for name in ("scope", "nofollow", "sitemap"):
        known |= {name: value} if (value := flags.get(f"--{name}")) else {}
    Settings(**known)  # nobody can have asked for what these refuse
    return known


def meant(checked: Checked) -> dict[str, Any]:
    """Return what :func:`recalled` will say of a state that is begun with these settings."""
    return recalled(asked(checked).flags)
