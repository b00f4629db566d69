"""The command line: `group` holds the commands together, and each command is one file."""

from proofolio.cli.group import command_line, main

__all__ = ["command_line", "main"]
