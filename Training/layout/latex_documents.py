"""Whole LaTeX documents in many classes, fonts and languages. All randomness comes from the given generator."""
import re
from latex_journals import JOURNALS, front_matter, is_two_column

ESCAPES = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
FONTS = ["", "", "\\usepackage{lmodern}", "\\usepackage{mathptmx}", "\\usepackage{mathpazo}", "\\usepackage{charter}", "\\usepackage{helvet}\\renewcommand{\\familydefault}{\\sfdefault}", "\\usepackage{newtxtext,newtxmath}\\let\\Bbbk\\relax", "\\usepackage{libertine}", "\\usepackage{fourier}", "\\usepackage{kpfonts}", "\\usepackage{tgpagella}", "\\usepackage{tgheros}\\renewcommand{\\familydefault}{\\sfdefault}"]
LANGUAGES = {"de": "ngerman", "fr": "french"}
CLASSES = {
    "article": 6, "article2": 5, "IEEEtran": 4, "IEEEjournal": 2, "acmsigconf": 1, "acmsmall": 0.7, "revtex": 3, "revtex1": 1.5, "amsart": 2.5, "llncs": 2,
    "elsarticle": 1.5, "scrartcl": 2, "report": 1.5, "book": 1.5, "beamer": 2, "memoir": 0.5, "scrreprt": 1, "conference": 4, **JOURNALS}
STATEMENTS = ("article", "article2", "amsart", "llncs", "report", "book", "scrartcl", "scrreprt", "elsarticle", "memoir", "conference", "mnras", "aastex", "cas-dc", "cas-sc", "ltugproc")
GREEK = "alpha beta gamma delta epsilon theta lambda mu sigma phi omega pi rho tau psi xi eta".split()


def tex(text):
    text = re.sub(r"[^\x20-\x7e\u00a0-\u017f–—‘’“”]", "", text)
    return "".join(ESCAPES.get(c, c) for c in text)


