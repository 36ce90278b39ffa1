# pyright: basic
"""What one GPU does: training and sampling at the shapes of models of 0.5 and 1.5 billion weights.

    make bench-gpu
    python gpu.py [--out FILE] [--seconds N] [--shapes 0.5B,1.5B] [--tiny]

One JSON line a figure, also into results/gpu.jsonl, begun anew by each run. Models are made here
with random weights, and nothing is fetched. This file stands alone: a part is measured by flywheel
where gpu_flywheel.py and what that needs are there, else by torch and transformers alone (`how`:
flywheel or plain, with `why`). What is not measured at all says `left_out`.

Training is told at the batch from which twice as many rows no longer pay (`tried`: tokens/s by
batch). `matrix_share`: 6 FLOPs a weight and token, 4 where the weight stays as it is, and causal
attention, over the measured rate of bf16 products; the embedding counts only in
`matrix_share_with_head`, what checkpointing does twice once. `bandwidth_share`: weights and cache,
read once a token, over the measured rate of a copy.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

if "--tiny" in sys.argv:
    os.environ.update(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1")  # before torch looks

import torch
import transformers

RESULTS = Path(__file__).resolve().parent / "results"
# Rounds before measuring, and rounds of which the median is told; the rank of adapters.
SFT_ROUNDS, GRPO_ROUNDS, RANK = (2, 4), (1, 3), 16
OURS = "benchmarks.gpu_flywheel"
DRIVER = "nvidia-smi --query-gpu=driver_version --format=csv,noheader"
LIBRARIES = ("accelerate", "peft", "trl", "bitsandbytes", "flywheel")
NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
Lines = dict[str, dict[str, Any]]
Ways = dict[str, Callable[..., Any]]


class Shape(NamedTuple):
    """A model by the names of its config: Qwen2.5 without biases, whose head is its embedding."""

    name: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    intermediate_size: int
    vocab_size: int = 151_936

    def flops(self, length: int, kind: str) -> tuple[float, float]:
        """Those of a training step by token: without the output head, and with it."""
        wide, inner, layers = self.hidden_size, self.intermediate_size, self.num_hidden_layers
        narrow = wide // self.num_attention_heads * self.num_key_value_heads
        block = [(wide, wide)] * 2 + [(wide, narrow)] * 2 + [(wide, inner)] * 3
        each, beside = (6, 0) if kind == "full" else (4, 6 * RANK)
        weights = sum(each * a * b + beside * (a + b) for a, b in block)
        bare = layers * (weights + 6 * wide * length)
        return bare, bare + each * wide * self.vocab_size


class Sizes(NamedTuple):
    """How much is asked, in tokens and rows. Prompts have `words` tokens, and so have answers."""

    length: int = 1024
    batches: tuple[int, ...] = (4, 8, 16, 32, 64, 128, 256)
    words: int = 128
    group: tuple[int, int] = (8, 8)
    at_once: tuple[int, ...] = (8, 64, 256)
    products: tuple[int, ...] = (4096, 8192, 16_384)
    copied: int = 2**32


SHAPES = {
    "0.5B": Shape("0.5B", 896, 24, 14, 2, 4864),
    "1.5B": Shape("1.5B", 1536, 28, 12, 2, 8960),
}
TINY = Shape("tiny", 64, 2, 2, 1, 128, 512)
TINY_SIZES = Sizes(16, (2, 4), 8, (2, 4), (2, 4), (64, 128), 2**20)


class Bench:
    """Where it is measured, and the two rates of the card that all else is held against."""

    def __init__(self, sizes: Sizes, folder: Path, out: Path, until: float) -> None:
        self.on_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", 0) if self.on_gpu else torch.device("cpu")
        self.sizes, self.folder, self.until, self._out = sizes, folder, until, out
        card = torch.cuda.get_device_name(0) if self.on_gpu else platform.machine()
        found = {"card": card, "torch": torch.__version__, "transformers": transformers.__version__}
        found |= {"load": round(os.getloadavg()[0], 1), "date": time.strftime("%Y-%m-%d")}
        python = f"{platform.python_version()} {platform.machine()}"
        self._about: dict[str, Any] = {**found, "cores": os.cpu_count(), "python": python}
        self.products, self.copies = self._measure_card()

    def tell(self, figure: str, **more: Any) -> None:
        """Print and keep one line. It has the keys of records.py, which may not be here."""
        short = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in more.items()}
        text = json.dumps({"figure": figure, **short, **self._about})
        print(text, flush=True)
        with self._out.open("a") as file:
            file.write(text + "\n")

    def now(self) -> float:
        """Seconds, once the GPU has done what it was given."""
        if self.on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter()

    def pace(self, work: Callable[[], Any], warm: int, timed: int) -> float:
        """The median seconds of some work."""
        times: list[float] = []
        for _ in range(warm + timed):
            began = self.now()
            work()
            times.append(self.now() - began)
        return statistics.median(times[warm:])

    def free(self) -> None:
        """Let go of what nobody holds any more, and begin anew to look for the peak."""
        gc.collect()
        if self.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> float:
        """The most GiB that were allocated since `free`; on a CPU, by the process ever."""
        ever = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return torch.cuda.max_memory_allocated() / 2**30 if self.on_gpu else ever

    def _measure_card(self) -> tuple[float, float]:
        """The rates of bf16 products and of copies, told with what else is known of the card."""
        rates: dict[str, float] = {}
        for size in self.sizes.products:
            a, b = (torch.randn(size, size, device=self.device).bfloat16() for _ in "ab")
            seconds = self.pace(partial(torch.matmul, a, b), 3, 10)
            rates[str(size)] = round(2e-12 * size**3 / seconds, 4)
        best = max(rates.values())
        self.tell("bf16 products", value=best, unit="TFLOP/s", by_size=rates)
        source = torch.ones(self.sizes.copied, dtype=torch.uint8, device=self.device)
        copy = partial(torch.empty_like(source).copy_, source)
        copies = 2 * self.sizes.copied / self.pace(copy, 3, 10)
        self.tell("copy, read and written", value=copies / 1e9, unit="GB/s")
        told = {one.name: one.version for one in importlib.metadata.distributions()}
        told = {name: told.get(name) for name in LIBRARIES}
        told["driver"] = subprocess.getoutput(DRIVER)[:40] if self.on_gpu else None
        total = torch.cuda.mem_get_info()[1] / 2**30 if self.on_gpu else self.peak()
        self.tell("memory", value=total, unit="GiB", **told)
        return 1e12 * best, copies


def save_model(bench: Bench, shape: Shape) -> None:
    """A model of this shape in the bench's folder, with random weights."""
    given = shape._asdict() | {"max_position_embeddings": 4096, "tie_word_embeddings": True}
    folder = bench.folder / given.pop("name")
    given |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    torch.manual_seed(0)
    with bench.device:
        config = transformers.LlamaConfig(**given)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)


