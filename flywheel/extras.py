"""Which extra of the distribution brings a package: what a missing import is told as."""

from __future__ import annotations

DISTRIBUTION = "flywheel-llm"
PACKAGES = {
    "local": ("torch", "transformers", "safetensors", "accelerate", "bitsandbytes", "tokenizers"),
    "train": ("trl", "peft", "datasets", "evaluate", "tensorboard"),
    "serve": ("fastapi", "uvicorn", "multipart"),
    "ui": ("streamlit", "altair", "pandas"),
    "ray": ("ray",),
}


def install_command(extra: str) -> str:
    """How an extra is installed."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def missing_extra(error: BaseException) -> str | None:
    """One line for an import that failed for want of an extra, None for any other error."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    package = error.name.partition(".")[0]
    for extra, names in PACKAGES.items():
        if package in names:
            return f"the package {package} is not installed; {install_command(extra)}"
    return None
