"""Resolves a model's name to a sampler and to a digest. The forms of a name:

scripted:FILE            a script of answers
replay:FILE              recorded answers
python:FILE.py:FUNCTION  a function of the user's
https://host/v1#MODEL    an OpenAI-compatible endpoint; without #MODEL the requests name it
NAME                     one of `Setting.folders`, such as tiny; `endpoint`, when one is set
FOLDER                   a model or an adapter on this machine
owner/name               a hub id that is in the cache
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urldefrag

from flywheel.errors import BadOption
from flywheel.models.digest import content_digest, file_digest, folder_digest, sha256
from flywheel.samplers.endpoint.key import check_url
from flywheel.samplers.endpoint.sampler import EndpointOptions, EndpointSampler
from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.sampler import LocalSampler
from flywheel.samplers.local.scoring.embedder import default_folder
from flywheel.samplers.python.sampler import PythonSampler
from flywheel.samplers.replay import load_replay
from flywheel.samplers.sampler import Sampler
from flywheel.samplers.scripted import load_script
from graders.asks import Embed
from graders.grader import Grader, Pins

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FORMS = (
    "wanted scripted:FILE, replay:FILE, python:FILE.py:FUNCTION, http(s)://host/v1#MODEL, a folder"
    " that holds a model, or a hub id (owner/name) that is in the cache"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The settings for resolving names.

    `folders` maps short names to folders. `endpoint` configures requests to endpoints; its `url`,
    which may be empty, is that of the name `endpoint`. `local` configures how local models are
    loaded; its `name` is ignored.
    """

    folders: Mapping[str, Path] | None = None
    endpoint: EndpointOptions | None = None
    local: LocalOptions = LocalOptions()  # noqa: RUF009 - it is frozen


def open_sampler(name: str, setting: Setting | None = None) -> Sampler:
    """The sampler of that name. Raises BadOption, which lists the forms, or BadFile.

    A local model is loaded on the first request.
    """
    setting = setting or Setting()
    kind, _, rest = name.partition(":")
    if kind == "scripted":
        return load_script(Path(rest))
    if kind == "replay":
        return load_replay(Path(rest))
    if kind == "python":
        in_flight = {"in_flight": setting.endpoint.in_flight} if setting.endpoint else {}
        return PythonSampler(*_function(rest), **in_flight)
    if options := _endpoint(name, setting):
        return EndpointSampler(options)
    return LocalSampler(replace(setting.local, name=_local_name(name, setting)))


def is_played(name: str) -> bool:
    """Whether the name is a script or a replay, which can run out of answers."""
    return name.startswith(("scripted:", "replay:"))


def judge_name(name: str) -> str:
    """The model's name of a judge: a plain file name means `scripted:FILE`."""
    return f"scripted:{name}" if Path(name).is_file() else name


def judge_digest(name: str | None, setting: Setting | None = None) -> str | None:
    """The digest of the judge of this name, None without a name."""
    return model_digest(judge_name(name), setting) if name else None


def pins_of(graders: Iterable[Grader], judge: str | None = None) -> Pins:
    """The pins of these graders: the digest of the judge, and those of local models."""
    embeds = any(Embed in grader.needs() for grader in graders)
    folder = default_folder() if embeds else None
    return Pins(content_digest, judge, content_digest(str(folder)) if folder else None)


def model_digest(name: str, setting: Setting | None = None) -> str:
    """The sha256 of the model of this name, in hex.

    Of a script or a replay: its bytes. Of a function: its name, and the bytes of its file, not of
    what that imports. Of an endpoint: its URL and model, for its weights cannot be
    seen. Of a folder: names and bytes of its files, with the adapter's and, for an adapter's
    folder, the base's. Of a hub id: the id and the cached files. How it is loaded (`bits`, `dtype`)
    counts too, since that changes the answers. A file is read again only when its size or a time
    of it has changed. Raises BadOption or BadFile.
    """
    setting = setting or Setting()
    kind, _, rest = name.partition(":")
    if kind in ("scripted", "replay"):
        return sha256(kind, file_digest(Path(rest)))
    if kind == "python":
        path, function = _function(rest)
        return sha256(kind, file_digest(path), function)
    if options := _endpoint(name, setting):
        return sha256("endpoint", options.url.rstrip("/"), options.model, options.api)
    local = setting.local
    adapters = [folder_digest(Path(local.adapter))] if local.adapter else []
    content = content_digest(_local_name(name, setting))
    return sha256("local", content, *adapters, str(local.bits), local.dtype)


def _function(rest: str) -> tuple[Path, str]:
    """The file and the function in `FILE.py:FUNCTION`. Raises BadOption."""
    file, colon, function = rest.rpartition(":")
    if not (colon and file and function.isidentifier()):
        raise BadOption(f"wanted python:FILE.py:FUNCTION, got {'python:' + rest!r}")
    return Path(file), function


def _endpoint(name: str, setting: Setting) -> EndpointOptions | None:
    """The options of the endpoint of this name, None for another kind of name."""
    options = setting.endpoint
    if name == "endpoint" and options is not None and options.url:
        url, model = urldefrag(options.url)
        return replace(options, url=url, model=options.model or model)
    if not name.lower().startswith(("http://", "https://")):
        return None
    url, model = urldefrag(name)
    # Here too, since the name is written into the store before the endpoint is opened.
    check_url(name)
    if options is None:
        return EndpointOptions(url=url, model=model)
    return replace(options, url=url, model=model or options.model)


def _local_name(name: str, setting: Setting) -> str:
    """The folder or hub id of this name. Raises BadOption if it can be neither."""
    folders = setting.folders or {}
    if name in folders:
        return str(folders[name])
    if name and Path(name).is_dir():
        if any((Path(name) / file).is_file() for file in ("config.json", "adapter_config.json")):
            return name
        raise BadOption(f"the folder {name!r} holds no model: it has no config.json; {_FORMS}")
    if _HUB_ID.fullmatch(name) and not name.startswith("."):
        return name
    short = f", or one of {', '.join(map(repr, folders))}" if folders else ""
    raise BadOption(f"no model {name!r}; {_FORMS}{short}")
