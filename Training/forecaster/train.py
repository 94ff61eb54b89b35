"""Pre-trains docq's forecaster with PyTorch, on a GPU or the CPU; `docq train forecaster` does the same without Python.

    python train.py --docq .build/release/docq --pool pool.safetensors --out runs/gpu --minutes 60 [REAL.jsonl.gz ...]

Batches come from `docq train forecaster --batches`, so features, augmentation and sampling exist once. Run it again with
the same --out and it goes on where it stopped. Writes checkpoint.pt, model.safetensors (the moving average of the weights),
config.json and log.jsonl. Batches of a seed of their own are never trained on; their loss is the validation figure.
"""
import argparse
import json
import math
import pathlib
import queue
import subprocess
import threading
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from model import CONFIGURATION, QuantileModel, write_configuration


def read_batch(stream, width, horizon):
    header = json.loads(stream.readline())
    tokens, asked = header["tokens"], header["asked"]

    def array(kind, *shape):
        return torch.from_numpy(np.frombuffer(bytearray(stream.read(4 * math.prod(shape))), kind).reshape(shape))

    batch = {"tokens": array(np.float32, tokens, width)}
    for name, count in (("segments", tokens), ("times", tokens), ("asked", asked)):
        batch[name] = array(np.int32, count).long()
    for name in ("targets", "counts"):
        batch[name] = array(np.float32, asked, horizon)
    return batch


def batches(options, model, seed):
    """A generator of batches, made by another process and read ahead by a thread."""
    command = [options.docq, "train", "forecaster", *options.real, "--batches", "--seed", str(seed), "--tokens",
               str(options.tokens), "--real-share", str(options.real_share)]
    for pool in options.pool:
        command += ["--pool", pool]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    ahead = queue.Queue(16)

    def read():
        while True:
            ahead.put(read_batch(process.stdout, model.width, model.horizon))

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            yield ahead.get()
    finally:
        process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", nargs="*", help="real series, as docq reads them")
    parser.add_argument("--docq", default=".build/release/docq")
    parser.add_argument("--pool", action="append", default=[], required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--init", help="model.safetensors to start from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--decay-steps", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--real-share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.manual_seed(options.seed)
    model = QuantileModel().to(device)
    if options.init:
        model.load_state_dict(load_file(options.init))
    groups = [{"params": [p for p in model.parameters() if (p.dim() > 1) == matrix], "weight_decay": 0.05 * matrix}
              for matrix in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98))
    average = {n: v.detach().clone() for n, v in model.state_dict().items()}
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, step = options.out / "checkpoint.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, step = saved["average"], saved["step"]
    move = lambda batch: {n: a.to(device, non_blocking=True) for n, a in batch.items()}
    source = batches(options, model, 20240501)
    held_out = [move(next(source)) for _ in range(8)]
    source.close()
    evaluated = QuantileModel().to(device)

    def save():
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step},
                   checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").rename(checkpoint)
        save_file({n: v.to(torch.bfloat16 if v.dim() > 1 else torch.float32).contiguous() for n, v in average.items()},
                  options.out / "model.safetensors")
        write_configuration(CONFIGURATION, options.out)

    began = told = time.time()
    losses = []
    for batch in batches(options, model, options.seed + step):
        if time.time() - began > options.minutes * 60 or step >= options.steps:
            break
        fallen = max(0.0, (step - (options.steps - options.decay_steps)) / options.decay_steps)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 300) * (1 - math.sqrt(min(1, fallen)))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss, balance = model.loss(move(batch))
        optimizer.zero_grad(set_to_none=True)
        (loss + model.configuration["encoder"]["balance_loss"] * balance).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.detach())
        keep = min(0.9995, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                average[name].lerp_(value, 1 - keep)
        if time.time() - told > 120:
            evaluated.load_state_dict(average)
            with torch.no_grad():
                figure = sum(evaluated.loss(b)[0].item() for b in held_out) / len(held_out)
            line = {"step": step, "loss": torch.stack(losses).mean().item(), "held_out": figure}
            print(json.dumps(line), flush=True)
            with open(options.out / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            save()
            losses, told = [], time.time()
    save()


if __name__ == "__main__":
    main()
