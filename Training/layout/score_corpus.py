"""F1 of regions at IoU 0.5 on the held-out documents of a corpus (one in twenty, by name), the model beside the rules.

    python score_corpus.py CORPUS [--docq docq] [--layouts model,rules] [--most 60]

A predicted region matches a labelled block of the same class and page at IoU >= 0.5, greedily by IoU. Others and Reference are not
scored, as in DocGenome; page furniture is left out. Generated LaTeX documents label a list as a whole, so their predictions are
taken from the docgenome format, which has whole lists; the others' from JSON, which has items.
"""
import argparse, collections, json, os, subprocess, sys, tempfile

NAMES = {0: "Algorithm", 1: "Caption", 2: "Equation", 3: "Figure", 4: "Footnote", 5: "List", 7: "Table", 8: "Text", 9: "Text-EQ", 10: "Title", 12: "PaperTitle", 13: "Code", 14: "Abstract"}


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0: return 0.0
    i = w * h
    return i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i)


def predicted(docq, pdf, layout, whole_lists):
    with tempfile.TemporaryDirectory() as folder:
        form = "coco" if whole_lists else "json"
        subprocess.run([docq, "ingest", "--format", form, "--layout", layout, "-o", folder, pdf], capture_output=True, timeout=300)
        names = os.listdir(folder)
        if not names: return None
        data = json.load(open(os.path.join(folder, names[0])))
    if whole_lists:
        return [(a["image_id"], a["category_id"], [v * 72 / 200 for v in (a["bbox"][0], a["bbox"][1], a["bbox"][0] + a["bbox"][2], a["bbox"][1] + a["bbox"][3])]) for a in data["annotations"]]
    return [(r["page"], r["label"], r["bbox"]) for p in data["pages"] for r in p["regions"] if not r["isFurniture"]]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("corpus")
    p.add_argument("--docq", default="docq")
    p.add_argument("--layouts", default="model,rules")
    p.add_argument("--most", type=int, default=60)
    p.add_argument("--names", help="file with names of documents, in place of those kept aside by name")
    a = p.parse_args()
    names = sorted(n for n in os.listdir(a.corpus) if os.path.exists(os.path.join(a.corpus, n, "labels.json")))
    held = [n for n in names if sum(n.encode()) % 20 == 7][: a.most]
    if a.names: held = [n for n in open(a.names).read().split() if n in names][: a.most]
    table = {}
    for layout in a.layouts.split(","):
        counts = collections.defaultdict(lambda: [0, 0, 0])
        for name in held:
            labels = json.load(open(os.path.join(a.corpus, name, "labels.json")))
            partial = labels.get("ignoresUnlabelled") and not name.startswith("latex")
            got = predicted(a.docq, os.path.join(a.corpus, name, "document.pdf"), layout, name.startswith("latex"))
            if got is None: continue
            for page in {b["page"] for b in labels["blocks"]}:
                truth = [(b["category"], b["bbox"]) for b in labels["blocks"] if b["page"] == page and b["category"] in NAMES]
                mine = [(c, b) for g, c, b in got if g == page and c in NAMES]
                pairs = sorted(((iou(t[1], m[1]), i, j) for i, t in enumerate(truth) for j, m in enumerate(mine) if t[0] == m[0]), reverse=True)
                ti, mj = set(), set()
                for value, i, j in pairs:
                    if value >= 0.5 and i not in ti and j not in mj: ti.add(i); mj.add(j); counts[truth[i][0]][0] += 1
                for j, m in enumerate(mine):
                    # Where not everything is labelled, only what lies over labelled blocks can be wrong.
                    if j not in mj and (not partial or any(iou(m[1], t[1]) > 0.05 for t in truth)): counts[m[0]][1] += 1
                for i, t in enumerate(truth):
                    if i not in ti: counts[t[0]][2] += 1
        table[layout] = counts
    layouts = a.layouts.split(",")
    print(f"{len(held)} documents of {a.corpus}")
    print("| class | regions | " + " | ".join(layouts) + " |")
    f1 = lambda c: 2 * c[0] / max(1, 2 * c[0] + c[1] + c[2])
    present = [k for k in NAMES if table[layouts[0]][k][0] + table[layouts[0]][k][2]]
    for k in present:
        print(f"| {NAMES[k]} | {table[layouts[0]][k][0] + table[layouts[0]][k][2]} | " + " | ".join(f"{f1(table[l][k]):.3f}" for l in layouts) + " |")
    print("| mean | | " + " | ".join(f"{sum(f1(table[l][k]) for k in present) / max(1, len(present)):.3f}" for l in layouts) + " |")


if __name__ == "__main__": main()
