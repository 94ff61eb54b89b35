"""Whole HTML documents of many kinds in many looks. All randomness comes from the given generator."""
from html_parts import *

SERIF = ["EB Garamond", "Linux Libertine O", "Liberation Serif", "DejaVu Serif", "TeX Gyre Pagella", "TeX Gyre Termes", "P052", "C059", "Nimbus Roman", "Latin Modern Roman", "Caladea", "Noto Serif", "Bitstream Charter", "TeX Gyre Schola"]
SANS = ["Open Sans", "Roboto", "Lato", "Carlito", "Liberation Sans", "DejaVu Sans", "Cantarell", "TeX Gyre Heros", "Nimbus Sans", "Noto Sans", "TeX Gyre Adventor", "Liberation Sans Narrow"]
MONO = ["Fira Code", "Inconsolata", "Liberation Mono", "DejaVu Sans Mono", "Nimbus Mono PS", "Latin Modern Mono"]
CAPTIONS = {"en": [("Figure", "Table", "Listing"), ("Fig.", "Table", "Listing"), ("FIGURE", "TABLE", "Listing")], "de": [("Abbildung", "Tabelle", "Listing"), ("Abb.", "Tab.", "Listing")], "fr": [("Figure", "Tableau", "Listing")], "es": [("Figura", "Tabla", "Listado")], "it": [("Figura", "Tabella", "Listato")], "pt": [("Figura", "Tabela", "Listagem")], "nl": [("Figuur", "Tabel", "Listing")], "sv": [("Figur", "Tabell", "Listning")], "pl": [("Rysunek", "Tabela", "Listing")]}


def look(rng, t, **fixed):
    """Choices that hold for a whole document."""
    language = "en" if rng.random() < 0.68 else rng.choice(t.languages())
    s = dict(
        language=language, plain=rng.random() < 0.6, rich=rng.random() < 0.7, science=False, footnotes=rng.random() < 0.2,
        columns=1, shift=0, numbered=rng.random() < 0.5, number_depth=rng.choice([1, 2, 3, 4]),
        number_style=rng.choice(["plain", "plain", "plain", "dotted", "dot1", "roman", "letter", "word"]),
        chapter_word=rng.choice(["Chapter", "Section", "Article", "Part"]) if language == "en" else rng.choice(["Kapitel", "Chapitre", "Capítulo"]),
        heading_case=rng.choice(["as is"] * 5 + ["upper"]), upper_to=rng.choice([1, 1, 2]), loose_items=rng.random() < 0.4, code_width=88,
        caption_names=rng.choice(CAPTIONS[language]), caption_style=rng.choice(["plain", "bold", "dash"]),
        table_caption_above=rng.random() < 0.6, toc=rng.choice(["dots", "plain", "right"]), outline=rng.random() < 0.5)
    s.update(fixed)
    return s


