"""Writes the text encoder of docq-impact-1: MiniLM's layers, the trained sparse ones, and the frequent pieces.

    python export.py --minilm MODEL_DIR --trained encoder.pt --naid train.csv --conference conference_papers.jsonl.gz --out DIR

DIR gets model.safetensors and encoder.json (the sizes, which fit_head.py puts into config.json). Matrices have 8 bits with
a scale for each row, the low-rank experts BF16, everything else F32. Of the 30,522 pieces the `--pieces` most frequent ones
of the training texts keep a vector; text is still split with the whole vocabulary.
"""
import argparse
import collections
import csv
import gzip
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from minilm import EXPERTS, HEADS, HIDDEN, MiniLM, RANK, SIZE, TOP

SPARSE_FROM = 3


class Writer:
    def __init__(self):
        self.header, self.body = {}, b""

    def add(self, name, dtype, array):
        data = np.ascontiguousarray(array).tobytes()
        self.header[name] = {"dtype": dtype, "shape": list(array.shape),
                             "data_offsets": [len(self.body), len(self.body) + len(data)]}
        self.body += data

    def f32(self, name, tensor):
        self.add(name, "F32", tensor.detach().float().numpy())

    def bf16(self, name, tensor):
        self.add(name, "BF16", tensor.detach().to(torch.bfloat16).view(torch.int16).numpy())

    def int8(self, name, tensor):
        w = tensor.detach().float().numpy()
        scale = np.abs(w).max(1) / 127
        self.add(name, "I8", np.rint(w / np.maximum(scale, 1e-12)[:, None]).astype(np.int8))
        self.add(name + ".scale", "F32", scale.astype(np.float32))

    def write(self, path):
        text = json.dumps(self.header).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(len(text).to_bytes(8, "little") + text + self.body)


def add_layer(writer, at, layer, sparse):
    for index, name in enumerate(("q_proj", "k_proj", "v_proj")):
        part = slice(index * SIZE, (index + 1) * SIZE)
        writer.int8(f"{at}self_attn.{name}.weight", layer.qkv.weight[part])
        writer.f32(f"{at}self_attn.{name}.bias", layer.qkv.bias[part])
    writer.int8(at + "self_attn.out_proj.weight", layer.out.weight)
    writer.f32(at + "self_attn.out_proj.bias", layer.out.bias)
    for name, norm in (("norm1", layer.n1), ("norm2", layer.n2)):
        writer.f32(f"{at}{name}.weight", norm.weight), writer.f32(f"{at}{name}.bias", norm.bias)
    dense = at + ("ffn.shared.experts.0." if sparse else "ffn.experts.0.")
    for name, linear in (("fc1", layer.fc1), ("fc2", layer.fc2)):
        writer.int8(f"{dense}{name}.weight", linear.weight), writer.f32(f"{dense}{name}.bias", linear.bias)
    if not sparse:
        return
    writer.f32(at + "ffn.gate.weight", layer.gate.weight)
    for expert in range(EXPERTS):
        part, here = slice(expert * RANK, (expert + 1) * RANK), f"{at}ffn.experts.{expert}."
        writer.bf16(here + "fc1.weight", layer.a.weight[part]), writer.f32(here + "fc1.bias", layer.a.bias[part])
        writer.bf16(here + "fc2.weight", layer.b.weight[:, part]), writer.f32(here + "fc2.bias", layer.bb[expert])


def kept_pieces(tokenizer, texts, count):
    """The special pieces, every single character of ASCII, and the most frequent others."""
    seen = collections.Counter()
    for start in range(0, len(texts), 5000):
        for encoding in tokenizer.encode_batch(texts[start:start + 5000], add_special_tokens=False):
            seen.update(encoding.ids[:400])
    vocabulary = tokenizer.get_vocab()
    must = {vocabulary[t] for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}
    must |= {i for t, i in vocabulary.items() if len(t.removeprefix("##")) == 1 and t.isascii()}
    kept = sorted(must)
    kept += [i for i, _ in seen.most_common() if i not in must][:count - len(kept)]
    covered = sum(seen[i] for i in kept) / sum(seen.values())
    print(f"{len(kept)} pieces cover {100 * covered:.2f} % of the tokens")
    return sorted(kept)


def pieces(options):
    tokenizer = Tokenizer.from_file(f"{options.minilm}/tokenizer.json")
    tokenizer.no_truncation(), tokenizer.no_padding()
    texts = [f"{r['title']} {r['abstract']}" for r in csv.DictReader(open(options.naid, newline=""))]
    texts += [f"{r['title']} {r['abstract']}" for r in map(json.loads, gzip.open(options.conference, "rt"))]
    return kept_pieces(tokenizer, texts, options.pieces)


def stack(layers, **more):
    return dict(model_size=SIZE, layers=layers, heads=HEADS, feed_forward_size=HIDDEN, experts=1, experts_per_token=1,
                gate="linear", balance_loss=0.0, is_causal=False, positions={"none": {}}, variate_bias=False,
                query_key_norm=False, norm="layer", norm_placement="post", norm_epsilon=1e-12, feed_forward="plain",
                activation="gelu", has_bias=True) | more


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--trained", help="encoder.pt of train_encoder.py; without it the layers are MiniLM's")
    parser.add_argument("--naid", required=True)
    parser.add_argument("--conference", required=True)
    parser.add_argument("--pieces", type=int, default=12_000)
    parser.add_argument("--pieces-of", help="take those of this model.safetensors instead of counting")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    base, trained = MiniLM(options.minilm), MiniLM(options.minilm, sparse_from=SPARSE_FROM)
    if options.trained:
        state = torch.load(options.trained, map_location="cpu", weights_only=True)["m"]
        trained.load_state_dict(state)
    kept = load_file(options.pieces_of)["tokens.ids"].tolist() if options.pieces_of else pieces(options)
    writer = Writer()
    writer.add("tokens.ids", "I32", np.array(kept, np.int32))
    writer.int8("tokens.weight", base.word.weight[kept])
    writer.int8("positions.weight", base.pos.weight + base.typ)
    writer.f32("tokens.norm.weight", base.en.weight), writer.f32("tokens.norm.bias", base.en.bias)
    for index, layer in enumerate(base.layers):
        prefix = f"trunk.layers.{index}." if index < SPARSE_FROM else f"embedding.layers.{index - SPARSE_FROM}."
        add_layer(writer, prefix, layer, sparse=False)
    for index, layer in enumerate(trained.layers[SPARSE_FROM:]):
        add_layer(writer, f"impact.layers.{index}.", layer, sparse=True)
    options.out.mkdir(parents=True, exist_ok=True)
    writer.write(options.out / "model.safetensors")
    upper = len(base.layers) - SPARSE_FROM
    sizes = dict(max_tokens=384, pieces=len(kept), positions=base.pos.weight.shape[0], trunk=stack(SPARSE_FROM),
                 embedding=stack(upper), impact=stack(
                     upper, feed_forward_size=RANK, experts=EXPERTS, experts_per_token=TOP,
                     shared_feed_forward_size=HIDDEN))
    (options.out / "encoder.json").write_text(json.dumps(sizes, indent=1) + "\n")
    print((options.out / "model.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
