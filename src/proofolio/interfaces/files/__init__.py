"""Model files: MPS and LP, with names, to the last bit.

Read `model_files` first (`read_program`, `write_program`), then `mps_reader` and `lp_reader`, whose docstrings are the
grammars. Both fill `contents.Contents`, which makes the program. Most of a file is taken many lines at once, as arrays
of `words`, by `mps_rows`, `mps_columns`, `mps_bounds` and `lp_sums`; where these have no answer the readers look at
each line. `mps` and `lp` write, from `rows`, and `names` says what each format can spell.
"""
