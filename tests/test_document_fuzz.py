"""Files that nobody wrote on purpose: whatever they hold, only a FlywheelError comes out."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from flywheel.document import load_document
from flywheel.errors import FlywheelError
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.evalset.grader_files import load_grader, load_graders
from flywheel.evals.run.plan import load_prompt
from flywheel.levers.training.config_file import load_config
from flywheel.samplers.price import load_prices
from flywheel.samplers.scripted import load_script

SEEDS = {
    "grader": """type: multi
name: m
graders:
  a: {type: string_check, operation: eq, reference: "{{ item.x }}", tolerance: {relative: 0.1}}
  b: {type: score_model, model: m, range: [0, 1], input: [{role: user, content: hi}]}
calculate_output: "0.5 * a + b"
""",
    "graders": "[{type: text_similarity, name: s, evaluation_metric: bleu, reference: x}]\n",
    "evalset": """prompt: [{role: user, content: "{{ item.q }}"}]
gold: "{{ item.q }}"
graders: [{type: string_check, name: s, operation: eq, reference: "{{ item.q }}"}]
primary: s
guards: {s: 0.05}
sampling: {temperature: 0.5, top_p: 1, max_completion_tokens: 10, seed: 0}
response_schema: {type: object, properties: {a: {type: string}}}
""",
    "config": """lever: sft
evalset: unit_math
learning_rate: 1e-4
method: {kind: lora, r: 8, alpha: 16}
epochs: 2
seed: 1
""",
    "prices": '"": {input: 1.5, output: 2}\n',
    "prompt": "- {role: system, content: hi}\n- {role: user, content: '{{ item.q }}'}\n",
    "script": '{"when": "a", "text": "b"}\n{"when": "", "text": "c"}\n',
}
PIECES = (
    *("!!int ''", "!!float x", "!!binary =", "!!timestamp 1", "!!python/object:os.x {}", "&a [*a]"),
    *("*a", "&a", "<<: *a", "<<: 1", "? [a]", "!!set {a}", "!!omap [a: 1]", "!<x> y", "%YAML 3.0"),
    *("\0", "\t", "\ufeff", "\x85", "\u2028", "\ufffe", "\x1b[31m", '"\\ud800"', '"\\UFFFFFFFF"'),
    *("9" * 401, "9" * 5000, "-" + "9" * 400, "1e999", "1e-999", ".inf", "inf", "nan", "-0", "0x1"),
    *(
        "NaN",
        "Infinity",
        "null",
        "~",
        "true",
        "[]",
        "{}",
        "[[",
        "{{",
        "}}",
        "{{ item.",
        '"',
        "'",
        "|",
    ),
    *("[" * 3000, "{a: " * 1500, "- " * 1500, "\n", ": ", ", ", "#", "--- x", "...", "2026-01-01"),
)


def mutated(seed: str, draw: random.Random) -> bytes:
    """The text with a few pieces put in, taken out or put in place of words."""
    text = seed
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(text) + 1)
        words = text.split(" ")
        match draw.randrange(5):
            case 0:
                text = text[:at] + draw.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + draw.randint(1, 9) :]
            case 2:
                words[draw.randrange(len(words))] = draw.choice(PIECES)
                text = " ".join(words)
            case 3:
                text = text[:at]
            case _:
                text += draw.choice(PIECES)
    data = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        at = draw.randrange(len(data) + 1)
        data = data[:at] + draw.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xff\xfe")) + data[at:]
    return data


def load_folder(path: Path) -> Any:
    """An evalset whose definition is this file."""
    folder = path.parent / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "evalset.yaml").write_bytes(path.read_bytes())
    return load_evalset(str(folder)).definition


LOADERS: dict[str, Callable[[Path], Any]] = {
    "grader": load_grader,
    "graders": load_graders,
    "evalset": load_folder,
    "config": load_config,
    "prices": load_prices,
    "prompt": load_prompt,
    "script": load_script,
}


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".txt"])
@pytest.mark.parametrize("kind", list(LOADERS))
def test_nothing_but_an_error_of_ours_comes_out(kind: str, suffix: str, tmp_path: Path) -> None:
    draw = random.Random(f"{kind}{suffix}")
    path = tmp_path / f"x{suffix}"
    for _ in range(60):
        data = mutated(SEEDS[kind], draw)
        path.write_bytes(data)
        try:
            loaded = LOADERS[kind](path)
        except FlywheelError as error:
            assert str(error).strip(), data
        except Exception as error:
            raise AssertionError(data[:2000]) from error
        else:
            if isinstance(loaded, BaseModel):
                # What was read can be written again: no infinity, no half surrogate.
                text = loaded.model_dump_json()
                assert "Infinity" not in text and "NaN" not in text, data


def test_any_document_is_json_or_refused(tmp_path: Path) -> None:
    draw, path, adapter = random.Random(1), tmp_path / "x.yaml", TypeAdapter(Any)
    for _ in range(400):
        path.write_bytes(mutated(draw.choice(list(SEEDS.values())), draw))
        try:
            value = load_document(path).value
        except FlywheelError as error:
            assert str(error).startswith(f"{path}:")
        else:
            assert adapter.validate_json(adapter.dump_json(value)) == value
