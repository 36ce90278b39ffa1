"""Every `--json` output is as its published schema says, and no command prints another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from flywheel.cli.commands import COMMANDS, load_command
from flywheel.cli.schemas import PRINTED, file_name, schema, write
from flywheel.states import JOB_STATES, RUN_STATES
from flywheel.store.store import open_store
from flywheel.store.tables.jobs import CheckpointRow, JobEventRow, JobRow
from tests.cli.command import flywheel
from tests.cli.decided import World, saying, world_of
from tests.jobs.world import end, small_evalset
from tests.store.rows import NOON

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
JOB = [
    JobEventRow("job-a", 1, NOON, "accepted", "{}"),
    JobEventRow("job-a", 2, NOON, "step", '{"step": 1, "loss": 0.5}'),
    JobEventRow("job-a", 3, NOON, "checkpoint", '{"step": 1, "path": "/gone/step-1"}'),
    JobEventRow("job-a", 4, NOON, "finished", '{"best_step": 1}'),
]
ROWS = '{"prompt": "write to bob@example.org", "completion": "done"}\n' * 12
SCORES = '{"run": "a", "item": "q1", "grader": "exact", "score": 1}\n'
JUDGE = {"type": "score_model", "name": "j", "model": "m", "range": [0, 1]}
# By the command whose schema it has. {a} and {b} are runs. A training is begun and cancelled below.
CALLS = (
    ("eval", "eval e -m scripted:model.jsonl --split dev"),
    ("baseline", "baseline e -m scripted:model.jsonl --split dev"),
    ("regrade", "regrade {a} --graders judge.json --judge judge.jsonl"),
    ("show", "show {a}"),
    ("runs", "runs"),
    ("grade", "grade judge.json --items items.jsonl --out out.jsonl --judge judge.jsonl"),
    ("graders check", "graders check judge.json"),
    ("graders check", "graders check e"),
    ("compare", "compare {a} {b}"),
    ("compare", "compare {a} {b} {c}"),
    ("gate", "gate {b} --baseline {a}"),
    ("plan", "plan e"),
    ("jobs", "jobs"),
    ("job", "job job-a"),
    ("data check", "data check rows.jsonl --evalset e"),
    ("data fix", "data fix rows.jsonl --out fixed.jsonl --dedupe"),
    ("leakage", "leakage e"),
    ("import", "import scores scores.jsonl --evalset s"),
    ("store export", "store export export"),
    ("store rebuild", "store rebuild export --db again.duckdb"),
    ("store check", "store check"),
    ("store compact", "store compact"),
    ("doctor", "doctor"),
)


def closed(schema: Any) -> Any:
    """The schema, refusing fields that it does not name: an output has no others."""
    if isinstance(schema, list):
        return [closed(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = {name: closed(value) for name, value in cast("dict[str, Any]", schema).items()}
    return fields | {"additionalProperties": False} if "properties" in fields else fields


def commands() -> Iterator[str]:
    """Every command that has --json."""
    for name, entry in COMMANDS.items():
        command: Any = load_command(name)
        inner = getattr(command, "commands", None) or {"": command}
        for word, one in inner.items():
            if any("--json" in option.opts for option in one.params) and not entry.hidden:
                yield f"{name} {word}".strip()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three runs on test, a job, and files for the other commands."""
    folder = tmp_path_factory.mktemp("json")
    models = {"a": saying("no", *range(30)), "b": saying("no", 3), "c": saying("no", 4)}
    made = world_of(folder, "test", **models)
    with open_store(made.db) as store:
        row = JobRow("job-a", NOON, "sft", "e", "tiny", "{}", "/gone", made.runs["a"])
        kept = CheckpointRow("job-a", 3, 1, "/gone/step-1", None, "{}")
        store.write("job", {"jobs": [row], "job_events": JOB, "checkpoints": [kept]})
    asked = [{"role": "user", "content": "{{ sample.output_text }}"}]
    files = {
        "judge.json": json.dumps({**JUDGE, "input": asked}),
        "judge.jsonl": '{"when": "", "text": "{\\"result\\": 0.5}"}\n',
        "model.jsonl": '{"when": "", "text": "1"}\n',
        "items.jsonl": '{"item": {}, "sample": "x"}\n',
        "rows.jsonl": ROWS,
        "scores.jsonl": SCORES,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return made


@pytest.mark.parametrize(("command", "words"), CALLS, ids=[words for _, words in CALLS])
def test_an_output_is_as_its_schema_says(
    world: World, monkeypatch: pytest.MonkeyPatch, command: str, words: str
) -> None:
    monkeypatch.chdir(world.folder)
    done = world.flywheel(*words.format(**world.runs).split(), "--json")
    assert done.stdout, done.stderr
    published = json.loads((SCHEMAS / file_name(command)).read_text())
    jsonschema.validate(json.loads(done.stdout), closed(published))


def test_a_training_and_its_cancel_are_as_their_schemas_say(tmp_path: Path) -> None:
    small_evalset(tmp_path / "desk")
    begin = "improve sft --set evalset=desk --set steps=9000 --measure-first --detach --json"
    done = flywheel(*begin.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    jsonschema.validate(job, closed(schema("improve")))
    stopped = json.loads(flywheel("cancel", job["job"], "--json", cwd=tmp_path).stdout)
    jsonschema.validate(stopped, closed(schema("cancel")))
    assert stopped == {"kind": "job", "name": job["job"]}
    assert end(Path(job["folder"]), stall=300)[-1].kind == "cancelled"


def test_every_command_with_json_has_a_schema() -> None:
    named = {"import" if name.startswith("import ") else name for name in commands()}
    assert named == set(PRINTED)
    assert set(PRINTED) - {name for name, _ in CALLS} == {"improve", "cancel"}


def test_every_event_that_changes_a_state_has_a_schema() -> None:
    published = (SCHEMAS / "event.json").read_text()
    kinds = [f"run.{word}" for word in RUN_STATES] + [f"job.{word}" for word in JOB_STATES]
    assert not [kind for kind in kinds if f'"{kind}"' not in published]


def test_the_published_schemas_are_those_of_the_types(tmp_path: Path) -> None:
    write(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    there = {path.name: path.read_text() for path in SCHEMAS.iterdir()}
    assert made == there, "write them anew: python -m flywheel.cli.schemas docs/schemas"


def test_a_field_that_no_schema_names_is_refused() -> None:
    published = closed(json.loads((SCHEMAS / "doctor.json").read_text()))
    with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
        jsonschema.validate([{"subject": "x", "found": True, "story": "", "more": 1}], published)
