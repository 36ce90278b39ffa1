# pyright: standard
"""A training from beginning to end: stopped, killed, gone on with, and when things go wrong."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from transformers import TrainerCallback

from flywheel.engines.here import Here
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.grading.grade import grade_samples
from flywheel.evals.run.plan import Plan
from flywheel.levers.training.exams import checkpoints
from flywheel.levers.training.exams.checkpoints import DiskFull
from flywheel.levers.training.exams.watch import Diverged, Watch
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.orders.order import ChangedOrder, Order
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.train import OutOfMemory, Trained, run
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.resolve import model_digest
from tests.levers.training.completions import query
from tests.levers.training.world import build, method, open_exam, order, pairs, rows_of

Said = Literal["go", "pause", "cancel"]
Hook = Callable[[int], None]


class Killed(BaseException):
    """The process ends here."""


class Job:
    """One job: its events, and what the parent says at which step."""

    def __init__(self, made: Order, folder: Path) -> None:
        self.order = made
        self.folder = folder
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.step = 0

    def run(self, said: Said = "go", at: int = 0, hook: Hook = lambda step: None) -> Trained:
        def tell(kind: str, detail: Mapping[str, Any]) -> None:
            self.events.append((kind, detail))
            if kind == "step":
                self.step = detail["step"]
                hook(self.step)

        # It is asked after the optimizer's step and before the step is told.
        return run(self.order, self.folder, tell, lambda: said if self.step + 1 == at else "go")

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        return [detail for name, detail in self.events if name == kind]

    @property
    def losses(self) -> dict[int, float]:
        return {step["step"]: step["loss"] for step in self.told("step")}


def job(tmp_path: Path, name: str = "job", **fields: Any) -> Job:
    given: dict[str, Any] = {
        "steps": 8,
        "learning_rate": 3e-3,
        "eval_interval": 4,
        "save_interval": 4,
        "method": {"kind": "lora", "r": 4, "dropout": 0.1},
    }
    return Job(order(tmp_path, **(given | fields)), tmp_path / name)


def no_exam(made: Job) -> Job:
    """The same job, with its only exams before the first step and at the end."""
    numbers = made.order.numbers.model_copy(update={"eval_interval": 100})
    return Job(made.order.model_copy(update={"numbers": numbers}), made.folder)


def killed(at: int) -> Hook:
    def hook(step: int) -> None:
        if step == at:
            raise Killed

    return hook


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A training that nothing stopped."""
    made = job(tmp_path_factory.mktemp("whole"))
    made.run()
    return made


def test_a_training_tells_its_story(whole: Job) -> None:
    kinds = [kind for kind, _ in whole.events if kind not in ("step", "exam_items", "progress")]
    assert kinds == [
        *("started", "masks", "preflight", "exam"),
        *("exam", "checkpoint", "exam", "checkpoint", "finished"),
    ]
    (masks,), (preflight,) = whole.told("masks"), whole.told("preflight")
    assert masks["rows"][0]["learned"] == ['{"colour": "red", "number": 0}<|im_end|>']
    assert 0 < preflight["trainable"] < preflight["parameters"]
    assert preflight["seconds_a_step"] > 0
    assert [exam["step"] for exam in whole.told("exam")] == [0, 4, 8]
    assert whole.told("exam")[0]["graders"]["exact"]["n"] == 3
    assert list(whole.losses) == list(range(1, 9))
    assert whole.losses[8] < whole.losses[1]


def test_what_is_trained_loads_as_any_model_does(whole: Job) -> None:
    out = whole.folder / "out"
    manifest = json.loads((out / "flywheel.manifest").read_text())
    assert manifest is not None
    assert (manifest["lever"], manifest["base"], manifest["seed"]) == ("sft", "tiny", 0)
    assert manifest["best_step"] == whole.told("finished")[0]["best_step"]
    names = {path.name for path in out.iterdir()}
    assert "adapter_model.safetensors" in names
    assert not names & {"optimizer.pt", "scheduler.pt", "trainer_state.json", "metrics.json"}
    digest = model_digest(str(out))
    (out / "flywheel.manifest").write_text("{}")
    assert model_digest(str(out)) == digest, "the manifest is no part of the model"


@pytest.mark.parametrize("said", ["pause", "cancel"])
def test_a_stop_keeps_the_step_and_a_resume_learns_the_same(
    tmp_path: Path, whole: Job, said: Said
) -> None:
    stopped = job(tmp_path)
    ended = stopped.run(said, at=3)
    assert ended.ended == stopped.events[-1][0] == {"pause": "paused", "cancel": "cancelled"}[said]
    assert list(stopped.losses) == [1, 2, 3]
    if said == "pause":
        stopped.run()
        assert stopped.told("started")[1]["resumed_from"] == 3
        assert stopped.losses == pytest.approx(whole.losses, abs=1e-4)


