"""replay: a sampler that returns recorded answers, without a model and without cost.

A line of the file is `{"prompt": DIGEST, "text": "…"}`, with the recorded `refusal`, `truncated`,
`model` and `error`. DIGEST is `prompt_digest` of the messages; a file written by hand may have the
`messages` instead. A prompt that was recorded several times gets its answers in order. Lines
without a prompt answer, in order, the prompts that were not recorded. A prompt without a remaining
answer is an error.

Sampling parameters are not part of the digest: a replay with others returns the same answers.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from flywheel.document import read_text
from flywheel.errors import BadFile
from flywheel.samplers.sampler import Output, Request
from flywheel.samplers.structured import checked
from graders.text.strict_json import parse_json
from graders.ungraded import Usage


class Recorded(BaseModel):
    """One line of the file: an answer, and its prompt if known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str | None = None
    messages: list[dict[str, Any]] | None = None
    text: str = ""
    model: str = "replay"
    refusal: str | None = None
    truncated: bool = False
    error: str | None = None
    usage: tuple[int, int, int] = (0, 0, 0)

    def key(self) -> str | None:
        """The digest of the prompt, None for a line without a prompt."""
        return self.prompt if self.messages is None else prompt_digest(self.messages)


class ReplaySampler:
    """Answers from records. Each sampler counts the answers that it has given."""

    def __init__(self, records: Iterable[Recorded]) -> None:
        self._known: defaultdict[str | None, deque[Recorded]] = defaultdict(deque)
        for record in records:
            self._known[record.key()].append(record)

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """Answer every request once, in order."""
        for index, request in enumerate(requests):
            yield index, self._answer(request)

    def _answer(self, request: Request) -> Output:
        if request.options or request.reference is not None:
            return Output(model="replay", error="a replay cannot score options or references")
        digest = prompt_digest(request.messages)
        key = digest if digest in self._known else None
        if not self._known[key]:
            story = f"the answers recorded for the prompt {digest[:12]} are used up"
            if key is None:
                story = f"no answer was recorded for the prompt {digest[:12]}"
            return Output(model="replay", error=f"{story}: {request.text()[:60]!r}")
        record = self._known[key].popleft()
        output = Output(
            record.text,
            record.model,
            Usage(*record.usage),
            record.refusal,
            record.truncated,
            record.error,
        )
        if record.error is not None or record.refusal is not None:
            return output
        return checked(output, request.schema)


def prompt_digest(messages: Sequence[Mapping[str, Any]]) -> str:
    """The sha256 of the messages as JSON with sorted keys."""
    text = json.dumps([dict(message) for message in messages], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def record(request: Request, output: Output) -> str:
    """The line that replays this output. Tool calls and log-probabilities are not kept."""
    usage = output.usage
    made = Recorded(
        prompt=prompt_digest(request.messages),
        text=output.text,
        model=output.model,
        refusal=output.refusal,
        truncated=output.truncated,
        error=output.error,
        usage=(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens),
    )
    return json.dumps(made.model_dump(exclude_defaults=True))


def load_replay(path: Path) -> ReplaySampler:
    """Read records, one JSON object a line. Raises BadFile with the line."""
    records: list[Recorded] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            records.append(Recorded.model_validate(parse_json(line)))
        except ValueError as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else 1
            story = f"not JSON: {error}"
            if isinstance(error, ValidationError):
                fault = error.errors(include_url=False)[0]
                name = ".".join(str(step) for step in fault["loc"])
                story = f"not a record: {name}: {fault['msg']}"
            raise BadFile(
                f'{path}:{number}:{column}: {story}; wanted {{"prompt": "<digest>", "text": "…"}}'
            ) from None
    return ReplaySampler(records)
