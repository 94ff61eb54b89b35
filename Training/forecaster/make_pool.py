"""Draws the synthetic series that the forecaster is pre-trained on into one file.

    python make_pool.py --out pool.safetensors [--series 40000] [--seed 1] [--workers 2]

For each length in `LENGTHS` as many series: a short series is drawn as a short series, because a window of a long one looks
different. The file has one F32 array [series, length] for each length, named by the length, standardised row by row, with
NaN where nothing was observed. The same seed gives the same file.
"""
import argparse
import multiprocessing

import numpy as np
from safetensors.numpy import save_file

from synthetic import sample_series

# Context of 2^k patches of 8 values, and 64 values to predict.
LENGTHS = [8 * 2**k + 64 for k in range(8)]
BLOCK = 500


def block(task):
    """One block of standardised series with a generator of its own."""
    seed, length, index = task
    rng = np.random.default_rng([seed, length, index])
    rows = np.empty((BLOCK, length), np.float32)
    for i in range(BLOCK):
        y, mask = sample_series(rng, length)
        deviation = y.std()
        y = (y - y.mean()) / deviation if deviation > 1e-9 else y * 0
        rows[i] = np.where(mask, y, np.nan)
    return length, index, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--series", type=int, default=40_000, help="series of each length")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    blocks = max(1, options.series // BLOCK)
    tasks = [(options.seed, length, index) for length in LENGTHS for index in range(blocks)]
    arrays = {str(length): np.empty((blocks * BLOCK, length), np.float32) for length in LENGTHS}
    with multiprocessing.Pool(options.workers) as pool:
        for done, (length, index, rows) in enumerate(pool.imap_unordered(block, tasks), 1):
            arrays[str(length)][index * BLOCK:(index + 1) * BLOCK] = rows
            if done % 50 == 0:
                print(f"{done} of {len(tasks)} blocks", flush=True)
    save_file(arrays, options.out)


if __name__ == "__main__":
    main()
