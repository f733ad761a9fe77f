"""An explanation in words: a line a decision, under the name of what it is about."""

from collections.abc import Iterator, Sequence

from crawler.explanation import (
    EndTold,
    Explanation,
    PageTold,
    PassEnd,
    RequestTold,
    RobotsTold,
    ScopeTold,
    StateTold,
)
from crawler.report import safe

_USES = {
    "html": "parsed as HTML",
    "sitemap": "read as a sitemap",
    "recorded": "recorded only: nothing here parses it",
    "unread": "not read: nothing here parses its type",
}
_REFUSALS = {
    "scope": "no seed lets it in (--scope)",
    "include": "it matches no --include",
    "exclude": "it matches --exclude",
    "depth": "it is too deep (--depth)",
}
_BY = {
    "seed": "from the seed ",
    "robots": "from robots.txt, which names ",
    "link": "links to ",
    "redirect": "redirects to ",
    "sitemap": "lists ",
}


def lines(told: Explanation) -> Iterator[str]:
    """Yield aligned lines, safe for a terminal."""
    rows = [(word, text) for word, text in _rows(told) if text]
    width = max(len(word) for word, _ in rows)
    before = None
    for word, text in rows:
        yield f"{'' if word == before else word:{width}}  {safe(text)}"
        before = word


def _rows(told: Explanation) -> Iterator[tuple[str, str]]:
    yield "url", "; ".join([told.url, *told.normalised])
    for flag in told.otherwise:
        yield "asked", flag
    yield "seed", _seed(told)
    yield "scope", _scope(told.scope, seed=told.seed)
    yield "depth", _depth(told)
    yield "trap", f"yes: {told.trap}" if told.trap else "no"
    for robots in told.robots:
        yield "robots", _robots(robots, of=len(told.robots))
    yield "budget", _budget(told)
    for request in told.requests:
        yield "request", _request(request)
    if told.page is not None:
        yield from (("page", text) for text in _page(told.page))
    instead = bool(told.further) and told.further[0].url == told.end.url
    yield "end", _end(told.end) + ("; if it were asked for:" if instead else "")
    for end in told.further:
        yield "end", f"{end.url}: {_end(end)}"
    if told.state is not None:
        yield from (("state", text) for text in _state(told.state))
        yield from (("path", f"{_BY[step.by]}{step.url}") for step in told.state.way)


def _seed(told: Explanation) -> str:
    if told.seed:
        return "yes" if told.n_seeds > 1 else "yes, the only one"
    more = told.n_seeds - len(told.seeds)
    named = ", ".join(told.seeds) + (f" and {more:,} more" if more else "")
    return f"no: {'that is' if told.n_seeds == 1 else 'those are'} {named}"


def _scope(scope: ScopeTold, *, seed: bool) -> str:
    if scope.exempt:
        return "let in as a seed" if seed else "let in: a seed redirects to it"
    name = f"--scope {scope.kind}"
    within = f"{name}, as {scope.seed} is a seed" if scope.seed else name
    if scope.refusal == "scope":
        return f"refused: {name}, and no seed lets it in"
    if scope.refusal == "include":
        return f"refused: it matches no --include (let in by {within})"
    if scope.refusal == "exclude":
        return f"refused: it matches --exclude {scope.pattern} (let in by {within})"
    include = f", and it matches --include {scope.pattern}" if scope.pattern else ""
    return f"let in by {within}{include}"


def _depth(told: Explanation) -> str:
    depth, limit = told.depth.depth, told.depth.limit
    most = "no --depth" if limit is None else f"--depth {limit}"
    if depth is None:
        known = "no link to it was met" if told.state else "without a state that is not known"
        return f"{known}; {most}{_beyond(told)}"
    links = "1 link" if depth == 1 else f"{depth} links"
    if limit is not None and depth > limit:
        return f"{links} from a seed, too deep; {most}"
    end = "; its own links are not followed" if depth == limit else ""
    return f"{links} from a seed; {most}{end}"


def _beyond(told: Explanation) -> str:
    """Return what may yet lead to a URL where not every link does."""
    if told.depth.sitemap == "only":
        return "; only a sitemap may lead to it (--sitemap only)"
    if told.depth.limit != 0:
        return ""
    listed = ", a sitemap may list it (--sitemap add)" if told.depth.sitemap == "add" else ""
    return f"; any link is too deep{listed}"


