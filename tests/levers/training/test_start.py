"""Nothing is trained before there is a baseline, nor on what measures it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadFile, BadOption, LeakingData, NoBaseline, NoJudge, WeakReward
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.run.choose import Choice, plan_of
from flywheel.evals.run.measure import appoint_baseline, begin, manifest
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.manifest import write_manifest
from flywheel.levers.training.objectives.rft import RFT
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.levers.training.orders.order import Order, load_order
from flywheel.levers.training.orders.ordering import (
    check_data,
    check_leaks,
    order_training,
    with_absolute_paths,
)
from flywheel.levers.training.rewards.reward_check import RewardCheck
from flywheel.store.store import Store, open_store
from flywheel.store.tables.definitions import find_model
from tests.evals.world import write_evalset
from tests.jobs.world import small_evalset


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as opened:
        yield opened


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    return SFT(evalset=str(small_evalset(tmp_path / "desk")), steps=4)


def appoint(store: Store, config: TrainingConfig) -> str:
    """A baseline, of which only the plan matters here."""
    row = begin(config.dev_plan(load_evalset(config.evalset)), store, "baseline")
    appoint_baseline(store, row)
    return row.run


def rows_like(config: TrainingConfig, split: str, count: int) -> list[dict[str, str]]:
    """Prompts and answers of the items of a split."""
    lines = (Path(config.evalset) / f"{split}.jsonl").read_text().splitlines()[:count]
    items = [json.loads(line) for line in lines]
    return [{"prompt": item["ticket"], "completion": item["answer"]} for item in items]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_without_a_baseline_the_command_for_it_is_told(
    store: Store, config: TrainingConfig
) -> None:
    wanted = (
        rf"flywheel baseline {config.evalset} -m tiny --db {store.path}, or add --measure-first"
    )
    with pytest.raises(NoBaseline, match=wanted):
        order_training(config, store)


def test_a_baseline_of_another_dev_split_does_not_count(
    store: Store, config: TrainingConfig
) -> None:
    run = appoint(store, config)
    dev = Path(config.evalset) / "dev.jsonl"
    dev.write_text("".join(dev.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(NoBaseline, match=rf"{run} measured something else \(split was"):
        order_training(config, store)


def judged(config: TrainingConfig, **roles: Any) -> Path:
    """Give the evalset of the config a grader that asks a judge; the folder for judges' scripts."""
    path = Path(config.evalset) / "evalset.yaml"
    definition = yaml.safe_load(path.read_text())
    shown = [{"role": "user", "content": "{{ sample.output_text }}"}]
    liked = {"type": "score_model", "name": "liked", "model": "j", "input": shown}
    definition.update(graders=[*definition["graders"], liked], **roles)
    path.write_text(yaml.safe_dump(definition))
    for name, score in (("kind", 1), ("strict", 0)):
        path.with_name(f"{name}.jsonl").write_text(json.dumps({"when": "", "text": str(score)}))
    return path.parent


def test_without_the_judge_that_an_exam_needs_nothing_is_ordered(
    store: Store, config: TrainingConfig
) -> None:
    folder = judged(config, audit=["liked"])
    kind, strict = (
        config.model_copy(update={"judge": str(folder / name)})
        for name in ("kind.jsonl", "strict.jsonl")
    )
    run = appoint(store, kind)
    with pytest.raises(NoJudge, match="'liked' needs a judge; name one with --judge, or as judge"):
        order_training(config, store)
    with pytest.raises(NoBaseline, match=rf"{run} measured something else \(liked was \w"):
        order_training(strict, store)
    assert order_training(kind, store).baseline == run


def test_the_judge_of_a_grader_that_no_exam_asks_does_not_matter(
    store: Store, config: TrainingConfig
) -> None:
    folder = judged(config)
    run = appoint(store, config.model_copy(update={"judge": str(folder / "kind.jsonl")}))
    assert order_training(config, store).baseline == run


LENGTH = {
    "type": "python",
    "name": "length",
    "source": "def grade(sample, item):\n    return min(1.0, len(sample['output_text']) / 200)\n",
}
WORD = {"type": "string_check", "name": "word", "operation": "like", "reference": "billing"}
OBJECT = {"type": "string_check", "name": "object", "operation": "like", "reference": "category"}


def rewarded(config: TrainingConfig, *graders: Any, **fields: Any) -> TrainingConfig:
    """An RFT on the evalset of the config, with these graders more."""
    path = Path(config.evalset) / "evalset.yaml"
    definition = yaml.safe_load(path.read_text())
    definition.update(graders=[*definition["graders"], *graders], **fields.pop("definition", {}))
    path.write_text(yaml.safe_dump(definition))
    return RFT(evalset=config.evalset, steps=4, **fields)


