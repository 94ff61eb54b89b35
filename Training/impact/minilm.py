"""all-MiniLM-L6-v2 in plain PyTorch, from its model.safetensors: the start of the training and the oracle of the tests.

The upper layers may be turned into a sparse mixture of experts: the dense feed-forward block stays as the shared expert,
and beside it `EXPERTS` low-rank ones of which each token takes two. Their second factors start at zero, so that the model
is MiniLM until it is trained. The same computation under the names of Sources/MixtureOfExperts is in ../core/encoder.py.
"""
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

HEADS, SIZE, HIDDEN, EXPERTS, RANK, TOP = 12, 384, 1536, 8, 16, 2


class Layer(nn.Module):
    def __init__(self, sparse=False):
        super().__init__()
        self.qkv, self.out = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)
        self.fc1, self.fc2 = nn.Linear(SIZE, HIDDEN), nn.Linear(HIDDEN, SIZE)
        self.n1, self.n2 = nn.LayerNorm(SIZE, eps=1e-12), nn.LayerNorm(SIZE, eps=1e-12)
        self.sparse = sparse
        if sparse:
            # The factors of all experts side by side: a token's rows of the others are multiplied by zero.
            self.gate = nn.Linear(SIZE, EXPERTS, bias=False)
            self.a, self.b = nn.Linear(SIZE, EXPERTS * RANK), nn.Linear(EXPERTS * RANK, SIZE, bias=False)
            self.bb = nn.Parameter(torch.zeros(EXPERTS, SIZE))
            nn.init.normal_(self.gate.weight, std=SIZE ** -0.5)
            nn.init.normal_(self.a.weight, std=SIZE ** -0.5)
            nn.init.zeros_(self.a.bias), nn.init.zeros_(self.b.weight)

    def forward(self, x, mask=None, drop=0.0, gelu="tanh"):
        """x: [rows, tokens, SIZE]. Returns the output and the balance loss."""
        rows, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(rows, tokens, 3, HEADS, SIZE // HEADS).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.n1(x + F.dropout(self.out(y.transpose(1, 2).reshape(rows, tokens, SIZE)), drop))
        f = self.fc2(F.gelu(self.fc1(x), approximate=gelu))
        balance = x.new_zeros(())
        if self.sparse:
            with torch.autocast("cpu", enabled=False):
                logits = self.gate(x.float())
            best, choice = logits.topk(TOP, -1)
            weight = torch.zeros_like(logits).scatter(-1, choice, best.softmax(-1))
            h = F.gelu(self.a(x), approximate="tanh").view(rows, tokens, EXPERTS, RANK)
            h = h * weight[..., None].to(x.dtype)
            f = f + self.b(h.reshape(rows, tokens, EXPERTS * RANK)) + weight.to(x.dtype) @ self.bb.to(x.dtype)
            load = (weight > 0).float().mean((0, 1)) / TOP
            balance = EXPERTS * (load * logits.softmax(-1).mean((0, 1))).sum()
        return self.n2(x + F.dropout(f, drop)), balance


class MiniLM(nn.Module):
    """Layers from `sparse_from` on are sparse; 6 leaves MiniLM as it is."""

    def __init__(self, folder, sparse_from=6):
        super().__init__()
        self.word, self.pos = nn.Embedding(30522, SIZE), nn.Embedding(512, SIZE)
        self.typ, self.en = nn.Parameter(torch.zeros(SIZE)), nn.LayerNorm(SIZE, eps=1e-12)
        self.layers = nn.ModuleList(Layer(index >= sparse_from) for index in range(6))
        w = {k.removeprefix("bert."): v for k, v in load_file(f"{folder}/model.safetensors").items()}
        self.word.weight.data = w["embeddings.word_embeddings.weight"]
        self.pos.weight.data = w["embeddings.position_embeddings.weight"]
        self.typ.data = w["embeddings.token_type_embeddings.weight"][0]
        self.en.weight.data, self.en.bias.data = w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"]
        for index, layer in enumerate(self.layers):
            at = f"encoder.layer.{index}."
            for end in ("weight", "bias"):
                parts = [w[f"{at}attention.self.{name}.{end}"] for name in ("query", "key", "value")]
                getattr(layer.qkv, end).data = torch.cat(parts)
                for module, name in (
                        (layer.out, "attention.output.dense"), (layer.n1, "attention.output.LayerNorm"),
                        (layer.fc1, "intermediate.dense"), (layer.fc2, "output.dense"), (layer.n2, "output.LayerNorm")):
                    getattr(module, end).data = w[f"{at}{name}.{end}"]

    def start(self, ids):
        """ids: [rows, tokens]. The input of the first layer."""
        return self.en(self.word(ids) + self.pos.weight[:ids.shape[1]] + self.typ)

    @torch.no_grad()
    def embed(self, ids):
        """The embedding of one sequence, of length 1; with the exact Gaussian error unit of the original."""
        x = self.start(torch.tensor([ids]))
        for layer in self.layers:
            x, _ = layer(x, gelu="none")
        return F.normalize(x[0].mean(0), dim=0).tolist()
