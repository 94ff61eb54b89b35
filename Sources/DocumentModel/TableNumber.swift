/// A number as people print them in tables: "1,234.5", "1.234,5 €", "(12.3)", "−0.5 %", "1 234", "0.91 ± 0.02", "12*".
public struct TableNumber: Hashable, Sendable {
  public var value: Double
  /// "%", "€", "kg": what stands behind or before the number; nil for none.
  public var unit: String?

  /// - Parameter decimalComma: how "1,234" is meant, where the text alone cannot tell.
  /// - Returns: nil for text that is no number.
  public init?(_ text: String, decimalComma: Bool = false) {
    var rest = Substring(text).trimmingSpaces()
    guard rest.count <= 60, rest.contains(where: \.isNumber) else { return nil }
    var sign = 1.0
    if rest.hasPrefix("("), rest.hasSuffix(")"), rest.count > 2 {
      sign = -1
      rest = rest.dropFirst().dropLast().trimmingSpaces()
    }
    // Currency or sign in front.
    var before = ""
    while let first = rest.first, !first.isASCIIDigit, first != "." || !Self.startsWithPoint(rest) {
      if "-−–".contains(first) {
        sign = -sign
      } else if first == "+" || first == " " || first == "~" || first == "≈" || first == "<" || first == ">" {
      } else {
        before.append(first)
        guard before.count <= 4 else { return nil }
      }
      rest = rest.dropFirst()
    }
    guard before.isEmpty || Self.isUnit(before) else { return nil }
    let digits = rest.prefix { $0.isASCIIDigit || ".,'’ \u{A0}\u{2009}\u{202F}".contains($0) }.trimmingSpaces()
    guard let value = Self.value(digits, decimalComma: decimalComma) else { return nil }
    var behind = rest[digits.endIndex...].trimmingSpaces()
    // The spread of a measurement and footnote marks do not change the number.
    for mark in ["±", "+/-", "("] {
      if let at = behind.firstRange(of: mark)?.lowerBound, at == behind.startIndex { behind = "" }
    }
    while let last = behind.last, "*†‡§ᵃᵇᶜ".contains(last) { behind = behind.dropLast().trimmingSpaces() }
    guard behind.isEmpty || Self.isUnit(String(behind)) else { return nil }
    self.value = sign * value
    let unit = behind.isEmpty ? before : String(behind)
    self.unit = unit.isEmpty ? nil : unit
  }

  private static func startsWithPoint(_ text: Substring) -> Bool { text.dropFirst().first?.isASCIIDigit == true }

  /// A currency, a percent sign, or the letters of a measure.
  private static func isUnit(_ text: String) -> Bool {
    let known: Set<String> = [
      "%", "‰", "€", "$", "£", "¥", "°", "°C", "°F", "EUR", "USD", "GBP", "CHF", "JPY", "kg", "g", "mg", "t", "m", "cm",
      "mm", "km", "s", "ms", "h", "min", "d", "K", "M", "B", "k", "GB", "MB", "KB", "TB", "Hz", "kHz", "MHz", "GHz",
      "W", "kW", "MW", "kWh", "MWh", "V", "A", "l", "ml", "m²", "km²", "m³", "pp", "x", "×", "US$", "bn", "mn", "Mio.",
      "Mio", "Mrd.", "ha", "dB", "°c", "μm", "µm", "nm", "Pa", "kPa", "bar", "J", "kJ", "N", "mol", "eV", "px", "pt",
      "in", "ft", "lb", "oz", "mi", "mph",
    ]
    return known.contains(text)
  }

  /// "1.234.567,89" and its relatives.
  private static func value(_ text: Substring, decimalComma: Bool) -> Double? {
    guard text.first?.isASCIIDigit == true || text.first == "." else { return nil }
    var groups: [Substring] = []
    var marks: [Character] = []
    var start = text.startIndex
    for index in text.indices where !text[index].isASCIIDigit {
      groups.append(text[start..<index])
      marks.append(text[index])
      start = text.index(after: index)
    }
    groups.append(text[start...])
    guard groups.dropFirst().allSatisfy({ !$0.isEmpty }) else { return nil }
    let joined = groups.joined()
    guard joined.count <= 18 else { return nil }
    guard let last = marks.last else { return Double(joined) }
    let tail = groups[groups.count - 1]
    let isThousands =
      groups.dropFirst().allSatisfy { $0.count == 3 } && (1...3).contains(groups[0].count) && groups[0] != "0"
    let isSpace = !".,".contains(last)
    let isDecimal: Bool
    if isSpace {
      guard isThousands else { return nil }
      isDecimal = false
    } else if Set(marks).count > 1 {
      // The last of two kinds of marks is the decimal one.
      guard marks.filter({ $0 == last }).count == 1, groups.dropFirst().dropLast().allSatisfy({ $0.count == 3 }) else {
        return nil
      }
      isDecimal = true
    } else if marks.count > 1 {
      guard isThousands else { return nil }
      isDecimal = false
    } else {
      isDecimal = last == "," ? (decimalComma || !isThousands) : !(decimalComma && isThousands)
    }
    guard isDecimal else { return Double(joined) }
    return Double("\(groups.dropLast().joined().isEmpty ? "0" : groups.dropLast().joined()).\(tail)")
  }

  /// True when a column of texts uses the comma for decimals: some number has it where no thousands can be.
  public static func usesDecimalComma(_ texts: [String]) -> Bool {
    var comma = 0
    var point = 0
    for text in texts {
      let digits = text.drop { !$0.isASCIIDigit }.prefix { $0.isASCIIDigit || ".,".contains($0) }
      guard let mark = digits.lastIndex(where: { ".,".contains($0) }) else { continue }
      let tail = digits[digits.index(after: mark)...]
      guard !tail.isEmpty,
        tail.count != 3
          || digits.filter({ ".,".contains($0) }).count > 1 && Set(digits.filter { ".,".contains($0) }).count > 1
      else { continue }
      if digits[mark] == "," { comma += 1 } else { point += 1 }
    }
    return comma > point
  }

  /// Gives cells their number, by what the whole table tells about its decimal sign.
  public static func fill(_ cells: inout [TableCell]) {
    let comma = usesDecimalComma(cells.map(\.text))
    for index in cells.indices {
      guard let number = TableNumber(cells[index].text, decimalComma: comma) else { continue }
      cells[index].value = number.value
      cells[index].unit = number.unit
    }
  }
}

extension Character { fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) } }

extension Substring {
  fileprivate func trimmingSpaces() -> Substring {
    var text = self
    while let first = text.first, first.isWhitespace { text = text.dropFirst() }
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    return text
  }
}
