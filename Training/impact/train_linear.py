"""Trains docq-impact-linear-1: a ridge over hashed words and word pairs that predicts TNCSI_SP percentiles.

    python train_linear.py --naid train.csv --conference conference_papers.jsonl.gz --out DIR [--vectors FILE]

Features (reproduced exactly by ImpactScoring/HashedFeatures.swift):
  tokens   maximal runs of letters a-z and digits after ASCII lower-casing; other characters separate
  terms    "t:" + token and "t:" + two neighbours joined by a space for the title; "a:" likewise for the abstract
  index    FNV-1a (64 bit) of the term's UTF-8 bytes, its low 18 bits
  weight   (1 + ln count) x inverse document frequency, the vector scaled to length 1

Targets are percentiles: of the citation counts within venue and year for conference papers, of TNCSI_SP within the
release for NAID. The choice of the penalty and of the calibration to TNCSI_SP is made by five-fold cross-validation on
the papers of NAID's final release. The file holds one BF16 weight per index with the inverse document frequency, the
calibration (a monotone table) and the residual quantiles for the 80 % band.
"""
import argparse
import csv
import gzip
import json
import pathlib
import re

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import lsqr
from sklearn.isotonic import IsotonicRegression

BITS = 18
TOKEN = re.compile(r"[a-z0-9]+")


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value & ((1 << BITS) - 1)


def tokens(text):
    # ASCII lower-casing only: str.lower would map some letters beyond ASCII into it.
    return TOKEN.findall("".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text))


def counts(title, abstract, cache):
    found = {}
    for prefix, words in (("t:", tokens(title)), ("a:", tokens(abstract))):
        for term in words + [f"{a} {b}" for a, b in zip(words, words[1:])]:
            key = prefix + term
            index = cache.get(key)
            if index is None:
                index = cache[key] = fnv1a(key)
            found[index] = found.get(index, 0) + 1
    return found


def matrix(papers):
    cache, rows, columns, values = {}, [], [], []
    for row, (title, abstract) in enumerate(papers):
        for index, count in counts(title, abstract, cache).items():
            rows.append(row), columns.append(index), values.append(1 + np.log(count))
    return sp.csr_matrix((np.array(values, np.float32), (rows, columns)), (len(papers), 1 << BITS))


def scaled(x, idf):
    x = x @ sp.diags(idf)
    length = np.sqrt(np.asarray(x.multiply(x).sum(1)).ravel())
    return (sp.diags(1 / np.maximum(length, 1e-9)) @ x).tocsr().astype(np.float32)


def ridge(x, y, weight, penalty):
    """Weighted ridge with an intercept that is the weighted mean."""
    mean = np.average(y, weights=weight)
    root = np.sqrt(weight)
    solution = lsqr(sp.diags(root) @ x, root * (y - mean), damp=np.sqrt(penalty), iter_lim=60, atol=1e-5, btol=1e-5)
    return solution[0], mean


