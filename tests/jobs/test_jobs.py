"""A job in a process of its own: followed, paused, cancelled, killed and gone on with."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile, NoJob, WrongMoment
from flywheel.jobs.control import ask, kill_job
from flywheel.jobs.folder import STACKS, find_job, job_folders, jobs_root
from flywheel.jobs.follow import follow
from flywheel.jobs.kind import UnknownKind
from flywheel.jobs.outcomes import settle
from flywheel.jobs.records.job_state import stored_view, view, views
from flywheel.jobs.records.journal import Journal, holder, is_held, last_event, read_events
from flywheel.jobs.records.ledger import Ledger, update_store
from flywheel.jobs.submit import resume, submit
from flywheel.levers.training.orders.order import ChangedOrder
from flywheel.store.store import open_store
from flywheel.store.tables.jobs import job_events
from flywheel.store.upkeep.check import check_store
from tests.jobs.scripted import SCRIPT, loss
from tests.jobs.world import KINDS, begin, end, kind, launch, order, wait_for

KILLS = int(os.environ.get("FLYWHEEL_KILLS", "3"))


def kinds(folder: Path) -> list[str]:
    return [event.kind for event in read_events(folder) if event.kind not in ("step", "checkpoint")]


def test_a_job_is_followed_to_its_end(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=12)
    events = end(folder, process)
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert kinds(folder) == ["accepted", "started", "exam", "finished"]
    found = view(folder)
    assert (found.status, found.step, found.total, found.best_step) == ("finished", 12, 12, 12)
    assert list(found.checkpoints) == [5, 10]
    assert process.wait() == 0
    assert find_job(tmp_path, folder.name) == folder
    assert job_folders(tmp_path) == [folder]


@pytest.mark.parametrize("damage", ["garbage", "[1]", '{"numbers": []}'])
def test_a_damaged_order_does_not_hide_the_other_jobs(tmp_path: Path, damage: str) -> None:
    folder, process = begin(tmp_path, steps=2)
    end(folder, process)
    other = tmp_path / "job-zz"
    shutil.copytree(folder, other)
    order_file = other / "order.json"
    if damage.startswith("{"):
        told = json.loads(order_file.read_text(encoding="utf-8"))
        damage = json.dumps({**told, **json.loads(damage)})
    order_file.write_text(damage, encoding="utf-8")
    with open_store(tmp_path / "s.duckdb") as store:
        update_store(store, [other, folder])
        found = views(tmp_path, store, 5)
        assert [(one.row.job, one.status) for one in found] == [
            ("job-zz", "damaged"),
            (folder.name, "finished"),
        ]
        assert stored_view(store, folder.name).status == "finished"


def test_pause_keeps_a_checkpoint_and_resume_does_the_rest(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=40, seconds=0.03)
    wait_for(folder, 3)
    ask(folder, "pause")
    events = end(folder, process)
    assert (events[-1].kind, events[-2].kind) == ("paused", "checkpoint")
    assert process.wait() == 10
    stopped = view(folder).step
    assert 3 <= stopped < 40
    again = resume(folder, KINDS, launch())
    assert end(folder, again.process)[-1].kind == "finished"
    steps = [event.detail["step"] for event in read_events(folder) if event.kind == "step"]
    assert steps == list(range(1, 41))
    assert view(folder).resumed == 1


def test_sigterm_is_a_pause(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=500)
    wait_for(folder, 2)
    process.terminate()
    assert end(folder, process)[-1].kind == "paused"


def test_cancel_ends_a_job_at_work_and_one_at_rest(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=500)
    wait_for(folder, 2)
    ask(folder, "cancel")
    assert end(folder, process)[-1].kind == "cancelled"
    assert process.wait() == 11
    with pytest.raises(WrongMoment, match=r"has already been cancelled"):
        ask(folder, "cancel")
    folder, process = begin(tmp_path, steps=500)
    wait_for(folder, 2)
    ask(folder, "pause")
    assert end(folder, process)[-1].kind == "paused"
    with pytest.raises(WrongMoment, match=r"is already paused"):
        ask(folder, "pause")
    ask(folder, "cancel")
    assert view(folder).status == "cancelled"


def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng, db = random.Random(7), tmp_path / "s.duckdb"
    folder, process = begin(tmp_path, steps=30 * KILLS, seconds=0.03)
    for number in range(KILLS):
        # The first kill comes while Python still starts, the others into the work.
        until = view(folder).step + rng.randint(1, 15) if number else -1
        for _ in follow(folder, None, process):
            Ledger(db, folder).keep(now=rng.random() < 0.5)
            if view(folder).step > until:
                break
        kill_job(folder)
        process.kill()
        assert end(folder, process)[-1].kind == "died"
        assert view(folder).end["remedy"] == f"flywheel job {folder.name} --resume"
        process = resume(folder, KINDS, launch()).process
    assert end(folder, process)[-1].kind == "finished"
    Ledger(db, folder).keep(now=True)
    found = view(folder)
    assert found.as_json()["losses"] == {
        str(step): pytest.approx(loss(step), abs=1e-12) for step in range(1, 30 * KILLS + 1)
    }
    events = list(read_events(folder))
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    with open_store(db) as store:
        kept = job_events(store, folder.name)
        assert [(row.n, row.kind) for row in kept] == [(e.n, e.kind) for e in events]
        assert stored_view(store, folder.name).as_json() == found.as_json()
        written = store.query('SELECT count(*) AS "n" FROM "checkpoints"')[0]["n"]
    assert written == [event.kind for event in events].count("checkpoint")
    assert check_store(db).findings == []


def test_what_is_told_again_is_not_doubled(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=3)
    end(folder, process)
    count = len(list(read_events(folder)))
    with open_store(tmp_path / "s.duckdb") as store:
        for _ in range(3):
            update_store(store, [folder])
        assert len(job_events(store, folder.name)) == count
        assert store.query('SELECT count(*) AS "n" FROM "jobs"') == [{"n": 1}]


def test_a_job_that_nobody_followed_is_read_later(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.jobs.world import begin
print(begin(Path(sys.argv[1]), steps=50_000).folder)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    folder = Path(done.stdout.strip())
    assert is_held(folder)  # its starter is gone, and it goes on
    wait_for(folder, view(folder).step + 5)
    ask(folder, "cancel")
    assert end(folder)[-1].kind == "cancelled"


@pytest.mark.parametrize(
    ("how", "story"),
    [
        ("stopped", "suspended (SIGSTOP)"),
        ("hangs_at", "see "),
    ],
)
def test_a_job_in_which_nothing_happens_is_ended(tmp_path: Path, how: str, story: str) -> None:
    script: dict[str, Any] = {"steps": 500} if how == "stopped" else {"steps": 8, how: 7}
    folder, process = begin(tmp_path, **script)
    wait_for(folder, 3)
    if how == "stopped":
        os.kill(process.pid, signal.SIGSTOP)
    last = end(folder, process, stall=0.6)[-1]
    assert last.kind == "stalled"
    assert story in last.detail["error"]
    assert process.wait() == -signal.SIGKILL
    if how == "hangs_at":
        assert "scripted.py" in (folder / STACKS).read_text()
        again = resume(folder, KINDS, launch())
        assert end(folder, again.process)[-1].kind in ("finished", "stalled")


def test_a_job_that_hangs_ends_itself_when_nobody_looks(tmp_path: Path) -> None:
    how = launch(stall=0.1)  # and the grace of five seconds
    folder, process = begin(tmp_path, how, steps=8, seized_at=2)
    assert process.wait(timeout=300) == 1
    settle(folder, 1)
    last = list(read_events(folder))[-1]
    assert (last.kind, view(folder).status) == ("stalled", "stalled")
    assert "Timeout (" in (folder / STACKS).read_text()


def test_a_failure_says_what_to_do(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=8, fails_at=3)
    last = end(folder, process)[-1]
    assert last.kind == "failed"
    assert last.detail["error"] == "the script says so"
    assert f"flywheel job {folder.name} --resume" in last.detail["remedy"]
    assert process.wait() == 1
    assert "Traceback" in (folder / "log.txt").read_text()


def test_a_process_that_cannot_begin_is_noticed(tmp_path: Path) -> None:
    (tmp_path / SCRIPT).write_text("{}")
    broken = kind((sys.executable, "-c", "raise SystemExit('no such luck')"))
    folder, process = submit(tmp_path, broken, order(), launch())
    last = end(folder, process)[-1]
    assert (last.kind, view(folder).status) == ("died", "died")
    assert "never started to work" in last.detail["error"]
    assert "no such luck" in (folder / "log.txt").read_text()


def test_a_job_is_at_work_once(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=500)
    with pytest.raises(WrongMoment, match="already running or queued"):
        resume(folder, KINDS, launch())
    wait_for(folder, 1)
    assert holder(folder) == process.pid
    ask(folder, "cancel")
    end(folder, process)


def test_of_two_that_resume_at_once_one_does(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=500)
    wait_for(folder, 1)
    ask(folder, "pause")
    end(folder, process)
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(resume, folder, KINDS, launch()) for _ in range(4)]
    begun = [one.result().process for one in tries if one.exception() is None]
    assert len(begun) == 1
    assert all(isinstance(e, WrongMoment) for one in tries if (e := one.exception()))
    ask(folder, "cancel")
    assert end(folder, begun[0])[-1].kind == "cancelled"
    assert kinds(folder).count("started") == 2


def test_a_job_that_ended_for_good_does_not_go_on(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=2)
    end(folder, process)
    with pytest.raises(WrongMoment, match="has already finished, so it cannot be resumed"):
        resume(folder, KINDS, launch())


def test_a_job_whose_data_changed_does_not_go_on(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n')
    (tmp_path / SCRIPT).write_text('{"steps": 500}')
    idle = kind((sys.executable, "-c", ""))
    folder, process = submit(tmp_path / "jobs", idle, order(data), launch())
    end(folder, process)
    data.write_text('{"prompt": "a", "completion": "c"}\n')
    with pytest.raises(ChangedOrder, match="the training data changed"):
        resume(folder, KINDS, launch())
    assert not is_held(folder)


def test_jobs_are_listed_from_folders_and_from_the_store(tmp_path: Path) -> None:
    db, root = tmp_path / "s.duckdb", jobs_root(tmp_path / "s.duckdb")
    (first, one), (second, two) = (begin(root, steps=2) for _ in range(2))
    end(first, one)
    end(second, two)
    with open_store(db) as store:
        update_store(store, [first, second])
        first.rename(tmp_path / "elsewhere")
        assert {(v.row.job, v.status) for v in views(root, store, 9)} == {
            (first.name, "finished"),
            (second.name, "finished"),
        }
        with pytest.raises(NoJob, match="no job 'job-x'"):
            stored_view(store, "job-x")
    assert [v.row.job for v in views(root, None, 9)] == [second.name]
    with pytest.raises(NoJob, match="flywheel jobs lists them"):
        find_job(root, first.name)
    (second / "order.json").write_text(json.dumps({"config": {}}))
    with pytest.raises(BadFile, match="no order of a job"):
        view(second)


def test_the_store_in_other_hands_is_told_later(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    folder, process = begin(tmp_path, steps=2)
    end(folder, process)
    ledger = Ledger(db, folder)
    with open_store(db):
        assert not ledger.keep(now=True)
    assert ledger.keep(now=True)
    with open_store(db) as store:
        assert stored_view(store, folder.name).status == "finished"


def test_a_niceness_gives_way(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, launch(niceness=7), steps=500)
    wait_for(folder, 1)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 7
    ask(folder, "cancel")
    end(folder, process)


def test_a_damaged_journal_still_tells_how_the_job_ended(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=6)
    end(folder, process)
    lines = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    lines[1] = lines[4] = "\0\n"
    (folder / "events.jsonl").write_text("".join(lines))
    with open_store(tmp_path / "s.duckdb") as store:
        update_store(store, [folder])
        for found in (view(folder), stored_view(store, folder.name)):
            assert (found.status, found.step, found.damaged) == ("finished", 6, 2)


def test_an_order_that_was_edited_is_not_obeyed(tmp_path: Path) -> None:
    folder, process = begin(tmp_path, steps=500)
    wait_for(folder, 1)
    ask(folder, "pause")
    end(folder, process)
    path = folder / "order.json"
    path.write_text(path.read_text().replace('"steps": 500', '"steps": 9'))
    with pytest.raises(ChangedOrder, match="edited after the job was accepted"):
        resume(folder, KINDS, launch())
    assert not is_held(folder)


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_job_stops_when_its_folder_is_gone(tmp_path: Path, how: str) -> None:
    folder, process = begin(tmp_path, steps=50_000)
    wait_for(folder, 2)
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    if how == "removed":
        shutil.rmtree(elsewhere)
    if how == "replaced":
        shutil.copytree(elsewhere, folder)
    assert process.wait(timeout=300) == 1
    if how != "removed":
        last, _ = last_event(elsewhere)
        assert last is not None
        assert (last.kind, last.detail["error"]) == (
            "failed",
            f"{folder} was moved or removed, so the job stops",
        )


def test_two_stores_in_one_folder_share_no_job(tmp_path: Path) -> None:
    first, second = tmp_path / "flywheel.duckdb", tmp_path / "other.duckdb"
    folder, process = begin(jobs_root(first), steps=2)
    end(folder, process)
    assert job_folders(jobs_root(first)) == [folder]
    assert job_folders(jobs_root(second)) == []
    other, process = begin(jobs_root(second), steps=6, fails_at=3)
    assert (
        end(other, process)[-1]
        .detail["remedy"]
        .endswith(f"flywheel job {other.name} --resume --db {second}")
    )
    assert job_folders(jobs_root(second)) == [other]


@pytest.mark.parametrize("named", ["os", "flywheel.cli.main", 7, None, ["training"]])
def test_a_folder_cannot_choose_what_is_run(tmp_path: Path, named: object) -> None:
    journal = Journal(tmp_path)
    journal.append("accepted", {"work": named})
    journal.close()
    with pytest.raises(UnknownKind, match=r"this version runs training"):
        resume(tmp_path, KINDS, launch())
