"""The parts by themselves: frames, packages, files, and limits."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from graders.sandbox import files, packages
from graders.sandbox.frames import BadFrame, Frames, HungUp, pack, pack_json
from graders.sandbox.limits import ForkRequest, Limits
from tests.growth import grows_with_size

NUMPY = ("numpy", "numpy.linalg", "numpy.random")
RAPIDFUZZ = ("rapidfuzz", "rapidfuzz.distance", "rapidfuzz.fuzz", "rapidfuzz.process")


def reading(sent: bytes, step: int) -> Frames:
    chunks: Iterator[bytes] = iter([sent[at : at + step] for at in range(0, len(sent), step)])
    return Frames(lambda _: next(chunks, b""), limit=100)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_frames_arrive_whole_however_they_are_cut(step: int) -> None:
    frames = reading(pack_json({"a": 1}) + pack(b"raw"), step)
    assert frames.next_json() == {"a": 1}
    assert frames.next() == b"raw"
    with pytest.raises(HungUp):
        frames.next()


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"1", b'{"a": NaN}', b'{"a": -Infinity}', b"\xff", b"[" * 99, b"9" * 99],
)
def test_frames_that_are_not_objects_of_finite_numbers_are_bad(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        reading(pack(payload), 1000).next_json()


def test_a_long_frame_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadFrame, match="4294967295 bytes, and 100 is the limit"):
        reading(struct.pack("<I", 2**32 - 1), 4).next()


def test_requests_survive_the_trip() -> None:
    request = ForkRequest.within(Limits(seconds=0.5), samples=3, program=True, threads=True)
    assert ForkRequest.unpack(request.pack()) == request
    assert request.cpu_seconds == 4


@pytest.mark.parametrize("piece", [".a[", ". ", "del ", "\u0301\u0327", "x.y\t", ".", "import a,"])
def test_hostile_sources_cost_the_host_little(piece: str) -> None:
    assert grows_with_size(lambda n: packages.mentioned(piece * n), 25_000)


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import re", ()),
        ("import numpy as np", NUMPY),
        ("    import numpy", NUMPY),
        ("from rapidfuzz.fuzz import ratio", RAPIDFUZZ),
        ("import re; x = 1\nfrom numpy.linalg import norm", NUMPY),
        ("import re, sympy, json", ("sympy",)),
        ("x = 'numpy'", ()),
        ("import flywheel, torch", ()),
        ("import numpy.testing.evil", NUMPY),
    ],
)
def test_packages_that_a_source_imports_are_found(source: str, modules: tuple[str, ...]) -> None:
    assert packages.mentioned(source) == modules


def test_only_documented_packages_may_be_read() -> None:
    names = {name for found in packages.package_paths().values() for name in found}
    assert {"numpy", "numpy.libs", "rapidfuzz", "yaml", "_yaml"} <= names
    assert not names & {"flywheel", "graders", "evalsets", "torch", "duckdb", "pip", "..", ""}
    assert not any(name.startswith("__editable__") for name in names)


def test_grants_leave_out_other_packages() -> None:
    readable = {path for path, right in files.grants() if right == "read"}
    for folder in packages.package_paths():
        assert str(folder) not in readable
        assert not any(str(folder).startswith(path + "/") for path in readable)
        for name in ("flywheel", "graders", "evalsets"):
            assert str(folder / name) not in readable
    assert not any(str(files.HERE).startswith(path) for path in readable)


def test_mounts_hold_neither_this_repository_nor_a_home() -> None:
    root = files.HERE.parents[1]
    for path in files.mounts():
        assert not str(root).startswith(path.rstrip("/") + "/") and path != str(root)
    assert str(files.HERE) in files.mounts()
