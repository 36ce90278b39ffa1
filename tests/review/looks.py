"""What Chromium drew, measured: contrast of texts and marks, and labels that are cut."""

from __future__ import annotations

from typing import Any, cast

from playwright.sync_api import Page

_COMMON = """
const parse = (colour) => {
  const canvas = parse.canvas ??= Object.assign(document.createElement('canvas'),
    {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, under) => {
  const a = top[3];
  return [0, 1, 2].map(i => top[i] * a + under[i] * (1 - a)).concat(1);
};
const backdrop = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    layers.push(parse(getComputedStyle(at).backgroundColor));
  }
  const page = getComputedStyle(document.documentElement).colorScheme.includes('dark')
    && matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
  return layers.reverse().reduce((under, top) => over(top, under), page);
};
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const contrast = (colour, opacity, element) => {
  const under = backdrop(element), top = parse(colour);
  const seen = over([top[0], top[1], top[2], top[3] * opacity], under);
  const [dark, light] = [luminance(seen), luminance(under)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const shown = (element) => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === 'visible';
};
"""
_TEXTS = """() => {%s
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), parent = walk.currentNode.parentElement;
    if (!text || !parent || parent.closest('script, style, title, desc, canvas') || !shown(parent)
        || parent.closest('[aria-disabled=true], :disabled'))
      continue;
    const style = getComputedStyle(parent), drawn = parent instanceof SVGElement;
    let opacity = 1;
    for (let at = parent; at; at = at.parentElement) opacity *= getComputedStyle(at).opacity;
    found.push([text.slice(0, 60), contrast(drawn ? style.fill : style.color, opacity, parent)]);
  }
  return found;
}"""
_MARKS = """() => {%s
  const found = [];
  for (const mark of document.querySelectorAll(
      '.mark-rule.role-mark line, .mark-symbol.role-mark path, .mark-line.role-mark path,'
      + 'svg .whisker, svg .dot, svg .point, svg .zero, svg .diagonal')) {
    // What is filled may have a halo in the colour of the page around it.
    const style = getComputedStyle(mark);
    const line = mark.tagName === 'line' || ['none', 'transparent'].includes(style.fill);
    const [paint, share] = line ? [style.stroke, style.strokeOpacity]
      : [style.fill, style.fillOpacity];
    found.push([mark.getAttribute('class') || mark.parentElement.getAttribute('class'),
      contrast(paint, style.opacity * share, mark.closest('svg'))]);
  }
  return found;
}"""
_CUT = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg.marks, figure svg')) {
    const frame = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      if (!text.textContent || getComputedStyle(text).opacity === '0') continue;
      if (box.left < frame.left - 0.5 || box.right > frame.right + 0.5
          || box.top < frame.top - 0.5 || box.bottom > frame.bottom + 0.5)
        found.push([text.textContent, box.left - frame.left, frame.right - box.right,
                    box.top - frame.top, frame.bottom - box.bottom].map(
                      v => typeof v === 'number' ? Math.round(10 * v) / 10 : v).join(' '));
    }
  }
  return found;
}"""
_OVERLAPS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg.marks, figure svg')) {
    const texts = [...svg.querySelectorAll('text')].filter(
      t => t.textContent && getComputedStyle(t).opacity !== '0');
    const boxes = texts.map(t => t.getBoundingClientRect());
    texts.forEach((one, i) => texts.slice(i + 1).forEach((other, k) => {
      const a = boxes[i], b = boxes[i + 1 + k];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 4) found.push(`${one.textContent} | ${other.textContent}`);
    }));
  }
  return found;
}"""


def _run(page: Page, script: str) -> list[Any]:
    return cast("list[Any]", page.evaluate(script))


def faint_texts(page: Page, least: float = 4.5) -> list[tuple[str, float]]:
    """The texts whose computed colour stands out less than so from what lies behind them."""
    found = _run(page, _TEXTS % _COMMON)
    assert found, "the page has no text"
    return sorted({(str(text), round(float(ratio), 2)) for text, ratio in found if ratio < least})


def marks(page: Page) -> list[tuple[str, float]]:
    """Every mark of every chart with the contrast of its computed paint."""
    return [(str(name), float(ratio)) for name, ratio in _run(page, _MARKS % _COMMON)]


def cut_labels(page: Page) -> list[str]:
    """The labels of charts that reach out of their drawing, and by how many pixels."""
    return [str(one) for one in _run(page, _CUT)]


def overlaps(page: Page) -> list[str]:
    """The pairs of labels of one chart that lie over each other."""
    return [str(one) for one in _run(page, _OVERLAPS)]
