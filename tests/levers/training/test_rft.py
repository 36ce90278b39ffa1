# pyright: standard
"""RFT on real models: what a step tells, what is kept of it, and that hacking is noticed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import TrainerCallback

from flywheel.engines.here import Here
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.exams.alarm import Alarm, reward_hacking
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.methods.base import Base, open_base
from flywheel.levers.training.objectives import rft
from flywheel.levers.training.objectives.grpo_trainer import distinct, repeated
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.preflight import learn, preflight
from flywheel.levers.training.quiet import quiet
from tests.evals.world import write_evalset
from tests.levers.training.completions import query
from tests.levers.training.world import build, method, open_exam, rows_of, settled
from tests.samplers.models import save

REWARD = ("category", "priority", "order_id")
SMALL = {"rows": 12, "steps": 2, "batch_size": 2, "group_size": 4, "max_completion_tokens": 32}
HIGH = {"type": "string_check", "name": "likes_high", "operation": "like", "reference": "high"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


class Log(TrainerCallback):
    """Keeps what every step tells, takes an exam every so often, and stops at an alarm."""

    def __init__(self, base: Base, order: Order, every: int | None) -> None:
        self.steps: list[Mapping[str, float]] = []
        self.alarm: Alarm | None = None
        self._base = base
        self._every = every
        self._exam = open_exam(order, Here()) if every else None
        self._exams: list[ExamResult] = [self._exam.take(base, 0)] if self._exam else []

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if "loss" not in kwargs["logs"]:
            return
        self.steps.append(dict(kwargs["logs"]))
        if self._exam and state.global_step % (self._every or 1) == 0:
            self._exams.append(self._exam.take(self._base, state.global_step))
            first, last, looks = self._exams[0], self._exams[-1], len(self._exams) - 1
            self.alarm = reward_hacking(first, last, self._exam.roles, looks)
            control.should_training_stop = self.alarm is not None


def order_of(**given: Any) -> Order:
    fields = {"lever": "rft", "evalset": "ticket_triage", "reward": REWARD, **SMALL}
    return settled({**fields, **given})


def opened(order: Order) -> Base:
    return open_base(order.config.model, order.config.method, order.config.seed)


def train(order: Order, folder: Path, every: int | None = None) -> tuple[Log, Any]:
    with quiet():
        base = opened(order)
        log = Log(base, order, every)
        trainer = build(base, order, rows_of(order.config), folder, [log], Here())
        trainer.args.save_strategy = "no"
        trainer.train()
    return log, trainer


@cache
def short(folder: Path) -> tuple[Log, Any]:
    return train(order_of(temperature=1.5), folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("short")


def test_a_step_tells_what_rewards_and_answers_are_like(folder: Path) -> None:
    log, _ = short(folder)
    assert len(log.steps) == 2
    for step in log.steps:
        for name in (*REWARD, "category"):
            assert 0 <= step[f"rewards/{name}/mean"] <= 1
            assert step[f"rewards/{name}/error_rate"] == 0
        assert 0 <= step["no_spread"] <= 1
        assert 20 < step["completions/mean_length"] <= 32
        assert 0 <= step["completions/clipped_ratio"] <= 1
        assert 0 <= step["completions/repeated_4grams"] < 0.5
        assert 0 < step["completions/distinct_2grams"] <= 1


def test_kl_to_the_base_is_told_though_it_has_no_weight(folder: Path) -> None:
    log, trainer = train(order_of(temperature=1.5, steps=6, warmup=0), folder / "six")
    assert trainer.beta == 0 and trainer.ref_model is None
    first, *between, sixth = log.steps
    assert first["kl"] == pytest.approx(0, abs=1e-6) and first["entropy"] > 0
    assert not any("kl" in step or "entropy" in step for step in between), "it costs time"
    assert math.isfinite(sixth["kl"]) and sixth["kl"] > 1e-6 and sixth["entropy"] > 0


@pytest.mark.parametrize(("given", "wanted"), [("priority", "some"), ("valid_json", "none")])
def test_what_teaches_nothing_is_left_out_and_the_step_is_the_same(
    given: str, wanted: str, tmp_path: Path
) -> None:
    order = order_of(reward=(given,), steps=1, warmup=0, batch_size=8)
    less, whole = (one_step(order, tmp_path / name, all_of=name == "whole") for name in NAMES)
    count = len(less._buffered_inputs[0]["advantages"])
    assert len(whole._buffered_inputs[0]["advantages"]) == 32
    assert 1 < count < 32 if wanted == "some" else count == 1
    for mine, theirs in zip(trained(less), trained(whole), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-7, rtol=1e-4)


NAMES = ("less", "whole")


def one_step(order: Order, folder: Path, *, all_of: bool) -> Any:
    """A trainer after a step, in which it learnt from all answers or from what it chooses."""
    with quiet():
        trainer = build(opened(order), order, rows_of(order.config), folder, [])
        if all_of:
            trainer._with_advantage = lambda output: output
        trainer.args.save_strategy = "no"
        trainer.train()
    return trainer


def test_the_trial_of_a_step_can_be_as_long_as_answers_may_become(tmp_path: Path) -> None:
    order = order_of(dollars_per_hour=900)
    with quiet():
        base = opened(order)
        trainer = build(base, order, rows_of(order.config), tmp_path, [])
        found = preflight(trainer, base, order)
        rows = list(trainer.train_dataset)
        part = rft.longest_input(
            trainer._generate_and_score_completions(rows[:1] * 8), trainer.args
        )
    assert part["completion_ids"].shape == part["completion_mask"].shape == (8, 32)
    assert part["completion_mask"].all() and part["prompt_ids"].shape[0] == 8
    learn(trainer, part)
    assert found.longest == max(len(base.tokenizer(row["prompt"])["input_ids"]) for row in rows)
    assert found.seconds_a_step > 0 and found.hours > 0 and found.tokens > found.longest
    assert found.dollars == pytest.approx(900 * found.hours, rel=0.5)
    assert f", {found.dollars:,.2f} dollars, without exams" in found.lines[-1]


def trained(trainer: Any) -> list[torch.Tensor]:
    return [weight.detach() for weight in trainer.model.parameters() if weight.requires_grad]


def test_completions_are_kept_with_rewards_reasons_and_advantage(folder: Path) -> None:
    short(folder)
    rows = query(folder, "SELECT step, count(*), count(DISTINCT item) FROM completions GROUP BY 1")
    assert sorted(rows) == [(1, 8, 2), (2, 8, 2)]
    found = query(
        folder,
        "SELECT prompt, completion, category, category_reason, advantage FROM completions"
        " WHERE step = ? AND category = 1",
        [1],
    )
    assert found and all("eq" in reason for *_, reason, _ in found)
    assert "<|im_start|>system\nSort the support ticket." in found[0][0]
    (balance,) = query(folder, "SELECT sum(advantage) FROM completions")
    assert balance[0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("ids", "again", "different"),
    [
        ([], 0.0, 1.0),
        ([1, 2, 3], 0.0, 1.0),
        ([1, 2, 3, 4, 5, 6, 7, 8], 0.0, 1.0),
        ([7] * 12, 8 / 9, 1 / 11),
        ([1, 2, 3, 4, 1, 2, 3, 4], 0.2, 4 / 7),
    ],
)
def test_circles_and_sameness_are_measured(ids: list[int], again: float, different: float) -> None:
    assert repeated(ids) == pytest.approx(again)
    assert distinct([ids]) == pytest.approx(different)


def test_with_a_weight_kl_needs_no_second_adapter(tmp_path: Path) -> None:
    log, trainer = train(order_of(kl=0.05, steps=1, aggregate="normalize_then_sum"), tmp_path)
    assert trainer.multi_objective_aggregation == "normalize_then_sum"
    assert set(trainer.model.peft_config) == {"default"} and trainer.ref_model is None
    assert trainer.beta == 0.05 and log.steps[0]["kl"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("family", "kind"), [("mistral", "lora"), ("gemma", "full"), ("mistral", "qlora")]
)
def test_models_of_other_kinds_are_trained_too(family: str, kind: str, tmp_path: Path) -> None:
    given = {
        "evalset": str(write_evalset(tmp_path / "evalset")),
        "model": str(save(family, tmp_path / family)),
        "method": method(kind, r=2),
        "max_completion_tokens": 8,
        "reward": (),
        "steps": 1,
        "kl": 0.05 if kind == "full" else 0.0,
    }
    log, trainer = train(order_of(**given), tmp_path / "job")
    (step,) = log.steps
    assert math.isfinite(step["loss"]) and step["kl"] == pytest.approx(0, abs=1e-6)
    ((prompt, count),) = query(
        tmp_path / "job", "SELECT min(prompt), count(same_reason) FROM completions"
    )
    assert "Say " in prompt and count == 8
    # Their templates begin a prompt themselves: the tokenizer must not begin it again.
    ((ids,), *_) = trainer._tokenize_prompts([prompt])
    assert ids.count(0) == 1


def group_size(**given: Any) -> int:
    order = order_of(**given)
    assert isinstance(order.config, rft.RFT)
    return rft.group_size(order.config, order.numbers)


def test_the_compute_multiplier_scales_the_answers_of_a_prompt() -> None:
    sizes = {m: group_size(compute_multiplier=m) for m in (0.001, 0.5, 1.0, 2.5)}
    assert sizes == {0.001: 2, 0.5: 2, 1.0: 4, 2.5: 10}


def test_a_reasoning_effort_is_refused_by_a_template_that_would_pass_it_over(
    tmp_path: Path,
) -> None:
    order = order_of(reasoning_effort="low")
    base, rows = opened(order), rows_of(order.config)
    with pytest.raises(BadOption, match="does not use reasoning_effort, so 'low' would have"):
        build(base, order, rows, tmp_path, [])
    base.tokenizer.chat_template = "{{ reasoning_effort }}! " + base.tokenizer.chat_template
    with quiet():
        trainer = build(base, order, rows, tmp_path, [])
    assert trainer.train_dataset[0]["prompt"].startswith("low! <|im_start|>")


def test_a_prompt_that_fills_the_context_is_refused(tmp_path: Path) -> None:
    order = order_of()
    base = opened(order)
    base.model.get_base_model().config.max_position_embeddings = 20
    with pytest.raises(BadOption, match="no room for an answer"):
        build(base, order, rows_of(order.config), tmp_path, [])


def test_a_response_format_reaches_every_reward() -> None:
    schema = {"type": "object", "required": ["city"]}
    wanted = {"type": "json_schema", "name": "x", "schema": schema}
    order = order_of(response_format=wanted)
    assert isinstance(order.config, rft.RFT)
    made = order.config.reward_functions(load_evalset(order.config.evalset).definition, Here())
    assert [one.__name__ for one in made] == list(REWARD)
    assert all(one._schema == schema for one in made)


def liking(word: Mapping[str, Any], folder: Path) -> str:
    """The ticket triage, with a grader that likes a word whatever the ticket says."""
    evalset = load_evalset("ticket_triage")
    definition = yaml.safe_load((evalset.folder / "evalset.yaml").read_text())
    definition["graders"].append(dict(word))
    definition["sampling"] = {"max_completion_tokens": 40}
    folder.mkdir()
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))
    for split in ("train", "dev"):
        (folder / f"{split}.jsonl").symlink_to(evalset.folder / f"{split}.jsonl")
    return str(folder)


def notices(order: Order) -> list[str]:
    assert isinstance(order.config, rft.RFT)
    return rft.notices(order.config, load_evalset(order.config.evalset).definition)


def test_what_begins_is_said(tmp_path: Path) -> None:
    assert notices(order_of()) == [
        "rewarded by category, priority, order_id; audited by like_gold, exact"
    ]
    judge = {"type": "score_model", "name": "kind", "model": "judge", "range": [1, 5]}
    judge["input"] = [{"role": "user", "content": "x"}]
    evalset = liking(judge, tmp_path / "evalset")
    mixed = order_of(evalset=evalset, reward=("category", "kind"))
    assert "aggregate=normalize_then_sum" in notices(mixed)[1]


@pytest.mark.parametrize(
    ("reward", "steps", "alarms"), [(("likes_high",), 48, True), (REWARD, 12, False)]
)
def test_a_reward_that_can_be_hacked_raises_the_alarm_and_an_honest_one_does_not(
    reward: tuple[str, ...], steps: int, alarms: bool, tmp_path: Path
) -> None:
    order = order_of(
        evalset=liking(HIGH, tmp_path / "evalset"),
        reward=reward,
        rows=60,
        steps=steps,
        batch_size=2,
        group_size=8,
        temperature=2.0,
        learning_rate=1e-2,
        eval_samples=60,
    )
    log, _ = train(order, tmp_path / "job", every=12)
    assert (log.alarm is not None) is alarms
