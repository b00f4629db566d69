"""Docstrings for the site: a public name in backquotes becomes a link to its page."""

import re

import griffe

from proofolio.public_names import HOMES

# Of a section of parameters: several names that share a type, and what is said of them, which is indented.
SHARED = re.compile(r"^( *)(\w+(?:, \w+)+) : (.*)((?:\n\1 +.*|\n *(?=\n\1 ))*)", re.MULTILINE)
# What is no Python is shown as it is written; "array_like, shape (n,)" would be read as Python, and lose its comma.
SHAPE = re.compile(r"^( *\w+ : [^\n]*?), shape (?=\()", re.MULTILINE)
NAME = re.compile(r"(?<![`\w\[:])`(\w+)`(?!`)")


class PublicNames(griffe.Extension):
    """Links between the pages of public names."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Rewrite the docstring of an object that was loaded."""
        if obj.docstring is not None:
            obj.docstring.value = linked(apart(obj.docstring.value), obj.path)


def apart(text: str) -> str:
    """Return a docstring in which names that share a line have a line each, so that each is shown with its default."""

    def each(found: re.Match[str]) -> str:
        indent, names, kind, body = found.groups()
        return "\n".join(f"{indent}{name} : {kind}{body}" for name in names.split(", "))

    return SHAPE.sub(r"\1 of shape ", SHARED.sub(each, text))


def linked(text: str, path: str) -> str:
    """Return a docstring with its public names as links; the object's own name stays as it is."""

    def link(found: re.Match[str]) -> str:
        target = f"{HOMES.get(found.group(1))}.{found.group(1)}"
        return (
            found.group() if found.group(1) not in HOMES or path == target else f"[{found.group()}][{target}]"
        )

    return NAME.sub(link, text)
