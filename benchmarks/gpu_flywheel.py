# pyright: basic
"""The parts of gpu.py as flywheel does them: by its trainers on an evalset, and by its sampler.

Texts are words of which each is one token of the model, drawn at random, so a row has just as many
tokens as it has words. The grader of GRPO gives every answer a score of its own: of each group all
answers are learnt from, which is the most that a step can take, with checkpointing where flywheel
has it. Trainings need trl, peft, datasets and what flywheel itself needs; sampling needs no more
than torch and transformers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import statistics
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, TrainerCallback

from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.sampler import Request

if TYPE_CHECKING:
    from benchmarks.gpu import Bench, Shape

SFT_ROUNDS, GRPO_ROUNDS = (2, 4), (1, 3)
Given = dict[str, Any]


class Clock(TrainerCallback):
    """Keeps when each step ended, and how long the calls took that it was given to time."""

    def __init__(self, bench: Bench, rounds: tuple[int, int]) -> None:
        self._bench = bench
        self._warm = rounds[0]
        self._ends: list[float] = []
        self._calls: list[float] = []

    def on_train_begin(self, *_: Any, **named: Any) -> None:
        """Before the first step."""
        self._ends.append(self._bench.now())

    def on_step_end(self, *_: Any, **named: Any) -> None:
        """After each step."""
        self._ends.append(self._bench.now())

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, timed."""

        def inner(*given: Any, **named: Any) -> Any:
            began = self._bench.now()
            found = call(*given, **named)
            self._calls.append(self._bench.now() - began)
            return found

        return inner

    @property
    def step(self) -> float:
        """Median seconds from the end of one step to that of the next."""
        ends = self._ends[self._warm :]
        return statistics.median(b - a for a, b in pairwise(ends))

    @property
    def call(self) -> float:
        """Median seconds of a timed call. There is one a step."""
        return statistics.median(self._calls[self._warm :])


def save_tokenizer(bench: Bench, shape: Shape) -> Path:
    """The model's folder, with a tokenizer in it that has a word for every token."""
    folder = bench.folder / shape.name
    if not (folder / "tokenizer.json").is_file():
        known = {"<pad>": 0, "</s>": 1, **{f"w{i}": i for i in range(2, shape.vocab_size)}}
        made: Any = Tokenizer(models.WordLevel(known, unk_token="w2"))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", pad_token="<pad>")
        fast.save_pretrained(folder)
    return folder


def text(shape: Shape, words: int, seed: str) -> str:
    """So many tokens."""
    draw = random.Random(seed)
    return " ".join(f"w{draw.randrange(3, shape.vocab_size)}" for _ in range(words))


