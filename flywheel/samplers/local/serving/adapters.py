# pyright: standard
"""Several LoRA adapters beside one base model in memory: which of them works is set by batch.

They stay beside the weights, where merging would bind the base to one. The folder of an adapter is
taken as hostile, as everywhere.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from flywheel.errors import BadOption
from flywheel.extras import need
from flywheel.models.adapters import base_of
from flywheel.models.digest import content_digest
from flywheel.models.folders import check_adapter
from flywheel.samplers.local.load import Loaded, check_fits, first_line, quiet_peft


class Adapters:
    """The adapters of one model by their folders, each loaded when it is first named.

    `base` is the model's name; it is empty for one that was handed in from memory.
    """

    def __init__(self, loaded: Loaded, base: str = "") -> None:
        self._loaded, self._base = loaded, base
        self._wrapped: Any = None
        self._names: dict[str, str] = {}
        self._in_force: str | None = None

    def load(self, folder: str) -> str:
        """The name of the adapter in this folder. Raises BadOption."""
        if folder not in self._names:
            need("peft", user=f"the adapter {folder}")
            check_adapter(Path(folder))
            self._check_base(folder)
            name = f"adapter-{len(self._names)}"
            try:
                with self.kept(), quiet_peft():
                    self._add(folder, name)
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise BadOption(
                    f"the adapter {folder!r} does not fit the model: {first_line(error)}"
                ) from None
            self._names[folder] = name
        return self._names[folder]

    def _check_base(self, folder: str) -> None:
        """Raise BadOption for an adapter of another base: its weights may fit by their sizes."""
        own = base_of(Path(folder))
        if self._base and own and content_digest(own) != content_digest(self._base):
            raise BadOption(f"the adapter {folder!r} is of another base: {own}, not {self._base}")

    @contextmanager
    def kept(self) -> Generator[None]:
        """Put in force afterwards what is in force now."""
        before = self._in_force
        try:
            yield
        finally:
            self.use(before)

    def use(self, name: str | None) -> None:
        """Put this adapter in force; None is the model as it is."""
        self._in_force = name
        if self._wrapped is None:
            return
        if name is None:
            self._wrapped.base_model.disable_adapter_layers()
        else:
            self._wrapped.base_model.enable_adapter_layers()
            self._wrapped.set_adapter(name)

    def _add(self, folder: str, name: str) -> None:
        from peft import PeftConfig, PeftModel

        config = cast("Any", PeftConfig).from_pretrained(folder)
        if config.peft_type != "LORA":
            raise BadOption(
                f"{folder} is an adapter of the kind {config.peft_type}; only LoRA adapters can"
                " stand beside a base"
            )
        config.inference_mode = True
        if self._wrapped is None:
            self._wrapped = PeftModel(self._loaded.model, config, name)
        try:
            check_fits(self._wrapped.load_adapter(folder, name), folder)
        except BaseException:
            # It stands in the model already, with weights that nobody trained.
            if name in self._wrapped.peft_config:
                self._wrapped.delete_adapter(name)
            raise
        self._wrapped.eval()
