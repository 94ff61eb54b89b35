import Foundation

/// Points in time as files write them, in seconds since 1970, UTC.
enum CalendarTime {
  /// How `03/04/2024` is meant.
  enum Order: CaseIterable { case monthFirst, dayFirst }

  /// Seconds since 1970 of what is written.
  ///
  /// Understood are ISO 8601 dates and times with an optional zone (2024-05-31, 2024-05-31T13:00:00.5+02:00), months (2024-05,
  /// 202405, May 2024), quarters (2024-Q2), ISO weeks (2024-W22), years, 20240531, 31.05.2024, 5/31/2024, 31 May 2024,
  /// and Unix times of 10 (seconds) or 13 digits (milliseconds).
  /// - Parameter order: of day and month where both are numbers between slashes.
  static func parse(_ text: String, order: Order = .monthFirst) -> Double? {
    let bytes = Array(text.utf8)
    guard (4...40).contains(bytes.count), bytes.allSatisfy({ $0 < 128 }) else { return nil }
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return date(bytes[...], order) }
    // The hour is the digits before the first colon.
    var hour = colon
    while hour > 0, isDigit(bytes[hour - 1]), colon - hour < 2 { hour -= 1 }
    guard hour < colon, hour > 0, let time = timeOfDay(bytes[hour...]) else { return nil }
    var end = hour
    while end > 0, [UInt8(ascii: " "), UInt8(ascii: "T"), UInt8(ascii: "t")].contains(bytes[end - 1]) { end -= 1 }
    guard end < hour, let day = date(bytes[..<end], order) else { return nil }
    return day + time
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

  /// HH:MM[:SS[.fraction]] with AM or PM, Z, UTC or an offset behind it.
  private static func timeOfDay(_ bytes: ArraySlice<UInt8>) -> Double? {
    var fields: [Double] = [], index = bytes.startIndex
    func number(_ most: Int) -> Double? {
      var value = 0.0, digits = 0
      while index < bytes.endIndex, isDigit(bytes[index]), digits < most {
        value = value * 10 + Double(bytes[index] - 48)
        (index, digits) = (index + 1, digits + 1)
      }
      return digits > 0 ? value : nil
    }
    while fields.count < 3, let value = number(2) {
      fields.append(value)
      guard index < bytes.endIndex, bytes[index] == UInt8(ascii: ":") else { break }
      index += 1
    }
    guard fields.count >= 2, fields[0] <= 24, fields[1] < 60, fields.count < 3 || fields[2] < 61 else { return nil }
    var seconds = fields[0] * 3600 + fields[1] * 60 + (fields.count > 2 ? fields[2] : 0)
    if fields.count == 3, index < bytes.endIndex, bytes[index] == UInt8(ascii: ".") || bytes[index] == UInt8(ascii: ",")
    {
      index += 1
      let first = index
      guard let fraction = number(12) else { return nil }
      seconds += fraction / pow(10, Double(index - first))
    }
    let rest = String(decoding: bytes[index...], as: UTF8.self).trimmingCharacters(in: .whitespaces).uppercased()
    switch rest {
    case "", "Z", "UTC", "GMT": return seconds
    case "AM" where fields[0] <= 12: return seconds - (fields[0] == 12 ? 43200 : 0)
    case "PM" where fields[0] <= 12: return seconds + (fields[0] == 12 ? 0 : 43200)
    default:
      let digits = rest.dropFirst().filter { $0 != ":" }
      guard let sign = rest.first, "+-".contains(sign), digits.count == 2 || digits.count == 4, let value = Int(digits)
      else { return nil }
      let (hours, minutes) = digits.count == 2 ? (value, 0) : (value / 100, value % 100)
      guard hours <= 15, minutes < 60 else { return nil }
      return seconds - (sign == "+" ? 1 : -1) * Double(hours * 3600 + minutes * 60)
    }
  }

