"""docq's forecaster in PyTorch: what Sources/Forecasting/QuantileMoE computes, under the same tensor names."""
import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "core"))
from encoder import CONFIGURATION as ENCODER, Encoder

CONFIGURATION = dict(
    architecture="docq-quantile-moe", patch_size=8, output_patches=8, max_patches=128,
    quantile_levels=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    encoder={**ENCODER, "model_size": 192, "layers": 4, "heads": 6, "feed_forward_size": 256, "experts": 8,
             "experts_per_token": 2, "balance_loss": 0.01, "is_causal": True, "query_key_norm": True,
             "positions": {"rotary": {"fraction": 0.5, "base": 10000}}})


class QuantileModel(nn.Module):
    def __init__(self, configuration=CONFIGURATION):
        super().__init__()
        c = self.configuration = configuration
        d, self.patch = c["encoder"]["model_size"], c["patch_size"]
        self.horizon = c["patch_size"] * c["output_patches"]
        self.register_buffer("levels", torch.tensor(c["quantile_levels"]), persistent=False)
        # Values, mask, differences to two base forecasts; both base forecasts of what follows; three facts.
        self.width = 4 * self.patch + 2 * self.horizon + 3
        self.in_proj, self.feat_proj, self.res_proj = nn.Linear(self.width, d), nn.Linear(d, d), nn.Linear(self.width, d)
        self.encoder = Encoder(c["encoder"])
        self.quantile_proj = nn.Linear(d, self.horizon * len(self.levels))
        self.base_proj = nn.Linear(d, 3 * c["output_patches"])
        for layer in (self.in_proj, self.feat_proj, self.res_proj, self.quantile_proj, self.base_proj):
            gain = 0.2 if layer in (self.quantile_proj, self.base_proj) else 1
            nn.init.normal_(layer.weight, std=gain * layer.in_features ** -0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, batch):
        """Quantiles [asked, horizon, levels] in scaled units, and the balance loss."""
        x = batch["tokens"]
        h = self.feat_proj(F.silu(self.in_proj(x))) + self.res_proj(x)
        h, balance = self.encoder(h[None], batch["segments"][None], batch["times"][None])
        h, asked = h[0, batch["asked"]], x[batch["asked"]]
        bases = asked[:, 4 * self.patch:4 * self.patch + 2 * self.horizon].view(len(asked), 2, self.horizon)
        weights = self.base_proj(h).view(len(asked), -1, 3).softmax(-1)[..., :2]
        centre = (weights.repeat_interleave(self.patch, 1).transpose(1, 2) * bases).sum(1)
        return centre[..., None] + self.quantile_proj(h).view(len(asked), self.horizon, -1), balance

    def loss(self, batch):
        """Twice the mean quantile loss, every sequence counting the same; and the balance loss."""
        quantiles, balance = self(batch)
        error = batch["targets"][..., None] - quantiles.float()
        pinball = torch.maximum(self.levels * error, (self.levels - 1) * error).mean(-1) * 2
        return (pinball * batch["counts"]).sum(), balance


def write_configuration(configuration, folder):
    (folder / "config.json").write_text(json.dumps(configuration, indent=2, sort_keys=True) + "\n")
