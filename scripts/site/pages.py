"""The pages of the site that nobody writes by hand, and what is checked when all are there.

The reference: a page for every public name (grouped as in the docstring of the package) and for every command. Links
that lead out of docs/ go to the repository. The build fails where a public name has no page, a formula was not read,
or a page would fetch something from elsewhere.
"""

import html
import inspect
import re
import tomllib
from pathlib import Path

import click
from examples import example_pages, said, scripts
from mathematics import Mathematics
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

import proofolio
from proofolio.cli.group import COMMANDS, command_line
from proofolio.public_names import HOMES

ROOT = Path(__file__).resolve().parents[2]
TITLES = {
    "model": "Model",
    "formulate": "Formulate",
    "prove": "Prove",
    "audit": "Audit",
    "solve": "Solve and check",
    "portfolios": "Portfolios and regimes",
    "views": "Views",
    "control": "Control",
    "backtest": "Backtests and tuning",
    "errors": "Errors and warnings",
}
# The names of an option, if it has any, and what it takes.
OPTION = re.compile(r"((?:-[-\w]+(?:, | / )?)*) ?(.*)")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)")
FETCHED = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'\s>]+""")
NOT_READ = re.compile(r":math:|\.\. math::|\{http:")


def groups() -> dict[str, list[str]]:
    """Return the public names by group, as the docstring of the package lists them."""
    text = proofolio.__doc__.partition("groups:")[2]
    found = re.findall(r"^(\w+) +(`.*(?:\n .*)*)", text, re.MULTILINE)
    return {group: re.findall(r"`(\w+)`", names) for group, names in found}


def name_page(name: str) -> str:
    """Return the Markdown of the page of a public name."""
    return (
        f"---\ntitle: {name}\n---\n\n"
        f"::: {HOMES[name]}.{name}\n    options:\n      heading: proofolio.{name}\n      toc_label: {name}\n"
    )