def css(rng, s, paper="A4"):
    """A style sheet in the look's spirit."""
    body_is_serif = rng.random() < 0.5
    body = rng.choice(SERIF if body_is_serif else SANS)
    head = body if rng.random() < 0.5 else rng.choice(SANS + SERIF[:4])
    mono = rng.choice(MONO)
    size = rng.choice([8, 8.5, 9, 9.5, 10, 10, 10.5, 11, 11, 12, 12, 13]) if s["columns"] == 1 else rng.choice([8, 8.5, 9, 9.5, 10])
    size = s.get("size", size)
    colour = rng.choice(["#000"] * 4 + ["#333", "#1a3c6e", "#8b1a1a", "#0a5"])
    ratio, sizes = rng.choice([1.08, 1.15, 1.2, 1.25, 1.35]), []
    for level in range(1, 7):
        smallest = rng.choice([1.0, 1.0, 1.05, 1.1])
        sizes.append(max(smallest, 1.05 * ratio ** (5 - level)) if rng.random() < 0.85 else 1.0)
    sizes.sort(reverse=True)
    indent = rng.random() < 0.35
    gap = 0 if indent and rng.random() < 0.8 else rng.choice([0.4, 0.5, 0.7, 1.0, 1.2])
    margin = rng.choice([14, 18, 20, 25, 30, 38])
    out = [f"""@page {{ size: {paper}; margin: {margin}mm {rng.choice([14, 18, 20, 25, 32])}mm; {margin_boxes(rng, s)} }}
body {{ font: {size}pt/{rng.choice([1.15, 1.2, 1.3, 1.4, 1.5, 1.6])} '{body}', {'serif' if body_is_serif else 'sans-serif'}; color: {rng.choice(['#000', '#000', '#222', '#333'])}; text-align: {rng.choice(['justify', 'left'])}; hyphens: {rng.choice(['auto', 'none'])}; }}
p {{ margin: 0 0 {gap}em; {'text-indent: %sem;' % rng.choice([1, 1.5, 2]) if indent else ''} orphans: {rng.choice([1, 2])}; widows: {rng.choice([1, 2])} }}
h1 + p, h2 + p, h3 + p, h4 + p {{ text-indent: {rng.choice(['0', 'inherit'])} }}
pre {{ font: {rng.choice([0.75, 0.8, 0.85, 0.9, 1])}em/{rng.choice([1.1, 1.2, 1.35])} '{mono}', monospace; white-space: pre-wrap; {rng.choice(['background:#f4f4f4; padding:.5em;', 'border:0.6pt solid #888; padding:.4em;', 'margin-left: 2em;', 'border-left:3pt solid #ccc; padding-left:.6em;', 'margin-left: 1em;'])} text-align:left; hyphens:none; margin-top:{rng.choice([0.4, 0.8])}em; margin-bottom:{rng.choice([0.4, 0.8])}em }}
code {{ font-family: '{mono}', monospace; font-size: {rng.choice([0.85, 0.9, 1])}em }}
ul, ol {{ padding-left: {rng.choice([1.2, 1.8, 2.5, 3])}em; margin: {rng.choice([0, 0.3, 0.6, 1])}em 0 }} li {{ margin-bottom: {rng.choice([0, 0, 0.2, 0.5, 0.8])}em }} li p {{ margin-top: {rng.choice([0, 0.4])}em; text-indent: 0 }}
dd {{ margin-left: {rng.choice([1.5, 2, 3])}em }} dt {{ margin-top: .3em; {rng.choice(['font-weight:bold', ''])} }}
figure {{ margin: {rng.choice([0.6, 1, 1.5])}em {rng.choice(['0', 'auto'])}; text-align: {rng.choice(['center', 'center', 'left'])}; break-inside: avoid }}
figcaption {{ font-size: {rng.choice([0.8, 0.85, 0.9, 1])}em; {rng.choice(['', '', 'font-style:italic;'])} text-align: {rng.choice(['center', 'left', 'justify'])}; margin: .4em 0 }}
table {{ border-collapse: collapse; font-size: {rng.choice([0.8, 0.85, 0.9, 1])}em; margin: .5em {rng.choice(['auto', '0'])}; text-align: left; hyphens: none; {rng.choice(['', '', 'width:100%'])} }}
td, th {{ padding: {rng.choice([1, 2, 3, 5])}pt {rng.choice([3, 5, 8, 12])}pt; vertical-align: top }} td.number {{ text-align: {rng.choice(['right', 'center', 'left'])} }} th {{ text-align: {rng.choice(['left', 'center'])}; font-weight: {rng.choice(['bold', 'bold', 'normal'])} }}
.grid td, .grid th {{ border: {rng.choice([0.5, 0.8])}pt solid {rng.choice(['#000', '#999'])} }} .rules tr {{ border-bottom: .5pt solid #888 }} .booktabs thead {{ border-top: 1pt solid; border-bottom: .5pt solid }} .booktabs tbody {{ border-bottom: 1pt solid }} .striped tr:nth-child(even) {{ background: #eee }} .header th {{ background: {colour}; color: #fff }}
.eq {{ text-align: center; margin: .7em 0; font-family: 'Latin Modern Math', 'Latin Modern Roman', serif; text-indent: 0 }} .eqno {{ float: right; font-family: '{body}' }} sub, sup {{ font-size: .7em; line-height: 0 }}
.fn {{ float: footnote; font-size: {rng.choice([0.75, 0.8, 0.85])}em; text-indent: 0; text-align: left }} @page {{ @footnote {{ border-top: {rng.choice(['.5pt solid', 'none'])}; padding-top: 3pt }} }}
.adm {{ {rng.choice(['border: .6pt solid #888; padding: .5em;', 'background:#eef4fb; padding:.6em;', 'border-left: 3pt solid #d33; padding-left:.8em;', 'margin: .6em 2em;'])} margin-bottom: .6em }} .adm p {{ margin: .2em 0; text-indent: 0 }}
.alg {{ border-top: .8pt solid; border-bottom: .8pt solid; padding: .3em 0; margin: .8em 0; text-indent: 0 }}
.ref {{ font-size: {rng.choice([0.85, 0.9, 1])}em; text-indent: -1.5em; margin-left: 1.5em; margin-bottom: {rng.choice([0, 0.2, 0.5])}em }}
.tocdots::after {{ content: leader('{rng.choice(['.', ' . '])}') ' ' attr(data-page) }} .tocplain::after {{ content: ' {rng.choice(['', '– ', ', '])}' attr(data-page) }} .tocright::after {{ content: leader(' ') attr(data-page) }} .tocdots, .tocright, .tocplain {{ text-align: left; text-indent: 0 }}
.title {{ font-size: {rng.choice([1.5, 1.7, 2, 2.4, 3])}em; font-family: '{head}'; font-weight: {rng.choice(['bold', 'normal'])}; text-align: {rng.choice(['center', 'center', 'left'])}; line-height: 1.15; margin: 0 0 .5em; text-indent: 0; color: {colour}; hyphens: none; bookmark-level: none }}
.by {{ text-align: {rng.choice(['center', 'left'])}; text-indent: 0; margin: 0 0 .4em }} .abs {{ margin: .6em {rng.choice(['0', '2em', '3em'])}; font-size: {rng.choice([0.9, 0.95, 1])}em; {rng.choice(['', '', 'font-style: italic'])} }} .abs p {{ text-indent: 0 }}
.cols {{ columns: {s['columns']}; column-gap: {rng.choice([4, 5, 6, 8, 10])}mm; {rng.choice(['', '', 'column-rule: .4pt solid #999'])} }}
.cover {{ break-after: page; padding-top: {rng.choice([0, 20, 60, 90])}mm }} .break {{ break-before: page }}"""]
    weight, style = "bold", "normal"
    for level in range(1, 7):
        if rng.random() < 0.12: weight = "normal"
        if rng.random() < 0.12: style = "italic"
        if weight == "normal" and style == "normal" and sizes[level - 1] < 1.06: weight = "bold"
        extra = rng.choice(["", "", "", "border-bottom: .6pt solid;", "text-transform: uppercase;" if level == 1 else "", "font-variant: small-caps;" if level < 3 else "", "text-align: center;" if level == 1 else ""])
        out.append(f".t{level} {{ font-family: '{head}'; font-size: {sizes[level - 1]:.2f}em; font-weight: {weight}; font-style: {style}; margin: {rng.choice([0.6, 1, 1.4, 2])}em 0 {rng.choice([0.2, 0.3, 0.5, 0.8])}em; line-height: 1.2; text-align: left; text-indent: 0; hyphens: none; color: {colour if level < 4 else '#000'}; break-after: avoid; {extra} {'' if s['outline'] else 'bookmark-level: none'} }}")
    if s.get("chapter_pages"): out.append(".t1 { break-before: page }")
    return "\n".join(out)


