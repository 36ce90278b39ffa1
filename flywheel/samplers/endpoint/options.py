"""Multiple choice at an endpoint: what the first token's log-probabilities say of the options.

An endpoint lists the likeliest first tokens, 20 at most, and nothing of what follows them. So
options must be single tokens, such as A to D. Tokens that differ in surrounding space count
together. An option that is not listed is less likely than all that are: it gets the value of the
last one, a lower bound of its nats. When no option is listed, or one is longer than a token, the
answer is an error, for then nobody knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from flywheel.samplers.endpoint.wire import TOP
from flywheel.samplers.sampler import Output


def choose(output: Output, logprobs: Any, options: Sequence[str]) -> Output:
    """The output with the likeliest option as its text, or with an error."""
    listed = _listed(logprobs)
    if not listed:
        return output._replace(
            text="", error="the endpoint gave no log-probabilities, so options cannot be scored"
        )
    names = [option.strip() for option in options]
    if split := next((name for name in names if _is_split(name, names, listed)), None):
        return output._replace(text="", error=f"{split!r} is more than one token; {_WANTED}")
    if not any(name in listed for name in names):
        return output._replace(
            text="", error=f"no option is among the {TOP} likeliest first tokens; {_WANTED}"
        )
    least = min(listed.values())
    nats = tuple(-math.log(max(listed.get(name, least), 1e-300)) for name in names)
    best = options[min(range(len(nats)), key=nats.__getitem__)]
    ones = (1,) * len(nats)
    return output._replace(text=best, truncated=False, option_nats=nats, option_tokens=ones)


_WANTED = "an endpoint can score options of one token only, such as A to D"


def _listed(logprobs: Any) -> dict[str, float]:
    """The probability of each listed first token, without surrounding space."""
    found: dict[str, float] = {}
    first = cast("list[Any]", logprobs)[0] if isinstance(logprobs, list) and logprobs else None
    entries = cast("Mapping[str, Any]", first).get("top_logprobs") if first else None
    for entry in entries or ():
        token, logprob = entry.get("token"), entry.get("logprob")
        if isinstance(token, str) and isinstance(logprob, int | float) and logprob <= 0.001:
            name = token.strip()
            found[name] = found.get(name, 0.0) + math.exp(logprob)
    return found


def _is_split(name: str, names: Sequence[str], listed: Mapping[str, float]) -> bool:
    """Whether a listed token begins this option, is no option itself, and the option is not listed.

    Only a likely beginning counts: every vocabulary has single letters at the end of its lists.
    """
    if name in listed:
        return False
    best = max(listed.values())
    return any(
        token and token not in names and name.startswith(token) and chance >= best / 2
        for token, chance in listed.items()
    )
