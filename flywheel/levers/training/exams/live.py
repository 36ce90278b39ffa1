# pyright: standard
"""The model that is being trained: asked while it learns, left as it was, and graded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

from flywheel.engines.engine import Answerer
from flywheel.engines.here import Here
from flywheel.engines.open import open_live
from flywheel.evals.evalset.items import Item
from flywheel.evals.grading.grade import Verdict, grade_samples
from flywheel.evals.run.execute import sample_of
from flywheel.jobs.progress import Progress
from flywheel.levers.training.methods.base import Base
from flywheel.samplers.local.load import prepared
from flywheel.samplers.local.random import kept_random_states
from flywheel.samplers.local.virtual_tokens import is_prompt, virtual_tokens
from flywheel.samplers.sampler import Output, Request
from graders.grader import Grader
from graders.ungraded import Kind, Ungraded


def ask_live(
    base: Base,
    name: str,
    requests: Sequence[Request],
    progress: Progress,
    answered: Callable[[int], object] = lambda count: None,
    until: float | None = None,
) -> list[Output]:
    """Ask the model in training, and leave it as it was. An answer that did not come has an error.

    `name` is the model's. `answered` hears how many answers have come. Raises Stopped, and
    OutOfTime at `until`.
    """
    outputs = [Output(error="no answer came")] * len(requests)

    async def ask(engine: Here) -> None:
        count = 0
        async with aclosing(engine.sample(name, requests)) as stream:
            async for index, output in stream:
                outputs[index], count = output, count + 1
                answered(count)

    with (
        undisturbed(base.model, base.tokenizer),
        progress.through(plain(base.model)),
        in_force(base) as (model, prefix),
        open_live(name, prepared(model, base.tokenizer, prefix)) as engine,
    ):
        progress.wait(ask(engine), until)
    return outputs


async def grade_outputs(
    grader: Grader, items: Sequence[Item], outputs: Sequence[Output], engine: Answerer
) -> list[Verdict]:
    """A verdict for each item's answer; an answer that did not come is ungraded."""
    came = [i for i, output in enumerate(outputs) if output.error is None]
    samples = [sample_of(items[i], outputs[i]) for i in came]
    graded = dict(zip(came, await grade_samples(grader, samples, engine), strict=True))
    return [
        graded.get(i) or Ungraded(Kind.SAMPLE, output.error or "", "no_answer")
        for i, output in enumerate(outputs)
    ]


@contextmanager
def in_force(base: Base) -> Generator[tuple[Any, tuple[int, ...]]]:
    """The model to ask, with what it has learnt in force, and tokens to put before every prompt.

    An adapter of virtual tokens is no part of the model that it is put on, so they are made tokens
    of that model meanwhile. Raises BadOption for one that works in another way.
    """
    prompts = is_prompt(base.model)
    # A method that says otherwise would be measured on the untrained model.
    assert prompts == (base.samples_as == "prompt"), f"no {base.samples_as} adapter: {base.model}"
    if not prompts:
        yield plain(base.model), ()
        return
    with virtual_tokens(base.model) as prefix:
        yield plain(base.model), prefix


def plain(model: Any) -> Any:
    """The model itself, in which an adapter works from within the layers that it wraps."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def undisturbed(model: Any, tokenizer: Any) -> Generator[None]:
    """Put back afterwards what sampling from a model in training changes.

    Every random state, each module's train mode and buffers, and the tokenizer's padding side.
    """
    modules = [(module, module.training, dict(module._buffers)) for module in model.modules()]
    side = tokenizer.padding_side
    try:
        with kept_random_states():
            yield
    finally:
        tokenizer.padding_side = side
        for module, training, buffers in modules:
            # Not `train()`, which would set the inner modules too.
            module.training = training
            module._buffers.update(buffers)
