"""Fits what turns the encoder's features and hashed words into the score of docq-impact-1, and writes the model.

    docq embed final.csv --impact-features --model DIR > features.jsonl     (id, title and abstract of the final release)
    docq embed final.csv --model DIR > embeddings.jsonl
    python fit_head.py --naid train.csv --conference conference_papers.jsonl.gz --trained encoder.pt \
        --features features.jsonl --embeddings embeddings.jsonl --encoder DIR/encoder.json --out DIR

DIR gets config.json, head.safetensors and neighbours.json. Everything is chosen by five-fold cross-validation on the 3,042
papers of NAID's final release, which the encoder has not seen:

  wide     ridge over hashed words and word pairs (train_linear.py) on all papers, its targets the topic percentiles of
           data.py for conference papers and percentiles within the release for NAID
  deep     ridge over the encoder's 384 features, standardised, with the outputs of its three training heads as features
           of their own
  stack    both, on the wide branch's out-of-fold scores; then a calibration to TNCSI_SP by least absolute deviations

It prints every variant it tried.
"""
import argparse
import json
import pathlib

import numpy as np
import scipy.sparse as sp
import torch
from scipy.stats import spearmanr

from data import load, topic_percentiles
from export import Writer
from train_linear import BITS, matrix, ridge, scaled

FOLDS = 5


def features(path, ids):
    found = {}
    for line in open(path):
        row = json.loads(line)
        found[row["id"]] = row["embedding"]
    return np.array([found[i] for i in ids], np.float32)


def solve(x, y, penalty):
    """Ridge with a penalty for each column and a free intercept."""
    mean, middle = x.mean(0), y.mean()
    w = np.linalg.solve((x - mean).T @ (x - mean) + np.diag(penalty), (x - mean).T @ (y - middle))
    return w, middle - mean @ w


def absolute(x, y):
    """slope and offset of the least absolute deviations, by reweighted least squares."""
    weight = np.ones(len(x))
    for _ in range(100):
        line = np.polyfit(x, y, 1, w=np.sqrt(weight))
        weight = 1 / np.maximum(np.abs(y - np.polyval(line, x)), 1e-3)
    return line


def report(name, score, truth):
    slope, offset = np.polyfit(score, truth, 1)
    mae = np.abs(truth - np.clip(slope * score + offset, 0, 1)).mean()
    print(f"{name:56s} Spearman {spearmanr(score, truth)[0]:.4f}  MAE {mae:.4f}", flush=True)


