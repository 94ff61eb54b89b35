import Foundation

/// Reads amounts with either decimal sign, dates in six languages, IBANs and VAT ids.
public enum ValueParsing {
  private static let months: [String: Int] = {
    let names = [
      "jan january janvier januar jänner enero gennaio januari",
      "feb february février fevrier februar febrero febbraio februari fév",
      "mar march mars märz maerz mrz marzo maart", "apr april avril abril aprile avr", "may mai mayo maggio mei",
      "jun june juin juni junio giugno", "jul july juillet juli julio luglio juil",
      "aug august août aout agosto augustus",
      "sep sept september septembre septiembre settembre", "oct october octobre oktober okt octubre ottobre",
      "nov november novembre noviembre", "dec december décembre decembre dezember dez diciembre dicembre",
    ]
    var result: [String: Int] = [:]
    for (index, list) in names.enumerated() {
      for name in list.split(separator: " ") { result[String(name)] = index + 1 }
    }
    return result
  }()

  /// A number such as 1.234,56 or 1,234.56 or 1 234,56 or (12.00) or 5,00-; currency signs around it are ignored.
  public static func amount(_ text: String) -> Double? {
    var body = text.trimmingCharacters(in: .whitespaces)
    let signs = ["EUR", "USD", "CHF", "GBP", "€", "$", "£", "DKK", "SEK", "NOK", "PLN", "%"]
    for sign in signs { body = body.replacing(sign, with: "") }
    body = body.trimmingCharacters(in: .whitespaces)
    var isNegative = false
    if body.hasPrefix("("), body.hasSuffix(")") {
      isNegative = true
      body = String(body.dropFirst().dropLast())
    }
    if body.hasSuffix("-") || body.hasPrefix("-") || body.hasPrefix("−") || body.hasPrefix("–") {
      isNegative.toggle()
      body = body.trimmingCharacters(in: CharacterSet(charactersIn: "-−– "))
    }
    guard body.contains(where: \.isNumber),
      body.allSatisfy({ ($0.isASCII && $0.isNumber) || ".,' \u{A0}\u{202F}’".contains($0) })
    else {
      return nil
    }
    let compact = body.filter { !" '\u{A0}\u{202F}’".contains($0) }
    let last = compact.lastIndex { $0 == "." || $0 == "," }
    var digits = compact
    if let last {
      let sign = compact[last]
      let tail = compact[compact.index(after: last)...]
      let others = compact.filter { $0 == "." || $0 == "," }
      let isThousands =
        tail.count == 3 && others.allSatisfy { $0 == sign } && compact.prefix(upTo: last).count <= 3 * others.count
        && !compact.hasPrefix("0")
      let head = compact[..<last].filter(\.isNumber)
      digits = isThousands ? head + tail : head + "." + tail
      guard tail.allSatisfy(\.isNumber) else { return nil }
    }
    guard digits.count < 16, let value = Double(digits) else { return nil }
    return isNegative ? -value : value
  }

  /// True for a number written with two decimals, as money is.
  public static func looksLikeMoney(_ text: String) -> Bool {
    let body = text.filter { !$0.isWhitespace && !"€$£()-−+".contains($0) }.replacing("EUR", with: "").replacing(
      "USD", with: "")
    guard body.count >= 4, let sign = body.dropLast(2).last, sign == "." || sign == "," else { return false }
    return body.suffix(2).allSatisfy(\.isNumber) && body.first?.isNumber == true
  }

