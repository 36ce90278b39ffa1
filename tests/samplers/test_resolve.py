"""resolve: names of models, and the digests of what they stand for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile, BadOption
from flywheel.samplers.endpoint.sampler import EndpointOptions, EndpointSampler
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.replay import ReplaySampler
from flywheel.samplers.resolve import Setting, model_digest, open_sampler
from flywheel.samplers.scripted import ScriptedSampler
from tests.samplers.asking import ask
from tests.samplers.mock_server import MockServer

Folders = Callable[[str], Path]
SHORT = {"sampling": {"max_completion_tokens": 3}}


def test_every_form_of_name_opens_its_sampler(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text('"a"\n')
    (tmp_path / "r.jsonl").write_text('{"text": "a"}\n')
    setting = Setting(
        folders={"tiny": folders("llama")}, endpoint=EndpointOptions(url="http://h/v1#m")
    )
    for name, kind in {
        f"scripted:{tmp_path}/s.jsonl": ScriptedSampler,
        f"replay:{tmp_path}/r.jsonl": ReplaySampler,
        "https://host/v1#m": EndpointSampler,
        "endpoint": EndpointSampler,
        str(folders("llama")): LocalSampler,
        "tiny": LocalSampler,
        "owner/name-1.5B": LocalSampler,
    }.items():
        assert isinstance(open_sampler(name, setting), kind)


def test_the_name_behind_the_url_is_the_model() -> None:
    with MockServer() as server:
        (output,) = ask(open_sampler(f"{server.url}#ft:base:org:1"), "hi")
        named = Setting(endpoint=EndpointOptions(url=f"{server.url}#mine", api="responses"))
        (other,) = ask(open_sampler("endpoint", named), "hi")
    assert (output.model, output.text) == ("ft:base:org:1", "hi")
    assert (other.model, other.text) == ("mine", "hi")


def test_a_short_name_answers(folders: Folders) -> None:
    setting = Setting(folders={"tiny": folders("qwen2")})
    (output,) = ask(open_sampler("tiny", setting), "hi", **SHORT)
    assert output.error is None


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("gpt", "no model 'gpt'; wanted scripted:FILE, replay:FILE, .* or one of 'tiny'"),
        ("", "no model ''"),
        ("../x", "no model '../x'"),
        ("a/b/c", "no model 'a/b/c'"),
        ("tests", "the folder 'tests' holds no model: it has no config.json"),
        ("http://me:pw@host/v1#m", "holds a user or a password"),
        ("endpoint", "no model 'endpoint'"),
    ],
)
def test_a_name_that_is_none_lists_the_forms(
    name: str, story: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadOption, match=story):
        open_sampler(name, Setting(folders={"tiny": tmp_path}))


def test_a_script_that_is_not_there_is_named() -> None:
    with pytest.raises(BadFile, match=r"no\.jsonl: cannot be read"):
        open_sampler("scripted:no.jsonl")
    with pytest.raises(BadOption, match=r"no\.jsonl: cannot be read"):
        model_digest("scripted:no.jsonl")


def test_a_digest_follows_the_bytes(folders: Folders, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folders("llama"), copy)
    before = model_digest(str(copy))
    assert before == model_digest(str(folders("llama")))
    (copy / "README.md").write_text("words")
    assert model_digest(str(copy)) == before
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    times = weights.stat()
    weights.write_bytes(data)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert model_digest(str(copy)) != before


def test_a_digest_counts_the_adapter_its_base_and_how_it_is_loaded(
    folders: Folders, tmp_path: Path
) -> None:
    base = str(folders("llama"))
    config: dict[str, Any] = {"base_model_name_or_path": base}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"1")
    local = LocalOptions(adapter=str(tmp_path))
    found = [
        model_digest(base),
        model_digest(base, Setting(local=local)),
        model_digest(base, Setting(local=LocalOptions(bits=4))),
        model_digest(base, Setting(local=LocalOptions(dtype="bfloat16"))),
        model_digest(str(tmp_path)),
    ]
    config["base_model_name_or_path"] = str(folders("qwen2"))
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    found.append(model_digest(str(tmp_path)))
    assert len(set(found)) == len(found)


def test_a_digest_of_what_cannot_be_seen_is_that_of_its_name(tmp_path: Path) -> None:
    script = tmp_path / "s.jsonl"
    script.write_text('"a"\n')
    one = model_digest(f"scripted:{script}")
    script.write_text('"b, and longer"\n')
    assert model_digest(f"scripted:{script}") != one
    urls = ["http://h/v1#a", "http://h/v1#b", "http://i/v1#a"]
    assert len({model_digest(url) for url in urls}) == 3
    assert model_digest(urls[0]) == model_digest(urls[0])


def test_a_hub_id_that_is_not_in_the_cache_is_named() -> None:
    with pytest.raises(BadOption, match="no model 'owner/none' on this machine"):
        model_digest("owner/none")


def test_a_slash_behind_an_endpoint_is_no_other_model() -> None:
    one, other = (model_digest(f"http://127.0.0.1:1/v1{end}#m") for end in ("", "/"))
    assert one == other != model_digest("http://127.0.0.1:1/v2#m")
