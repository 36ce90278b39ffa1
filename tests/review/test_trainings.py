"""What the page of trainings is told: changes as the alarm takes them, of a real ledger's rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flywheel.cli.app import app
from flywheel.errors import NoJob
from flywheel.jobs.folder import jobs_root
from flywheel.review.data import Review, open_review
from flywheel.review.rows import Curve, Training
from flywheel.stats.paired import paired
from flywheel.store.store import connect
from tests.review.trained import HACKED, ITEMS, Job, evalset, hacked, ordered


def opened(root: Path, job: str) -> Training:
    """A job, once all is told."""
    review = open_review(root / "s.duckdb")
    try:
        review.trainings()
        return review.training(job)
    finally:
        review.close()


def listed(root: Path) -> Review:
    """The review of a store."""
    return open_review(root / "s.duckdb")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """What is shown of a job whose reward was hacked."""
    folder = tmp_path_factory.mktemp("hacked")
    hacked(folder)
    return opened(folder, "job-hacked")


def named(found: Training) -> dict[str, Curve]:
    return {curve.name: curve for curve in found.curves}


def test_a_job_is_a_line_with_its_scores_before_and_at_the_best_step(tmp_path: Path) -> None:
    hacked(tmp_path)
    review = listed(tmp_path)
    (line,) = review.trainings()
    review.close()
    assert (line.job, line.status, line.lever, line.model) == (
        "job-hacked",
        "finished",
        "rft",
        "tiny",
    )
    assert (line.evalset, line.seed, line.step, line.steps) == ("e", 0, 40, 40)
    assert (line.before, line.best, line.best_step, line.alarms) == (0.5, 0.1, 20, 1)


def test_a_curve_is_the_paired_change_since_the_first_exam(seen: Training) -> None:
    assert seen.trouble is None and seen.notes == []
    roles = [(curve.name, curve.role, curve.also) for curve in seen.curves]
    assert roles == [
        ("fields", "reward", ()),
        ("exact", "audit", ("primary",)),
        ("readable", "audit", ("guard",)),
    ]
    exact = named(seen)["exact"].points
    assert [(point.step, point.n) for point in exact] == [(0, 40), (20, 40), (40, 40)]
    expected = paired(HACKED[40]["exact"], HACKED[0]["exact"])  # type: ignore[arg-type]
    assert expected
    assert exact[-1].mean == (expected.difference, expected.low, expected.high)
    assert exact[0].mean == (0.0, None, None), "where all begin"
    assert named(seen)["readable"].points[-1].n == ITEMS - 1, "an ungraded item stays out"
    json.dumps(seen.curves)


def test_groups_of_the_evalset_are_clusters(tmp_path: Path) -> None:
    hacked(tmp_path, group="kind")
    exact = named(opened(tmp_path, "job-hacked"))["exact"].points[-1].mean
    kinds = ["even" if n % 2 == 0 else "odd" for n in range(ITEMS)]
    expected = paired(HACKED[40]["exact"], HACKED[0]["exact"], kinds)  # type: ignore[arg-type]
    assert expected and exact == (expected.difference, expected.low, expected.high)


def test_a_reward_of_several_graders_is_their_weighted_mean(tmp_path: Path) -> None:
    what = ordered(evalset(tmp_path / "e"), reward=("fields", "exact"), reward_weights=(3.0, 1.0))
    job = Job(tmp_path, "job-two", what)
    job.sit(HACKED)
    found = opened(tmp_path, "job-two")
    reward, *others = found.curves
    assert (reward.name, reward.role) == ("fields, exact", "reward")
    assert reward.points[-1].mean.mean == pytest.approx((3 * 0.5 - 0.475) / 4)
    assert [(c.name, c.role, c.also) for c in others] == [
        ("exact", "primary", ("reward",)),
        ("readable", "audit", ("guard",)),
    ]


def test_without_a_reward_the_primary_grader_and_guards_are_drawn(tmp_path: Path) -> None:
    job = Job(tmp_path, "job-sft", ordered(evalset(tmp_path / "e"), "sft"))
    job.steps({"loss": 2.0}, {"loss": 1.0})
    job.sit({0: HACKED[0], 2: HACKED[20]})
    found = opened(tmp_path, "job-sft")
    assert [(c.name, c.role) for c in found.curves] == [("exact", "primary"), ("readable", "guard")]
    assert [(s.name, s.values) for s in found.series] == [("loss", [(1, 2.0), (2, 1.0)])]


def test_an_alarm_comes_with_its_answers_their_items_and_scores(seen: Training) -> None:
    (alarm,) = seen.alarms
    assert "the reward (fields) rose by" in alarm.message and "exact changed by" in alarm.message
    assert len(alarm.suspects) == 5
    first = alarm.suspects[0]
    assert first.answer == "an answer" and first.asked["gold"] == first.item.removeprefix("i")
    assert first.scores == [
        ("fields", "reward", 1.0),
        ("exact", "audit, primary", 0.0),
        ("readable", "audit, guard", 1.0),
    ]


def test_of_a_reward_the_steps_tell_what_was_told(seen: Training) -> None:
    series = seen.series
    assert [one.name for one in series] == [
        "mean reward",
        "entropy",
        "mean length of an answer, tokens",
        "share of groups without spread",
    ]
    assert series[0].values[-1] == (40, 1.0)


def test_many_steps_are_averaged_with_their_neighbours(tmp_path: Path) -> None:
    job = Job(tmp_path, "job-long", ordered(evalset(tmp_path / "e"), "sft"))
    job.steps(*({"loss": float(step)} for step in range(1, 402)))
    (loss,) = opened(tmp_path, "job-long").series
    assert len(loss.values) == 201
    assert loss.values[0] == (2, 1.5) and loss.values[-1] == (401, 401.0)


def test_an_evalset_that_is_gone_leaves_the_means_and_says_so(tmp_path: Path) -> None:
    hacked(tmp_path)
    shutil.rmtree(tmp_path / "e")
    found = opened(tmp_path, "job-hacked")
    assert found.trouble is not None and "no evalset" in found.trouble
    assert [(c.name, c.role, c.points[0].mean) for c in found.curves][:2] == [
        ("fields", "grader", (0.5, None, None)),
        ("exact", "grader", (0.5, None, None)),
    ]
    assert (found.line.before, found.line.best) == (None, None)
    assert found.alarms[0].suspects[0].asked == {}


def test_a_split_that_is_gone_leaves_no_intervals_without_groups(tmp_path: Path) -> None:
    hacked(tmp_path, group="kind")
    (tmp_path / "e" / "dev.jsonl").unlink()
    found = opened(tmp_path, "job-hacked")
    assert found.trouble is not None and "dev.jsonl" in found.trouble
    assert {curve.role for curve in found.curves} == {"grader"}


def test_an_evalset_that_changed_meanwhile_is_told(tmp_path: Path) -> None:
    hacked(tmp_path)
    evalset(tmp_path / "e", group="kind")
    assert "The evalset has changed" in opened(tmp_path, "job-hacked").notes[0]


def test_steps_done_again_hold_by_their_later_word(tmp_path: Path) -> None:
    job = Job(tmp_path, "job-again", ordered(evalset(tmp_path / "e")))
    job.sit(HACKED)
    job.tell("died", error="its process is gone")
    job.tell("started", resumed_from=20)
    found = opened(tmp_path, "job-again")
    assert [point.step for point in found.curves[0].points] == [0, 20]
    assert "Resumed 1 times" in found.notes[0]


def test_a_job_that_said_nothing_yet_has_nothing_to_show(tmp_path: Path) -> None:
    Job(tmp_path, "job-new", ordered(evalset(tmp_path / "e"))).keep()
    found = opened(tmp_path, "job-new")
    assert (found.line.status, found.line.step, found.line.steps) == ("died", 0, 40)
    assert (found.curves, found.series, found.alarms, found.trouble) == ([], [], [], None)


def test_the_review_tells_the_store_what_a_job_says_while_it_owns_it(tmp_path: Path) -> None:
    job = Job(tmp_path, "job-live", ordered(evalset(tmp_path / "e"), "sft"))
    review = listed(tmp_path)
    assert review.trainings()[0].step == 0
    job.steps({"loss": 1.0}, {"loss": 0.5})
    assert review.trainings()[0].step == 2
    assert len(review.training("job-live").series[0].values) == 2
    with pytest.raises(NoJob, match="no job 'other'"):
        review.training("other")
    review.close()


def test_looking_at_a_training_loads_no_torch(tmp_path: Path) -> None:
    hacked(tmp_path)
    code = f"""
