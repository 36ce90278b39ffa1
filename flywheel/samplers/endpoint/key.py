"""The key of an endpoint: where it comes from, where it may go, and how it stays out of sight.

A key comes from an environment variable, never from a URL, a file or a command line. Without a
name it is OPENAI_API_KEY's, sent only where nobody on the way can read it: over https, or to this
machine. Servers repeat keys in their errors, whole, cut or encoded: all of it is taken out of what
an endpoint said before anything else sees it.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from flywheel.errors import BadOption
from flywheel.samplers.sampler import Output

DEFAULT_KEY_ENV = "OPENAI_API_KEY"
_HIDDEN = "[the key]"
# Fewer characters of a key in a row are no use to anybody, and may be any word.
_SHORTEST = 6
_SHORTEST_SECRET = 16
_SHORT_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SECRET_FIELD = re.compile(r"key|token|secret|passw|credential|auth|sig(nature)?$", re.IGNORECASE)
_INSTEAD = (
    "would end up in logs and in the store; --api-key-env names the environment variable that holds"
    " the key instead"
)


class Key:
    """A key that no `repr` shows. An empty one is no key: nothing is sent, nothing is hidden."""

    __slots__ = ("_forms", "_parts", "_value")

    def __init__(self, value: str = "") -> None:
        self._value = value
        self._forms = _forms(value) if len(value) >= _SHORTEST else ()
        self._parts = frozenset(
            form[i : i + _SHORTEST]
            for form in self._forms
            for i in range(len(form) - _SHORTEST + 1)
        )

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Key(hidden)" if self else "Key()"

    def __reduce__(self) -> Any:
        raise TypeError("a key is never written down; name its environment variable instead")

    def header(self) -> dict[str, str]:
        """The header that carries the key, none without one."""
        return {"Authorization": f"Bearer {self._value}"} if self else {}

    def is_in(self, text: str) -> bool:
        """Whether the text has the whole key in it, as it is or encoded."""
        return any(form in text for form in self._forms)

    def redact(self, text: str) -> str:
        """The text without the key and without any longer part of it. For short texts."""
        text = self._without(text)
        covered = bytearray(len(text))
        for i in range(len(text) - _SHORTEST + 1):
            if text[i : i + _SHORTEST] in self._parts:
                covered[i : i + _SHORTEST] = b"\1" * _SHORTEST
        runs = groupby(zip(text, covered, strict=True), key=lambda pair: pair[1])
        return "".join(
            _HIDDEN if is_part else "".join(char for char, _ in run) for is_part, run in runs
        )

    def hide(self, output: Output) -> Output:
        """The output without the key: its error without any part, the rest without the whole.

        A key as short as a word stays in answers, where it may be one.
        """
        if output.error is not None:
            output = output._replace(error=self.redact(output.error))
        if len(self._value) < _SHORTEST_SECRET:
            return output
        said = (output.text, output.model, output.refusal or "", output.violation or "")
        tools = json.dumps(list(output.tools)) if output.tools else ""
        if not any(form in one for one in (*said, tools) for form in self._forms):
            return output
        return output._replace(
            text=self._without(output.text),
            model=self._without(output.model),
            refusal=output.refusal and self._without(output.refusal),
            violation=output.violation and self._without(output.violation),
            tools=tuple(json.loads(self._without(tools))) if tools else (),
        )

    def _without(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text


def read_key(url: str, name: str | None, environ: Mapping[str, str] = os.environ) -> Key:
    """The key for this URL, from the variable of this name or the default one.

    Raises BadOption for a named variable that holds no key, for what is no variable's name, and for
    a URL that has the key in it.
    """
    if name is None:
        value = environ.get(DEFAULT_KEY_ENV, "").strip() if _is_private(urlsplit(url)) else ""
        key = Key(value if value.isascii() and value.isprintable() else "")
    else:
        check_name(name)
        key = Key(_named(name, environ))
    if key.is_in(url):
        raise BadOption("the URL of the endpoint has the key in it; take it out of the URL")
    return key


def check_name(name: str) -> None:
    """Raise BadOption for what cannot be a variable's name. It may be a key, so it is not shown."""
    if not _NAME.fullmatch(name):
        raise BadOption(
            "wanted the name of an environment variable that holds the key, such as"
            f" {DEFAULT_KEY_ENV}; what came is no such name, and is not shown here, for it may be"
            " the key itself"
        )


def check_url(url: str, wanted: str = "http(s)://host:port/v1") -> SplitResult:
    """The parts of a URL that can be asked, without any secret in it. Raises BadOption."""
    shown = "what came" if "@" in url else repr(url.partition("?")[0])
    if any(char <= " " or char > "~" for char in url):
        raise BadOption(f"{shown} is not a URL; wanted {wanted}")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise BadOption(f"{shown} is not a URL; wanted {wanted}") from None
    if parts.username is not None or parts.password is not None:
        raise BadOption(f"the URL holds a user or a password, which {_INSTEAD}")
    for field, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRET_FIELD.search(field):
            raise BadOption(f"{shown} holds a key in its field {field!r}, which {_INSTEAD}")
    if not fine:
        raise BadOption(f"{shown} is not a URL; wanted {wanted}")
    return parts


def _is_private(url: SplitResult) -> bool:
    """Whether nobody on the way to this URL can read what is sent."""
    host = url.hostname or ""
    if url.scheme == "https" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _named(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    # A key that was given in place of a name must not come back in an error.
    shown = repr(name) if _SHORT_NAME.fullmatch(name) else "of that name"
    if not value:
        raise BadOption(f"the environment variable {shown}, which should hold the key, is not set")
    if not (value.isascii() and value.isprintable()):
        raise BadOption(f"the key in the environment variable {shown} has odd characters in it")
    return value


def _forms(key: str) -> tuple[str, ...]:
    """The key as servers write it: as it is, in a URL, in base64 behind any two bytes, in hex."""
    found = {key, quote(key), quote(key, safe=""), json.dumps(key)[1:-1], key.encode().hex()}
    found.add(key.encode().hex().upper())
    for ahead in range(3):
        # Characters that depend on what stands before or after the key are left out.
        whole = base64.b64encode(b"\0" * ahead + key.encode()).decode().rstrip("=")
        inner = whole[(0, 2, 3)[ahead] : len(whole) - 1]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return tuple(sorted((form for form in found if form), key=len, reverse=True))
