"""Files are written whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest

from crawler import atomic


def test_a_file_is_made_with_the_mode_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    usual = stat.S_IMODE((tmp_path / "other").stat().st_mode)

    atomic.write(tmp_path / "file", b"new")
    atomic.write(tmp_path / "secret", b"new", private=True)

    assert (tmp_path / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == usual
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_file_is_replaced_and_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("old")
    file.chmod(0o640)
    inode = file.stat().st_ino
    (tmp_path / "link").symlink_to(file)

    atomic.write(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.stat().st_ino != inode
    assert [each.name for each in file.parent.iterdir()] == ["file"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        atomic.write(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()

    assert atomic.obstacle(pipe) is None
    atomic.write(pipe, b"new")

    reader.join(10)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    assert atomic.obstacle(tmp_path) == "is a directory"
    assert atomic.obstacle(tmp_path / "no" / "file") == "no folder to write to"
    assert atomic.obstacle(tmp_path / "file") is None
    assert atomic.obstacle(Path(os.devnull)) is None
    assert atomic.obstacle(tmp_path / ("x" * 5_000)) == "file name too long"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert atomic.obstacle(tmp_path / "loop") == "too many levels of symbolic links"
