"""A journal loses nothing that was told, and tells nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flywheel.jobs.follow import Tail
from flywheel.jobs.records.journal import (
    EVENTS,
    Journal,
    holder,
    is_held,
    last_event,
    read_events,
    take_lock,
    write_holder,
)


def write(folder: Path, *kinds: str) -> None:
    journal = Journal(folder)
    for kind in kinds:
        journal.append(kind, {"step": 1})
    journal.close()


def test_events_are_numbered_on_across_processes(tmp_path: Path) -> None:
    write(tmp_path, "accepted", "started")
    write(tmp_path, "step")
    assert [(e.n, e.kind) for e in read_events(tmp_path)] == [
        (1, "accepted"),
        (2, "started"),
        (3, "step"),
    ]


def test_a_number_that_is_none_becomes_null(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    told = {"loss": float("nan"), "all": [float("inf"), {"x": float("-inf")}, 1.5]}
    journal.append("step", told)
    journal.close()
    (event,) = read_events(tmp_path)
    assert event.detail == {"loss": None, "all": [None, {"x": None}, 1.5]}


@pytest.mark.parametrize(
    "left", [b'{"n": 3, "at": "2026', b"\0\0\0\0", b"\0\0\n", b"not json\n", b"[]\n", b'{"n": 3}\n']
)
def test_what_a_power_cut_left_is_cut_off(tmp_path: Path, left: bytes) -> None:
    write(tmp_path, "accepted", "started")
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(left)
    assert len(list(read_events(tmp_path))) == 2
    tail = Tail(tmp_path)
    assert [event.n for event in tail.read()] == [1, 2]
    write(tmp_path, "step")
    assert [event.n for event in read_events(tmp_path)] == [1, 2, 3]
    assert [event.n for event in [*tail.read(), *tail.read()]] == [3]


def test_a_half_written_line_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "accepted", "started", "step")
    whole = (tmp_path / EVENTS).read_bytes()
    seen: list[int] = []
    tail = Tail(tmp_path)
    for length in range(len(whole) + 1):
        (tmp_path / EVENTS).write_bytes(whole[:length])
        seen += [event.n for event in tail.read()]
    assert seen == [1, 2, 3]


def test_the_last_event_is_found_behind_a_long_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for length in (10, 300_000, 70_000):
        journal.append("exam_items", {"text": "x" * length})
    journal.close()
    event, end = last_event(tmp_path)
    assert event is not None
    assert (event.n, len(event.detail["text"])) == (3, 70_000)
    assert end == (tmp_path / EVENTS).stat().st_size


def test_nothing_was_told_where_there_is_nothing(tmp_path: Path) -> None:
    assert list(read_events(tmp_path)) == []
    assert last_event(tmp_path) == (None, 0)
    assert Tail(tmp_path).read() == []
    assert not is_held(tmp_path)


def test_the_lock_is_one_and_says_whose_it_is(tmp_path: Path) -> None:
    descriptor = take_lock(tmp_path)
    assert descriptor is not None
    write_holder(descriptor)
    assert is_held(tmp_path)
    assert holder(tmp_path) == os.getpid()
    assert take_lock(tmp_path) is None
    os.close(descriptor)
    assert holder(tmp_path) is None


@pytest.mark.parametrize(
    "damage",
    [
        b"x" * 40 + b"\n",
        b"[" * 100_000 + b"\n",
        b"\0\n",
        b"{}\n",
        b'{"n": Infinity, "at": "", "kind": "step"}\n',
        b'{"n": 9223372036854775808, "at": "", "kind": "step"}\n',
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_damaged_line_costs_its_own_event_alone(tmp_path: Path, at: int, damage: bytes) -> None:
    write(tmp_path, "accepted", "started", "step", "finished")
    lines = (tmp_path / EVENTS).read_bytes().splitlines(keepends=True)
    lines[at] = damage
    (tmp_path / EVENTS).write_bytes(b"".join(lines))
    rest = [n for n in (1, 2, 3, 4) if n != at + 1]
    assert [event.n for event in read_events(tmp_path)] == rest
    tail = Tail(tmp_path)
    assert [event.n for event in [*tail.read(), *tail.read()]] == rest
    write(tmp_path, "step")
    assert [event.n for event in tail.read()] == [5]
