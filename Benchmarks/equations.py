"""Similarity of the LaTeX that docq reads from a PDF to the LaTeX that made it.

    python3 Benchmarks/equations.py .build/release/docq [--documents 10] [--seed 11] [--keep DIR]
    python3 Benchmarks/equations.py .build/release/docq --papers DATA/latex     (folders with a main .tex file each)

Generated: documents of random displayed equations between paragraphs, set by pdflatex. Papers: `docq annotate` gives the
equations with page, box and source; those of `docq ingest` with the largest overlap are compared.

Similarity is 1 - edit distance over the length of the longer text, after both were normalised (see `normal`): white space,
\\left and \\right, spacing commands, labels, numbers of equations and braces around single characters do not count; an author's own
commands are replaced by what they stand for. An equation
that was not found scores 0; the mean over those found stands beside it.
"""

import argparse
import json
import pathlib
import random
import re
import subprocess
import tempfile


class Grammar:
    """Random formulas of the kinds that papers have."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def letter(self):
        return self.r.choice(list("abcdefghknmpqrstuvwxyzABCDFGHKLMNPQRSTUVXYZ") + [
            "\\alpha", "\\beta", "\\gamma", "\\delta", "\\theta", "\\lambda", "\\mu", "\\sigma", "\\phi", "\\omega", "\\Omega",
            "\\Sigma", "\\epsilon", "\\pi", "\\mathbf{x}", "\\mathbf{W}", "\\mathcal{L}", "\\mathbb{R}", "\\hat{y}", "\\bar{x}",
            "\\tilde{z}"])

    def atom(self):
        r, a = self.r, self.letter()
        kind = r.random()
        if kind < 0.4:
            return a
        if kind < 0.6:
            return f"{a}_{{{self.script()}}}"
        if kind < 0.75:
            return f"{a}^{{{self.script()}}}"
        if kind < 0.85:
            return f"{a}_{{{self.script()}}}^{{{r.choice('2nkT')}}}"
        return str(r.randint(0, 99))

    def script(self):
        r = self.r
        return r.choice(["i", "j", "k", "n", "t", "2", "0", "i,j", "n+1", "t-1", "ij"])

    def term(self, depth):
        r = self.r
        kind = r.random()
        if depth <= 0 or kind < 0.45:
            return self.atom()
        if kind < 0.6:
            return f"\\frac{{{self.sum(depth - 1)}}}{{{self.sum(depth - 1)}}}"
        if kind < 0.68:
            return f"\\sqrt{{{self.sum(depth - 1)}}}"
        if kind < 0.78:
            return f"\\sum_{{{r.choice('ijk')}={r.choice('01')}}}^{{{r.choice('nNKT')}}} {self.term(depth - 1)}"
        if kind < 0.83:
            return f"\\int_{{{r.choice('0a')}}}^{{{r.choice(['1', 'b', chr(92) + 'infty'])}}} {self.term(depth - 1)} \\, d{r.choice('xt')}"
        if kind < 0.9:
            return f"\\left( {self.sum(depth - 1)} \\right)"
        if kind < 0.95:
            return f"\\{r.choice(['log', 'exp', 'sin', 'cos', 'max'])} {self.atom()}"
        return f"f({self.atom()})"

    def sum(self, depth):
        parts = [self.term(depth) for _ in range(self.r.randint(1, 3))]
        return "".join(p if i == 0 else self.r.choice([" + ", " - ", " \\cdot "]) + p for i, p in enumerate(parts))

    def equation(self):
        r = self.r
        if r.random() < 0.1:
            rows = [[self.atom() for _ in range(r.choice([2, 3]))] for _ in range(2)]
            rows[1] = rows[1][: len(rows[0])] + rows[0][len(rows[1]):]
            kind = r.choice(["pmatrix", "bmatrix"])
            body = " \\\\ ".join(" & ".join(row) for row in rows)
            return f"{self.letter()} = \\begin{{{kind}}} {body} \\end{{{kind}}}"
        return f"{self.atom()} {r.choice(['=', chr(92) + 'leq', chr(92) + 'geq', chr(92) + 'approx', chr(92) + 'in'])} {self.sum(2)}"


def normal(text):
    """What counts of a formula."""
    text = re.sub(r"(?<!\\)%.*", "", text)
    text = re.sub(r"\\(label|tag\*?|eqref|ref)\{[^{}]*\}", "", text)
    text = re.sub(r"\\(begin|end)\{(equation|align|eqnarray|gather|multline|displaymath|aligned|split|array)\*?\}(\{[^{}]*\})?", "", text)
    text = re.sub(r"\\(left|right|bigg?[lr]?|Bigg?[lr]?|nonumber|notag|displaystyle|limits|nolimits|quad|qquad|mathop|[,;:!> ])(?![A-Za-z])", "", text)
    text = text.replace("\\[", "").replace("\\]", "").replace("$$", "").replace("~", "")
    text = re.sub(r"\\(text|textrm|mathrm|operatorname\*?|mbox|rm|textnormal)\b", "", text)
    text = re.sub(r"\\(bm|boldsymbol|bf|mathbf|textbf)\b", r"\\mathbf", text)
    for one, other in (("\\le", "\\leq"), ("\\ge", "\\geq"), ("\\rightarrow", "\\to"), ("\\ne", "\\neq"), ("\\lbrace", "\\{"),
                       ("\\rbrace", "\\}"), ("\\vert", "|"), ("\\mid", "|"), ("\\dots", "\\ldots"), ("\\over", "\\over"),
                       ("\\varepsilon", "\\epsilon"), ("\\widehat", "\\hat"), ("\\widetilde", "\\tilde"), ("\\overline", "\\bar")):
        text = re.sub(re.escape(one) + r"(?![A-Za-z])", lambda _: other, text)
    text = text.replace("&", "").replace("\\\\", "")
    text = re.sub(r"\s+", "", text)
    before = None
    while before != text:
        before = text
        text = re.sub(r"\{(\\[A-Za-z]+|[^{}\\])\}", r"\1", text)
    return text.rstrip(".,;")


class Macros:
    """An author's own commands, so that both sides speak LaTeX's."""

    def __init__(self, folder):
        self.known = {}
        for path in sorted(folder.rglob("*.tex")) + sorted(folder.rglob("*.sty")):
            self.read(re.sub(r"(?<!\\)%.*", "", path.read_text(errors="replace")))

    def read(self, text):
        for m in re.finditer(r"\\(?:(?:re|provide)?newcommand|DeclareRobustCommand)\*?\s*\{?\s*(\\[A-Za-z]+)\s*\}?\s*(?:\[(\d)\])?\s*(\[[^\]]*\])?\s*(?=\{)", text):
            body = group(text, m.end())
            if body is not None: self.known[m[1]] = (int(m[2] or 0), m[3][1:-1] if m[3] else None, body[0])
        for m in re.finditer(r"\\def\s*(\\[A-Za-z]+)((?:#\d)*)\s*(?=\{)", text):
            body = group(text, m.end())
            if body is not None: self.known[m[1]] = (len(m[2]) // 2, None, body[0])
        for m in re.finditer(r"\\DeclareMathOperator\*?\s*\{?\s*(\\[A-Za-z]+)\s*\}?\s*(?=\{)", text):
            body = group(text, m.end())
            if body is not None: self.known[m[1]] = (0, None, "\\mathrm{" + body[0] + "}")

    def expanded(self, text):
        for _ in range(400):
            found = next((m for m in re.finditer(r"\\[A-Za-z]+", text) if m[0] in self.known), None)
            if not found or len(text) > 20_000: break
            count, default, body = self.known[found[0]]
            end, values = found.end(), []
            if default is not None:
                given = re.match(r"\s*\[([^\]]*)\]", text[end:])
                values.append(given[1] if given else default)
                end += given.end() if given else 0
            while len(values) < count:
                end += len(text[end:]) - len(text[end:].lstrip())
                part = group(text, end) if text[end:end + 1] == "{" else None
                if part is None:
                    one = re.match(r"\\[A-Za-z]+|.", text[end:], re.S)
                    part = (one[0], end + one.end()) if one else ("", end)
                values.append(part[0])
                end = part[1]
            for number, value in enumerate(values, 1): body = body.replace(f"#{number}", value)
            # A command ends where letters follow it.
            text = text[: found.start()] + "{" + body + "}" + text[end:]
        return text


def group(text, start):
    """What stands between the brace at `start` and its partner, and the place behind that."""
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "\\": continue
        if place and text[place - 1] == "\\": continue
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0: return text[start + 1:place], place + 1
    return None


def similarity(a, b):
    a, b = normal(a), normal(b)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return 1 - row[-1] / max(1, len(a), len(b))


def ingest(docq, pdf):
    out = subprocess.run([docq, "ingest", str(pdf), "--ocr", "never"], capture_output=True, check=True).stdout
    for page in json.loads(out)["pages"]:
        for region in page["regions"]:
            yield page, region


def report(name, scores):
    found = [s for s in scores if s is not None]
    if scores:
        print(
            f"{name}: {len(scores)} equations, {len(found)} found; similarity {sum(found) / len(scores):.3f}, "
            f"of those found {sum(found) / max(1, len(found)):.3f}"
        )


def generated(arguments):
    work = pathlib.Path(arguments.keep or tempfile.mkdtemp())
    work.mkdir(exist_ok=True, parents=True)
    scores = []
    for number in range(arguments.documents):
        grammar = Grammar(f"{arguments.seed}-{number}")
        truth = [grammar.equation() for _ in range(20)]
        body = "\n\n".join(
            f"The next formula has the number {i} and stands below this line of text, which is long enough.\n"
            f"\\begin{{equation}}\n{e}\n\\end{{equation}}" for i, e in enumerate(truth)
        )
        tex = work / f"eq{number}.tex"
        tex.write_text(f"\\documentclass{{article}}\\usepackage{{amsmath,amssymb}}\\begin{{document}}\n{body}\n\\end{{document}}")
        subprocess.run(["pdflatex", "-interaction=batchmode", tex.name], cwd=work, stdout=subprocess.DEVNULL, timeout=60)
        found = [r["latex"] for _, r in ingest(arguments.docq, tex.with_suffix(".pdf")) if r.get("latex")]
        for equation in truth:
            best = max(((similarity(equation, f), f) for f in found), default=(0, ""))
            scores.append(best[0] if best[0] > 0.3 else None)
            if arguments.keep:
                print(f"{best[0]:.2f}  {normal(equation)}\n      {normal(best[1])}")
    report("generated", scores)


def papers(arguments):
    every = []
    for folder in sorted(pathlib.Path(arguments.papers).iterdir()):
        mains = [p for p in folder.rglob("*.tex") if "\\begin{document}" in p.read_text(errors="replace")] if folder.is_dir() else []
        if not mains:
            continue
        work = pathlib.Path(tempfile.mkdtemp())
        done = subprocess.run([arguments.docq, "annotate", str(mains[0]), "-o", str(work / "out")], capture_output=True, text=True)
        files = list((work / "out").rglob("reading_annotation.json"))
        if not files:
            print(f"{folder.name}: {done.stderr.strip()[-200:]}")
            continue
        pdf = next((work / "out").rglob("paper.pdf"))
        found = [(p, r) for p, r in ingest(arguments.docq, pdf) if r.get("latex")]
        macros = Macros(folder)
        scores = []
        for block in json.load(open(files[0])):
            if block["category"] != 2:
                continue
            box = [v * 72 / 200 for v in block["bbox"]]
            best, latex = 0, None
            for page, region in found:
                if page["index"] == block["page_index"]:
                    overlap = shared(box, region["bbox"])
                    if overlap > best:
                        best, latex = overlap, region["latex"]
            source = macros.expanded(block["source_code"])
            scores.append(similarity(source, latex) if best > 0.3 else None)
            if arguments.keep:
                print(f"{scores[-1] or 0:.2f}  {normal(source)[:150]}\n      {normal(latex or '')[:150]}")
        report(folder.name, scores)
        every += scores
    report("all papers", every)


def shared(a, b):
    """Intersection over union."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docq")
    parser.add_argument("--documents", type=int, default=10)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--papers")
    parser.add_argument("--keep", help="a folder for the documents; every equation is printed with what was read")
    arguments = parser.parse_args()
    (papers if arguments.papers else generated)(arguments)


main()
