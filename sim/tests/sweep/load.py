#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the lines of docs/sweeps.md that read a sweep's store, and looks at what they give.

    python3 sim/tests/sweep/load.py STORE [docs/sweeps.md]

Needs pandas, polars and duckdb; those that are missing are skipped, and said so.
"""

import importlib.util
import os
import pathlib
import re
import sys


def main() -> int:
    here = pathlib.Path(__file__).resolve()
    store = pathlib.Path(sys.argv[1]).resolve()
    docs = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else here.parents[3] / "docs" / "sweeps.md"
    blocks = re.findall(r"```python\n(.*?)```", docs.read_text(), re.S)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(lines) == 6, lines
    os.chdir(store)
    wanted = sum(1 for _ in open("records.jsonl"))
    rows = {"runs": wanted, "records": wanted, "points": sum(1 for _ in open("points.csv")) - 1}
    tried = 0
    for line in lines:
        module = line.split(";")[0].split()[1]
        if importlib.util.find_spec(module) is None:
            print(f"skipped: no {module} here")
            continue
        scope: dict = {}
        exec(line, scope)
        name = next(n for n in rows if n in scope)
        table = scope[name]
        assert len(table) == rows[name], (line, len(table), rows[name])
        columns = list(table.columns)
        assert len(set(columns)) == len(columns), columns
        if name == "runs":
            types = {c: str(table[c].dtype).lower() for c in columns}
            assert "int" in types["seed"] and "int" in types["attempts"], types
            assert "float" in types["throughput_per_s"] and "bool" in types["expected"], types
        tried += 1
        print(f"ok: {line}\n    {len(table)} rows, {len(columns)} columns")
    if os.path.exists("runs.parquet") and importlib.util.find_spec("polars") is not None:
        import polars

        table, csv = polars.read_parquet("runs.parquet"), polars.read_csv("runs.csv", infer_schema_length=None)
        assert table.columns == csv.columns and len(table) == wanted, (table.columns, csv.columns)
        for name in csv.columns:
            one, other = table[name].to_list(), csv[name].to_list()
            # An empty text is none in CSV.
            assert [v or None for v in one] == [v or None for v in other], name
        print(f"ok: runs.parquet is runs.csv, {len(table)} rows, {len(table.columns)} columns")
    print(f"{tried} of {len(lines)} tried")
    return 0


if __name__ == "__main__":
    sys.exit(main())
