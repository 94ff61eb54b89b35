import DocumentModel
import Foundation

/// What a glyph of TeX's fonts is in LaTeX.
enum EquationSigns {
  /// A sign of the font of large signs: it hangs below the top of its box by so many times the font's size.
  struct Large {
    var latex: String
    var depth: Double
    var kind: EquationAtom.Kind
  }

  /// By the code in cmex10 (Knuth, "The TeXbook", appendix F).
  static func large(_ code: UInt32) -> Large? {
    let operators = ["\\sum", "\\prod", "\\int", "\\bigcup", "\\bigcap", "\\biguplus", "\\bigwedge", "\\bigvee"]
    let twelve = [
      "(", ")", "[", "]", "\\lfloor", "\\rfloor", "\\lceil", "\\rceil", "\\{", "\\}", "\\langle", "\\rangle",
    ]
    func fence(_ index: Int, _ depth: Double) -> Large {
      Large(latex: twelve[index], depth: depth, kind: index % 2 == 0 ? .open : .close)
    }
    switch code {
    case 0x00...0x0B: return fence(Int(code), 1.2)
    case 0x0C: return Large(latex: "|", depth: 0.6, kind: .ordinary)
    case 0x10, 0x11: return fence(Int(code - 0x10), 1.8)
    case 0x12...0x1D: return fence(Int(code - 0x12), 2.4)
    case 0x20...0x2B: return fence(Int(code - 0x20), 3.0)
    case 0x30...0x33: return fence(Int(code - 0x30), 1.8)
    case 0x38, 0x39: return fence(Int(code - 0x38) + 8, 0.9)
    case 0x44, 0x45: return fence(Int(code - 0x44) + 10, 1.8)
    case 0x48: return Large(latex: "\\oint", depth: 1.11, kind: .integral)
    case 0x49: return Large(latex: "\\oint", depth: 2.22, kind: .integral)
    case 0x50...0x57:
      let isIntegral = code == 0x52
      return Large(
        latex: operators[Int(code - 0x50)], depth: isIntegral ? 1.11 : 1.0,
        kind: isIntegral ? .integral : .largeOperator)
    case 0x58...0x5F:
      let isIntegral = code == 0x5A
      return Large(
        latex: operators[Int(code - 0x58)], depth: isIntegral ? 2.22 : 1.4,
        kind: isIntegral ? .integral : .largeOperator)
    case 0x60, 0x61: return Large(latex: "\\coprod", depth: 1.2, kind: .largeOperator)
    case 0x62...0x64: return Large(latex: "\\widehat", depth: 0.2, kind: .accent)
    case 0x65...0x67: return Large(latex: "\\widetilde", depth: 0.2, kind: .accent)
    case 0x68, 0x69: return fence(Int(code - 0x68) + 2, 1.8)
    case 0x6A...0x6D: return fence(Int(code - 0x6A) + 4, 1.8)
    case 0x6E, 0x6F: return fence(Int(code - 0x6E) + 8, 1.8)
    case 0x70: return Large(latex: "\\sqrt", depth: 1.2, kind: .radical)
    case 0x71: return Large(latex: "\\sqrt", depth: 1.8, kind: .radical)
    case 0x72: return Large(latex: "\\sqrt", depth: 2.4, kind: .radical)
    case 0x73: return Large(latex: "\\sqrt", depth: 3.0, kind: .radical)
    default: return nil
    }
  }

  /// Large operators of fonts that have Unicode's codes.
  static let operators: [Unicode.Scalar: String] = [
    "∑": "\\sum", "∏": "\\prod", "∐": "\\coprod", "⋃": "\\bigcup", "⋂": "\\bigcap", "⋁": "\\bigvee", "⋀": "\\bigwedge",
    "⨁": "\\bigoplus", "⨂": "\\bigotimes",
  ]