def _robots(robots: RobotsTold, of: int) -> str:
    place = robots.places[-1]
    if len(robots.places) > 1:
        place += f" (where {robots.places[0]} redirects to)"
    about = f" {robots.url}" if of > 1 else ""
    says = ("allowed" if robots.allowed else "disallowed") + about
    if robots.error is not None and robots.status is None:
        return f"not known{about}: {place} could not be had ({robots.error})"
    if robots.error is not None:
        return f"{says}: {place} could not be had ({robots.error})"
    if robots.bytes is None:
        return f"{says}: {place} answered {robots.status}, which counts as none"
    group = f"group {robots.group}" if robots.group else "no group for us"
    line = f"line {robots.line}, {robots.text}" if robots.line else "no line is about it"
    delay = f"; Crawl-delay {robots.crawl_delay:g} s" if robots.crawl_delay else ""
    return f"{says} by {place}: {group}, {line}{delay}"


def _budget(told: Explanation) -> str:
    budget = told.budget
    had = "" if budget.pages is None else f" (the last pass has had {budget.pages:,})"
    pages = "no -n" if budget.max_pages is None else f"-n {budget.max_pages:,}"
    time = "no --max-time" if budget.max_time is None else f"--max-time {budget.max_time:g} s"
    return f"{pages}{had}, {time}, --max-size {budget.max_size:,} bytes"


def _request(request: RequestTold) -> str:
    if request.location is not None:
        end = f", not followed ({request.refused})" if request.refused else ""
        return f"{request.url}: {request.status} to {request.location}{end}"
    if request.status is None or request.error is not None:
        return f"{request.url}: {request.error} ({request.message})"
    parts = [f"{request.status} {request.content_type or 'without Content-Type'}"]
    if request.content_length is not None:
        parts.append(f"Content-Length {request.content_length}")
    if request.bytes is not None:
        parts.append(f"{request.bytes:,} bytes")
    if request.truncated is not None:
        cut = {"length": "cut off by --max-size", "time": "cut off by --timeout"}
        parts.append(cut.get(request.truncated, "broken off"))
    return f"{request.url}: {', '.join(parts)}"


def _page(page: PageTold) -> Iterator[str]:
    yield _USES[page.use] + (f": {page.title}" if page.title else "")
    if page.robots:
        yield f"it says {', '.join(page.robots)} of itself (noindex is recorded, not obeyed)"
    if page.canonical is not None and page.canonical != page.url:
        yield f"it names {page.canonical} as canonical, which is recorded, not obeyed"
    if page.use in ("html", "sitemap"):
        refused = ", ".join(f"{reason} {many:,}" for reason, many in page.refused.items())
        yield f"{page.followed:,} links are followed" + (
            f", not followed: {refused}" if refused else ""
        )


def _end(end: EndTold) -> str:
    if end.type == "unknown":
        return "not refused; what is there was not asked (--offline)"
    if end.type == "refused":
        more = f"; {end.message}" if end.message else ""
        return f"refused ({end.reason}): {_REFUSALS[end.reason or '']}{more}"
    kind = "not met" if end.type == "unmet" else end.type
    reason = f" ({end.reason})" if end.reason else ""
    arrow = " to " if end.type == "redirect" else ": "
    return f"{kind}{reason}" + (f"{arrow}{end.message}" if end.message else "")


def _state(state: StateTold) -> Iterator[str]:
    passes = "1 pass" if state.passes == 1 else f"{state.passes} passes"
    if not state.known:
        yield f"{state.path}, {passes}: not known; nothing that was fetched leads to it"
        return
    last = "" if state.met == state.passes else f", met last in pass {state.met}"
    yield f"{state.path}, {passes}{last}"
    yield from _ends(state.ends)
    if state.changes:
        yield "; ".join(f"{kind} in pass {run}" for run, kind in state.changes)
    if state.fetched is not None:
        how = "; a crawl asks only whether it has changed" if state.conditional else ""
        yield f"answered last at {state.fetched}, in pass {state.fetched_pass}{how}"
    urls = "1 URL leads" if state.linked == 1 else f"{state.linked:,} URLs lead"
    more = ", …" if state.linked > len(state.sources) else ""
    yield f"{urls} to it" + (f": {', '.join(state.sources)}{more}" if state.sources else "")


def _ends(ends: Sequence[PassEnd]) -> Iterator[str]:
    for end in ends:
        if end.type is None:
            yield f"pass {end.since}: its turn has not come"
        elif end.type == "left":
            yield f"pass {end.since}: left, the pass ended before its turn came"
        else:
            why = ", ".join(str(each) for each in (end.reason, end.status) if each is not None)
            yield f"from pass {end.since} on: {end.type}" + (f" ({why})" if why else "")
