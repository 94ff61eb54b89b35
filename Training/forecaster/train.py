"""Pre-trains the quantile forecaster on synthetic series, mixed with real ones where given. CPU or GPU, resumable.

    python train.py --out runs/a --minutes 60 [--real DIR_WITH_JSONL_GZ] [--device cuda] [--tokens-per-batch 65536]

Run it again with the same --out and it goes on where it stopped. Writes checkpoint.pt (everything), model.safetensors
(the moving average of the weights) with config.json, and log.jsonl. The last fifth of each real file and a fixed set of
synthetic series are never trained on; their weighted quantile loss is the validation figure.
"""
import argparse
import glob
import gzip
import json
import math
import multiprocessing
import pathlib
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from model import CONFIG, QuantileForecaster
from synthetic import sample_series


def read_real(folder):
    """Training and held-out series of every .jsonl.gz in a folder: one {"target": [...]} per line."""
    train, held_out = [], []
    for path in sorted(glob.glob(f"{folder}/*.jsonl.gz")) if folder else []:
        rows = [np.array([np.nan if v is None else v for v in json.loads(line)["target"]], float)
                for line in gzip.open(path, "rt")]
        rows = [np.interp(np.arange(len(r)), np.flatnonzero(~np.isnan(r)), r[~np.isnan(r)])
                for r in rows if np.isfinite(r).sum() > 24]
        cut = max(1, int(len(rows) * 0.8))
        train, held_out = train + rows[:cut], held_out + rows[cut:]
    return train, held_out


CALENDAR_PERIODS = [4, 7, 12, 24, 30, 48, 52, 96, 168, 288, 336, 365, 672]


