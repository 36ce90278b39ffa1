# pyright: standard
"""Methods: an adapter is trained on as it is, and a model is asked with its adapter in force."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

import pytest
import torch

from flywheel.errors import BadOption
from flywheel.jobs.progress import Progress
from flywheel.levers.training.exams.live import ask_live, sampling_model
from flywheel.levers.training.methods.base import Base, open_base
from flywheel.levers.training.methods.full import Full
from flywheel.levers.training.methods.lora import LoRA
from flywheel.levers.training.methods.method import Method, SamplesAs
from flywheel.levers.training.methods.qlora import QLoRA
from flywheel.levers.training.methods.union import AnyMethod
from flywheel.levers.training.quiet import quiet
from flywheel.samplers.sampler import Request
from tests.levers.training.conftest import Folders
from tests.levers.training.world import order

OWN = {"r": 4, "alpha": 8, "targets": ("q_proj", "v_proj")}


@pytest.fixture(scope="module")
def adapter(kinds: Folders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of rank 4 on two kinds of modules."""
    method = LoRA(r=4, alpha=8, targets=("v_proj", "q_proj"))
    folder = tmp_path_factory.mktemp("adapter")
    open_base(str(kinds("llama")), method, 0).model.save_pretrained(folder)
    return folder


def edited(adapter: Path, folder: Path, **fields: Any) -> Path:
    """A copy of an adapter with another config."""
    copy = Path(shutil.copytree(adapter, folder / "edited"))
    path = copy / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return copy


@pytest.mark.parametrize("method", get_args(get_args(AnyMethod)[0]))
def test_every_method_has_the_one_shape(method: type[Method]) -> None:
    made = method.model_validate({})
    assert made.kind and method.samples_as in get_args(SamplesAs)
    assert "dtype" in made.load_kwargs(on_gpu=False) and made.callbacks() == []


def test_an_order_records_what_the_adapter_has(adapter: Path, tmp_path: Path) -> None:
    for method in (LoRA(), LoRA(r=4), LoRA(**OWN)):  # type: ignore[arg-type]
        assert method.continued(adapter) == LoRA(**OWN)  # type: ignore[arg-type]
    assert QLoRA().continued(adapter) == QLoRA(**OWN)  # type: ignore[arg-type]
    assert Full().continued(adapter) == Full()
    assert order(tmp_path, model=str(adapter)).config.method == LoRA(**OWN)  # type: ignore[arg-type]
    assert open_base(str(adapter), LoRA(), 0).model.peft_config["default"].r == 4


@pytest.mark.parametrize(
    ("method", "story"),
    [
        (LoRA(r=8), "method.r is 8, but the adapter in .* has 4, which cannot change"),
        (LoRA(dropout=0.5), "method.dropout is 0.5"),
        (QLoRA(targets=("q_proj",)), "has .'q_proj', 'v_proj'., which cannot change"),
    ],
)
def test_other_settings_are_refused(adapter: Path, method: Method, story: str) -> None:
    with pytest.raises(BadOption, match=story):
        method.continued(adapter)


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "cannot continue an adapter of type 'PROMPT_TUNING' with"),
        ({"peft_type": "LORA", "r": "many"}, "not a valid LORA config"),
    ],
)
def test_an_adapter_of_another_kind_is_refused(
    tmp_path: Path, adapter: Path, fields: dict[str, Any], story: str
) -> None:
    with pytest.raises(BadOption, match=story):
        order(tmp_path, model=str(edited(adapter, tmp_path, **fields)))


def test_full_training_learns_all_weights_of_a_merged_adapter(adapter: Path) -> None:
    model = open_base(str(adapter), Full(), 0).model
    assert not [name for name, p in model.named_parameters() if "lora" in name]
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"target_modules": ["q_proj"]}, "0 weights are missing and [0-9]+ are unexpected"),
        ({"use_dora": True}, "[1-9][0-9]* weights are missing and 0 are unexpected"),
        ({"modules_to_save": ["lm_head"]}, "cannot be trained here|does not match its"),
    ],
)
@pytest.mark.parametrize("method", [LoRA(), Full()])
def test_a_config_that_its_weights_do_not_fit_is_refused(
    adapter: Path, tmp_path: Path, fields: dict[str, Any], story: str, method: Method
) -> None:
    with pytest.raises(BadOption, match=story):
        open_base(str(edited(adapter, tmp_path, **fields)), method, 0)


