"""What goes wrong with a request to an endpoint, and whether to ask again.

Asked again: 408, 409, 429, every 5xx, no connection, a broken answer, no answer in time. Never:
every other status, for the endpoint has understood and refused; and a 429 that says that the quota
is spent, for waiting does not fill it. The server's own `x-should-retry` has the last word.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, cast

from flywheel.samplers.endpoint.http import Answer
from graders.text.strict_json import parse_json

_AGAIN = frozenset({408, 409, 429})
_LONGEST_WAIT = 30.0
_SHOWN = 300
_UNKNOWN = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|invalid parameter|extra|forbidden"
    r"|not (supported|permitted|allowed|recogni[sz]ed)",
    re.IGNORECASE,
)


class Fault(NamedTuple):
    """Why there is no good answer.

    `again`: asking again may help. `crowded`: the endpoint has too much to do. `patient`: it is
    asked again as long as the time lasts, however often. `wait`: what it asks us to wait, seconds.
    `status` is the answer's, 0 where none came.
    """

    story: str
    again: bool = False
    crowded: bool = False
    patient: bool = False
    wait: float | None = None
    status: int = 0


def fault_of(answer: Answer) -> Fault | None:
    """What is wrong with this answer's status, None when it is a 2xx."""
    status = answer.status
    if 200 <= status < 300:
        return None
    story = f"the endpoint answered {_named(status)}: {_message(answer.body)}"
    if 300 <= status < 400:
        where = shorten(answer.headers.get("location", "nowhere"))
        story = f"the endpoint answered {_named(status)} and points to {where!r};"
        return Fault(f"{story} name that URL if you trust it", status=status)
    if status == 404:
        story += " (does the URL end in /v1, and is the model's name right?)"
    again = status in _AGAIN or status >= 500
    if status == 429 and "insufficient_quota" in story:
        again = False
    again = {"true": True, "false": False}.get(answer.headers.get("x-should-retry", ""), again)
    wait = retry_after(answer.headers, datetime.now(UTC)) if again else None
    return Fault(story, again, status in (429, 503), status == 429, wait, status)


def refuses_name(story: str, name: str) -> bool:
    """Whether a request was refused because the server does not know the parameter `name`.

    A value that is too large names the parameter too, and is no reason to ask under another name.
    """
    refused = tuple(f"the endpoint answered {_named(code)}" for code in (400, 422))
    return story.startswith(refused) and name in story and _UNKNOWN.search(story) is not None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or a date), None if unsaid."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            seconds = float(text) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


def backoff(attempts: int, first: float) -> float:
    """Seconds to wait after so many attempts: full jitter under a ceiling that doubles."""
    return random.uniform(0.0, min(_LONGEST_WAIT, first * 2 ** min(attempts - 1, 20)))


def _named(status: int) -> str:
    """The status with its name, where it has one."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _message(body: bytes) -> str:
    """What an error body says, in the API's shape or in any other."""
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed: Any = parse_json(text)
    except ValueError:
        return shorten(text) or "no body"
    if isinstance(parsed, dict):
        error = cast("dict[str, Any]", parsed).get("error", cast("Any", parsed))
        if isinstance(error, dict):
            fields = cast("dict[str, Any]", error)
            said = fields.get("message") or fields.get("detail") or text
            code = fields.get("code")
            return shorten(f"{said} ({code})" if code else str(said))
        return shorten(str(error))
    return shorten(text)


def shorten(text: str) -> str:
    """The beginning of a text that came from outside, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
