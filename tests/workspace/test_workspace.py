"""The Python API: what the command line does, as methods and handles."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas
import pytest

import flywheel as fw
from flywheel.engines.budget import BudgetSpent
from flywheel.errors import BadOption, ChangedPlan, NotComparable
from flywheel.samplers.price import load_prices
from flywheel.store.errors import StoreInUse
from flywheel.workspace.open import open_reading
from flywheel.workspace.reading import Remote
from flywheel.workspace.run import Cancelled
from tests.cli.command import flywheel
from tests.evals.world import write_evalset

CHECK = {"type": "string_check", "name": "same", "operation": "eq", "reference": "{{ item.gold }}"}
SLOW = """
import re, time

def answer(messages, item):
    time.sleep(0.05)
    return re.search(r"[0-9]+", messages[-1]["content"])[0]

def fast(messages, item):
    return re.search(r"[0-9]+", messages[-1]["content"])[0]
"""


def script(folder: Path, name: str, text: str) -> str:
    """A model that always says this."""
    path = folder / f"{name}.jsonl"
    path.write_text(f'{{"when": "", "text": "{text}"}}\n')
    return f"scripted:{path}"


def functions(folder: Path) -> tuple[str, str]:
    """A slow and a fast model that are right."""
    path = folder / "models.py"
    path.write_text(SLOW)
    return f"python:{path}:answer", f"python:{path}:fast"


def test_an_evalset_made_in_python_is_measured_compared_and_resumed(tmp_path: Path) -> None:
    rows = [{"id": str(n), "gold": str(n), "size": "small"} for n in range(12)]
    task = fw.Evalset(items=rows, test=rows[:4], prompt="Say {{ item.gold }}.", graders=[CHECK])
    _, right = functions(tmp_path)
    with fw.open(tmp_path / "s.duckdb") as ws:
        held = ws.baseline(task, model=script(tmp_path, "wrong", "no"))
        run = ws.eval(task, model=right)
        assert (held.result.n, run.as_json()["primary"]["mean"]) == (12, 1.0)
        assert "same 1.000" in str(run)
        compared = ws.compare(held, run)
        assert "better, +100.0 points" in str(compared)
        assert compared.to_pandas()["difference"].tolist() == [1.0]
        html = compared._repr_html_()  # pyright: ignore[reportPrivateUsage]
        assert html.startswith("<iframe")
        assert ws.run("latest").name == run.name
        assert [one.name for one in ws.runs()] == [run.name, held.name]
        assert ws.eval(task, model=right, split="test").result.n == 4
        verdict = ws.gate(run, baseline=held)
        assert verdict.outcome != "promote"
        with pytest.raises(BadOption, match="nothing is promoted"):
            verdict.promote()
        assert ws.resume(run.name).result.n == 12, "its evalset is beside the store"
        again = ws.resume(run, evalset=task)
        assert again.result.n == 12
        command = again.resume_command()
        assert command == run.resume_command()
    done = flywheel(*command.split()[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_content_of_an_evalset_made_in_python_names_it(tmp_path: Path) -> None:
    one, other = ([{"gold": gold}] for gold in "ab")
    with fw.open(tmp_path / "s.duckdb") as ws:
        folders = [
            ws.evalset(fw.Evalset(items=rows, prompt="?", graders=[CHECK])).folder
            for rows in (one, one, other)
        ]
    assert folders[0] == folders[1] != folders[2]


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"items": []}, "needs items"),
        ({"graders": []}, "needs a grader"),
        ({"name": "../up"}, "letters, digits"),
        ({"items": [{"gold": {1}}]}, "dict of JSON values"),
        ({"items": [{"gold": float("nan")}]}, "dict of JSON values"),
        ({"items": [{"gold": "\ud800"}]}, "dict of JSON values"),
        ({"items": 3}, "items of an evalset: got 3, wanted a list of dicts"),
        ({"test": ["a"]}, r"test\[0\] of an evalset: got 'a', wanted a dict"),
        ({"graders": CHECK}, "wanted a list of graders"),
        ({"graders": [len]}, "wanted a dict for each"),
        ({"prompt": None}, "prompt of an evalset: got None"),
        ({"more": {"description": {1}}}, "JSON values"),
    ],
)
def test_a_wrong_evalset_is_refused(tmp_path: Path, fields: dict[str, object], story: str) -> None:
    given: dict[str, object] = {"items": [{"gold": "1"}], "prompt": "?", "graders": [CHECK]}
    with fw.open(tmp_path / "s.duckdb") as ws, pytest.raises(BadOption, match=story):
        ws.evalset(fw.Evalset(**(given | fields)))  # pyright: ignore[reportArgumentType]


def test_the_rows_of_a_generator_or_a_frame_are_read_once_and_whole(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"gold": ["1"], "x": [0.12345678901234], "d": [datetime(2026, 1, 2)]})
    with fw.open(tmp_path / "s.duckdb") as ws:
        task = fw.Evalset(
            items=({"gold": str(n)} for n in range(3)), test=frame, prompt="?", graders=[CHECK]
        )
        folders = {ws.evalset(task).folder for _ in range(2)}
        ((dev, test),) = [((f / "dev.jsonl"), (f / "test.jsonl")) for f in folders]
        assert dev.read_text().count("\n") == 3
        assert '"x": 0.12345678901234, "d": "2026-01-02T' in test.read_text()


@pytest.mark.parametrize(
    ("options", "story"),
    [
        ({"repeat": 3}, r"repeat: no such field; did you mean repeats\?"),
        ({"max_samples": 3}, r"fw.open\(path, fw.EngineSpec\(max_samples=...\)\)"),
        ({"repeats": 0}, "repeats: Input should be greater than or equal to 1, got 0"),
        ({"limit": -1}, "limit: Input should be greater"),
        ({"temperature": "hot"}, "temperature: .* got 'hot'"),
        ({"temperature": float("nan")}, "temperature: .* finite number"),
        ({"prompt": [{"role": "user"}]}, "prompt: Input is not a valid path"),
        ({"model": len}, "a model is a name such as 'tiny'"),
        ({"evalset": [{"gold": "1"}]}, "an evalset is a name, a folder or fw.Evalset"),
    ],
)
def test_a_wrong_option_is_refused_before_a_run_begins(
    tmp_path: Path, options: dict[str, Any], story: str
) -> None:
    _, fast = functions(tmp_path)
    given: Any = {"evalset": write_evalset(tmp_path / "e", items=2), "model": fast}
    with fw.open(tmp_path / "s.duckdb") as ws:
        with pytest.raises(BadOption, match=story):
            ws.eval(**(given | options))
        assert ws.runs() == []
        with pytest.raises(BadOption, match="wanted a run or its name, got None"):
            ws.compare(None)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("method", "given", "story"),
    [
        ("runs", {"most": -1}, "runs: most: .* greater than or equal to 1, got -1"),
        ("events", {"since": 3}, "events: since: .* valid string, got 3"),
        ("job", {"name": 3}, "job: name: "),
        ("gate", {"candidate": "a", "baseline": "b", "tried": "x"}, "gate: tried: .* integer"),
        ("gate", {"candidate": "a", "baseline": 3}, "baseline: .* string, got 3 or .* of Run"),
        ("improve", {"lever": "sft"}, "lever: .* instance of TrainingConfig, got 'sft'"),
        ("forecast", {"evalset": "ticket_triage", "wish": 10}, "forecast: wish: .* got 10"),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    tmp_path: Path, method: str, given: dict[str, Any], story: str
) -> None:
    with fw.open(tmp_path / "s.duckdb") as ws, pytest.raises(BadOption, match=story):
        getattr(ws, method)(**given)


@pytest.mark.parametrize("given", [{"max_samples": -1}, {"max_samples": "3"}, {"in_flight": 0}])
def test_a_spec_that_no_run_could_keep_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=r"is a number, 1 or more, got"):
        fw.EngineSpec(**given)


def test_wrong_graders_and_a_second_workspace_are_refused(tmp_path: Path) -> None:
    folder, (_, fast) = write_evalset(tmp_path / "e", items=2), functions(tmp_path)
    with fw.open(tmp_path / "s.duckdb") as ws:
        run = ws.eval(folder, model=fast)
        wrong: list[tuple[Any, str]] = [
            ([], "needs a grader"),
            ([len], "no grader: .* got <built-in function len>"),
            ({**CHECK, "type": "strng_check"}, "'strng_check' found using 'type'"),
        ]
        for graders, story in wrong:
            with pytest.raises(BadOption, match=story):
                ws.regrade(run, graders)
        assert len(ws.runs()) == 1
        assert ws.regrade(run, CHECK).result.n == 2
        with pytest.raises(StoreInUse, match=r"open in this process already; .* close\(\) it"):
            fw.open(tmp_path / "s.duckdb")


def test_runs_are_measured_side_by_side_and_each_is_cancelled_by_itself(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=200)
    slow, fast = functions(tmp_path)
    with fw.open(tmp_path / "s.duckdb") as ws:
        one = ws.eval(folder, model=slow, wait=False)
        assert ws.eval(folder, model=fast).status == "finished"
        assert not one.has_ended()
        one.cancel()
        assert one.status == "interrupted"
        with pytest.raises(Cancelled, match=f"--resume {one.name}"):
            one.wait()
        assert [event.kind for event in one.events()] == ["run.started", "run.interrupted"]
        assert one.state == "paused"
        assert ws.events()[0][0].kind == "run.started"


def test_a_workspace_closed_with_a_run_under_way_leaves_it_resumable(tmp_path: Path) -> None:
    folder, (slow, _) = write_evalset(tmp_path / "e", items=60), functions(tmp_path)
    with fw.open(tmp_path / "s.duckdb") as ws:
        run = ws.eval(folder, model=slow, wait=False)
        time.sleep(1)
    with fw.open(tmp_path / "s.duckdb") as ws:
        left = ws.run(run.name)
        assert left.status == "interrupted"
        done = ws.resume(left, evalset=folder)
        assert (done.status, done.result.n) == ("finished", 60)


OWNER = """
import sys, time
from datetime import datetime
from pathlib import Path
from typing import Any
import flywheel as fw
ws = fw.open(sys.argv[1])
run = ws.eval(sys.argv[2], model=sys.argv[3], wait=False)
print(run.name, flush=True)
try:
    run.wait()