def margin_boxes(rng, s):
    """Running heads, feet and page numbers."""
    if rng.random() < 0.12: return ""
    number = rng.choice(["counter(page)", "counter(page)", "'Page ' counter(page)", "counter(page) ' / ' counter(pages)", "'– ' counter(page) ' –'", "'Page ' counter(page) ' of ' counter(pages)"])
    running = s["running"].replace("'", "’").replace("\\", "")
    text = rng.choice([f"'{running}'", f"'{running}'", "string(section)", f"'{running} | 2024'", "'Confidential'", f"'{running}' "])
    size = f"font-size: {rng.choice([7, 8, 8, 9, 10])}pt; {rng.choice(['', 'font-style: italic;', 'color:#777;', 'border-bottom: .5pt solid;'])}"
    boxes = []
    place = rng.choice(["@bottom-center", "@bottom-right", "@bottom-left", "@top-right"])
    boxes.append(f"{place} {{ content: {number}; {size.replace('bottom', 'top')} }}")
    if rng.random() < 0.7:
        other = rng.choice([p for p in ["@top-left", "@top-center", "@top-right", "@bottom-left", "@bottom-right"] if p != place])
        boxes.append(f"{other} {{ content: {text}; {size if 'top' in other else size.replace('bottom', 'top')} }}")
    return " ".join(boxes)


