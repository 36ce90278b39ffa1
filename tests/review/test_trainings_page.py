"""The page of trainings, run by Streamlit's own AppTest on jobs that a real ledger kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.review.test_pages import HOSTILE, MARKDOWN, Open, pages, words
from tests.review.trained import Job, evalset, hacked, ordered

__all__ = ["pages"]  # the fixture


def charts(app: Any) -> list[dict[str, Any]]:
    """What each chart is drawn from, in the order of the page."""
    return [
        json.loads(chart.proto.spec)
        for chart in app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")
    ]


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The points that a chart draws."""
    data = [spec.get("data", {}), *(layer.get("data", {}) for layer in spec["layer"])]
    return [row for one in data for row in one.get("values", ()) if "text" in row]


def test_without_a_job_it_says_how_to_begin_one(pages: Open) -> None:
    app = pages().at("trainings")
    assert "This store has no jobs yet" in words(app, "info")
    assert words(app, "code") == "flywheel improve sft sft.yaml"


def test_jobs_are_listed_and_the_newest_is_shown(pages: Open, tmp_path: Path) -> None:
    hacked(tmp_path)
    opened = pages()
    app = opened.at("trainings")
    jobs = app.dataframe[0].value
    assert list(jobs["job"]) == ["job-hacked"]
    assert list(jobs["step"]) == ["40 of 40"] and list(jobs["dev at best"]) == [0.1]
    assert app.query_params["job"] == "job-hacked"
    assert "No job 'job-x' in this list" in words(opened.at("trainings", job="job-x"), "text")


def test_reward_and_audits_are_drawn_around_zero_with_intervals(
    pages: Open, tmp_path: Path
) -> None:
    hacked(tmp_path)
    app = pages().at("trainings")
    exams, *small = charts(app)
    assert len(small) == 4
    drawn = rows(exams)
    assert {row["name"] for row in drawn} == {
        "reward: fields",
        "exact (audit, primary)",
        "readable (audit, guard)",
    }
    last = next(row for row in drawn if row["name"] == "reward: fields" and row["step"] == 40)
    assert last["mean"] == 50.0 and 30 < last["low"] < 50 < last["high"] < 70
    shown = app.dataframe[1].value
    assert shown["grader"][0] == "reward: fields"
    assert shown["change, % of range [95%]"][0].startswith("+50.0 [+3")
    assert "with 95% intervals" in words(app, "caption")


def test_an_alarm_shows_what_was_told_and_the_answers(pages: Open, tmp_path: Path) -> None:
    hacked(tmp_path)
    app = pages().at("trainings")
    assert "**Alarm**" in words(app, "markdown")
    said = words(app, "text")
    assert "reward_hacking: the reward (fields) rose by" in said
    assert "1.000  fields  (reward)\n0.000  exact  (audit, primary)" in said
    assert words(app, "code").splitlines()[0] == "an answer"


def test_an_evalset_that_is_gone_leaves_means(pages: Open, tmp_path: Path) -> None:
    hacked(tmp_path)
    shutil.rmtree(tmp_path / "e")
    app = pages().at("trainings")
    assert "Only means can be shown" in words(app, "text")
    assert len(charts(app)) == 5


@pytest.mark.parametrize(("told", "said"), [((), "No evaluation"), (("started",), "No step")])
def test_what_is_missing_is_said(
    pages: Open, tmp_path: Path, told: tuple[str, ...], said: str
) -> None:
    job = Job(tmp_path, "job-new", ordered(evalset(tmp_path / "e"), "sft"))
    for kind in told:
        job.tell(kind)
    assert said in words(pages().at("trainings"), "info")


def test_what_a_training_says_is_never_read_as_markdown(pages: Open, tmp_path: Path) -> None:
    job = hacked(tmp_path, answer=f"{HOSTILE} \x1b[31m\u202e", name="job-![x](evil)")
    job.tell("failed", error=HOSTILE, remedy=HOSTILE)
    job.tell("alarm", name="reward_hacking", told=HOSTILE, samples=[])
    app = pages().at("trainings")
    seen = words(app, "code", "text")
    assert seen.count(HOSTILE) >= 8
    assert r"\x1b[31m\u202e" in seen
    assert "evil" not in words(app, *MARKDOWN)
    assert not [e for e in (*app.expander, *app.button) if "evil" in e.label]