  private static func date(_ bytes: ArraySlice<UInt8>, _ order: Order) -> Double? {
    // Runs of digits and of letters, and what stands between the first two.
    var numbers: [(value: Int, digits: Int)] = [], words: [String] = [], separators: Set<UInt8> = []
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let first = index
      if isDigit(bytes[index]) {
        var value = 0
        while index < bytes.endIndex, isDigit(bytes[index]) {
          guard index - first < 13 else { return nil }
          value = value * 10 + Int(bytes[index] - 48)
          index += 1
        }
        numbers.append((value, index - first))
      } else if bytes[index] | 32 >= 97, bytes[index] | 32 <= 122 {
        while index < bytes.endIndex, bytes[index] | 32 >= 97, bytes[index] | 32 <= 122 { index += 1 }
        words.append(String(decoding: bytes[first..<index], as: UTF8.self).lowercased())
      } else {
        guard [32, 44, 45, 46, 47].contains(bytes[index]), first > bytes.startIndex else { return nil }
        separators.insert(bytes[index])
        index += 1
      }
    }
    guard (1...3).contains(numbers.count), words.count <= 1 else { return nil }
    let year = numbers.firstIndex { $0.digits == 4 }
    if let word = words.first {
      guard let year, numbers.count <= 2 else { return nil }
      let other = numbers.count == 2 ? numbers[1 - year].value : nil
      if word == "q", let quarter = other, (1...4).contains(quarter) {
        return seconds(numbers[year].value, 3 * quarter - 2, 1)
      }
      if word == "w", year == 0, let week = other, (1...53).contains(week) {
        // The week that has the fourth of January is the first.
        let fourth = days(numbers[0].value, 1, 4)
        return Double(fourth - weekday(fourth) + 7 * (week - 1)) * 86400
      }
      guard
        let month = months.firstIndex(where: {
          word == $0 || word == $0.prefix(3) || (word == "sept" && $0 == "september")
        })
      else { return nil }
      return seconds(numbers[year].value, month + 1, other ?? 1)
    }
    let v = numbers.map(\.value)
    switch (numbers.count, year) {
    case (1, 0): return seconds(v[0], 1, 1)
    case (1, nil) where numbers[0].digits == 8:
      return (1800...2200).contains(v[0] / 10000) ? seconds(v[0] / 10000, v[0] / 100 % 100, v[0] % 100) : nil
    case (1, nil) where numbers[0].digits == 6:
      return (1800...2200).contains(v[0] / 100) ? seconds(v[0] / 100, v[0] % 100, 1) : nil
    case (1, nil) where numbers[0].digits == 10: return Double(v[0])
    case (1, nil) where numbers[0].digits == 13: return Double(v[0]) / 1000
    // 1949.08 is a number, not August.
    case (2, 0) where separators != [46]: return seconds(v[0], v[1], 1)
    case (2, 1) where separators != [46]: return seconds(v[1], v[0], 1)
    case (3, 0): return seconds(v[0], v[1], v[2])
    case (3, 2):
      let isDayFirst = separators == [46] || order == .dayFirst
      return isDayFirst ? seconds(v[2], v[1], v[0]) : seconds(v[2], v[0], v[1])
    default: return nil
    }
  }

  private static let months = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
  ]

  private static func seconds(_ year: Int, _ month: Int, _ day: Int) -> Double? {
    guard (1000...3000).contains(year), (1...12).contains(month), day >= 1, day <= length(year, month) else {
      return nil
    }
    return Double(days(year, month, day)) * 86400
  }

  /// Days of a month.
  static func length(_ year: Int, _ month: Int) -> Int {
    days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - days(year, month, 1)
  }

  /// Days since 1970 in the Gregorian calendar, counted in years that start in March.
  static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = y / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
  }

  /// The date of a day since 1970.
  static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719468
    let era = (shifted >= 0 ? shifted : shifted - 146096) / 146097
    let dayOfEra = shifted - era * 146097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    return (
      yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9,
      dayOfYear - (153 * month + 2) / 5 + 1
    )
  }

  /// 0 for Monday.
  static func weekday(_ days: Int) -> Int { ((days + 3) % 7 + 7) % 7 }

  /// The day in which a time lies.
  static func day(_ seconds: Double) -> Int { Int((seconds / 86400).rounded(.down)) }

  /// Months since year 0.
  static func month(_ seconds: Double) -> Int {
    let date = date(day(seconds))
    return date.year * 12 + date.month - 1
  }

  /// Working days since a fixed Monday; Saturday and Sunday count as the Monday after them.
  static func businessDay(_ seconds: Double) -> Int {
    let monday = day(seconds) - weekday(day(seconds))
    return (monday + 3) / 7 * 5 + min(5, weekday(day(seconds)))
  }

  /// ISO 8601: a date where the time of day is midnight and `showsTime` is false, else date and time.
  static func text(_ seconds: Double, showsTime: Bool) -> String {
    let day = day(seconds), date = date(day)
    let text = String(format: "%04d-%02d-%02d", date.year, date.month, date.day)
    guard showsTime else { return text }
    let rest = Int((seconds - Double(day) * 86400).rounded(.down))
    return text + String(format: "T%02d:%02d:%02d", rest / 3600, rest / 60 % 60, rest % 60)
  }
}

extension Frequency {
  /// Calendar months of a step; nil for steps of fixed length.
  var months: Int? {
    switch unit {
    case .month: multiple
    case .quarter: 3 * multiple
    case .year: 12 * multiple
    default: nil
    }
  }

  /// The time `steps` steps after a start. A month's last day stays the last day.
  func time(_ steps: Int, after start: Double) -> Double {
    if let months {
      let day = CalendarTime.day(start), date = CalendarTime.date(day)
      let month = date.year * 12 + date.month - 1 + months * steps
      let (year, next) = (month / 12, month % 12 + 1)
      let isLast = date.day == CalendarTime.length(date.year, date.month) && date.day > 27
      let length = CalendarTime.length(year, next)
      let moved = CalendarTime.days(year, next, isLast ? length : min(date.day, length))
      return start + Double(moved - day) * 86400
    }
    guard unit == .businessDay else { return start + (seconds ?? 1) * Double(steps) }
    let day = CalendarTime.day(start)
    let weekday = min(4, CalendarTime.weekday(day))
    let moved = weekday + steps * multiple
    let weeks = Int((Double(moved) / 5).rounded(.down))
    let last = day - CalendarTime.weekday(day) + 7 * weeks + (moved - 5 * weeks)
    return start + Double(last - day) * 86400
  }

  /// As people say it: "month", "15 minutes".
  var words: String {
    let name = unit == .businessDay ? "working day" : unit.rawValue
    return multiple == 1 ? name : "\(multiple) \(name)s"
  }

  /// The code that stands in files: "M", "15min".
  public var code: String {
    let codes: [Unit: String] = [
      .year: "Y", .quarter: "Q", .month: "M", .week: "W", .day: "D", .businessDay: "B", .hour: "h", .minute: "min",
      .second: "s",
    ]
    return (multiple == 1 ? "" : "\(multiple)") + codes[unit]!
  }
}
