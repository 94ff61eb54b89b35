import DocumentModel

extension TableFinder {
  /// More digits than letters: "12.5 %", "1,234", "Q3 2021" is not.
  static func isNumeric(_ text: String) -> Bool {
    let digits = text.filter(\.isNumber).count
    return digits > 0 && digits * 2 >= text.filter { !$0.isWhitespace }.count
  }
}
