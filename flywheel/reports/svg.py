"""SVG, as little of it as the plots need. Colours are classes, so the page's style decides them."""

from __future__ import annotations

from xml.etree import ElementTree


class Drawing:
    """A drawing of a fixed size in units of its own; the page scales it.

    `title` is what a reader hears who does not see it, `told` what the drawing shows.
    """

    def __init__(self, size: tuple[float, float], title: str, told: str) -> None:
        self._root = ElementTree.Element(
            "svg", {"viewBox": f"0 0 {size[0]:g} {size[1]:g}", "role": "img"}
        )
        self._root.set("aria-label", title)
        ElementTree.SubElement(self._root, "title").text = title
        ElementTree.SubElement(self._root, "desc").text = told

    def add(self, tag: str, look: str, text: str | None = None, **places: float | str) -> None:
        """One shape or a text. `look` names its classes; `text_anchor` stands for `text-anchor`."""
        shape = ElementTree.SubElement(self._root, tag, {"class": look})
        for key, value in places.items():
            told = value if isinstance(value, str) else f"{round(value, 1):g}"
            shape.set(key.replace("_", "-"), told)
        if text is not None:
            shape.text = text

    def markup(self) -> str:
        """The drawing as it stands in an HTML page."""
        return ElementTree.tostring(self._root, encoding="unicode")
