"""The cache: an answer that was ever paid for is not asked for again.

The store is the cache. An answer is known by model digest, prompt digest, item digest, sampling
and repeat; when one of them differs the answer is another one, and `explain` says which it was.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.evals.run.plan import Plan
from flywheel.samplers.sampler import Loss, Output
from flywheel.store.rows.table import MOST_COUNT
from flywheel.store.store import Store
from flywheel.store.tables.runs import has_earlier, runs_of
from flywheel.store.tables.samples import SampleRow, find_cached
from graders.ungraded import Usage


@dataclass(frozen=True, slots=True)
class Cache:
    """Answers of earlier runs. Closed when no earlier run could hold one, which costs nothing."""

    store: Store
    is_open: bool

    @classmethod
    def of(cls, store: Store, plan: Plan, run: str, wanted: bool = True) -> Cache:
        """The cache for this plan. `wanted` False leaves it closed."""
        same = plan.identity
        made_of = {name: same[name] for name in ("model", "prompt", "sampling")}
        return cls(store, wanted and has_earlier(store, run, **made_of))

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """The answers that are known, by key."""
        if not self.is_open:
            return {}
        rows = await asyncio.to_thread(find_cached, self.store, keys)
        return {key: output_of(row) for key, row in rows.items()}


def output_of(row: SampleRow) -> Output:
    """A stored answer as the sampler gave it."""
    extra: dict[str, Any] = json.loads(row.extra) if row.extra else {}
    loss = extra.get("reference_loss")
    return Output(
        text=row.output_text,
        model=row.model or "",
        # A store of an earlier version may hold counts that no endpoint can have meant.
        usage=Usage(
            *(
                count if 0 <= count <= MOST_COUNT else 0
                for count in (row.prompt_tokens, row.completion_tokens, row.cached_tokens)
            )
        ),
        refusal=extra.get("refusal"),
        truncated=row.truncated,
        error=row.error,
        tools=extra.get("tools", ()),
        seconds=row.seconds,
        price=row.price,
        option_nats=extra.get("option_nats", ()),
        reference_loss=Loss(**loss) if loss else None,
        violation=extra.get("violation"),
        unchecked=extra.get("unchecked"),
        finish_reason=row.finish_reason,
        response=row.response,
    )


def explain(store: Store, plan: Plan) -> list[str]:
    """For each earlier run of this evalset: what keeps its answers from being used here."""
    same = plan.identity
    told: list[str] = []
    for earlier in runs_of(store, plan.evalset.name):
        made_of = earlier._asdict()
        differs = [name for name in ("model", "prompt", "sampling") if made_of[name] != same[name]]
        if differs:
            told.append(f"{earlier.run}: another {' and another '.join(differs)}")
        elif earlier.split != same["split"]:
            told.append(f"{earlier.run}: used, for items that stayed the same; the split changed")
        else:
            told.append(f"{earlier.run}: used, {earlier.repeats} repeats")
    return told or ["no earlier run of this evalset is in the store"]
