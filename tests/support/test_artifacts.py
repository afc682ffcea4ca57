"""Artifacts: whole or not at all, and traceable to what made them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from r1.support.artifacts import (
    MANIFEST,
    BrokenArtifact,
    content_hash,
    read_manifest,
    write_aside,
    write_json,
)
from tests.conftest import ROOT


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An artifact that is already there."""
    target = tmp_path / "zero"
    target.mkdir()
    (target / "old.txt").write_text("old")
    return target


def test_the_artifact_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "models" / "zero"
    with write_aside(target) as directory:
        (directory / "new.txt").write_text("new")
        assert not target.exists()
    assert names(target) == ["new.txt"]
    assert names(target.parent) == ["zero"]


def test_the_new_artifact_takes_the_old_one_s_place(old: Path) -> None:
    with write_aside(old) as directory:
        (directory / "new.txt").write_text("new")
        assert names(old) == ["old.txt"]
    assert names(old) == ["new.txt"]
    assert names(old.parent) == ["zero"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failing_writer_leaves_the_old_artifact(old: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), write_aside(old) as directory:
        (directory / "new.txt").write_text("new")
        raise error
    assert names(old) == ["old.txt"]
    assert names(old.parent) == ["zero"]


def test_a_failing_writer_leaves_nothing_where_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(ValueError), write_aside(tmp_path / "zero"):
        raise ValueError
    assert names(tmp_path) == []


def test_leftovers_of_killed_runs_go_and_others_stay(old: Path) -> None:
    for name in (".zero.1.tmp", f".zero.{os.getpid()}.tmp", ".sft.1.tmp"):
        (old.parent / name).mkdir()
        (old.parent / name / "half.txt").write_text("half")
    with write_aside(old) as directory:
        assert names(directory) == []
    assert names(old.parent) == [".sft.1.tmp", "zero"]


def test_content_hash_knows_contents_and_names_but_not_the_manifest(tmp_path: Path) -> None:
    def made(name: str, files: dict[str, str]) -> str:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        return content_hash(tmp_path / name)

    one = made("one", {"a.txt": "x", "b/c.txt": "y"})
    assert made("same", {"b/c.txt": "y", "a.txt": "x"}) == one
    assert made("manifest", {"a.txt": "x", "b/c.txt": "y", MANIFEST: "{}"}) == one
    different = [
        made("content", {"a.txt": "x", "b/c.txt": "z"}),
        made("renamed", {"a2.txt": "x", "b/c.txt": "y"}),
        made("moved", {"a.txt": "x", "c.txt": "y"}),
        made("swapped", {"a.txt": "y", "b/c.txt": "x"}),
        made("fewer", {"a.txt": "x"}),
        made("more", {"a.txt": "x", "b/c.txt": "y", "d.txt": ""}),
    ]
    assert len({one, *different}) == 7


def test_content_hash_of_a_file_is_of_its_bytes_alone(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    hashes = [content_hash(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_content_hash_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BrokenArtifact, match=r"zero is missing: run `dvc repro`"):
        content_hash(tmp_path / "zero")


def test_read_manifest_reads_what_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / MANIFEST, {"stage": "zero", "counts": {"样本": 1}})
    assert read_manifest(tmp_path) == {"stage": "zero", "counts": {"样本": 1}}


@pytest.mark.parametrize("garbage", [b"", b"{", b"not json", b"\xff\xfe\x00"], ids=["empty", "cut", "text", "binary"])
def test_an_unreadable_manifest_says_what_to_do(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(garbage)
    with pytest.raises(BrokenArtifact, match=r"is not a complete artifact .*run `dvc repro`"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("missing", ["", "zero"], ids=["manifest", "artifact"])
def test_a_missing_manifest_says_what_to_do(tmp_path: Path, missing: str) -> None:
    with pytest.raises(BrokenArtifact, match=r"is not a complete artifact .*run `dvc repro`"):
        read_manifest(tmp_path / missing)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, {"a": -float("inf")}], object()])
def test_write_json_refuses_what_is_no_json_and_leaves_the_old_file(tmp_path: Path, value: object) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"old": 1})
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"new": value})
    assert json.loads(path.read_text()) == {"old": 1}
    assert names(tmp_path) == ["metrics.json"]


def test_write_json_keeps_the_order_and_makes_directories(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "metrics.json"
    write_json(path, {"z": 1, "a": "é"})
    assert path.read_text() == '{\n  "z": 1,\n  "a": "é"\n}\n'
    assert names(path.parent) == ["metrics.json"]


@pytest.mark.parametrize("moment", ["writing", "before-the-old-is-removed"])
def test_a_killed_writer_leaves_a_whole_artifact_or_none(moment: str, tmp_path: Path) -> None:
    target = tmp_path / "zero"
    with write_aside(target) as directory:
        (directory / "weights").write_text("old")
    code = (
        "import os, pathlib, signal\n"
        "from r1.support.artifacts import write_aside\n"
        "die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"with write_aside(pathlib.Path({str(target)!r})) as directory:\n"
        "    (directory / 'weights').write_text('half')\n"
        f"    if {moment!r} == 'writing': die()\n"
        "    import shutil; shutil.rmtree = die\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == -9
    assert (target / "weights").read_text() == ("old" if moment == "writing" else "half")
    assert [path.name for path in target.iterdir()] == ["weights"]
    with write_aside(target) as directory:  # the next run clears what the killed one left
        (directory / "weights").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["zero"]
