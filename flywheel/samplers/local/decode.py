# pyright: standard
"""The decode loop: a batch of prompts in, tokens out, rows leaving as they end.

Prompts are padded on the left. What they all begin with (the few-shot part) is computed once and
its keys and values repeated. A row leaves the batch when it ends, so the long answers do not carry
the short ones along, and rows join it between two steps. transformers' `generate` does neither.

Each row picks its tokens from its own logits and its own random numbers, so an answer does not
depend on its neighbours, up to the rounding of the matrix products: in float32 greedy answers have
been the same in every batch that was tried, in bfloat16 close calls fall either way.
"""

from __future__ import annotations

import copy
import inspect
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flywheel.samplers.delta import Chance
from flywheel.samplers.local.load import Loaded
from flywheel.samplers.sampler import Loss

# A prefix is worth a pass of its own when it saves this many tokens in all.
_SAVED_TOKENS = 512
# Tokens that are read in one pass.
_CHUNK = 2048
_GPU_CHUNK = 32_768


@dataclass(slots=True)
class Row:
    """One prompt on its way: what to generate from it or `texts` to score, and what came so far.

    Answers to one request have a `choice` each. With `top` the row keeps the chance of each token
    that it takes, and of so many of the likeliest. `told` is called at each token but the last.
    """

    index: int
    ids: list[int]
    longest: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stops: tuple[str, ...] = ()
    adapter: str | None = None
    choice: int = 0
    top: int | None = None
    told: Any = None
    texts: list[list[int]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    done: bool = False
    made: list[int] = field(default_factory=list)
    text: str | None = None
    truncated: bool = False
    began: float = 0.0
    rng: random.Random | None = None
    chances: list[Chance] = field(default_factory=list)
    cancelled: bool = False
    owner: Any = None

    def begin(self) -> None:
        """Start, or start again after the memory was short: the same seed, nothing made."""
        self.made, self.text, self.truncated, self.chances = [], None, False, []
        self.began = time.monotonic()
        # Seeds as text are mixed well; the first numbers of neighbouring integers are alike.
        seed = f"{self.seed} {self.choice}" if self.choice else str(self.seed)
        self.rng = random.Random(seed) if self.temperature > 0 else None


Admit = Callable[[Sequence[Row]], list[Row]]


class State:
    """Where a batch stands: its cache, which positions are real, and the next token's logits."""

    def __init__(self, loaded: Loaded, prompts: Sequence[Sequence[int]], ahead: int) -> None:
        """Read the prompts. `ahead` is how many tokens may follow, for the sliding windows."""
        import torch

        from flywheel.samplers.local.cache import new_cache

        self._model = loaded.model
        self._device = loaded.model.device
        self._names = _parameters(type(loaded.model))
        total, count = max(len(prompt) for prompt in prompts), len(prompts)
        shared = _shared(prompts)
        # Padding behind a shared prefix would push it out of a sliding window too early.
        fits = loaded.window is None or total + ahead <= loaded.window
        if shared * (count - 1) < _SAVED_TOKENS or not (fits and loaded.droppable):
            shared = 0
        start = new_cache(loaded.model.config)
        if shared:
            prefix = torch.tensor([prompts[0][:shared]], device=self._device)
            self.cache, self.mask = start, torch.ones_like(prefix)
            self._forward(prefix)
        width = total - shared
        ids = torch.zeros(count, width, dtype=torch.long)
        mask = torch.ones(count, total, dtype=torch.long)
        for i, prompt in enumerate(prompts):
            rest = prompt[shared:]
            ids[i, width - len(rest) :] = torch.tensor(rest)
            mask[i, shared : total - len(prompt) + shared] = 0
        self._read(start, ids.to(self._device), mask.to(self._device))

    def _read(self, start: Any, ids: Any, mask: Any) -> None:
        """Read the prompts a few rows at a time, each on a copy of the cache at `start`.

        What a few rows need on the way stays in the processor's cache, which is a quarter faster,
        and is little memory.
        """
        import torch

        few = max(1, (_GPU_CHUNK if self._device.type == "cuda" else _CHUNK) // ids.shape[1])
        caches, logits = list[Any](), list[Any]()
        for rows, self.mask in zip(ids.split(few), mask.split(few), strict=True):
            self.cache = copy.deepcopy(start)
            if self.mask.shape[1] > ids.shape[1]:
                # There is a shared prefix in it.
                self.cache.batch_repeat_interleave(len(rows))
            logits.append(self._forward(rows)[:, -1])
            caches.append(self.cache)
        self.cache, self.mask, self.logits = _joined(caches), mask, torch.cat(logits)

    def step(self, tokens: Any) -> None:
        """Append one token to every row."""
        import torch

        new = torch.ones(len(tokens), 1, dtype=self.mask.dtype, device=self._device)
        self.mask = torch.cat([self.mask, new], dim=1)
        self.logits = self._forward(tokens[:, None])[:, -1]

    def keep(self, rows: Any) -> None:
        """Keep these rows only, in this order; a row may come more than once."""
        self.cache.batch_select_indices(rows)
        self.mask = self.mask[rows]

    def join(self, other: State) -> None:
        """Take in the rows of another state, behind ours, padded on the left to one length."""
        import torch

        for state in (self, other):
            state._trim()
        length = max(self.mask.shape[1], other.mask.shape[1])
        for state in (self, other):
            state._pad(length - state.mask.shape[1])
        self.cache = _joined([self.cache, other.cache])
        self.mask = torch.cat([self.mask, other.mask])
        self.logits = torch.cat([self.logits, other.logits])

    def _trim(self) -> None:
        """Drop the columns that are padding in every row: what they held has left."""
        first = int(self.mask.any(0).int().argmax())
        self.mask = self.mask[:, first:]
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[:, :, first:], layer.values[:, :, first:]

    def _pad(self, columns: int) -> None:
        from torch.nn.functional import pad

        self.mask = pad(self.mask, (columns, 0))
        for layer in self.cache.layers:
            layer.keys = pad(layer.keys, (0, 0, columns, 0))
            layer.values = pad(layer.values, (0, 0, columns, 0))

    def extend(self, ids: Any, mask: Any) -> Any:
        """Append several tokens to every row, `mask` telling the real ones; all their logits."""
        import torch

        self.mask = torch.cat([self.mask, mask], dim=1)
        return self._forward(ids, last_only=False)

    def _forward(self, ids: Any, *, last_only: bool = True) -> Any:
        """The logits, of the last position or of all, for the newest columns of the mask."""
        named: dict[str, Any] = {}
        if "position_ids" in self._names:
            positions = (self.mask.cumsum(1) - 1).clamp_(min=0)
            named["position_ids"] = positions[:, -ids.shape[1] :]
        if last_only and "logits_to_keep" in self._names:
            named["logits_to_keep"] = 1
        out = self._model(
            input_ids=ids,
            attention_mask=self.mask,
            past_key_values=self.cache,
            use_cache=True,
            **named,
        )
        return out.logits


def decode(
    loaded: Loaded, rows: list[Row], done: Callable[[Row], None], admit: Admit = lambda alive: []
) -> None:
    """Generate for every row; each goes to `done` when it ends. One that is cancelled just leaves.

    `admit` is asked before each step which rows join those that are alive; they are added to
    `rows`. It is not asked where rows cannot join.
    """
    import torch

    state, alive = _begun(loaded, rows), list(rows)
    joins = loaded.droppable and loaded.window is None
    while True:
        tokens = pick(state.logits, alive)
        if any(row.top is not None for row in alive):
            _note_chances(loaded, state.logits, tokens, alive)
        staying = _stay(loaded, alive, tokens.tolist(), done)
        if not staying:
            return
        if len(staying) < len(alive):
            alive = [alive[place] for place in staying]
            index = torch.tensor(staying, device=tokens.device)
            state.keep(index)
            tokens = tokens[index]
        joining = admit(alive) if joins else []
        state.step(tokens)
        if joining:
            rows.extend(joining)
            state.join(_begun(loaded, joining))
            alive += joining


def _begun(loaded: Loaded, rows: Sequence[Row]) -> State:
    for row in rows:
        row.begin()
    return State(loaded, [row.ids for row in rows], max(row.longest for row in rows))


def _stay(
    loaded: Loaded, rows: Sequence[Row], tokens: Sequence[int], done: Callable[[Row], None]
) -> list[int]:
    """Take the tokens into the rows, and give the places of those that do not end."""
    staying: list[int] = []
    for place, (row, token) in enumerate(zip(rows, tokens, strict=True)):
        if row.cancelled:
            continue
        if _ends(loaded, row, token):
            row.done = True
            done(row)
            continue
        staying.append(place)
        if row.told is not None:
            row.told(row)
    return staying


def _note_chances(loaded: Loaded, logits: Any, tokens: Any, rows: Sequence[Row]) -> None:
    """Keep the log-probabilities of the tokens, before temperature, in the rows that want them."""
    for place, row in enumerate(rows):
        if row.top is None:
            continue
        chances, token = logits[place].float().log_softmax(-1), int(tokens[place])
        best = chances.topk(row.top)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        top = tuple((_text_of(loaded, one), nats) for one, nats in pairs)
        row.chances.append(Chance(_text_of(loaded, token), float(chances[token]), top))


def _text_of(loaded: Loaded, token: int) -> str:
    return loaded.tokenizer.decode([token])


def pick(logits: Any, rows: Sequence[Row]) -> Any:
    """The next token of every row. Raises FloatingPointError when the logits are no numbers.

    Greedy at temperature 0; else by the row's own random number, which picks from the tokens in the
    order of their probability.
    """
    import torch

    best, tokens = logits.max(dim=-1)
    if best.isnan().any():
        raise FloatingPointError("its logits are not numbers (NaN)")
    drawn = [place for place, row in enumerate(rows) if row.rng is not None]
    if drawn:
        index = torch.tensor(drawn, device=logits.device)
        chosen = [rows[place] for place in drawn]
        heat = torch.tensor([[row.temperature] for row in chosen], device=logits.device)
        probs, order = (logits[index].float() / heat).softmax(-1).sort(-1, descending=True)
        sums = probs.cumsum(-1)
        tops = torch.tensor([[row.top_p] for row in chosen], device=logits.device)
        # The likeliest tokens that reach top_p together; the first is always among them.
        kept = (sums - probs < tops) | (torch.arange(probs.shape[1], device=logits.device) == 0)
        total = torch.where(kept, sums, 0.0).amax(-1, keepdim=True)
        numbers = [[row.rng.random() if row.rng else 0.0] for row in chosen]
        wanted = torch.tensor(numbers, device=logits.device) * total
        places = torch.searchsorted(sums, wanted, right=True).clamp_(max=probs.shape[1] - 1)
        last = kept.sum(-1, keepdim=True) - 1
        tokens[index] = order.gather(1, torch.minimum(places, last))[:, 0]
    return tokens


def _ends(loaded: Loaded, row: Row, token: int) -> bool:
    """Take the token into the row; whether the row ends with it."""
    if token in loaded.eos:
        return True
    row.made.append(token)
    if row.stops:
        text = loaded.tokenizer.decode(row.made, skip_special_tokens=True)
        places = [place for stop in row.stops if (place := text.find(stop)) >= 0]
        if places:
            row.text = text[: min(places)]
            return True
    row.truncated = len(row.made) >= row.longest
    return row.truncated


def _joined(caches: Sequence[Any]) -> Any:
    """The rows of all caches in one. All have read equally many tokens."""
    import torch

    whole = caches[0]
    for number, layer in enumerate(whole.layers if len(caches) > 1 else ()):
        if layer.is_initialized:
            same = [cache.layers[number] for cache in caches]
            layer.keys = torch.cat([one.keys for one in same])
            layer.values = torch.cat([one.values for one in same])
    return whole


def _shared(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, leaving at least one to each."""
    lists = [list(prompt) for prompt in prompts]
    # What the first and the last in order share, all share.
    first, last = min(lists), max(lists)
    most = min(len(prompt) for prompt in prompts) - 1
    for place in range(most):
        if first[place] != last[place]:
            return place
    return most


def _parameters(model: type) -> frozenset[str]:
    return frozenset(inspect.signature(model.forward).parameters)  # type: ignore[attr-defined]
