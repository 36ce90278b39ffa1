"""A sample: a model's answer to an item, as graders get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graders.text.strict_json import parse_json
from graders.ungraded import Kind, Ungraded

FIELDS = ("output_text", "output_json", "output_tools", "choices", "output_audio", "model")


class Unreadable(Exception):
    """The answer does not hold what the grader looks for. The model's fault, so it is a score."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer with the item that it answers. `item` is the row of the evalset.

    The other fields are the `sample` namespace of templates, in the shapes of chat completions.
    `output_json` is not stored: it is whatever JSON value the text is.
    """

    item: Mapping[str, Any]
    output_text: str = ""
    output_tools: Sequence[Mapping[str, Any]] = ()
    choices: Sequence[Mapping[str, Any]] = ()
    output_audio: Mapping[str, Any] | None = None
    model: str | None = None

    def field(self, name: str) -> Any:
        """One field of the `sample` namespace. An unknown name is Ungraded: the grader is wrong."""
        if name == "output_json":
            return self._output_json()
        if name == "choices":
            return self.choices or self._one_choice()
        if name not in FIELDS:
            raise Ungraded(Kind.VARIABLE, f"no sample.{name}; have {', '.join(FIELDS)}")
        return getattr(self, name)

    def namespace(self) -> dict[str, Any]:
        """The whole namespace as a dict, as Python graders get it.

        `output_json` is left out when the text is not JSON.
        """
        fields: dict[str, Any] = {
            "output_text": self.output_text,
            "output_tools": list(self.output_tools),
            "choices": list(self.choices or self._one_choice()),
            "output_audio": self.output_audio,
            "model": self.model,
        }
        with suppress(Unreadable):
            fields["output_json"] = self._output_json()
        return fields

    def _output_json(self) -> Any:
        try:
            return parse_json(self.output_text)
        except ValueError as error:
            raise Unreadable(f"the answer is not JSON: {error}") from None

    def _one_choice(self) -> list[dict[str, Any]]:
        message: dict[str, Any] = {"role": "assistant", "content": self.output_text}
        if self.output_tools:
            message["tool_calls"] = list(self.output_tools)
        return [{"index": 0, "message": message, "finish_reason": "stop"}]