  /// Names of functions that are set upright.
  static let functions: Set<String> = [
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim", "exp", "gcd", "hom",
    "inf",
    "ker", "lg", "lim", "liminf", "limsup", "ln", "log", "max", "min", "Pr", "sec", "sin", "sinh", "sup", "tan", "tanh",
  ]
  /// Those that take their limits below.
  static let withLimits: Set<String> = ["det", "gcd", "inf", "lim", "liminf", "limsup", "max", "min", "Pr", "sup"]

  /// LaTeX of a character; the character itself where it stands for itself.
  static func latex(_ scalar: Unicode.Scalar, font: String) -> String {
    let character = Character(scalar)
    if scalar.isASCII, character.isLetter {
      if font.hasPrefix("MSBM") { return "\\mathbb{\(character)}" }
      if font.hasPrefix("CMSY") || font.hasPrefix("CMBSY") || font.hasPrefix("RSFS") || font.hasPrefix("EUSM") {
        return "\\mathcal{\(character)}"
      }
      if font.hasPrefix("EUFM") { return "\\mathfrak{\(character)}" }
      return String(character)
    }
    return table[scalar] ?? alphabet(scalar) ?? String(character)
  }

  /// A letter of Unicode's alphabets for mathematics (block 1D400) by its plain letter and the command of its alphabet.
  private static func alphabet(_ scalar: Unicode.Scalar) -> String? {
    let isLetterlike = (0x2100...0x214F).contains(scalar.value)
    guard (0x1D400...0x1D7FF).contains(scalar.value) || isLetterlike else { return nil }
    let plain = String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars
    guard plain.count == 1, let letter = plain.first, letter != scalar else { return nil }
    let text = table[letter] ?? String(letter)
    switch scalar.value {
    case 0x1D400...0x1D433, 0x1D468...0x1D49B, 0x1D7CE...0x1D7D7: return "\\mathbf{\(text)}"
    case 0x1D49C...0x1D503, 0x210B, 0x2110, 0x2112, 0x211B, 0x212C, 0x2130, 0x2131, 0x2133: return "\\mathcal{\(text)}"
    case 0x1D504...0x1D537, 0x1D56C...0x1D59F, 0x210C, 0x2111, 0x211C, 0x212D: return "\\mathfrak{\(text)}"
    case 0x1D538...0x1D56B, 0x2102, 0x210D, 0x2115, 0x2119, 0x211A, 0x211D, 0x2124: return "\\mathbb{\(text)}"
    default: return text
    }
  }

  static let accents: [Unicode.Scalar: String] = [
    "\u{302}": "\\hat", "\u{303}": "\\tilde", "\u{304}": "\\bar", "\u{305}": "\\bar", "\u{307}": "\\dot",
    "\u{308}": "\\ddot",
    "\u{20D7}": "\\vec", "\u{30C}": "\\check", "\u{306}": "\\breve", "\u{301}": "\\acute", "\u{300}": "\\grave",
    "\u{5E}": "\\hat", "\u{2C6}": "\\hat", "\u{2DC}": "\\tilde", "\u{AF}": "\\bar", "\u{2D9}": "\\dot",
    "\u{A8}": "\\ddot",
  ]

