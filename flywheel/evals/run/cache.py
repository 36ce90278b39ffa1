"""The cache: reuses the answers of earlier runs.

The store is the cache. The key of an answer consists of the digests of model, prompt and item,
sampling and repeat. `explain` lists what differs from earlier runs.
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
    """Answers of earlier runs. Disabled, at no cost, if no earlier run can have any."""

    store: Store
    is_open: bool

    @classmethod
    def of(cls, store: Store, plan: Plan, run: str, wanted: bool = True) -> Cache:
        """The cache for this plan, disabled unless `wanted`."""
        same = plan.identity
        made_of = {name: same[name] for name in ("model", "prompt", "sampling")}
        return cls(store, wanted and has_earlier(store, run, **made_of))

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """The cached answers by key."""
        if not self.is_open:
            return {}
        rows = await asyncio.to_thread(find_cached, self.store, keys)
        return {key: output_of(row) for key, row in rows.items()}


def output_of(row: SampleRow) -> Output:
    """The sampler's output for a stored answer."""
    extra: dict[str, Any] = json.loads(row.extra) if row.extra else {}
    loss = extra.get("reference_loss")
    return Output(
        text=row.output_text,
        model=row.model or "",
        # A store of an earlier version may hold absurd counts.
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
    """For each earlier run of this evalset, why its answers cannot be reused here."""
    same = plan.identity
    lines: list[str] = []
    for earlier in runs_of(store, plan.evalset.name):
        made_of = earlier._asdict()
        differs = [name for name in ("model", "prompt", "sampling") if made_of[name] != same[name]]
        if differs:
            lines.append(f"{earlier.run}: another {' and another '.join(differs)}")
        elif earlier.split != same["split"]:
            lines.append(f"{earlier.run}: used, for items that stayed the same; the split changed")
        else:
            lines.append(f"{earlier.run}: used, {earlier.repeats} repeats")
    return lines or ["no earlier run of this evalset is in the store"]
