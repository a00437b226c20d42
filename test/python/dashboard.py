"""Draws a CloudWatch dashboard: dashboard.py DAY SVG

DAY is what `go test ./test/deploy -run TestASimulatedDay -day DAY` writes: the dashboard's definition, the metrics of a
simulated day and the state of the alarms at its end. What is drawn, where and how it is computed comes from the
definition alone. Whatever part of CloudWatch's format this script does not know is an error, so that the picture shows
no other dashboard than CloudWatch would.
"""

import ast
import json
import re
import sys
import textwrap

import matplotlib
import numpy as np

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.patches import FancyBboxPatch  # noqa: E402

COLUMN, ROW, GAP = 30.0, 23.0, 4.0  # points
COLUMNS = 24
DAY, PERIOD = 24 * 3600, 300
PALETTE = plt.rcParams["axes.prop_cycle"].by_key()["color"]  # CloudWatch's own ten colors are the same
INK, FAINT, LINE = "#16191f", "#5f6b7a", "#d5dbdb"
STATES = {"OK": "#1d8102", "ALARM": "#d13212"}


def know(found, known, where):
    """Fails on keys that this script does not know."""
    unknown = set(found) - set(known)
    if unknown:
        raise SystemExit(f"{where}: this script does not know {', '.join(sorted(unknown))}")


