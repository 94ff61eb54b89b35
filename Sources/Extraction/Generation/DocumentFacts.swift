import Foundation
import Tensor

/// What a made-up document is about, before it is laid out.
struct DocumentFacts {
  struct Party {
    var name: String
    var street: String
    var town: String
    var country: String?
    var taxID: String
    var person: String
    var email: String
    var phone: String
  }

  struct Item {
    var description: String
    var article: String
    var quantity: Double
    var unit: String
    var price: Double
    var discount: Double
    var rate: Double
    var amount: Double
  }

  struct Tax {
    var rate: Double
    var base: Double
    var amount: Double
  }

  /// "invoice", "credit_note", "receipt", "purchase_order", "statement" or "ad_order".
  var type: String
  var language: String
  var currency: String
  var vendor: Party
  var customer: Party
  var shipTo: Party
  var number: String
  var order: String
  var purchaseOrder: String
  var customerNumber: String
  var date: (year: Int, month: Int, day: Int)
  var due: (year: Int, month: Int, day: Int)
  var other: (year: Int, month: Int, day: Int)
  var days: Int
  var items: [Item]
  var taxes: [Tax]
  var subtotal: Double
  var totalTax: Double
  var total: Double
  var prepaid: Double
  var iban: String
  var bic: String
  var taxNumber: String

  var amountDue: Double { total - prepaid }

  init(type: String, language: String, _ random: inout CounterBasedRandom) {
    self.type = type
    self.language = language
    let country: String
    switch language {
    case "en": country = random.pick(["GB", "GB", "US", "US", "IE", "MY", "AU"])
    case "de": country = random.pick(["DE", "DE", "DE", "AT", "CH"])
    case "fr": country = random.pick(["FR", "FR", "FR", "BE", "CH"])
    case "nl": country = random.pick(["NL", "NL", "BE"])
    default: country = language.uppercased()
    }
    let currencies = ["GB": "GBP", "US": "USD", "CH": "CHF", "MY": "MYR", "AU": "AUD"]
    currency = random.chance(0.07) ? random.pick(["USD", "EUR", "GBP", "CHF"]) : currencies[country] ?? "EUR"
    vendor = Self.party(language, country, isCompany: true, &random)
    let other = random.chance(0.12) ? random.pick(Wording.languages) : language
    let customerCountry = other == language ? country : Self.country(of: other)
    customer = Self.party(other, customerCountry, isCompany: random.chance(0.8), &random)
    shipTo = Self.party(other, customerCountry, isCompany: true, &random)
    let year = random.integer(2008...2027)
    date = (year, random.integer(1...12), random.integer(1...28))
    days = random.pick([7, 8, 10, 14, 14, 15, 20, 21, 30, 30, 30, 45, 60])
    due = Self.later(date, by: days)
    self.other = Self.later(date, by: -random.integer(1...60))
    number = random.code(year: year)
    order = random.code(year: year)
    purchaseOrder =
      random.chance(0.5)
      ? random.code(year: year) : random.pick(["PO-", "PO", "45", "B", ""]) + random.digits(random.integer(4...8))
    customerNumber = random.pick(["", "", "K", "C-", "D"]) + random.digits(random.integer(3...7))
    iban = Self.iban(country, &random)
    bic = Self.bic(country, &random)
    taxNumber = Self.taxNumber(country, &random)

    let rates: [String: [Double]] = [
      "DE": [19, 7], "AT": [20, 10], "FR": [20, 5.5, 10], "BE": [21, 6], "CH": [7.7, 8.1, 2.5], "GB": [20, 5],
      "IE": [23, 13.5],
      "US": [8.25, 7, 6.5], "MY": [6], "AU": [10], "ES": [21, 10, 4], "IT": [22, 10, 4], "NL": [21, 9],
    ]
    let exempt = random.chance(0.1)
    let allRates = exempt ? [0] : rates[country] ?? [19]
    let main = random.chance(0.8) ? allRates[0] : random.pick(allRates)
    let isMixed = random.chance(0.2)
    let many = random.chance(0.12)
    let count =
      type == "statement"
      ? random.integer(2...8) : many ? random.integer(12...60) : 1 + Int(pow(random.uniform(), 1.8) * 9)
    let discounts = random.chance(0.1)
    let hourly = random.chance(0.15)
    items = (0..<count).map { _ in
      let quantity: Double
      switch random.integer(0...9) {
      case 0...2: quantity = 1
      case 3...6: quantity = Double(random.integer(1...20))
      case 7: quantity = Double(random.integer(10...500))
      default:
        quantity = hourly || random.chance(0.5) ? Double(random.integer(1...80)) / 4 : Double(random.integer(1...12))
      }
      let price = Self.cents(exp(random.normal() * 1.5 + 3.6))
      let discount = discounts && random.chance(0.5) ? Double(random.pick([5, 10, 15, 20, 50])) : 0
      let rate = isMixed ? random.pick(allRates) : main
      return Item(
        description: Self.good(language, &random),
        article: random.pick(["", "A", "TB", "ART-"]) + random.digits(random.integer(3...8)),
        quantity: quantity, unit: random.word("unit", language), price: price, discount: discount, rate: rate,
        amount: Self.cents(quantity * price * (1 - discount / 100)))
    }
    if type == "credit_note", random.chance(0.6) {
      for index in items.indices {
        items[index].quantity = -items[index].quantity; items[index].amount = -items[index].amount
      }
    }
    taxes = Set(items.map(\.rate)).sorted(by: >).map { [items] rate in
      let base = Self.cents(items.filter { $0.rate == rate }.reduce(0) { $0 + $1.amount })
      return Tax(rate: rate, base: base, amount: Self.cents(base * rate / 100))
    }
    subtotal = Self.cents(items.reduce(0) { $0 + $1.amount })
    totalTax = Self.cents(taxes.reduce(0) { $0 + $1.amount })
    total = Self.cents(subtotal + totalTax)
    prepaid = random.chance(0.1) ? Self.cents(total * random.pick([0.1, 0.25, 0.3, 0.5, 1])) : 0
  }

