"""Settings that were looked at closely: what only shows its faults when it is used."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crawler import atomic
from crawler.errors import BadSetting, CannotCreate, words
from crawler.fetch import jar as jars
from crawler.fetch import proxies
from crawler.fetch.credentials import Credentials
from crawler.fetch.jar import Jar
from crawler.fetch.proxies import Proxies
from crawler.parse.selection import Selection, selection
from crawler.policy import rules
from crawler.policy.rules import Rule
from crawler.settings import Settings
from crawler.version import __version__

PRODUCT = "crawlway"
USER_AGENT = f"{PRODUCT}/{__version__} (+https://pypi.org/project/crawlway/)"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """Settings, and what has come of those that only show their faults when they are used."""

    settings: Settings
    agent: str
    credentials: Credentials
    proxies: Proxies
    jar: Jar | None
    selection: Selection
    rules: Sequence[Rule]

    @property
    def emit(self) -> tuple[str, ...]:
        """The record types to write."""
        return self.selection.emit if self.settings.emit is None else self.settings.emit


def check(settings: Settings) -> Checked:
    """Check what the settings could not check themselves, before anything is touched.

    Raises BadSetting, Misconfigured, InputMissing or CannotCreate.
    """
    agent = settings.user_agent or USER_AGENT
    if not agent.isprintable():
        raise BadSetting("--user-agent is printable text")
    if settings.markdown:
        need_markdown()
    if settings.stats is not None:
        _see_that_it_can_be_written("--stats", settings.stats)
    return Checked(
        settings,
        agent,
        _credentials(settings),
        _proxies(settings),
        _jar(settings.cookie_jar),
        selection(settings),
        _rules(settings),
    )


def need_markdown() -> None:
    """Raise BadSetting where the library for --markdown is missing."""
    try:
        from crawler.parse import markdown  # noqa: F401 - the children import it, too
    except ImportError:
        raise BadSetting("--markdown needs: pip install 'crawlway[markdown]'") from None


def _credentials(settings: Settings) -> Credentials:
    try:
        return Credentials(
            settings.header,
            settings.cookie,
            settings.auth,
            use_netrc=settings.netrc,
            digest=settings.digest,
        )
    except (ValueError, OSError, SyntaxError) as error:
        raise BadSetting(str(error)) from None


def _proxies(settings: Settings) -> Proxies:
    try:
        found = proxies.given(settings.proxy)
    except ValueError as error:
        raise BadSetting(str(error)) from None
    if found and settings.proxy is None:
        log.info("the environment names a proxy: %s (--proxy off goes without)", found)
    return found


def _rules(settings: Settings) -> Sequence[Rule]:
    try:
        given = settings.fail_on + ((rules.ON_CHANGE,) if settings.exit_on_change else ())
        return [rules.parse(text) for text in given]
    except ValueError as error:
        raise BadSetting(str(error)) from None


def _see_that_it_can_be_written(flag: str, name: str) -> None:
    if (obstacle := atomic.obstacle(Path(name))) is not None:
        raise CannotCreate(f"cannot write {flag} {name}: {obstacle}")


def _jar(name: str | None) -> Jar | None:
    """Return the jar of a file, having seen that it can be read and can be replaced."""
    if name is None:
        return None
    _see_that_it_can_be_written("--cookie-jar", name)
    try:
        return jars.load(Path(name), time.time)
    except ValueError as error:
        raise BadSetting(f"--cookie-jar {error}") from None
    except OSError as error:
        raise BadSetting(f"--cookie-jar {name}: {words(error)}") from None