def test_a_kill_costs_the_steps_since_the_last_checkpoint(tmp_path: Path, whole: Job) -> None:
    dead = job(tmp_path)
    with pytest.raises(Killed):
        dead.run(hook=killed(6))
    dead.run()
    assert dead.told("started")[1]["resumed_from"] == 4
    assert dead.losses == pytest.approx(whole.losses, abs=1e-4)
    assert [exam["step"] for exam in dead.told("exam")] == [0, 4, 8], "none is taken twice"


@pytest.mark.parametrize("kind", ["lora", "full", "qlora"])
def test_exams_change_nothing(tmp_path: Path, kind: str) -> None:
    given = method(kind, r=4, dropout=0.1)
    often = job(tmp_path, "often", method=given, steps=3, eval_interval=1)
    never = no_exam(job(tmp_path, "never", method=given, steps=3))
    often.run()
    never.run()
    assert len(often.told("exam")) == 4
    assert often.losses == never.losses


@pytest.mark.parametrize("kind", ["full", "lora", "qlora"])
def test_the_last_exam_is_what_the_saved_model_scores(tmp_path: Path, kind: str) -> None:
    made = job(tmp_path, method=method(kind, r=4), steps=4, learning_rate=1e-2)
    done = made.run()
    # A sampler merges an adapter into whole weights, so four bits are not there any more.
    far = 0.5 if kind == "qlora" else 1e-6
    assert graded(made.order, done.folder) == pytest.approx(done.metrics["after"], abs=far)


def graded(made: Order, out: Path) -> dict[str, float]:
    """The means of the graders for the model in a folder, as `eval` would find them."""
    import asyncio

    from flywheel.evals.run.execute import sample_of
    from flywheel.evals.run.requests import pairs as asked
    from flywheel.evals.run.requests import request

    plan: Plan = made.config.dev_plan(load_evalset(made.config.evalset))
    found = list(asked(plan, bytes(plan.count)))

    async def answers() -> list[Any]:
        sampler = LocalSampler(LocalOptions(name=str(out)))
        requests = [request(plan, pair) for pair in found]
        outputs = {i: output async for i, output in sampler.sample(requests)}
        sampler.close()
        return [sample_of(pair.item, outputs[i]) for i, pair in enumerate(found)]

    samples = asyncio.run(answers())
    with Here() as engine:
        names = open_exam(made, engine).roles.asked
        return {
            grader.name: sum(v.score for v in asyncio.run(grade_samples(grader, samples, engine)))  # pyright: ignore[reportAttributeAccessIssue]
            / len(samples)
            for grader in plan.graders
            if grader.name in names
        }


def test_nothing_is_printed_and_trackers_keep_what_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = job(tmp_path, lever="dpo", steps=2, trackers=("tensorboard",))
    made.run()
    assert capfd.readouterr().out == ""
    assert len(list((made.folder / "tensorboard").glob("events.*"))) == 1


def test_rft_is_examined_audited_and_gone_on_with(tmp_path: Path) -> None:
    """In what the objectives share; what is its own stands in test_rft.py."""
    made = job(
        tmp_path,
        lever="rft",
        steps=3,
        eval_interval=2,
        save_interval=2,
        group_size=2,
        max_completion_tokens=8,
    )
    made.run("pause", at=2)
    made.run()
    assert list(made.losses) == [1, 2, 3]
    assert [exam["step"] for exam in made.told("exam")] == [0, 2, 3]
    audited, headroom, *more = [one["text"] for one in made.told("notice")]
    assert "brace" in audited and "answers: pass@1" in headroom
    assert all("pass@1" not in text for text in more), "asked once, before the first step"
    assert set(made.told("finished")[0]["metrics"]["after"]) == {"exact", "brace"}
    (foretold,) = made.told("preflight")
    assert foretold["seconds_a_step"] > 0 and foretold["tokens"] > 0
    answers = 2 * made.order.numbers.batch_size
    steps = query(made.folder, "SELECT step, count(*) FROM completions GROUP BY 1 ORDER BY 1")
    assert steps == [(1, answers), (2, answers), (3, answers)], "what was tried is not kept"


