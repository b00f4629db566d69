"""Pages as Chromium lays them out, as wide as a laptop and as a phone, light or dark, and what is wrong there."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["LEAST_CONTRAST", "SMALLEST", "WIDTHS", "measure", "needs_browser"]

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
WIDTHS = (1280, 400)
SMALLEST, LEAST_CONTRAST = 11.0, 4.5  # pixels of text; WCAG 2.1, level AA

MEASURE = """
const found = [];
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
// red, green, blue, and opacity
const shade = c => {
  const v = c.match(/[\\d.]+/g).map(Number), scale = c.startsWith("color") ? 255 : 1;
  return [...v.slice(0, 3).map(x => x * scale), v.length > 3 ? v[3] : 1];
};
const over = (top, below) => [0, 1, 2].map(k => top[3] * top[k] + (1 - top[3]) * below[k]);
const ground = (e, view) => {
  const layers = [];
  for (let up = e; up; up = up.parentElement) {
    layers.push(shade(view.getComputedStyle(up).backgroundColor));
    if (layers.at(-1)[3] === 1) break;
  }
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
};
const light = c => {
  const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const seen = (e, width) => [...e.getClientRects()].some(r => r.width > 0 && r.right > 0 && r.left < width);
const name = e => `${e.tagName} ${e.textContent.trim().slice(0, 40)}`;
for (const frame of document.querySelectorAll("iframe")) {
  const doc = frame.contentDocument, view = frame.contentWindow, width = doc.documentElement.clientWidth;
  const own = {page: frame.dataset.page, width, dark, wider: [], small: [], faint: [], cut: [], over: [], texts: 0};
  if (doc.documentElement.scrollWidth > width) own.wider.push(`the page: ${doc.documentElement.scrollWidth}`);
  for (const box of doc.querySelectorAll("WITHIN"))
    if (box.scrollWidth > box.clientWidth + 1) own.wider.push(`${box.className} ${box.scrollWidth} ${name(box)}`);
  // what scrolls sideways says so: a shadow where there is more
  for (const box of doc.querySelectorAll("body *")) {
    if (box.scrollWidth <= box.clientWidth + 1 || !seen(box, width)) continue;
    const shadows = [null, "::after"].map(part => view.getComputedStyle(box, part).backgroundImage).join();
    if (/auto|scroll/.test(view.getComputedStyle(box).overflowX) && !shadows.includes("gradient"))
      own.wider.push(`no cue: ${box.className} ${name(box)}`);
  }
  for (const svg of doc.querySelectorAll("svg")) {
    const texts = [...svg.querySelectorAll("text")].filter(e => e.getClientRects().length && e.textContent.trim());
    const boxes = texts.map(e => e.getBoundingClientRect());
    for (let i = 0; i < boxes.length; i++)
      for (let j = 0; j < i; j++) {
        const [a, b] = [boxes[i], boxes[j]];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 2 && down > 0.35 * Math.min(a.height, b.height, a.width, b.width))
          own.over.push(`${svg.getAttribute("aria-label").slice(0, 20)}: ${name(texts[i])} | ${name(texts[j])}`);
      }
  }
  const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !seen(e, width) || e.closest("title, style, script, UNREAD")) continue;
    const style = view.getComputedStyle(e), svg = e.ownerSVGElement;
    if (style.visibility === "hidden" || style.opacity === "0") continue;
    own.texts++;
    const size = parseFloat(style.fontSize) * (svg ? svg.getScreenCTM().a : 1);
    if (size < SMALLEST) own.small.push(`${size.toFixed(1)} ${name(e)}`);
    if (svg) {
      const text = e.getBoundingClientRect(), box = svg.getBoundingClientRect();
      if (text.left < box.left - 2 || text.right > box.right + 2 || text.top < box.top - 2 ||
          text.bottom > box.bottom + 2) own.cut.push(name(e));
    } else {
      const below = ground(e, view), [a, b] = [light(over(shade(style.color), below)), light(below)];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < LEAST_CONTRAST) own.faint.push(`${contrast.toFixed(1)} ${name(e)}`);
    }
  }
  found.push(own);
}
document.body.innerHTML = "<pre id='found'></pre>";
document.getElementById("found").textContent = JSON.stringify(found);
"""


def measure(
    pages: Sequence[Path], theme: str, folder: Path, *, within: str, unread: str, seconds: float = 180.0
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what is wrong on each page at each width, and the lines that reached the console.

    Parameters
    ----------
    pages : sequence of Path
    theme : {"light", "dark"}
    folder : Path
        An empty one, for the sheet of frames.
    within : str
        A selector of boxes in which nothing may be wider than the box.
    unread : str
        A selector of what is no text to read.
    seconds : float
        The most this may take.
    """
    frames = "".join(
        f"<iframe data-page='{path.parent.name}/{path.stem}' src='{path.as_uri()}' "
        f"style='border:0;width:{width}px;height:1000px'></iframe>"
        for path in pages
        for width in WIDTHS
    )
    script = MEASURE
    for word, value in {
        "SMALLEST": str(SMALLEST),
        "LEAST_CONTRAST": str(LEAST_CONTRAST),
        "WITHIN": within,
        "UNREAD": unread,
    }.items():
        script = script.replace(word, value)
    sheet = folder / "sheet.html"
    sheet.write_text(
        f"<!DOCTYPE html><body style='margin:0'>{frames}<script>onload = () => {{{script}}};</script></body>",
        encoding="utf-8",
    )
    shown = subprocess.run(
        [
            str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom",
            "--allow-file-access-from-files", "--window-size=1300,1000", "--enable-logging=stderr",
            f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}", sheet.as_uri(),
        ],
        capture_output=True, text=True, timeout=seconds, check=True,
    )  # fmt: skip
    document = re.search(r"<pre id=.found.>(.*?)</pre>", shown.stdout, re.DOTALL)
    assert document, shown.stderr
    found = json.loads(html.unescape(document.group(1)))
    assert len(found) == len(pages) * len(WIDTHS)
    assert all(own["texts"] > 10 and own["dark"] == (theme == "dark") for own in found)
    assert {own["width"] for own in found} == set(WIDTHS)
    return found, [line for line in shown.stderr.splitlines() if ":CONSOLE" in line]
