"""Mathematics in docstrings, as MathML made when the site is built: no script draws it in the browser.

Both notations of docstrings are read: the role ``:math:`x``` in a line, and the block ``.. math::`` with what stands
below it, indented.
"""

import re
from textwrap import dedent

from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor

ROLE = r":math:`([^`]+)`"
BLOCK = re.compile(r"^( *)\.\. math::(.*)$")
BEFORE_CODE, AFTER_FENCES = 195, 22  # priorities: Python-Markdown reads code at 190, fences at 25


class Role(InlineProcessor):
    """A formula in a line."""

    def handleMatch(self, m, data):  # noqa: N802 - the name that Python-Markdown calls
        """Return a placeholder, and where the text goes on."""
        return self.md.htmlStash.store(convert(" ".join(m.group(1).split()))), m.start(0), m.end(0)


class Block(Preprocessor):
    """A formula on lines of its own."""

    def run(self, lines):
        """Return the lines, with a placeholder for each formula."""
        found, rest = [], list(lines)
        while rest:
            line = rest.pop(0)
            start = BLOCK.match(line)
            if start is None:
                found.append(line)
                continue
            indent, body = start.group(1), [start.group(2).strip()]
            while rest and (not rest[0].strip() or rest[0].startswith(indent + " ")):
                body.append(rest.pop(0))
            formula = f"{body[0]} {dedent(chr(10).join(body[1:]))}".strip()
            element = convert(" ".join(formula.split()), display="block")
            found += ["", indent + self.md.htmlStash.store(f'<div class="formula">{element}</div>'), ""]
        return found


class Mathematics(Extension):
    """Reads both notations."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name that Python-Markdown calls
        """Register the readers."""
        md.inlinePatterns.register(Role(ROLE, md), "math-role", BEFORE_CODE)
        md.preprocessors.register(Block(md), "math-block", AFTER_FENCES)