def load_model(bench: Bench, shape: Shape, kind: str) -> Any:
    """The model, with adapters for `lora` and `qlora`; in float32 where all of it learns."""
    more: dict[str, Any] = {"dtype": torch.float32 if kind == "full" else torch.bfloat16}
    if kind == "qlora":
        four = transformers.BitsAndBytesConfig(**NF4, bnb_4bit_compute_dtype=torch.bfloat16)
        more |= {"quantization_config": four, "device_map": {"": bench.device}}
    name = str(bench.folder / shape.name)
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(name, **more)
    if kind != "qlora":
        model.to(bench.device)
    if kind.endswith("lora"):
        put_adapters(bench, model)
    return model


def put_adapters(bench: Bench, model: Any) -> None:
    """What peft does for LoRA, without peft: float32 beside every linear layer but the head."""
    model.requires_grad_(False)
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and name != "lm_head":
            down = torch.randn(layer.in_features, RANK, device=bench.device) / layer.in_features
            up = torch.zeros(RANK, layer.out_features, device=bench.device)
            layer.down, layer.up = (torch.nn.Parameter(weights) for weights in (down, up))
            layer.register_forward_hook(lambda at, x, out: out + 2 * (x[0] @ at.down @ at.up))


def learner(bench: Bench, model: Any) -> Callable[[list[Callable[[], Any]]], None]:
    """A step of AdamW: it adds up the gradients of some losses, each computed in bf16 autocast."""
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-5, fused=bench.on_gpu)

    def step(losses: list[Callable[[], Any]]) -> None:
        optimizer.zero_grad(set_to_none=True)
        for loss in losses:
            with torch.autocast(bench.device.type, torch.bfloat16):
                found = loss()
            found.backward()
        optimizer.step()

    return step