except Exception as error:
    print(type(error).__name__, flush=True)
ws.close()
"""


def test_a_second_process_reads_and_cancels_and_does_not_write(tmp_path: Path) -> None:
    folder, (slow, _) = write_evalset(tmp_path / "e", items=2000), functions(tmp_path)
    db = tmp_path / "s.duckdb"
    words = [sys.executable, "-c", OWNER, str(db), str(folder), slow]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as owner:
        read_and_cancel(owner, db)
    assert owner.returncode == 0
    with open_reading(db) as ws:
        assert ws.run("latest").status == "interrupted"


def read_and_cancel(owner: subprocess.Popen[str], db: Path) -> None:
    """What a second process may do while the owner measures."""
    assert owner.stdout is not None
    name = owner.stdout.readline().strip()
    with pytest.raises(StoreInUse, match=f"process {owner.pid}"):
        fw.open(db)
    with open_reading(db) as ws:
        assert isinstance(ws, Remote)
        assert ws.run("latest").name == name
        assert ws.runs()[0].status == "started"
        assert not ws.cancel("run-nobody")
        assert ws.cancel(name)
    assert owner.stdout.readline() == "Cancelled\n"


def test_a_judge_replaced_between_baseline_and_candidate_is_refused(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "{{ sample.output_text }}"}]
    grader = {"type": "score_model", "name": "liked", "model": "judge", "input": asked}
    rows = [{"id": str(n), "gold": str(n)} for n in range(4)]
    task = fw.Evalset(items=rows, prompt="Say {{ item.gold }}.", graders=[grader])
    judges = [
        script(tmp_path, name, f'{{\\"result\\": {score}}}')
        for name, score in (("mild", 0.9), ("strict", 0.2))
    ]
    model = script(tmp_path, "model", "yes")
    with fw.open(tmp_path / "s.duckdb") as ws:
        held = ws.baseline(task, model=model, judge=judges[0])
        run = ws.eval(task, model=model, judge=judges[1])
        with pytest.raises(NotComparable, match="liked"):
            ws.compare(held, run)
        with pytest.raises(ChangedPlan, match="graders"):
            ws.resume(held, evalset=task, judge=judges[1])


def test_names_of_the_api_are_loaded_when_they_are_used() -> None:
    code = "import sys, flywheel; print('flywheel.store.store' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    with pytest.raises(AttributeError, match="flywheel has no 'opne'; it has open"):
        fw.opne  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue, reportUnusedExpression]
    assert {"open", "SFT", "Evalset"} <= set(dir(fw))


def test_a_run_stops_at_its_budget_and_goes_on_with_another(tmp_path: Path) -> None:
    folder, (_, fast) = write_evalset(tmp_path / "e", items=40), functions(tmp_path)
    prices = load_prices(write_prices(tmp_path))
    with fw.open(tmp_path / "s.duckdb", fw.EngineSpec(max_samples=15)) as ws:
        with pytest.raises(BudgetSpent, match=r"max_samples 15 is reached; raise it and resume"):
            ws.eval(folder, model=fast)
        run = ws.run("latest")
        assert (run.status, run.result.n) == ("interrupted", 15)
        with pytest.raises(BudgetSpent):
            ws.resume(run, evalset=folder)
        assert run.result.n == 30
        assert ws.resume(run, evalset=folder).result.n == 40
    model = script(tmp_path, "said", "words of a model")
    with fw.open(tmp_path / "s.duckdb", fw.EngineSpec(max_cost=0.5, prices=prices)) as ws:
        with pytest.raises(BudgetSpent, match="of max_cost"):
            ws.eval(folder, model=model)
        assert 0 < ws.run("latest").result.n < 40
    unpriced = fw.EngineSpec(max_cost=0.5, prices=prices)
    with (
        fw.open(tmp_path / "s.duckdb", unpriced) as ws,
        pytest.raises(BadOption, match="usage of each"),
    ):
        ws.eval(folder, model=fast, cache=False)


def test_a_limit_in_dollars_needs_the_usage_of_each_answer(tmp_path: Path) -> None:
    folder, prices = write_evalset(tmp_path / "e", items=40), load_prices(write_prices(tmp_path))
    (tmp_path / "shy.py").write_text(
        "asked = []\n"
        "def answer(messages):\n"
        "    asked.append(1)\n"
        "    usage = {'prompt_tokens': 1, 'completion_tokens': 1} if len(asked) < 5 else None\n"
        "    return {'content': 'yes', 'model': 'scripted:a', 'usage': usage}\n"
    )
    with fw.open(tmp_path / "s.duckdb", fw.EngineSpec(max_cost=50.0, prices=prices)) as ws:
        with pytest.raises(BadOption, match=r"the usage of each answer, and python:.* gave 1 with"):
            ws.eval(folder, model=f"python:{tmp_path / 'shy.py'}:answer")
        assert ws.run("latest").result.n == 5


def test_judges_count_against_a_budget_also_where_answers_are_cached(tmp_path: Path) -> None:
    judge = script(tmp_path, "judge", '{\\"result\\": 0.5}')
    asked = [{"role": "user", "content": "{{ sample.output_text }}"}]
    liked = {"type": "score_model", "name": "liked", "model": "judge", "input": asked}
    folder = write_evalset(tmp_path / "e", items=200, graders=[liked], primary="liked")
    _, fast = functions(tmp_path)
    with fw.open(tmp_path / "s.duckdb", fw.EngineSpec(judge=judge)) as ws:
        full = ws.eval(folder, model=fast)
    prices = load_prices(write_prices(tmp_path))
    spec = fw.EngineSpec(judge=judge, max_cost=0.5, prices=prices)
    with fw.open(tmp_path / "s.duckdb", spec) as ws:
        with pytest.raises(BudgetSpent, match=r"of max_cost .* resume with: flywheel eval"):
            ws.eval(folder, model=fast)
        assert 0 < ws.run("latest").result.n < 8
    assert full.row.items == 200


def test_a_regrade_stops_at_its_budget_and_goes_on_with_another(tmp_path: Path) -> None:
    folder, (_, fast) = write_evalset(tmp_path / "e", items=600), functions(tmp_path)
    asked = [{"role": "user", "content": "{{ sample.output_text }}"}]
    liked = {"type": "score_model", "name": "liked", "model": "judge", "input": asked}
    judge = script(tmp_path, "judge", '{\\"result\\": 0.5}')
    spec = fw.EngineSpec(judge=judge, max_cost=0.5, prices=load_prices(write_prices(tmp_path)))
    with fw.open(tmp_path / "s.duckdb") as ws:
        parent = ws.eval(folder, model=fast).name
    with fw.open(tmp_path / "s.duckdb", spec) as ws:
        with pytest.raises(BudgetSpent, match=r"of max_cost .* resume with: flywheel regrade"):
            ws.regrade(parent, [liked])
        left = ws.run("latest")
        assert left.status == "interrupted"
        assert 0 < left.result.figures["liked"].summary.graded < 8
    with fw.open(tmp_path / "s.duckdb", fw.EngineSpec(judge=judge)) as ws:
        assert ws.resume_regrade(left.name).result.figures["liked"].summary.graded == 600


def write_prices(folder: Path) -> Path:
    """Prices that make four answers cost half a dollar or more."""
    path = folder / "prices.yaml"
    path.write_text("scripted: {input: 10000, output: 10000}\n")
    return path