@pytest.mark.parametrize(
    ("grader", "story"),
    [
        (LENGTH, r"length: filler: passes, or scores as high as gold"),
        (WORD, r"word: gold: the gold answer does not pass"),
        (OBJECT, r"object: the answer of any item passes; it rewards only the format"),
    ],
)
def test_a_weak_reward_does_not_teach(
    store: Store, config: TrainingConfig, grader: dict[str, Any], story: str
) -> None:
    weak = rewarded(config, grader, reward=(grader["name"],))
    appoint(store, weak)
    with pytest.raises(WeakReward, match=story) as refused:
        order_training(weak, store)
    assert f"flywheel graders check {config.evalset} --most 50." in str(refused.value)
    said: list[str] = []
    order = order_training(weak.model_copy(update={"unchecked": True}), store, warn=said.append)
    assert order.rewards == RewardCheck(passed=False)
    assert any(text.startswith("unchecked: the rewards are not checked") for text in said)


def test_rewards_that_pass_are_noted_in_the_order_and_the_manifest(
    store: Store, config: TrainingConfig, tmp_path: Path
) -> None:
    excuse = {"checks": {"category": {"hedge": "one word"}}}
    three = ("category", "priority", "order_id", "valid_json")
    good = rewarded(config, reward=three, definition=excuse)
    appoint(store, good)
    order = order_training(good, store)
    assert order.rewards is not None
    assert (order.rewards.passed, order.rewards.excused) == (True, {})
    order.save(tmp_path / "job")
    assert load_order(tmp_path / "job") == order
    told = write_manifest(tmp_path, order, 0, {})["rewards"]
    assert told == {"passed": True, "items": order.rewards.items, "excused": {}}


def test_an_excused_probe_of_a_reward_is_noted(store: Store, config: TrainingConfig) -> None:
    held = {**WORD, "name": "held", "reference": "{{ item.order_id }}"}
    names = ("echo", "hedge", "wrong", "padded_before", "padded_after", "majority")
    excuses = {"checks": {"held": dict.fromkeys(names, "the prompt is short")}}
    order = ordered_first(store, rewarded(config, held, reward=("held",), definition=excuses))
    assert order.rewards is not None
    assert set(order.rewards.excused["held"]) >= {"echo"}


def ordered_first(store: Store, config: TrainingConfig) -> Order:
    appoint(store, config)
    return order_training(config, store)


def test_an_order_is_settled_and_can_be_kept(
    store: Store, config: TrainingConfig, tmp_path: Path
) -> None:
    run = appoint(store, config)
    said: list[str] = []
    order = order_training(config, store, warn=said.append)
    assert (order.baseline, order.rows, order.numbers.steps) == (run, 24, 4)
    assert said == ["24 rows: below 50, results are mostly noise"]
    order.save(tmp_path / "job")
    assert load_order(tmp_path / "job") == order


@pytest.mark.parametrize("split", ["dev", "test"])
def test_what_measures_is_not_trained_on(
    config: TrainingConfig, tmp_path: Path, split: str
) -> None:
    rows = [*rows_like(config, "train", 12), *rows_like(config, split, 3)]
    leaking = config.model_copy(update={"data": write(tmp_path / "rows.jsonl", rows)})
    with pytest.raises(LeakingData, match=rf"3 of the \d+ items of {split} ") as raised:
        check_leaks(leaking, load_evalset(config.evalset))
    assert f"{split}.jsonl:1 and {tmp_path}/rows.jsonl:13, exact" in str(raised.value)


LEVERS: dict[str, dict[str, object]] = {
    "sft": {},
    "rft": {"reward": ("exact",)},
    "dpo": {"pairs": "minimal"},
}


def leak_into_train(config: TrainingConfig, split: str) -> Path:
    """Put an item of a split into train as it stands, and another with one word replaced."""
    folder = Path(config.evalset)
    same, near = (folder / f"{split}.jsonl").read_text().splitlines()[:2]
    train = folder / "train.jsonl"
    changed = {**json.loads(near), "id": "train-near", "group": "train-near"}
    changed["ticket"] = changed["ticket"].replace("order", "parcel")
    copied = {**json.loads(same), "id": "train-same", "group": "train-same"}
    with train.open("a") as file:
        file.write(json.dumps(copied) + "\n" + json.dumps(changed) + "\n")
    return train


