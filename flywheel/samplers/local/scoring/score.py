# pyright: standard
"""How likely given texts are as the answer to a prompt, without generating.

Each prompt is read once; its options and its reference continue from the same cache. A text counts
without the token that would end the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel.samplers.local.decode import State
from flywheel.samplers.local.load import Loaded
from flywheel.samplers.sampler import Loss


def score(
    loaded: Loaded, prompts: Sequence[Sequence[int]], texts: Sequence[Sequence[Sequence[int]]]
) -> list[list[Loss]]:
    """The loss of every text of every prompt, as tokens. Each text has at least one."""
    import torch

    if not loaded.droppable:
        pairs = zip(prompts, texts, strict=True)
        return [[_score_alone(loaded, prompt, text) for text in each] for prompt, each in pairs]
    longest = max(len(text) for each in texts for text in each)
    state = State(loaded, prompts, longest)
    first = state.logits.float().log_softmax(-1)
    flat = [(row, text) for row, each in enumerate(texts) for text in each]
    nats = [-float(first[row, text[0]]) for row, text in flat]
    if longest > 1:
        long = [place for place, (_, text) in enumerate(flat) if len(text) > 1]
        index = torch.tensor([flat[place][0] for place in long], device=first.device)
        state.keep(index)
        rest = _continue(state, [flat[place][1] for place in long])
        for place, more in zip(long, rest, strict=True):
            nats[place] += more
    losses = iter(Loss(n, len(text)) for n, (_, text) in zip(nats, flat, strict=True))
    return [[next(losses) for _ in each] for each in texts]


def _score_alone(loaded: Loaded, prompt: Sequence[int], text: Sequence[int]) -> Loss:
    """Without a cache, for models whose memory cannot be copied row by row."""
    import torch

    ids = torch.tensor([[*prompt, *text]], device=loaded.model.device)
    logits = loaded.model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
    chances = logits.float().log_softmax(-1)
    return Loss(-float(chances.gather(1, ids[0, len(prompt) :, None]).sum()), len(text))


def _continue(state: State, texts: Sequence[Sequence[int]]) -> list[float]:
    """The nats of every token after the first, summed by text."""
    import torch

    width = max(len(text) for text in texts) - 1
    ids = torch.zeros(len(texts), width + 1, dtype=torch.long)
    real = torch.zeros(len(texts), width + 1, dtype=torch.long)
    for i, text in enumerate(texts):
        ids[i, : len(text)] = torch.tensor(text)
        real[i, : len(text)] = 1
    ids, real = ids.to(state.mask.device), real.to(state.mask.device)
    logits = state.extend(ids[:, :-1], real[:, :-1])
    found: Any = logits.float().log_softmax(-1).gather(2, ids[:, 1:, None])[:, :, 0]
    return [-float(total) for total in (found * real[:, 1:]).sum(1).tolist()]