def sections(b, rng, depth, amount, level=1):
    """Nested sections; yields (level, text) of headings through b.entries."""
    out = []
    for _ in range(amount):
        out.append(b.heading(level))
        for _ in range(rng.choice([0, 1, 1, 2, 3])): out += block(b, rng)
        if level < depth and rng.random() < 0.75: out += sections(b, rng, depth, rng.randint(1, 3), level + 1)
        elif not out or rng.random() < 0.9: out += block(b, rng)
    return out


def block(b, rng):
    w = b.s["weights"]
    kind = rng.choices(list(w), list(w.values()))[0]
    if kind == "paragraph": return [b.paragraph() for _ in range(rng.choice([1, 1, 2, 3]))]
    if kind == "lead": return [b.paragraph(True), b.items()]
    return [getattr(b, kind)()]


def article(rng, t):
    s = look(rng, t, science=True, columns=rng.choice([1, 2, 2]), shift=1, plain=False)
    s["weights"] = dict(paragraph=12, float=2, equation=2, items=0.7, lead=0.5, code=0.2, algorithm=0.4)
    b = Blocks(rng, t, s)
    title = t.title(rng, s["language"])
    s["running"] = rng.choice([title[:60], t.name(rng) + " et al.", "Journal of " + t.heading(rng)[:30]])
    top = [tag("h1", PAPER_TITLE, E_(title), 'class="title"')]
    names = ", ".join(t.name(rng) + f"<sup>{rng.randint(1, 3)}</sup>" for _ in range(rng.randint(1, 6)))
    top.append(tag("p", OTHERS, names, 'class="by"'))
    for _ in range(rng.randint(0, 3)): top.append(tag("p", OTHERS, f"<sup>{rng.randint(1, 3)}</sup>Department of {E_(t.heading(rng))}, University of {E_(t.word(rng).capitalize())}" + rng.choice(["", ", name@example.org"]), 'class="by"'))
    abstract = inline(rng, t.paragraph(rng, s["language"]) + " " + t.paragraph(rng, s["language"]), False)
    word = rng.choice(["Abstract", "ABSTRACT", "Summary"]) if s["language"] == "en" else rng.choice(["Abstract", "Zusammenfassung", "Résumé", "Resumen"])
    lead = f"<b>{word}{rng.choice('.:—')}</b> "
    if rng.random() < 0.5: top.append(f'<div class="abs">{tag("p", ABSTRACT, lead + abstract)}</div>')
    else: top.append(f'<div class="abs">{tag("h2", TITLE, word, "class=t2", l=1)}{tag("p", ABSTRACT, abstract)}</div>')
    if rng.random() < 0.4: top.append(tag("p", OTHERS, f"<b>Keywords:</b> {E_(', '.join(t.word(rng) for _ in range(5)))}", 'class="by"'))
    body = sections(b, rng, rng.choice([1, 2, 2, 3]), rng.randint(3, 5))
    s["numbered"] = s["numbered"] and rng.random() < 0.5
    body += [b.heading(1, rng.choice(["References", "REFERENCES", "Bibliography"])), b.references()]
    inside = rng.random() < 0.3
    return s, "".join(([] if inside else top) + ['<div class="cols">'] + (top if inside else []) + body + ["</div>"])


