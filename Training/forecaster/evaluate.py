"""Scores models of docq on packs of series, relative to the seasonal naive forecast; prints Markdown for the model card.

    python evaluate.py PACK_DIR --docq .build/release/docq [--models docq-forecast-1,theta,ets]

A pack is a folder of NAME.jsonl.gz, one series a line: {"id", "freq", "season_length", "prediction_length", "windows",
"target"}. Window w of a series ends w * prediction_length before its end; everything before it is the context.

MASE: mean over the windows of mean |y - median| / mean |x_t - x_(t - season)| over the context. WQL: twice the quantile loss
over 0.1 to 0.9, averaged over the levels, divided by sum |y|, per data set. Both are given as ratios to the seasonal naive
forecast (the pack's season; normal intervals from the residuals one season apart); totals are geometric means over the data
sets. Coverage: share of the values inside the central 50 % and 80 % intervals.
"""
import argparse
import collections
import glob
import gzip
import json
import os
import subprocess
import tempfile
import time
from statistics import NormalDist

import numpy as np

LEVELS = np.arange(1, 10) / 10


def windows(series):
    """(window, context, truth) of a series."""
    horizon, target = series["prediction_length"], series["target"]
    for w in range(series["windows"]):
        end = len(target) - w * horizon
        if w > 0 and end - horizon < max(2 * series["season_length"], horizon, 16):
            return
        yield w, target[:end - horizon], target[end - horizon:end]


def seasonal_naive(context, season, horizon):
    """Quantiles [horizon, 9]."""
    known = np.flatnonzero(np.isfinite(context))
    filled = np.interp(np.arange(len(context)), known, context[known])
    season = season if len(filled) >= season else 1
    residuals = filled[season:] - filled[:-season]
    deviation = np.sqrt(np.mean(residuals**2)) if len(residuals) else 0
    steps = np.arange(horizon)
    centre = filled[len(filled) - season + steps % season]
    reach = deviation * np.sqrt(steps // season + 1)
    return centre[:, None] + reach[:, None] * [NormalDist().inv_cdf(q) for q in LEVELS]


class Score:
    def __init__(self):
        self.mase, self.loss, self.size, self.inside = [], 0.0, 0.0, []

    def add(self, context, truth, quantiles, season):
        ok = np.isfinite(truth)
        if not ok.any():
            return
        lag = season if len(context) > 2 * season else 1
        naive = np.nanmean(np.abs(context[lag:] - context[:-lag]))
        if np.isfinite(naive) and naive > 0:
            self.mase.append(np.abs(truth - quantiles[:, 4])[ok].mean() / naive)
        error = truth[ok, None] - quantiles[ok]
        self.loss += 2 * np.maximum(LEVELS * error, (LEVELS - 1) * error).mean(1).sum()
        self.size += np.abs(truth[ok]).sum()
        middle = (quantiles[:, 1] + quantiles[:, 2]) / 2, (quantiles[:, 6] + quantiles[:, 7]) / 2
        for low, high in (middle, (quantiles[:, 0], quantiles[:, 8])):
            self.inside.append(((truth >= low) & (truth <= high))[ok].mean())

    def figures(self):
        return np.mean(self.mase), self.loss / self.size, np.mean(self.inside[0::2]), np.mean(self.inside[1::2])


def run(docq, model, pack):
    """Scores by data set, and milliseconds per forecast."""
    with tempfile.TemporaryDirectory() as folder:
        asked, given = [], os.path.join(folder, "in.jsonl")
        with open(given, "w") as out:
            for name, rows in pack.items():
                for series in rows:
                    for w, context, truth in windows(series):
                        asked.append((name, series, context, truth))
                        out.write(json.dumps({
                            "id": str(len(asked) - 1), "freq": series["freq"], "prediction_length": len(truth),
                            "target": [None if np.isnan(v) else float(v) for v in context]}) + "\n")
        answers, start = os.path.join(folder, "out.jsonl"), time.perf_counter()
        subprocess.run([docq, "forecast", given, "--model", model, "-o", answers], check=True, stderr=subprocess.DEVNULL)
        took = 1e3 * (time.perf_counter() - start) / len(asked)
        scores = collections.defaultdict(Score)
        for line in open(answers):
            answer = json.loads(line)
            name, series, context, truth = asked[int(answer["id"])]
            scores[name].add(context, truth, np.array(answer["quantiles"]), series["season_length"])
        return scores, took


def mean(values):
    return float(np.exp(np.mean(np.log(values))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack")
    parser.add_argument("--docq", default=".build/release/docq")
    parser.add_argument("--models", default="docq-forecast-1,theta,ets,seasonal-naive")
    options = parser.parse_args()
    pack = {}
    for path in sorted(glob.glob(os.path.join(options.pack, "*.jsonl.gz"))):
        rows = [json.loads(line) for line in gzip.open(path, "rt")]
        for series in rows:
            series["target"] = np.array([np.nan if v is None else v for v in series["target"]], float)
        pack[os.path.basename(path).removesuffix(".jsonl.gz")] = rows
    base = {}
    for name, rows in pack.items():
        base[name] = Score()
        for series in rows:
            for _, context, truth in windows(series):
                base[name].add(context, truth, seasonal_naive(context, series["season_length"], len(truth)),
                               series["season_length"])
    models = options.models.split(",")
    results = {model: run(options.docq, model, pack) for model in models}
    print("| relative MASE / WQL | " + " | ".join(models) + " |")
    print("|---" * (1 + len(models)) + "|")
    ratios = {model: {name: [a / b for a, b in zip(score.figures()[:2], base[name].figures()[:2])]
                      for name, score in results[model][0].items()} for model in models}
    for name in pack:
        print(f"| {name} | " + " | ".join("{:.3f} / {:.3f}".format(*ratios[m][name]) for m in models) + " |")
    row = lambda title, cells: print(f"| {title} | " + " | ".join(cells) + " |")
    row("**geometric mean**", ["**{:.3f} / {:.3f}**".format(*(mean([r[i] for r in ratios[m].values()]) for i in (0, 1)))
                               for m in models])
    coverage = {m: np.mean([s.figures()[2:] for s in results[m][0].values()], 0) for m in models}
    row("inside the 50 % / 80 % interval", ["{:.0%} / {:.0%}".format(*coverage[m]) for m in models])
    row("ms per forecast", [f"{results[m][1]:.1f}" for m in models])


if __name__ == "__main__":
    main()
