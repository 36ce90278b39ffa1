"""Token counts, by a model's tokenizer or estimated.

The tokenizer is read from the model's tokenizer.json, which needs neither torch nor the weights.
The chat template is not rendered; its tokens are counted as five per turn, as in ChatML and Llama
3. The estimate is one token per four bytes of UTF-8: close for English prose, off by up to half for
code, numbers and other languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadFile
from flywheel.extras import missing

A_TURN = 5
_BYTES = 4


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts tokens. `how` describes the method; `context` is the model's limit, if known."""

    how: str
    count: Callable[[Sequence[str]], list[int]]
    context: int | None = None
    exact: bool = False


def estimated(why: str = "") -> TokenCounter:
    """A counter that estimates one token per four bytes."""
    because = f", because {why}" if why else ""
    return TokenCounter(f"estimated at 4 bytes per token{because}", _estimate)


def counter_of(name: str, folder: Path) -> TokenCounter:
    """A counter with the tokenizer in a model's folder, or else an estimate with the reason."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return estimated(f"{name} has no tokenizer.json")
    if line := missing("tokenizers"):
        return estimated(line)
    from tokenizers import Tokenizer

    try:
        tokenizer = cast("Any", Tokenizer).from_file(str(path))
    except Exception as error:
        # The library raises a plain Exception for an invalid file.
        raise BadFile(f"{path}: not a tokenizer: {error}") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def count(texts: Sequence[str]) -> list[int]:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return [len(code) for code in tokenizer.encode_batch(clean, add_special_tokens=False)]

    return TokenCounter(f"by the tokenizer of {name}", count, context_of(folder), exact=True)


def _estimate(texts: Sequence[str]) -> list[int]:
    return [-(-len(text.encode("utf-8", "surrogatepass")) // _BYTES) for text in texts]


def context_of(folder: Path) -> int | None:
    """The context length in a model's config, or None."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        size = (config.get("text_config") or config).get("max_position_embeddings")
    except (OSError, ValueError, AttributeError):
        return None
    return size if isinstance(size, int) else None
