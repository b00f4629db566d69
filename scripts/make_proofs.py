"""Make the proofs that ship: ``python scripts/make_proofs.py [CONSTRUCT ...] [--fresh] [--jobs N]``.

Proofs that hold of the claims as they are today are kept to the byte, the others are proved anew (with ``--fresh``
all), and proofs of claims that are no more are left out. Some minutes for all, some seconds where little changed.
The exit status is 1 when a claim that ships is not proved.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib

from proofolio.verification.exact.certificate import Undecidable
from proofolio.verification.proofs.catalogue.claims import CONSTRUCTS, shipped_claims
from proofolio.verification.proofs.catalogue.shipped_proofs import packed, statement_key, unpacked
from proofolio.verification.proofs.checker import holds
from proofolio.verification.proofs.proving import prove
from proofolio.verification.proofs.reading import state

FOLDER = Path(__file__).resolve().parent.parent / "src/proofolio/verification/proofs/catalogue/shipped"


def made(construct: str, k: int, known: Mapping[str, Any]) -> tuple[str, Any, str]:
    """Return the key of a claim, its proof (None where there is none), and what was done or is missing."""
    claim = shipped_claims(construct)[k]
    title = f"{claim.title}, {claim.lowering}"
    try:
        statement = state(claim).statement
    except Undecidable as missing:
        return "", None, f"{title} has no statement: {missing}"
    key = statement_key(statement)
    if key in known and known[key]["verdict"] == "proved" and holds(statement, known[key]).ok:
        return key, known[key], "kept"
    proof = prove(claim, time_limit=600.0)
    if proof.verdict != "proved" or proof.certificates is None:
        return key, None, f"{title} is {proof.verdict}: {proof.reason}"
    return key, proof.certificates.document, "proved"


def main() -> int:
    """Write a file for each construct whose proofs have changed."""
    options = argparse.ArgumentParser(description="Make the proofs that ship.")
    options.add_argument("constructs", nargs="*", metavar="CONSTRUCT", help=", ".join(CONSTRUCTS))
    options.add_argument("--fresh", action="store_true", help="prove everything anew")
    options.add_argument("--jobs", type=int, default=2, help="processes (2)")
    given = options.parse_args()
    missing = size = 0
    FOLDER.mkdir(exist_ok=True)
    for construct in given.constructs or CONSTRUCTS:
        target = FOLDER / f"{construct}.jsonl.gz"
        known = {} if given.fresh or not target.exists() else unpacked(target.read_bytes())
        each = joblib.Parallel(n_jobs=given.jobs)(
            joblib.delayed(made)(construct, k, known) for k in range(len(shipped_claims(construct)))
        )
        proofs = {key: proof for key, proof, _ in each if proof is not None}
        content = packed(proofs)
        # another zlib may compress the same content to other bytes
        if not target.exists() or gzip.decompress(target.read_bytes()) != gzip.decompress(content):
            target.write_bytes(content)
        done = [what for _, proof, what in each if proof is not None]
        print(
            f"{construct}: {len(proofs)} proofs of {len(each)} claims, {done.count('proved')} made anew, "
            f"{target.stat().st_size} bytes",
            flush=True,
        )
        wrong = [what for _, proof, what in each if proof is None]
        print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
        missing, size = missing + len(wrong), size + target.stat().st_size
    print(f"{size} bytes in all")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