@pytest.mark.parametrize("lever", LEVERS)
@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_train_split_that_holds_what_measures_is_refused(
    store: Store, config: TrainingConfig, lever: str, split: str
) -> None:
    appoint(store, config)
    train = leak_into_train(config, split)
    leaking = OBJECTIVE.validate_python(
        {"evalset": config.evalset, "lever": lever, "steps": 4, **LEVERS[lever]}
    )
    with pytest.raises(LeakingData, match=rf"2 of the \d+ items of {split} ") as raised:
        order_training(leaking, store)
    told = str(raised.value)
    assert f"{split}.jsonl:1 and train.jsonl:25, exact" in told
    assert f"{split}.jsonl:2 and train.jsonl:26, " in told
    assert "set allow_leaks=true" in told and str(train) in told


def test_leaks_that_are_allowed_are_a_warning(store: Store, config: TrainingConfig) -> None:
    appoint(store, config)
    leak_into_train(config, "dev")
    said: list[str] = []
    allowed = config.model_copy(update={"allow_leaks": True})
    assert order_training(allowed, store, warn=said.append).rows == 26
    assert "2 of the 8 items of dev" in said[0] and said[0].startswith("warning: ")


def test_the_train_split_and_rows_like_it_are_fine(config: TrainingConfig, tmp_path: Path) -> None:
    evalset = load_evalset(config.evalset)
    check_leaks(config, evalset)
    check_leaks(config.model_copy(update={"data": Path(config.evalset) / "train.jsonl"}), evalset)
    rows = write(tmp_path / "rows.jsonl", rows_like(config, "train", 12))
    said: list[str] = []
    check_leaks(config.model_copy(update={"data": rows}), evalset)
    check_data(config.model_copy(update={"data": rows}), said.append)
    assert said == [f"{rows}: 1 warnings; flywheel data check {rows}"]


@pytest.mark.parametrize(
    ("count", "more", "story"),
    [
        (9, [], "9 rows; at least 10 rows are required"),
        (12, [{"prompt": "a"}], r"rows\.jsonl:13"),
        (12, [{"prompt": "a"}, {"prompt": "b"}], r"\(and 1 more: flywheel data check"),
    ],
)
def test_data_with_faults_is_refused(
    config: TrainingConfig, tmp_path: Path, count: int, more: list[dict[str, str]], story: str
) -> None:
    path = write(tmp_path / "rows.jsonl", rows_like(config, "train", count) + more)
    with pytest.raises(BadFile, match=story):
        check_data(config.model_copy(update={"data": path}))


def test_a_reward_that_is_no_grader_is_refused_first(store: Store, config: TrainingConfig) -> None:
    rft = RFT(evalset=config.evalset, reward=("nope",))
    with pytest.raises(BadOption, match="unknown reward 'nope'; the graders are"):
        order_training(rft, store)


def test_files_are_named_so_that_they_are_found_from_every_folder(tmp_path: Path) -> None:
    config = SFT(
        evalset="ticket_triage",
        data=Path("rows.jsonl"),
        model=".",
        judge="scripted:judge.jsonl",
    )
    found = with_absolute_paths(config)
    assert found.evalset == "ticket_triage"
    assert found.data == Path.cwd() / "rows.jsonl"
    assert found.model == str(Path.cwd())
    assert found.judge == f"scripted:{Path.cwd()}/judge.jsonl"
    folder = small_evalset(tmp_path / "desk")
    ours = SFT(evalset=str(folder))
    assert with_absolute_paths(ours).evalset == str(folder)


def test_a_trained_model_brings_its_manifest_into_the_store(tmp_path: Path, store: Store) -> None:
    trained = tmp_path / "out"
    trained.mkdir()
    (trained / "config.json").write_text("{}")
    (trained / "flywheel.manifest").write_text('{"lever": "sft", "seed": 1}')
    numbers = write_evalset(tmp_path / "numbers")
    of = plan_of(Choice(evalset=load_evalset(str(numbers)), model=str(trained)), EngineSpec())
    model = find_model(store, begin(of, store).model_digest)
    assert model is not None
    assert json.loads(model.detail) == {"name": str(trained), "lever": "sft", "seed": 1}


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flywheel.manifest").write_text("[]")
    with pytest.raises(BadFile, match="a manifest is a JSON object"):
        manifest(str(tmp_path))
    assert manifest("tiny") == {}


@pytest.mark.parametrize("model", ["scripted:m.jsonl", "python:p.py:f", "http://127.0.0.1:1/v1#m"])
def test_a_model_without_weights_is_refused_first(
    store: Store, config: TrainingConfig, model: str
) -> None:
    with pytest.raises(BadOption, match=model.partition(":")[0]):
        order_training(config.model_copy(update={"model": model}), store)
