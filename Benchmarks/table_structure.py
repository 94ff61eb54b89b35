"""Similarity of the tables that docq finds to generated tables whose cells are known.

    python3 Benchmarks/table_structure.py .build/release/docq [--count 60] [--seed 7] [--keep DIR] [--source html,latex]

Each document has a paragraph, one table and another paragraph, drawn in one of many styles: full grid, rules between rows,
rules as in books (booktabs), no rules; titles over several columns, cells over several rows, cells of several lines, empty
cells, numbers with signs, thousands, percent signs and currencies, left, right and centred columns. HTML is set by
WeasyPrint, LaTeX by pdflatex.

Measure: TEDS (Zhong, ShafieiBavani, Jimeno Yepes, "Image-based table recognition", ECCV 2020): 1 - edit distance of the
HTML trees over the size of the larger one, renaming a cell costs the normalised edit distance of its text; and the same
on structure alone. A table that is not found scores 0; of several found, the one most like the truth counts.
Header cells and body cells are the same kind here. Needs: weasyprint apted lxml (see table-requirements.txt), pdflatex.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile

from apted import APTED, Config

NOUNS = (
    "revenue profit cost margin volume energy water traffic storage rainfall yield output input demand supply price rate "
    "error recall precision accuracy latency memory throughput budget salary rent tax interest loan deposit capital asset"
).split()
PLACES = "Berlin Paris Oslo Madrid Rome Vienna Lisbon Dublin Athens Prague Warsaw Zurich Helsinki Brussels Milan".split()
HEADS = "Total Mean Median Share Change Q1 Q2 Q3 Q4 2019 2020 2021 2022 Budget Actual Baseline Ours Rank Score Count".split()
UNITS = ["", "", "", " %", " kg", " ms", ""]


class Generator:
    """A random table: rows of cells {text, rs, cs, header}; None where a span reaches."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        r = self.r
        self.style = r.choice(["grid", "rows", "booktabs", "open", "headline"])
        self.columns, self.body = r.randint(3, 7), r.randint(3, 12)
        self.align = ["l"] + [r.choice("rrcl") for _ in range(self.columns - 1)]
        self.kinds = ["label"] + [r.choice(["int", "decimal", "percent", "money", "word", "signed"]) for _ in self.align[1:]]
        self.unit = [r.choice(UNITS) for _ in self.align]
        self.long = r.random() < 0.3
        self.rows = []
        grouped = self.columns >= 5 and r.random() < 0.4
        if grouped:
            top, column = [self.cell("Item", rs=2, header=True)], 1
            second = [None]
            while column < self.columns:
                width = min(r.randint(2, 3), self.columns - column)
                width = width if self.columns - column - width != 1 else self.columns - column
                top.append(self.cell(r.choice(NOUNS).capitalize() + r.choice(["", " " + r.choice(HEADS)]), cs=width, header=True))
                top += [None] * (width - 1)
                second += [self.cell(r.choice(HEADS), header=True) for _ in range(width)]
                column += width
            self.rows += [top, second]
        else:
            names = [self.cell(r.choice(["Item", "City", "Model", "Year"]), header=True)]
            self.rows.append(names + [self.cell(self.head(), header=True) for _ in range(self.columns - 1)])
        groups = self.style == "grid" and r.random() < 0.35
        left = 0
        for row in range(self.body):
            cells = []
            for column, kind in enumerate(self.kinds):
                if column == 0 and groups:
                    if left == 0:
                        left = min(r.randint(1, 3), self.body - row)
                        cells.append(self.cell(self.value("label", 0), rs=left))
                    else:
                        cells.append(None)
                    left -= 1
                    continue
                empty = column > 0 and r.random() < 0.06
                cells.append(self.cell("" if empty else self.value(kind, column)))
            self.rows.append(cells)

    def head(self):
        r = self.r
        return r.choice(HEADS) if r.random() < 0.6 else (r.choice(NOUNS) + " " + r.choice(NOUNS)).capitalize()

    @staticmethod
    def cell(text, rs=1, cs=1, header=False):
        return {"text": text, "rs": rs, "cs": cs, "header": header}

    def value(self, kind, column):
        r = self.r
        if kind == "label":
            words = r.randint(4, 9) if self.long else r.randint(1, 2)
            return " ".join([r.choice(PLACES)] + [r.choice(NOUNS) for _ in range(words - 1)])
        if kind == "word":
            return r.choice(NOUNS)
        if kind == "int":
            return f"{r.randint(0, 10 ** r.randint(1, 6)):,}"
        if kind == "decimal":
            return f"{r.uniform(0, 100):.{2}f}{self.unit[column]}"
        if kind == "percent":
            return f"{r.uniform(0, 100):.1f}%"
        if kind == "money":
            return f"${r.randint(1, 99999):,}.{r.randint(0, 99):02d}"
        return f"{r.uniform(-9, 9):+.1f}"

    def text(self):
        return " ".join(self.r.choice(NOUNS + ["the", "of", "and", "in", "for", "with"]) for _ in range(60)).capitalize() + "."

    def html(self):
        r = self.r
        border = {
            "grid": "td,th{border:0.7pt solid #333}",
            "rows": "tr{border-bottom:0.6pt solid #777}table{border-top:1pt solid #000}",
            "booktabs": "table{border-top:1.2pt solid #000;border-bottom:1.2pt solid #000}thead{border-bottom:0.7pt solid #000}",
            "open": "",
            "headline": "thead{border-bottom:1pt solid #000}",
        }[self.style]
        family = r.choice(["Liberation Serif", "Liberation Sans", "DejaVu Sans"])
        css = (
            f"@page{{size:A4;margin:2cm}}body{{font:{r.choice([9, 10, 11])}pt '{family}'}}"
            f"table{{border-collapse:collapse;margin:1em auto;{'width:100%;' if r.random() < 0.4 else ''}}}"
            f"td,th{{padding:{r.choice([2, 3, 5])}pt {r.choice([4, 6, 10])}pt;vertical-align:{r.choice(['top', 'middle'])};"
            f"max-width:5cm}}thead th{{font-weight:{r.choice(['bold', 'bold', 'normal'])}}}" + border
        )
        names = {"l": "left", "r": "right", "c": "center"}
        lines = []
        heads = sum(any(c and c["header"] for c in row) for row in self.rows)
        for index, row in enumerate(self.rows):
            lines.append("<thead><tr>" if index == 0 else "</thead><tbody><tr>" if index == heads else "<tr>")
            for column, c in enumerate(row):
                if c:
                    tag = "th" if c["header"] else "td"
                    side = "center" if c["cs"] > 1 else names[self.align[column]]
                    lines.append(f"<{tag} rowspan={c['rs']} colspan={c['cs']} style='text-align:{side}'>{c['text']}</{tag}>")
            lines.append("</tr>")
        table = "<table>" + "".join(lines) + "</tbody></table>"
        return f"<html><head><style>{css}</style></head><body><p>{self.text()}</p>{table}<p>{self.text()}</p></body></html>"

    def latex(self):
        bar = "|" if self.style == "grid" else ""
        spec = bar + bar.join(self.align) + bar
        if self.long:
            spec = spec.replace("l", "p{3.5cm}", 1)
        top, middle, bottom = {
            "grid": ("\\hline", "\\hline", "\\hline"),
            "rows": ("\\hline", "\\hline", "\\hline"),
            "booktabs": ("\\toprule", "\\midrule", "\\bottomrule"),
            "open": ("", "", ""),
            "headline": ("", "\\midrule", ""),
        }[self.style]
        heads = sum(any(c and c["header"] for c in row) for row in self.rows)
        lines = [top]
        for index, row in enumerate(self.rows):
            cells, column, partial = [], 0, []
            while column < self.columns:
                c = row[column]
                if c is None:
                    cells.append("")
                    column += 1
                    continue
                text = c["text"].replace("%", "\\%").replace("$", "\\$")
                if c["rs"] > 1:
                    text = f"\\multirow{{{c['rs']}}}{{*}}{{{text}}}"
                if c["cs"] > 1:
                    edge = "|" if bar else ""
                    left = edge if column == 0 else ""
                    text = f"\\multicolumn{{{c['cs']}}}{{{left}c{edge}}}{{{text}}}"
                    partial.append((column + 1, column + c["cs"]))
                cells.append(text)
                column += c["cs"]
            end = ""
            if index + 1 == heads:
                end = middle
            elif index + 1 == len(self.rows):
                end = bottom
            elif self.style in ("grid", "rows"):
                below = self.rows[index + 1]
                free = [k + 1 for k in range(self.columns) if not self.is_inside(index + 1, k)]
                end = "\\hline" if len(free) == self.columns else "".join(f"\\cline{{{k}-{k}}}" for k in free)
            elif partial and self.style in ("booktabs", "headline"):
                end = "".join(f"\\cmidrule(lr){{{a}-{b}}}" for a, b in partial)
            lines.append(" & ".join(cells) + " \\\\ " + end)
        body = "\n".join(lines)
        return (
            "\\documentclass[10pt]{article}\\usepackage{booktabs,multirow}\\usepackage[T1]{fontenc}\\begin{document}\n"
            f"{self.text()}\n\n\\begin{{center}}\\begin{{tabular}}{{{spec}}}\n{body}\n\\end{{tabular}}\\end{{center}}\n\n"
            f"{self.text()}\\end{{document}}"
        )

    def is_inside(self, row, column):
        """True where a cell from above reaches into this row."""
        for above in range(row):
            c = self.rows[above][column]
            if c and above + c["rs"] > row:
                return True
        return False

    def truth(self):
        return [[(c["text"], c["rs"], c["cs"]) for c in row if c] for row in self.rows]