def manual(rng, t):
    s = look(rng, t, shift=rng.choice([0, 1]), chapter_pages=rng.random() < 0.3)
    s["weights"] = dict(paragraph=10, lead=3, items=2, code=4, definitions=1.5, admonition=1, table=0.8, float=0.5)
    title = rng.choice([t.word(rng).capitalize() + " User Guide", t.heading(rng, s["language"]), "The " + t.word(rng).capitalize() + " Manual", t.title(rng, s["language"])])
    s["running"] = rng.choice([title, "Version 2.1"])
    b = Blocks(rng, t, s)
    out = []
    if rng.random() < 0.6:
        cover = tag("h1", PAPER_TITLE, E_(title), 'class="title"') + "".join(tag("p", OTHERS, E_(x), 'class="by"') for x in rng.sample([t.name(rng), "Version 3.2", "March 2024", "Copyright © 2019–2024 " + t.name(rng)], rng.randint(1, 3)))
        out.append(f"<div class={rng.choice(['cover', 'cover', 'top'])}>{cover}</div>")
        s["shift"] = 1
    body = sections(b, rng, rng.choice([2, 3, 3, 4]), rng.randint(2, 4))
    if rng.random() < 0.4:
        entries = [(rng.choice([1, 2, 2, 3]), (f"{k}.{rng.randint(1, 9)} " if s["numbered"] else "") + t.heading(rng, s["language"]), rng.randint(1, 99)) for k in range(rng.randint(6, 60))]
        out.append(tag("h2", TITLE, rng.choice(["Contents", "Table of Contents"]), 'class="t1"', l=1) + b.toc(entries))
        if rng.random() < 0.5: out.append('<div class="break"></div>')
    return s, "".join(out + body)


def report(rng, t):
    s = look(rng, t, shift=1, columns=rng.choice([1, 1, 2]))
    s["weights"] = dict(paragraph=10, lead=2, items=1, float=2, table=1.2, admonition=0.4)
    title = t.title(rng, s["language"])
    s["running"] = title[:50]
    b = Blocks(rng, t, s)
    cover = tag("h1", PAPER_TITLE, E_(title), 'class="title"') + "".join(tag("p", OTHERS, E_(x), 'class="by"') for x in rng.sample([t.name(rng), "Annual Report 2023", "12 March 2024", "Prepared for the Board", t.heading(rng)], rng.randint(0, 3)))
    body = "".join(sections(b, rng, rng.choice([1, 2, 3]), rng.randint(2, 5)))
    return s, f"<div class={rng.choice(['cover', 'top'])}>{cover}</div><div class='cols'>{body}</div>"


def letter(rng, t):
    s = look(rng, t, numbered=False)
    s["running"] = t.name(rng) + " GmbH"
    b = Blocks(rng, t, s)
    address = lambda: "<br/>".join(E_(x) for x in [t.name(rng), t.heading(rng)[:25] + " Ltd.", f"{rng.randint(1, 200)} {t.word(rng).capitalize()} Street", f"{rng.randint(10000, 99999)} {t.word(rng).capitalize()}"][rng.randint(0, 1):])
    out = []
    if rng.random() < 0.7: out.append(tag("p", TEXT, address(), f'style="text-align:{rng.choice(["right", "left", "center"])};text-indent:0"'))
    out.append(tag("p", TEXT, address(), 'style="margin:2em 0;text-indent:0;text-align:left"'))
    out.append(tag("p", TEXT, rng.choice(["12 May 2023", "2024-03-01", "Berlin, den 3. Januar 2022", "Paris, le 4 mars 2021"]), f'style="text-align:{rng.choice(["right", "left"])};text-indent:0"'))
    if rng.random() < 0.7: out.append(tag("p", TITLE, rng.choice(["", "Re: ", "Subject: "]) + E_(t.heading(rng, s["language"])), 'style="font-weight:bold;text-indent:0;margin:1em 0"', l=1))
    out.append(tag("p", TEXT, rng.choice(["Dear Sir or Madam,", f"Dear {E_(t.name(rng))},", "Sehr geehrte Damen und Herren,", "Madame, Monsieur,"]), 'style="text-indent:0"'))
    out += [b.paragraph() for _ in range(rng.randint(2, 7))]
    if rng.random() < 0.3: out.append(b.items())
    out.append(tag("p", TEXT, rng.choice(["Yours sincerely,", "Kind regards,", "Mit freundlichen Grüßen"]), 'style="margin:1em 0 3em;text-indent:0"'))
    out.append(tag("p", TEXT, E_(t.name(rng)) + rng.choice(["", "<br/>Managing Director"]), 'style="text-indent:0"'))
    return s, "".join(out)


