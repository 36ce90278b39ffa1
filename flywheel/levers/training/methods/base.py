# pyright: standard
"""The model that a training starts from: loaded as for sampling, and made ready to learn.

From a folder or the hub's cache; nothing is fetched, no code of the model's author runs, weights
come from safetensors only. On a GPU weights beside an adapter are bfloat16, else float32. A folder
that holds an adapter brings its base along: the adapter is trained on; full training merges it.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadOption
from flywheel.extras import missing_extra
from flywheel.levers.training.arguments import quiet
from flywheel.levers.training.config import Method
from flywheel.levers.training.methods.methods import apply, prepare, quantisation
from flywheel.levers.training.rows.template import Template
from flywheel.models import adapters
from flywheel.models.folders import (
    ADAPTER,
    check_adapter,
    check_model,
    safe_arguments,
    safe_weights,
)
from flywheel.models.hub import model_folder


@dataclass(frozen=True, slots=True)
class Base:
    """A model with what its method adds to it (a PeftModel for adapters), and its tokenizer."""

    model: Any
    tokenizer: Any
    template: Template

    @property
    def trainable(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    @property
    def parameters(self) -> int:
        """How many numbers the model has; quantised ones count as one each."""
        return sum(
            p.numel() * (2 if p.__class__.__name__ == "Params4bit" else 1)
            for p in self.model.parameters()
        )


def folder_of(name: str) -> Path:
    """The folder that a model's name stands for: tiny, a folder, or a hub id in the cache."""
    folders = EngineSpec().setting(name).folders or {}
    if name in folders:
        return folders[name]
    return model_folder(name)


def open_base(name: str, method: Method, seed: int, *, scores: bool = False) -> Base:
    """Load the model, and put the method's adapter on it, seeded. Raises BadOption.

    With `scores` it gets a head that gives one number instead of tokens: a reward model.
    """
    import torch
    from transformers import set_seed

    folder = folder_of(name)
    source = weights_of(folder)
    adapter = folder if source != folder else None
    set_seed(seed)
    try:
        with quiet():
            model = _load(source, method, scores)
            tokenizer = load_tokenizer(folder, source)
            ready = prepare(model, method)
            model = _go_on(ready, adapter, method) if adapter else apply(ready, method)
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError) or missing_extra(error):
            raise
        first = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise BadOption(f"the model {name!r} cannot be trained here: {first.strip()}") from None
    template = Template.of(tokenizer)
    _check_vocabulary(name, model, tokenizer)
    _make_ends_known(model, tokenizer, template)
    return Base(model, tokenizer, template)


def _check_whole(folder: Path) -> None:
    """Raise BadOption when files that belong to the model are missing, as in a half-made copy."""
    config = folder / "config.json"
    adapter = folder / "adapter_config.json"
    if not config.is_file() and not adapter.is_file():
        raise BadOption(f"{folder} holds no model: it has no config.json; copy the folder again")
    index = folder / "model.safetensors.index.json"
    wanted = ["model.safetensors"] if config.is_file() else ["adapter_model.safetensors"]
    if config.is_file() and index.is_file():
        wanted = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    missing = [one for one in wanted if not (folder / one).is_file()]
    if missing:
        raise BadOption(f"{folder} is not whole: it lacks {', '.join(missing)}; copy it again")
    for one in wanted:
        _check_length(folder / one)


def _check_length(path: Path) -> None:
    """Raise BadOption when a safetensors file is shorter or longer than its header says."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(size)) if size < path.stat().st_size else {}
            ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
        except ValueError:
            ends = []
    if not ends or 8 + size + max(ends) != path.stat().st_size:
        raise BadOption(
            f"{path} is not whole: it has {path.stat().st_size:,} bytes, and its header tells of"
            f" {8 + size + max(ends, default=0):,}; copy the file again"
        )


def weights_of(folder: Path) -> Path:
    """The folder of the weights: this one, or the base that its adapter names. Raises BadOption."""
    config = folder / ADAPTER
    (check_adapter if config.is_file() else check_model)(folder)
    _check_whole(folder)
    if not config.is_file():
        return folder
    source = adapters.weights_of(folder).base
    _check_whole(source)
    check_model(source)
    return source


def _load(source: Path, method: Method, scores: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    on_gpu = torch.cuda.is_available()
    more: dict[str, Any] = {}
    if (config := quantisation(method)) is not None:
        more = {"quantization_config": config, "device_map": "cuda" if on_gpu else "cpu"}
    kind = AutoModelForSequenceClassification if scores else AutoModelForCausalLM
    if scores:
        more["num_labels"] = 1
    # All of the weights learn in full precision; beside an adapter the model may be coarser.
    halves = on_gpu and method.kind != "full"
    model = cast("Any", kind).from_pretrained(
        source,
        dtype=torch.bfloat16 if halves else torch.float32,
        **safe_weights(),
        **more,
    )
    return model if method.kind == "qlora" else model.to("cuda" if on_gpu else "cpu")


def load_tokenizer(folder: Path, source: Path) -> Any:
    """The tokenizer of an adapter's folder, or of its base where the adapter brings none."""
    from transformers import AutoTokenizer

    own = folder if (folder / "tokenizer_config.json").is_file() else source
    tokenizer = cast("Any", AutoTokenizer).from_pretrained(own, **safe_arguments())
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _go_on(model: Any, adapter: Path, method: Method) -> Any:
    """The model with the adapter that it has already, which is trained on or merged."""
    from peft import PeftModel

    whole = method.kind == "full"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # they are checked below
        adapted = cast("Any", PeftModel).from_pretrained(model, adapter, is_trainable=not whole)
    _check_adapted(adapted, adapter)
    # Beside an adapter the model's own weights were frozen.
    return adapted.merge_and_unload().requires_grad_(True) if whole else adapted


def _check_adapted(model: Any, adapter: Path) -> None:
    """Raise BadOption when the adapter's weights are other ones than its config describes.

    What is missing would stay as it is made up, and what is too much would be left out.
    """
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    path = adapter / "adapter_model.safetensors"
    with cast("Any", safe_open)(path, framework="pt") as file:
        there = set(file.keys())
    wanted = set(get_peft_model_state_dict(model))
    if there != wanted:
        missing, surplus = sorted(wanted - there), sorted(there - wanted)
        raise BadOption(
            f"{path} and its {ADAPTER} do not belong together: {len(missing)} weights are missing"
            f" and {len(surplus)} are too many, such as {(missing or surplus)[0]}; copy both again"
        )


def _check_vocabulary(name: str, model: Any, tokenizer: Any) -> None:
    """Raise BadOption when the model does not know the token that batches are padded with."""
    known, pad = model.get_input_embeddings().weight.shape[0], tokenizer.pad_token_id
    if pad >= known:
        raise BadOption(
            f"the model {name!r} has {known:,} tokens, and its tokenizer pads with"
            f" {tokenizer.pad_token!r}, token {pad:,}; name one of the model's own as pad_token in"
            " tokenizer_config.json"
        )


def _make_ends_known(model: Any, tokenizer: Any, template: Template) -> None:
    """Without them in its generation config, a model that was trained well never stops."""
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    config = getattr(model, "generation_config", None)
    if config is None:
        return
    named = config.eos_token_id
    ends = named if isinstance(named, list) else [named] if named is not None else []
    if template.end_id not in ends:
        config.eos_token_id = [template.end_id, *ends] if ends else template.end_id
    config.pad_token_id = tokenizer.pad_token_id