  /// ISO 8601 date of the first date in the text; `dayFirst` decides 3/4/2024.
  public static func date(_ text: String, dayFirst: Bool = true) -> String? {
    var lower = text.lowercased()
    // Slashes that text recognition took for letters, as in "05t26t20".
    if let match = lower.wholeMatch(of: /(\d{1,2})[til|](\d{1,2})[til|](\d{4}|\d{2})/) {
      lower = "\(match.1)/\(match.2)/\(match.3)"
    }
    if let match = lower.firstMatch(of: /(?:^|[^\d])(\d{4})[-\/.](\d{1,2})[-\/.](\d{1,2})(?!\d)/) {
      return iso(Int(match.1), Int(match.2), Int(match.3))
    }
    if let match = lower.firstMatch(of: /(?:^|[^\d.])(\d{1,2})[-\/.]\s?(\d{1,2})[-\/.]\s?(\d{4}|\d{2})(?!\d)/) {
      guard let a = Int(match.1), let b = Int(match.2), let year = Int(match.3) else { return nil }
      let (day, month) = a > 12 || (b <= 12 && (dayFirst || lower[match.range].contains("."))) ? (a, b) : (b, a)
      return iso(year, month, day)
    }
    if let match = lower.firstMatch(
      of: /(\d{1,2})(?:st|nd|rd|th|\.|er)?[\s\-]*(?:of |de )?(\p{L}{3,})\.?,?[\s\-]*(?:de )?(\d{4}|\d{2})(?!\d)/),
      let month = months[String(match.2)]
    {
      return iso(Int(match.3), month, Int(match.1))
    }
    if let match = lower.firstMatch(of: /(\p{L}{3,})\.?\s*(\d{1,2})(?:st|nd|rd|th)?,?\s*(\d{4})/),
      let month = months[String(match.1)]
    {
      return iso(Int(match.3), month, Int(match.2))
    }
    if let match = lower.wholeMatch(of: /(\d{4})(\d{2})(\d{2})/) {
      return iso(Int(match.1), Int(match.2), Int(match.3))
    }
    return nil
  }

  private static func iso(_ year: Int?, _ month: Int?, _ day: Int?) -> String? {
    guard var year, let month, let day, (1...12).contains(month), (1...31).contains(day) else { return nil }
    if year < 100 { year += year < 70 ? 2000 : 1900 }
    guard (1900...2100).contains(year) else { return nil }
    return String(format: "%04d-%02d-%02d", year, month, day)
  }

  /// Checks the two digits of an IBAN (ISO 13616, modulo 97).
  public static func isIBAN(_ text: String) -> Bool {
    let compact = text.uppercased().filter { !$0.isWhitespace }
    guard (15...34).contains(compact.count), compact.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }),
      compact.prefix(2).allSatisfy(\.isLetter), compact.dropFirst(2).prefix(2).allSatisfy(\.isNumber)
    else { return false }
    var remainder = 0
    for character in compact.dropFirst(4) + compact.prefix(4) {
      let value = character.isNumber ? Int(character.asciiValue! - 48) : Int(character.asciiValue! - 55)
      remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
    }
    return remainder == 1
  }

  /// True for the shape of a VAT number of an EU state, Switzerland or the United Kingdom.
  public static func isVATNumber(_ text: String) -> Bool {
    let compact = text.uppercased().filter { $0.isLetter || $0.isNumber }
    if compact.hasPrefix("CHE") {
      return compact.dropFirst(3).prefix(9).count == 9 && compact.dropFirst(3).prefix(9).allSatisfy(\.isNumber)
    }
    guard let lengths = vatLengths[String(compact.prefix(2))] else { return false }
    let rest = compact.dropFirst(2)
    return lengths.contains(rest.count) && rest.filter(\.isNumber).count >= rest.count - 3
  }

  private static let vatLengths: [String: ClosedRange<Int>] = [
    "DE": 9...9, "AT": 9...9, "FR": 11...11, "IT": 11...11, "ES": 9...9, "NL": 12...12, "BE": 10...10, "LU": 8...8,
    "DK": 8...8, "SE": 12...12, "FI": 8...8, "PL": 10...10, "CZ": 8...10, "IE": 8...9, "PT": 9...9, "GB": 9...12,
    "EL": 9...9, "HU": 8...8, "SK": 10...10, "SI": 8...8, "RO": 2...10, "BG": 9...10, "HR": 11...11, "EE": 9...9,
    "LV": 11...11, "LT": 9...12, "CY": 9...9, "MT": 8...8,
  ]

  public static let currencies: Set<String> = [
    "EUR", "USD", "GBP", "CHF", "DKK", "SEK", "NOK", "PLN", "CZK", "HUF", "RON", "BGN", "JPY", "CNY", "CAD", "AUD",
    "INR", "BRL", "MXN", "ZAR", "TRY", "SGD", "HKD", "NZD", "KRW", "MYR", "THB", "ILS", "AED", "SAR", "ISK", "UAH",
  ]
}
