# pyright: standard
"""A reward model that was trained here: as a grader, and as what an RFT is rewarded by."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from flywheel.data.rows.messages import read_messages
from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.engines.here import Here
from flywheel.evals.evalset.evalset import Split, load_evalset
from flywheel.evals.grading.grade import grade_samples
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.methods.full import Full
from flywheel.levers.training.objectives import reward_model as reward
from flywheel.levers.training.objectives.minimal_pairs import minimal_pairs
from flywheel.levers.training.objectives.reward_model import Reward
from flywheel.levers.training.orders.explain import explain
from flywheel.levers.training.orders.order import ChangedOrder, Order
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.rows import masks
from flywheel.levers.training.rows.masks import NothingToLearn
from flywheel.levers.training.train import run
from flywheel.models.digest import content_digest
from flywheel.samplers.local.scoring.reward import LocalRewardModel, open_reward_model
from graders.asks import Rate, Rated
from graders.grader import Grade, Grader
from graders.sample import Sample
from tests.levers.training.conftest import Folders
from tests.levers.training.world import build, order, rows_of, settled, write
from tests.samplers.rewarding import save_reward_model

SMALL = {"rows": 12, "steps": 2, "batch_size": 2, "group_size": 4, "max_completion_tokens": 16}


def pairs(split: Split, count: int) -> list[TrainingRow]:
    """Items of the ticket triage: the gold answer is preferred to itself with one field wrong."""
    evalset = load_evalset("ticket_triage")
    rows = [
        TrainingRow(
            "sft",
            (*read_messages(evalset.ask(item), ()), Message("assistant", evalset.gold(item))),
            item=item,
        )
        for item in islice(evalset.split(split), 200)
    ]
    return minimal_pairs(rows, seed=0)[:count]


def answers(row: TrainingRow) -> tuple[str, str]:
    """The better one and the worse one."""
    better, worse = row.answers
    return better.text, worse.text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, Any]]]:
    """The folder of a reward model that learnt from 128 pairs, and what was told meanwhile."""
    folder = tmp_path_factory.mktemp("made")
    lines = [
        {
            "prompt": [message.as_json() for message in row.prompt],
            "chosen": [row.answers[0].as_json()],
            "rejected": [row.answers[1].as_json()],
        }
        for row in pairs("train", 128)
    ]
    config = Reward(
        evalset="ticket_triage",
        data=write(folder / "pairs.jsonl", lines),
        method=Full(),
        steps=40,
        batch_size=8,
        learning_rate=1e-3,
        warmup=0,
    )
    events: list[tuple[str, Any]] = []
    trained = run(settled(config), folder / "job", lambda *one: events.append(one), lambda: "go")
    return trained.folder, events


@pytest.fixture(scope="module")
def liked(made: tuple[Path, Any]) -> Path:
    return made[0]


def judging(folder: Path, model: Path, **fields: Any) -> str:
    """The ticket triage with a reward model among its graders."""
    evalset = load_evalset("ticket_triage")
    definition = yaml.safe_load((evalset.folder / "evalset.yaml").read_text())
    definition["graders"].append({"type": "reward_model", "name": "liked", "model": str(model)})
    definition["sampling"] = {"max_completion_tokens": 8}
    folder.mkdir()
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition | fields))
    for split in ("train", "dev"):
        shutil.copy(evalset.folder / f"{split}.jsonl", folder)
    return str(folder)


def grader_of(evalset: str) -> Grader:
    return next(one for one in load_evalset(evalset).graders if one.name == "liked")


def scores(grader: Grader, rows: Sequence[TrainingRow], said: Sequence[str]) -> list[float]:
    samples = [Sample(row.item, text) for row, text in zip(rows, said, strict=True)]
    with Here() as engine:
        verdicts = asyncio.run(grade_samples(grader, samples, engine))
    assert all(isinstance(one, Grade) for one in verdicts), verdicts
    return [one.score for one in verdicts if isinstance(one, Grade)]


def test_the_gold_answer_scores_higher_than_a_wrong_one_more_often_than_not(
    liked: Path, tmp_path: Path
) -> None:
    grader, rows = grader_of(judging(tmp_path / "e", liked)), pairs("dev", 200)
    better, worse = zip(*map(answers, rows), strict=True)
    right = [
        a > b for a, b in zip(*(scores(grader, rows, s) for s in (better, worse)), strict=True)
    ]
    # By chance 0.5, give or take 0.035.
    assert sum(right) / len(rows) > 0.55


def test_what_it_learnt_from_is_told(made: tuple[Path, list[tuple[str, Any]]]) -> None:
    (masks,) = [detail for kind, detail in made[1] if kind == "masks"]
    assert (masks["cut"], masks["left_out"]) == (0, 0)
    chosen, rejected = masks["rows"][0]["learned"]
    assert chosen.startswith("<|im_start|>system\nSort the support ticket.")
    assert chosen.endswith("<|im_end|>\n") and chosen != rejected


@pytest.mark.parametrize(
    ("kind", "method"), [("tiny", "lora"), ("llama", "full"), ("gemma", "lora"), ("phi", "qlora")]
)
def test_from_its_folder_it_says_what_it_said_in_training(
    kind: str, method: str, tmp_path: Path, kinds: Folders
) -> None:
    name = "tiny" if kind == "tiny" else str(kinds(kind))
    given = order(tmp_path, lever="reward", model=name, method={"kind": method}, learning_rate=0.01)
    config = given.config
    with quiet():
        base = open_base(name, config.method, 0, scores=True)
        rows = rows_of(config)
        trainer = build(base, given, rows, tmp_path / "job", [])
        trainer.args.save_strategy = "no"
        trainer.train()
        trainer.save_model(str(tmp_path / "out"))
    model = trainer.model.eval()
    said = [model(torch.tensor([row["chosen_ids"]])).logits.item() for row in trainer.train_dataset]
    asks = [Rate("", tuple(turn.as_json() for turn in (*r.prompt, r.answers[0]))) for r in rows]
    found = LocalRewardModel(str(tmp_path / "out")).rate(asks)
    values = [one.value for one in found if isinstance(one, Rated)]
    # It is rated with the base as it is, and was trained beside four bits of it.
    assert values == pytest.approx(said, abs=0.5 if method == "qlora" else 1e-4)
    assert masks.describe(trainer.train_dataset, len(rows), base.template)["cut"] == 0


def test_what_it_will_take_can_be_told_before(tmp_path: Path) -> None:
    lines = explain(order(tmp_path, lever="reward").config)
    assert "weights are trained" in lines[0]
    assert lines[1].startswith("12 rows, ")


def test_a_pair_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    long = {"prompt": "Who?", "chosen": "Me.", "rejected": "no " * 200}
    short = [{"prompt": f"Who is {i}?", "chosen": "Me.", "rejected": "You."} for i in range(11)]
    path = write(tmp_path / "pairs.jsonl", [long, *short])
    given = order(tmp_path, lever="reward", data=path, max_length=64)
    base = open_base("tiny", given.config.method, 0, scores=True)
    assert len(reward.pairs(base, rows_of(given.config), 64)) == 11
    with pytest.raises(NothingToLearn, match=r"fits into max_length .8 tokens.; raise"):
        reward.pairs(base, rows_of(given.config), 8)


def rft_order(evalset: str, **fields: Any) -> Order:
    given = {"lever": "rft", "evalset": evalset, "reward": ("liked",), **SMALL}
    return settled({**given, **fields})


def test_an_rft_is_rewarded_by_it_and_audited_by_others(liked: Path, tmp_path: Path) -> None:
    given = rft_order(judging(tmp_path / "e", liked), eval_samples=6)
    events: list[tuple[str, Mapping[str, Any]]] = []
    run(given, tmp_path / "job", lambda *one: events.append(one), lambda: "go")
    steps = [detail for kind, detail in events if kind == "step"]
    assert len(steps) == 2
    exams = [detail["graders"] for kind, detail in events if kind == "exam"]
    for exam in (exams[0], exams[-1]):
        assert exam["liked"]["n"] == 6 and 0 < exam["liked"]["mean"] < 1
        assert {"like_gold", "exact"} <= set(exam)
    notices = [detail["text"] for kind, detail in events if kind == "notice"]
    assert any("rewarded by liked; audited by like_gold, exact" in text for text in notices)


def test_loading_it_amid_a_training_changes_nothing(liked: Path, tmp_path: Path) -> None:
    """Neither what the training comes to, nor what it says itself."""
    given = rft_order(judging(tmp_path / "e", liked))
    grader, rows = grader_of(given.config.evalset), pairs("dev", 4)
    said = [answers(row)[0] for row in rows]
    before = scores(grader, rows, said)

    def weights(name: str) -> list[torch.Tensor]:
        with quiet(), Here() as engine:
            base = open_base("tiny", given.config.method, 0)
            prompts = rows_of(given.config)
            trainer = build(base, given, prompts, tmp_path / name, [], engine)
            trainer.args.save_strategy = "no"
            trainer.train()
            (last,) = [log for log in trainer.state.log_history if log.get("step") == 2][:1]
        assert last["rewards/liked/error_rate"] == 0 and 0 < last["rewards/liked/mean"] < 1
        assert trainer.processing_class.padding_side == "left"
        return [p.detach().clone() for p in trainer.model.parameters() if p.requires_grad]

    late = weights("late")
    held = open_reward_model(str(liked))
    early = weights("early")
    assert all(a.equal(b) for a, b in zip(late, early, strict=True))
    assert held.rate([]) == []
    assert scores(grader, rows, said) == before


def test_a_reward_model_that_changed_stops_a_resume(tmp_path: Path) -> None:
    model = save_reward_model(tmp_path / "liked")
    given = rft_order(judging(tmp_path / "e", model))
    given.check_unchanged()
    was = content_digest(str(model))
    save_reward_model(model, initializer_range=0.3)
    assert content_digest(str(model)) != was
    with pytest.raises(ChangedOrder, match="because the graders changed"):
        given.check_unchanged()
