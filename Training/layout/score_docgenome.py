"""F1 of regions on page images of a DocGenome document, against its published annotation.

    python score_docgenome.py FOLDER [--docq docq] [--layouts model,rules] [--work DIR]

FOLDER has layout_annotation.json and page_NNNN.jpg for some of its pages. Each picture is read as a scan of its own, so the figures hold
for text recognition and layout together. Boxes are compared as fractions of the page, matched greedily by IoU within a class; Others
and Reference are not scored.
"""
import argparse, collections, glob, json, os, re, subprocess, tempfile
from score_corpus import NAMES, iou


def boxes(annotation):
    size = {i["id"]: (i["width"], i["height"]) for i in annotation["images"]}
    out = collections.defaultdict(list)
    for a in annotation["annotations"]:
        (w, h), (x, y, bw, bh) = size[a["image_id"]], a["bbox"]
        if a["category_id"] in NAMES: out[a["image_id"]].append((a["category_id"], (x / w, y / h, (x + bw) / w, (y + bh) / h)))
    return out


def predicted(docq, image, layout):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([docq, "ingest", image, "--format", "coco", "--layout", layout, "-o", folder], capture_output=True, text=True, timeout=300)
        if run.returncode: raise SystemExit(f"{image}: {run.stderr.strip()}")
        return boxes(json.load(open(glob.glob(os.path.join(folder, "*"))[0])))[0]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--docq", default="docq")
    p.add_argument("--layouts", default="model,rules")
    a = p.parse_args()
    truth = boxes(json.load(open(os.path.join(a.folder, "layout_annotation.json"))))
    images = sorted(glob.glob(os.path.join(a.folder, "page_*.jpg")))
    print(f"{len(images)} pages")
    for layout in a.layouts.split(","):
        counts = {0.5: collections.defaultdict(lambda: [0, 0, 0]), 0.75: collections.defaultdict(lambda: [0, 0, 0])}
        for image in images:
            page = int(re.search(r"(\d+)\.jpg$", image)[1])
            wanted, given = truth[page], predicted(a.docq, image, layout)
            for least, count in counts.items():
                pairs = sorted(((iou(w[1], g[1]), i, j) for i, w in enumerate(wanted) for j, g in enumerate(given) if w[0] == g[0]), reverse=True)
                used, taken = set(), set()
                for value, i, j in pairs:
                    if value >= least and i not in used and j not in taken: used.add(i); taken.add(j)
                for i, w in enumerate(wanted): count[w[0]][0 if i in used else 2] += 1
                for j, g in enumerate(given): count[g[0]][1] += j not in taken
        f1 = lambda c: 2 * c[0] / max(1, 2 * c[0] + c[1] + c[2])
        for k in NAMES:
            c = counts[0.5][k]
            if sum(c): print(f"{layout:6s} {NAMES[k]:12s} F1@0.5 {f1(c):.3f}  F1@0.75 {f1(counts[0.75][k]):.3f}  found {c[0]}, extra {c[1]}, missed {c[2]}")
        have = [k for k in NAMES if counts[0.5][k][0] + counts[0.5][k][2]]
        print(f"{layout:6s} mean of {len(have)} classes: {sum(f1(counts[0.5][k]) for k in have) / max(1, len(have)):.3f} / {sum(f1(counts[0.75][k]) for k in have) / max(1, len(have)):.3f}")


if __name__ == "__main__": main()
