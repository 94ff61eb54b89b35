"""Labels for manuals that exist as PDF and as HTML: the HTML's text is aligned with the PDF's words.

    python align_manuals.py -o CORPUS NAME=HTML=PDF [...]

Writes CORPUS/manual-NAME-PPPP/{document.pdf, labels.json} in pieces of 24 pages. Only blocks whose words were found are labelled; the
rest of a page counts for nothing, but running heads, feet and lines with leaders are told by where they stand.
"""
import argparse, bisect, collections, difflib, json, os, re, subprocess, sys
from lxml import etree
from manuals import blocks, folded

KIND = {"title": 10, "text": 8, "list": 5, "code": 13, "table": 7, "term": 8}
FURNITURE, LIST = 15, 5


def pdf_words(path):
    """[(page, x0, y0, x1, y1, text)] and page sizes."""
    data = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True).stdout
    data = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", b"", data)
    root = etree.fromstring(data, etree.XMLParser(recover=True, huge_tree=True))
    words, sizes = [], []
    for page in root.iter("{*}page"):
        sizes.append((float(page.get("width")), float(page.get("height"))))
        for w in page.iter("{*}word"):
            words.append((len(sizes) - 1, *(float(w.get(k)) for k in ("xMin", "yMin", "xMax", "yMax")), w.text or ""))
    return words, sizes


def align(a, b):
    """Pairs of equal tokens of two sequences, both ascending: unique runs of five as anchors, difflib between them."""
    n = 5
    def unique(tokens):
        seen = collections.defaultdict(list)
        for i in range(len(tokens) - n + 1): seen[tuple(tokens[i:i + n])].append(i)
        return {k: v[0] for k, v in seen.items() if len(v) == 1}
    ua, ub = unique(a), unique(b)
    anchors = sorted((i, ub[k]) for k, i in ua.items() if k in ub)
    tails, back, at = [], [None] * len(anchors), []
    for number, (_, j) in enumerate(anchors):
        place = bisect.bisect_left(tails, j)
        if place == len(tails): tails.append(j); at.append(number)
        else: tails[place] = j; at[place] = number
        back[number] = at[place - 1] if place else None
    chain, number = [], at[-1] if at else None
    while number is not None: chain.append(anchors[number]); number = back[number]
    chain.reverse()
    pairs, i0, j0 = [], 0, 0
    def between(i0, i1, j0, j1):
        if 0 < i1 - i0 < 500 and 0 < j1 - j0 < 500:
            for m in difflib.SequenceMatcher(None, a[i0:i1], b[j0:j1], autojunk=False).get_matching_blocks():
                pairs.extend((i0 + m.a + k, j0 + m.b + k) for k in range(m.size))
    for i, j in chain:
        if i < i0 or j < j0:
            # Inside of the run before: the anchors overlap.
            for k in range(n):
                if i + k >= i0 and j + k >= j0: pairs.append((i + k, j + k))
        else:
            between(i0, i, j0, j)
            pairs.extend((i + k, j + k) for k in range(n))
        i0, j0 = max(i0, i + n), max(j0, j + n)
    between(i0, len(a), j0, len(b))
    return sorted(set(pairs))