def seasonal_period(y, candidates):
    """The candidate at which the series repeats itself, else 0.

    Repeats: the mean absolute difference at the lag is below 0.8 of that at one half and three halves of the lag, which
    no trend and no random walk achieves. Of several the one with the smallest difference, a longer one only if it is
    smaller by a tenth.
    """
    difference = lambda lag: np.abs(y[lag:] - y[:-lag]).mean()
    best, least = 0, np.inf
    for p in candidates:
        if len(y) < 2 * p + 1:
            continue
        d = difference(p)
        if d < 0.8 * (difference(p // 2) + difference(min(p + p // 2, len(y) - 1))) / 2 and d < 0.9 * least:
            best, least = p, d
    return best


def base_forecast(z, begin, period, patch, patches, ahead):
    """The naive forecast of the next `ahead` values after each patch: the last season, else the last value.

    z: [T] without gaps; begin: index of the first real value. Returns [patches, ahead] and whether each is seasonal.
    """
    ends = (np.arange(patches) + 1) * patch
    last = np.maximum(ends - 1, 0)
    if not period:
        return np.repeat(z[last][:, None], ahead, 1), np.zeros(patches, bool)
    k = np.arange(ahead)
    index = ends[:, None] + k - period * (k // period + 1)
    seasonal = ends - period >= begin
    return np.where(seasonal[:, None], z[np.clip(index, 0, len(z) - 1)], z[last][:, None]), seasonal


def make_batch(rng, config, tokens, real=None, context=None, draw=sample_series):
    """A batch of sequences of one length: values, mask, first real patch, first patch that is predicted, scaled."""
    p, horizon = config["patch_size"], config["patch_size"] * config["output_patches"]
    patches = context or int(np.exp(rng.uniform(0, np.log(config["max_patches"] - config["output_patches"] + 1))))
    length = patches * p
    total = length + horizon
    rows = max(4, tokens // (patches + config["output_patches"]))
    values, masks = np.zeros((rows, total)), np.zeros((rows, total), bool)
    first, start = np.zeros(rows, int), np.zeros(rows, int)
    base = np.zeros((rows, total // p, horizon))
    seasonal = np.zeros((rows, total // p), bool)
    for i in range(rows):
        keep = length - int(rng.integers(0, p)) if rng.random() < 0.7 else max(3, int(length * rng.uniform(0.3, 1)))
        y, mask = draw(rng, keep + horizon, real)
        # Statistics come from a prefix; what follows it is predicted from every patch on.
        begin = length - keep
        earliest = begin // p + 1
        split = patches if rng.random() < 0.5 else int(rng.integers(min(earliest + 1, patches), patches + 1))
        seen = y[:split * p - begin][mask[:split * p - begin]]
        if len(seen) < 2:
            seen, mask[:] = y[:max(2, split * p - begin)], True
        scale = seen.std()
        if scale < 1e-6 * max(1.0, abs(seen.mean())):
            scale = max(1e-6, abs(seen.mean()), 1.0)
        values[i, begin:] = np.arcsinh((y - seen.mean()) / scale)
        masks[i, begin:], first[i], start[i] = mask, begin // p, split - 1
        # Gaps take the last value before them; the period is looked for in what the statistics may see.
        filled = np.maximum.accumulate(np.where(masks[i], np.arange(total), 0))
        z = np.clip(np.where(masks[i].cumsum() > 0, values[i, filled], 0), -12, 12)
        chance = rng.random()
        if chance < 0.9:
            period = seasonal_period(z[begin:split * p], CALENDAR_PERIODS)
        else:  # a detector errs
            period = int(rng.choice(CALENDAR_PERIODS)) if chance < 0.93 else 0
        base[i], seasonal[i] = base_forecast(z, begin, period, p, total // p, horizon)
    as_patches = lambda a: torch.from_numpy(a.reshape(rows, -1, p))
    return (as_patches(values).float().clamp_(-12, 12), as_patches(masks), torch.from_numpy(first),
            torch.from_numpy(start), torch.from_numpy(base).float(), torch.from_numpy(seasonal))


def quantile_loss(model, batch, device):
    """Mean pinball loss over the predicted values in asinh space, and the balance loss."""
    x, observed, first, start, base, seasonal = (b.to(device, non_blocking=True) for b in batch)
    k = model.config["output_patches"]
    b, t = x.shape[:2]
    chosen = (torch.arange(t, device=device)[None] >= start[:, None]) & (torch.arange(t, device=device) < t - 1)
    q, balance = model(x, observed, first, base, seasonal, chosen)
    row, last = chosen.nonzero(as_tuple=True)
    ahead = last[:, None] + 1 + torch.arange(k, device=device)
    target = x[row[:, None], ahead.clamp(max=t - 1)].flatten(1)
    valid = (observed[row[:, None], ahead.clamp(max=t - 1)] & (ahead < t)[..., None]).flatten(1)
    levels = torch.tensor(model.config["quantile_levels"], device=device)
    error = target[..., None] - q.float()
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(-1) * 2
    # Every sequence counts the same, however many values of it are predicted.
    sums, counts = (torch.zeros(b, device=device).index_add(0, row, v.sum(1).float()) for v in (pinball * valid, valid))
    per_row = sums / counts.clamp(min=1)
    return per_row.mean(), balance


def validation_sets(config, held_out):
    rng = np.random.default_rng(20240501)
    contexts = [2, 4, 8, 16, 32, 64, 128]
    synthetic = [make_batch(rng, config, 2048, context=c) for c in contexts]
    real = []
    if held_out:
        def tail(rng, n, _):
            series = held_out[rng.integers(len(held_out))]
            return (series[-n:] if len(series) >= n else np.pad(series, (n - len(series), 0), "edge")), np.ones(n, bool)

        real = [make_batch(rng, config, 1024, context=c, draw=tail) for c in contexts]
    return {"synthetic": synthetic, "real": real}


def batches(seed, config, tokens, real, queue):
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    while True:
        queue.put(make_batch(rng, config, tokens, real))


def export(model, ema, out, dtype=torch.bfloat16):
    save_file({n: v.to(dtype).contiguous() for n, v in ema.items()}, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(model.config, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--real", help="folder of .jsonl.gz files with a target per line")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=20000, help="length of the learning-rate schedule")
    parser.add_argument("--decay-steps", type=int, default=5000, help="steps at its end in which the rate falls to zero")
    parser.add_argument("--init", type=pathlib.Path, help="model.safetensors to start from, as far as shapes agree")
    parser.add_argument("--tokens-per-batch", type=int, default=4096)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches; 0: none")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    for key in ("d_model", "d_ff", "num_layers", "num_heads", "num_experts"):
        parser.add_argument(f"--{key.replace('_', '-')}", type=int, default=CONFIG[key])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    config = {**CONFIG, **{k: getattr(options, k) for k in CONFIG if hasattr(options, k)}}
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(options.device)
    model = QuantileForecaster(config).to(device)
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0}],
                                  lr=options.lr, betas=(0.9, 0.98))
    ema = {n: v.detach().clone() for n, v in model.state_dict().items()}
    step = tokens = 0
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"]), optimizer.load_state_dict(saved["optimizer"])
        ema, step, tokens = saved["ema"], saved["step"], saved["tokens"]
    elif options.init:
        given = load_file(options.init)
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if name in given and given[name].shape == value.shape:
                    value.copy_(given[name])
                elif name in given:  # an input layer that has grown: new columns start at zero
                    value.zero_()[:, :given[name].shape[1]] = given[name]
        ema = {n: v.detach().clone() for n, v in model.state_dict().items()}
    train_real, held_out = read_real(options.real)
    checks = validation_sets(config, held_out)
    evaluated = QuantileForecaster(config).to(device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(train_real)} real series, step {step}")

    if options.workers:
        queue = multiprocessing.Queue(4 * options.workers)
        for w in range(options.workers):
            multiprocessing.Process(target=batches, daemon=True, args=(
                options.seed + 1000 * w + step, config, options.tokens_per_batch, train_real, queue)).start()
    rng = np.random.default_rng([options.seed, step])
    # Warm-up, stable, then a fall by one minus the square root (Haegele et al., arXiv 2405.18392): more steps can be
    # added later without starting the schedule anew.
    def schedule(s):
        fallen = max(0.0, (s - (options.steps - options.decay_steps)) / options.decay_steps)
        return min(1, (s + 1) / 300) * (1 - math.sqrt(min(1, fallen)))


    def save():
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "ema": ema, "step": step,
                    "tokens": tokens, "config": config}, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)
        export(model, ema, options.out)

    began = saved_at = logged = time.time()
    running = []
    while time.time() - began < options.minutes * 60 and step < options.steps:
        batch = queue.get() if options.workers else make_batch(rng, config, options.tokens_per_batch, train_real)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * schedule(step)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss, balance = quantile_loss(model, batch, device)
        optimizer.zero_grad(set_to_none=True)
        (loss + 0.01 * balance).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, tokens = step + 1, tokens + batch[0].shape[0] * batch[0].shape[1]
        keep = min(0.999, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                ema[name].lerp_(value, 1 - keep)
        running.append(loss.detach())
        if time.time() - logged > 120:
            evaluated.load_state_dict(ema)
            with torch.no_grad():
                figures = {k: float(np.mean([quantile_loss(evaluated, b, device)[0].item() for b in v]))
                           for k, v in checks.items() if v}
            row = {"step": step, "tokens": tokens, "minutes": round((time.time() - began) / 60, 1),
                   "loss": round(torch.stack(running).mean().item(), 4),
                   "balance": round(balance.item(), 3), **{k: round(v, 4) for k, v in figures.items()}}
            print(json.dumps(row), flush=True)
            with open(options.out / "log.jsonl", "a") as log:
                log.write(json.dumps(row) + "\n")
            running, logged = [], time.time()
        if time.time() - saved_at > 600:
            save()
            saved_at = time.time()
    save()


if __name__ == "__main__":
    main()
