# pyright: standard
"""Conversations rendered with the model's chat template, split into parts with and without loss.

Prompts are rendered as in sampling, so that the model is trained on the prompts that it will get.
The parts with loss are found without markers in the template: the rendered prompt must be a prefix
of the rendered conversation, and an answer must end with the end-of-turn token. Other templates are
refused, with a remedy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flywheel.errors import FlywheelError
from flywheel.samplers.local.chat import Chat, NoPrompt

_PROBE = "the answer is 4711"


class NotTrainable(FlywheelError):
    """A conversation or a template for which no loss mask can be computed."""


class Part(NamedTuple):
    """A piece of a rendered conversation. `learned`: it carries loss."""

    text: str
    learned: bool


@dataclass(frozen=True, slots=True)
class Template:
    """The template of one tokenizer. `end` is the token that ends an answer."""

    tokenizer: Any
    chat: Chat
    end: str
    end_id: int
    joins: bool

    @classmethod
    def of(cls, tokenizer: Any) -> Template:
        """The template of a tokenizer. Raises NotTrainable if it has no end of an answer."""
        chat = Chat(tokenizer)
        end = _end(tokenizer, chat)
        return cls(tokenizer, chat, end, tokenizer.convert_tokens_to_ids(end), _joins(tokenizer))

    def prompt(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> str:
        """The rendered prompt, up to the beginning of the answer. Raises NotTrainable."""
        try:
            return self.chat.prompt(messages, tools)
        except NoPrompt as error:
            raise NotTrainable(str(error)) from None

    def parts(
        self,
        messages: Sequence[Mapping[str, Any]],
        learned: Sequence[bool],
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> list[Part]:
        """The conversation up to the last learned message, as parts. Raises NotTrainable.

        A learned part is an answer with its end token.
        """
        done = ""
        parts: list[Part] = []
        for index, wanted in enumerate(learned):
            if not wanted:
                continue
            before = self._before(messages, index, tools)
            answer = self._answer(messages, index, before, tools)
            if not before.startswith(done):
                raise NotTrainable(
                    "this chat template renders earlier answers differently from the last one, so"
                    " only the last one can be trained; give the earlier ones weight 0, or split"
                    " the row into one row per answer"
                )
            parts += [Part(before[len(done) :], False), Part(answer, True)]
            done = before + answer
        return parts

    def _before(
        self, messages: Sequence[Mapping[str, Any]], index: int, tools: Sequence[Mapping[str, Any]]
    ) -> str:
        if index:
            return self.prompt(messages[:index], tools)
        # The assistant speaks first, and templates cannot render an empty list of messages.
        content = str(messages[0].get("content") or "").strip()
        return self.prompt(messages[:1], tools).partition(content)[0] if content else ""

    def _answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        index: int,
        before: str,
        tools: Sequence[Mapping[str, Any]],
    ) -> str:
        content = str(messages[index].get("content") or "")
        if not self.chat.templated:
            return content + self.end
        whole = self.prompt(messages[: index + 1], tools)
        if not whole.startswith(before):
            raise NotTrainable(
                "this chat template renders the prompt differently once it is answered, so message"
                f" {index} cannot be separated from its prompt; use another template"
            )
        rest = whole[len(before) :]
        start = rest.find(content.strip())
        at = rest.find(self.end, start + len(content.strip()) if start >= 0 else 0)
        if at < 0:
            raise NotTrainable(f"message {index}: its turn does not end with {self.end!r}")
        return rest[: at + len(self.end)]

    def encode(self, parts: Sequence[Part]) -> tuple[list[int], list[bool]]:
        """The tokens of the parts, and which of them carry loss.

        Parts are encoded separately, so that a prompt has the same tokens as in sampling. If the
        tokenizer would add a space before each part, the text is encoded as a whole, and a token
        belongs to the part in which it ends.
        """
        if not self.joins:
            return self._encode_whole(parts)
        ids: list[int] = []
        learned: list[bool] = []
        for number, part in enumerate(parts):
            encoded = self._ids(part.text, special=number == 0 and not self.chat.templated)
            ids += encoded
            learned += [part.learned] * len(encoded)
        return ids, learned

    def _ids(self, text: str, special: bool) -> list[int]:
        return self.tokenizer(text, add_special_tokens=special)["input_ids"]

    def _encode_whole(self, parts: Sequence[Part]) -> tuple[list[int], list[bool]]:
        encoded = self.tokenizer(
            "".join(part.text for part in parts),
            add_special_tokens=not self.chat.templated,
            return_offsets_mapping=True,
        )
        spans: list[tuple[int, int]] = []
        at = 0
        for part in parts:
            spans += [(at, at + len(part.text))] if part.learned else []
            at += len(part.text)
        learned = [
            any(start < end <= stop for start, stop in spans) and begin < end
            for begin, end in encoded["offset_mapping"]
        ]
        return encoded["input_ids"], learned


def _end(tokenizer: Any, chat: Chat) -> str:
    """The token that ends an answer: the one that the template puts after it."""
    if not chat.templated:
        if tokenizer.eos_token is None:
            raise NotTrainable(
                "the tokenizer has neither an eos token nor a chat template, so answers never end"
            )
        return tokenizer.eos_token
    try:
        probe = [{"role": "user", "content": "x"}, {"role": "assistant", "content": _PROBE}]
        text = chat.prompt(probe)
    except NoPrompt as error:
        raise NotTrainable(str(error)) from None
    behind = text.rpartition(_PROBE)[2].lstrip()
    specials = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    for token in sorted(specials, key=len, reverse=True):
        if behind.startswith(token):
            return token
    raise NotTrainable(
        f"the chat template ends an answer with {behind[:20]!r}, which is not a token of this"
        " model, so it cannot learn to stop; use a template that ends answers with a special token"
    )


def _joins(tokenizer: Any) -> bool:
    """Whether parts that are encoded separately decode to the whole text."""
    pieces = ("user:\n", "yes no", " x")
    ids = [i for piece in pieces for i in tokenizer(piece, add_special_tokens=False)["input_ids"]]
    decoded = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    return decoded == "".join(pieces)
