"""The shared encoder in PyTorch: what Sources/MixtureOfExperts computes, under the same tensor names.

For training on GPUs and as the oracle of the Swift tests. A configuration is the dictionary that the Swift
`EncoderConfiguration` writes as JSON in snake case; `CONFIGURATION` has its defaults. A batch is [rows, tokens]; sequences of
unequal lengths are packed one behind the other in a row, and `segments` says which sequence a token belongs to.

Sources: sparse experts with top-k gates (Shazeer et al., arXiv 1701.06538), balance loss (Fedus et al., arXiv 2101.03961),
distances to centroids as gate (Liu et al., Moirai-MoE, arXiv 2410.10469), rotary positions (Su et al., arXiv 2104.09864).
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

CONFIGURATION = dict(
    model_size=192, layers=4, heads=6, feed_forward_size=256, experts=1, experts_per_token=1, gate="linear",
    balance_loss=0.0, is_causal=False, positions={"none": {}}, variate_bias=False, query_key_norm=False, norm="rms",
    norm_placement="pre", norm_epsilon=1e-5, feed_forward="gated", activation="silu", has_bias=False,
    shared_feed_forward_size=None)


class RMSNorm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(size)), epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


def make_norm(c):
    size, epsilon = c["model_size"], c["norm_epsilon"]
    return RMSNorm(size, epsilon) if c["norm"] == "rms" else nn.LayerNorm(size, eps=epsilon)


def activation(c):
    return F.silu if c["activation"] == "silu" else lambda x: F.gelu(x, approximate="tanh")


def rotations(c):
    """(first dimension, pairs, base, axis) of what is turned in each head."""
    (kind, options), = c["positions"].items()
    head = c["model_size"] // c["heads"]
    if kind == "rotary":
        return [(0, int(head * options["fraction"]) // 2, options["base"], 0)]
    if kind == "rotary2_d":
        return [(axis * (head // 4 * 2), head // 4, options["base"], axis) for axis in (0, 1)]
    return []


def rotate(x, positions, first, pairs, base):
    """Turns the interleaved pairs first..<first + 2 pairs. x: [rows, tokens, heads, head size]; positions: [rows, tokens]."""
    frequency = base ** (-torch.arange(pairs, device=x.device, dtype=torch.float32) / max(1, pairs))
    angle = (positions.float()[..., None] * frequency)[:, :, None]
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    last = first + 2 * pairs
    a, b = x[..., first:last:2], x[..., first + 1:last:2]
    turned = torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
    return torch.cat([x[..., :first], turned, x[..., last:]], -1)


class VariateBias(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.emb = nn.Embedding(2, heads)
        nn.init.normal_(self.emb.weight, std=0.02)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, self.heads, self.c = c["model_size"], c["heads"], c
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(d, d, bias=c["has_bias"]))
        if c["query_key_norm"]:
            self.q_norm = RMSNorm(d // self.heads, c["norm_epsilon"])
            self.k_norm = RMSNorm(d // self.heads, c["norm_epsilon"])
        if c["variate_bias"]:
            self.var_attn_bias = VariateBias(self.heads)

    def forward(self, x, batch):
        split = lambda y: y.view(*x.shape[:2], self.heads, -1)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        if self.c["query_key_norm"]:
            q, k = self.q_norm(q), self.k_norm(k)
        for first, pairs, base, axis in rotations(self.c):
            q, k = (rotate(y, batch["axes"][axis], first, pairs, base) for y in (q, k))
        # [rows, heads, queries, keys]
        bias = batch["sees"][:, None]
        if self.c["variate_bias"]:
            same = (batch["variates"][:, :, None] == batch["variates"][:, None, :]).long()
            bias = self.var_attn_bias.emb(same).permute(0, 3, 1, 2).masked_fill(~bias, -math.inf)
        y = F.scaled_dot_product_attention(*(z.transpose(1, 2) for z in (q, k, v)), attn_mask=bias)
        return self.out_proj(y.transpose(1, 2).reshape(x.shape))


class Expert(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, hidden, bias = c["model_size"], c["feed_forward_size"], c["has_bias"]
        self.gated, self.activation = c["feed_forward"] == "gated", activation(c)
        if self.gated:
            self.fc_gate = nn.Linear(d, hidden, bias=bias)
        self.fc1, self.fc2 = nn.Linear(d, hidden, bias=bias), nn.Linear(hidden, d, bias=bias)

    def forward(self, x):
        if self.gated:
            return self.fc2(self.activation(self.fc_gate(x)) * self.fc1(x))
        return self.fc2(self.activation(self.fc1(x)))


class FeedForward(nn.Module):
    """Each token goes through its top experts; tokens are grouped by expert. One expert makes the layer dense.

    A shared expert (arXiv 2401.06066) is a dense block of its own that every token goes through, too.
    """

    def __init__(self, c):
        super().__init__()
        self.top, self.count, self.shared = c["experts_per_token"], c["experts"], None
        if c["shared_feed_forward_size"]:
            self.shared = FeedForward({**c, "feed_forward_size": c["shared_feed_forward_size"], "experts": 1,
                                       "experts_per_token": 1, "shared_feed_forward_size": None})
        self.experts = nn.ModuleList(Expert(c) for _ in range(self.count))
        if self.count > 1 and c["gate"] == "linear":
            self.gate = nn.Linear(c["model_size"], self.count, bias=False)

    def forward(self, x, centroids):
        """x: [..., model size]; centroids: [experts, model size] or None. Returns the sum and the balance loss."""
        if self.shared is not None:
            y, balance = self.routed(x, centroids)
            return self.shared(x, None)[0] + y, balance
        return self.routed(x, centroids)

    def routed(self, x, centroids):
        if self.count == 1:
            return self.experts[0](x), x.new_zeros(())
        shape, x = x.shape, x.flatten(0, -2)
        logits = self.gate(x) if centroids is None else torch.cdist(
            x, centroids.to(x.dtype), compute_mode="donot_use_mm_for_euclid_dist")
        best, choice = logits.float().topk(self.top, -1)
        weight = best.softmax(-1).to(x.dtype)
        order = choice.flatten().argsort(stable=True)
        tokens = order // self.top
        load = torch.bincount(choice.flatten(), minlength=self.count)
        outputs = [expert(part) for expert, part in zip(self.experts, x[tokens].split(load.tolist()))]
        y = torch.zeros_like(x).index_add(
            0, tokens, (torch.cat(outputs) * weight.flatten()[order, None]).to(x.dtype))
        balance = self.count * ((load / load.sum()) * logits.float().softmax(-1).mean(0)).sum()
        return y.view(shape), balance


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.pre = c["norm_placement"] == "pre"
        self.self_attn, self.ffn = Attention(c), FeedForward(c)
        self.norm1, self.norm2 = make_norm(c), make_norm(c)

    def forward(self, x, batch, centroids):
        if self.pre:
            x = x + self.self_attn(self.norm1(x), batch)
            y, balance = self.ffn(self.norm2(x), centroids)
            return x + y, balance
        x = self.norm1(x + self.self_attn(x, batch))
        y, balance = self.ffn(x, centroids)
        return self.norm2(x + y), balance


class PositionTable(nn.Module):
    def __init__(self, count, size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, size) * 0.02)


class Encoder(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        c = self.c = {**CONFIGURATION, **configuration}
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["layers"]))
        if c["norm_placement"] == "pre":
            self.norm = make_norm(c)
        if "learned" in c["positions"]:
            learned = c["positions"]["learned"]
            self.positions = nn.ModuleList(
                PositionTable(learned["count"], c["model_size"]) for _ in range(learned["axes"]))
        if c["experts"] > 1 and c["gate"] == "centroid_distance":
            self.register_buffer("centroid", torch.randn(c["layers"], c["experts"], c["model_size"]))
        # What is added to the residual stream starts smaller the deeper the stack is (GPT-2).
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 and ("proj" in name or "fc" in name or "gate" in name):
                gain = (2 * c["layers"]) ** -0.5 if "out_proj" in name or "fc2" in name else 1
                nn.init.normal_(parameter, std=gain * parameter.shape[1] ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x, segments, times, variates=None, coordinates=None):
        """x: [rows, tokens, model size]; segments, times, variates: [rows, tokens]; coordinates: one for each axis.

        Returns the encoded tokens and the balance loss, the mean over the layers.
        """
        sees = segments[:, :, None] == segments[:, None, :]
        if self.c["is_causal"]:
            sees = sees & (times[:, None, :] <= times[:, :, None])
        axes = coordinates if coordinates else [times]
        batch = dict(sees=sees, variates=variates, axes=axes)
        for table, axis in zip(getattr(self, "positions", []), axes):
            x = x + table.weight[axis.long().clamp(0, len(table.weight) - 1)]
        balance = 0
        for index, layer in enumerate(self.layers):
            x, loss = layer(x, batch, self.centroid[index] if hasattr(self, "centroid") else None)
            balance = balance + loss / len(self.layers)
        return (self.norm(x) if self.c["norm_placement"] == "pre" else x), balance
