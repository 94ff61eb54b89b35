/// What environments hold, by their names. Authors' own environments are known by those that they are made of.
enum EnvironmentNames {
  static let figures: Set<String> = [
    "figure", "figure*", "wrapfigure", "SCfigure", "SCfigure*", "sidewaysfigure", "sidewaysfigure*", "marginfigure",
    "floatingfigure", "teaserfigure", "figwindow", "subfigure", "subfigure*", "turnfigure", "scheme", "scheme*",
    "chart", "graph",
  ]
  static let tables: Set<String> = [
    "table", "table*", "wraptable", "SCtable", "SCtable*", "sidewaystable", "sidewaystable*", "margintable",
    "floatingtable", "subtable", "deluxetable", "deluxetable*", "ctable", "turntable",
  ]
  static let tabulars: Set<String> = [
    "tabular", "tabular*", "tabularx", "tabulary", "longtable", "longtable*", "supertabular", "supertabular*",
    "xtabular", "xltabular", "tabu", "longtabu", "tblr", "longtblr", "NiceTabular", "tabbing", "mpsupertabular",
    "tabularray", "threeparttable", "ltxtable", "deluxetable", "deluxetable*",
  ]
  static let algorithms: Set<String> = [
    "algorithm", "algorithm*", "algorithm2e", "algorithm2e*", "algorithmic", "algorithmic*", "algo", "pseudocode",
    "procedure", "procedure*", "function", "function*", "algorithmfloat", "breakablealgorithm", "program", "pseudo",
  ]
  static let code: Set<String> = [
    "verbatim", "verbatim*", "lstlisting", "minted", "Verbatim", "Verbatim*", "BVerbatim", "LVerbatim", "SaveVerbatim",
    "alltt", "listing", "listing*", "spverbatim", "tcblisting", "code", "semiverbatim", "codeblock", "Highlighting",
  ]
  /// DocGenome's lists, and those that packages make in their manner. The bare list that they are all made of is none: authors set proofs
  /// and quotations with it.
  static let lists: Set<String> = [
    "itemize", "enumerate", "description", "compactitem", "compactenum", "compactdesc", "asparaenum",
    "asparaitem", "itemize*", "enumerate*", "description*", "tightitemize", "dinglist", "easylist", "tasks", "outline",
  ]
  static let pictures: Set<String> = [
    "tikzpicture", "pspicture", "pspicture*", "picture", "pgfpicture", "circuitikz", "forest", "overpic", "asy",
    "feynmandiagram", "psmatrix", "dependency", "prooftree", "qtree", "scope",
  ]
  /// Displays that carry no mark of their own.
  static let displays: Set<String> = [
    "IEEEeqnarray", "IEEEeqnarray*", "equation", "equation*", "align", "align*", "eqnarray", "eqnarray*", "gather",
    "gather*", "multline", "multline*", "displaymath", "flalign", "flalign*", "alignat", "alignat*", "dmath", "dmath*",
    "dgroup", "dgroup*", "subequations", "empheq",
  ]
  static let references: Set<String> = ["thebibliography", "thereferences", "references", "mcitethebibliography"]
  static let abstracts: Set<String> = [
    "abstract", "abstract*", "onecolabstract", "summary", "Abstract", "frontabstract",
  ]
  /// What stands in front of the text and is neither title nor abstract.
  static let front: Set<String> = [
    "maketitle", "frontmatter", "CCSXML", "keyword", "keywords", "IEEEkeywords",
  ]
}