  static func cents(_ value: Double) -> Double { (value * 100).rounded() / 100 }

  static func country(of language: String) -> String {
    ["en": "GB", "de": "DE", "fr": "FR", "es": "ES", "it": "IT", "nl": "NL"][language] ?? "GB"
  }

  static func later(_ date: (year: Int, month: Int, day: Int), by days: Int) -> (year: Int, month: Int, day: Int) {
    // Months of 28 to 31 days do not matter here; 30 keeps the order.
    let number = date.year * 360 + (date.month - 1) * 30 + min(28, date.day) - 1 + days
    return (number / 360, number % 360 / 30 + 1, min(28, number % 30 + 1))
  }

  static func good(_ language: String, _ random: inout CounterBasedRandom) -> String {
    var text = random.word("good", language)
    if random.chance(0.15) { text = random.madeUpName() + " " + text }
    for _ in 0..<random.pick([0, 0, 1, 1, 2, 4, 7]) {
      text +=
        random.pick([" ", " ", ", ", " - "])
        + (random.chance(0.8) ? random.word("detail", language) : random.code(year: 2020))
    }
    return text
  }

  static func party(
    _ language: String, _ country: String, isCompany: Bool, _ random: inout CounterBasedRandom
  ) -> Party {
    let first = random.word("first", language), last = random.word("last", language)
    let person = "\(first) \(last)"
    var name = person
    if isCompany {
      let core: String
      switch random.integer(0...8) {
      case 0: core = "\(last) \(random.word("trade", language))"
      case 1: core = "\(random.madeUpName()) \(random.word("trade", language))"
      case 2: core = random.madeUpName()
      case 3:
        core = "\(last) & \(random.pick(["Co", "Sons", "Partner", "Söhne", "Fils", random.word("last", language)]))"
      case 4: core = "\(random.word("trade", language)) \(random.chance(0.5) ? last : random.word("town", language))"
      case 5:
        // "Taxiunternehmen Tovaris", "Autohaus-Müller", "Rohstoff-Handel".
        core =
          "\(random.madeUpName())\(random.pick(["-", " ", ""]))\(random.word("trade", language).lowercased()) \(random.chance(0.5) ? last : random.madeUpName())"
      case 6: core = "\(random.word("trade", language)) \(random.pick(["Dr.", "&", "-", "by", "am Park", ""])) \(last)"
      case 7: core = "\(random.madeUpName())-\(random.word("trade", language))"
      default: core = "\(first) \(last) \(random.word("trade", language)) \(random.word("trade", language))"
      }
      name = random.chance(0.8) ? "\(core) \(random.word("legal", language))" : core
      // "Kunden AG Mitte"
      if random.chance(0.12) {
        name +=
          " "
          + random.pick([
            random.word("town", language), "Mitte", "Nord", "Süd", "Europe", "International", "Deutschland", "Group",
            "Holding",
          ])
      }
      name = name.split(separator: " ").joined(separator: " ")
      if random.chance(0.12) { name = name.uppercased() }
    }
    let number = random.chance(0.9) ? "\(random.integer(1...199))\(random.pick(["", "", "", "a", "b", "-12"]))" : ""
    let street = random.word("street", language)
    let town = random.word("town", language)
    let streetLine: String
    let townLine: String
    switch country {
    case "DE", "AT", "CH":
      streetLine = "\(street) \(number)"
      townLine =
        "\(random.pick(["", "", "", "", "D-", "\(country)-"]))\(random.digits(country == "DE" ? 5 : 4)) \(town)"
    case "NL":
      streetLine = "\(street) \(number)"
      townLine = "\(random.integer(1000...9999)) \(random.pick(["AB", "CD", "KL", "XZ", "BM"])) \(town)"
    case "BE":
      streetLine = "\(street) \(number)"
      townLine = "\(random.pick(["", "", "B-"]))\(random.integer(1000...9999)) \(town)"
    case "FR":
      streetLine = "\(number), \(street)".trimmingCharacters(in: CharacterSet(charactersIn: " ,"))
      townLine = "\(random.digits(5)) \(random.chance(0.4) ? town.uppercased() : town)"
    case "ES":
      streetLine = "\(street), \(number)"
      townLine = "\(random.digits(5)) \(town)\(random.chance(0.3) ? " (\(town))" : "")"
    case "IT":
      streetLine = "\(street), \(number)"
      townLine = "\(random.digits(5)) \(town)\(random.chance(0.6) ? " (\(town.prefix(2).uppercased()))" : "")"
    case "US":
      streetLine = "\(random.integer(10...9999)) \(street)"
      townLine = "\(town), \(random.pick(["NY", "TX", "CA", "IL", "OR", "WA", "MA", "DC"])) \(random.digits(5))"
    case "MY":
      streetLine = "No. \(number), Jalan \(random.madeUpName()) \(random.integer(1...30))/\(random.integer(1...20)),"
      townLine =
        "\(random.digits(5)) \(random.pick(["Kuala Lumpur", "Johor Bahru", "Petaling Jaya", "Selangor", "Klang"]))"
    default:
      streetLine = "\(number) \(street)"
      townLine =
        random.chance(0.5)
        ? "\(town) \(random.pick(["SW", "LS", "M", "BS", "EC"]))\(random.integer(1...20)) \(random.integer(1...9))\(random.pick(["AB", "QT", "XY", "DL"]))"
        : "\(town), \(random.pick(["SW", "LS", "M", "BS"]))\(random.integer(1...20)) \(random.integer(1...9))\(random.pick(["AB", "QT"]))"
    }
    let domain =
      name.lowercased().filter { $0.isASCII && $0.isLetter }.prefix(12)
      + random.pick([".com", ".de", ".fr", ".co.uk", ".nl", ".it", ".es", ".eu"])
    return Party(
      name: name, street: streetLine.trimmingCharacters(in: .whitespaces), town: townLine,
      country: random.chance(0.3) ? random.word("country", language) : nil, taxID: vat(country, &random),
      person: person,
      email: "\(random.pick(["info", "office", "sales", "billing", first.lowercased()]))@\(domain)",
      phone: random.pick(["+49 ", "+33 ", "0", "(0", "+44 "]) + random.digits(3) + random.pick([" ", "-", "/", ") "])
        + random.digits(random.integer(5...8)))
  }

