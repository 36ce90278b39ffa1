"""What is installed: the sandbox's tier, extras, an accelerator, models. Downloads nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, NamedTuple, cast

from packaging.requirements import Requirement

from flywheel.extras import DISTRIBUTION, PACKAGES, install_command, missing
from flywheel.store.place import DEFAULT_STORE


class Finding(NamedTuple):
    """The result of one check."""

    subject: str
    found: bool
    story: str


def examine() -> list[Finding]:
    """All checks that are useful before a first run."""
    return [
        Finding("flywheel", True, f"{version(DISTRIBUTION)} on Python {platform.python_version()}"),
        *_sandbox(),
        *(_extra(name) for name in PACKAGES),
        _accelerator(),
        *_models(),
        *_store(),
    ]


def _store() -> Iterator[Finding]:
    """The size of the store that commands use in this folder, if it exists."""
    path = Path(os.environ.get("FLYWHEEL_DB", DEFAULT_STORE))
    if path.is_file():
        yield Finding("store", True, f"{path}, {path.stat().st_size / 1e6:.1f} MB")


def _sandbox() -> Iterator[Finding]:
    from graders.sandbox.confinement.tier import NoSandbox, best_tier, mechanisms

    try:
        yield Finding("sandbox", True, f"tier {best_tier()}")
    except NoSandbox as error:
        yield Finding("sandbox", False, str(error))
    for mechanism in mechanisms():
        yield Finding(f"sandbox: {mechanism.name}", mechanism.present, mechanism.why)


def _extra(name: str) -> Finding:
    """An extra is installed when every package that only it requires is installed."""
    have: list[str] = []
    missing: list[str] = []
    for requirement in _requirements(name):
        try:
            have.append(f"{requirement.name} {version(requirement.name)}")
        except PackageNotFoundError:
            missing.append(requirement.name)
    if missing:
        story = f"missing {', '.join(missing)}; {install_command(name)}"
        return Finding(f"extra: {name}", False, story)
    return Finding(f"extra: {name}", True, ", ".join(have))


def _requirements(extra: str) -> Iterator[Requirement]:
    for line in requires(DISTRIBUTION) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        wanted = marker is not None and marker.evaluate({"extra": extra})
        if wanted and requirement.name != DISTRIBUTION:
            yield requirement


def _accelerator() -> Finding:
    if line := missing("torch"):
        return Finding("accelerator", False, line)
    import torch

    cuda = cast("Any", torch.cuda)
    if cuda.is_available():
        names = [str(cuda.get_device_name(i)) for i in range(cuda.device_count())]
        return Finding("accelerator", True, ", ".join(names))
    if torch.backends.mps.is_available():
        return Finding("accelerator", True, "Apple GPU (mps)")
    return Finding("accelerator", False, f"none; torch {torch.__version__} runs on the CPU")


def _models() -> Iterator[Finding]:
    from flywheel.samplers.local.scoring.embedder import PACKAGE, default_folder

    folder = default_folder()
    yield Finding("embedding model", folder is not None, str(folder or missing(PACKAGE)))
    cached = sorted(path.name.removeprefix("models--") for path in _hub().glob("models--*"))
    names = ", ".join(name.replace("--", "/") for name in cached)
    yield Finding("hub cache", bool(cached), names or f"no models in {_hub()}")


def _hub() -> Path:
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