class Poison(TrainerCallback):
    """Makes one weight no number before a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step + 1 == self._step:
            next(p for p in kwargs["model"].parameters() if p.requires_grad).data[0] = math.nan


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_what_was_good(
    tmp_path: Path,
) -> None:
    made, events = job(tmp_path).order, list[tuple[str, Mapping[str, Any]]]()
    roles = made.config.roles(load_evalset(made.config.evalset).definition)
    watch = Watch(made, roles, tmp_path / "job", lambda *one: events.append(one), lambda: "go")
    base = open_base("tiny", made.config.method, 0)
    with quiet():
        rows = rows_of(made.config)
        trainer = build(base, made, rows, tmp_path / "job", [watch, Poison(6)])
        with pytest.raises(Diverged, match=r"step 6: the loss is nan: .* step 4 is kept\. Lower"):
            trainer.train()
    assert events[-1][0] == "step"
    assert events[-1][1]["loss"] is None, "an event is JSON, which knows no NaN"
    assert [one.step for one in checkpoints.complete(tmp_path / "job")] == [4]


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    made = job(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(step: int) -> None:
        if step == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))

    try:
        with pytest.raises(DiskFull, match=r"the checkpoint of step 4 is kept\. Free some space"):
            made.run(hook=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [one.step for one in checkpoints.complete(made.folder)] == [4]
    assert not checkpoints.writing_folder(made.folder).exists()
    made.run()
    assert made.told("started")[1]["resumed_from"] == 4


@pytest.mark.parametrize("left", ["empty", "cut short", "without weights"])
def test_a_checkpoint_that_is_not_complete_is_passed_over(tmp_path: Path, left: str) -> None:
    made = job(tmp_path)
    made.run("pause", at=5)
    broken = checkpoints.complete(made.folder)[-1].path
    if left == "empty":
        broken = made.folder / "checkpoints" / "step-000900"
        broken.mkdir()
    elif left == "cut short":
        os.truncate(broken / "optimizer.pt", 100)
    else:
        (broken / "adapter_model.safetensors").unlink()
    assert [one.path for one in checkpoints.incomplete(made.folder)] == [broken]
    good = checkpoints.newest(made.folder)
    made.run()
    assert made.told("started")[1]["resumed_from"] == (good.step if good else None)
    assert made.told("notice")[0]["text"] == (f"{broken} is an incomplete checkpoint; ignored")
    assert made.told("finished")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
        RuntimeError("PytorchStreamWriter failed writing file data/2: file write failed"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_each_way_to_say_that_the_disk_is_full_is_understood(error: Exception) -> None:
    assert checkpoints.is_full_disk(error)
    try:
        try:
            raise error
        except Exception:
            raise RuntimeError("while it tidied up")  # noqa: B904 as libraries do
    except RuntimeError as after:
        assert checkpoints.is_full_disk(after)
    assert not checkpoints.is_full_disk(RuntimeError("unexpected"))


def test_running_out_of_memory_says_what_to_lower(tmp_path: Path) -> None:
    made = job(tmp_path, steps=4, method={"kind": "full"})
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)

    def shrink(kind: str, detail: Mapping[str, Any]) -> None:
        if kind == "step":
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size, hard))
            # What is free inside the process is used up first.
            bytearray(2**33)

    try:
        with pytest.raises(OutOfMemory, match=r"lower batch_size \(now 4\) or max_length .*lora"):
            run(made.order, made.folder, shrink, lambda: "go")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_data_that_changed_during_a_stop_is_named(tmp_path: Path) -> None:
    made = job(tmp_path, lever="dpo", steps=4)
    made.run("pause", at=1)
    pairs(tmp_path / "dpo.jsonl", 14)
    with pytest.raises(
        ChangedOrder, match="because the training data changed since it was started"
    ):
        made.run()


def test_patience_ends_a_training_that_gets_no_better(tmp_path: Path) -> None:
    made = job(tmp_path, eval_interval=1, patience=2, learning_rate=1e-6, keep=1)
    made.run()
    assert [exam["step"] for exam in made.told("exam")] == [0, 1, 2, 3]
    assert made.told("notice")[0]["text"] == (
        "stopped early: no improvement over step 1 in 2 exams"
    )
    assert made.told("finished")[0]["best_step"] == 1
    assert [one.step for one in checkpoints.complete(made.folder)] == [1, 3]


def test_pairs_are_sampled_once_and_kept_for_a_resume(tmp_path: Path) -> None:
    made = job(tmp_path, lever="dpo", pairs="sampled", steps=3)
    made.run("pause", at=2)
    kept = (made.folder / "pairs.jsonl").read_bytes()
    made.run()
    assert (made.folder / "pairs.jsonl").read_bytes() == kept
    assert made.told("notice")[0]["text"] == "16 of 16 items were answered wrongly"
