# pyright: standard
"""Loads a causal language model of transformers, its tokenizer and its adapter, for sampling.

From a folder, or a hub id that is in the cache already: nothing is fetched unless `fetch` says so,
no code of the model's author is run, and weights are read from safetensors only, for pickles can
run code too. A folder that holds an adapter (peft) brings its base model along. An adapter is
merged into float32 weights; with any other it stays beside them, where merging would round.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from flywheel.errors import BadOption, is_out_of_memory
from flywheel.extras import need
from flywheel.models.adapters import base_of
from flywheel.models.folders import check_adapter, check_model, safe_arguments, safe_weights
from flywheel.models.hub import cached_folder

_MOST_STORY = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """Which model, how it is held in memory, and how much of it is used at once.

    `name` is a folder or a hub id, `adapter` the folder of a peft adapter. `dtype` "auto" is that
    of the file on a GPU and float32 on a CPU, where halves are slow and greedy ties would break.
    `bits` 4 or 8 quantises (bitsandbytes). A batch has at most `rows` prompts and `batch_tokens`
    tokens, padding and answers included; None means what the memory bears.
    `max_completion_tokens` is for requests that do not say. `paged` asks for the paged cache of
    transformers; None means on a GPU. With `own_process` the model is held by a process of its own.
    """

    name: str = ""
    adapter: str | None = None
    dtype: str = "auto"
    bits: Literal[4, 8] | None = None
    device: str | None = None
    rows: int = 256
    batch_tokens: int | None = None
    max_completion_tokens: int = 512
    fetch: bool = False
    paged: bool | None = None
    own_process: bool = False


class Loaded(NamedTuple):
    """A model that is ready to run.

    `context` is the most tokens that it takes, None when its config sets no limit. `droppable`:
    rows can leave its cache one by one; without that it runs one row at a time. `window` is its
    shortest sliding window. `prefix` are tokens that stand before every prompt.
    """

    model: Any
    tokenizer: Any
    eos: frozenset[int]
    context: int | None
    droppable: bool
    window: int | None
    prefix: tuple[int, ...] = ()


def check_packages(options: LocalOptions) -> None:
    """Raise MissingExtra when what runs the model is not installed. Loads nothing."""
    quantises = ("accelerate", "bitsandbytes") if options.bits is not None else ()
    need("torch", "transformers", *quantises)


def load(options: LocalOptions) -> Loaded:
    """Load what the options name. Raises BadOption with what is missing."""
    name, adapter = with_base(options)
    if not options.fetch and not Path(name).is_dir():
        # Looked up here, as from_pretrained asks the hub for some files even when told not to.
        name = str(cached_folder(name))
    check_model(Path(name))
    if adapter is not None:
        check_adapter(Path(adapter))
        need("peft", user=f"the adapter {adapter}")
    from transformers.utils import logging as bars

    noisy = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        model = _load_model(options, name)
        tokenizer = load_tokenizer(options, name, adapter)
        if adapter is not None:
            with quiet_peft():
                model = with_adapter(model, tokenizer, adapter)
    except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
        if is_out_of_memory(error):
            raise
        raise BadOption(
            f"the model {options.name!r} cannot be loaded: {first_line(error)}"
        ) from None
    finally:
        if noisy:
            bars.enable_progress_bar()
    return prepared(model, tokenizer)


def prepared(model: Any, tokenizer: Any, prefix: tuple[int, ...] = ()) -> Loaded:
    """A model and a tokenizer that are in memory already, made ready to run.

    `prefix` are tokens that stand before every prompt.
    """
    from transformers import DynamicCache

    config = model.config.get_text_config(decoder=True)
    layers = cast("Any", DynamicCache(config=model.config))
    windows = [
        layer.sliding_window for layer in layers.layers if getattr(layer, "is_sliding", False)
    ]
    droppable = not any(layers.is_linear) and all(
        hasattr(layer, "batch_select_indices") for layer in layers.layers
    )
    return Loaded(
        model.eval(),
        tokenizer,
        _eos(model, tokenizer),
        getattr(config, "max_position_embeddings", None),
        droppable,
        min(windows, default=None),
        prefix,
    )


def room(model: Any) -> int:
    """How many tokens a batch may hold: keys and values in 1 GiB, on a GPU a quarter of what is
    free. Activations come on top; a batch that is too large all the same is halved.
    """
    import torch

    config = model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize
    free = 2**30
    if model.device.type == "cuda":
        # What torch holds in reserve is free for it, though not to the driver.
        held = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
        free = (torch.cuda.mem_get_info(model.device)[0] + held) // 4
    return max(4096, free // token)


def with_base(options: LocalOptions) -> tuple[str, str | None]:
    """The name of the base model, and the folder of the adapter if there is one."""
    base = base_of(Path(options.name))
    if base is None:
        return options.name, options.adapter
    if options.adapter is not None:
        raise BadOption(f"{options.name!r} is an adapter itself, so it takes no other adapter")
    return base, options.name


def _load_model(options: LocalOptions, name: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    on_cpu = device == "cpu"
    dtype: Any = options.dtype
    if dtype == "auto" and on_cpu:
        dtype = torch.float32
    elif dtype != "auto":
        dtype = getattr(torch, dtype, None)
        if not isinstance(dtype, torch.dtype):
            raise BadOption(f"{options.dtype!r} is no dtype; wanted auto, float32, bfloat16, ...")
    more: dict[str, Any] = {}
    if options.bits is not None:
        more["device_map"] = device
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=options.bits == 4,
            load_in_8bit=options.bits == 8,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.float32 if on_cpu else torch.bfloat16,
        )
    model = cast("Any", AutoModelForCausalLM).from_pretrained(
        name, dtype=dtype, **safe_weights(fetch=options.fetch), **more
    )
    return model if options.bits is not None else model.to(device)


def load_tokenizer(options: LocalOptions, name: str, adapter: str | None) -> Any:
    """The tokenizer of the model in `name`, or the adapter's where it brings one of its own."""
    from transformers import AutoTokenizer

    # An adapter that was trained with tokens of its own brings its tokenizer along.
    own = adapter is not None and (Path(adapter) / "tokenizer_config.json").is_file()
    return cast("Any", AutoTokenizer).from_pretrained(
        adapter if own else name, **safe_arguments(fetch=options.fetch)
    )