def write_zeros(options):
    """A head that scores 0, to get at the encoder's features."""
    writer = Writer()
    writer.bf16("idf", torch.zeros(1 << BITS)), writer.bf16("weight", torch.zeros(1 << BITS))
    encoder = json.loads(pathlib.Path(options.encoder).read_text())
    writer.f32("deep", torch.zeros(encoder["trunk"]["model_size"]))
    writer.write(options.out / "head.safetensors")
    config = dict(architecture="sparse-text-encoder-and-hashed-ngrams", name=options.name, bits=BITS, intercept=0, slope=1,
                  offset=0, band_knots=[0, 1], band_low=[0, 0], band_high=[0, 0], reference=[0] * 101,
                  reference_name="nothing", encoder=encoder)
    (options.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("naid", "conference", "trained", "encoder"):
        parser.add_argument("--" + name, required=True)
    for name in ("features", "embeddings"):
        parser.add_argument("--" + name, help=f"{name} of the final release; without them the head is zeros")
    parser.add_argument("--cache", type=pathlib.Path, help="keeps the hashed matrix here between runs")
    parser.add_argument("--name", default="docq-impact-1")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    if not options.features or not options.embeddings:
        return write_zeros(options)
    papers = load(options.naid, options.conference)
    sets = np.array([p["set"] for p in papers])
    final, early, conference = sets == "final", sets == "early", sets == "conference"
    truth = np.array([p["sp"] for p in papers])[final]
    y = np.array([p["percentile"] for p in papers])
    near, year = topic_percentiles(papers), np.array([p["year"] for p in papers])
    recent = conference * np.clip((year - 2013) / 7, 0, 1)
    if options.cache and options.cache.exists():
        raw = sp.load_npz(options.cache)
    else:
        raw = matrix([(p["title"], p["abstract"]) for p in papers])
        if options.cache:
            sp.save_npz(options.cache, raw)
    frequency = np.asarray((raw > 0).sum(0)).ravel()
    idf = np.where(frequency >= 3, np.log((1 + len(papers)) / (1 + frequency)) + 1, 0)
    idf = torch.tensor(idf).bfloat16().double().numpy()
    x = scaled(raw, idf)
    fold = np.random.default_rng(0).integers(0, FOLDS, final.sum())

    def wide(target, weight, penalty):
        out = np.zeros(final.sum())
        for k in range(FOLDS):
            test = np.zeros(len(papers), bool)
            test[final] = fold == k
            keep = (weight > 0) & ~test
            w, mean = ridge(x[keep], target[keep], weight[keep], penalty)
            out[fold == k] = x[test] @ w + mean
        return out

    best = None
    by_venue = y
    by_topic = np.where(conference, near, y)
    for name, target, weights, penalty in (
            ("conference by venue, all years", by_venue, (conference, 1, 2), 3),
            ("conference by topic, recent", by_topic, (recent, 2, 4), 6),
            ("conference by topic, recent", by_topic, (recent, 2, 4), 12),
            ("conference by topic, recent", by_topic, (recent, 3, 8), 12),
            ("conference by topic, recent", by_topic, (recent, 3, 8), 20)):
        weight = weights[0] + weights[1] * early + weights[2] * final
        out = wide(target, weight, penalty)
        rho = spearmanr(out, truth)[0]
        report(f"wide: {name}, weights 1/{weights[1]}/{weights[2]}, penalty {penalty}", out, truth)
        if best is None or rho > best[0]:
            best = (rho, target, weight, penalty, out)
    _, target, weight, penalty, wide_out = best

    ids = [p["id"] for p in papers if p["set"] == "final"]
    h = features(options.features, ids).astype(np.float64)
    head = torch.load(options.trained, map_location="cpu", weights_only=True)["head"]
    heads = head["weight"].double().numpy()
    # Some of MiniLM's dimensions hardly move: they are not blown up.
    deviation = np.maximum(h.std(0), 0.1 * np.median(h.std(0)))
    for index, name in enumerate(("NAID", "topic", "venue")):
        report(f"deep: training head {name}", h @ heads[index], truth)

    # Columns of the stack: the wide score, the heads' outputs, the features.
    columns = np.c_[wide_out, h @ heads.T, (h - h.mean(0)) / deviation]
    yf = y[final]

    def stack(used, penalty):
        out = np.zeros(len(yf))
        for k in range(FOLDS):
            w, offset = solve(columns[fold != k][:, used], yf[fold != k], penalty[used])
            out[fold == k] = columns[fold == k][:, used] @ w + offset
        return out

    size = h.shape[1]
    chosen = None
    for name, kinds in (("deep: heads", "h"), ("deep: heads and features", "hf"), ("wide and heads", "wh"),
                        ("wide, heads and features", "whf")):
        used = np.r_[np.full(1, "w" in kinds), np.full(3, "h" in kinds), np.full(size, "f" in kinds)]
        for strength in (1000, 3000, 10000, 30000) if "f" in kinds else (0,):
            p = np.r_[1.0, np.full(3, 1.0), np.full(size, float(strength))]
            out = stack(used, p)
            report(f"{name}, penalty {strength}", out, truth)
            rho = spearmanr(out, truth)[0]
            if "w" in kinds and (chosen is None or rho > chosen[0]):
                chosen = (rho, used, p, out, f"{name}, penalty {strength}")
    rho, used, p, out, name = chosen
    print("chosen:", name)
    w = np.zeros(columns.shape[1])
    w[used], offset = solve(columns[:, used], yf, p[used])
    deep = w[1:4] @ heads + w[4:] / deviation
    intercept = offset - (w[4:] / deviation) @ h.mean(0)

    # Calibration, itself cross-validated for the figures and the band.
    predicted = np.zeros(len(truth))
    for k in range(FOLDS):
        slope, shift = absolute(out[fold != k], truth[fold != k])
        predicted[fold == k] = np.clip(slope * out[fold == k] + shift, 0, 1)
    slope, shift = absolute(out, truth)
    error = truth - predicted
    figures = dict(cross_validated_mae=float(np.abs(error).mean()), cross_validated_spearman=float(rho),
                   mae_of_the_median=float(np.abs(truth - np.median(truth)).mean()))
    print(json.dumps(figures))
    bins = np.array_split(np.argsort(predicted), 10)
    knots = [float(predicted[b].mean()) for b in bins]
    smooth = lambda q: np.convolve(np.pad([np.quantile(error[b], q) for b in bins], 1, "edge"),
                                   [0.25, 0.5, 0.25], "valid").tolist()
    low, high = smooth(0.1), smooth(0.9)
    inside = np.mean((error >= np.interp(predicted, knots, low)) & (error <= np.interp(predicted, knots, high)))
    print(f"the band holds {inside:.1%}")

    # The wide branch on everything.
    weights, mean = ridge(x[weight > 0], target[weight > 0], weight[weight > 0], penalty)
    intercept += w[0] * mean
    writer = Writer()
    writer.bf16("idf", torch.tensor(idf)), writer.bf16("weight", torch.tensor(w[0] * weights))
    writer.f32("deep", torch.tensor(deep))
    vectors = features(options.embeddings, ids)
    writer.add("neighbours", "I8", np.rint(vectors / np.abs(vectors).max(1, keepdims=True) * 127).astype(np.int8))
    writer.f32("neighbours.scale", torch.tensor(np.abs(vectors).max(1) / 127))
    options.out.mkdir(parents=True, exist_ok=True)
    writer.write(options.out / "head.safetensors")
    known = [dict(title=p["title"], tncsi_sp=round(p["sp"], 4)) for p in papers if p["set"] == "final"]
    (options.out / "neighbours.json").write_text(json.dumps(known, ensure_ascii=False, separators=(",", ":")) + "\n")
    reference = np.quantile(np.clip(slope * out + shift, 0, 1), np.linspace(0, 1, 101))
    config = dict(architecture="sparse-text-encoder-and-hashed-ngrams", name=options.name, bits=BITS,
                  intercept=float(intercept), slope=float(slope), offset=float(shift), band_knots=knots, band_low=low,
                  band_high=high, reference=[float(v) for v in reference],
                  reference_name=f"NAID final release, {int(final.sum())} papers",
                  encoder=json.loads(pathlib.Path(options.encoder).read_text()), figures=figures)
    (options.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    main()
