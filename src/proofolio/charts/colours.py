"""Colours, one set of names given twice: for light pages and for dark ones."""

from __future__ import annotations

import re

__all__ = ["DARK", "LIGHT", "LIGHT_COLOURS"]


# Series colours are Tableau's ten, toned to stand on both grounds; r0, r1, r2... are the regimes, calm first.
LIGHT = """
  --ground:#fcfcfb; --panel:#ffffff; --ink:#1c1f24; --muted:#626a75; --rule:#e4e6ea; --grid:#e9ebee;
  --good:#1f7a55; --bad:#b3362b; --accent:#2f5d8c;
  --s0:#5f8cbd; --s1:#e3923b; --s2:#d56a68; --s3:#6aaea8; --s4:#5f9e54; --s5:#dfbf42; --s6:#a878a0;
  --s7:#f09aa2; --s8:#a5846d; --s9:#a9a3a0; --r0:#8cbfae; --r1:#e9c978; --r2:#d4674f; --r3:#9d83b8;
"""
DARK = """
  --ground:#15171a; --panel:#1c1f23; --ink:#e7e9ec; --muted:#9aa2ad; --rule:#2e3339; --grid:#2a2e34;
  --good:#5fc297; --bad:#f0796b; --accent:#84b4e3;
  --s0:#6a9bd0; --s1:#eba556; --s2:#de7572; --s3:#7fc4bd; --s4:#78b86c; --s5:#e3c95c; --s6:#bd8fb5;
  --s7:#f2a9b0; --s8:#b08f77; --s9:#a9a3a0; --r0:#5f9c88; --r1:#cfa94f; --r2:#d46a52; --r3:#a58bc4;
"""
LIGHT_COLOURS = dict(re.findall(r"--(\w+):(#\w{6});", LIGHT))
