"""Blocks of HTML with their class: `data-c` is the class's number in DocGenome's list, `data-l` a heading's level."""
import html, math

ALGORITHM, CAPTION, EQUATION, FIGURE, FOOTNOTE, LIST, OTHERS, TABLE, TEXT, TEXT_EQ, TITLE, REFERENCE, PAPER_TITLE, CODE, ABSTRACT = range(15)
E_ = html.escape
BULLETS = ["disc", "square", "circle", "'– '", "'• '", "'▪ '", "'➢ '", "'* '", "'✓ '"]
NUMBERS = ["decimal", "lower-alpha", "lower-roman", "upper-alpha"]
MATH = "αβγδεθλμσφω∑∫∂∇≤≥≈∈∞√×±→"


def tag(name, category, content, attributes="", **data):
    extra = "".join(f' data-{k}="{v}"' for k, v in data.items())
    return f'<{name} data-c="{category}"{extra} {attributes}>{content}</{name}>'


def inline(rng, text, rich=True):
    """Escaped text with some words in other styles."""
    words = []
    for word in text.split(" "):
        word = E_(word)
        if rich and rng.random() < 0.02:
            style = rng.choice(["b", "i", "code", "a", "em", "code", "sup"])
            word = f'<a href="https://example.org/{len(words)}">{word}</a>' if style == "a" else f"<{style}>{word}</{style}>" if style != "sup" else word + f"<sup>{rng.randint(1, 30)}</sup>"
        words.append(word)
    return " ".join(words)


def formula(rng):
    """A piece of mathematics in one line."""
    letters = "xyzabcfghknmpqrstuvw" + MATH[:11]
    def atom():
        a = f"<i>{rng.choice(letters)}</i>"
        if rng.random() < 0.45: a += f"<sub>{rng.choice('ijkn01t')}</sub>"
        if rng.random() < 0.25: a += f"<sup>{rng.choice('2nTk−')}</sup>"
        if rng.random() < 0.15: a += f"({rng.choice(letters)})"
        return a
    parts = [atom()]
    for _ in range(rng.randint(1, 6)):
        parts += [rng.choice(["+", "−", "·", "=", "≤", "∈", "/", "→", "≈"]), atom()]
    if rng.random() < 0.4: parts.insert(0, rng.choice(["∑", "∫", "max", "min", "log", "∂", "E"]))
    parts.insert(rng.randint(1, len(parts)), "=")
    return " ".join(parts)


