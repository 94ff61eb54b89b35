"""How well the Markdown of a manual's PDF agrees with the manual's HTML.

    python evaluate_manuals.py NAME=HTML=MARKDOWN [...]

HTML is a file, or a folder with an index. Reported for each manual and as means: heading F1 (same text, numbers aside), share of
matched headings with the right level (after the shift of levels that suits the document best), share of the HTML's paragraphs of 8
words or more that are a block of the Markdown as a whole, and share of those found that stand in order (longest increasing run).
Texts are compared by their letters and digits; a block also counts as the paragraph when it begins or ends alike and 90 % of
it is the same, because references ("see Section 2 [Shell], page 4") differ between the two.
"""
import bisect, collections, difflib, re, sys
from manuals import blocks, folded, heading_key


def markdown_blocks(text):
    """[(kind, level, text)] of Markdown as docq writes it."""
    out, lines, fence, current = [], text.split("\n"), None, []
    def flush():
        if current: out.append(("text", None, " ".join(current)))
        current.clear()
    for line in lines:
        if fence:
            if line.strip() == fence: fence = None; out.append(("code", None, "\n".join(current))); current.clear()
            else: current.append(line)
            continue
        if re.match(r"^\s*(```+|~~~+)", line): flush(); fence = re.match(r"^\s*([`~]+)", line).group(1); continue
        heading = re.match(r"^(#{1,6})\s+(.*)", line)
        if heading: flush(); out.append(("title", len(heading.group(1)), plain(heading.group(2)))); continue
        item = re.match(r"^\s*(?:[-*+•]|\d+[.)])\s+(.*)", line)
        if item: flush(); current.append(plain(item.group(1))); continue
        if not line.strip(): flush(); continue
        current.append(plain(line))
    flush()
    return out


def plain(text):
    text = re.sub(r"<[^>]{1,80}>", "", text).replace("&lt;", "<").replace("&amp;", "&").replace("&gt;", ">")
    return re.sub(r"\\(.)", r"\1", re.sub(r"[*`]{1,3}(?=\S)|(?<=\S)[*`]{1,3}", "", text))


def increasing(values):
    tails = []
    for v in values:
        place = bisect.bisect_left(tails, v)
        if place == len(tails): tails.append(v)
        else: tails[place] = v
    return len(tails)


def score(html_path, markdown, show=0):
    want, got = blocks(html_path), markdown_blocks(markdown)
    wanted = [(heading_key(t), l) for k, l, t in want if k == "title"]
    given = [(heading_key(t), l) for k, l, t in got if k == "title"]
    left = collections.defaultdict(list)
    for key, level in wanted: left[key].append(level)
    pairs, extra = [], []
    for (key, level), block in zip(given, [b for b in got if b[0] == "title"]):
        if left[key]: pairs.append((left[key].pop(0), level))
        else: extra.append(block[2])
    f1 = 2 * len(pairs) / max(1, len(wanted) + len(given))
    shifts = collections.Counter(a - b for a, b in pairs)
    levels = max(shifts.values(), default=0) / max(1, len(pairs))
    paragraphs = [folded(t) for k, l, t in want if k in ("text", "list") and len(t.split()) >= 8]
    places, ends = collections.defaultdict(list), collections.defaultdict(set)
    for number, (k, l, t) in enumerate(got):
        key = folded(t)
        places[key].append(number)
        if len(key) >= 24: ends[key[:16]].add(key); ends[key[-16:]].add(key)
    found, missed, last = [], [], -1
    for key in paragraphs:
        options = places.get(key)
        if not options:
            alike = [k for k in ends[key[:16]] | ends[key[-16:]] if 0.8 < len(k) / len(key) < 1.25]
            alike = [k for k in alike if difflib.SequenceMatcher(None, key, k, autojunk=False).ratio() >= 0.9]
            options = places[alike[0]] if alike else None
        if options:
            place = next((o for o in options if o > last), options[0])
            found.append(place)
            last = place
        else: missed.append(key)
    whole = len(found) / max(1, len(paragraphs))
    order = increasing(found) / max(1, len(found))
    if show:
        print("  extra headings:", extra[:show])
        print("  missed headings:", [k for k, v in left.items() if v][:show])
        print("  level shifts:", dict(shifts))
        for m in missed[:show]: print("  missed:", m[:150])
    return f1, levels, whole, order, len(wanted), len(paragraphs)


def main():
    show = 0
    if sys.argv[1].startswith("--show="): show = int(sys.argv.pop(1)[7:])
    rows = []
    for argument in sys.argv[1:]:
        name, html_path, markdown = argument.split("=", 2)
        row = score(html_path, open(markdown, encoding="utf-8").read(), show)
        rows.append(row)
        print(f"{name:24s} headings {row[0]:.3f}  levels {row[1]:.3f}  whole {row[2]:.3f}  order {row[3]:.3f}   ({row[4]} headings, {row[5]} paragraphs)")
    means = [sum(r[i] for r in rows) / len(rows) for i in range(4)]
    print(f"{'mean':24s} headings {means[0]:.3f}  levels {means[1]:.3f}  whole {means[2]:.3f}  order {means[3]:.3f}")


if __name__ == "__main__": main()
