# pyright: standard
"""Sampling from a model in training without changing its state, and grading its answers."""

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
    """Sample from the model in training and restore its state. A missing answer has an error.

    `name` is the model's. `answered` is called with the number of answers so far. Raises Stopped,
    and OutOfTime at `until`.
    """
    outputs = [Output(error="no answer came")] * len(requests)

    async def ask(engine: Here) -> None:
        count = 0
        async with aclosing(engine.sample(name, requests)) as stream:
            async for index, output in stream:
                outputs[index], count = output, count + 1
                answered(count)

    with (
        preserved_state(base.model, base.tokenizer),
        progress.through(plain(base.model)),
        sampling_model(base) as (model, prefix),
        open_live(name, prepared(model, base.tokenizer, prefix)) as engine,
    ):
        progress.wait(ask(engine), until)
    return outputs


async def grade_outputs(
    grader: Grader, items: Sequence[Item], outputs: Sequence[Output], engine: Answerer
) -> list[Verdict]:
    """A verdict for each item's answer; a missing answer is ungraded."""
    came = [i for i, output in enumerate(outputs) if output.error is None]
    samples = [sample_of(items[i], outputs[i]) for i in came]
    graded = dict(zip(came, await grade_samples(grader, samples, engine), strict=True))
    return [
        graded.get(i) or Ungraded(Kind.SAMPLE, output.error or "", "no_answer")
        for i, output in enumerate(outputs)
    ]


@contextmanager
def sampling_model(base: Base) -> Generator[tuple[Any, tuple[int, ...]]]:
    """The model to sample from with its trained weights active, and tokens to prepend to prompts.

    A prompt-tuning adapter is not part of the base model, so its virtual tokens temporarily become
    tokens of that model. Raises BadOption for an unsupported kind of prompt adapter.
    """
    prompts = is_prompt(base.model)
    # A method with a wrong `samples_as` would evaluate the untrained model.
    assert prompts == (base.samples_as == "prompt"), f"no {base.samples_as} adapter: {base.model}"
    if not prompts:
        yield plain(base.model), ()
        return
    with virtual_tokens(base.model) as prefix:
        yield plain(base.model), prefix


def plain(model: Any) -> Any:
    """The base model; adapters such as LoRA stay active inside its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def preserved_state(model: Any, tokenizer: Any) -> Generator[None]:
    """Restore on exit the state that sampling from a model in training changes.

    That is every random state, each module's train mode and buffers, and the padding side.
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
