"""Digest authentication: the RFC's examples, and a real server that checks answers."""

import hashlib
import re
from typing import Any

import pytest

from crawler.fetch.credentials import Credentials
from crawler.fetch.digest import Digest, answer
from crawler.model import Failed, Fault
from tests.fetch.wire import fetched, fetching
from tests.web.server import Reply, Request, Web

RFC7616 = {
    "realm": "http-auth@example.org",
    "qop": "auth",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}


def test_the_examples_of_the_rfc() -> None:
    for algorithm, response in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        header = answer(
            RFC7616 | {"algorithm": algorithm},
            "Mufasa",
            "Circle of Life",
            "GET",
            "/dir/index.html",
            count=1,
            client_nonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        assert f'response="{response}"' in header
        assert "nc=00000001" in header
        assert f"algorithm={algorithm}" in header


def test_the_example_with_a_user_that_is_hidden() -> None:
    header = answer(
        {
            "realm": "api@example.org",
            "qop": "auth",
            "algorithm": "SHA-512-256",
            "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
            "userhash": "true",
        },
        "Jäsøn Doe",
        "Secret, or not?",
        "GET",
        "/doe.json",
        count=1,
        client_nonce="NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
    )
    hashed = hashlib.new("sha512_256", "Jäsøn Doe:api@example.org".encode()).hexdigest()
    assert f'username="{hashed}"' in header
    assert "userhash=true" in header


def test_a_name_beyond_ascii_is_spelled_as_the_rfc_says() -> None:
    header = answer(
        {"realm": "r", "nonce": "n"}, "Jäsøn", "p", "GET", "/", count=1, client_nonce="c"
    )
    assert "username*=UTF-8''J%C3%A4s%C3%B8n" in header
    assert "qop" not in header
    assert "cnonce" not in header


def test_a_name_is_no_way_into_the_header() -> None:
    evil = 'me"\r\nX-Evil: 1'
    header = answer({"realm": "r", "nonce": "n"}, evil, "p", "GET", "/", count=1, client_nonce="c")
    assert header.isprintable()
    assert "username*=UTF-8''me%22%0D%0AX-Evil%3A%201" in header


@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        (['Digest realm="r", nonce="n"'], None),
        (['digest realm="r",nonce="n",algorithm=md5'], "md5"),
        (['Basic realm="b"', 'Digest realm="r", nonce="n"'], None),
        (['Basic realm="b", Digest realm="r", nonce="n", Negotiate abc=='], None),
        (['Digest realm="", nonce="n", Digest realm="", nonce="m", algorithm=SHA-256'], "SHA-256"),
        (['Digest realm="r", nonce="n", algorithm=SHA-512-256-sess, qop="auth,auth-int"'],
         "SHA-512-256-sess"),
        (['Digest realm="a \\"quoted\\", realm=x", nonce="n"'], None),
    ],
)  # fmt: skip
def test_the_strongest_challenge_is_answered(headers: list[str], algorithm: str | None) -> None:
    digest = Digest("user", "password")
    assert digest.answer("GET", "/") is None
    assert digest.challenged(headers, None)
    header = digest.answer("GET", "/")
    assert header is not None
    assert re.findall(r"algorithm=([\w-]+)", header) == ([algorithm] if algorithm else [])


