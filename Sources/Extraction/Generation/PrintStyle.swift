import Foundation
import Tensor

/// How one made-up document writes numbers, dates and labels.
struct PrintStyle {
  let language: String
  let currency: String
  private let decimal: String
  private let thousands: String
  /// Where the currency stands: 0 nowhere, 1 "€" behind, 2 "EUR" behind, 3 "$" glued in front, 4 "EUR" in front, 5 glued behind.
  let currencyPlace: Int
  private let dateFormat: Int
  private let colon: String
  private let letterCase: Int
  private let vatStyle: Int
  private let priceDecimals: Int
  private let quantityDecimals: Int
  let symbol: String

  init(_ facts: DocumentFacts, _ random: inout CounterBasedRandom) {
    language = facts.language
    currency = facts.currency
    symbol = ["EUR": "€", "USD": "$", "GBP": "£", "MYR": "RM", "AUD": "$"][facts.currency] ?? facts.currency
    switch facts.language {
    case "en":
      (decimal, thousands) = random.pick([(".", ","), (".", ","), (".", ","), (".", ""), (".", " ")])
      dateFormat = random.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14])
    case "fr":
      (decimal, thousands) = random.pick([(",", " "), (",", " "), (",", ""), (",", "."), (".", " ")])
      dateFormat = random.pick([0, 0, 0, 10, 11, 5, 12, 13])
    default:
      (decimal, thousands) =
        facts.currency == "CHF"
        ? random.pick([(".", "'"), (".", "’"), (".", "")])
        : random.pick([(",", "."), (",", "."), (",", "."), (",", ""), (".", ",")])
      dateFormat =
        facts.language == "de"
        ? random.pick([11, 11, 11, 11, 12, 15, 5, 16]) : random.pick([0, 0, 10, 11, 12, 13, 5, 2])
    }
    currencyPlace =
      facts.currency == "USD" || facts.currency == "GBP" || facts.currency == "MYR"
      ? random.pick([0, 3, 3, 3, 4, 2]) : random.pick([0, 0, 1, 1, 1, 2, 2, 4, 5])
    colon = random.pick([":", ":", ":", "", "", "", " :", "."])
    letterCase = random.pick([0, 0, 0, 0, 0, 1, 2, 3])
    vatStyle = random.integer(0...7)
    priceDecimals = random.pick([2, 2, 2, 2, 2, 3, 4])
    quantityDecimals = random.pick([0, 0, 0, 0, 2, 2, 3, 4])
  }

  func number(_ value: Double, decimals: Int = 2, minus: String = "-") -> String {
    let scaled = String(format: "%.\(decimals)f", abs(value))
    let parts = scaled.split(separator: ".")
    var whole = String(parts[0])
    if !thousands.isEmpty, whole.count > 3 {
      var grouped = ""
      for (index, digit) in whole.enumerated() {
        if index > 0, (whole.count - index) % 3 == 0 { grouped += thousands }
        grouped.append(digit)
      }
      whole = grouped
    }
    return (value < 0 ? minus : "") + whole + (parts.count > 1 ? decimal + parts[1] : "")
  }

  /// An amount with its currency as the document writes it.
  func money(_ value: Double, _ field: String?, place: Int? = nil) -> [Piece] {
    let text = number(value)
    switch place ?? currencyPlace {
    case 1: return [Piece(text, field), Piece(symbol)]
    case 2: return [Piece(text, field), Piece(currency)]
    case 3: return [Piece(value < 0 ? "-\(symbol)\(number(-value))" : symbol + text, field)]
    case 4: return [Piece(random4(symbol)), Piece(text, field)]
    case 5: return [Piece(text + symbol, field)]
    default: return [Piece(text, field)]
    }
  }

  private func random4(_ symbol: String) -> String { currency == "MYR" || vatStyle < 4 ? symbol : currency }

  func price(_ value: Double) -> String { number(value, decimals: priceDecimals) }

  func quantity(_ value: Double) -> String {
    number(value, decimals: value == value.rounded() ? quantityDecimals : max(2, quantityDecimals))
  }

  func rate(_ value: Double) -> String {
    let decimals = value != value.rounded() ? 1 : vatStyle % 3 == 0 ? 2 : 0
    return number(value, decimals: decimals) + (vatStyle % 2 == 0 ? "%" : " %")
  }

  func date(_ date: (year: Int, month: Int, day: Int)) -> String {
    let (y, m, d) = (date.year, date.month, date.day)
    let name = Wording.shared.all("months", language)[m - 1]
    func two(_ n: Int) -> String { String(format: "%02d", n) }
    switch dateFormat {
    case 0: return "\(two(d))/\(two(m))/\(y)"
    case 1: return "\(d) \(name) \(y)"
    case 2: return "\(two(d))-\(two(m))-\(y)"
    case 3: return "\(two(d)) \(name.prefix(3)) \(y)"
    case 4: return "\(name) \(d), \(y)"
    case 5: return "\(y)-\(two(m))-\(two(d))"
    case 6: return "\(two(d))-\(name.prefix(3))-\(y % 100)"
    case 7: return "\(two(d))/\(two(m))/\(two(y % 100))"
    case 8:
      return
        "\(d)\(d % 10 == 1 && d != 11 ? "st" : d % 10 == 2 && d != 12 ? "nd" : d % 10 == 3 && d != 13 ? "rd" : "th") \(name) \(y)"
    case 9: return "\(name.prefix(3)) \(d), \(y)"
    case 10: return "\(d) \(name) \(y)"
    case 12: return "\(two(d)).\(two(m)).\(two(y % 100))"
    case 13: return "\(two(d))/\(two(m))/\(two(y % 100))"
    case 14: return "\(two(d))-\(name.prefix(3).uppercased())-\(y)"
    case 15: return "\(d). \(name) \(y)"
    case 16: return "\(d).\(m).\(y)"
    default: return "\(two(d)).\(two(m)).\(y)"
    }
  }

  /// Label in the document's manner.
  func label(_ subject: String, _ random: inout CounterBasedRandom, colon: Bool = true) -> String {
    var text = random.word(subject, language)
    if random.chance(0.03) { text += " / " + random.word(subject, language == "en" ? "de" : "en") }
    switch letterCase {
    case 1: text = text.uppercased()
    case 2: text = text.lowercased()
    case 3: text = text.capitalized
    default: break
    }
    return colon && !text.hasSuffix(".") && !text.hasSuffix("#") || colon && self.colon == ":"
      ? text + self.colon : text
  }

  static func iso(_ date: (year: Int, month: Int, day: Int)) -> String {
    String(format: "%04d-%02d-%02d", date.year, date.month, date.day)
  }
}
