"""Growth: time and memory of each main job against its peers as its size grows, with the fitted exponents.

``python -m benchmarks growth [--quick] [--jobs NAMES] [--json FILE] [--out FOLDER]``

Every solver of a job draws its curve in a process of its own, with one thread: at each size the median CPU time of some
runs, without what is set up once; and the most memory that set-up and runs held above what the process held before,
with libraries and data loaded. Every answer is checked, and one that is wrong, or worse than another solver's, is not
drawn. A curve ends where a run takes more than 5 seconds, or the whole curve more than 14 with its set-ups and checks.

Read `measuring` first (a curve), then `fitting` (its exponent), the jobs (`portfolio_jobs`, `program_jobs`), `record`
(what is kept) and `page`. With ``--out`` (default: growth) report.html, report.md and record.json are written there.
"""

from benchmarks.growth.command import main

__all__ = ["main"]
