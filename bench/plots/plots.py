"""Draws the plots of docs/performance.md from the raw numbers in a folder, into the same folder.

The background is transparent, and the colors can be read on white and on black. The same numbers give the same bytes."""

import csv
import io
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402 (after the choice of the format)

GRAY = "#7d8590"
COLORS = {
    "junction-refresh": "#2da44e",
    "bare Go": "#3b8eea",
    "TypeScript SDK": "#e16f24",
    "TypeScript SDK, user client": "#d4a72c",
    "Python SDK": "#bf5af2",
}

plt.rcParams.update({
    "svg.hashsalt": "junction-refresh", "font.size": 11, "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "text.color": GRAY, "axes.labelcolor": GRAY, "axes.edgecolor": GRAY, "xtick.color": GRAY, "ytick.color": GRAY,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRAY, "grid.alpha": 0.25,
    "axes.axisbelow": True, "legend.frameon": False,
})

folder = Path(sys.argv[1])


def rows(name):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def save(figure, name):
    drawn = io.StringIO()
    figure.savefig(drawn, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    lines_of_text = (line.rstrip() for line in drawn.getvalue().splitlines())
    (folder / f"{name}.svg").write_text("\n".join(lines_of_text) + "\n", encoding="utf-8")


answers = rows("answers")
own_share = answers[0]["share"]  # later rows may have the stand-in for control groups
answers = [row for row in answers if row["share"] == own_share]
memories = sorted({int(row["memory_mb"]) for row in answers})


def medians(contender, *columns):
    """The median of the columns' sum, by memory size."""
    return [
        statistics.median(sum(float(row[column]) for column in columns)
                          for row in answers if row["contender"] == contender and int(row["memory_mb"]) == memory)
        for memory in memories
    ]


def first_answer():
    figure, axes = plt.subplots(figsize=(8, 2.8))
    names = list(reversed(COLORS))
    starts = [medians(name, "start_ms")[0] for name in names]
    totals = [medians(name, "start_ms", "first_answer_ms")[0] for name in names]
    colors = [COLORS[name] for name in names]
    axes.barh(names, starts, color=colors, alpha=0.55)
    axes.barh(names, [total - start for total, start in zip(totals, starts)], left=starts, color=colors)
    for position, total in enumerate(totals):
        axes.text(total, position, f"  {total:.0f} ms", va="center")
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, max(totals) * 1.12)
    axes.set_xlabel(f"ms of a new instance with {memories[0]} MB: its start (left part), and its first answer")
    save(figure, "first-answer")


def lines(name, label, *columns):
    figure, axes = plt.subplots(figsize=(8, 4))
    for contender, color in COLORS.items():
        axes.plot(memories, medians(contender, *columns), marker="o", color=color, label=contender, linewidth=2.5 if contender == "junction-refresh" else 1.5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(memories, [f"{memory:,}" for memory in memories])
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel("memory in MB")
    axes.set_ylabel(label)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    save(figure, name)


def batches():
    figure, axes = plt.subplots(figsize=(8, 3))
    measured = rows("batches")
    sizes = sorted({int(row["memory_mb"]) for row in measured})
    for offset, label, first, color in ((-0.2, "first batch", True, "#3b8eea"), (0.2, "later batches", False, "#2da44e")):
        times = [statistics.median(float(row["took_ms"]) for row in measured if int(row["memory_mb"]) == size and (row["batch"] == "1") == first) for size in sizes]
        axes.bar([position + offset for position in range(len(sizes))], [time / 1000 for time in times], width=0.36, color=color, label=label)
        for position, time in enumerate(times):
            axes.text(position + offset, time / 1000, f"{time / 1000:.2f}", ha="center", va="bottom")
    axes.axhline(1, color=GRAY, linestyle="--", linewidth=1)
    axes.grid(axis="x", visible=False)
    axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
    axes.set_xlabel("memory in MB")
    axes.set_ylabel("seconds (Junction takes 1)")
    axes.margins(y=0.12)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    save(figure, "batches")


first_answer()
lines("memory", "ms until the first answer", "start_ms", "first_answer_ms")
lines("second-answer", "ms of the second answer", "second_answer_ms")
batches()
