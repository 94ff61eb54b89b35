"""Character recall of text recognition, on scans with known text and on rendered pages of PDFs.

    python3 Benchmarks/ocr_recall.py .build/release/docq --receipts DATA/receipts
    python3 Benchmarks/ocr_recall.py .build/release/docq --pdfs DATA/pdfs/normal [--turn 90] [--skew 2]

Recall is measured line by line: the recognised words whose centre lies in the box of a true line, from left to right,
against its letters; the length of the longest common subsequence over the number of letters. White space does not
count; on receipts upper and lower case are the same, because their truth is in capitals.

--receipts: a folder with img/NAME.jpg and ocr_truth/NAME.csv, one "x1,y1,...,x4,y4,text" a line (ICDAR 2019 SROIE).
--pdfs: pages are rendered at 200 dpi without their text layer, which is the truth. Pages whose text layer is no Latin
text, and words that the page does not show, would measure something else: see `counts`.
Needs Pillow.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time

from PIL import Image


def common(a, b):
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b):
            diagonal, row[j + 1] = row[j + 1], diagonal + 1 if x == y else max(row[j + 1], row[j])
    return row[-1]


def read(docq, file, *options):
    out = subprocess.run([docq, "ingest", file, "--format", "json", *options], capture_output=True)
    if out.returncode:
        print(f"{os.path.basename(file)}: {out.stderr.decode().strip()}", file=sys.stderr)
        return None
    return json.loads(out.stdout)


def words_of(page, scale):
    return [([v * scale for v in w["bbox"]], w["text"]) for w in page["words"]]


def unstraightened(page):
    """The page's words where they stand on the picture before it was turned by a few degrees."""
    angle = -math.radians(page.get("straightening", {}).get("degrees", 0))
    cx, cy = page["width"] / 2, page["height"] / 2
    for word in page["words"]:
        x0, y0, x1, y1 = word["bbox"]
        x, y = (x0 + x1) / 2 - cx, (y0 + y1) / 2 - cy
        # Clockwise on a page whose y grows downwards.
        dx = x * math.cos(angle) - y * math.sin(angle) - x
        dy = x * math.sin(angle) + y * math.cos(angle) - y
        word["bbox"] = [x0 + dx, y0 + dy, x1 + dx, y1 + dy]
    return page


def recall(lines, words, margin, fold=str):
    """Letters found and letters there, over lines of (box, text)."""
    found = total = 0
    for (x0, y0, x1, y1), text in lines:
        inside = [
            w
            for w in words
            if x0 - margin <= (w[0][0] + w[0][2]) / 2 <= x1 + margin
            and y0 - margin <= (w[0][1] + w[0][3]) / 2 <= y1 + margin
        ]
        inside.sort(key=lambda w: w[0][0])
        true = fold("".join(text.split()))
        found += common(true, fold("".join(w[1] for w in inside)))
        total += len(true)
    return found, total


def receipts(docq, folder, options):
    found = total = 0
    start = time.time()
    files = sorted(glob.glob(f"{folder}/img/*"))
    for file in files:
        name = os.path.splitext(os.path.basename(file))[0]
        lines = []
        for row in open(f"{folder}/ocr_truth/{name}.csv", errors="replace"):
            part = row.strip().split(",", 8)
            if len(part) == 9:
                corners = [int(v) for v in part[:8]]
                lines.append(((min(corners[::2]), min(corners[1::2]), max(corners[::2]), max(corners[1::2])), part[8]))
        document = read(docq, file, "--ocr", "always", *options)
        if document is None:
            total += sum(len("".join(text.split())) for _, text in lines)
            continue
        page = unstraightened(document["pages"][0])
        scale = Image.open(file).width / page["width"]
        one = recall(lines, words_of(page, scale), 4, str.upper)
        print(f"{name} {one[0] / max(1, one[1]):.3f}")
        found, total = found + one[0], total + one[1]
    seconds = (time.time() - start) / len(files)
    print(f"receipts: character recall {found / total:.4f} over {len(files)} scans, {seconds:.2f} s a page")


def counts(page):
    """Pages with at least 100 letters, nearly all of them Latin and shown in more than hairline size."""
    text = "".join(w["text"] for w in page["words"])
    latin = sum(ord(c) < 0x250 or 0x2000 <= ord(c) < 0x2070 or 0xFB00 <= ord(c) < 0xFB07 for c in text)
    return len(text) >= 100 and latin > 0.95 * len(text)


def pdfs(docq, folder, turn, skew, options):
    found = total = pages = 0
    seconds = 0.0
    with tempfile.TemporaryDirectory() as work:
        for file in sorted(glob.glob(f"{folder}/*.pdf")):
            name = os.path.splitext(os.path.basename(file))[0]
            out = subprocess.run(
                [docq, "ingest", file, "--ocr", "never", "-o", work, "--images", "--dpi", "200"], capture_output=True
            )
            if out.returncode:
                continue
            for page in json.load(open(f"{work}/{name}.json"))["pages"]:
                if not counts(page):
                    continue
                image = f"{work}/{name}.pages/page_{page['index']:04d}.png"
                if turn or skew:
                    picture = Image.open(image).convert("RGB")
                    if skew:
                        picture = picture.rotate(-skew, Image.BICUBIC, fillcolor="white")
                    if turn:
                        picture = picture.rotate(-turn, expand=True)
                    picture.save(image, dpi=(200, 200))
                start = time.time()
                document = read(docq, image, "--ocr", "always", *options)
                seconds += time.time() - start
                if document is None:
                    return
                scan = document["pages"][0]
                lines = [(line["bbox"], line["text"]) for line in page["lines"]]
                one = recall(lines, words_of(scan, page["width"] / scan["width"]), 3)
                print(f"{name} page {page['index'] + 1} {one[0] / one[1]:.3f} {scan.get('straightening', '')}")
                found, total, pages = found + one[0], total + one[1], pages + 1
    print(f"pdfs: character recall {found / total:.4f} over {pages} pages, {seconds / pages:.2f} s a page")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docq")
    parser.add_argument("--receipts")
    parser.add_argument("--pdfs")
    parser.add_argument("--turn", type=int, default=0, help="turn pages clockwise first: 90, 180 or 270")
    parser.add_argument("--skew", type=float, default=0, help="degrees clockwise")
    parser.add_argument("--language", default="eng")
    arguments = parser.parse_args()
    options = ["--ocr-language", arguments.language]
    if arguments.receipts:
        receipts(arguments.docq, arguments.receipts, options)
    if arguments.pdfs:
        pdfs(arguments.docq, arguments.pdfs, arguments.turn, arguments.skew, options)


main()