  private static let table: [Unicode.Scalar: String] = {
    var table: [Unicode.Scalar: String] = [
      "α": "\\alpha", "β": "\\beta", "γ": "\\gamma", "δ": "\\delta", "ϵ": "\\epsilon", "ε": "\\varepsilon",
      "ζ": "\\zeta",
      "η": "\\eta", "θ": "\\theta", "ϑ": "\\vartheta", "ι": "\\iota", "κ": "\\kappa", "λ": "\\lambda", "μ": "\\mu",
      "µ": "\\mu", "ν": "\\nu", "ξ": "\\xi", "π": "\\pi", "ϖ": "\\varpi", "ρ": "\\rho", "ϱ": "\\varrho", "σ": "\\sigma",
      "ς": "\\varsigma", "τ": "\\tau", "υ": "\\upsilon", "φ": "\\varphi", "ϕ": "\\phi", "χ": "\\chi", "ψ": "\\psi",
      "ω": "\\omega", "Γ": "\\Gamma", "Δ": "\\Delta", "∆": "\\Delta", "Θ": "\\Theta", "Λ": "\\Lambda", "Ξ": "\\Xi",
      "Π": "\\Pi", "Σ": "\\Sigma", "Υ": "\\Upsilon", "Φ": "\\Phi", "Ψ": "\\Psi", "\u{3A9}": "\\Omega",
      "\u{2126}": "\\Omega",
    ]
    let more: [(String, String)] = [
      ("−", "-"), ("·", "\\cdot"), ("×", "\\times"), ("∗", "*"), ("÷", "\\div"), ("±", "\\pm"), ("∓", "\\mp"),
      ("⊕", "\\oplus"), ("⊖", "\\ominus"), ("⊗", "\\otimes"), ("⊙", "\\odot"), ("◦", "\\circ"), ("∘", "\\circ"),
      ("•", "\\bullet"), ("≍", "\\asymp"), ("≡", "\\equiv"), ("⊆", "\\subseteq"), ("⊇", "\\supseteq"), ("≤", "\\leq"),
      ("≥", "\\geq"), ("⪯", "\\preceq"), ("⪰", "\\succeq"), ("∼", "\\sim"), ("≈", "\\approx"), ("⊂", "\\subset"),
      ("⊃", "\\supset"), ("≪", "\\ll"), ("≫", "\\gg"), ("≺", "\\prec"), ("≻", "\\succ"), ("←", "\\leftarrow"),
      ("→", "\\to"), ("↑", "\\uparrow"), ("↓", "\\downarrow"), ("↔", "\\leftrightarrow"), ("⇐", "\\Leftarrow"),
      ("⇒", "\\Rightarrow"), ("⇔", "\\Leftrightarrow"), ("≃", "\\simeq"), ("∝", "\\propto"), ("′", "'"),
      ("∞", "\\infty"), ("∈", "\\in"), ("∋", "\\ni"), ("∀", "\\forall"), ("∃", "\\exists"), ("¬", "\\neg"),
      ("∅", "\\emptyset"), ("ℜ", "\\Re"), ("ℑ", "\\Im"), ("⊤", "\\top"), ("⊥", "\\perp"), ("ℵ", "\\aleph"),
      ("∪", "\\cup"), ("∩", "\\cap"), ("∧", "\\wedge"), ("∨", "\\vee"), ("⊢", "\\vdash"), ("⟨", "\\langle"),
      ("〈", "\\langle"), ("⟩", "\\rangle"), ("〉", "\\rangle"), ("∣", "\\mid"), ("∥", "\\|"), ("‖", "\\|"),
      ("√", "\\sqrt"), ("∇", "\\nabla"), ("∫", "\\int"), ("∂", "\\partial"), ("ℓ", "\\ell"), ("℘", "\\wp"),
      ("ı", "\\imath"), ("ȷ", "\\jmath"), ("{", "\\{"), ("}", "\\}"), ("%", "\\%"), ("#", "\\#"), ("&", "\\&"),
      ("†", "\\dagger"), ("‡", "\\ddagger"), ("…", "\\ldots"), ("⋯", "\\cdots"), ("⋮", "\\vdots"), ("⋱", "\\ddots"),
      ("≠", "\\neq"), ("∉", "\\notin"), ("⌊", "\\lfloor"), ("⌋", "\\rfloor"), ("⌈", "\\lceil"), ("⌉", "\\rceil"),
      ("≲", "\\lesssim"), ("≳", "\\gtrsim"), ("⩽", "\\leqslant"), ("⩾", "\\geqslant"), ("ℏ", "\\hbar"),
      ("◻", "\\square"),
      ("△", "\\triangle"), ("⋆", "\\star"), ("≜", "\\triangleq"), ("↦", "\\mapsto"), ("∕", "/"), ("⋅", "\\cdot"),
      ("∮", "\\oint"), ("≔", ":="), ("⟶", "\\longrightarrow"),
    ]
    for (sign, latex) in more { table[sign.unicodeScalars.first!] = latex }
    return table
  }()
}
