"""Docstrings for the site: a public name in backquotes becomes a link to its page."""

import re

import griffe

from proofolio.public_names import HOMES

NAME = re.compile(r"(?<![`\w\[:])`(\w+)`(?!`)")


class PublicNames(griffe.Extension):
    """Links between the pages of public names."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rewrite the docstring of an object that was loaded."""
        if obj.docstring is not None:
            obj.docstring.value = linked(obj.docstring.value, obj.path)


def linked(text: str, path: str) -> str:
    """Return a docstring with its public names as links; the object's own name stays as it is."""

    def link(found: re.Match[str]) -> str:
        target = f"{HOMES.get(found.group(1))}.{found.group(1)}"
        return (
            found.group() if found.group(1) not in HOMES or path == target else f"[{found.group()}][{target}]"
        )

    return NAME.sub(link, text)
