"""A folder of `docq annotate` as a document of the corpus.

    python convert_annotation.py ANNOTATION TARGET

Headings get their level from their LaTeX command. Lists, which DocGenome labels as a whole, are cut to items by the trainer.
"""
import json, os, re, shutil, subprocess, sys

FURNITURE = 15
LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5, "subparagraph": 6}


def sizes(pdf):
    out = subprocess.run(["pdfinfo", "-l", "100000", pdf], capture_output=True, text=True).stdout
    return {int(m[1]) - 1: (float(m[2]), float(m[3])) for m in re.finditer(r"^Page\s+(\d+) size:\s+([\d.]+) x ([\d.]+)", out, re.M)}


def convert(annotation, target, kind="latex"):
    """Writes TARGET/{document.pdf, labels.json}; returns the number of pages."""
    load = lambda name: json.load(open(os.path.join(annotation, name)))
    layout, order = load("layout_annotation.json"), load("order_annotation.json")
    points = sizes(os.path.join(annotation, "paper.pdf"))
    scale = {i["id"]: (points[i["id"]][0] / i["width"], points[i["id"]][1] / i["height"]) for i in layout["images"]}
    def box(page, b): return [round(v * scale[page][k % 2], 2) for k, v in enumerate(b)]
    unit = {}
    for o in order["orders"]:
        if o["type"] == "identical": unit[o["to"]] = unit.get(o["from"], o["from"])
    blocks, seen = [], set()
    used = {m for a in order["annotations"] for m in re.findall(r"^\\(part|chapter|section)\b", a["source_code"].strip())}
    top = 0 if used & {"part", "chapter"} else 1
    for a in order["annotations"]:
        seen.add((a["page_index"], tuple(a["bbox"])))
        block = {"page": a["page_index"], "bbox": box(a["page_index"], a["bbox"]), "category": a["category"], "unit": unit.get(a["block_id"], a["block_id"])}
        if a["category"] == 10:
            command = re.match(r"\s*\\(\w+)", a["source_code"])
            block["level"] = max(1, LEVELS.get(command[1] if command else "", 2) - top)
        blocks.append(block)
    spare = max([a["block_id"] for a in order["annotations"]], default=0) + 1
    for a in layout["annotations"]:
        x, y, w, h = a["bbox"]
        if a["category_id"] == 6 and (a["image_id"], (x, y, x + w, y + h)) not in seen:
            height = points[a["image_id"]][1]
            b = box(a["image_id"], [x, y, x + w, y + h])
            blocks.append({"page": a["image_id"], "bbox": b, "category": FURNITURE if b[3] < 0.16 * height or b[1] > 0.84 * height else 6, "unit": spare})
            spare += 1
    for number, block in enumerate(blocks): block["order"] = number
    os.makedirs(target, exist_ok=True)
    shutil.copy(os.path.join(annotation, "paper.pdf"), os.path.join(target, "document.pdf"))
    temporary = os.path.join(target, "labels.json.part")
    with open(temporary, "w") as f: json.dump({"kind": kind, "ignoresUnlabelled": True, "blocks": blocks}, f)
    os.replace(temporary, os.path.join(target, "labels.json"))
    return len(layout["images"])


if __name__ == "__main__": print(convert(sys.argv[1], sys.argv[2]), "pages")
