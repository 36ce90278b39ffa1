# pyright: standard
"""Conversations as the text that a model learns: its chat template, and which parts carry loss.

Prompts are rendered as they are for sampling, so that a model is trained on what it will be asked.
The parts that carry loss are found without markers in the template: the text up to an answer must
begin the text with the answer, and an answer ends with the token that ends its turn. A template
for which that does not hold is refused, with what to do about the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flywheel.errors import FlywheelError
from flywheel.samplers.local.chat import Chat, NoPrompt

_PROBE = "the answer is 4711"


class NotTrainable(FlywheelError):
    """A conversation or a template from which no loss mask can be made."""


class Part(NamedTuple):
    """A piece of a rendered conversation. `learned`: it carries loss."""

    text: str
    learned: bool


@dataclass(frozen=True, slots=True)
class Template:
    """The template of one tokenizer. `end` is the text of the token that ends an answer."""

    tokenizer: Any
    chat: Chat
    end: str
    end_id: int
    joins: bool

    @classmethod
    def of(cls, tokenizer: Any) -> Template:
        """The template that came with a tokenizer. Raises NotTrainable when answers never end."""
        chat = Chat(tokenizer)
        end = _end(tokenizer, chat)
        return cls(tokenizer, chat, end, tokenizer.convert_tokens_to_ids(end), _joins(tokenizer))

    def prompt(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> str:
        """The text up to where the answer begins. Raises NotTrainable."""
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
        """The conversation up to the last message that is learned, in pieces. Raises NotTrainable.

        A learned piece is an answer with the token that ends it.
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
                    "this chat template writes earlier answers in another way once the conversation"
                    " goes on, so only the last one can be learnt; give the earlier ones weight 0,"
                    " or split the row into one row for each answer"
                )
            parts += [Part(before[len(done) :], False), Part(answer, True)]
            done = before + answer
        return parts

    def _before(
        self, messages: Sequence[Mapping[str, Any]], index: int, tools: Sequence[Mapping[str, Any]]
    ) -> str:
        if index:
            return self.prompt(messages[:index], tools)
        # Nothing is asked of an assistant who speaks first, and templates render no empty list.
        said = str(messages[0].get("content") or "").strip()
        return self.prompt(messages[:1], tools).partition(said)[0] if said else ""

    def _answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        index: int,
        before: str,
        tools: Sequence[Mapping[str, Any]],
    ) -> str:
        said = str(messages[index].get("content") or "")
        if not self.chat.templated:
            return said + self.end
        whole = self.prompt(messages[: index + 1], tools)
        if not whole.startswith(before):
            raise NotTrainable(
                "this chat template writes the prompt in another way once it is answered, so"
                f" message {index} cannot be told from its prompt; use a template that does not"
            )
        rest = whole[len(before) :]
        found = rest.find(said.strip())
        at = rest.find(self.end, found + len(said.strip()) if found >= 0 else 0)
        if at < 0:
            raise NotTrainable(f"message {index}: its turn does not end with {self.end!r}")
        return rest[: at + len(self.end)]

    def encode(self, parts: Sequence[Part]) -> tuple[list[int], list[bool]]:
        """The tokens of the pieces, and which of them carry loss.

        A prompt has the tokens that it has when it is sampled from: pieces are encoded one by one.
        Where the tokenizer would put a space before each, the whole is, and a token belongs to the
        piece in which it ends.
        """
        if not self.joins:
            return self._encode_whole(parts)
        ids: list[int] = []
        learned: list[bool] = []
        for number, part in enumerate(parts):
            found = self._ids(part.text, special=number == 0 and not self.chat.templated)
            ids += found
            learned += [part.learned] * len(found)
        return ids, learned

    def _ids(self, text: str, special: bool) -> list[int]:
        return self.tokenizer(text, add_special_tokens=special)["input_ids"]

    def _encode_whole(self, parts: Sequence[Part]) -> tuple[list[int], list[bool]]:
        found = self.tokenizer(
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
            for begin, end in found["offset_mapping"]
        ]
        return found["input_ids"], learned


def _end(tokenizer: Any, chat: Chat) -> str:
    """The token that ends an answer: the one that the template puts behind it."""
    if not chat.templated:
        if tokenizer.eos_token is None:
            raise NotTrainable(
                "the tokenizer has no eos token and no chat template, so answers would never end"
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
        f"the chat template ends an answer with {behind[:20]!r}, which is no token of this model,"
        " so it could never learn to stop; use a template that ends answers with a special token"
    )


def _joins(tokenizer: Any) -> bool:
    """Whether pieces that are encoded one by one are the text when they are put together."""
    pieces = ("user:\n", "yes no", " x")
    ids = [i for piece in pieces for i in tokenizer(piece, add_special_tokens=False)["input_ids"]]
    decoded = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
    return decoded == "".join(pieces)
