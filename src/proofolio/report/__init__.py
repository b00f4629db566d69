"""Reports: what a result looks like on a page, on a terminal, in Markdown and as JSON.

Read `table` (one table, four renderers), `page` (HTML and its style sheet) and
`files` (written whole, never over a file of another program) first; the rest uses them, a file or two a command:
`audit_text` and `audit`; `proofs`; `demo_case`, `demo` and `demo_page`; `benchmark_text` and `benchmark`;
`backtest` and `tuning`. `environment` says what results were made on.
"""
