"""Generated HTML documents as PDF with the box and class of every block.

    python build_html.py -o CORPUS --documents 2000 [--seed 1] [--first 0] --impact DIR

Each document becomes CORPUS/html-NNNNNN/{document.pdf, labels.json}. The same seed and number give the same document; what is
there already is left as it is, so that an interrupted run goes on. labels.json: {"kind", "blocks": [{"page", "bbox" (points
from the top left), "category" (DocGenome's number), "level" (headings), "unit", "order"}]}; blocks with the same unit are the
parts of one that was broken over columns or pages. Text without a block is page furniture.
"""
import argparse, json, os, random, sys, time
import logging
logging.disable(logging.WARNING)
from weasyprint import HTML
from html_documents import document
from text_source import TextSource

POINTS = 0.75  # CSS pixels are 1/96 inch


def labels(rendered, kind):
    blocks, units = [], {}
    for number, page in enumerate(rendered.pages):
        collect(page._page_box, None, number, blocks, units)
    out = []
    for order, block in enumerate(b for b in blocks if b["bbox"]):
        box = block.pop("bbox")
        out.append(dict(block, bbox=[round(v * POINTS, 2) for v in box], order=order))
    return {"kind": kind, "blocks": out}


def collect(box, current, page, blocks, units):
    """Walks the box tree; text and pictures count for the nearest labelled element around them."""
    element = getattr(box, "element", None)
    name = type(box).__name__
    if element is not None and hasattr(element, "get") and element.get("data-c") is not None and name not in ("TextBox", "LineBox"):
        pseudo = getattr(box, "pseudo_type", None)
        if pseudo is None and (current is None or current["element"] is not element):
            unit = units.setdefault(id(element), len(units))
            current = {"page": page, "category": int(element.get("data-c")), "unit": unit, "bbox": None, "element": element}
            if element.get("data-l"): current["level"] = int(element.get("data-l"))
            blocks.append(current)
    if name == "MarginBox": current = None
    extent = None
    if name == "TextBox" and box.text.strip():
        baseline, size = box.position_y + box.baseline, box.style["font_size"]
        extent = (box.position_x, baseline - 0.8 * size, box.position_x + box.width, baseline + 0.22 * size)
    elif "Replaced" in name: extent = (box.content_box_x(), box.content_box_y(), box.content_box_x() + box.width, box.content_box_y() + box.height)
    if extent and current is not None:
        old = current["bbox"]
        current["bbox"] = extent if old is None else (min(old[0], extent[0]), min(old[1], extent[1]), max(old[2], extent[2]), max(old[3], extent[3]))
    for child in getattr(box, "children", ()) or ():
        collect(child, current, page, blocks, units)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--documents", type=int, default=100)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--impact", required=True, help="folder of train.csv and conference_papers.jsonl.gz, where words come from")
    a = p.parse_args()
    text = TextSource(a.impact)
    start, pages, failed = time.time(), 0, 0
    for number in range(a.first, a.first + a.documents):
        folder = os.path.join(a.output, f"html-{number:06d}")
        if os.path.exists(os.path.join(folder, "labels.json")): continue
        source, kind = document(random.Random(f"{a.seed}/{number}"), text)
        try:
            rendered = HTML(string=source).render()
            if len(rendered.pages) > 30: rendered = rendered.copy(rendered.pages[:30])
            found = labels(rendered, kind)
            for block in found["blocks"]: block.pop("element", None)
            os.makedirs(folder, exist_ok=True)
            rendered.write_pdf(os.path.join(folder, "document.pdf"))
        except Exception as error:  # one odd style does not end a corpus
            failed += 1
            print(f"document {number} ({kind}): {error!r}", file=sys.stderr)
            continue
        temporary = os.path.join(folder, "labels.json.part")
        with open(temporary, "w") as f: json.dump(found, f)
        os.replace(temporary, os.path.join(folder, "labels.json"))
        pages += len(rendered.pages)
        if number % 20 == 0: print(f"{number - a.first + 1} documents, {pages} pages, {60 * pages / (time.time() - start):.0f} pages a minute, {failed} failed", file=sys.stderr, flush=True)


if __name__ == "__main__": main()
