"""The mixture-of-experts core against its peers, all measured in this run on this machine with the same threads.

    python core_speed.py [--checkpoint DIR] [--threads 2]

Forecasting: Moirai-MoE in its reference implementation (PyPI uni2ts 2.0.0, PyTorch) and in docq, the same checkpoint and
the same requests. Without --checkpoint one of the published small shape with random weights is made first. Training: the
PyTorch mirror (Training/core/encoder.py) and the Swift trainer on a causal encoder of 6 layers, 256 wide, 16 experts, top 2.
Experts: the sparse feed-forward block against OpenBLAS on 1024 x 1024 x 1024.

`Benchmarks/run core` installs what it needs.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BENCHMARK = ".build/release/CoreBenchmark"


def fastest(runs, body):
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        body()
        best = min(best, time.perf_counter() - start)
    return best


def docq(threads, *arguments):
    environment = {**os.environ, "DOCQ_THREADS": str(threads)}
    found = subprocess.run([BENCHMARK, *arguments], env=environment, capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


def make_checkpoint(folder):
    import torch
    from uni2ts.distribution import (LogNormalOutput, MixtureOutput, NegativeBinomialOutput, NormalFixedScaleOutput,
                                     StudentTOutput)
    from uni2ts.model.moirai_moe import MoiraiMoEModule
    torch.manual_seed(0)
    outputs = [StudentTOutput(), NormalFixedScaleOutput(scale=1e-3), NegativeBinomialOutput(), LogNormalOutput()]
    module = MoiraiMoEModule(
        distr_output=MixtureOutput(outputs), patch_sizes=(16,), max_seq_len=512, attn_dropout_p=0.0, dropout_p=0.0,
        scaling=True, d_model=384, d_ff=512, num_layers=6)
    module.encoder.centroid.copy_(torch.randn(module.encoder.centroid.shape, dtype=torch.float64))
    module.save_pretrained(folder)


def reference(checkpoint):
    """Seconds of uni2ts: one series with 100 paths of 96 steps; 32 series with one patch."""
    import torch
    from uni2ts.model.moirai_moe import MoiraiMoEForecast, MoiraiMoEModule
    module = MoiraiMoEModule.from_pretrained(checkpoint)

    def forecast(batch, horizon):
        model = MoiraiMoEForecast(
            prediction_length=horizon, target_dim=1, feat_dynamic_real_dim=0, past_feat_dynamic_real_dim=0,
            context_length=512, module=module, patch_size=16, num_samples=100)
        past = 10 + 3 * torch.sin(torch.arange(512) / 4).repeat(batch, 1)[..., None] + 0.4 * torch.randn(batch, 512, 1)
        with torch.inference_mode():
            model(past_target=past, past_observed_target=torch.ones_like(past, dtype=torch.bool),
                  past_is_pad=torch.zeros(batch, 512, dtype=torch.bool))

    forecast(1, 16)
    return fastest(1, lambda: forecast(1, 96)), fastest(3, lambda: forecast(32, 16))


def training(rows=32, length=128):
    """Tokens per second of the PyTorch mirror with AdamW and clipping."""
    import torch
    sys.path.insert(0, "Training/core")
    from encoder import CONFIGURATION, Encoder
    encoder = Encoder({
        **CONFIGURATION, "model_size": 256, "layers": 6, "heads": 8, "feed_forward_size": 512, "experts": 16,
        "experts_per_token": 2, "is_causal": True, "query_key_norm": True,
        "positions": {"rotary": {"fraction": 0.5, "base": 10000}}})
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-3)
    x, segments = torch.randn(rows, length, 256), torch.zeros(rows, length, dtype=torch.long)
    times = torch.arange(length).expand(rows, length)

    def step():
        y, balance = encoder(x, segments, times)
        optimizer.zero_grad(set_to_none=True)
        (0.5 * (y * y).sum() + 0.01 * balance).backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()

    step()
    return rows * length / fastest(5, step)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="folder of a Moirai-MoE checkpoint of the small size")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    import torch
    torch.set_num_threads(options.threads)
    folder = options.checkpoint
    if not folder:
        folder = tempfile.mkdtemp()
        make_checkpoint(folder)
    weights = pathlib.Path(folder, "model.safetensors").stat().st_size / 2**20

    first = docq(options.threads, "first-answer", folder)
    own = docq(options.threads, "decoding", folder)
    long, batch = reference(folder)
    print(f"{options.threads} threads; weights {weights:.0f} MiB")
    print(f"{'':52}{'uni2ts':>10}{'docq':>10}{'ratio':>9}")
    for name, peer, ours in [
        ("context 512, horizon 96, 100 samples, cached, bf16", long, own["cached_bfloat16_seconds"]),
        ("context 512, horizon 96, 100 samples, cached, f32", long, own["cached_seconds"]),
        ("context 512, horizon 96, 100 samples, exact, bf16", long, own["exact_bfloat16_seconds"]),
        ("context 512, horizon 96, 100 samples, exact, f32", long, own["exact_seconds"]),
        ("32 series, context 512, one patch, bf16", batch, own["batch_bfloat16_seconds"]),
        ("32 series, context 512, one patch, f32", batch, own["batch_seconds"]),
    ]:
        print(f"{name:52}{peer:9.2f}s{ours:9.3f}s{peer / ours:8.1f}x")
    peak = first["peak_mib"]
    print(f"{'peak resident memory, f32 / weights file':52}{'':10}{peak:6.0f} MiB{peak / weights:8.2f}x")
    print(f"{'load and first answer (cached, horizon 96)':52}{'':10}{first['seconds']:9.2f}s")

    peer, ours = training(), docq(options.threads, "training")["tokens_per_second"]
    print(f"{'training, tokens/s (peer: PyTorch mirror)':52}{peer:10.0f}{ours:10.0f}{ours / peer:8.2f}x")
    experts = docq(options.threads, "experts")
    for precision in ("float32", "bfloat16", "int8"):
        name = f"experts {precision}, GFLOP/s (peer: OpenBLAS, 1024^3)"
        print(f"{name:52}{experts['peak']:10.0f}{experts[precision]:10.0f}{experts[precision] / experts['peak']:8.2f}x")


if __name__ == "__main__":
    main()
