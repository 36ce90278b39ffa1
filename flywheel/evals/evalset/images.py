"""Images of an evalset: files in its folder, or data URLs, checked and put into messages.

Nothing is downloaded, paths cannot leave the folder, and only files that are images by their first
bytes are sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flywheel.errors import BadItem
from flywheel.files import open_regular

_MOST_BYTES = 10_000_000
_KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def with_images(
    messages: Sequence[Mapping[str, Any]], folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages with each image as a data URL, and the sha256 of the images that are files.

    Raises BadItem for an address that is neither a data URL nor a file in the folder, for what is
    no image, and for one that is too large.
    """
    files: list[str] = []
    return [_with_images(message, folder, files) for message in messages], files


def inlined(address: str, folder: Path) -> tuple[str, str | None]:
    """An address as a data URL, with the sha256 of its file if it is one. Raises BadItem."""
    if address.startswith("data:"):
        kind = _check(_decoded(address), f"the data URL {address[:40]!r}")
        return f"data:{kind};base64,{address.partition(',')[2]}", None
    data = _read(address, folder)
    kind = _check(data, f"the file {address!r}")
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return url, hashlib.sha256(data).hexdigest()


def _with_images(message: Mapping[str, Any], folder: Path, files: list[str]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str) or content is None:
        return dict(message)
    return {**message, "content": [_part(part, folder, files) for part in content]}


def _part(part: Any, folder: Path, files: list[str]) -> Any:
    """A part in the words of chat completions. Raises BadItem."""
    match part:
        case {"type": "image_url", "image_url": {"url": str(address), **more}}:
            pass
        case {"type": "image_url" | "input_image", "image_url": str(address)}:
            more = {"detail": part["detail"]} if part.get("detail") else {}
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "input_audio"}:
            return part
        case _:
            raise BadItem(f"a part of a message is a text, an image or a sound, got {part!r:.80}")
    url, digest = inlined(address, folder)
    if digest is not None:
        files.append(digest)
    return {"type": "image_url", "image_url": {"url": url, **more}}


def _read(name: str, folder: Path) -> bytes:
    if "://" in name:
        raise BadItem(
            f"images are not fetched, so {name[:80]!r} cannot be used; put the file into the"
            " evalset's folder and name it, or write it as a data URL"
        )
    folder = folder.resolve()
    try:
        path = Path(os.path.realpath(folder / name))
    except ValueError:  # a name that no file can have
        path = folder
    if not path.is_relative_to(folder) or path == folder:
        raise BadItem(f"the image {name[:200]!r} is not in the evalset's folder")
    try:
        with open_regular(path) as file:
            return file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadItem(f"the image {name[:200]!r} cannot be read: {error.strerror}") from None


def _decoded(url: str) -> bytes:
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise BadItem(f"an image's data URL is data:image/...;base64,..., got {url[:40]!r}")
    if len(data) > _MOST_BYTES * 4 // 3 + 4:
        raise BadItem(f"an image has at most {_MOST_BYTES:,} bytes; a data URL here has more")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise BadItem(f"the data URL {url[:40]!r} is not base64") from None


def _check(data: bytes, what: str) -> str:
    """The type of an image by its first bytes. Raises BadItem."""
    if len(data) > _MOST_BYTES:
        raise BadItem(f"{what} has more than {_MOST_BYTES:,} bytes, the most that an image has")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for magic, kind in _KINDS.items():
        if data.startswith(magic):
            return kind
    raise BadItem(f"{what} is no PNG, JPEG, GIF or WebP image")
