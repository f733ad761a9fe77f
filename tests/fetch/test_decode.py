"""Content codings: every coding, cut up anyhow, whole or broken, honest or a bomb."""

import gzip
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.fetch.decode import PIECE, Decoder, TooLong, Undecodable, codings

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"<p>line %d of a page that compresses well</p>\n" % n for n in range(4_000))
"""About 180 KB: three pieces."""

MUCH = 100_000_000
CHUNKS = [1, 2, 3, 7, 100, 4_096, 1_000_000]


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def zstandard(data: bytes) -> bytes:
    return bytes(zstd.compress(data))


def br(data: bytes) -> bytes:
    return bytes(brotli.compress(data, quality=4))


FORMS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate zlib": ("deflate", zlib.compress),
    "deflate raw": ("deflate", raw_deflate),
    "br": ("br", br),
    "zstd": ("zstd", zstandard),
}
every_form = pytest.mark.parametrize(("coding", "encode"), FORMS.values(), ids=list(FORMS))
every_chunk = pytest.mark.parametrize("size", CHUNKS)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def decoded(names: list[str], chunks: Sequence[bytes], cap: int = MUCH) -> tuple[bytes, bool]:
    """Return what comes out, and whether every stream came to its end."""
    decoder = Decoder(names, cap)
    body = b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))
    return body, decoder.whole


@every_chunk
@every_form
def test_a_body_comes_back_whatever_the_chunks(
    coding: str, encode: Callable[[bytes], bytes], size: int
) -> None:
    assert decoded([coding], cut(encode(TEXT), size)) == (TEXT, True)


@every_form
def test_an_encoded_nothing_is_whole(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decoded([coding], cut(encode(b""), 1)) == (b"", True)


@every_form
def test_a_body_without_a_byte_is_whole(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decoded([coding], [b""]) == (b"", True)


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
@pytest.mark.parametrize("lost", [1, 4, 8, 1_000])
@every_form
def test_a_truncated_stream_is_not_whole_but_yields_what_came(
    coding: str, encode: Callable[[bytes], bytes], size: int, lost: int
) -> None:
    body, whole = decoded([coding], cut(encode(TEXT)[:-lost], size))
    assert not whole
    assert TEXT.startswith(body)


@pytest.mark.parametrize("form", ["gzip", "deflate zlib", "deflate raw"])
def test_nothing_that_came_is_held_back(form: str) -> None:
    coding, encode = FORMS[form]
    assert len(decoded([coding], [encode(TEXT)[:-1]])[0]) > len(TEXT) - 1_000


@every_chunk
@pytest.mark.parametrize("junk", [b"junk", b"\0" * 600, b"\r\n"])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "br"])
def test_what_follows_the_end_is_ignored(form: str, junk: bytes, size: int) -> None:
    coding, encode = FORMS[form]
    assert decoded([coding], cut(encode(TEXT) + junk, size)) == (TEXT, True)


def test_what_follows_the_end_of_br_is_ignored_in_a_chunk_of_its_own() -> None:
    assert decoded(["br"], [br(TEXT), b"junk"]) == (TEXT, True)


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
@pytest.mark.parametrize("at", [-6, -2], ids=["checksum", "length"])
def test_a_wrong_gzip_trailer_is_an_error(at: int, size: int) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[at] ^= 1
    with pytest.raises(Undecodable, match="gzip"):
        decoded(["gzip"], cut(bytes(data), size))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "deflate raw"])
def test_a_stream_broken_in_the_middle_is_an_error_or_not_whole(form: str) -> None:
    coding, encode = FORMS[form]  # (raw deflate has no checksum)
    data = encode(TEXT)
    middle = len(data) // 2
    try:
        _, whole = decoded([coding], [data[:middle] + b"\xff" * 64 + data[middle + 64 :]])
    except Undecodable:
        return
    assert not whole


@pytest.mark.parametrize("coding", ["deflate", "br", "zstd"])
def test_a_page_that_only_claims_to_be_compressed_is_an_error(coding: str) -> None:
    with pytest.raises(Undecodable):
        decoded([coding], [b"<!doctype html><title>x</title>" * 100])


@pytest.mark.parametrize("size", [1, 2, 7, 1_000_000])
@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_a_page_that_only_claims_to_be_gzip_passes_as_it_is(coding: str, size: int) -> None:
    assert decoded([coding], cut(TEXT, size)) == (TEXT, True)


def test_one_byte_that_only_claims_to_be_gzip_passes_as_it_is() -> None:
    assert decoded(["gzip"], [b"x"]) == (b"x", True)


@pytest.mark.parametrize("size", [3, 7, 100, 1_000_000])
@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("zstd", zstandard)])
def test_members_follow_one_another(
    coding: str, encode: Callable[[bytes], bytes], size: int
) -> None:
    data = encode(b"one, ") + encode(b"") + encode(b"two, ") + encode(TEXT)
    assert decoded([coding], [data]) == (b"one, two, " + TEXT, True)
    assert decoded([coding], [encode(b"one, "), *cut(encode(TEXT), size + 8)])[0] == b"one, " + TEXT


@pytest.mark.parametrize(
    ("coding", "encode", "size"),
    [("gzip", gzip.compress, 1), ("zstd", zstandard, 1), ("zstd", zstandard, 3)],
)
def test_members_follow_one_another_however_they_are_cut(
    coding: str, encode: Callable[[bytes], bytes], size: int
) -> None:
    chunks = [encode(b"one "), *cut(encode(b"two"), size)]
    assert decoded([coding], chunks) == (b"one two", True)


def test_a_last_member_cut_short_is_not_whole() -> None:
    assert decoded(["gzip"], [gzip.compress(b"one") + gzip.compress(TEXT)[:200]])[1] is False
    assert decoded(["zstd"], [zstandard(b"one") + zstandard(TEXT)[:200]])[1] is False


SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"


def test_a_zstd_body_may_begin_with_a_skippable_frame() -> None:
    assert decoded(["zstd"], [SKIPPABLE + zstandard(TEXT)]) == (TEXT, True)


def test_a_zstd_body_may_have_a_skippable_frame_in_the_middle() -> None:
    data = zstandard(b"one ") + SKIPPABLE + zstandard(b"two")
    assert decoded(["zstd"], [data]) == (b"one two", True)


@every_chunk
def test_stacked_codings_are_undone_from_the_last(size: int) -> None:
    data = zstandard(br(gzip.compress(TEXT)))
    assert decoded(codings("gzip, br, zstd"), cut(data, size)) == (TEXT, True)


def test_five_stacked_codings_are_undone() -> None:
    data = TEXT
    for _ in range(5):
        data = gzip.compress(data)
    assert decoded(["gzip"] * 5, cut(data, 1_000)) == (TEXT, True)


def test_more_than_five_stacked_codings_are_refused() -> None:
    with pytest.raises(Undecodable, match="more than 5"):
        Decoder(["gzip"] * 6, MUCH)


def test_a_stack_is_whole_only_if_every_stage_is() -> None:
    inner_cut = zlib.compress(gzip.compress(TEXT)[:-5])
    assert decoded(["gzip", "deflate"], [inner_cut])[1] is False
    outer_cut = zlib.compress(gzip.compress(TEXT))[:-1]
    assert decoded(["gzip", "deflate"], [outer_cut])[1] is False


@pytest.mark.parametrize("name", ["compress", "lzma", "sdch", "aws-chunked", "x" * 9_000])
def test_an_unknown_coding_is_refused_in_few_words(name: str) -> None:
    with pytest.raises(Undecodable, match="unknown") as caught:
        Decoder([name], MUCH)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", []),
        ("identity", []),
        ("GZIP", ["gzip"]),
        (" gzip ,, Identity, br ", ["gzip", "br"]),
    ],
)
def test_a_content_encoding_is_a_list_without_case(header: str, names: list[str]) -> None:
    assert codings(header) == names


@every_form
def test_a_body_of_exactly_the_cap_is_whole(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert decoded([coding], [encode(TEXT)], cap=len(TEXT)) == (TEXT, True)


@every_form
def test_one_byte_over_the_cap_is_too_long(coding: str, encode: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TooLong):
        decoded([coding], [encode(TEXT)], cap=len(TEXT) - 1)


ZEROS = bytes(30_000_000)


@pytest.mark.parametrize(
    ("names", "bomb"),
    [
        (["gzip"], gzip.compress(ZEROS)),
        (["deflate"], zlib.compress(ZEROS)),
        (["deflate"], raw_deflate(ZEROS)),
        (["br"], br(ZEROS)),
        (["zstd"], zstandard(ZEROS)),
        (["gzip", "gzip"], gzip.compress(gzip.compress(ZEROS))),
        (["br", "zstd", "gzip"], gzip.compress(zstandard(br(ZEROS)))),
    ],
    ids=["gzip", "zlib", "raw", "br", "zstd", "gzip twice", "three"],
)
def test_a_bomb_is_stopped_at_the_cap(names: list[str], bomb: bytes) -> None:
    decoder = Decoder(names, 200_000)
    pieces: list[bytes] = []
    started = time.process_time()
    with pytest.raises(TooLong):
        pieces.extend(decoder.feed(bomb))
    came = sum(map(len, pieces))
    assert came <= 200_000 + 2 * PIECE
    assert time.process_time() - started < 0.25  # all of it would take seconds


def test_a_bomb_in_the_middle_of_a_stack_is_stopped_though_nothing_comes_out() -> None:
    junk_behind_the_end = gzip.compress(b"small") + ZEROS
    decoder = Decoder(["gzip", "zstd"], 200_000)
    with pytest.raises(TooLong):
        list(decoder.feed(zstandard(junk_behind_the_end)))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "br"])
def test_pieces_are_small(form: str) -> None:
    coding, encode = FORMS[form]
    assert max(map(len, Decoder([coding], MUCH).feed(encode(TEXT)))) <= PIECE


def test_a_great_many_empty_members_are_no_bomb() -> None:
    empty = zstandard(b"")
    chunk = empty * (512 * 1024 // len(empty))
    started = time.process_time()
    with suppress(Undecodable):  # a limit on members would do
        decoded(["zstd"], [chunk])
    assert time.process_time() - started < 0.1


bodies = st.one_of(
    st.binary(max_size=300), st.builds(bytes.__mul__, st.binary(max_size=9), st.integers(0, 30_000))
)


@given(
    body=bodies,
    forms=st.lists(st.sampled_from(list(FORMS)), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 1_000), max_size=20),
)
def test_every_stack_round_trips_over_any_chunks(
    body: bytes, forms: list[str], cuts: list[int]
) -> None:
    data, names = body, []
    for form in forms:
        name, encode = FORMS[form]
        data = encode(data)
        names.append(name)
    edges = sorted({0, len(data), *(edge % (len(data) + 1) for edge in cuts)})
    chunks = [data[start:stop] for start, stop in pairwise(edges)]
    assert decoded(names, chunks) == (body, True)


@given(data=st.binary(max_size=400), coding=st.sampled_from(["gzip", "deflate", "br", "zstd"]))
def test_any_bytes_decode_or_are_undecodable(data: bytes, coding: str) -> None:
    for prefix in (b"", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x28\xb5\x2f\xfd"):
        with suppress(Undecodable, TooLong):
            decoded([coding], cut(prefix + data, 50), cap=1_000_000)
