"""The forecaster as trained: a causal sparse-MoE transformer over patches with a quantile head.

Tensor names follow the published Moirai-MoE checkpoints where a part is the same (encoder layers, norms, attention,
experts); config.json says what differs: a linear softmax gate, nine quantiles of the next `output_patches` patches in
place of a mixture (as in Moirai 2.0), and the seasonal naive forecast of those patches as an input and, through a learned
gate, as the base of the output.
"""
import torch
import torch.nn.functional as F
from torch import nn

CONFIG = dict(architecture="docq-quantile-moe", patch_size=8, d_model=192, d_ff=256, num_layers=4, num_heads=6,
              num_experts=8, top_k=2, output_patches=8, max_patches=136, gate="linear-softmax",
              rotary_fraction=0.5, norm_eps=1e-5,
              quantile_levels=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, positions, fraction):
    """Rotary embedding on the first `fraction` of the head (interleaved pairs, base 10000). x: [B, H, T, D]."""
    d = int(x.shape[-1] * fraction)
    frequency = 10000 ** (-torch.arange(0, d, 2, device=x.device, dtype=torch.float32) / d)
    angle = positions[:, None].float() * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b, rest = x[..., 0:d:2], x[..., 1:d:2], x[..., d:]
    return torch.cat([torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2), rest], -1)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, self.heads, self.fraction = c["d_model"], c["num_heads"], c["rotary_fraction"]
        self.q_proj, self.k_proj = nn.Linear(d, d, bias=False), nn.Linear(d, d, bias=False)
        self.v_proj, self.out_proj = nn.Linear(d, d, bias=False), nn.Linear(d, d, bias=False)
        self.q_norm, self.k_norm = RMSNorm(d // self.heads, c["norm_eps"]), RMSNorm(d // self.heads, c["norm_eps"])

    def forward(self, x, attends):
        b, t, d = x.shape
        split = lambda y: y.view(b, t, self.heads, -1).transpose(1, 2)
        positions = torch.arange(t, device=x.device)
        q = rotate(self.q_norm(split(self.q_proj(x))), positions, self.fraction)
        k = rotate(self.k_norm(split(self.k_proj(x))), positions, self.fraction)
        y = F.scaled_dot_product_attention(q, k, split(self.v_proj(x)), attn_mask=attends)
        return self.out_proj(y.transpose(1, 2).reshape(b, t, d))


class SparseExperts(nn.Module):
    """Top-k gated-linear-unit experts. Weights are [experts, out, in]; tokens are grouped by expert."""

    def __init__(self, c):
        super().__init__()
        d, f, e = c["d_model"], c["d_ff"], c["num_experts"]
        self.top_k = c["top_k"]
        self.gate = nn.Linear(d, e, bias=False)
        self.fc_gate = nn.Parameter(torch.randn(e, f, d) * d**-0.5)
        self.fc1 = nn.Parameter(torch.randn(e, f, d) * d**-0.5)
        self.fc2 = nn.Parameter(torch.randn(e, d, f) * f**-0.5 * 0.5)

    def forward(self, x):
        shape = x.shape
        x = x.reshape(-1, shape[-1])
        probabilities = self.gate(x).float().softmax(-1)
        weight, choice = probabilities.topk(self.top_k, -1)
        weight = (weight / weight.sum(-1, keepdim=True)).to(x.dtype)
        flat = choice.flatten()
        order = flat.argsort(stable=True)
        tokens = order // self.top_k
        load = torch.bincount(flat, minlength=self.fc1.shape[0])
        outputs, start = [], 0
        gathered = x[tokens]
        for e, count in enumerate(load.tolist()):
            part = gathered[start:start + count]
            outputs.append((F.silu(part @ self.fc_gate[e].T) * (part @ self.fc1[e].T)) @ self.fc2[e].T)
            start += count
        y = torch.zeros_like(x).index_add(0, tokens, torch.cat(outputs) * weight.flatten()[order, None])
        # Switch-transformer balance loss: experts x sum(share of tokens x mean probability).
        balance = self.fc1.shape[0] * ((load / load.sum()) * probabilities.mean(0)).sum()
        return y.view(shape), balance


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.norm2 = RMSNorm(c["d_model"], c["norm_eps"]), RMSNorm(c["d_model"], c["norm_eps"])
        self.self_attn, self.ffn = Attention(c), SparseExperts(c)

    def forward(self, x, attends):
        x = x + self.self_attn(self.norm1(x), attends)
        y, balance = self.ffn(self.norm2(x))
        return x + y, balance


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_layers"]))
        self.norm = RMSNorm(c["d_model"], c["norm_eps"])


class QuantileForecaster(nn.Module):
    def __init__(self, config=CONFIG):
        super().__init__()
        c = self.config = config
        p, d = c["patch_size"], c["d_model"]
        # Values, mask, difference to the base forecast, base forecast of all output patches, whether it is seasonal.
        width = 3 * p + c["output_patches"] * p + 1
        self.in_proj, self.feat_proj, self.res_proj = nn.Linear(width, d), nn.Linear(d, d), nn.Linear(width, d)
        self.encoder = Encoder(c)
        self.quantile_proj = nn.Linear(d, c["output_patches"] * p * len(c["quantile_levels"]))
        self.base_proj = nn.Linear(d, c["output_patches"])

    def forward(self, x, observed, first, base, seasonal, chosen):
        """x, observed: [B, T, P] scaled values and their mask; first: [B], index of the first real patch; base:
        [B, T, output_patches * P], the naive forecast after each patch; seasonal: [B, T], whether it is the seasonal one;
        chosen: [B, T], the N patches after which a forecast is wanted.

        Returns quantiles [N, output_patches * P, Q] of what follows the chosen patches, and the mean balance loss.
        """
        b, t, _ = x.shape
        p = self.config["patch_size"]
        before = torch.cat([x[:, :1], base[:, :-1, :p]], 1)
        values = torch.cat([torch.where(observed, x, 0), observed.to(x.dtype), torch.where(observed, x - before, 0),
                            base, seasonal[..., None].to(x.dtype)], -1)
        h = self.feat_proj(F.silu(self.in_proj(values))) + self.res_proj(values)
        index = torch.arange(t, device=x.device)
        causal = index[None, :] <= index[:, None]
        real = index[None, :] >= first[:, None]
        attends = causal[None, None] & (real[:, None, None, :] | torch.eye(t, device=x.device, dtype=torch.bool))
        balance = 0
        for layer in self.encoder.layers:
            h, loss = layer(h, attends)
            balance = balance + loss
        h = self.encoder.norm(h[chosen])
        q = self.quantile_proj(h).view(len(h), -1, len(self.config["quantile_levels"]))
        trust = self.base_proj(h).sigmoid().repeat_interleave(p, -1)
        return q + (trust * base[chosen])[..., None], balance / len(self.encoder.layers)