  static func vat(_ country: String, _ random: inout CounterBasedRandom) -> String {
    switch country {
    case "DE", "ES": return country + random.digits(9)
    case "GB":
      return random.chance(0.7)
        ? "GB" + random.digits(9) : "GB \(random.digits(3)) \(random.digits(4)) \(random.digits(2))"
    case "AT": return "ATU" + random.digits(8)
    case "CH":
      return "CHE-\(random.digits(3)).\(random.digits(3)).\(random.digits(3))" + random.pick(["", " MWST", " TVA"])
    case "FR": return random.chance(0.6) ? "FR" + random.digits(11) : "FR \(random.digits(2)) \(random.digits(9))"
    case "BE":
      return random.chance(0.5)
        ? "BE0" + random.digits(9) : "BE 0\(random.digits(3)).\(random.digits(3)).\(random.digits(3))"
    case "IT": return (random.chance(0.6) ? "IT" : "") + random.digits(11)
    case "NL": return "NL\(random.digits(9))B0\(random.integer(1...9))"
    case "IE": return "IE\(random.digits(7))\(random.pick(["A", "TH", "W"]))"
    case "US": return "\(random.digits(2))-\(random.digits(7))"
    case "MY": return random.digits(12)
    default: return random.digits(11)
    }
  }

  static func taxNumber(_ country: String, _ random: inout CounterBasedRandom) -> String {
    switch country {
    case "DE": "\(random.digits(random.integer(2...3)))/\(random.digits(3))/\(random.digits(5))"
    case "FR": "\(random.digits(3)) \(random.digits(3)) \(random.digits(3)) \(random.digits(5))"
    default: random.digits(random.integer(7...10))
    }
  }

