"""A site that changes from one pass to the next, and knows what it was asked for."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha1

from tests.web.server import Reply, Request, Web, html


@dataclass
class Site:
    """Pages by path: their links, and a text that may be edited.

    ``validators`` says which are sent: ``etag``, ``modified``, both or none. What ``refuses``
    returns a status for is answered with that, and robots.txt with ``robots``; of ``halves`` only
    the first half comes. Since
    :meth:`night` ``asked`` are the paths asked for, ``conditional`` those of them with a
    validator, and ``sent`` the bytes of bodies.
    """

    web: Web
    links: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    validators: tuple[str, ...] = ("etag", "modified")
    refuses: Callable[[str], int | None] = lambda path: None
    robots: int = 404
    halves: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    conditional: list[str] = field(default_factory=list)
    sent: int = 0
    origin: str = ""

    def __post_init__(self) -> None:
        self.origin = self.web.serve(self._answer)

    def add(self, path: str, links: Iterable[str] = (), text: str = "") -> None:
        """Put a page on the site."""
        self.links[path] = list(links)
        self.texts[path] = text or f"this is {path}"

    def remove(self, path: str) -> None:
        """Take a page off, and every link to it."""
        del self.links[path], self.texts[path]
        self.unlink(path)

    def unlink(self, path: str) -> None:
        """Take every link to a page away."""
        for page, links in self.links.items():
            self.links[page] = [link for link in links if link != path]

    def edit(self, path: str, text: str) -> None:
        """Change what a page says."""
        self.texts[path] = text

    def night(self) -> None:
        """Forget what has been asked for so far."""
        self.asked, self.conditional, self.sent = [], [], 0

    def url(self, path: str) -> str:
        """Return the URL of a page."""
        return self.origin + path

    async def _answer(self, request: Request) -> Reply | None:
        path = request.path
        if path == "/robots.txt":
            return Reply("", self.robots)
        self.asked.append(path)
        if {"if-none-match", "if-modified-since"} & request.headers.keys():
            self.conditional.append(path)
        await asyncio.sleep(0)
        if (status := self.refuses(path)) is not None:
            return Reply("not now", status)
        if path not in self.links:
            return Reply("no such page", 404)
        body = html(self.links[path], self.texts[path]).encode()
        tag = f'"{sha1(body).hexdigest()}"'
        headers = {}
        if "etag" in self.validators:
            headers["ETag"] = tag
        if "modified" in self.validators:
            # A time of its own for each body will do.
            headers["Last-Modified"] = f"Mon, 01 Jan 2024 00:00:00 GMT, {tag[1:9]}"
        given = request.headers
        same_tag = given.get("if-none-match") == tag
        same_time = given.get("if-modified-since") == headers.get("Last-Modified", "-")
        if path in self.halves:
            head = f"HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
            request.writer.write(f"{head}ETag: {tag}\r\n\r\n".encode() + body[: len(body) // 2])
            return None
        if same_tag if "if-none-match" in given else same_time:
            return Reply("", 304, None, headers)
        self.sent += len(body)
        return Reply(body, headers=headers)


def tree(site: Site, pages: int, fan_out: int = 3) -> None:
    """Give a site pages /0, /1 …, each linked to by the one above it, and back to /0."""
    for number in range(pages):
        below = range(fan_out * number + 1, fan_out * number + fan_out + 1)
        site.add(f"/{number}", ["/0", *(f"/{each}" for each in below if each < pages)])
