"""What a message says: text, or parts of text, images and sounds. One type wherever messages are.

Prompts of evalsets, judges' prompts and training rows spell parts as the APIs do: `text`,
`input_text` and `output_text` mean the same, and so do `image_url` and `input_image`. What is sent
has one spelling, that of chat completions, which samplers translate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from graders.grader import TemplateText, without_echo

_ECHOED = ("id", "status", "phase", "annotations", "logprobs")


class Wire(BaseModel):
    """A part of the definition that the API echoes with more keys than it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _read_what_the_api_echoes(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return without_echo(cast("Mapping[str, Any]", value), _ECHOED)


class TextPart(Wire):
    """Text. All spellings mean the same here."""

    type: Literal["input_text", "output_text", "text"]
    text: TemplateText


def _flat_image(value: Any) -> Any:
    """`image_url` of chat completions nests the address; here it stands beside the type."""
    if not isinstance(value, Mapping):
        return value
    part = cast("Mapping[str, Any]", value)
    if not isinstance(part.get("image_url"), Mapping):
        return part
    image = cast("Mapping[str, Any]", part["image_url"])
    return {**part, **{"image_url" if name == "url" else name: image[name] for name in image}}


class ImagePart(Wire):
    """An image by data URL, or by what an evalset's item says of it."""

    type: Literal["input_image", "image_url"]
    image_url: TemplateText
    detail: str | None = None
    file_id: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_both_spellings(cls, value: Any) -> Any:
        return _flat_image(value)


class Sound(Wire):
    """Base64 sound with its format."""

    data: TemplateText
    format: Literal["mp3", "wav"]


class AudioPart(Wire):
    """A sound."""

    type: Literal["input_audio"]
    input_audio: Sound


AnyPart = Annotated[
    Annotated[TextPart | ImagePart | AudioPart, Field(discriminator="type")],
    BeforeValidator(lambda v: {"type": "input_text", "text": v} if isinstance(v, str) else v),
]


Content = Annotated[
    Annotated[TemplateText, Tag("text")]
    | Annotated[
        tuple[AnyPart, ...],
        BeforeValidator(lambda v: [v] if isinstance(v, Mapping) else v),
        Tag("parts"),
    ],
    Discriminator(lambda content: "text" if isinstance(content, str) else "parts"),
]


def texts_of(content: str | tuple[Any, ...]) -> list[str]:
    """The templates of its text, without those of images and sounds."""
    if isinstance(content, str):
        return [content]
    return [part.text for part in content if isinstance(part, TextPart)]


def images_of(content: str | tuple[Any, ...]) -> list[str]:
    """The templates of its images' addresses."""
    if isinstance(content, str):
        return []
    return [part.image_url for part in content if isinstance(part, ImagePart)]


def filled(
    content: str | tuple[Any, ...], text: Callable[[str], str], address: Callable[[str], str]
) -> str | list[dict[str, Any]]:
    """Text when there is only text, else the parts in the shape of chat completions.

    `text` fills the templates of text, `address` those of images and sounds.
    """
    if isinstance(content, str):
        return text(content)
    parts = [_filled_part(part, text, address) for part in content]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _filled_part(
    part: TextPart | ImagePart | AudioPart,
    text: Callable[[str], str],
    address: Callable[[str], str],
) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": text(part.text)}
    if isinstance(part, ImagePart):
        image: dict[str, Any] = {"url": address(part.image_url)}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    sound = part.input_audio
    return {
        "type": "input_audio",
        "input_audio": {"data": address(sound.data), "format": sound.format},
    }
