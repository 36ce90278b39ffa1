# pyright: standard
"""Training on a GPU: it goes there by itself, computes in bf16, and keeps the same promises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.methods.union import AnyMethod
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.train import OutOfMemory, run
from tests.gpu import GPU
from tests.levers.training.test_train import Job, graded, job, no_exam
from tests.levers.training.world import build, method, rows_of

pytestmark = GPU

KINDS = ["lora", "full", "qlora"]
# What is not bit for bit: sums that a GPU adds up in an order of its own.
CLOSE = 5e-3
METHOD: TypeAdapter[Any] = TypeAdapter(AnyMethod)


def needs(kind: str) -> None:
    if kind == "qlora":
        pytest.importorskip("bitsandbytes")


@pytest.mark.parametrize(
    ("kind", "frozen", "learning"),
    [
        ("lora", {torch.bfloat16}, {torch.float32}),
        ("full", set(), {torch.float32}),
        ("qlora", {torch.uint8, torch.float32}, {torch.float32}),
    ],
)
def test_weights_lie_on_the_gpu_as_exactly_as_their_method_needs(
    kind: str, frozen: set[torch.dtype], learning: set[torch.dtype]
) -> None:
    needs(kind)
    with quiet():
        base = open_base("tiny", METHOD.validate_python(method(kind, r=4)), 0)
    weights = list(base.model.parameters())
    assert {weight.device.type for weight in weights} == {"cuda"}
    assert {weight.dtype for weight in weights if not weight.requires_grad} == frozen
    assert {weight.dtype for weight in weights if weight.requires_grad} == learning


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_step_computes_in_bf16_on_the_gpu(kind: str, tmp_path: Path) -> None:
    order = job(tmp_path, steps=2, method=method(kind, r=4)).order
    seen: set[tuple[str, torch.dtype]] = set()
    with quiet():
        base = open_base("tiny", order.config.method, 0)
        names = dict(base.model.named_modules())
        layer = next(names[name] for name in names if name.endswith("mlp.down_proj"))
        layer.register_forward_hook(lambda at, given, out: seen.add((out.device.type, out.dtype)))
        trainer = build(base, order, rows_of(order.config), tmp_path / "job", [])
        trainer.args.save_strategy = "no"
        trainer.train()
    assert trainer.args.device.type == "cuda" and trainer.args.bf16
    assert seen == {("cuda", torch.bfloat16)}
    learnt = [weight for weight in base.model.parameters() if weight.requires_grad]
    assert {weight.dtype for weight in learnt} == {torch.float32}


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_tells_its_story(kind: str, tmp_path: Path) -> None:
    needs(kind)
    made = job(tmp_path, method=method(kind, r=4))
    done = made.run()
    assert [exam["step"] for exam in made.told("exam")] == [0, 4, 8]
    assert made.losses[8] < made.losses[1]
    (preflight,) = made.told("preflight")
    held = torch.cuda.max_memory_allocated() / 2**20
    assert 0 < preflight["peak_mib"] <= held + 1
    # What is saved answers by a sampler of its own, in the precision of its file.
    assert graded(made.order, done.folder).keys() == done.metrics["after"].keys()


@pytest.mark.parametrize(
    ("lever", "kind"),
    [
        ("dpo", "lora"),
        ("dpo", "full"),
        ("kto", "lora"),
        ("reward", "lora"),
        ("reward", "full"),
        ("pretrain", "lora"),
        ("rft", "lora"),
        ("rft", "full"),
        ("rft", "qlora"),
    ],
)
def test_every_lever_learns_there(lever: str, kind: str, tmp_path: Path) -> None:
    needs(kind)
    given: dict[str, Any] = {"group_size": 4, "max_completion_tokens": 8} if lever == "rft" else {}
    made = job(tmp_path, lever=lever, steps=2, method=method(kind, r=4), **given)
    assert made.run().ended == "finished"
    assert all(math.isfinite(loss) for loss in made.losses.values())
    if lever == "rft":
        first = made.told("step")[0]
        assert first["entropy"] > 0
        # The adapter has learnt nothing yet; all of a model has no reference without a weight.
        assert first.get("kl", 0.0) == pytest.approx(0, abs=1e-2)
        assert ("kl" in first) is (kind != "full")


def test_pairs_are_sampled_there(tmp_path: Path) -> None:
    made = job(tmp_path, lever="dpo", pairs="sampled", steps=1)
    assert made.run().ended == "finished"


@pytest.mark.parametrize("kind", KINDS)
def test_a_resume_learns_the_same(kind: str, tmp_path: Path) -> None:
    needs(kind)
    given = method(kind, r=4, dropout=0.1)
    whole = job(tmp_path, "whole", method=given)
    whole.run()
    stopped = job(tmp_path, "stopped", method=given)
    stopped.run("pause", at=3)
    stopped.run()
    assert stopped.told("started")[1]["resumed_from"] == 3
    assert stopped.losses == pytest.approx(whole.losses, rel=CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_exams_change_nothing(kind: str, tmp_path: Path) -> None:
    needs(kind)
    given = method(kind, r=4, dropout=0.1)
    often = job(tmp_path, "often", method=given, steps=3, eval_interval=1)
    never = no_exam(job(tmp_path, "never", method=given, steps=3))
    often.run()
    never.run()
    assert often.losses == pytest.approx(never.losses, rel=CLOSE)


def test_running_out_of_memory_says_what_to_lower(tmp_path: Path) -> None:
    made = job(tmp_path, steps=4, method={"kind": "full"})
    hoard: list[torch.Tensor] = []
    try:
        with pytest.raises(OutOfMemory, match=r"lower batch_size \(now 4\) or max_length .*lora"):
            run(made.order, made.folder, filling(hoard), lambda: "go")
    finally:
        hoard.clear()
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def filling(hoard: list[torch.Tensor]) -> Any:
    """Tells nothing, and takes all memory of the GPU that this process has, once it has a step."""

    def tell(kind: str, detail: Mapping[str, Any]) -> None:
        if kind != "step":
            return
        torch.cuda.empty_cache()
        share = torch.cuda.memory_reserved() / torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(share)
        for size in (2**24, 2**20, 2**16, 2**9):
            with suppress(torch.OutOfMemoryError):
                while True:
                    hoard.append(torch.empty(size, dtype=torch.uint8, device="cuda"))

    return tell


def test_a_job_of_one_process_uses_one_gpu(tmp_path: Path) -> None:
    made: Job = job(tmp_path, steps=1)
    with quiet():
        base = open_base("tiny", made.order.config.method, 0)
        trainer = build(base, made.order, rows_of(made.order.config), tmp_path / "j", [])
    assert trainer.args.train_batch_size == made.order.numbers.batch_size