def with_adapter(model: Any, tokenizer: Any, adapter: str) -> Any:
    """The model with an adapter in it: merged into float32 weights, else beside them."""
    import torch
    from peft import PeftModel

    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        model.resize_token_embeddings(len(tokenizer))
    wrapped = cast("Any", PeftModel).from_pretrained(model, adapter)
    if wrapped.active_peft_config.is_prompt_learning:
        raise BadOption(f"{adapter}: adapters that lengthen the prompt cannot be sampled here")
    check_fits(wrapped.load_adapter(adapter, wrapped.active_adapter), adapter)
    quantised = getattr(model, "is_quantized", False)
    if model.dtype == torch.float32 and not quantised:
        return wrapped.merge_and_unload()
    return wrapped.get_base_model()


def check_fits(loaded: Any, adapter: str) -> None:
    """Raise BadOption where peft did not find a weight, or a place for one: it goes on without."""
    missing, unexpected = list(loaded.missing_keys), list(loaded.unexpected_keys)
    if missing or unexpected:
        raise BadOption(
            f"the adapter {adapter!r} does not fit the model: {len(missing)} weights are missing"
            f" and {len(unexpected)} have no place, such as {(missing + unexpected)[0]}; copy it"
            " again, or name the base that it was trained on"
        )


@contextmanager
def quiet_peft() -> Generator[None]:
    """Without the warnings about a property to be renamed, and about what `check_fits` refuses."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys", UserWarning)
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: the generation config may name several."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found: Sequence[int | None] = named if isinstance(named, list) else [named]
    return frozenset(i for i in (*found, tokenizer.eos_token_id) if i is not None)


def first_line(error: Exception) -> str:
    """The first line of an error that says something, with the next one that it announces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    few = lines[: 2 if lines and lines[0].endswith(":") else 1]
    return " ".join(few)[:_MOST_STORY] or type(error).__name__