def group_page(group: str, names: list[str]) -> str:
    """Return the Markdown of a page that lists a group with the first sentence of each docstring."""
    lines = [f"# {TITLES[group]}", "", "| name | |", "| --- | --- |"]
    for name in names:
        summary = (getattr(proofolio, name).__doc__ or "").strip().partition("\n\n")[0]
        lines.append(f"| [`{name}`]({name}.md) | {' '.join(summary.split()).replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def command_page(name: str) -> str:
    """Return the Markdown of the page of a command, from its help."""
    command = command_line.get_command(click.Context(command_line), name)
    assert command is not None
    context = click.Context(command, info_name=f"proofolio {name}", help_option_names=["-h", "--help"])
    usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
    lines = [f"# proofolio {name}", "", f"    {usage}", "", plain(command.help or ""), "", "## Options", ""]
    lines += ['<div class="options" markdown>', "", "| option | |", "| --- | --- |"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            meaning = html.escape(record[1].replace("|", "\\|"), quote=False)
            lines.append(f"| {option_code(record[0])} | {meaning} |")
    lines += ["", "</div>"]
    heading, _, examples = plain(command.epilog or "").partition("\n")
    if examples:
        lines += [
            "",
            f"## {heading.rstrip(':')}",
            "",
            *(f"    {line.strip()}" for line in examples.splitlines()),
        ]
    return "\n".join(lines) + "\n"


def option_code(option: str) -> str:
    """Return the names of an option as code, and what it takes as code that may be broken over lines at each ``|``."""
    names, takes = OPTION.fullmatch(option).groups()  # type: ignore[union-attr]
    return " ".join(f"`{part}`" for part in (names, (takes or "").replace("|", "|\u200b")) if part)


def plain(text: str) -> str:
    """Return a text of click's as Markdown: without its marks for blocks that are not wrapped."""
    return html.escape(inspect.cleandoc(text.replace("\b\n", "")), quote=False)


def pages() -> dict[str, str]:
    """Return the Markdown of every page of the reference that is made here, by its place in docs/."""
    found = {}
    for group, names in groups().items():
        found[f"reference/{group}/index.md"] = group_page(group, names)
        found |= {f"reference/{group}/{name}.md": name_page(name) for name in names}
    lines = [f"| [`proofolio {name}`]({name}.md) | {what} |" for name, what in COMMANDS.items()]
    top = ["# Commands", "", plain(command_line.help or ""), "", "| command | |", "| --- | --- |"]
    found["reference/commands/index.md"] = "\n".join([*top, *lines]) + "\n"
    found |= {f"reference/commands/{name}.md": command_page(name) for name in COMMANDS}
    return found


@event_priority(100)  # before mkdocstrings takes the extensions for docstrings
def on_config(config):
    """Let Markdown read formulas, and give the reference its place in the navigation."""
    config.markdown_extensions.append(Mathematics())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    config.site_description = project["description"]
    config.extra["repository"] = project["urls"]["Repository"]
    gallery = next(part["Gallery"] for part in config.nav if "Gallery" in part)
    gallery += [{said(script)[0]: f"gallery/{script.stem}.md"} for script in scripts()]
    reference = next(part["Reference"] for part in config.nav if "Reference" in part)
    commands = ["reference/commands/index.md", *(f"reference/commands/{name}.md" for name in COMMANDS)]
    reference.append({"Commands": commands})
    for group, names in groups().items():
        members = [f"reference/{group}/index.md", *(f"reference/{group}/{name}.md" for name in names)]
        reference.append({TITLES[group]: members})
    return config


def on_files(files, config):
    """Add the pages that are made here."""
    for place, text in (pages() | example_pages()).items():
        files.append(File.generated(config, place, content=text))
    return files


def contents() -> str:
    """Return the list of groups, names and commands that stands below the first page of the reference."""
    lines = ["", "| group | names |", "| --- | --- |"]
    lines.append(
        "| [Commands](commands/index.md) | " + ", ".join(f"[`{c}`](commands/{c}.md)" for c in COMMANDS) + " |"
    )
    for group, names in groups().items():
        links = ", ".join(f"[`{name}`]({group}/{name}.md)" for name in names)
        lines.append(f"| [{TITLES[group]}]({group}/index.md) | {links} |")
    return "\n".join(lines) + "\n"


def on_page_markdown(markdown, page, config, files):
    """Lead links to a notebook or an example to its page, and to a folder or a file out of docs/ to the repository."""
    if page.file.src_uri == "reference/index.md":
        markdown += contents()
    docs = Path(config.docs_dir)
    here = (docs / page.file.src_uri).parent
    examples = docs / "notebooks", docs / "gallery"

    def link(found):
        path = (here / found.group(1)).resolve()
        if path.parent in examples and here not in examples and path.suffix in (".ipynb", ".py"):
            return f"]({Path(found.group(1)).with_suffix('.md').as_posix()})"  # from elsewhere the page, not the file
        if path.is_relative_to(docs) and not path.is_dir():
            return found.group()
        place = path.relative_to(ROOT).as_posix()
        return f"]({config.extra['repository']}/blob/main/{place}{found.group(2) or ''})"

    return LINK.sub(link, markdown)


def on_post_build(config):
    """Refuse a site that lacks a public name, shows a formula as it was typed, or fetches from elsewhere."""
    site = Path(config.site_dir)
    (site / "404.html").unlink(missing_ok=True)  # a server's page, whose links are of the server's root
    wrong = []
    for group, names in groups().items():
        for name in names:
            page = site / "reference" / group / f"{name}.html"
            if not page.exists() or f'id="{HOMES[name]}.{name}"' not in page.read_text(encoding="utf-8"):
                wrong.append(f"the public name {name} has no reference page")
    listed = {name for names in groups().values() for name in names}
    wrong += [f"the public name {name} is in no group" for name in HOMES if name not in listed]
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        place = page.relative_to(site)
        wrong += [
            f"{place} fetches {found}" for found in FETCHED.findall(text) if 'rel="canonical"' not in found
        ]
        if NOT_READ.search(text):
            wrong.append(f"{place} shows a formula as it was typed")
    if wrong:
        raise PluginError("The site is not as it should be:\n" + "\n".join(wrong))