class Metrics:
    """The values of each metric by period."""

    def __init__(self, metrics):
        self.metrics = metrics

    def find(self, namespace, name, dimension, value, stat):
        """The time series of the metrics with a name, by the value of their dimension. A value of None is any."""
        found = {}
        for m in self.metrics:
            if (m["Namespace"], m["Name"], m["Dimension"]) == (namespace, name, dimension) and value in (None, m["Value"]):
                found[m["Value"]] = np.full(DAY // PERIOD, np.nan)
                for period, values in m["Values"].items():
                    found[m["Value"]][int(period)] = statistic(stat, values)
        return found


def statistic(stat, values):
    simple = {"Sum": np.sum, "Average": np.mean, "Maximum": np.max}
    if stat in simple:
        return simple[stat](values)
    if re.fullmatch(r"p\d+", stat):
        return np.percentile(values, int(stat[1:]))
    raise SystemExit(f"this script does not know the statistic {stat}")


def evaluate(expression, metrics, ids):
    """The value of metric math, whose syntax is also Python's: a number, a time series, or several by their dimension."""

    def value(node):
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name) if name in ids:
                return ids[name]
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return value(left) / value(right)
            case ast.Call(func=ast.Name(id="SEARCH"), args=[ast.Constant(value=search), ast.Constant(value=stat)]):
                parts = re.fullmatch(r'\{(\w+),(\w+)\} MetricName="(\w+)"', search)
                if parts:
                    return metrics.find(parts[1], parts[3], parts[2], None, stat)
            case ast.Call(func=ast.Name(id="FILL"), args=[series, ast.Constant(value=filler)]):
                return {key: np.nan_to_num(points, nan=filler) for key, points in value(series).items()}
            case ast.Call(func=ast.Name(id="SUM"), args=[series]):
                all_series = list(value(series).values())
                return np.sum(all_series, axis=0) if all_series else np.full(DAY // PERIOD, np.nan)
        raise SystemExit(f"{expression}: this script does not know {ast.unparse(node)}")

    return value(ast.parse(expression, mode="eval").body)


def entries(graph, metrics):
    """The visible time series of a graph, each with its label and its options."""
    ids, listed = {}, []
    for metric in graph["metrics"]:
        *name, options = metric
        know(options, ["expression", "id", "label", "color", "stat", "yAxis", "visible"], graph["title"])
        if "expression" not in options:
            series = metrics.find(*name, options.get("stat", graph["stat"]))
            points = series.get(name[3], np.full(DAY // PERIOD, np.nan))
            if "id" in options:
                ids[options["id"]] = points
            listed.append((options, points))
        else:
            listed.append((options, None))
    for options, points in listed:
        if not options.get("visible", True):
            continue
        if "expression" in options:
            points = evaluate(options["expression"], metrics, ids)
        for key, series in sorted(points.items()) if isinstance(points, dict) else [("", points)]:
            label = re.sub(r"\$\{PROP\('Dim\.\w+'\)\}", key, options["label"])
            if "${" in label:
                raise SystemExit(f"this script does not know the label {label}")
            if isinstance(points, dict) or not np.isnan(series).all():
                yield label, series, options


def card(figure, widget, title):
    """The frame of a widget. Returns its left, bottom, width and height in points."""
    width, height = figure.get_size_inches() * 72
    x, w = widget["x"] * COLUMN + GAP / 2, widget["width"] * COLUMN - GAP
    h = widget["height"] * ROW - GAP
    y = height - widget["y"] * ROW - GAP / 2 - h
    figure.add_artist(FancyBboxPatch(
        (x / width, y / height), w / width, h / height, boxstyle="square,pad=0", facecolor="white", edgecolor=LINE, linewidth=0.6,
        zorder=-1))  # below the axes
    if title:
        figure.text((x + 7) / width, (y + h - 6) / height, title, size=7.8, weight="bold", color=INK, va="top")
    return x, y, w, h


def axis(axes, settings, where):
    know(settings, ["min", "label", "showUnits"], where)
    axes.set_ylim(bottom=settings["min"], top=max(axes.get_ylim()[1], 1))
    axes.set_ylabel(settings["label"], size=6.6, color=FAINT, labelpad=2)
    axes.yaxis.set_major_locator(plt.MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(lambda v, _: f"{v / 1000:g}k" if v >= 1000 else f"{v:g}")
    axes.tick_params(labelsize=6.6, colors=FAINT, length=0, pad=3)


def draw_metric(figure, widget, metrics):
    graph = widget["properties"]
    know(graph, ["title", "region", "view", "stacked", "stat", "period", "yAxis", "annotations", "metrics"], graph["title"])
    know(graph["yAxis"], ["left", "right"], graph["title"])
    if graph["view"] != "timeSeries" or graph["period"] != PERIOD:
        raise SystemExit(f"{graph['title']}: this script draws time series with a period of {PERIOD} s")
    x, y, w, h = card(figure, widget, graph["title"])
    width, height = figure.get_size_inches() * 72
    margin_right = 24 if "right" in graph["yAxis"] else 13
    left = figure.add_axes(((x + 32) / width, (y + 26) / height, (w - 32 - margin_right) / width, (h - 46) / height))
    right = left.twinx() if "right" in graph["yAxis"] else None
    hours = np.arange(DAY // PERIOD) * PERIOD / 3600
    palette, total, handles = list(PALETTE), np.zeros(DAY // PERIOD), []
    for layer, (label, series, options) in enumerate(entries(graph, metrics)):
        color = options.get("color") or palette.pop(0)
        if options.get("yAxis", "left") == "right":
            handles.append(right.plot(*kept(hours, series), color=color, linewidth=0.8, label=label)[0])
        elif graph["stacked"]:  # each area covers those that come before it, up to their sum
            total = total + series
            x_kept, y_kept = kept(hours, total)
            handles.append(left.fill([x_kept[0], *x_kept, x_kept[-1]], [0, *y_kept, 0], color=color, linewidth=0, label=label, zorder=2 - layer / 100)[0])
        else:
            handles.append(left.plot(*kept(hours, series), color=color, linewidth=0.8, label=label)[0])
    for line in know_annotations(graph):
        left.axhline(line["value"], color=FAINT, linewidth=0.6, linestyle=(0, (4, 3)))
        left.annotate(line["label"], (0, line["value"]), xytext=(3, -2), textcoords="offset points", size=6.2, color=FAINT, va="top")
    axis(left, graph["yAxis"]["left"], graph["title"])
    if right:
        axis(right, graph["yAxis"]["right"], graph["title"])
    for axes in filter(None, (left, right)):
        for side in axes.spines.values():
            side.set_visible(False)
    left.set_xlim(0, 24)
    left.set_xticks(range(0, 25, 3 if widget["width"] > 8 else 6), [f"{hour:02d}:00" for hour in range(0, 25, 3 if widget["width"] > 8 else 6)])
    left.grid(axis="y", color="#eaeded", linewidth=0.5)
    left.set_axisbelow(True)
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=((x + 5) / width, (y + 0.5) / height), ncols=6, frameon=False,
                  fontsize=6.6, labelcolor=INK, handlelength=0.9, handleheight=0.7, handletextpad=0.4, columnspacing=1, borderpad=0.2)


def know_annotations(graph):
    annotations = graph.get("annotations", {})
    know(annotations, ["horizontal"], graph["title"])
    for line in annotations.get("horizontal", []):
        know(line, ["label", "value"], graph["title"])
        yield line


def kept(hours, series):
    """The points that are there, without those in the middle of a horizontal line."""
    here = ~np.isnan(series)
    hours, series = hours[here], series[here]
    same = np.zeros(len(series), bool)
    same[1:-1] = (series[1:-1] == series[:-2]) & (series[1:-1] == series[2:])
    return hours[~same], series[~same]


def draw_text(figure, widget):
    know(widget["properties"], ["markdown"], "text")
    x, y, w, h = card(figure, widget, "")
    width, height = figure.get_size_inches() * 72
    top = y + h - 8
    for paragraph in widget["properties"]["markdown"].split("\n\n"):
        heading = re.fullmatch(r"\*\*(.+)\*\*", paragraph)
        plain = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", re.sub(r"`([^`]+)`", r"\1", heading[1] if heading else paragraph))
        if re.search(r"[*#|<>]|^\s*[-\d]", plain):
            raise SystemExit(f"this script does not know the markdown {plain}")
        for line in textwrap.wrap(plain, 88):
            figure.text((x + 8) / width, top / height, line, size=9 if heading else 7, weight="bold" if heading else "normal", color=INK, va="top")
            top -= 14 if heading else 10.5
        top -= 3


def draw_alarms(figure, widget, states):
    know(widget["properties"], ["title", "alarms"], "alarm")
    x, y, w, h = card(figure, widget, widget["properties"]["title"])
    width, height = figure.get_size_inches() * 72
    columns = 3
    rows = -(-len(widget["properties"]["alarms"]) // columns)
    tile_w, tile_h = (w - 14) / columns, (h - 24) / rows
    for i, alarm in enumerate(widget["properties"]["alarms"]):
        left, bottom = x + 7 + i % columns * tile_w, y + h - 20 - (i // columns + 1) * tile_h
        color = STATES[states[alarm]]
        figure.add_artist(FancyBboxPatch(
            (left / width, (bottom + 1.2) / height), (tile_w - 3) / width, (tile_h - 2.4) / height, boxstyle="square,pad=0",
            facecolor=color + "1f", edgecolor=color, linewidth=0.5))
        figure.text((left + 4) / width, (bottom + tile_h / 2) / height, f"{'✓' if states[alarm] == 'OK' else '▲'} {alarm}", size=6.4, color=INK, va="center_baseline")


def main(day_file, svg_file):
    with open(day_file, encoding="utf-8") as file:
        day = json.load(file)
    dashboard, metrics = day["Dashboard"], Metrics(day["Metrics"])
    know(dashboard, ["start", "periodOverride", "widgets"], "the dashboard")
    if (dashboard["start"], dashboard["periodOverride"]) != ("-P1D", "inherit"):
        raise SystemExit("this script draws a day, with the periods of the graphs")
    plt.rcParams.update({
        "svg.hashsalt": "junction-refresh", "svg.fonttype": "none", "font.family": ["DejaVu Sans"], "path.simplify": True})
    rows = max(w["y"] + w["height"] for w in dashboard["widgets"])
    figure = plt.figure(figsize=(COLUMNS * COLUMN / 72, rows * ROW / 72), facecolor="#f2f3f3")
    for widget in dashboard["widgets"]:
        know(widget, ["type", "x", "y", "width", "height", "properties"], "a widget")
        match widget["type"]:
            case "metric":
                draw_metric(figure, widget, metrics)
            case "text":
                draw_text(figure, widget)
            case "alarm":
                draw_alarms(figure, widget, day["Alarms"])
            case unknown:
                raise SystemExit(f"this script does not know the widget {unknown}")
    figure.savefig(svg_file, metadata={
        "Date": None, "Title": "The CloudWatch dashboard of junction-refresh on a simulated day",
        "Description": f"Drawn by `make dashboard` from the definition with {day['Hash']}"})
    with open(svg_file, encoding="utf-8") as file:
        svg = file.read()
    with open(svg_file, "w", encoding="utf-8") as file:
        svg = re.sub(r' d="([^"]*)"', lambda path: f' d="{smaller(path[1])}"', svg)
        file.write(svg.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif"))


def smaller(path):
    """A path without superfluous space, with tenths of a point."""
    path = re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), path)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", path).strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
