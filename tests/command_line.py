"""click's runner of commands, with stderr apart from stdout in every version of click."""

from inspect import signature
from typing import Any

from click import testing

__all__ = ["CliRunner"]


class CliRunner(testing.CliRunner):
    """`click.testing.CliRunner`, which before 8.2 kept the two apart only when it was told to."""

    def __init__(self, **options: Any) -> None:
        apart = (
            {"mix_stderr": False} if "mix_stderr" in signature(testing.CliRunner.__init__).parameters else {}
        )
        super().__init__(**apart, **options)
