import Foundation

/// What a word looks like, told quickly: these run on every word of every page.
package struct TokenTypes: Sendable {
  /// Value with two decimals, in hundredths.
  package var cents: Int?
  /// Any number.
  var number: Double?
  package var flags: Set<Flag> = []

  package enum Flag: Int, CaseIterable, Sendable {
    case money, number, integer, percent, currencySign, currencyCode, date, datePart, year, month, iban, ibanPart, vat,
      bic
    case email, web, phone, allCapitals, capitalised, hasDigit, colon, punctuation, legalForm, postcode, bold, large,
      negative, long
    // Of the document as a whole.
    case largest, secondLargest, isTotal, isNet, isTax, repeated, columnSum, product, factor, firstDate, lastDate,
      onlyDate
  }

  private static let legalForms: Set<String> = [
    "gmbh", "ag", "kg", "ohg", "gbr", "ug", "e.k", "e.v", "ltd", "limited", "inc", "llc", "sarl", "s.a.r.l", "sas",
    "sa", "s.a",
    "eurl", "bv", "b.v", "nv", "n.v", "spa", "s.p.a", "srl", "s.r.l", "plc", "corp", "co", "mbh", "se", "s.l", "sl",
    "sdn", "bhd",
    "bvba", "vof", "pac", "company", "corporation", "enterprise", "trading", "llp", "s.n.c", "s.a.s", "snc", "sasu",
  ]

  static let months: Set<String> = {
    var names = Set<String>()
    for language in Wording.languages {
      for name in Wording.shared.all("months", language) {
        let name = name.lowercased()
        names.insert(name)
        names.insert(String(name.prefix(3)))
        names.insert(String(name.prefix(4)))
      }
    }
    return names.union(["sept", "janv", "févr", "juil", "déc", "okt", "mrt", "mär"])
  }()

  package init(_ text: String, folded: String) {
    let utf8 = Array(text.utf8)
    var digits = 0, letters = 0, capitals = 0, others = 0
    for byte in utf8 {
      switch byte {
      case 48...57: digits += 1
      case 65...90:
        letters += 1
        capitals += 1
      case 97...122: letters += 1
      case 128...: letters += 1
      default: others += 1
      }
    }
    func set(_ flag: Flag, _ condition: Bool) { if condition { flags.insert(flag) } }
    set(.hasDigit, digits > 0)
    set(.colon, utf8.last == UInt8(ascii: ":"))
    set(.punctuation, digits + letters == 0)
    set(.allCapitals, capitals >= 2 && capitals == letters)
    set(.capitalised, utf8.first.map { (65...90).contains($0) } ?? false)
    set(.long, utf8.count > 12)
    set(.currencySign, text.contains("€") || text.contains("$") || text.contains("£"))
    if digits == 0 {
      set(.currencyCode, utf8.count == 3 && ValueParsing.currencies.contains(text) || text == "RM")
      set(.month, letters > 2 && Self.months.contains(folded))
      set(.legalForm, letters > 1 && Self.legalForms.contains(folded))
      set(.bic, Self.isBIC(utf8))
      set(.email, utf8.contains(UInt8(ascii: "@")))
      set(.web, folded.hasPrefix("www.") || folded.hasPrefix("http"))
      return
    }
    set(.percent, utf8.last == UInt8(ascii: "%"))
    set(.email, utf8.contains(UInt8(ascii: "@")))
    set(.integer, digits == utf8.count)
    set(.year, digits == 4 && utf8.count <= 5 && (text.hasPrefix("19") || text.hasPrefix("20")))
    set(.postcode, digits >= 4 && digits <= 5 && others <= 1 && letters <= 2)
    set(.date, Self.looksLikeDate(utf8))
    set(
      .phone,
      digits >= 5 && letters == 0
        && utf8.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "(") })
    set(.bic, Self.isBIC(utf8))
    if letters >= 2, digits >= 2, utf8.count >= 8 {
      set(.iban, utf8.count >= 15 && ValueParsing.isIBAN(text))
      set(.vat, ValueParsing.isVATNumber(text))
    }
    set(.ibanPart, utf8.count == 4 && capitals == 2 && digits == 2 && (65...90).contains(utf8[0]))
    guard letters <= 5, !flags.contains(.date), let value = ValueParsing.amount(text) ?? Self.amountBehindLetters(text)
    else { return }
    number = value
    flags.insert(.number)
    set(.negative, value < 0)
    if abs(value) < 1e10, Self.hasTwoDecimals(utf8) {
      flags.insert(.money)
      cents = Int((value * 100).rounded())
    }
  }

  /// "RM29.70", "CHF12.00".
  static func amountBehindLetters(_ text: String) -> Double? {
    let rest = text.drop { $0.isLetter }
    guard rest.count < text.count, rest.count >= 4, text.count - rest.count <= 4 else { return nil }
    return ValueParsing.amount(String(rest))
  }

  private static func hasTwoDecimals(_ bytes: [UInt8]) -> Bool {
    var index = bytes.count - 1
    while index >= 0, !(48...57).contains(bytes[index]) { index -= 1 }
    guard index >= 3, (48...57).contains(bytes[index - 1]),
      bytes[index - 2] == UInt8(ascii: ".") || bytes[index - 2] == UInt8(ascii: ",")
    else { return false }
    return (48...57).contains(bytes[index - 3])
  }

  /// Three groups of digits (or two and a month's name) with separators.
  static func looksLikeDate(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 6 else { return false }
    var groups: [Int] = [], separators = 0, hasLetters = false, current = 0
    for (index, byte) in bytes.enumerated() {
      switch byte {
      case 48...57: current += 1
      case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."):
        separators += 1
        if current > 0 { groups.append(current) }
        current = 0
      // Slashes that text recognition took for letters: "05t26t20".
      case UInt8(ascii: "t"), UInt8(ascii: "I"), UInt8(ascii: "l"), UInt8(ascii: "|"):
        let isBetween = current > 0 && index + 1 < bytes.count && (48...57).contains(bytes[index + 1])
        if isBetween { separators += 1 } else { hasLetters = true }
        if current > 0 { groups.append(current) }
        current = 0
      case 65...90, 97...122, 128...:
        hasLetters = true
        if current > 0 { groups.append(current) }
        current = 0
      case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: ")"), UInt8(ascii: "("): break
      default: return false
      }
    }
    if current > 0 { groups.append(current) }
    guard separators >= 2, separators <= 3 else { return false }
    if hasLetters {
      return groups.count == 2 && groups[0] <= 2 && (groups[1] == 2 || groups[1] == 4) && bytes.count <= 14
    }
    guard groups.count == 3 else { return false }
    return groups[0] <= 2 && groups[1] <= 2 && (groups[2] == 2 || groups[2] == 4)
      || groups[0] == 4 && groups[1] <= 2 && groups[2] <= 2
  }

  private static func isBIC(_ bytes: [UInt8]) -> Bool {
    (bytes.count == 8 || bytes.count == 11) && bytes.prefix(6).allSatisfy { (65...90).contains($0) }
      && bytes.dropFirst(6).allSatisfy { (65...90).contains($0) || (48...57).contains($0) }
  }
}