def plain_sft(bench: Bench, shape: Shape, kind: str, again: bool) -> Callable[[int], float]:
    """batch -> median seconds of a step. `again`: with gradient checkpointing."""
    model = load_model(bench, shape, kind).train()
    if again:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    step = learner(bench, model)

    def run(batch: int) -> float:
        ids = torch.randint(shape.vocab_size, (batch, bench.sizes.length), device=bench.device)
        losses = [lambda: model(input_ids=ids, labels=ids, use_cache=False).loss]
        return bench.pace(partial(step, losses), *SFT_ROUNDS)

    return run


def plain_grpo(bench: Bench, shape: Shape) -> tuple[float, float]:
    """Median seconds of a step beside an adapter, and of its generating. Rewards are random."""
    (count, answers), words = bench.sizes.group, bench.sizes.words
    model, spent = load_model(bench, shape, "lora"), list[float]()
    learn = learner(bench, model)
    prompts = torch.randint(shape.vocab_size, (count, words), device=bench.device)
    prompts = prompts.repeat(answers, 1)
    sampling = {"attention_mask": torch.ones_like(prompts), "do_sample": True, "top_k": 0}

    def loss(part: Any) -> Any:
        out = model(part, logits_to_keep=words + 1, use_cache=False).logits[:, :-1]
        chances = out.float().log_softmax(-1).gather(2, part[:, -words:, None])[:, :, 0]
        advantages = torch.randn(len(part), 1, device=bench.device)
        return -(advantages * (chances - chances.detach()).exp()).mean()

    def step() -> None:
        began = bench.now()
        with torch.no_grad(), torch.autocast(bench.device.type, torch.bfloat16):
            made = model.eval().generate(prompts, max_new_tokens=words, **sampling)
        spent.append(bench.now() - began)
        model.train()
        learn([partial(loss, part) for part in made.split(2 * answers)])

    return bench.pace(step, *GRPO_ROUNDS), statistics.median(spent[GRPO_ROUNDS[0] :])


def plain_answers(bench: Bench, shape: Shape) -> dict[str, Callable[[int], int]]:
    """Ways to answer so many prompts at once; each gives the number of tokens made."""
    model = load_model(bench, shape, "none").eval()

    def ask(rows: int) -> int:
        ids = torch.randint(shape.vocab_size, (rows, bench.sizes.words), device=bench.device)
        given = {"attention_mask": torch.ones_like(ids), "do_sample": False}
        made = model.generate(ids, max_new_tokens=bench.sizes.words, **given)
        return made[:, ids.shape[1] :].numel()

    return {"": ask}


PLAIN: Ways = {"sft": plain_sft, "grpo": plain_grpo, "answers": plain_answers}


def sft(bench: Bench, shape: Shape, ways: Ways, kind: str, again: bool) -> Lines:
    """Tokens a second of supervised training, at the batch from which more is no faster."""
    run, length, tried = ways["sft"](bench, shape, kind, again), bench.sizes.length, {}
    line: dict[str, Any] = {"value": 0.0, "unit": "tokens/s", "stopped": "no more was tried"}
    for batch in bench.sizes.batches:
        bench.free()
        began = time.monotonic()
        try:
            rate = batch * length / run(batch)
        except Exception as error:
            error.__traceback__ = None  # it holds the tensors that did not fit
            if tried and "out of memory" in str(error):
                line["stopped"] = f"{batch} rows do not fit into the memory"
                break
            raise
        pays, tried[str(batch)] = rate > 1.05 * line["value"], round(rate, 1)
        if rate > line["value"]:
            line |= {"value": rate, "batch": batch, "peak_gib": bench.peak()}
        if not pays or bench.until - time.monotonic() < 3 * (time.monotonic() - began):
            line["stopped"] = "no time for more" if pays else "more is no faster"
            break
    bare, whole = (f * line["value"] / bench.products for f in shape.flops(length, kind))
    line |= {"matrix_share": bare, "matrix_share_with_head": whole}
    return {f"sft {kind}{', checkpointing' if again else ''}": {**line, "tried": tried}}


def grpo(bench: Bench, shape: Shape, ways: Ways) -> Lines:
    """Seconds of a step of GRPO with LoRA: every prompt is answered a few times and learnt from."""
    words, (prompts, answers) = bench.sizes.words, bench.sizes.group
    seconds, generating = ways["grpo"](bench, shape)
    line = {"value": seconds, "unit": "s a step", "peak_gib": bench.peak()}
    line |= {"generating": generating, "learning": seconds - generating}
    line |= {"tokens_a_second": prompts * answers * words / seconds}
    return {f"grpo lora, {prompts} prompts x {answers} answers of {words} tokens": line}


