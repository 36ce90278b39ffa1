"""A run or a job is named by its name, by the beginning of it, or as one of the latest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel.errors import NoJob, NoRun
from flywheel.evals.results.results import the_run
from flywheel.jobs.folder import match_job
from flywheel.store.store import open_store
from tests.cli.command import flywheel

NAMES = ["job-260102-000000-ffff", "job-260101-000001-abce", "job-260101-000000-abcd"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *((name, name) for name in NAMES),
        ("latest", NAMES[0]),
        ("latest~2", NAMES[2]),
        ("job-260102", NAMES[0]),
        ("job-260101-000001", NAMES[1]),
    ],
)
def test_a_job_is_found_by_what_tells_it_apart(name: str, meant: str) -> None:
    assert match_job(name, NAMES, Path("jobs")) == meant
    # A name that begins another is itself.
    assert match_job("job", ["job-2", "job"], Path("jobs")) == "job"


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("job-260101", f"'job-260101' fits several jobs: {NAMES[1]}, {NAMES[2]}; write more"),
        ("latest~3", "no job 'latest~3' in jobs; flywheel jobs lists them"),
        ("", "no job '' in jobs"),
        (NAMES[0] + "x", f"lists them; did you mean {NAMES[0]}"),
        ("../x", "no job '../x' in jobs"),
    ],
)
def test_a_name_of_several_jobs_lists_them(name: str, story: str) -> None:
    with pytest.raises(NoJob, match=story.replace("(", r"\(")):
        match_job(name, NAMES, Path("jobs"))


def test_a_run_is_found_by_what_tells_it_apart(tmp_path: Path) -> None:
    rows = [
        {"run": run, "item": "i", "grader": "same", "score": 1.0}
        for run in ("run-a_1", "run-a_2", "run-axx", "run-b%", "run-b")
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert flywheel("import", "scores", "r.jsonl", "--evalset", "x", cwd=tmp_path).returncode == 0
    with open_store(tmp_path / "flywheel.duckdb") as store:
        assert the_run(store, "run-ax").run == "run-axx"
        assert the_run(store, "run-b").run == "run-b"
        assert the_run(store, "run-b%").run == "run-b%"
        stories = {
            "run-a_": "fits several runs: ",
            "%": "no run '%'",
            "": "no run ''",
            "run-a_1x": "did you mean run-a_1",
        }
        for name, story in stories.items():
            with pytest.raises(NoRun, match=story):
                the_run(store, name)
