"""Programs from and to .mps and .lp files, with names, to the last bit."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from proofolio.errors import BadData
from proofolio.interfaces.files.lp import lp_text
from proofolio.interfaces.files.lp_reader import read_lp
from proofolio.interfaces.files.mps import mps_text
from proofolio.interfaces.files.mps_reader import read_mps
from proofolio.interfaces.files.names import NameMap, map_path
from proofolio.program.program import Program
from proofolio.whole_files import whole_file

__all__ = ["MAX_SIZE", "read_program", "write_program"]


MAX_SIZE = 10**9  # bytes of text: a small .gz can hold more than any memory


def write_program(program: Program, path: str | Path) -> list[Path]:
    """Write a program to ``.mps``, ``.lp``, ``.mps.gz`` or ``.lp.gz`` and return the files written.

    Numbers are written so that they read back to the same doubles. Names an MPS file can spell (all without
    blanks) stay; LP files cannot spell ``w[0,1]``, so a map ``model.lp.names.json`` is written beside them
    and `read_program` applies it. Rotated cones are written as quadratic rows. What rows are
    for (`Switch`) is not kept. Each file is written whole or not at all.

    Raises
    ------
    UnsupportedProgram
        For what the format cannot hold: finite bounds of 1e20 and more, and cones whose t or z has no lower
        bound of zero.
    BadData
        For another suffix, or a place that cannot be written to.
    """
    file = Path(path)
    kind, packed = _kind(file)
    text, names = (mps_text if kind == ".mps" else lp_text)(program)
    raw = text.encode("utf-8")
    map_file = map_path(file)
    with_map = bool(names) or kind == ".lp" or map_file.exists()
    try:
        with whole_file(file) as unfinished:
            unfinished.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
            if with_map:
                with whole_file(map_file) as unfinished_map:
                    names.write(unfinished_map)
    except OSError as error:
        raise BadData(f"{file} cannot be written: {error.strerror}") from None
    return [file, map_file] if with_map else [file]


def read_program(path: str | Path, max_size: int = MAX_SIZE) -> Program:
    """Read a program from ``.mps``, ``.lp``, ``.mps.gz`` or ``.lp.gz``.

    The grammars stand in `proofolio.interfaces.files.mps_reader` and `proofolio.interfaces.files.lp_reader`: what
    they do not hold is refused, with the line. Names that stand in order (``w[0,0], w[0,1], ...``) become arrays
    again, and a name map beside the file is applied. Semi-continuous columns become `semicontinuous` rows and a
    binary ``x_nonzero``.

    Parameters
    ----------
    path : str or Path
    max_size : int
        The most bytes of text the file may hold, unpacked.

    Raises
    ------
    BadData
        For a file that is missing, too large, cut short, or that does not fit the grammar of its format.
    UnsupportedProgram
        For sections a Program has no place for.

    Warns
    -----
    DoubtfulFile
        For lines that may not say what their author meant.
    """
    file = Path(path)
    kind, packed = _kind(file)
    read = read_mps if kind == ".mps" else read_lp
    contents = read(_text(file, packed, max_size), str(file))
    return contents.program(NameMap.read(map_path(file)), map_path(file), file.name.split(".")[0])


def _kind(file: Path) -> tuple[str, bool]:
    packed = file.name.endswith(".gz")
    kind = Path(file.name.removesuffix(".gz")).suffix
    if kind not in (".mps", ".lp"):
        raise BadData(f"{file} is not a model file: its name must end in .mps, .lp, .mps.gz or .lp.gz")
    return kind, packed


def _text(file: Path, packed: bool, max_size: int) -> str:
    try:
        with gzip.open(file) if packed else file.open("rb") as stream:
            raw = stream.read(max_size + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadData(f"{file} is not a whole gzip file: {error}") from None
    except OSError as error:
        raise BadData(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > max_size:
        raise BadData(
            f"{file} holds more than {max_size:,} bytes of text: if that is right, allow it (max_size, --max-size)"
        )
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadData(f"{file} is UTF-16: save it as UTF-8")
    if b"\0" in raw:
        raise BadData(f"{file} is not a text file")
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n")
