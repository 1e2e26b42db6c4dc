"""Tidemill's Python benchmarks: each row runs in turn on Tidemill and on those it is held against, the same program text.

    python bench.py                        Tidemill alone; rows that are about a ratio to a peer only inform
    python bench.py --peers .venv-peers    with PySpark, Bytewax and Pathway, as far as they are installed there
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import engines
import text
from engines import Engine
from rows import ROWS, Measure, Place, Row

HEAD = ("side", "median", "min - max", "ratio", "goal")
Rounds = dict[str, list[dict[str, float]]]


def main() -> None:
    options = _options()
    folder = options.results.parent
    place = Place(folder, text.written_to(folder))
    sides = [engines.tidemill(options.python), engines.plain(options.python)]
    sides += engines.peers(options.peers.absolute()) if options.peers else []
    sides = [side for side in sides if not options.side or side.label in options.side]
    results = []
    for row in ROWS:
        if options.only in row.name:
            load = os.getloadavg()[0]
            rounds = _run(row, _sides_of(row, sides), place, options.rounds)
            results += [_result(row, measure, rounds, [load, os.getloadavg()[0]]) for measure in row.measures]
    if not results:
        sys.exit("no row has such a name; without --only all rows run")
    _print(results)
    _write(results, options.results)


def _options() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="virtual environment that holds the peers")
    parser.add_argument("--python", default=sys.executable, help="the Python whose Tidemill is measured")
    parser.add_argument("--only", default="", metavar="NAME", help="only the rows whose name contains this")
    parser.add_argument("--side", action="append", metavar="NAME", help="only these sides, as the table calls them")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side of a row runs")
    parser.add_argument("--results", type=Path, default=root / "target" / "bench" / "results.json")
    return parser.parse_args()


def _sides_of(row: Row, sides: list[Engine]) -> list[Engine]:
    return [side for side in sides if side.label in ("Tidemill", row.against, *row.peers)]


def _run(row: Row, sides: list[Engine], place: Place, rounds: int) -> Rounds:
    """All sides in turn, so that whatever else the machine does falls on all; who goes first changes from round to round."""
    print(f"{row.name} ...", file=sys.stderr)
    taken: Rounds = {side.label: [] for side in sides}
    for round_ in range(min(rounds, row.rounds)):
        for side in sides if round_ % 2 == 0 else sides[::-1]:
            try:
                taken[side.label].append(row.run(side, place))
                print(f"  {side.label}: {taken[side.label][-1]}", file=sys.stderr)
            except Exception as error:
                print(f"  {side.label}: {type(error).__name__}: {error}", file=sys.stderr)
    return taken


def _result(row: Row, measure: Measure, rounds: Rounds, load: list[float]) -> dict[str, Any]:
    """One entry of the results, with the names that the engine's own benchmarks use for theirs."""
    values = {label: [figures[measure.key] for figures in each] for label, each in rounds.items() if each}
    ours = values.get("Tidemill")
    ratios = {
        label: statistics.median((our / other if measure.unit == "words/s" else other / our) for our, other in zip(ours, theirs))
        for label, theirs in values.items()
        if ours and label != "Tidemill"
    }
    met: bool | None = None
    if ours and measure.at_most is not None:
        met = statistics.median(ours) <= measure.at_most
    elif measure.times is not None and row.against in ratios:
        met = ratios[row.against] >= measure.times
    goal = {"times": measure.times, "against": row.against, "at_most": measure.at_most, "unit": measure.unit}
    name = f"{row.name}: {measure.name}" if measure.name else row.name
    described = {
        label: {"median": statistics.median(each), "min": min(each), "max": max(each), "rounds": each}
        for label, each in values.items()
    }
    return {"name": f"Python: {name}", "sides": described, "ratios": ratios, "goal": goal, "met": met, "load": load}


def _print(results: list[dict[str, Any]]) -> None:
    lines: list[tuple[str, ...]] = [HEAD]
    for result in results:
        before, after = result["load"]
        count = max((len(side["rounds"]) for side in result["sides"].values()), default=0)
        lines.append((f"\n{result['name']} ({count} rounds, load {before:.1f} to {after:.1f})",))
        unit = result["goal"]["unit"]
        for label, side in result["sides"].items():
            spread = f"{_shown(side['min'], unit)} - {_shown(side['max'], unit)}"
            ratio = f"{result['ratios'][label]:.2f}" if label in result["ratios"] else ""
            goal = _goal(result) if label == "Tidemill" else ""
            lines.append((label, _shown(side["median"], unit), spread, ratio, goal))
    widths = [max(len(line[column]) for line in lines if len(line) > 1) for column in range(len(HEAD))]
    for line in lines:
        if len(line) == 1:
            print(line[0])
        else:
            cells = [cell.ljust(width) if column in (0, 4) else cell.rjust(width)
                     for column, (cell, width) in enumerate(zip(line, widths))]
            print("  " + "  ".join(cells).rstrip())
    print("\nratio: how many times as fast (or as small) Tidemill is as that side, the median of the rounds' own.")


def _goal(result: dict[str, Any]) -> str:
    goal = result["goal"]
    if goal["at_most"] is not None:
        wanted = f"at most {_shown(goal['at_most'], goal['unit'])}"
    elif goal["times"] is None:
        return ""
    else:
        wanted = f"{goal['against']} at least {goal['times']:g}"
    return wanted if result["met"] is None else f"{wanted}: {'met' if result['met'] else 'MISSED'}"


def _shown(value: float, unit: str) -> str:
    if unit == "MB":
        return f"{value:.1f} MB"
    if unit == "words/s":
        return f"{value / 1e6:.2f} M words/s"
    return f"{value * 1e6:.1f} us" if value < 1e-3 else f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.3f} s"


def _write(results: list[dict[str, Any]], path: Path) -> None:
    """Puts the rows behind those that the engine's own benchmarks left in the file."""
    whole: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"unit": "seconds", "rows": []}
    names = {result["name"] for result in results}
    whole["rows"] = [row for row in whole["rows"] if row["name"] not in names] + results
    unfinished = path.with_suffix(".json.tmp")
    unfinished.write_text(json.dumps(whole, indent=2) + "\n")
    unfinished.rename(path)
    print(f"every round: {path}")


if __name__ == "__main__":
    main()