def labels(html_path, pdf_path):
    found = blocks(html_path)
    tokens, owner = [], []
    for number, (_, _, text) in enumerate(found):
        for word in text.split():
            key = folded(word)
            if key: tokens.append(key); owner.append(number)
    words, sizes = pdf_words(pdf_path)
    # A word divided at a line's end is one token with two places.
    keys, places, index = [], [], 0
    while index < len(words):
        word = words[index]
        key, span = folded(word[5]), [index]
        if word[5].endswith("-") and index + 1 < len(words) and words[index + 1][5][:1].islower() and words[index + 1][2] > word[2] + 3:
            key += folded(words[index + 1][5]); span.append(index + 1)
        if key: keys.append(key); places.append(span)
        index += len(span)
    hits = collections.defaultdict(list)
    for i, j in align(tokens, keys): hits[owner[i]].extend(places[j])
    size = collections.Counter(owner)
    owned, out = {}, []
    for number, spots in hits.items():
        kind, level, _ = found[number]
        if len(set(spots)) < 0.75 * size[number] or kind == "title" and len(set(spots)) < 0.95 * size[number]: continue
        for s in spots: owned[s] = number
    runs = collections.defaultdict(list)
    for s, o in owned.items(): runs[o].append(s)
    for number, spots in runs.items():
        kind, level, _ = found[number]
        first, last = min(spots), max(spots)
        if last - first > 1.6 * size[number] + 12: continue
        # Numbers and marks in front of a heading or an item.
        start = first
        while kind in ("title", "list") and start > 0 and first - start < 3:
            before, word = words[start - 1], words[start]
            if start - 1 in owned or before[0] != word[0] or abs(before[2] - words[first][2]) > 4 or before[1] > word[1]: break
            start -= 1
        by_page = collections.defaultdict(list)
        for s in range(start, last + 1):
            if owned.get(s, number) == number: by_page[words[s][0]].append(words[s])
        for page in sorted(by_page):
            ws = by_page[page]
            # Feet and heads between two pages' words are no part of the block.
            known = [words[s] for s in spots if words[s][0] == page]
            if not known: continue
            low, high = min(w[2] for w in known) - 3, max(w[4] for w in known) + 3
            ws = [w for w in ws if w[2] >= low and w[4] <= high]
            out.append({"page": page, "bbox": [min(w[1] for w in ws), min(w[2] for w in ws), max(w[3] for w in ws), max(w[4] for w in ws)],
                        "category": KIND[kind], "unit": number, **({"level": level} if kind == "title" else {})})
    titles = [b for b in out if b["category"] == 10 and b["page"] == 0]
    if titles: min(titles, key=lambda b: b["bbox"][1])["category"] = 12
    out.sort(key=lambda b: (b["unit"], b["page"]))
    unit = len(found)
    covered = collections.defaultdict(list)
    for b in out: covered[b["page"]].append(b["bbox"])
    by_page = collections.defaultdict(list)
    for index, w in enumerate(words): by_page[w[0]].append((index, w))
    for page, ws in by_page.items():
        height = sizes[page][1]
        rows = collections.defaultdict(list)
        for index, w in ws: rows[round((w[2] + w[4]) / 2 / 4)].append((index, w))
        top = min((b[1] for b in covered[page]), default=None)
        bottom = max((b[3] for b in covered[page]), default=None)
        for row in rows.values():
            if any(i in owned for i, _ in row): continue
            box = [min(w[1] for _, w in row), min(w[2] for _, w in row), max(w[3] for _, w in row), max(w[4] for _, w in row)]
            text = " ".join(w[5] for _, w in row)
            category = None
            if len(re.findall(r"\. ?\. ?\.", text)) > 1: category = LIST
            elif top is not None and (box[3] < top and box[3] < 0.12 * height or box[1] > bottom and box[1] > 0.88 * height): category = FURNITURE
            if category is not None:
                out.append({"page": page, "bbox": box, "category": category, "unit": unit})
                unit += 1
    share = len(owned) / max(1, len(words))
    return out, sizes, share


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-o", "--output", required=True)
    p.add_argument("manuals", nargs="+")
    a = p.parse_args()
    for argument in a.manuals:
        name, html_path, pdf = argument.split("=", 2)
        try: found, sizes, share = labels(html_path, pdf)
        except Exception as error:
            print(f"{name}: {error!r}", file=sys.stderr)
            continue
        print(f"{name}: {len(sizes)} pages, {share:.2f} of the words labelled", file=sys.stderr, flush=True)
        by_page = collections.Counter(b["page"] for b in found)
        for first in range(0, len(sizes), 24):
            pages = range(first, min(len(sizes), first + 24))
            here = [dict(b, page=b["page"] - first) for b in found if b["page"] in pages]
            if sum(by_page[p] > 3 for p in pages) < 0.5 * len(pages): continue
            folder = os.path.join(a.output, f"manual-{name}-{first:04d}")
            os.makedirs(folder, exist_ok=True)
            cut(pdf, first, len(pages), os.path.join(folder, "document.pdf"))
            for order, b in enumerate(here): b["order"] = order
            with open(os.path.join(folder, "labels.json"), "w") as f: json.dump({"kind": "manual", "ignoresUnlabelled": True, "blocks": here}, f)


def cut(pdf, first, count, target):
    from pypdf import PdfReader, PdfWriter
    reader, writer = PdfReader(pdf), PdfWriter()
    for page in reader.pages[first:first + count]: writer.add_page(page)
    writer.write(target)


if __name__ == "__main__": main()
