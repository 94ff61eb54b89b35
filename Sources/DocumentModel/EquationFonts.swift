/// Which fonts TeX sets mathematics in (Knuth, "The TeXbook", appendix F).
public enum EquationFonts {
  private static let families = [
    "CMMI", "CMSY", "CMEX", "CMBSY", "MSBM", "MSAM", "EUFM", "RSFS", "CMMIB", "LMMath", "EURM", "EUSM",
  ]

  /// True for a font of mathematics in TeX's encodings.
  public static func isTeX(_ font: String) -> Bool { families.contains { font.hasPrefix($0) } }

  /// True for a font of mathematics, TeX's or another's.
  public static func isMathematics(_ style: TextStyle) -> Bool { style.math || isTeX(style.font) }

  /// True for the font of large operators and delimiters, whose codes are not those of letters.
  public static func isLargeSigns(_ font: String) -> Bool {
    font.hasPrefix("CMEX") || font.hasPrefix("LMMathExtension")
  }
}