  static func iban(_ country: String, _ random: inout CounterBasedRandom) -> String {
    let lengths = ["DE": 22, "AT": 20, "CH": 21, "FR": 27, "BE": 16, "NL": 18, "IT": 27, "ES": 24, "GB": 22, "IE": 22]
    let code = lengths[country] == nil ? "DE" : country
    var body = random.digits(lengths[code]! - 4)
    if ["NL", "GB", "IE"].contains(code) {
      body = random.pick(["INGB", "ABNA", "RABO", "BARC", "AIBK"]) + body.dropFirst(4)
    }
    if code == "IT" { body = random.pick(["X", "A", "K"]) + body.dropFirst() }
    var remainder = 0
    for character in body + code + "00" {
      let value = character.isNumber ? Int(String(character))! : Int(character.asciiValue! - 55)
      remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
    }
    return code + String(format: "%02d", 98 - remainder) + body
  }

  static func bic(_ country: String, _ random: inout CounterBasedRandom) -> String {
    let letters = "ABCDEFGHKLMNOPRSTU".map(String.init)
    let place = ["US", "MY", "AU"].contains(country) ? "DE" : country
    return (0..<4).map { _ in random.pick(letters) }.joined() + place
      + random.pick(["21", "FF", "2X", "MM", "22", "PP"])
      + random.pick(["", "XXX", "", "\(random.digits(3))"])
  }
}
