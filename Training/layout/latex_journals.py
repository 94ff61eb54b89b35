"""Classes of journals and conferences: what stands before \\begin{document}, and how title, authors and abstract are given."""
from dataclasses import dataclass, field

# How often each is chosen, beside the common classes of latex_documents.py.
JOURNALS = {"aastex": 1.5, "mnras": 1.5, "jmlr": 1, "cas-dc": 1.5, "cas-sc": 0.7, "spie": 0.8, "amsproc": 1, "extarticle": 1, "proc": 0.7, "jacow": 0.5, "apa6": 0.5, "ltugproc": 0.2}
TWO_COLUMNS = ("aastex", "mnras", "cas-dc", "proc", "jacow", "ltugproc")


def is_two_column(kind): return kind in TWO_COLUMNS


@dataclass
class FrontMatter:
    """`head` is None where the caller's own class stays; `order` has \\begin{document} and all up to the first section."""
    head: str | None
    order: list
    packages: list = field(default_factory=list)
    has_mathematics: bool = False
    has_theorems: bool = False


def front_matter(document, title, author, abstract):
    """- Parameter document: a `Latex`, whose generator and words are used."""
    from latex_documents import tex
    r, t, kind = document.rng, document.t, document.kind
    names = [author] + [tex(t.name(r)) for _ in range(r.randint(0, 4))]
    place = lambda: f"Department of {tex(t.heading(r))[:24]}, University of {tex(t.word(r))}"
    words = ", ".join(tex(t.word(r)) for _ in range(4))
    summary = f"\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}"
    begin, make, heading = "\\begin{document}", "\\maketitle", f"\\title{{{title}}}"
    if kind == "conference": return conference(document, title, names, abstract, place)
    if kind == "aastex":
        people = "".join(f"\\author{{{n}}}\\affiliation{{{place()}}}" for n in names)
        return FrontMatter(f"\\documentclass[{r.choice(['twocolumn', 'twocolumn', 'linenumbers,manuscript'])}]{{aastex631}}\\setcitestyle{{numbers}}", [begin, heading, people, summary, f"\\keywords{{{words}}}"], ["\\usepackage{amsmath}"], has_mathematics=True)
    if kind == "mnras":
        people = "\\author[" + names[0].split()[-1] + " et al.]{" + ", ".join(names) + f"\\\\ {place()}}}"
        return FrontMatter("\\documentclass[fleqn,usenatbib]{mnras}\\setcitestyle{numbers}", [heading[:6] + "[Short title]" + heading[6:], people, "\\date{}", begin, make, summary, f"\\begin{{keywords}}\n{words}\n\\end{{keywords}}"])
    if kind == "jmlr":
        people = "\\author{\\Name{" + names[0] + "} \\Email{name@example.org}\\\\ \\addr " + place() + "}"
        return FrontMatter("\\PassOptionsToPackage{numbers}{natbib}\n\\documentclass[wcp]{jmlr}", ["\\setcitestyle{numbers}\\jmlrvolume{1}\\jmlryear{2020}", heading, people, begin, make, summary, f"\\begin{{keywords}}\n{words}\n\\end{{keywords}}"], has_mathematics=True, has_theorems=True)
    if kind in ("cas-dc", "cas-sc"):
        people = "".join(f"\\author[1]{{{n}}}" for n in names) + f"\\affiliation[1]{{organization={{{place()}}}, country={{Country}}}}"
        return FrontMatter(f"\\documentclass[a4paper,fleqn]{{{kind}}}\\usepackage[numbers]{{natbib}}", [begin, f"\\shorttitle{{Short}}\\shortauthors{{{names[0]}}}", heading, people, summary, "\\begin{keywords}" + " \\sep ".join(words.split(", ")) + "\\end{keywords}", make])
    if kind == "spie":
        return FrontMatter("\\documentclass[]{spie}", [heading, f"\\author{{{names[0]}\\skiplinehalf {place()}}}", begin, make, summary, f"\\keywords{{{words}}}"], has_theorems=True)
    if kind == "amsproc":
        return FrontMatter("\\documentclass{amsproc}", [begin, heading, f"\\author{{{names[0]}}}\\address{{{place()}}}", summary, make], has_theorems=True)
    if kind == "jacow":
        return FrontMatter("\\documentclass{jacow}\\let\\Bbbk\\relax", [begin, heading, f"\\author{{{', '.join(names)}, {place()}}}", make, summary])
    if kind == "apa6":
        return FrontMatter(f"\\documentclass[{r.choice(['man', 'jou', 'doc'])}]{{apa6}}", [heading, "\\shorttitle{Short}", f"\\author{{{names[0]}}}\\affiliation{{{place()}}}", f"\\abstract{{{abstract}}}", begin, make])
    if kind == "ltugproc":
        return FrontMatter("\\documentclass{ltugproc}", [begin, heading, f"\\author{{{names[0]}}}\\address{{{place()}}}", make, summary])
    size = r.choice(["8pt", "9pt", "14pt"]) if kind == "extarticle" else "10pt"
    columns = ",twocolumn" if kind == "extarticle" and size != "14pt" and r.random() < 0.5 else ""
    document.two = document.two or bool(columns)
    return FrontMatter(f"\\documentclass[{size}{columns}]{{{kind}}}", [heading, f"\\author{{{' and '.join(names[:2])}}}", begin, make, summary])