def save_evalset(bench: Bench, shape: Shape, ask: int, gold: int) -> Path:
    """The folder of an evalset whose prompts and answers have so many tokens."""
    folder = bench.folder / f"{shape.name} {ask} {gold}"
    folder.mkdir(exist_ok=True)
    near = {"type": "text_similarity", "name": "near", "evaluation_metric": "fuzzy_match"}
    definition = {
        "prompt": [{"role": "user", "content": "{{ item.ask }}"}],
        "gold": "{{ item.gold }}",
        "graders": [{**near, "reference": "{{ item.gold }}"}],
        "primary": "near",
        "sampling": {"max_completion_tokens": bench.sizes.words},
    }
    (folder / "evalset.yaml").write_text(json.dumps(definition))
    lines = [
        # A blank at the end, so that the answer begins with a word of its own.
        {"id": str(i), "ask": text(shape, ask, f"a{i}") + " ", "gold": text(shape, gold, f"g{i}")}
        for i in range(max(16, *bench.sizes.batches))
    ]
    for split in ("train", "dev", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def trainer(
    bench: Bench, shape: Shape, evalset: Path, rounds: tuple[int, int], given: Given
) -> Callable[[int, Given], Clock]:
    """batch, arguments -> the clock of a training with that batch, and those put in their places.

    The model is loaded once, so that a batch goes on where the one before it ended.
    """
    from flywheel.engines.here import Here
    from flywheel.evals.evalset.evalset import load_evalset
    from flywheel.levers.training.config import Setup
    from flywheel.levers.training.methods.base import open_base
    from flywheel.levers.training.objectives.union import OBJECTIVE
    from flywheel.levers.training.orders.settle import settle
    from flywheel.levers.training.quiet import quiet
    from flywheel.levers.training.rows.rows import training_rows
    from flywheel.levers.training.train import build

    same = {"model": str(save_tokenizer(bench, shape)), "evalset": str(evalset), "warmup": 0}
    config = OBJECTIVE.validate_python({"steps": sum(rounds), "learning_rate": 1e-5} | same | given)
    triage = load_evalset(config.evalset)
    order, rows = settle(config, triage), training_rows(config, triage)
    with quiet():
        base = open_base(config.model, config.method, config.seed)

    def run(batch: int, arguments: Given) -> Clock:
        numbers = order.numbers.model_copy(update={"batch_size": batch})
        clock = Clock(bench, rounds)
        with quiet(), tempfile.TemporaryDirectory() as folder:
            setup = Setup(base, rows, numbers, triage, Path(folder), Here(), callbacks=[clock])
            made = build(config, setup)
            for name, value in {"save_strategy": "no", **arguments}.items():
                # Names differ from version to version; what one does not know, it does not need.
                if hasattr(made.args, name):
                    setattr(made.args, name, value)
            if config.lever == "rft":
                made._generate = clock.timed(made._generate)
            made.train()
            # The next one wraps the model itself.
            made.accelerator.unwrap_model(made.model, keep_fp32_wrapper=False)
        return clock

    return run


def sft(bench: Bench, shape: Shape, kind: str, again: bool) -> Callable[[int], float]:
    """batch -> median seconds of a step. `again`: with gradient checkpointing."""
    half = bench.sizes.length // 2
    evalset = save_evalset(bench, shape, bench.sizes.length - half, half - 1)
    rank = {} if kind == "full" else {"r": 16}
    given = {"lever": "sft", "method": {"kind": kind} | rank}
    run = trainer(bench, shape, evalset, SFT_ROUNDS, given)
    arguments = {"gradient_checkpointing": again, "activation_checkpointing": again}
    return lambda batch: run(batch, arguments).step


def grpo(bench: Bench, shape: Shape) -> tuple[float, float]:
    """Median seconds of a step beside an adapter, and of its generating."""
    (prompts, answers), words = bench.sizes.group, bench.sizes.words
    evalset = save_evalset(bench, shape, words, words)
    given = {"lever": "rft", "method": {"kind": "lora", "r": 16}, "group_size": answers}
    clock = trainer(bench, shape, evalset, GRPO_ROUNDS, given)(prompts, {})
    return clock.step, clock.call


def answers(bench: Bench, shape: Shape) -> dict[str, Callable[[int], int]]:
    """The sampler as it comes, and on a GPU its own loop too; each gives the tokens made."""
    folder, words = str(save_tokenizer(bench, shape)), bench.sizes.words
    complaints = Complaints(bench, shape)
    logging.getLogger("flywheel.samplers.local.sampler").addHandler(complaints)

    def way(paged: bool | None) -> Callable[[int], int]:
        options = LocalOptions(name=folder, max_completion_tokens=words, paged=paged)
        sampler, sampling = LocalSampler(options), {"max_completion_tokens": words}

        def request(row: int) -> Request:
            said = [{"role": "user", "content": text(shape, words, f"r{row}")}]
            return Request("model", said, sampling)

        async def ask(rows: int) -> int:
            made = 0
            async for _, output in sampler.sample([request(row) for row in range(rows)]):
                if output.error is not None:
                    raise RuntimeError(output.error)
                made += output.usage.completion_tokens
            return made

        return lambda rows: asyncio.run(ask(rows))

    return {"": way(None), ", own loop": way(False)} if bench.on_gpu else {"": way(None)}


class Complaints(logging.Handler):
    """Tells once what the sampler could not do the way that it wanted to."""

    def __init__(self, bench: Bench, shape: Shape) -> None:
        super().__init__(logging.WARNING)
        self._tell: Callable[[str], None] | None = lambda text: bench.tell(
            f"{shape.name} eval, as it comes", left_out=text[:300]
        )

    def emit(self, record: logging.LogRecord) -> None:
        """A line with the first complaint."""
        if self._tell is not None:
            self._tell(record.getMessage())
            self._tell = None


WAYS: dict[str, Callable[..., Any]] = {"sft": sft, "grpo": grpo, "answers": answers}