class Latex:
    def __init__(self, rng, t):
        self.rng, self.t = rng, t
        self.kind = rng.choices(list(CLASSES), list(CLASSES.values()))[0]
        foreign = sorted(set(t.languages()) & set(LANGUAGES))
        self.language = rng.choice(foreign) if foreign and rng.random() < 0.15 and self.kind in ("article", "article2", "scrartcl", "report", "book", "scrreprt") else "en"
        self.labels, self.figures, self.tables, self.equations, self.sections = [], 0, 0, 0, 0
        self.two = self.kind in ("article2", "IEEEtran", "IEEEjournal", "acmsigconf", "revtex") or is_two_column(self.kind)
        self.algorithm_style = rng.choice(["algpseudocode", "algorithm2e", ""])
        # How much mathematics: none to speak of up to a paper of theorems.
        self.science = rng.choice([0.3, 0.6, 0.9, 1.3, 1.8, 2.5])
        self.roman_items = rng.random() < 0.5
        self.table_above = rng.random() < 0.6
        # Some authors write proofs and statements as lists of numbered parts.
        self.proof_lists = self.kind in STATEMENTS and rng.random() < 0.1
        # Some papers end with pages of pictures.
        self.gallery = rng.random() < 0.12

    # Mathematics

    def letter(self):
        r = self.rng
        return r.choice([r.choice("xyzabcdfghknmpqrstuvwABCDEFGHLMNPQRSTUVWX"), "\\" + r.choice(GREEK), r.choice(["\\mathbf{x}", "\\mathcal{L}", "\\mathbb{R}", "\\hat{y}", "\\tilde{f}", "\\bar{x}"])])

    def atom(self, depth=0):
        r, a = self.rng, self.letter()
        if r.random() < 0.4: a += "_{" + r.choice(["i", "j", "t", "0", "ij", "k+1", "n"]) + "}"
        if r.random() < 0.25: a += "^{" + r.choice(["2", "n", "T", "*", "-1", "(k)"]) + "}"
        if depth < 2 and r.random() < 0.2: a = r.choice(["\\frac{%s}{%s}", "%s \\left( %s \\right)", "\\sqrt{%s} %s", "\\| %s - %s \\|"]) % (self.expression(depth + 1, 2), self.expression(depth + 1, 2))
        return a

    def expression(self, depth=0, most=5):
        r = self.rng
        # What is wider than a column runs into the next one.
        if self.two: most = min(most, 2)
        out = self.atom(depth)
        for _ in range(r.randint(0, most)): out += r.choice([" + ", " - ", " ", " \\cdot ", " \\times ", ", "]) + self.atom(depth)
        if depth == 0 and r.random() < 0.4: out = r.choice(["\\sum_{i=1}^{n} ", "\\int_0^\\infty ", "\\max_{\\theta} ", "\\prod_{k} ", "\\lim_{n\\to\\infty} ", "\\nabla ", "\\mathbb{E} \\left[", "\\log "]) + out
        return out + (" \\right]" if "\\left[" in out else "")

    def relation(self): return self.expression() + self.rng.choice([" = ", " \\leq ", " \\approx ", " := ", " \\in "]) + self.expression()

    def equation(self):
        r = self.rng
        kind = r.choice(["equation", "equation", "equation", "equation*", "align", "align*", "displaymath", "displaymath", "gather", "cases", "matrix", "eqnarray", "split", "multline", "aside", "array", "aligned", "dollars", "named"])
        self.equations += 1
        label = f"\\label{{eq:{self.equations}}}" if "*" not in kind and kind not in ("displaymath", "dollars") and r.random() < 0.6 else ""
        if label: self.labels.append(f"\\eqref{{eq:{self.equations}}}" if self.kind != "beamer" else "")
        if kind in ("align", "align*"): body = " \\\\\n".join(self.expression() + " &= " + self.expression() for _ in range(r.randint(2, 4)))
        elif kind == "eqnarray": body = " \\\\\n".join(self.expression(0, 2) + " &=& " + self.expression() for _ in range(r.randint(1, 3)))
        elif kind == "gather": body = " \\\\\n".join(self.relation() for _ in range(2))
        elif kind == "cases": kind, body = "equation", self.letter() + " = \\begin{cases} %s & \\text{if } %s \\\\ %s & \\text{otherwise} \\end{cases}" % (self.expression(1, 2), self.relation(), self.expression(1, 2))
        elif kind == "matrix": kind, body = "equation", self.letter() + " = \\begin{pmatrix} " + " \\\\ ".join(" & ".join(self.atom(2) for _ in range(3)) for _ in range(r.randint(2, 3))) + " \\end{pmatrix}"
        elif kind == "split": kind, body = "equation", "\\begin{split}\n" + " \\\\\n".join(self.expression(0, 3) + r.choice([" &= ", " &\\leq "]) + self.relation() for _ in range(r.randint(2, 5))) + "\n\\end{split}"
        elif kind == "multline": body = self.relation() + " \\\\\n" + " \\\\\n".join(r.choice(["+ ", "- ", "\\leq "]) + self.relation() for _ in range(r.randint(1, 2)))
        elif kind == "aside": kind, body = "equation", self.relation() + r.choice([" \\qquad \\text{for all } ", " \\quad\\text{and}\\quad ", ", \\quad "]) + self.relation() + r.choice(["", ".", ","])
        elif kind == "array": kind, body = "equation", self.letter() + " = \\left( \\begin{array}{%s} " % "ccc" + " \\\\ ".join(" & ".join(self.atom(1) for _ in range(3)) for _ in range(r.randint(2, 4))) + " \\end{array} \\right)"
        elif kind == "aligned": kind, body = "equation", "\\begin{aligned}\n" + " \\\\\n".join(self.expression(0, 2) + " &= " + self.expression() + (" && " + self.letter() if r.random() < 0.3 else "") for _ in range(r.randint(2, 4))) + "\n\\end{aligned}"
        elif kind == "dollars": return "$$" + self.relation() + r.choice(["", ".", ",", "\\eqno(*)"]) + "$$"
        elif kind == "named": kind, body = "equation", "\\mathrm{%s}(%s) = " % (re.sub(r"[^A-Za-z]", "", self.t.word(r)) or "Loss", self.letter()) + "\\mathrm{%s}" % r.choice(["softmax", "Concat", "Attention", "sign", "rank", "Var"]) + " \\left( " + self.expression() + " \\right)" + self.letter()
        elif kind == "displaymath": return "\\[ " + self.relation() + " \\]"
        else: body = self.relation()
        return f"\\begin{{{kind}}}{label}\n{body}\n\\end{{{kind}}}"

    # Text

    def words(self, short=False): return tex(self.t.paragraph(self.rng, self.language, short=short))

    def paragraph(self, short=False):
        r = self.rng
        parts = self.words(short).split(" ")
        if r.random() < self.science * 0.6:
            most = max(2, int(len(parts) * 0.06 * self.science))
            for _ in range(r.randint(1, most)): parts.insert(r.randrange(len(parts) + 1), self.inline())
        if self.labels and r.random() < 0.4: parts.insert(r.randrange(len(parts) + 1), r.choice(self.labels))
        if r.random() < 0.3: parts.insert(r.randrange(len(parts) + 1), "\\cite{r%d}" % r.randint(1, 8) if self.has_references else "\\emph{" + tex(self.t.word(r)) + "}")
        if r.random() < 0.08 and self.kind != "beamer": parts.insert(r.randrange(1, len(parts) + 1), "\\footnote{" + tex(self.t.sentence(r, self.language)) + "}")
        if r.random() < 0.1: parts.insert(0, "\\textbf{" + tex(self.t.heading(r, self.language)) + ".}")
        return " ".join(parts)

    def inline(self):
        r = self.rng
        return r.choice(["$%s$", "$%s$", "$%s$", "$%s$,", "($%s$)", "where $%s$ is", "for any $%s$", "$%s$-"]) % r.choice([self.atom(), self.atom(), self.letter(), self.relation()])

    def argument(self):
        """A paragraph that displays interrupt, as derivations are written."""
        r = self.rng
        out = self.paragraph(True)
        for _ in range(r.randint(1, 3)):
            lead = r.choice(["so that", "we have", "which gives", "is defined by", "we get, in analogy to the above,", "satisfies the following:", "Then"])
            out += f" {lead}\n{self.equation()}\n"
            if r.random() < 0.8: out += r.choice(["where ", "with ", "for all ", "Hence ", "and ", "is "]) + self.inline() + " " + self.paragraph(True)
        return out

    def items(self, depth=0):
        r = self.rng
        kind = r.choice(["itemize", "itemize", "enumerate", "description"])
        out = []
        for _ in range(r.randint(2, 6)):
            lead = f"\\item[{tex(self.t.word(r))}] " if kind == "description" else "\\item "
            body = self.argument() if self.science > 1.5 and r.random() < 0.25 and self.kind != "beamer" else self.paragraph(True) if r.random() < 0.7 else tex(self.t.heading(r, self.language))
            out.append(lead + body)
            if r.random() < 0.08 and self.kind != "beamer": out.append("\n" + self.paragraph(True))
            if depth == 0 and r.random() < 0.08: out.append(self.items(1))
        numbers = "\\renewcommand{\\labelenumi}{(\\%s{enumi})}\n" % r.choice(["roman", "alph", "arabic"]) if kind == "enumerate" and depth == 0 and self.roman_items and self.kind != "beamer" else ""
        return f"\\begin{{{kind}}}{numbers}\n" + "\n".join(out) + f"\n\\end{{{kind}}}"

    def parts(self, depth=0):
        """A list of numbered parts, each with paragraphs and displays, as long proofs are written."""
        r = self.rng
        counter = "parti" if depth == 0 else "partii"
        label = r.choice(["(\\roman{%s})", "(\\alph{%s})", "\\arabic{%s}.", "\\textit{Step \\arabic{%s}.}", "Part (\\Roman{%s}):", "(\\arabic{%s})"]) % counter
        margin = r.choice(["\\setlength{\\leftmargin}{2em}", "\\setlength{\\leftmargin}{0pt}\\setlength{\\itemindent}{2.5em}", "\\setlength{\\leftmargin}{3em}\\setlength{\\listparindent}{1em}", ""])
        out = []
        for _ in range(r.randint(2, 5)):
            item = [r.choice([self.argument, self.argument, self.paragraph])() for _ in range(r.choice([1, 1, 2, 3]))]
            if depth == 0 and r.random() < 0.1: item.append(self.parts(1))
            out.append("\\item " + "\n\n".join(item))
        return f"\\begin{{list}}{{{label}}}{{\\usecounter{{{counter}}}{margin}}}\n" + "\n".join(out) + "\n\\end{list}"

    def code(self):
        r = self.rng
        lines = self.t.code_lines(r, r.randint(3, 14)) if r.random() < 0.7 else self.t.shell_lines(r, r.randint(2, 5))
        lines = [re.sub(r"[^\x20-\x7e]", "", l)[: 42 if self.two else 70] for l in lines]
        if any("end{" in l for l in lines): lines = ["x = 1"]
        if r.random() < 0.5 or self.kind == "beamer": return "\\begin{verbatim}\n" + "\n".join(lines) + "\n\\end{verbatim}"
        caption = f"[caption={{{tex(self.t.heading(r))}}}]" if r.random() < 0.4 else ""
        return f"\\begin{{lstlisting}}{caption}\n" + "\n".join(lines) + "\n\\end{lstlisting}"

    def algorithm(self):
        r = self.rng
        if not self.algorithm_style: return self.equation()
        title = tex(self.t.heading(r))
        if self.algorithm_style == "algorithm2e":
            body = ["\\KwIn{$%s$}" % self.atom(), "\\KwOut{$%s$}" % self.atom()]
            for _ in range(r.randint(2, 5)): body.append(r.choice(["$%s$\\;" % self.relation(), "\\For{$%s$}{$%s$\\;}" % (self.relation(), self.relation()), "\\If{$%s$}{$%s$\\;}" % (self.relation(), self.relation()), "\\While{$%s$}{%s\\;}" % (self.relation(), tex(self.t.heading(r)))]))
            return f"\\begin{{algorithm}}[{r.choice(['t', 'h', 'tb'])}]\n\\caption{{{title}}}\n" + "\n".join(body) + "\n\\end{algorithm}"
        body = ["\\Require $%s$" % self.atom()]
        for _ in range(r.randint(2, 5)): body.append(r.choice(["\\State $%s$" % self.relation(), "\\For{$%s$}\n\\State $%s$\n\\EndFor" % (self.relation(), self.relation()), "\\If{$%s$}\n\\State %s\n\\EndIf" % (self.relation(), tex(self.t.heading(r)))]))
        body.append("\\State \\Return $%s$" % self.atom())
        return f"\\begin{{algorithm}}[{r.choice(['t', 'h', 'tb'])}]\n\\caption{{{title}}}\n\\begin{{algorithmic}}[{r.choice([0, 1])}]\n" + "\n".join(body) + "\n\\end{algorithmic}\n\\end{algorithm}"

    def tabular(self):
        r = self.rng
        n = r.randint(2, 4 if self.two else 6)
        style = r.choice(["booktabs", "hline", "grid", "plain"])
        rules = {"booktabs": ("\\toprule", "\\midrule", "\\bottomrule"), "hline": ("\\hline",) * 3, "grid": ("\\hline",) * 3, "plain": ("", "\\hline", "")}[style]
        columns = ("|" + "|".join(r.choice("lcr") for _ in range(n)) + "|") if style == "grid" else "l" + "".join(r.choice("ccr") for _ in range(n - 1))
        cell = lambda k: tex(self.t.word(r, self.language)) if k == 0 or r.random() < 0.15 else r.choice([f"{r.uniform(0, 100):.2f}", f"{r.randint(0, 999)}", f"${r.uniform(0, 9):.1f} \\pm {r.uniform(0, 1):.1f}$", "--"])
        if r.random() < 0.15:
            # Cells with sentences.
            n = r.randint(2, 3)
            columns = ("|" if style == "grid" else "") + ("|" if style == "grid" else "").join("p{%.2f\\linewidth}" % (0.85 / n) for _ in range(n)) + ("|" if style == "grid" else "")
            cell = lambda k: tex(self.t.heading(r, self.language)) if k == 0 else tex(self.t.sentence(r, self.language))
        size = r.choice(["", "", "\\small", "\\footnotesize", "\\scriptsize"])
        rows = [" & ".join(tex(self.t.heading(r, self.language)[:14]) for _ in range(n)) + " \\\\ " + rules[1]] + [" & ".join(cell(k) for k in range(n)) + " \\\\" + (" \\hline" if style == "grid" else "") for _ in range(r.randint(2, 9))]
        if r.random() < 0.3 and n > 2:
            # Groups of columns and of rows.
            rows.insert(0, f"& \\multicolumn{{{n - 1}}}{{c{'|' if style == 'grid' else ''}}}{{{tex(self.t.heading(r))[:20]}}} \\\\" + ("\\hline" if style == "grid" else f"\\cline{{2-{n}}}"))
            if len(rows) > 5: rows.insert(4, f"\\multicolumn{{{n}}}{{l}}{{\\textit{{{tex(self.t.heading(r))[:24]}}}}} \\\\" + (rules[1] if r.random() < 0.5 else ""))
        return f"{{{size}\\begin{{tabular}}{{{columns}}}\n{rules[0]}\n" + "\n".join(rows) + f"\n{rules[2] if style != 'grid' else ''}\n\\end{{tabular}}}}"

    def picture(self, width=None):
        r = self.rng
        wide = r.uniform(3, 7)
        kind = r.choice(["plot", "boxes", "image", "image", "axes", "bars", "blocks"])
        if kind == "image": return f"\\includegraphics[width={width or r.uniform(0.4, 0.95):.2f}\\linewidth]{{{r.choice(['example-image-a', 'example-image-b', 'example-image', 'example-image-16x9', 'example-grid-100x100pt'])}}}"
        out = []
        if kind == "plot":
            out.append(f"\\draw[->] (0,0) -- ({wide:.1f},0) node[right] {{$x$}}; \\draw[->] (0,0) -- (0,3) node[above] {{$y$}};")
            for i in range(int(wide)): out.append(f"\\node[below,font=\\tiny] at ({i},0) {{{i * 10}}};")
            for _ in range(r.randint(1, 3)): out.append(f"\\draw[{r.choice(['red', 'blue', 'black', 'green!60!black'])},thick] plot[domain=0:{wide:.1f},samples=30] (\\x,{{1.4+{r.uniform(0.3, 1.2):.2f}*sin({r.randint(20, 120)}*\\x)}});")
        elif kind in ("axes", "bars"):
            # A plot with numbers on its axes, names and a legend.
            high = wide * r.choice([0.4, 0.6, 0.8])
            out.append(f"\\draw (0,0) rectangle ({wide:.1f},{high:.1f});")
            for i in range(1, 6): out.append(f"\\node[below,font=\\{r.choice(['tiny', 'scriptsize'])}] at ({wide * i / 6:.2f},0) {{{r.choice([i, i * 20, round(i * 0.2, 1)])}}};\\node[left,font=\\tiny] at (0,{high * i / 6:.2f}) {{{round(i * r.uniform(0.9, 1.1), 2)}}};")
            if r.random() < 0.6: out.append(f"\\node[font=\\scriptsize] at ({wide / 2:.1f},-0.7) {{{tex(self.t.heading(r))[:28]}}};\\node[rotate=90,font=\\scriptsize] at (-0.9,{high / 2:.1f}) {{{tex(self.t.word(r))}}};")
            for k in range(r.randint(1, 4)):
                color = r.choice(["red", "blue", "black", "teal", "orange"])
                if kind == "bars": out.append(" ".join(f"\\fill[{color}!70] ({wide * (i + 0.2 * k) / 7:.2f},0) rectangle ({wide * (i + 0.2 * k + 0.18) / 7:.2f},{r.uniform(0.1, 0.9) * high:.2f});" for i in range(1, 6)))
                else: out.append(f"\\draw[{color}] " + " -- ".join(f"({wide * i / 12:.2f},{r.uniform(0.1, 0.9) * high:.2f})" for i in range(13)) + ";")
                if r.random() < 0.7: out.append(f"\\node[right,font=\\tiny] at ({wide * 0.6:.2f},{high - 0.25 - 0.25 * k:.2f}) {{{tex(self.t.word(r))}}};\\draw[{color}] ({wide * 0.5:.2f},{high - 0.25 - 0.25 * k:.2f}) -- ({wide * 0.58:.2f},{high - 0.25 - 0.25 * k:.2f});")
        elif kind == "blocks":
            # A drawing of an architecture: names in boxes, arrows, formulas beside them.
            for i in range(r.randint(4, 10)):
                x, y = (i % 3) * 2.6, -(i // 3) * 1.2
                out.append(f"\\node[draw,{r.choice(['rounded corners', 'fill=blue!10', 'fill=orange!20', 'circle', 'thick'])},font=\\{r.choice(['scriptsize', 'small', 'tiny'])}] (b{i}) at ({x:.1f},{y:.1f}) {{{r.choice([tex(self.t.word(r)), tex(self.t.heading(r))[:14], '$' + self.letter() + '$'])}}};")
                if i: out.append(f"\\draw[->{r.choice(['', ',dashed'])}] (b{i - 1}) -- (b{i});")
        else:
            for i in range(r.randint(2, 5)): out.append(f"\\node[draw,font=\\small] (n{i}) at ({(i % 3) * 2.2:.1f},{-(i // 3) * 1.3:.1f}) {{{tex(self.t.word(r))}}};" + (f"\\draw[->] (n{i - 1}) -- (n{i});" if i else ""))
        return "\\begin{tikzpicture}\n" + "\n".join(out) + "\n\\end{tikzpicture}"

    def float(self):
        r = self.rng
        star = "*" if self.two and r.random() < 0.15 else ""
        caption = tex(self.t.paragraph(r, self.language, short=True))[: r.choice([60, 150, 400])].rstrip("\\")
        caption = re.sub(r"\\[a-z]*\{?\}?$", "", caption)
        if r.random() < 0.55:
            self.figures += 1
            self.labels.append(f"Figure~\\ref{{fig:{self.figures}}}")
            drawn = self.picture()
            if r.random() < 0.15:
                # Pictures side by side or in rows, each with its letter or without.
                rows, columns = r.choice([(1, 2), (1, 3), (2, 2), (2, 3), (3, 2)])
                named = r.random() < 0.6
                cell = lambda: "\\begin{minipage}{%.2f\\linewidth}\\centering\\resizebox{0.95\\linewidth}{!}{%s}%s\\end{minipage}" % (0.96 / columns, self.picture(0.9), "\\\\{\\small (%s) %s}" % (r.choice("abcdef"), tex(self.t.word(r))) if named else "")
                drawn = "\\\\[4pt]\n".join("\\hfill\n".join(cell() for _ in range(columns)) for _ in range(rows))
            elif r.random() < 0.2: drawn = r.choice(["\\hfill\n", "\\hspace{1em}", "\n\n\\medskip\n"]).join("\\resizebox{0.4\\linewidth}{!}{" + self.picture(0.9) + "}" for _ in range(2))
            return f"\\begin{{figure{star}}}[{r.choice(['t', 'h', 'tbp', 'b'])}]\n\\centering\n{drawn}\n\\caption{{{caption}}}\\label{{fig:{self.figures}}}\n\\end{{figure{star}}}"
        self.tables += 1
        self.labels.append(f"Table~\\ref{{tab:{self.tables}}}")
        head = f"\\caption{{{caption}}}\\label{{tab:{self.tables}}}\n"
        return f"\\begin{{table{star}}}[{r.choice(['t', 'h', 'tbp'])}]\n\\centering\n{head if self.table_above else ''}{self.tabular()}\n{'' if self.table_above else head}\\end{{table{star}}}"

    def theorem(self):
        if self.kind not in STATEMENTS: return self.argument()
        r = self.rng
        name = r.choice(["theorem", "lemma", "definition"])
        what = r.choices([lambda: self.paragraph(True), self.argument, lambda: self.paragraph(True) + "\n" + self.items(1), self.parts], [3, 3, 1, 2 * self.proof_lists])[0]
        proof = r.choices([self.argument, lambda: self.paragraph(True), self.parts], [1, 1, 2 * self.proof_lists])[0]
        title = "[" + tex(self.t.heading(r))[:40].replace("]", "") + "]" if r.random() < 0.2 else ""
        return f"\\begin{{{name}}}{title}\n{what()}\n\\end{{{name}}}" + ("\n\\begin{proof}\n" + proof() + "\n\\end{proof}" if r.random() < 0.5 and self.kind != "llncs" else "")

    def block(self):
        r = self.rng
        kind = r.choices(["paragraph", "equation", "argument", "items", "float", "code", "algorithm", "theorem"], [10, 1.5 * self.science, 3 * self.science, 1, 1.7, 0.5, 0.5, 1.5 * self.science])[0]
        return getattr(self, kind)()

    def section(self, command):
        self.sections += 1
        self.labels.append(f"Section~\\ref{{sec:{self.sections}}}")
        star = "*" if self.rng.random() < 0.04 else ""
        return f"\\{command}{star}{{{tex(self.t.heading(self.rng, self.language))}}}" + ("" if star else f"\\label{{sec:{self.sections}}}")

    def body(self):
        r, out = self.rng, []
        levels = ["chapter", "section", "subsection", "subsubsection"] if self.kind in ("report", "book", "memoir", "scrreprt") else ["section", "subsection", "subsubsection", "paragraph"]
        for _ in range(r.randint(1, 3) if levels[0] == "chapter" else r.randint(2, 7)):
            out.append(self.section(levels[0]))
            for _ in range(r.randint(0 if levels[0] == "chapter" else 1, 6)): out.append(self.block())
            for _ in range(r.choice([0, 0, 1, 2])):
                out.append(self.section(levels[1]))
                for _ in range(r.randint(1, 4)): out.append(self.block())
                if r.random() < 0.25:
                    out += [self.section(levels[2]), self.paragraph(), self.block()]
                    if r.random() < 0.3: out += [f"\\{levels[3]}{{{tex(self.t.heading(r, self.language))}}} {self.paragraph()}"]
        return out

    def frames(self):
        r, out = self.rng, []
        for _ in range(r.randint(4, 9)):
            content = [r.choice([self.items, self.items, self.equation, lambda: self.paragraph(True), self.tabular, self.picture])() for _ in range(r.randint(1, 2))]
            out.append(f"\\begin{{frame}}\n\\frametitle{{{tex(self.t.heading(r))[:50]}}}\n" + "\n\n".join(content) + "\n\\end{frame}")
        return out

    def references(self):
        r = self.rng
        items = [f"\\bibitem{{r{i}}} {tex(self.t.name(r))} and {tex(self.t.name(r))}. {tex(self.t.title(r))}. \\emph{{{r.choice(['J.', 'Proc.', 'Trans.'])} {tex(self.t.heading(r))}}}, {r.randint(1, 90)}:{r.randint(1, 500)}--{r.randint(501, 999)}, {r.randint(1985, 2025)}." for i in range(1, r.randint(9, 25))]
        return "\\begin{thebibliography}{99}\n" + "\n".join(items) + "\n\\end{thebibliography}"

    def document(self):
        r = self.rng
        self.has_references = self.kind != "beamer"
        size = r.choice(["10pt", "11pt", "12pt"])
        paper = r.choice(["a4paper", "letterpaper"])
        title, author = tex(self.t.title(r, self.language)), tex(self.t.name(r))
        abstract = tex(self.t.paragraph(r, self.language) + " " + self.t.paragraph(r, self.language))
        head = {
            "article": f"\\documentclass[{size},{paper}]{{article}}", "article2": f"\\documentclass[{r.choice(['10pt', '11pt'])},twocolumn,{paper}]{{article}}",
            "IEEEtran": "\\documentclass[conference]{IEEEtran}", "IEEEjournal": "\\documentclass[journal]{IEEEtran}",
            "acmsigconf": "\\documentclass[sigconf,nonacm]{acmart}", "acmsmall": "\\documentclass[acmsmall,nonacm]{acmart}",
            "revtex": f"\\documentclass[{r.choice(['prl', 'prd', 'aps'])},twocolumn]{{revtex4-2}}", "revtex1": "\\documentclass[preprint,aps]{revtex4-2}",
            "amsart": f"\\documentclass[{size}]{{amsart}}", "llncs": "\\documentclass{llncs}", "elsarticle": f"\\documentclass[{r.choice(['preprint', '3p', '5p'])}]{{elsarticle}}",
            "scrartcl": f"\\documentclass[{size},{paper}]{{scrartcl}}", "report": f"\\documentclass[{size}]{{report}}", "book": f"\\documentclass[{size},openany]{{book}}",
            "beamer": f"\\documentclass{{beamer}}\\usetheme{{{r.choice(['default', 'Madrid', 'Boadilla', 'Singapore', 'Copenhagen', 'Pittsburgh'])}}}", "memoir": f"\\documentclass[{size},openany]{{memoir}}",
            "scrreprt": f"\\documentclass[{size}]{{scrreprt}}", "conference": f"\\documentclass[{r.choice(['', 'twocolumn,'])}10pt]{{article}}"}.get(self.kind)
        journal = front_matter(self, title, author, abstract) if head is None or self.kind == "conference" else None
        if journal: head = journal.head or head
        if self.kind == "conference": self.two = "twocolumn" in head
        out = [head, "\\usepackage[utf8]{inputenc}"]
        acm = self.kind.startswith("acm")
        if journal: out += journal.packages
        elif self.kind not in ("beamer",) and not acm and not self.kind.startswith(("IEEE", "llncs")):
            # Without a font of its own a document stays with Computer Modern in its old encoding.
            font = r.choice(FONTS)
            if font: out.append("\\usepackage[T1]{fontenc}" + font)
            # Papers made without outline fonts for the T1 encoding have nameless bitmap fonts.
            elif r.random() < 0.3: out.append("\\usepackage[T1]{fontenc}\\pdfmapfile{cm.map}\\pdfmapfile{+symbols.map}\\pdfmapfile{+euler.map}")
        if self.language != "en": out.append(f"\\usepackage[{LANGUAGES[self.language]}]{{babel}}")
        out.append(("" if journal and journal.has_mathematics else "\\usepackage{amsmath}" + ("" if acm else "\\usepackage{amssymb}")) + "\\usepackage{graphicx}\\usepackage{booktabs}\\usepackage{listings}")
        out.append("\\lstset{basicstyle=\\ttfamily\\%s,breaklines=true%s}" % (r.choice(["small", "footnotesize", "scriptsize"]), r.choice(["", ",frame=single", ",numbers=left"])))
        if self.kind in ("beamer", "jmlr", "aastex") or self.kind.startswith("revtex"): self.algorithm_style = ""
        if self.algorithm_style == "algpseudocode": out.append("\\usepackage{algorithm}\\usepackage{algpseudocode}")
        if self.algorithm_style == "algorithm2e": out.append("\\usepackage[%sruled,linesnumbered]{algorithm2e}" % ("" if self.kind != "llncs" else ""))
        if self.kind in ("article", "article2") and r.random() < 0.5: out.append(f"\\usepackage[margin={r.choice(['2cm', '2.5cm', '1in', '3cm'])}]{{geometry}}")
        if self.kind in STATEMENTS and self.kind != "llncs":
            out.append(("" if self.kind == "amsart" or journal and journal.has_theorems else "\\let\\proof\\relax\\let\\endproof\\relax\\let\\openbox\\relax\\usepackage{amsthm}") + "\\newtheorem{theorem}{Theorem}\\newtheorem{lemma}{Lemma}\\newtheorem{definition}{Definition}")
        plain = self.kind in ("article", "article2", "report", "book")
        if plain and r.random() < 0.3: out.append("\\usepackage[%s]{caption}" % r.choice(["font=small,labelfont=bf", "labelsep=period", "font=footnotesize,labelfont=sc", "font={small,it},width=.9\\linewidth", "labelfont=bf,justification=raggedright,singlelinecheck=false"]))
        if plain and r.random() < 0.3: out.append("\\usepackage[%s]{titlesec}" % r.choice(["sf,bf", "sc,center", "rm,md,small", "bf,raggedright,medium", "it,center,small", "sf,sc,tiny", "bf,center,tiny,compact"]))
        if plain and r.random() < 0.1: out.append("\\usepackage{lineno}\\linenumbers" if r.random() < 0.3 else "\\raggedbottom\\sloppy")
        if self.kind in ("report", "book") and r.random() < 0.4: out.append("\\usepackage{fancyhdr}\\pagestyle{fancy}\\fancyhf{}\\fancyhead[%s]{%s\\leftmark}\\fancyhead[%s]{\\thepage}" % r.choice([("L", "\\bfseries ", "R"), ("R", "\\small ", "L"), ("C", "", "R")]))
        elif r.random() < 0.4 and self.kind in ("article", "report", "scrartcl"): out.append("\\usepackage{fancyhdr}\\pagestyle{fancy}" if self.kind != "scrartcl" else "\\pagestyle{headings}")
        if self.proof_lists: out.append("\\newcounter{parti}\\newcounter{partii}")
        if r.random() < 0.3 and not acm and not journal and self.kind not in ("beamer", "llncs"): out.append("\\usepackage{hyperref}")
        if r.random() < 0.15 and self.kind in ("article", "report", "scrartcl"): out.append("\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{%dpt}" % r.choice([4, 6, 8]))
        if r.random() < 0.1 and self.kind == "article": out.append("\\linespread{%.1f}" % r.choice([1.3, 1.5, 1.6]))
        top = [f"\\title{{{title}}}"]
        if self.kind in ("IEEEtran", "IEEEjournal"): top.append(f"\\author{{\\IEEEauthorblockN{{{author}}}\\IEEEauthorblockA{{University of {tex(self.t.word(r))}\\\\ name@example.org}}}}")
        elif acm: top.append(f"\\author{{{author}}}\\affiliation{{\\institution{{University of {tex(self.t.word(r))}}}\\city{{Town}}\\country{{Country}}}}")
        elif self.kind.startswith("revtex"): top.append(f"\\author{{{author}}}\\affiliation{{Department of Physics, University of {tex(self.t.word(r))}}}")
        elif self.kind == "llncs": top.append(f"\\author{{{author}}}\\institute{{University of {tex(self.t.word(r))}}}")
        elif self.kind == "amsart": top.append(f"\\author{{{author}}}\\address{{University of {tex(self.t.word(r))}}}")
        elif self.kind == "elsarticle": top = [f"\\begin{{frontmatter}}\\title{{{title}}}\\author{{{author}}}"]
        else: top.append(f"\\author{{{author}" + (f" \\and {tex(self.t.name(r))}" if r.random() < 0.5 else "") + "}" + r.choice(["", "\\date{}", "\\date{March 2024}"]))
        if self.kind in ("article", "article2", "scrartcl") and r.random() < 0.5:
            # Papers have more authors, with addresses, marks and notes.
            count = r.randint(2, 6)
            names = [tex(self.t.name(r)) for _ in range(count)]
            place = lambda: f"Department of {tex(self.t.heading(r))[:24]}, University of {tex(self.t.word(r))}"
            style = r.choice(["and", "marks", "line", "thanks"])
            if style == "and": authors = " \\and ".join(f"{n}\\\\ {place()}\\\\ \\texttt{{name@example.org}}" for n in names[:4])
            elif style == "marks": authors = ", ".join(f"{n}$^{{{k % 3 + 1}}}$" for k, n in enumerate(names)) + " \\\\ " + " \\\\ ".join(f"\\small $^{k + 1}${place()}" for k in range(min(3, count)))
            elif style == "line": authors = ", ".join(names) + f"\\\\ \\textit{{{place()}}}"
            else: authors = names[0] + f"\\thanks{{{place()}. Email: name@example.org}} \\and " + names[1]
            top[-1] = f"\\author{{{authors}}}" + r.choice(["", "\\date{}", "\\date{Version of \\today}"])
        make = "\\maketitle"
        summary = f"\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}"
        if self.kind in ("report", "book", "memoir", "scrreprt"): summary = "\\tableofcontents" if r.random() < 0.6 else ""
        if journal: order, rest = journal.order, self.body()
        elif self.kind == "beamer": order, rest = top + ["\\begin{document}", "\\begin{frame}\\titlepage\\end{frame}"], self.frames()
        elif self.kind == "elsarticle": order, rest = ["\\begin{document}"] + top + [summary, "\\end{frontmatter}"], self.body()
        elif acm or self.kind == "amsart" or self.kind.startswith("revtex"): order, rest = ["\\begin{document}"] + top + [summary, make], self.body()
        else: order, rest = top + ["\\begin{document}", make, summary if r.random() < 0.9 else ""], self.body()
        if self.gallery and self.kind != "beamer":
            # Pictures under each other, most of them without words.
            rest += [self.section("chapter" if self.kind in ("report", "book", "memoir", "scrreprt") else "section")]
            for _ in range(r.randint(2, 6)):
                drawn = self.picture()
                rest.append(f"\\begin{{figure}}[{r.choice(['h', 'tbp'])}]\n\\centering\n{drawn}\n" + (f"\\caption{{{tex(self.t.heading(r))}}}\n" if r.random() < 0.6 else "") + "\\end{figure}" if r.random() < 0.7 else f"\\begin{{center}}\n{drawn}\n\\end{{center}}")
        if self.has_references:
            if r.random() < 0.2: rest += ["\\appendix", self.section("chapter" if self.kind in ("report", "book", "memoir", "scrreprt") else "section"), self.paragraph(), self.block()]
            rest.append(self.references())
        if any("tikzpicture" in part for part in rest) and self.kind != "beamer": out.append("\\usepackage{tikz}")
        return "\n".join(out + order) + "\n\n" + "\n\n".join(rest) + "\n\\end{document}\n"
