"""Configs: YAML, `--set`, and what is refused with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from flywheel.errors import BadFile, BadOption
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.config_file import load_config
from flywheel.levers.training.methods.lora import LoRA
from flywheel.levers.training.objectives.dpo import DPO
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.levers.training.orders.auto_numbers import resolve

GIVEN = ["lever=sft", "evalset=ticket_triage"]
PAIRS = ["lever=dpo", "pairs=minimal"]


def test_a_file_is_read_and_sets_win(tmp_path: Path) -> None:
    path = tmp_path / "sft.yaml"
    path.write_text("lever: sft\nevalset: ticket_triage\nmethod: {kind: lora, r: 4}\nseed: 3\n")
    config = load_config(path, ["method.r=8", "learning_rate=1e-3"])
    assert (config.method, config.seed) == (LoRA(r=8), 3)
    assert config.learning_rate == 1e-3


def test_a_lever_that_learns_from_a_file_makes_no_rows_of_a_split() -> None:
    config = load_config(None, ["lever=kto", "evalset=unit_math", "data=rows.jsonl"])
    with pytest.raises(BadOption, match="kto needs a training file; pass --set data=FILE"):
        config.split_rows(load_evalset("unit_math"), [])


def test_a_fault_in_a_file_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "sft.yaml"
    path.write_text("lever: sft\nevalset: ticket_triage\nmethod:\n  rank: 4\n")
    with pytest.raises(BadFile, match=r"sft\.yaml:4:3: method\.rank: no such field"):
        load_config(path)


@pytest.mark.parametrize(
    ("sets", "story"),
    [
        ([*PAIRS, "beta=0"], "beta: .* greater than 0, got 0"),
        ([*PAIRS, "beta=2.01"], "beta: .* less than or equal to 2, got 2.01"),
        (["epochs=0"], "epochs: .* greater than or equal to 1"),
        (["epochs=51"], "epochs: .* less than or equal to 50"),
        (["batch_size=257"], "batch_size: .* less than or equal to 256"),
        (["method.kind=dora"], "method.kind: .* got 'dora'"),
        (["method.r=0"], "method.r: "),
        (["learning_rate=fast"], "learning_rate: "),
        (["method.kind=full", "method.r=8"], "method.r: no such field; fields: kind$"),
        (["method.rank=8"], "method.rank: no such field; .*fields: kind, r, alpha, dropout, targ"),
        (["colour=red"], "colour: sft has no setting 'colour'; remove it. Settings of sft: lever"),
        (["step=3"], "sft has no setting 'step'; did you mean steps"),
        (["loss=ipo"], "no setting 'loss'; dpo and kto have it; remove it. Settings of sft: lever"),
        (["pairs=minimal"], "sft has no setting 'pairs'; dpo has it"),
        (["kl=0.1"], "sft has no setting 'kl'; rft has it; remove it. Settings of sft: lever"),
        (["lever=rft", "beta=0.1"], "rft has no setting 'beta'; dpo and kto .*, response_format$"),
        ([*PAIRS, "reward=[exact]"], "dpo has no setting 'reward'; rft has it"),
        (["lever=sfd"], "wanted one of sft, dpo, kto, rft, reward, pretrain, got 'sfd'"),
        (["lever=dpo", "pairs=minimal", "data=x.jsonl"], "dpo takes data or pairs, not both"),
        (["lever=kto"], "kto needs data"),
        (["lever=dpo"], "dpo needs data .* or pairs"),
        (["lever=dpo", "pairs=minimal", "loss=best"], "loss: .*'sigmoid', .*, got 'best'"),
        (["lever=rft", "reward=[a, b]", "reward_weights=[1]"], "1 reward_weights for 2 rewards"),
        (["seed"], "--set is name=value"),
    ],
)
def test_what_cannot_be_is_refused(sets: list[str], story: str) -> None:
    with pytest.raises(BadOption, match=story):
        load_config(None, [*GIVEN, *sets])


def test_a_foreign_setting_in_a_file_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "sft.yaml"
    path.write_text("lever: sft\nevalset: ticket_triage\nbeta: 0.1\n")
    with pytest.raises(BadFile, match=r"sft\.yaml:3:1: beta: sft has no setting 'beta'; dpo"):
        load_config(path)


def test_python_refuses_a_foreign_setting_too() -> None:
    with pytest.raises(ValidationError, match=r"sft has no setting 'kl'; rft has it; .* sft: lev"):
        SFT.model_validate({"kl": 0.1})
    assert SFT(rows=300, seed=1).lever == "sft" and DPO(pairs="minimal").method == LoRA()


@pytest.mark.parametrize(
    ("lever", "kind", "parameters", "rate"),
    [
        ("sft", "lora", 1_000_000, 1.5e-3),
        ("sft", "full", 1_000_000, 5e-4),
        ("sft", "lora", 7_000_000_000, 2e-4),
        ("sft", "lora", 70_000_000_000, 2e-4),
        ("rft", "qlora", 1_000_000, 2e-3),
    ],
)
def test_auto_rates_follow_size_and_method(
    lever: str, kind: str, parameters: int, rate: float
) -> None:
    config = OBJECTIVE.validate_python({"lever": lever, "evalset": "e", "method": {"kind": kind}})
    numbers = resolve(config, rows=300, parameters=parameters, longest=100)
    assert numbers.learning_rate == pytest.approx(rate)


def test_auto_says_why_and_leaves_alone_what_is_given() -> None:
    config = SFT(evalset="e", batch_size=10, learning_rate=1e-4)
    numbers = resolve(config, rows=300, parameters=1_000_000, longest=115, context=1024)
    assert (numbers.steps, numbers.epochs, numbers.eval_interval) == (90, 3.0, 30)
    assert (numbers.batch_size, numbers.learning_rate, numbers.max_length) == (10, 1e-4, 120)
    assert numbers.why["epochs"] == "3: 300 rows"
    assert "batch_size" not in numbers.why


@pytest.mark.parametrize(
    ("lever", "given", "schedule"),
    [("sft", "auto", "linear"), ("rft", "auto", "constant"), ("rft", "cosine", "cosine")],
)
def test_the_schedule_is_the_usual_one_unless_it_is_given(
    lever: str, given: str, schedule: str
) -> None:
    config = OBJECTIVE.validate_python({"lever": lever, "evalset": "e", "schedule": given})
    found = resolve(config, rows=100, parameters=10**6, longest=50)
    assert found.schedule == schedule
    assert ("schedule" in found.why) == (given == "auto")


def test_no_row_is_longer_than_what_the_model_takes() -> None:
    config = SFT(evalset="e")
    assert resolve(config, rows=20, parameters=10, longest=5_000, context=1024).max_length == 1024


def test_what_depends_on_a_lever_is_declared_by_it_and_no_code_asks_for_its_name() -> None:
    asked = re.compile(r"""\blever (?:==|!=|in|not in) ["'({\[]""")
    root = Path(__file__).parents[3] / "flywheel"
    assert not [path for path in root.rglob("*.py") if asked.search(path.read_text())]
