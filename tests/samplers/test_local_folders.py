# pyright: standard
"""A model folder that would run code, read elsewhere or break the reader."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.methods.lora import LoRA
from flywheel.models.digest import content_digest
from flywheel.samplers.local.load import LocalOptions, load
from flywheel.samplers.local.scoring.embedder import LocalEmbedder
from flywheel.samplers.local.scoring.reward import LocalRewardModel
from tests.samplers.conftest import Folders

CODE = "from pathlib import Path\nPath({marker!r}).touch()\n"
CLASSES = ("Config", "Model", "ForCausalLM", "Tokenizer")


class Bomb:
    """A pickle of it makes a file where it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def change(path: Path, **fields: Any) -> None:
    found = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**found, **fields}))


def own_code(folder: Path, marker: Path) -> None:
    """A model of its author's own kind, as many on the hub are."""
    code = CODE.format(marker=str(marker))
    (folder / "evil.py").write_text(code + "".join(f"class {name}: pass\n" for name in CLASSES))
    kinds = ("AutoConfig", "AutoModel", "AutoModelForCausalLM")
    kinds += ("AutoModelForSequenceClassification",)
    names = {kind: "evil.Config" if kind == "AutoConfig" else "evil.Model" for kind in kinds}
    change(folder / "config.json", model_type="evil", auto_map=names)


def own_tokenizer(folder: Path, marker: Path) -> None:
    code = CODE.format(marker=str(marker))
    (folder / "evil.py").write_text(code + "class Tokenizer: pass\n")
    own = {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}
    change(folder / "tokenizer_config.json", auto_map=own, tokenizer_class="EvilTokenizer")


def own_generation(folder: Path, marker: Path) -> None:
    made = folder / "custom_generate"
    made.mkdir()
    (made / "generate.py").write_text(CODE.format(marker=str(marker)) + "generate = print\n")


def own_modules(folder: Path, marker: Path) -> None:
    """What sentence-transformers would import."""
    (folder / "evil.py").write_text(CODE.format(marker=str(marker)) + "class Layer: pass\n")
    layers = [{"idx": 0, "name": "0", "path": "", "type": "evil.Layer"}]
    (folder / "modules.json").write_text(json.dumps(layers))


def pickled(folder: Path, marker: Path) -> None:
    for path in folder.glob("*.safetensors"):
        path.unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(marker)))


def pickled_beside(folder: Path, marker: Path) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "rng_state.pth"):
        (folder / name).write_bytes(pickle.dumps(Bomb(marker)))


def own_kernel(folder: Path, marker: Path) -> None:
    change(folder / "config.json", attn_implementation="evil/kernel")


def no_json(folder: Path, marker: Path) -> None:
    (folder / "config.json").write_text("{")


def no_object(folder: Path, marker: Path) -> None:
    (folder / "config.json").write_text("[1]")


REFUSED = {
    own_code: "cannot be|contains custom code|evil",
    pickled: "in a pickle .pytorch_model.bin., which runs code .* safetensors",
    own_kernel: "names code of the hub in 'attn_implementation'",
    no_json: "config.json cannot be read",
    no_object: "config.json is no JSON object",
}
HARMLESS = (own_tokenizer, own_generation, own_modules, pickled_beside)


def loaders() -> dict[str, Callable[[Path], Any]]:
    return {
        "sampler": lambda folder: load(LocalOptions(name=str(folder))),
        "training": lambda folder: open_base(str(folder), LoRA(), 0),
        "reward training": lambda folder: open_base(str(folder), LoRA(), 0, scores=True),
        "reward model": lambda folder: LocalRewardModel(str(folder)),
        "embedder": LocalEmbedder,
    }


@pytest.fixture
def copy(folders: Folders, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders("qwen2"), tmp_path / "model"))


@pytest.mark.parametrize("attack", [*REFUSED, *HARMLESS], ids=lambda attack: attack.__name__)
def test_no_code_of_a_model_runs(copy: Path, tmp_path: Path, attack: Any) -> None:
    marker = tmp_path / "marker"
    attack(copy, marker)
    for name, loader in loaders().items():
        try:
            loader(copy)
        except BadOption as error:
            # This small model has no padding token, and is no reward model.
            assert attack in REFUSED or attack is own_tokenizer or name != "sampler", error
        except ValueError as error:
            # The embedder names no model; what it raises is told by the engine.
            assert name == "embedder" and "trust_remote_code" in str(error)
        else:
            assert attack not in REFUSED
        assert not marker.exists(), name
    if attack in REFUSED:
        with pytest.raises(BadOption, match=REFUSED[attack]):
            load(LocalOptions(name=str(copy)))


def adapter(folder: Path, **fields: Any) -> Path:
    folder.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps({**config, **fields}))
    return folder


@pytest.mark.parametrize(
    ("base", "story"),
    [
        ("no/such-model", "no model 'no/such-model' on this machine"),
        ("../../../nowhere", "no model|not in the cache"),
        ("https://evil.example/model", "no model|not in the cache"),
        (".", "is an adapter itself"),
        (None, "names no base model"),
        (["a"], "is no text"),
        ("a\0b", "is no text"),
    ],
)
def test_the_base_of_an_adapter_is_never_fetched(tmp_path: Path, base: Any, story: str) -> None:
    made = adapter(tmp_path / "adapter", base_model_name_or_path=base)
    with pytest.raises(BadOption, match=story):
        load(LocalOptions(name=str(made)))
    with pytest.raises(BadOption):
        open_base(str(made), LoRA(), 0)
    if base:
        with pytest.raises(BadOption):
            content_digest(str(made))


def test_an_adapter_runs_no_code_either(copy: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    bomb = adapter(tmp_path / "bomb", base_model_name_or_path=str(copy))
    (bomb / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(marker)))
    named = adapter(
        tmp_path / "named",
        base_model_name_or_path=str(copy),
        megatron_config={"a": 1},
        megatron_core="antigravity",
    )
    for folder, story in ((bomb, "in a pickle"), (named, "names a module to import")):
        with pytest.raises(BadOption, match=story):
            load(LocalOptions(name=str(folder)))
        with pytest.raises(BadOption, match=story):
            open_base(str(folder), LoRA(), 0)
    assert not marker.exists()


def test_a_chat_template_stays_in_its_sandbox(copy: Path) -> None:
    template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    (copy / "chat_template.jinja").write_text(template)
    tokenizer = load(LocalOptions(name=str(copy))).tokenizer
    with pytest.raises(Exception, match=r"unsafe|undefined"):
        tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
