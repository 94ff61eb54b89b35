"""Writes random small encoders with inputs, outputs and gradients: the oracle of Tests/MixtureOfExpertsTests.

    python make_fixture.py --out Fixtures/encoder [--seed 0]

One NAME.safetensors for each configuration that the product uses, the configuration in its metadata: `parameter.*`,
`input.*`, `output`, `balance`, `upstream`, and the gradients of sum(output * upstream) + BALANCE * balance loss as
`gradient.*` with `gradient.input`.
"""
import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file

from encoder import CONFIGURATION, Encoder

SMALL = dict(model_size=24, layers=2, heads=3, feed_forward_size=20)
VARIANTS = {
    "moirai": dict(experts=4, experts_per_token=2, gate="centroid_distance", is_causal=True, variate_bias=True,
                   query_key_norm=True, positions={"rotary": {"fraction": 0.5, "base": 10000}}),
    "forecaster": dict(experts=5, experts_per_token=2, is_causal=True, query_key_norm=True, balance_loss=0.7,
                       positions={"rotary": {"fraction": 1, "base": 10000}}),
    "page": dict(experts=3, activation="gelu", balance_loss=0.3, positions={"rotary2_d": {"base": 100}}),
    "bert": dict(norm="layer", norm_placement="post", feed_forward="plain", activation="gelu", has_bias=True,
                 norm_epsilon=1e-12, positions={"learned": {"count": 40, "axes": 1}}),
    "sparse-bert": dict(norm="layer", norm_placement="post", feed_forward="plain", has_bias=True, experts=3,
                        experts_per_token=2),
    "shared-bert": dict(norm="layer", norm_placement="post", feed_forward="plain", activation="gelu", has_bias=True,
                        feed_forward_size=4, experts=5, experts_per_token=2, shared_feed_forward_size=20,
                        balance_loss=0.2),
    "shared": dict(feed_forward_size=6, experts=2, experts_per_token=2, shared_feed_forward_size=20),
}


def case(configuration, seed, lengths=(7, 1, 12)):
    torch.manual_seed(seed)
    model = Encoder(configuration)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:  # make every norm weight and bias matter
                parameter.add_(0.2 * torch.randn_like(parameter))
    tokens = sum(lengths)
    x = torch.randn(tokens, configuration["model_size"], requires_grad=True)
    segments = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    times = torch.cat([torch.arange(n) for n in lengths])
    variates = torch.arange(tokens) % 2
    coordinates = [torch.rand(tokens) * 20 for _ in range(2)] if "rotary2_d" in configuration["positions"] else None
    row = lambda a: None if a is None else a[None]
    output, balance = model(
        row(x), row(segments), row(times), row(variates), [row(c) for c in coordinates] if coordinates else None)
    output = output[0]
    upstream = torch.randn_like(output)
    ((output * upstream).sum() + configuration["balance_loss"] * balance).backward()
    arrays = {f"parameter.encoder.{n}": p for n, p in model.state_dict().items()}
    arrays |= {f"gradient.encoder.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None}
    arrays |= {"input.x": x, "input.times": times.float(), "input.variates": variates.float(), "output": output,
               "upstream": upstream, "gradient.input": x.grad, "balance": torch.as_tensor(balance).reshape(1),
               "input.lengths": torch.tensor(lengths).float()}
    arrays |= {f"input.coordinates.{i}": c for i, c in enumerate(coordinates or [])}
    return {n: a.detach().float().contiguous() for n, a in arrays.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, change in VARIANTS.items():
        configuration = {**CONFIGURATION, **SMALL, **change}
        save_file(case(configuration, options.seed), options.out / f"{name}.safetensors",
                  metadata={"configuration": json.dumps(configuration)})
        print(f"{name}: {(options.out / f'{name}.safetensors').stat().st_size} bytes")


if __name__ == "__main__":
    main()
