# pyright: standard
"""Exams: faithful to what a run measures, without a trace in the training, and what is better."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from flywheel.engines.here import Here
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.jobs.progress import Progress
from flywheel.levers.training.exams.live import preserved_state
from flywheel.levers.training.exams.result import ExamResult, better
from flywheel.levers.training.exams.roles import Roles
from flywheel.levers.training.methods.base import Base, open_base
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.quiet import quiet
from graders.definition import read_grader
from tests.levers.training.world import build, method, open_exam, rows_of, settled

REWARD = ("category", "priority", "order_id")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


def order_of(**given: Any) -> Order:
    fields = {"lever": "rft", "evalset": "ticket_triage", "reward": REWARD, "eval_samples": 6}
    return settled({"rows": 16, **fields, **given})


def opened(order: Order) -> Base:
    with quiet():
        return open_base(order.config.model, order.config.method, order.config.seed)


def test_an_exam_asks_what_a_run_asks_and_grades_by_every_role() -> None:
    order = order_of()
    told: list[str] = []
    progress = Progress(lambda kind, detail: told.append(detail["text"]))
    found = open_exam(order, Here()).take(opened(order), 7, progress)
    assert told[0] == "exam at step 7: 1 of 6 answers"
    assert found.step == 7 and len(found.ids) == 6
    assert set(found.scores) == {*REWARD, "exact", "valid_json", "like_gold"}
    assert found.ids == tuple(sorted(found.ids)) and found.groups is not None
    for i, answer in enumerate(found.answers):
        assert answer.startswith('{"category"')
        parts = [found.scores[name][i] for name in REWARD]
        assert found.scores["exact"][i] == float(all(parts))
    event = found.describe()
    assert event["graders"]["order_id"] == {"mean": 1.0, "n": 6, "ungraded": 0}
    assert event["distinct_answers"] == 6 and event["floor"] == pytest.approx(1 / 6)
    assert found.by_item()[found.ids[0]]["order_id"] == 1.0
    assert ExamResult.from_json(found.as_json()) == found


def test_an_exam_says_why_verdicts_are_missing() -> None:
    order = order_of(eval_samples=4)
    exam = open_exam(order, Here())
    judged = {
        "type": "label_model",
        "name": "order_id",
        "model": "judge",
        "labels": ["a", "b"],
        "passing_labels": ["a"],
        "input": [{"role": "user", "content": "{{ sample.output_text }}"}],
    }
    exam._graders = [read_grader(judged), *(g for g in exam._graders if g.name == "exact")]
    told: list[tuple[str, str]] = []
    progress = Progress(lambda kind, detail: told.append((kind, detail["text"])))
    found = exam.take(opened(order), 3, progress)
    assert sum(found.ungraded["order_id"].values()) == 4 and not found.ungraded["exact"]
    (notice,) = [text for kind, text in told if kind == "notice"]
    assert notice.startswith("exam at step 3: 4 of 4 answers are not graded by order_id: no judge")
    assert notice.endswith(" (4)")


def test_the_same_items_are_asked_in_every_exam_and_others_by_another_seed() -> None:
    ids = [open_exam(order_of(seed=seed), Here())._pairs for seed in (0, 0, 1)]
    drawn = [[pair.item["id"] for pair in one] for one in ids]
    assert drawn[0] == drawn[1] != drawn[2]
    assert open_exam(order_of(eval_samples=None), Here()).n == 200


class Examined(TrainerCallback):
    """Takes an exam after every step, or none."""

    def __init__(self, base: Base, order: Order, exams: bool) -> None:
        self._exam = open_exam(order, Here()) if exams else None
        self._base = base
        self.rewards: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if "reward" in kwargs["logs"]:
            self.rewards.append(kwargs["logs"]["reward"])
        if self._exam is not None and state.global_step:
            self._exam.take(self._base, state.global_step)


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_training_with_exams_ends_in_the_very_weights_of_one_without(
    kind: str, tmp_path: Path
) -> None:
    order = order_of(
        method=method(kind, dropout=0.1),
        steps=2,
        batch_size=2,
        group_size=4,
        temperature=2.0,
        max_completion_tokens=24,
    )
    ends = []
    for exams in (False, True):
        with quiet():
            base = opened(order)
            watch = Examined(base, order, exams)
            rows = rows_of(order.config)
            trainer = build(base, order, rows, tmp_path / str(exams), [watch])
            trainer.args.save_strategy = "no"
            trainer.train()
        trained = {n: p.detach().clone() for n, p in base.model.named_parameters()}
        ends.append((trained, watch.rewards, base.model.training))
    (without, rewards, mode), (examined, rewards_too, mode_too) = ends
    assert rewards == rewards_too and len(rewards) == 2
    assert mode == mode_too
    moved = opened(order).model.state_dict()
    assert any(not torch.equal(without[name], moved[name]) for name in without)
    assert all(torch.equal(without[name], examined[name]) for name in without)


def test_what_sampling_changes_is_put_back() -> None:
    base = opened(order_of())
    base.model.train()
    inner = next(m for m in base.model.modules() if "Attention" in type(m).__name__)
    inner.eval()
    torch.manual_seed(5)
    random.seed(5)
    with preserved_state(base.model, base.tokenizer):
        base.model.eval()
        base.tokenizer.padding_side = "right"
        torch.rand(3)
        random.random()
    drawn = (torch.rand(1).item(), random.random())
    torch.manual_seed(5)
    random.seed(5)
    assert drawn == (torch.rand(1).item(), random.random())
    assert base.model.training and not inner.training
    assert base.tokenizer.padding_side == "left"


ROLES = Roles("right", {"right": 1.0}, ("audit",), {"guard": 0.1})


def means(**scores: float) -> ExamResult:
    return ExamResult(
        step=1,
        ids=("a",),
        groups=None,
        answers=("",),
        scores={name: (score,) for name, score in scores.items()},
        ungraded={name: {} for name in scores},
        spans={name: (0.0, 10.0 if name == "audit" else 1.0) for name in scores},
        seconds=0.0,
    )


@pytest.mark.parametrize(
    ("right", "audit", "guard", "wanted"),
    [
        (0.6, 5.0, 0.5, True),
        (0.5, 5.0, 0.5, False),  # the earlier of equals stays
        (0.6, 4.5, 0.5, True),  # gains 0.10 of its span, the audit loses 0.05 of its own
        (0.6, 3.0, 0.5, False),
        (0.5, 9.0, 0.5, False),  # an audit that rises is no reason
        (0.6, 5.0, 0.41, True),  # within the guard's margin
        (0.6, 5.0, 0.2, False),
    ],
)
def test_better_is_more_of_the_primary_than_audits_and_guards_lost(
    right: float, audit: float, guard: float, wanted: bool
) -> None:
    then = means(right=0.5, audit=5.0, guard=0.5)
    assert better(means(right=right, audit=audit, guard=guard), then, ROLES) is wanted


def test_an_audit_is_no_reward_and_a_reward_is_a_grader() -> None:
    definition = load_evalset("ticket_triage").definition
    config = order_of().config
    for reward, told in (
        (("like_gold",), "is an audit of this evalset"),
        (("x",), "unknown reward 'x'"),
    ):
        with pytest.raises(BadOption, match=told):
            config.model_copy(update={"reward": reward}).roles(definition)
    unaudited = definition.model_copy(update={"audit": ()})
    assert config.roles(definition).audits == ("like_gold", "exact")
    assert config.roles(unaudited).audits == ("exact", "valid_json", "like_gold")
    assert SFT(evalset="ticket_triage").roles(unaudited).audits == ()
    assert config.model_copy(update={"reward": ()}).roles(definition).rewards == {"exact": 1.0}