class Node:
    def __init__(self, name, text="", spans=(1, 1), children=()):
        self.name, self.text, self.spans, self.children = name, text, spans, list(children)


class Costs(Config):
    def __init__(self, structure):
        self.structure = structure

    def children(self, node):
        return node.children

    def rename(self, a, b):
        if a.name != b.name or a.spans != b.spans:
            return 1.0
        if self.structure or a.name != "td":
            return 0.0
        longest = max(len(a.text), len(b.text))
        return edits(a.text, b.text) / longest if longest else 0.0


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def tree(rows):
    return Node("table", children=[
        Node("tr", children=[Node("td", "".join(t.split()), (r, c)) for t, r, c in row]) for row in rows
    ])


def size(node):
    return 1 + sum(map(size, node.children))


def teds(a, b, structure=False):
    a, b = tree(a), tree(b)
    return 1 - APTED(a, b, Costs(structure)).compute_edit_distance() / max(size(a), size(b))


def found_tables(document):
    for page in document["pages"]:
        for region in page["regions"]:
            table = region.get("table")
            if table:
                covered = set()
                rows = [[] for _ in range(table["rows"])]
                at = {(c["row"], c["column"]): c for c in table["cells"]}
                for r in range(table["rows"]):
                    for k in range(table["columns"]):
                        if (r, k) in covered:
                            continue
                        c = at.get((r, k))
                        rs, cs = (c["rowSpan"], c["columnSpan"]) if c else (1, 1)
                        covered |= {(r + i, k + j) for i in range(rs) for j in range(cs)}
                        rows[r].append((c["text"] if c else "", rs, cs))
                yield rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docq")
    parser.add_argument("--count", type=int, default=60, help="documents of each source")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--source", default="html,latex")
    parser.add_argument("--keep", help="keep the documents and what was found in this folder")
    arguments = parser.parse_args()
    work = pathlib.Path(arguments.keep or tempfile.mkdtemp())
    work.mkdir(exist_ok=True, parents=True)
    scores = {}
    for source in arguments.source.split(","):
        for index in range(arguments.count):
            generator = Generator(f"{arguments.seed}-{source}-{index}")
            name = f"{source}{index:03d}"
            pdf = work / f"{name}.pdf"
            if not pdf.exists():
                if source == "html":
                    import weasyprint

                    weasyprint.HTML(string=generator.html()).write_pdf(pdf)
                else:
                    (work / f"{name}.tex").write_text(generator.latex())
                    subprocess.run(
                        ["pdflatex", "-interaction=nonstopmode", f"-output-directory={work}", f"{name}.tex"],
                        cwd=work, stdout=subprocess.DEVNULL, timeout=60,
                    )
            scores[name] = (source, generator)
        pdfs = [str(work / f"{n}.pdf") for n in scores if n.startswith(source)]
        subprocess.run([arguments.docq, "ingest", *pdfs, "--format", "json", "--ocr", "never", "-o", str(work)], check=False)
    sums = {}
    for name, (source, generator) in scores.items():
        truth = generator.truth()
        document = json.load(open(work / f"{name}.json"))
        best = max(((teds(t, truth), teds(t, truth, True)) for t in found_tables(document)), default=(0.0, 0.0))
        print(f"{name} {generator.style:9} {best[0]:.3f} {best[1]:.3f}")
        for key in (source, f"{source} {generator.style}"):
            sums.setdefault(key, []).append(best)
    for key in sorted(sums):
        values = sums[key]
        print(
            f"{key:16} {len(values):4} tables  TEDS {sum(v[0] for v in values) / len(values):.3f}"
            f"  structure {sum(v[1] for v in values) / len(values):.3f}"
        )
    if not arguments.keep:
        shutil.rmtree(work)


main()