def spearman(a, b):
    rank = lambda v: np.argsort(np.argsort(v))
    return np.corrcoef(rank(a), rank(b))[0, 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--naid", required=True)
    parser.add_argument("--conference", required=True)
    parser.add_argument("--final-release", default="NAID_2022_train", help="the release that is published for training")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--vectors", help="write hashes and scores of made-up articles here, for the tests")
    options = parser.parse_args()
    naid = list(csv.DictReader(open(options.naid, newline="")))
    conference = [json.loads(line) for line in gzip.open(options.conference, "rt")]
    releases = [r["release"] for r in naid]
    names = sorted(set(releases))
    if options.final_release not in names:
        parser.error(f"--final-release: there are {', '.join(names)}")
    final = options.final_release
    is_final = np.array([r == final for r in releases])
    papers = [(r["title"], r["abstract"]) for r in naid] + [(r["title"], r["abstract"]) for r in conference]
    y = np.array([float(r["percentile_in_release"]) for r in naid] + [float(r["percentile"]) for r in conference])
    y = y / (100 if y.max() > 1.5 else 1)
    target = np.array([float(r["TNCSI_SP"]) for r in naid])
    raw = matrix(papers)
    print("papers", raw.shape, "final release", final, is_final.sum())
    frequency = np.asarray((raw > 0).sum(0)).ravel()
    idf = np.where(frequency >= 3, np.log((1 + len(papers)) / (1 + frequency)) + 1, 0)
    x = scaled(raw, idf)
    n = len(naid)
    folds = np.random.default_rng(0).integers(0, 5, n)
    best = None
    for naid_weight in (1.0, 3.0):
        for penalty in (1.0, 3.0, 8.0):
            out = np.zeros(n)
            for fold in range(5):
                keep = np.ones(len(papers), bool)
                keep[:n][(folds == fold) & is_final] = False
                weight = np.ones(len(papers))
                weight[:n] = np.where(is_final, 2 * naid_weight, naid_weight)
                w, mean = ridge(x[keep], y[keep], weight[keep], penalty)
                test = (folds == fold) & is_final
                out[test] = x[:n][test] @ w + mean
            rho = spearman(out[is_final], target[is_final])
            print(f"naid weight {naid_weight} penalty {penalty}: Spearman {rho:.4f}", flush=True)
            if best is None or rho > best[0]:
                best = (rho, naid_weight, penalty, out.copy())
    rho, naid_weight, penalty, out = best
    # Calibration to TNCSI_SP, itself cross-validated for the figures and the band.
    predicted = np.zeros(n)
    for fold in range(5):
        train, test = (folds != fold) & is_final, (folds == fold) & is_final
        slope = np.polyfit(out[train], target[train], 1)
        predicted[test] = np.polyval(slope, out[test])
    slope = np.polyfit(out[is_final], target[is_final], 1)
    error = target[is_final] - predicted[is_final]
    order = np.argsort(predicted[is_final])
    bins = np.array_split(order, 10)
    knots = [float(predicted[is_final][b].mean()) for b in bins]
    smooth = lambda q: np.convolve(np.pad([np.quantile(error[b], q) for b in bins], 1, "edge"), [0.25, 0.5, 0.25], "valid")
    figures = {"cross_validated_mae": float(np.abs(error).mean()), "cross_validated_spearman": float(rho)}
    weight = np.ones(len(papers))
    weight[:n] = np.where(is_final, 2 * naid_weight, naid_weight)
    w, mean = ridge(x, y, weight, penalty)
    # Scores of the whole model on its training papers are too spread out: the slope came from held-out scores.
    options.out.mkdir(parents=True, exist_ok=True)
    table = (w * 1.0).astype(np.float32)
    bits = lambda v: ((np.ascontiguousarray(v, np.float32).view(np.uint32) + 0x8000) >> 16).astype(np.uint16)
    reference = np.sort(np.clip(np.polyval(slope, out[is_final]), 0, 1))
    config = {"architecture": "hashed-ngram-linear", "name": "docq-impact-linear-1", "bits": BITS,
              "intercept": float(mean), "slope": float(slope[0]), "offset": float(slope[1]),
              "band_knots": knots, "band_low": [float(v) for v in smooth(0.1)],
              "band_high": [float(v) for v in smooth(0.9)],
              "reference": [float(v) for v in np.quantile(reference, np.linspace(0, 1, 101))],
              "reference_name": f"NAID final release, {int(is_final.sum())} papers", "figures": figures}
    (options.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    arrays = {"idf": bits(idf), "weight": bits(table)}
    header, offset = {}, 0
    for key, value in arrays.items():
        header[key] = {"dtype": "BF16", "shape": [1 << BITS], "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(options.out / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in arrays.values()))
    print(json.dumps(figures), "naid weight", naid_weight, "penalty", penalty)
    if options.vectors:
        widen = lambda v: (v.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        samples = [("A Fast Sparse Transformer", "We present a sparse transformer that is fast. It is fast on CPUs."),
                   ("Graph networks for weather", "Forecasting with graph neural networks at 0.25 degrees."),
                   ("Über Größe: Ünïcode", "naïve Bayes & <b>mark-up</b>; 100% ASCII-free?"),
                   ("Only a title", "")]
        rows = []
        for title, abstract in samples:
            z = scaled(matrix([(title, abstract)]), widen(bits(idf)))
            score = float((z @ widen(bits(table)))[0] + mean)
            rows.append({"title": title, "abstract": abstract, "linear": score,
                         "score": float(np.clip(np.polyval(slope, score), 0, 1)),
                         "hashes": sorted(counts(title, abstract, {}))})
        pathlib.Path(options.vectors).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