def conference(document, title, names, abstract, place):
    """The plain styles of conferences: a page of their own size, a heading between rules or without, small section heads."""
    from latex_documents import tex
    r, t = document.rng, document.t
    two = r.random() < 0.6
    page = r.choice(["top=0.75in,bottom=1in,left=0.75in,right=0.75in,columnsep=0.25in", "margin=1in,columnsep=0.3in", "top=1in,bottom=1.25in,left=0.7in,right=0.7in,columnsep=0.33in"]) if two else r.choice(["textwidth=5.5in,textheight=9in", "textwidth=6in,textheight=8.5in", "margin=1in"])
    fonts = r.choice(["\\usepackage{mathptmx}", "\\usepackage{newtxtext,newtxmath}\\let\\Bbbk\\relax", "\\usepackage{times}", ""])
    heads = r.choice(["\\titleformat*{\\section}{\\large\\bfseries}\\titleformat*{\\subsection}{\\normalsize\\bfseries}", "\\titleformat*{\\section}{\\normalsize\\bfseries}\\titleformat*{\\subsection}{\\normalsize\\itshape}", "\\titleformat*{\\section}{\\Large\\bfseries\\centering}", "\\titleformat{\\section}{\\normalfont\\scshape\\centering}{\\thesection.}{0.5em}{}\\titleformat*{\\subsection}{\\bfseries\\small}"]) + "\\titlespacing*{\\section}{0pt}{%dpt}{%dpt}" % (r.choice([6, 10, 14]), r.choice([3, 5]))
    run_in = r.choice(["", "\\titleformat{\\subsubsection}[runin]{\\bfseries}{\\thesubsubsection}{0.5em}{}[.]"])
    people = r.choice([
        " \\quad ".join(f"\\textbf{{{n}}}" for n in names) + f"\\\\ {place()}\\\\ \\texttt{{name@example.org}}",
        "\\begin{tabular}{%s}" % ("c" * min(3, len(names))) + " & ".join(names[:3]) + "\\\\ " + " & ".join(["University of " + tex(t.word(r))] * min(3, len(names))) + "\\end{tabular}",
        ", ".join(f"{n}$^{{{k % 2 + 1}}}$" for k, n in enumerate(names)) + f"\\\\ $^1${place()} \\ $^2${place()}"])
    note = "\\thanks{" + tex(t.sentence(r)) + "}" if r.random() < 0.3 else ""
    heading = r.choice(["{\\LARGE\\bfseries %s}", "{\\Large\\bfseries %s}", "\\rule{\\linewidth}{2pt}\\\\[6pt]{\\LARGE\\bfseries %s}\\\\[6pt]\\rule{\\linewidth}{1pt}", "{\\Large\\scshape %s}", "{\\huge\\sffamily %s}"]) % title
    # Titles as article sets them, with their type changed.
    top = [f"\\title{{{heading}{note}}}", f"\\author{{{people}}}", "\\date{}"]
    small = r.choice(["\\small", "\\small\\itshape", "\\footnotesize\\bfseries", "\\normalsize"])
    summary = r.choice([
        f"\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}", f"\\renewcommand{{\\abstractname}}{{\\large Abstract}}\\begin{{abstract}}\n{abstract}\n\\end{{abstract}}",
        f"\\begin{{abstract}}{small}\n{abstract}\n\\end{{abstract}}"])
    packages = [f"\\usepackage[letterpaper,{page}]{{geometry}}", fonts, "\\usepackage{titlesec}" + heads + run_in]
    if r.random() < 0.4: packages.append("\\usepackage{hyperref}")
    if r.random() < 0.3: packages.append("\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{5.5pt}")
    if r.random() < 0.4: packages.append("\\usepackage[font=small,labelfont=bf]{caption}")
    return FrontMatter("\\documentclass[10pt%s]{article}" % (",twocolumn" if two else ""), top + ["\\begin{document}", "\\maketitle", summary], packages)