class Blocks:
    """Makes blocks of one document; `t` is its text source and `s` its style choices."""

    def __init__(self, rng, t, style):
        self.rng, self.t, self.s = rng, t, style
        self.language, self.plain = style["language"], style["plain"]
        self.figures = self.tables = self.equations = self.listings = 0

    def words(self, **k): return self.t.paragraph(self.rng, self.language, self.plain, **k)

    def paragraph(self, short=False):
        text = inline(self.rng, self.words(short=short), self.s["rich"])
        if self.s["science"] and self.rng.random() < 0.35:
            parts = text.split(" ")
            for _ in range(self.rng.randint(1, 4)):
                parts.insert(self.rng.randrange(len(parts)), formula(self.rng) if self.rng.random() < 0.5 else f"<i>{self.rng.choice('xyzkn' + MATH[:10])}</i>")
            return tag("p", TEXT_EQ, " ".join(parts))
        if self.s["footnotes"] and self.rng.random() < 0.12:
            text += tag("span", FOOTNOTE, inline(self.rng, self.words(short=True)), 'class="fn"')
        return tag("p", TEXT, text)

    def heading(self, level, text=None, name=None):
        text = text or self.t.heading(self.rng, self.language)
        if self.s["heading_case"] == "upper" and level <= self.s["upper_to"]: text = text.upper()
        return tag(name or f"h{level + self.s['shift']}", TITLE, E_(self.number(level) + text), f'class="t{level}"', l=level)

    counters = None

    def number(self, level):
        if not self.s["numbered"] or level > self.s["number_depth"]: return ""
        if self.counters is None: self.counters = [0] * 8
        self.counters[level] += 1
        for deeper in range(level + 1, 8): self.counters[deeper] = 0
        numbers = [str(self.counters[k]) for k in range(1, level + 1)]
        style = self.s["number_style"]
        if style == "roman" and level == 1: return ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"][min(12, self.counters[1])] + ". "
        if style == "letter": numbers[0] = chr(64 + min(26, self.counters[1]))
        if style == "word" and level == 1: return self.s["chapter_word"] + " " + numbers[0] + self.rng.choice([": ", ". ", " – ", " "])
        return ".".join(numbers) + (". " if style == "dotted" or level == 1 and style == "dot1" else " ")

    def items(self, depth=0):
        rng = self.rng
        ordered = rng.random() < 0.35
        kind = rng.choice(NUMBERS) if ordered else rng.choice(BULLETS)
        long = rng.random() < 0.4
        out = []
        for _ in range(rng.randint(2, 7)):
            text = self.words(short=True) if long else self.t.heading(rng, self.language) if rng.random() < 0.5 else self.t.sentence(rng, self.language, self.plain)
            lead = f"<b>{E_(self.t.heading(rng, self.language))}</b>: " if rng.random() < 0.1 else ""
            body = lead + inline(rng, text, self.s["rich"])
            inner = ""
            if depth < 2 and rng.random() < 0.12: inner = self.items(depth + 1)
            if rng.random() < 0.06: inner += self.paragraph(True)
            out.append(f'<li>{tag("div", LIST, body)}{inner}</li>' if self.s["loose_items"] else tag("li", LIST, body + inner))
        name = "ol" if ordered else "ul"
        return f'<{name} style="list-style-type:{E_(kind)}">' + "".join(out) + f"</{name}>"

    def definitions(self):
        rng = self.rng
        out = []
        for _ in range(rng.randint(2, 5)):
            term = rng.choice([f"<code>--{self.t.word(rng).lower()}</code>", f"<code>{self.t.word(rng).lower()}({self.t.word(rng).lower()})</code>", f"<b>{E_(self.t.heading(rng, self.language))}</b>"])
            out.append(tag("dt", TEXT, term) + "<dd>" + "".join(self.paragraph(True) for _ in range(rng.choice([1, 1, 1, 2]))) + "</dd>")
        return f"<dl>{''.join(out)}</dl>"

    def code(self):
        rng = self.rng
        lines = self.t.code_lines(rng, rng.randint(1, 16)) if rng.random() < 0.6 else self.t.shell_lines(rng, rng.randint(1, 4))
        return tag("pre", CODE, E_("\n".join(l[: self.s["code_width"]] for l in lines)))

    def cell(self, kind):
        rng = self.rng
        if kind == "number": return rng.choice([f"{rng.uniform(0, 100):.{rng.randint(0, 3)}f}", f"{rng.randint(1, 9999):,}", f"{rng.uniform(0, 100):.1f}%", f"${rng.randint(1, 5000)}.{rng.randint(0, 99):02d}", "–"])
        if kind == "date": return f"{rng.randint(2001, 2026)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        if kind == "text": return E_(self.words(short=True)[: rng.choice([40, 90, 160])])
        return E_(" ".join(self.t.word(rng, self.language) for _ in range(rng.randint(1, 3))))

    def table(self, rows=None, columns=None):
        rng = self.rng
        columns = columns or rng.randint(2, {1: 7, 2: 4}.get(self.s["columns"], 2))
        rows = rows or rng.randint(2, 12)
        kinds = [rng.choice(["word", "number", "number", "date", "text" if columns < 4 and rng.random() < 0.5 else "word"]) for _ in range(columns)]
        kinds[0] = rng.choice(["word", "word", kinds[0]])
        header = "<thead><tr>" + "".join(f"<th>{E_(self.t.heading(rng, self.language)[:22])}</th>" for _ in range(columns)) + "</tr></thead>" if rng.random() < 0.85 else ""
        body = "".join("<tr>" + "".join(f'<td class="{k}">{self.cell(k)}</td>' for k in kinds) + "</tr>" for _ in range(rows))
        style = rng.choice(["grid", "rules", "booktabs", "plain", "striped", "header"])
        return tag("table", TABLE, header + f"<tbody>{body}</tbody>", f'class="{style}"')

    def picture(self):
        """A chart or a drawing as SVG, with letters in it or without."""
        rng = self.rng
        w, h = rng.randint(140, 420), rng.randint(90, 280)
        if self.s["columns"] > 1: w = min(w, 210)
        colour = lambda: f"hsl({rng.randint(0, 359)},{rng.randint(20, 90)}%,{rng.randint(30, 80)}%)"
        kind, out = rng.choice(["bars", "lines", "boxes", "photo", "pie"]), []
        label = lambda x, y: out.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{rng.choice([6, 7, 8, 9])}" font-family="{rng.choice(["sans-serif", "serif"])}">{E_(rng.choice([self.t.word(rng), str(rng.randint(0, 100)), f"{rng.random():.1f}"]))}</text>')
        if kind == "bars":
            n = rng.randint(3, 9)
            for i in range(n):
                v = rng.uniform(0.1, 0.9) * h
                out.append(f'<rect x="{20 + i * (w - 25) / n:.0f}" y="{h - 15 - v:.0f}" width="{(w - 30) / n * 0.7:.0f}" height="{v:.0f}" fill="{colour()}"/>')
                if rng.random() < 0.8: label(20 + i * (w - 25) / n, h - 4)
        elif kind == "lines":
            for _ in range(rng.randint(1, 4)):
                points = " ".join(f"{20 + i * (w - 25) / 12:.0f},{h / 2 + math.sin(i * rng.uniform(0.2, 1)) * h / 3 + rng.uniform(-9, 9):.0f}" for i in range(13))
                out.append(f'<polyline points="{points}" fill="none" stroke="{colour()}"/>')
            for i in range(rng.randint(0, 6)): label(20 + i * w / 7, h - 3)
            for i in range(rng.randint(0, 5)): label(2, 10 + i * h / 6)
            out.append(f'<path d="M20 5V{h - 14}H{w - 4}" stroke="black" fill="none"/>')
        elif kind == "boxes":
            for i in range(rng.randint(2, 6)):
                x, y = rng.randint(0, w - 60), rng.randint(0, h - 25)
                out.append(f'<rect x="{x}" y="{y}" width="56" height="22" fill="none" stroke="{colour()}"/>')
                label(x + 4, y + 14)
        elif kind == "photo":
            out.append(f'<rect width="{w}" height="{h}" fill="{colour()}"/><circle cx="{w / 2}" cy="{h / 2}" r="{h / 4}" fill="{colour()}"/>')
        else:
            out.append(f'<circle cx="{w / 2}" cy="{h / 2}" r="{h / 2.4:.0f}" fill="{colour()}"/><path d="M{w / 2} {h / 2}V8A{h / 2.4:.0f} {h / 2.4:.0f} 0 0 1 {w / 2 + h / 3} {h / 2}Z" fill="{colour()}"/>')
            for i in range(rng.randint(0, 4)): label(w * 0.75, 12 + i * 12)
        return f'<svg width="{w}" height="{h}" viewBox="0 0 {w} {h}" xmlns="http://www.w3.org/2000/svg">{"".join(out)}</svg>'

    def caption(self, what):
        rng = self.rng
        number = self.figures if what == 0 else self.tables if what == 1 else self.listings
        names = self.s["caption_names"][what]
        text = self.words(short=True)[: rng.choice([40, 80, 200, 500])]
        style = self.s["caption_style"]
        lead = f"{names} {number}{rng.choice([':', '.']) if style != 'dash' else ' –'}"
        if style == "bold": lead = f"<b>{lead}</b>"
        return tag("figcaption", CAPTION, f"{lead} {inline(rng, text, False)}")

    def float(self):
        rng = self.rng
        what = rng.choice([0, 0, 1])
        if what == 0: self.figures += 1
        else: self.tables += 1
        body = tag("div", FIGURE, self.picture(), 'class="pic"') if what == 0 else self.table()
        if rng.random() < 0.12: return f"<figure>{body}</figure>"
        caption = self.caption(what)
        return f"<figure>{caption + body if what == 1 and self.s['table_caption_above'] else body + caption}</figure>"

    def equation(self):
        self.equations += 1
        number = f'<span class="eqno">({self.equations})</span>' if self.rng.random() < 0.7 else ""
        lines = "<br/>".join(formula(self.rng) for _ in range(self.rng.choice([1, 1, 1, 2, 3])))
        return tag("div", EQUATION, number + lines, 'class="eq"')

    def admonition(self):
        word = self.rng.choice(["Note", "Warning", "Tip", "Important", "Caution", "Hinweis", "Remarque"])
        if self.rng.random() < 0.5:
            lead = f"<b>{word}{self.rng.choice([':', '.', ''])}</b> "
            return f'<div class="adm">{tag("p", TEXT, lead + inline(self.rng, self.words(short=True)))}</div>'
        return f'<div class="adm">{tag("p", TEXT, f"<b>{word}</b>")}{self.paragraph(True)}</div>'

    def algorithm(self):
        rng = self.rng
        lines = [f"<b>{rng.choice(['Input', 'Require', 'Data'])}:</b> {formula(rng)}"]
        for number in range(rng.randint(4, 12)):
            word = rng.choice(["for", "if", "while", "return", "set", "repeat", ""])
            lines.append(f'<span style="margin-left:{rng.randint(0, 3)}em">{number + 1}: <b>{word}</b> {formula(rng) if rng.random() < 0.7 else E_(self.t.sentence(rng)[:40])}</span>')
        head = f"<b>Algorithm {rng.randint(1, 4)}</b> {E_(self.t.heading(rng))}"
        return f'<div class="alg">{tag("div", CAPTION, head)}{tag("div", ALGORITHM, "<br/>".join(lines))}</div>'

    def toc(self, entries):
        """Entries (level, text, page) with or without leaders."""
        return "".join(tag("div", LIST, E_(text), f'class="toc{self.s["toc"]}" style="margin-left:{level * 1.3 - 1.3}em" data-page="{page}"') for level, text, page in entries)

    def references(self):
        rng = self.rng
        out = []
        style = rng.choice(["bracket", "dot", "plain", "key"])
        for number in range(1, rng.randint(5, 30)):
            text = f"{self.t.name(rng)}, {self.t.name(rng)}. {rng.choice(['', '“'])}{self.t.title(rng)}. <i>{rng.choice(['Journal of', 'Proc. of', 'Advances in', 'Transactions on'])} {E_(self.t.heading(rng))}</i>, {rng.randint(1, 80)}({rng.randint(1, 12)}):{rng.randint(1, 900)}–{rng.randint(901, 999)}, {rng.randint(1980, 2026)}."
            lead = {"bracket": f"[{number}] ", "dot": f"{number}. ", "plain": "", "key": f"[{self.t.name(rng).split()[-1][:3]}{rng.randint(80, 99)}] "}[style]
            out.append(tag("p", REFERENCE, lead + text, 'class="ref"'))
        return "".join(out)
