# pyright: standard
"""Greedy rows through transformers' continuous batching: a paged cache, rows joining as others end.

On a GPU that is the fast way, since the batch stays full; on a CPU its steps cost three times ours.
It takes greedy rows only: its draws come from one stream, so a seed would not fix an answer. It was
tested on a CPU, where it gives the same answers as our own loop; on a GPU it has not been run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flywheel.samplers.local.decode import Row
from flywheel.samplers.local.load import Loaded

_PAGE = 64


def fits_paged(loaded: Loaded, row: Row) -> bool:
    """Whether the paged cache can serve this row."""
    plain = row.temperature == 0 and not row.stops and row.told is None and row.top is None
    return loaded.droppable and plain and row.adapter is None and row.longest > 0


def decode_paged(loaded: Loaded, rows: Sequence[Row], done: Callable[[Row], None]) -> None:
    """Generate for every row; each goes to `done` when it ends. Ends early when all are cancelled.

    Raises RuntimeError when the engine dies; the rows that are not done can be decoded otherwise.
    """
    import torch

    # The engine's own thread writes into tensors that are made here when it warms up, and nobody
    # may write into those of inference mode outside of it.
    with torch.inference_mode(False):
        _decode(loaded, rows, done)


def _decode(loaded: Loaded, rows: Sequence[Row], done: Callable[[Row], None]) -> None:
    from transformers import GenerationConfig

    on_gpu = loaded.model.device.type == "cuda"
    config = GenerationConfig(
        do_sample=False,
        eos_token_id=sorted(loaded.eos) or None,
        pad_token_id=loaded.tokenizer.pad_token_id,
        max_new_tokens=max(row.longest for row in rows),
    )
    waiting = {f"row {row.index}": row for row in rows}
    ends = sorted(loaded.eos) or [-1]
    with loaded.model.continuous_batching_context_manager(
        generation_config=config,
        continuous_batching_config=_small(rows, 65_536 if on_gpu else 4096),
        timeout=5,
        warmup=on_gpu,
    ) as manager:
        for name, row in waiting.items():
            row.begin()
            manager.add_request(row.ids, name, max_new_tokens=row.longest, eos_token_id=ends)
        while not all(row.cancelled for row in waiting.values()):
            result = manager.get_result(timeout=0.2)
            if result is None:
                if not manager.is_running():
                    raise RuntimeError("continuous batching ended before its work was done")
                continue
            row = waiting.get(result.request_id)
            if row is None or not result.is_finished():
                continue
            if result.error is not None:
                raise RuntimeError(result.error)
            _take(loaded, row, result.generated_tokens)
            del waiting[result.request_id]
            done(row)


def _small(rows: Sequence[Row], most: int) -> Any:
    """No more pages than the work can fill: left alone, the engine takes most of the memory, and a
    training or a judge beside it has none.
    """
    from transformers import ContinuousBatchingConfig

    pages = sum((len(row.ids) + row.longest) // _PAGE + 1 for row in rows)
    return ContinuousBatchingConfig(
        page_size=_PAGE, num_blocks=min(pages, most) + 4, max_batch_tokens=1024
    )


def _take(loaded: Loaded, row: Row, tokens: Sequence[int]) -> None:
    made = list(tokens)
    ended = bool(made) and made[-1] in loaded.eos
    row.made = made[:-1] if ended else made
    row.truncated, row.done = not ended, True
