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
from flywheel.models.folders import check_adapter
from flywheel.samplers.local.load import Loaded, first_line, quiet_peft


class Adapters:
    """The adapters of one model by their folders, each loaded when it is first named."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._wrapped: Any = None
        self._names: dict[str, str] = {}
        self._in_force: str | None = None

    def load(self, folder: str) -> str:
        """The name of the adapter in this folder. Raises BadOption."""
        if folder not in self._names:
            need("peft", user=f"the adapter {folder}")
            check_adapter(Path(folder))
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

        config = PeftConfig.from_pretrained(folder)
        if config.is_prompt_learning:
            raise BadOption(f"{folder}: adapters that lengthen the prompt cannot be sampled here")
        if self._wrapped is None:
            model = self._loaded.model
            self._wrapped = cast("Any", PeftModel).from_pretrained(model, folder, name)
        else:
            self._wrapped.load_adapter(folder, name)
        self._wrapped.eval()