import sys
from pathlib import Path
from flywheel.review.data import open_review
review = open_review(Path({str(tmp_path / "s.duckdb")!r}))
assert review.trainings() and review.training("job-hacked").curves
assert not {{"torch", "transformers", "trl", "peft"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("detail", ["no JSON", "[]", "[" * 100_000 + "]" * 100_000])
@pytest.mark.parametrize("order", [None, "no JSON", "[1]", '{"config": 1, "numbers": []}'])
def test_rows_that_hold_no_objects_hide_no_job(
    tmp_path: Path, detail: str, order: str | None
) -> None:
    hacked(tmp_path)
    Job(tmp_path, "job-other", ordered(tmp_path / "e")).keep()
    listed(tmp_path).close()
    shutil.rmtree(jobs_root(tmp_path / "s.duckdb"))
    connection = connect(tmp_path / "s.duckdb")
    of = """WHERE "job" = 'job-hacked'"""
    connection.execute(f'UPDATE "job_events" SET "detail" = ? {of} AND "n" > 3', [detail])
    if order is not None:
        connection.execute(f'UPDATE "jobs" SET "order" = ? {of}', [order])
    connection.close()
    review = listed(tmp_path)
    assert {line.job for line in review.trainings()} == {"job-hacked", "job-other"}
    assert review.training("job-hacked").line.status == "unknown"
    review.close()
    for command in (["jobs"], ["job", "job-hacked"], ["job", "job-hacked", "--json"]):
        done = CliRunner().invoke(app, [*command, "--db", str(tmp_path / "s.duckdb")])
        assert done.exit_code == 0 and "job-hacked" in done.stdout