@pytest.mark.parametrize(
    "header",
    [
        "", "Digest", 'Basic realm="r"', 'Digest realm="r"', 'Digest nonce="n"',
        'Digest realm="r", nonce=""', 'Digest realm="r", nonce="n", algorithm=SHA3',
        'Digest realm="r", nonce="n", qop="auth-int"', 'Digest realm="r\x00", nonce="n"',
        'Digest realm="\udc80", nonce="n"', 'Digest realm="never ends',
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_not(header: str) -> None:
    digest = Digest("user", "password")
    assert not digest.challenged([header], None)
    assert digest.answer("GET", "/") is None


def test_a_wrong_password_is_not_tried_again_and_a_stale_nonce_is_only_so_often() -> None:
    digest = Digest("user", "password")
    assert digest.challenged(['Digest realm="r", nonce="n0"'], None)
    assert not digest.challenged(['Digest realm="r", nonce="n1"'], "n0")
    assert digest.nonce == "n0"
    again = 0
    while digest.challenged([f'Digest realm="r", nonce="s{again}", stale=TRUE'], digest.nonce):
        again += 1
    assert again == 5
    digest.accepted()
    assert digest.challenged(['Digest realm="r", nonce="later", stale=true'], digest.nonce)
    assert digest.challenged(['Digest realm="r", nonce="x"'], "n0")  # it answered an old one
    assert digest.nonce == "later"


class Guarded:
    """A site that asks for a digest, checks it, and wants a new nonce every so often."""

    def __init__(self, password: str = "s3cret", lives: int = 1_000) -> None:
        self.password = password
        self.lives = lives
        self.number = 0
        self.used = 0
        self.seen: list[str] = []

    async def __call__(self, request: Request) -> Reply:
        given = request.headers.get("authorization", "")
        self.seen.append(given)
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))
        if given and fields["nonce"] == f"n{self.number}" and self.used < self.lives:
            one = self.hashed(f"me:r:{self.password}")
            two = self.hashed(f"GET:{request.path}")
            middle = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth"
            if fields["response"] == self.hashed(f"{one}:{middle}:{two}"):
                assert fields["uri"] == request.path
                self.used += 1
                return Reply("in")
            return self.ask("false")
        self.number, self.used = self.number + 1, 0
        return self.ask("true" if given else "false")

    def ask(self, stale: str) -> Reply:
        challenge = f'Digest realm="r", nonce="n{self.number}", qop="auth", stale={stale}'
        headers = {"WWW-Authenticate": challenge + ', algorithm=SHA-256, domain="http://evil/"'}
        return Reply("out", 401, headers=headers)

    def hashed(self, text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


async def test_a_challenge_is_answered_by_the_next_request(web: Web) -> None:
    site = Guarded()
    origin = web.serve(site)
    async with fetching(credentials=Credentials(auth="me:s3cret", digest=True)) as fetcher:
        fetcher.admit(origin + "/")
        asked = await fetcher.fetch(origin + "/page?a=b%20c")
        assert isinstance(asked, Failed)
        assert (asked.fault, asked.status, asked.again) == (Fault.HTTP_4XX, 401, True)
        for _ in range(3):
            assert fetched(await fetcher.fetch(origin + "/page?a=b%20c")).body == b"in"

    assert site.seen[0] == ""  # the password does not travel, in whatever form
    assert all("s3cret" not in each for each in site.seen)
    assert [re.findall(r"nc=(\w+)", each) for each in site.seen[1:]] == [
        ["00000001"], ["00000002"], ["00000003"],
    ]  # fmt: skip


async def test_a_wrong_password_is_an_answer(web: Web) -> None:
    site = Guarded("other")
    origin = web.serve(site)
    async with fetching(credentials=Credentials(auth="me:s3cret", digest=True)) as fetcher:
        fetcher.admit(origin + "/")
        assert isinstance(await fetcher.fetch(origin + "/"), Failed)
        assert fetched(await fetcher.fetch(origin + "/")).status == 401


async def test_another_origin_that_asks_is_told_nothing(web: Web) -> None:
    site, other = Guarded(), Guarded()
    origin, elsewhere = web.serve(site), web.serve(other)
    async with fetching(credentials=Credentials(auth="me:s3cret", digest=True)) as fetcher:
        fetcher.admit(origin + "/")
        await fetcher.fetch(origin + "/")
        for _ in range(2):
            assert fetched(await fetcher.fetch(elsewhere + "/")).status == 401
    assert other.seen == ["", ""]


@pytest.mark.parametrize(
    ("asked", "given", "named"),
    [
        ('Digest realm="r", nonce="n"', {"auth": "me:s3cret"}, True),
        ('Digest realm="r", nonce="n", Basic realm="Digest"', {"auth": "me:s3cret"}, False),
        ('Digest realm="r", nonce="n"', {}, False),
        ('Digest realm="r", nonce="n"', {"headers": ["Authorization: Bearer x"]}, False),
        ('Basic realm="Digest"', {"auth": "me:s3cret"}, False),
        ("Negotiate YQ==", {"auth": "me:s3cret"}, False),
    ],
)
async def test_a_password_sent_to_who_takes_digests_alone_names_the_flag(
    web: Web, asked: str, given: dict[str, Any], named: bool
) -> None:
    async def handler(request: Request) -> Reply:
        return Reply("out", 401, headers={"WWW-Authenticate": asked})

    origin = web.serve(handler)
    async with fetching(credentials=Credentials(**given)) as fetcher:
        fetcher.admit(origin + "/")
        outcome = await fetcher.fetch(origin + "/")
        assert fetched(await fetcher.fetch(origin + "/robots.txt", whole=True)).status == 401
    assert isinstance(outcome, Failed) == named
    if isinstance(outcome, Failed):
        assert (outcome.status, outcome.lasting, outcome.again) == (401, True, False)
        assert outcome.message == (
            "401 Unauthorized: it takes digest authentication only (--digest)"
        )
