import Foundation

/// TNCSI and TNCSI_SP of a paper, and the groups they were computed in.
public struct ImpactTarget: Codable, Sendable, Equatable {
  /// A group of papers and the exponential distribution fitted to their citations.
  public struct Fit: Codable, Sendable, Equatable {
    /// Papers in the group, the paper itself included.
    public var n: Int
    /// The fewest citations.
    public var loc: Double
    /// Mean minus loc.
    public var scale: Double

    /// 0 below loc, else 1 - exp(-(citations - loc) / scale); 0 where all have the same.
    func score(_ citations: Double) -> Double {
      guard citations > loc, scale > 0 else { return 0 }
      return 1 - exp(-(citations - loc) / scale)
    }
  }

  public var id: String
  /// Among all papers of the topic.
  public var tncsi: Double
  /// Among those within half a year of the paper.
  public var tncsiSP: Double
  public var topicFit: Fit
  public var periodFit: Fit
  /// The topic that the period's group came from, and its days to either side.
  public var topic: String
  public var windowDays: Int
  /// What was widened because the group was too small, or what else is odd.
  public var flags: [String]

  enum CodingKeys: String, CodingKey {
    case id, tncsi, topic, flags
    case tncsiSP = "tncsi_sp"
    case topicFit = "topic_fit"
    case periodFit = "period_fit"
    case windowDays = "window_days"
  }
}

/// Computes the target of "From Words to Worth" (arXiv 2408.03934, section 3): the cumulative probability of a paper's
/// citations under an exponential distribution fitted to its group.
///
/// The group of TNCSI_SP: same topic and at most 183 days apart, the paper itself included. With fewer than 20 papers
/// the topic is widened (first to its parents, then to the whole table), then the window (doubled until it holds all);
/// each is flagged.
public struct CitationTarget: Sendable {
  public static let window = 183
  public static let leastPapers = 20

  public init() {}

  public func compute(_ papers: [CitedPaper]) -> [ImpactTarget] {
    // Groups by topic, each sorted by day: "" holds all.
    var members: [String: [Int]] = [:]
    for (index, paper) in papers.enumerated() {
      for depth in 0...paper.topic.count {
        members[paper.topic.prefix(depth).joined(separator: "/"), default: []].append(index)
      }
    }
    let groups = members.mapValues { DatedGroup($0.map { (papers[$0].day, papers[$0].citations) }) }
    let span = (papers.map(\.day).max() ?? 0) - (papers.map(\.day).min() ?? 0)
    return papers.map { target($0, groups, span: span) }
  }

  private func target(_ paper: CitedPaper, _ groups: [String: DatedGroup], span: Int) -> ImpactTarget {
    // From the paper's own topic up to the whole table.
    let topics = (0...paper.topic.count).reversed().map { paper.topic.prefix($0).joined(separator: "/") }
    func fit(_ topic: String, _ days: Int?) -> ImpactTarget.Fit {
      groups[topic]?.fit(around: paper.day, days: days) ?? ImpactTarget.Fit(n: 0, loc: 0, scale: 0)
    }
    func shown(_ topic: String) -> String { topic.isEmpty ? "all topics" : topic }
    var flags: [String] = []

    let whole = topics.first { fit($0, nil).n >= Self.leastPapers } ?? ""
    if whole != topics[0] { flags.append("TNCSI: topic widened to \(shown(whole))") }
    let topicFit = fit(whole, nil)

    var days = Self.window
    var topic = topics.first { fit($0, days).n >= Self.leastPapers }
    while topic == nil, days < span {
      days *= 2
      topic = topics.last.flatMap { fit($0, days).n >= Self.leastPapers ? $0 : nil }
    }
    let chosen = topic ?? ""
    if chosen != topics[0] { flags.append("TNCSI_SP: topic widened to \(shown(chosen))") }
    if days != Self.window { flags.append("TNCSI_SP: window widened to \(days) days") }
    let periodFit = fit(chosen, days)
    if periodFit.n < Self.leastPapers { flags.append("only \(periodFit.n) papers in the table: not reliable") }
    if topicFit.scale == 0 || periodFit.scale == 0 { flags.append("all papers of the group have the same citations") }
    return ImpactTarget(
      id: paper.id, tncsi: topicFit.score(paper.citations), tncsiSP: periodFit.score(paper.citations),
      topicFit: topicFit, periodFit: periodFit, topic: shown(chosen), windowDays: days, flags: flags)
  }
}

/// Citations of a group in the order of days, for the minimum and mean of any window in logarithmic time.
private struct DatedGroup: Sendable {
  private let days: [Int]
  /// Sums of the citations before each place.
  private let sums: [Double]
  /// minima[k][i]: the fewest citations of the 2^k papers from i on.
  private let minima: [[Double]]

  init(_ papers: [(day: Int, citations: Double)]) {
    let sorted = papers.sorted { ($0.day, $0.citations) < ($1.day, $1.citations) }
    days = sorted.map(\.day)
    sums = sorted.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.citations) }
    var levels = [sorted.map(\.citations)]
    while levels[levels.count - 1].count > 1 << (levels.count - 1) {
      let last = levels[levels.count - 1], step = 1 << (levels.count - 1)
      levels.append((0..<(last.count - step)).map { min(last[$0], last[$0 + step]) })
    }
    minima = levels
  }

  /// - Parameter days: to either side; nil for all.
  func fit(around day: Int, days window: Int?) -> ImpactTarget.Fit {
    let first = window.map { place(notBefore: day - $0) } ?? 0
    let end = window.map { place(notBefore: day + $0 + 1) } ?? days.count
    let n = end - first
    guard n > 0 else { return ImpactTarget.Fit(n: 0, loc: 0, scale: 0) }
    let level = Int.bitWidth - 1 - n.leadingZeroBitCount
    let loc = min(minima[level][first], minima[level][end - (1 << level)])
    return ImpactTarget.Fit(n: n, loc: loc, scale: (sums[end] - sums[first]) / Double(n) - loc)
  }

  private func place(notBefore day: Int) -> Int {
    var low = 0, high = days.count
    while low < high {
      let middle = (low + high) / 2
      if days[middle] < day { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension ImpactTarget {
  /// A table of targets with the groups they come from.
  public static func csv(_ targets: [ImpactTarget]) -> Data {
    func f(_ value: Double) -> String { String(format: "%.6g", value) }
    let lines = targets.map { one in
      DelimitedText.line([
        one.id, f(one.tncsi), f(one.tncsiSP), one.topic, "\(one.windowDays)", "\(one.periodFit.n)",
        f(one.periodFit.loc),
        f(one.periodFit.scale), "\(one.topicFit.n)", f(one.topicFit.loc), f(one.topicFit.scale),
        one.flags.joined(separator: "; "),
      ])
    }
    let head = "id,tncsi,tncsi_sp,topic,window_days,n,loc,scale,topic_n,topic_loc,topic_scale,flags\n"
    return Data((head + lines.joined()).utf8)
  }

  public static func jsonLines(_ targets: [ImpactTarget]) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try targets.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
  }
}