def invoice(rng, t):
    s = look(rng, t, numbered=False, size=rng.choice([8, 9, 10, 11]))
    s["running"] = t.heading(rng)[:20] + " Ltd."
    b = Blocks(rng, t, s)
    pair = lambda k, v: f"<tr><td>{k}</td><td>{E_(v)}</td></tr>"
    out = [tag("h1", TITLE, rng.choice(["Invoice", "INVOICE", "Rechnung", "Facture", "Quotation", "Order Confirmation", "Fattura"]) + rng.choice(["", f" No. {rng.randint(1000, 99999)}"]), 'class="t1"', l=1)]
    out.append(tag("p", TEXT, "<br/>".join(E_(x) for x in [t.name(rng), f"{rng.randint(1, 99)} Main Street", f"{rng.randint(10000, 99999)} {t.word(rng).capitalize()}"]), 'style="text-indent:0;text-align:left"'))
    facts = [pair(k + rng.choice([":", ""]), v) for k, v in [("Invoice number", f"R-{rng.randint(100, 9999)}"), ("Date", "2024-02-03"), ("Customer no.", str(rng.randint(1000, 9999))), ("Due date", "2024-03-04"), ("Contact", t.name(rng))][: rng.randint(2, 5)]]
    out.append(tag("table", TABLE, "".join(facts), f'style="{rng.choice(["margin-left:auto", "margin-left:0", ""])}"'))
    if rng.random() < 0.5: out.append(b.paragraph(True))
    rows = "".join(f"<tr><td>{k + 1}</td><td>{E_(t.heading(rng, s['language']))}</td><td class='number'>{rng.randint(1, 20)}</td><td class='number'>{rng.uniform(1, 900):.2f}</td><td class='number'>{rng.uniform(1, 9000):.2f}</td></tr>" for k in range(rng.randint(1, 18)))
    totals = "".join(f"<tr><td></td><td></td><td></td><td>{k}</td><td class='number'>{rng.uniform(10, 9999):.2f} {rng.choice(['€', 'EUR', ''])}</td></tr>" for k in ["Subtotal", "VAT 19 %", "Total"][: rng.randint(1, 3)])
    head = "<thead><tr><th>Pos</th><th>Description</th><th>Qty</th><th>Price</th><th>Amount</th></tr></thead>"
    out.append(tag("table", TABLE, head + rows + totals, f'class="{rng.choice(["grid", "rules", "booktabs", "plain", "striped", "header"])}"'))
    out += [b.paragraph(True) for _ in range(rng.randint(1, 3))]
    out.append(tag("p", TEXT, f"IBAN DE{rng.randint(10, 99)} {rng.randint(1000, 9999)} {rng.randint(1000, 9999)} {rng.randint(1000, 9999)}<br/>BIC {t.word(rng).upper()[:8]}<br/>VAT ID DE{rng.randint(10**8, 10**9)}", 'style="font-size:.85em;text-indent:0"'))
    return s, "".join(out)