def answers(bench: Bench, shape: Shape, ways: Ways) -> Lines:
    """Completions a second of greedy sampling, for so many prompts at once."""
    found = Lines()
    weights = (bench.folder / shape.name / "model.safetensors").stat().st_size
    head = shape.hidden_size // shape.num_attention_heads
    token = 4 * shape.num_hidden_layers * shape.num_key_value_heads * head
    for name, ask in ways["answers"](bench, shape).items():
        rounds = 3 if bench.pace(partial(ask, bench.sizes.at_once[0]), 0, 1) < 15 else 1
        for rows in bench.sizes.at_once:
            bench.free()
            made: list[int] = []
            seconds = bench.pace(lambda: made.append(ask(rows)), 0, rounds)  # noqa: B023 - called here
            moved = weights + rows * token * 1.5 * bench.sizes.words
            share = made[0] / rows * moved / seconds / bench.copies
            line = {"value": rows / seconds, "unit": "completions/s", "bandwidth_share": share}
            line |= {"tokens_a_second": made[0] / seconds, "peak_gib": bench.peak()}
            found[f"eval, {rows} at once{name}"] = line
    return found


# What is worth most comes first, since what no longer fits into the time is left out.
PARTS: dict[str, Callable[[Bench, Shape, Ways], Lines]] = {
    "sft lora": partial(sft, kind="lora", again=False),
    "sft full, checkpointing": partial(sft, kind="full", again=True),
    "grpo lora": grpo,
    "eval": answers,
    "sft lora, checkpointing": partial(sft, kind="lora", again=True),
    "sft full": partial(sft, kind="full", again=False),
    "sft qlora": partial(sft, kind="qlora", again=False),
    "sft qlora, checkpointing": partial(sft, kind="qlora", again=True),
}


def measure(bench: Bench, shape: Shape, part: str) -> None:
    """Tell the lines of a part, by flywheel or without it; or that it is left out, and why."""
    left, failed = bench.until - time.monotonic(), dict[str, str]()
    if left < (45 if bench.on_gpu else 0):
        return bench.tell(f"{shape.name} {part}", left_out=f"only {left:.0f} s were left")
    for how, key in (("flywheel", "why"), ("plain", "and_why")):
        bench.free()
        try:
            ways = PLAIN if how == "plain" else importlib.import_module(OURS).WAYS
            found = PARTS[part](bench, shape, ways)
        except Exception as error:
            failed[key] = f"{type(error).__name__}: {str(error).strip()[:300]}"
            error.__traceback__ = None
            continue
        for figure, line in found.items():
            bench.tell(f"{shape.name} {figure}", how=how, **line, **failed)
        return None
    return bench.tell(f"{shape.name} {part}", left_out="neither way works", **failed)


def main(words: list[str] | None = None) -> int:
    """Measure what there is; 3 when there is nothing to measure on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add, both = parser.add_argument, "0.5B,1.5B"
    add("--out", type=Path, help="where the lines go: results/gpu.jsonl")
    add("--seconds", type=float, default=480, help="what then is not begun is left out")
    add("--shapes", default=both, choices=(both, *SHAPES), help="which models")
    add("--tiny", action="store_true", help="try all on the CPU, in toy size; keeps nothing")
    given = parser.parse_args(words)
    if given.tiny and given.out and RESULTS in given.out.resolve().parents:
        parser.error(f"--tiny measures nothing, so it is not kept in {RESULTS}")
    if not given.tiny and not torch.cuda.is_available():
        print("no GPU here, so nothing is measured; --tiny tries all on the CPU", file=sys.stderr)
        return 3
    # Before this file's folder, whose graders.py would hide the package of that name.
    sys.path.insert(0, str(RESULTS.parents[1]))
    transformers.utils.logging.disable_progress_bar()
    out = given.out or Path(os.devnull if given.tiny else RESULTS / "gpu.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("")
    shapes = [TINY] if given.tiny else [SHAPES[name] for name in given.shapes.split(",")]
    sizes, until = TINY_SIZES if given.tiny else Sizes(), time.monotonic() + given.seconds
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sizes, Path(folder), out, until)
        for shape in shapes:
            save_model(bench, shape)
        for part in PARTS:
            for shape in shapes:
                measure(bench, shape, part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