def test_an_adapter_of_another_base_is_refused(
    adapter: Path, tmp_path: Path, kinds: Folders
) -> None:
    other = edited(adapter, tmp_path, base_model_name_or_path=str(kinds("phi")))
    with pytest.raises(BadOption, match="cannot be trained here: "):
        open_base(str(other), LoRA(), 0)


def cut(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def without_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


@pytest.mark.parametrize(
    ("harm", "story"),
    [
        (cut, r"adapter_model\.safetensors is not complete: it has [\d,]+ bytes"),
        (without_weights, r"is not complete: adapter_model\.safetensors is missing"),
    ],
)
def test_an_adapter_that_is_cut_short_is_refused(
    adapter: Path, tmp_path: Path, harm: Callable[[Path], None], story: str
) -> None:
    folder = edited(adapter, tmp_path)
    harm(folder)
    with pytest.raises(BadOption, match=story):
        order(tmp_path, model=str(folder))


class Prompted(Method, frozen=True):
    """Prompt tuning, as a fourth file beside lora.py would have it."""

    kind: Literal["prompted"] = "prompted"
    tokens: int = 4

    samples_as: ClassVar[SamplesAs] = "prompt"

    def load_kwargs(self, *, on_gpu: bool) -> dict[str, Any]:
        return {"dtype": torch.float32}

    def apply(self, model: Any, resume: Path | None) -> Any:
        from peft import PromptTuningConfig, get_peft_model

        config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=self.tokens)
        return get_peft_model(model, config)

    def continued(self, adapter: Path) -> Self:
        return self


class Beside(Prompted, frozen=True):
    """The same with a false claim: its model would be asked without its virtual tokens."""

    samples_as: ClassVar[SamplesAs] = "beside"


def prompted(folder: Path, method: Method) -> Base:
    """A model whose virtual tokens change what it says."""
    base = open_base(str(folder), method, 0)
    for parameter in base.model.prompt_encoder.parameters():
        parameter.data = torch.randn(parameter.shape, generator=torch.manual_seed(3)) * 0.5
    return base


def answers(base: Base) -> list[Sequence[float]]:
    """How likely the model in training finds two words, asked as an exam asks it."""
    said = [{"role": "user", "content": "which one?"}]
    request = Request("m", said, {}, options=("red", "a longer one"))
    asked = [request, request._replace(options=("blue",))]
    return [output.option_nats for output in ask_live(base, "m", asked, Progress())]


def by_peft(base: Base, word: str) -> float:
    """The same by peft itself, in one pass."""
    prompt = base.template.prompt([{"role": "user", "content": "which one?"}], ())
    ids, more = (
        base.tokenizer(text, add_special_tokens=False)["input_ids"]
        for text in (prompt, prompt + word)
    )
    with torch.no_grad():
        logits = base.model.eval()(input_ids=torch.tensor([more])).logits[0]
    logits = logits[-len(more) - 1 + len(ids) : -1].float().log_softmax(-1)
    wanted = torch.tensor(more[len(ids) :])
    return -float(logits.gather(1, wanted[:, None]).sum())


def test_an_exam_asks_a_prompted_model_with_its_virtual_tokens(kinds: Folders) -> None:
    folder = kinds("qwen3")
    base = prompted(folder, Prompted())
    found = answers(base)
    assert found[1][0] == pytest.approx(by_peft(base, "blue"), abs=1e-4)
    assert found[0][0] == pytest.approx(by_peft(base, "red"), abs=1e-4)
    alone = answers(open_base(str(folder), Full(), 0))
    assert found[0] != pytest.approx(alone[0], abs=1e-3)
    embedding = base.model.get_base_model().get_input_embeddings()
    assert not embedding._forward_hooks and not embedding._forward_pre_hooks


def test_a_method_cannot_be_measured_on_its_base(kinds: Folders) -> None:
    base = prompted(kinds("qwen3"), Beside())
    with pytest.raises(AssertionError, match="no beside adapter"):
        answers(base)


def test_an_adapter_that_changes_keys_and_values_is_refused(kinds: Folders) -> None:
    from peft import PrefixTuningConfig, get_peft_model

    base = open_base(str(kinds("qwen3")), Full(), 0)
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    with quiet():
        model = get_peft_model(base.model, config)
    with (
        pytest.raises(BadOption, match="PREFIX_TUNING"),
        sampling_model(Base(model, base.tokenizer, base.template, "prompt")),
    ):
        pass
