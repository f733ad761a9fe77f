"""Debian's documentation packages behind nginx, and an independent walk of their files."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

FOLDERS = {
    "python": Path("/usr/share/doc/python3.11/html"),
    "postgres": Path("/usr/share/doc/postgresql-doc-15/html"),
    "git": Path("/usr/share/doc/git-doc"),
}
NEEDED = "apt-get install nginx-light python3.11-doc postgresql-doc-15 git-doc"

_CONFIGURATION = """
user root; worker_processes 1; daemon off; error_log stderr crit; pid {run}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
  types {{ text/html html; text/css css; image/png png; text/plain txt; }}
  default_type application/octet-stream; gzip off; sendfile on;
  log_format asked '$request_method $status $body_bytes_sent $request_uri $sent_http_content_type';
  access_log {log};
  keepalive_requests 1000000;
  client_body_temp_path {run}/b; proxy_temp_path {run}/p; fastcgi_temp_path {run}/f;
  uwsgi_temp_path {run}/u; scgi_temp_path {run}/s;
  {beside}
  {servers}
}}
"""


@contextlib.contextmanager
def nginx(folders: dict[str, Path], run: Path) -> Iterator[dict[str, str]]:
    """Serve each folder on a port of its own; yield their origins by name."""
    if program() is None or not all(folder.is_dir() for folder in folders.values()):
        if os.environ.get("CI"):
            pytest.fail(f"CI must have: {NEEDED}")
        pytest.skip(f"needs: {NEEDED}")
    with serving({name: f"root {folder};" for name, folder in folders.items()}, run) as origins:
        yield origins


@contextlib.contextmanager
def serving(
    servers: dict[str, str], run: Path, log: Path | None = None, beside: str = ""
) -> Iterator[dict[str, str]]:
    """Run nginx with these server blocks, each on a port of its own; yield their origins.

    ``log`` gets a line for each request: method, status, body size, path, content type.
    ``beside`` is what must stand beside the server blocks, such as a map.
    """
    ports = {name: _free_port() for name in servers}
    blocks = "\n".join(
        f"server {{ listen 127.0.0.1:{ports[name]} backlog=1024; {block} }}"
        for name, block in servers.items()
    )
    configuration = run / "nginx.conf"
    asked = f"{log} asked" if log else "off"
    configuration.write_text(
        _CONFIGURATION.format(run=run, servers=blocks, beside=beside, log=asked)
    )
    command = [program() or "nginx", "-c", str(configuration)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        for port in ports.values():
            _wait_for_port(port, process)
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        process.terminate()
        process.communicate(timeout=10)


def program() -> str | None:
    """Return where nginx is, if it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")


def reachable(folder: Path, origin: str, start: str) -> dict[str, int]:
    """Return the URLs of the HTML files that links lead to from ``start``, and how far away.

    Written with the standard library's parser and joiner: nothing of the crawler's.
    """
    level, seen = [urljoin(origin, start)], {urljoin(origin, start)}
    found: dict[str, int] = {}
    depth = 0
    while level:
        following = []
        for url in level:
            path = folder / unquote(urlsplit(url).path).lstrip("/")
            file = path / "index.html" if path.is_dir() else path
            if file.suffix != ".html" or not file.is_file():
                continue
            found[url] = depth
            for link in _Links.of(file, url):
                if link not in seen and link.startswith(origin + "/"):
                    seen.add(link)
                    following.append(link)
        level = following
        depth += 1
    return found


_OTHER = re.compile(
    r"<(?!a\b|area\b|base\b|link\b|i?frame\b|meta\b|/?script\b|/?style\b|!)[^<>]*>", re.IGNORECASE
)
"""Tags that lead nowhere: nine in ten, over which the parser would take three times as long."""


class _Links(HTMLParser):
    """Collects what the crawler promises to follow."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base = url
        self.links: list[str] = []

    @classmethod
    def of(cls, file: Path, url: str) -> list[str]:
        parser = cls(url)
        parser.feed(_OTHER.sub("", file.read_text("utf-8", "replace")))
        return [urljoin(parser.base, link).partition("#")[0] for link in parser.links]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        rel = set(given.get("rel", "").lower().split())
        link = given.get("href", "")
        if tag == "base" and link:
            self.base = urljoin(self.base, link)
        elif tag == "link":
            translation = "alternate" in rel and "hreflang" in given
            if (translation or rel & {"next", "prev", "canonical"}) and link:
                self.links.append(link)
        elif tag in ("a", "area") and "nofollow" not in rel and link:
            self.links.append(link)
        elif tag in ("iframe", "frame") and given.get("src"):
            self.links.append(given["src"])
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            _, equals, target = given.get("content", "").partition("=")
            if equals:
                self.links.append(target.strip("'\" "))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("nginx did not start")
