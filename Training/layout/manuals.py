"""Blocks of a manual's HTML, in order: what its PDF should be read as."""
import os, re, unicodedata
from lxml import html as lxml_html

SKIPPED = {"script", "style", "nav", "header", "footer", "head", "button", "form", "noscript"}
SKIPPED_CLASSES = {"navheader", "navfooter", "toc", "contents", "related", "sphinxsidebar", "header", "nav-panel", "footer", "element-contents", "shortcontents", "titlepage-nav", "headerlink", "list-of-tables", "list-of-examples", "list-of-figures", "lot", "indexterm", "index-entries-printindex", "region-contents"}
BLOCKS = {"p", "li", "pre", "table", "dt", "figure", "blockquote", "div", "dd", "ul", "ol", "dl", "section", "article", "main", "center", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "address"}


def folded(text):
    """Letters and digits only, for comparing texts that were set differently."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


def heading_key(text):
    text = re.sub(r"^\s*(chapter|appendix|part|section|kapitel|anhang|chapitre|annexe|capítulo|capitolo)\b\s*[\divxa-z]*[.:)]*\s*", "", text, flags=re.I)
    return folded(re.sub(r"^\s*(?:[A-Z](?=[.\s])|\d+|[IVX]+\.)?(?:\.\d+)*[.:)]*\s+", "", text)) or folded(text)


def html_files(path):
    """One file, or an index (a folder's own, or index*.html) and the files that it names, in their order."""
    if os.path.isdir(path):
        names = os.listdir(path)
        path = os.path.join(path, next(n for n in ("index.en.html", "index.html", "toc.html") if n in names))
    folder, index = os.path.split(path)
    if not index.startswith(("index", "toc")): return [path]
    suffix = index[len("index"):] if index.startswith("index") else ".html"
    tree = lxml_html.parse(path, lxml_html.HTMLParser(encoding="utf-8"))
    order = [index]
    for a in tree.iter("a"):
        name = (a.get("href") or "").split("#")[0]
        if name and "/" not in name and name not in order and os.path.exists(os.path.join(folder, name)) and name.endswith(suffix): order.append(name)
    return [os.path.join(folder, n) for n in order]


def text_of(element):
    parts = []
    def walk(e):
        if not isinstance(e.tag, str): return
        if e.tag in SKIPPED or set((e.get("class") or "").split()) & SKIPPED_CLASSES: return
        if e.tag == "br": parts.append("\n")
        parts.append(e.text or "")
        for child in e:
            walk(child)
            parts.append(child.tail or "")
    walk(element)
    return "".join(parts)


def blocks(path):
    """[(kind, level, text)] with kinds title, text, list, code, table, term."""
    out = []
    for file in html_files(path):
        tree = lxml_html.parse(file, lxml_html.HTMLParser(encoding="utf-8")).getroot()
        body = tree.find("body")
        if body is not None: visit(body, out, False)
    return [(k, l, t) for k, l, t in out if folded(t)]


def inline_only(element):
    return not any(isinstance(c.tag, str) and c.tag in BLOCKS for c in element.iter() if c is not element)


def visit(element, out, in_item):
    if not isinstance(element.tag, str): return
    tag = element.tag
    classes = set((element.get("class") or "").split())
    if tag in SKIPPED or classes & SKIPPED_CLASSES or element.get("id") in ("SEC_Contents", "content-listing"): return
    clean = lambda text: re.sub(r"\s+", " ", text).strip()
    if re.fullmatch(r"h[1-6]", tag):
        # texinfo sets the number of a note, "(12)", as a heading.
        if "footnotes-heading" in classes or re.fullmatch(r"\(\d+\)", clean(text_of(element))): return
        out.append(("title", int(tag[1]), clean(text_of(element)).replace("¶", "")))
    elif tag == "pre" or "highlight" in classes and inline_only(element):
        out.append(("code", None, text_of(element).strip("\n")))
    elif tag == "table" and len(element.findall(".//td")) > 1 and "highlighttable" not in classes and not element.findall(".//pre"):
        out.append(("table", None, clean(text_of(element))))
    elif tag == "dt":
        out.append(("term", None, clean(text_of(element))))
    elif tag in ("p", "li") and inline_only(element) or tag in ("div", "dd", "blockquote", "td") and inline_only(element):
        kind = "list" if tag == "li" or in_item == "first" else "text"
        out.append((kind, None, clean(text_of(element))))
    else:
        loose = clean(element.text or "")
        first = tag == "li"
        run = [loose] if loose else []
        def flush():
            if run and folded(" ".join(run)): out.append(("list" if first and not spoken[0] else "text", None, clean(" ".join(run))))
            if run: spoken[0] = True
            run.clear()
        spoken = [False]
        for child in element:
            if isinstance(child.tag, str) and (child.tag in BLOCKS or not inline_only(child)):
                flush()
                before = len(out)
                visit(child, out, "first" if first and not spoken[0] else False)
                if len(out) > before: spoken[0] = True
            elif isinstance(child.tag, str):
                run.append(text_of(child))
            run.append(child.tail or "") if (child.tail or "").strip() else None
        flush()