def form(rng, t):
    s = look(rng, t, size=rng.choice([8, 9, 10, 11]))
    s["running"] = "Form " + str(rng.randint(10, 990))
    b = Blocks(rng, t, s)
    out = [tag("h1", TITLE, E_(rng.choice(["Application for ", "Registration Form: ", "Request for "]) + t.heading(rng, s["language"])), 'class="t1"', l=1), b.paragraph(True)]
    for _ in range(rng.randint(2, 5)):
        if rng.random() < 0.8: out.append(b.heading(2))
        rows = "".join("<tr>" + "".join(f"<td>{E_(t.heading(rng, s['language'])[:24])}{rng.choice([':', ''])}</td><td style='min-width:30mm'>{rng.choice(['', '', E_(t.name(rng)), '☐ yes ☐ no', '2024-01-05'])}</td>" for _ in range(columns)) + "</tr>" for columns in [rng.choice([1, 1, 2])] for _ in range(rng.randint(2, 8)))
        out.append(tag("table", TABLE, rows, f'class="{rng.choice(["grid", "rules", "plain"])}" style="width:100%"'))
        if rng.random() < 0.4: out.append(b.paragraph(True))
    return s, "".join(out)


def slides(rng, t):
    s = look(rng, t, size=rng.choice([14, 16, 18, 20]), paper=rng.choice(["254mm 190mm", "254mm 143mm"]), numbered=rng.random() < 0.15, footnotes=False)
    s["weights"] = dict(items=6, paragraph=0.7, lead=1, float=1.5, code=0.6, table=0.7, equation=0.3)
    s["code_width"] = 50
    title = t.title(rng, s["language"])
    s["running"] = title[:40]
    b = Blocks(rng, t, s)
    out = [f'<div class="cover">{tag("h1", PAPER_TITLE, E_(title), "class=title")}{tag("p", OTHERS, E_(t.name(rng)), "class=by")}</div>']
    for _ in range(rng.randint(3, 8)):
        out.append('<div class="break"></div>' + b.heading(1))
        for _ in range(rng.randint(1, 2)): out += block(b, rng)
    return s, "".join(out)


def newsletter(rng, t):
    s = look(rng, t, columns=rng.choice([2, 3, 3]), shift=1, numbered=False)
    s["weights"] = dict(paragraph=10, items=0.7, float=1.2, admonition=0.5)
    title = t.heading(rng, s["language"])
    s["running"] = title
    b = Blocks(rng, t, s)
    top = tag("h1", PAPER_TITLE, E_(title), 'class="title"') + tag("p", OTHERS, f"Issue {rng.randint(1, 90)} · Spring 2024", 'class="by"')
    return s, top + f'<div class="cols">{"".join(sections(b, rng, rng.choice([1, 2]), rng.randint(3, 7)))}</div>'


def contract(rng, t):
    s = look(rng, t, shift=1, numbered=True, number_style=rng.choice(["word", "dot1", "plain", "dotted"]), number_depth=1)
    s["running"] = "Agreement"
    b = Blocks(rng, t, s)
    out = [tag("h1", PAPER_TITLE, E_(rng.choice(["Agreement on ", "Contract for ", "Terms of "]) + t.heading(rng, s["language"])), 'class="title"'), b.paragraph()]
    style = rng.choice(["number", "letter"])
    for section in range(rng.randint(4, 10)):
        out.append(b.heading(1))
        for clause in range(rng.randint(1, 6)):
            lead = f"{section + 1}.{clause + 1} " if style == "number" else f"({'abcdefgh'[clause]}) "
            out.append(tag("p", LIST, lead + inline(rng, b.words())) if style == "letter" else tag("p", TEXT, lead + inline(rng, b.words())))
            if rng.random() < 0.1: out.append(b.items())
    out.append(tag("table", TABLE, f"<tr><td>Date: ____________</td><td>Signature: ____________</td></tr><tr><td>{E_(t.name(rng))}</td><td>{E_(t.name(rng))}</td></tr><tr><td>Director</td><td>Customer</td></tr>"))
    return s, "".join(out)


KINDS = {article: 3, manual: 5, report: 3, letter: 1, invoice: 1, form: 1, slides: 1, newsletter: 1.3, contract: 1.2}


def document(rng, t):
    """(HTML text, kind) of a random document."""
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    s, body = kind(rng, t)
    paper = s.get("paper") or rng.choice(["A4", "A4", "letter", "letter", "A5" if kind in (manual, report) else "A4", "B5" if kind is manual else "letter"])
    return f'<html lang="{s["language"]}"><head><meta charset="utf-8"/><style>{css(rng, s, paper)}</style></head><body>{body}</body></html>', kind.__name__
