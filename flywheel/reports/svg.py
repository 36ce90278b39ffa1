"""A minimal SVG writer. Shapes have classes; the page's style sheet sets their colours."""

from __future__ import annotations

from xml.etree import ElementTree


class Drawing:
    """A drawing of a fixed size in its own units; the page scales it.

    `title` and `description` are for screen readers.
    """

    def __init__(self, size: tuple[float, float], title: str, description: str) -> None:
        self._root = ElementTree.Element(
            "svg", {"viewBox": f"0 0 {size[0]:g} {size[1]:g}", "role": "img"}
        )
        self._root.set("aria-label", title)
        ElementTree.SubElement(self._root, "title").text = title
        ElementTree.SubElement(self._root, "desc").text = description

    def add(self, tag: str, look: str, text: str | None = None, **places: float | str) -> None:
        """Add a shape or text. `look` is its class; `text_anchor` becomes `text-anchor`."""
        shape = ElementTree.SubElement(self._root, tag, {"class": look})
        for key, value in places.items():
            written = value if isinstance(value, str) else f"{round(value, 1):g}"
            shape.set(key.replace("_", "-"), written)
        if text is not None:
            shape.text = text

    def markup(self) -> str:
        """The drawing as an `svg` element."""
        return ElementTree.tostring(self._root, encoding="unicode")
