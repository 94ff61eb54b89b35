"""Trains the sparse upper layers of the text encoder on article impact.

    python train_encoder.py --minilm MODEL_DIR --naid train.csv --conference conference_papers.jsonl.gz \
        --budget 4080 --out encoder.pt [--start encoder.pt]

MiniLM's three lower layers stay as they are; the three upper ones become sparse (minilm.py) and are trained with three
linear heads on the mean of the tokens: the percentile within NAID's release, the percentile among the conference papers
most alike (data.py), and the percentile within venue and year. Loss: squared errors (the third head's at half weight) and
0.01 of the balance loss. The papers of NAID's final release are never trained on: everything is chosen on them.

Each step takes 23 conference papers (newer ones more often) and 9 of NAID, cut to 160 tokens, in BF16 on one core. The
learning rate follows the time: up for 3 % of the budget, then linearly down to zero.
"""
import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn

from data import load, topic_percentiles
from minilm import MiniLM, SIZE

CAP, BATCH, NAID, POOL = 160, 32, 9, 16
CLASSIFIER, SEPARATOR = 101, 102


def tokenize(tokenizer, papers):
    titles = tokenizer.encode_batch([p["title"] for p in papers], add_special_tokens=False)
    abstracts = tokenizer.encode_batch([p["abstract"] for p in papers], add_special_tokens=False)
    return [np.array(([CLASSIFIER] + t.ids[:64] + [SEPARATOR] + a.ids)[:CAP - 1] + [SEPARATOR], np.int64)
            for t, a in zip(titles, abstracts)]


def batches(lengths, conference, chances, early, rng):
    """Endless batches of indices; of a pool of them, those of like length stand together."""
    queue = []
    while True:
        a, b = [], []
        for _ in range(POOL):
            a.append(rng.choice(conference, BATCH - NAID, replace=False, p=chances))
            if len(queue) < NAID:
                queue = list(rng.permutation(early))
            b.append([queue.pop() for _ in range(NAID)])
        parts = [np.concatenate(x) for x in (a, b)]
        parts = [x[np.argsort(lengths[x], kind="stable")].reshape(POOL, -1) for x in parts]
        for index in rng.permutation(POOL):
            yield np.r_[parts[0][index], parts[1][index]]


class Scorer(nn.Module):
    def __init__(self, folder):
        super().__init__()
        self.m, self.head = MiniLM(folder, sparse_from=3), nn.Linear(SIZE, 3)
        nn.init.normal_(self.head.weight, std=0.02), nn.init.constant_(self.head.bias, 0.5)
        for name, parameter in self.m.named_parameters():
            parameter.requires_grad_(name.startswith("layers.") and int(name.split(".")[1]) >= 3)

    def forward(self, sequences, drop):
        length = max(map(len, sequences))
        ids, keep = torch.zeros(len(sequences), length, dtype=torch.long), torch.zeros(len(sequences), length)
        for row, sequence in enumerate(sequences):
            ids[row, :len(sequence)], keep[row, :len(sequence)] = torch.from_numpy(sequence), 1
        mask = None if keep.all() else keep.bool()[:, None, None, :]
        balance = 0
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                x = self.m.start(ids).bfloat16()
                for layer in self.m.layers[:3]:
                    x, _ = layer(x, mask)
            for layer in self.m.layers[3:]:
                x, loss = layer(x, mask, drop)
                balance = balance + loss / 3
        mean = (x.float() * keep[..., None]).sum(1) / keep.sum(1, keepdim=True)
        return self.head(F.dropout(mean, drop)), balance

    def groups(self):
        """Parameter groups: layers 1e-4, low-rank experts 3e-4, heads 1e-3; decay for matrices only."""
        sparse = (".gate.", ".a.", ".b.", ".bb")
        trained = [(n, p) for n, p in self.m.named_parameters() if p.requires_grad]
        fresh = [p for n, p in trained if any(part in n + "." for part in sparse)]
        old = [p for n, p in trained if not any(part in n + "." for part in sparse)]
        return [dict(params=[p for p in old if p.dim() > 1], lr=1e-4, weight_decay=0.01),
                dict(params=[p for p in old if p.dim() == 1], lr=1e-4, weight_decay=0),
                dict(params=fresh, lr=3e-4, weight_decay=0.01),
                dict(params=list(self.head.parameters()), lr=1e-3, weight_decay=0.01)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", required=True)
    parser.add_argument("--naid", required=True)
    parser.add_argument("--conference", required=True)
    parser.add_argument("--budget", type=float, required=True, help="seconds")
    parser.add_argument("--rate", type=float, default=1, help="factor of all learning rates")
    parser.add_argument("--start", help="go on from these weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(1), torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    papers = load(options.naid, options.conference)
    sets = np.array([p["set"] for p in papers])
    near = topic_percentiles(papers)
    tokenizer = Tokenizer.from_file(f"{options.minilm}/tokenizer.json")
    tokenizer.no_truncation(), tokenizer.no_padding()
    sequences = tokenize(tokenizer, papers)
    lengths = np.array([len(s) for s in sequences])
    year = np.array([p["year"] for p in papers])
    chances = (year >= 2014) * np.clip((year - 2011) / 9, 0, 1)
    conference = np.where(chances > 0)[0]
    target = torch.tensor([p["percentile"] for p in papers], dtype=torch.float32)
    near, is_conference = torch.from_numpy(near), torch.from_numpy(sets == "conference")
    model = Scorer(options.minilm)
    if options.start:
        state = torch.load(options.start, weights_only=True)
        model.m.load_state_dict(state["m"]), model.head.load_state_dict(state["head"])
    optimizer = torch.optim.AdamW(model.groups(), betas=(0.9, 0.98))
    peaks = [g["lr"] * options.rate for g in optimizer.param_groups]
    start, recent = time.time(), []
    for step, index in enumerate(batches(
            lengths, conference, chances[conference] / chances[conference].sum(), np.where(sets == "early")[0], rng)):
        done = (time.time() - start) / options.budget
        if done >= 1:
            break
        for group, peak in zip(optimizer.param_groups, peaks):
            group["lr"] = peak * min(1, done / 0.03) * (1 - max(0, (done - 0.03) / 0.97))
        out, balance = model([sequences[i] for i in index], 0.1)
        c = is_conference[index]
        losses = [F.mse_loss(out[~c, 0], target[index][~c]), F.mse_loss(out[c, 1], near[index][c]),
                  F.mse_loss(out[c, 2], target[index][c])]
        optimizer.zero_grad(set_to_none=True)
        (losses[0] + losses[1] + 0.5 * losses[2] + 0.01 * balance).backward()
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()
        recent = (recent + [[loss.item() for loss in losses]])[-100:]
        if step % 100 == 99:
            print(f"step {step + 1}  {done:.0%}  losses {np.round(np.mean(recent, 0), 4)}", flush=True)
    torch.save(dict(m=model.m.state_dict(), head=model.head.state_dict(), steps=step), options.out)
    print("steps", step)


if __name__ == "__main__":
    main()
