"""XML that asks for more than it is: no file is opened, no socket made, nothing expanded."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
DEFAULTS = " ".join(f"a{n} CDATA 'x'" for n in range(10_000))
LOC = "<urlset><url><loc>http://h/{}</loc></url></urlset>"

DOCUMENTS = {
    "billion laughs": f"<!DOCTYPE urlset [<!ENTITY l0 'ha'>{LAUGHS}]>" + LOC.format("&l11;"),
    "laughs in an attribute": (
        f"<!DOCTYPE urlset [<!ENTITY l0 'ha'>{LAUGHS}]><urlset a='&l11;'></urlset>"
    ),
    "quadratic blow-up": (
        f"<!DOCTYPE urlset [<!ENTITY a '{'a' * 100_000}'>]>" + LOC.format("&a;" * 100_000)
    ),
    "parameter laughs": (
        "<!DOCTYPE urlset [<!ENTITY % a 'ha'><!ENTITY % b '%a;%a;%a;'>%b;]>" + LOC.format("x")
    ),
    "entity of itself": "<!DOCTYPE urlset [<!ENTITY a '&b;'><!ENTITY b '&a;'>]>"
    + LOC.format("&a;"),
    "default attributes": (
        f"<!DOCTYPE urlset [<!ATTLIST a {DEFAULTS}>]><urlset>{'<a/>' * 10_000}</urlset>"
    ),
    "external entity, file": (
        "<!DOCTYPE urlset [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + LOC.format("&a;")
    ),
    "external entity, network": (
        "<!DOCTYPE urlset [<!ENTITY a SYSTEM 'http://127.0.0.1:1/x'>]>" + LOC.format("&a;")
    ),
    "external entity, public": (
        "<!DOCTYPE urlset [<!ENTITY a PUBLIC 'x' 'http://127.0.0.1:1/x'>]>" + LOC.format("&a;")
    ),
    "external parameter entity": (
        "<!DOCTYPE urlset [<!ENTITY % a SYSTEM 'http://127.0.0.1:1/x.dtd'>%a;]>" + LOC.format("x")
    ),
    "external DTD, file": "<!DOCTYPE urlset SYSTEM 'file:///etc/passwd'>" + LOC.format("x"),
    "external DTD, network": "<!DOCTYPE urlset SYSTEM 'http://127.0.0.1:1/x'>" + LOC.format("&a;"),
    "XInclude": (
        "<urlset xmlns:xi='http://www.w3.org/2001/XInclude'>"
        "<xi:include href='file:///etc/passwd' parse='text'/></urlset>"
    ),
    "style sheet": "<?xml-stylesheet href='http://127.0.0.1:1/x.xsl'?>" + LOC.format("x"),
    "schema": (
        "<urlset xmlns:x='http://www.w3.org/2001/XMLSchema-instance' "
        "x:schemaLocation='http://127.0.0.1:1/x http://127.0.0.1:1/x.xsd'/>"
    ),
    "notation": (
        "<!DOCTYPE urlset [<!NOTATION n SYSTEM 'file:///bin/sh'>"
        "<!ENTITY a SYSTEM 'x' NDATA n>]>" + LOC.format("x")
    ),
    "deep": "<urlset>" + "<a>" * 1_000_000,
}

CODE = """
import json, resource, sys, time, urllib.request
from crawler.parse import sitemap
from xml.parsers import expat

body = sys.stdin.buffer.read()
sitemap.read(b"<urlset/>")
seen, watching = [], False
watched = {"open", "socket", "os", "subprocess", "import", "urllib"}

def watch(event, arguments):
    if watching and event.split(".")[0] in watched:
        seen.append([event, str(arguments[0])])

sys.addaudithook(watch)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
watching = True
start = time.process_time()
READ
took = time.process_time() - start
watching = False
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"urls": urls, "seen": seen, "took": took, "grown": grown}))
"""

ELEMENT_TREE = """
def resolve(context, base, system, public):
    urllib.request.urlopen(system).close()
    return 1
parser = expat.ParserCreate()
parser.ExternalEntityRefHandler = resolve
parser.Parse(body, True)
urls = None
"""
"""What a parser would do that resolves external entities."""


def watched(document: str, read: str = "urls = sitemap.read(body)") -> dict[str, object]:
    """Return what reading a document came to, and what was opened for it."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("READ", read)],
        input=document.encode(),
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20)),
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_opens_and_expands_nothing(name: str) -> None:
    document = DOCUMENTS[name]
    found = watched(document)

    assert found["seen"] == []
    assert isinstance(found["took"], float)
    assert found["took"] < 0.5
    assert isinstance(found["grown"], int)
    assert found["grown"] < 32 * 1024
    assert found["urls"] in (None, [], ["http://h/x"], ["http://h/"])


def test_an_opened_file_would_be_seen() -> None:
    assert watched(DOCUMENTS["external entity, file"], ELEMENT_TREE)["seen"]
