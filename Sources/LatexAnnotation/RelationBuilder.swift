import DocumentModel
import Foundation

/// Derives DocGenome's six relations from what the source says.
///
/// Directions as in the published files: from the later to the earlier (identical, peer, adj), from what stands under a
/// heading to it (sub), from what refers to what is referred to (explicit-cite, implicit-cite).
struct RelationBuilder {
  /// A region with what the source says about it, in reading order.
  struct Entry {
    var region: Region
    var unit: Int
    var source: String
  }

  let entries: [Entry]
  let units: [SourceUnit]
  let log: MarkLog

  func relations() -> [Relation] {
    structure() + captions() + references() + footnotes()
  }

  private var firstOfUnit: [Int: Int] {
    Dictionary(entries.map { ($0.unit, $0.region.id) }, uniquingKeysWith: { first, _ in first })
  }

  private func structure() -> [Relation] {
    var result: [Relation] = []
    var path: [Region] = []
    var previous: Region?
    var lastOfUnit: [Int: Int] = [:]
    for entry in entries where !entry.region.isFurniture && entry.region.label != .others {
      let region = entry.region
      if let before = lastOfUnit.updateValue(region.id, forKey: entry.unit) {
        result.append(Relation(type: .identical, from: region.id, to: before))
      }
      if region.label == .title {
        let level = region.headingLevel ?? 1
        path.removeAll { ($0.headingLevel ?? 1) > level }
        if let last = path.last, last.headingLevel ?? 1 == level {
          result.append(Relation(type: .peer, from: region.id, to: last.id))
          path.removeLast()
        }
        if let parent = path.last { result.append(Relation(type: .sub, from: region.id, to: parent.id)) }
        path.append(region)
        previous = nil
        continue
      }
      if let parent = path.last { result.append(Relation(type: .sub, from: region.id, to: parent.id)) }
      if [.text, .textEquation, .equation, .list, .code, .algorithm].contains(region.label),
        units[entry.unit].float == nil
      {
        if let previous { result.append(Relation(type: .adj, from: region.id, to: previous.id)) }
        previous = region
      }
    }
    return result
  }

  /// A caption and what stands in its float.
  private func captions() -> [Relation] {
    var result: [Relation] = []
    for caption in entries where caption.region.label == .caption {
      guard let float = units[caption.unit].float else { continue }
      var seen = Set<Int>()
      for entry in entries
      where entry.region.label != .caption && entry.region.label != .footnote && !entry.region.isFurniture {
        guard let other = units[entry.unit].float, isSame(float, other), seen.insert(entry.unit).inserted else {
          continue
        }
        result.append(Relation(type: .implicitCite, from: caption.region.id, to: entry.region.id))
      }
    }
    return result
  }

  /// The same float, or the one in the other (a picture in a subfigure).
  private func isSame(_ float: Int, _ other: Int) -> Bool { float == other || log.chain(other).contains(float) }

  // MARK: - Explicit references

  private func references() -> [Relation] {
    var targets: [String: Int] = [:]
    for entry in entries where !entry.region.isFurniture {
      for label in LatexLabels.labels(in: entry.source) where targets[label] == nil { targets[label] = entry.region.id }
    }
    // A label beside the caption names the float; one behind a heading names the heading.
    for (name, label) in log.labels where targets[name] == nil {
      if let target = target(of: label) { targets[name] = target }
    }
    var result: [Relation] = []
    var seen = Set<Relation>()
    func add(_ from: Int, _ label: String) {
      guard let to = targets[label], to != from else { return }
      let relation = Relation(type: .explicitCite, from: from, to: to)
      if seen.insert(relation).inserted { result.append(relation) }
    }
    let first = firstOfUnit
    var done = Set<Int>()
    // Labels by the contexts whose own source refers to them.
    var told: [Int: Set<String>] = [:]
    for entry in entries where !entry.region.isFurniture && done.insert(entry.unit).inserted {
      for label in LatexLabels.references(in: entry.source) {
        add(entry.region.id, label)
        told[units[entry.unit].context, default: []].insert(label)
      }
    }
    for mention in log.references {
      // Of a paragraph that displays interrupt, the source has told which part refers.
      guard let unit = unit(at: mention.context), !(told[units[unit].context]?.contains(mention.label) ?? false),
        let from = first[unit]
      else { continue }
      add(from, mention.label)
    }
    return result
  }

  private func target(of label: MarkLog.Label) -> Int? {
    let context = label.context
    let chain = log.chain(context)
    let first = firstOfUnit
    if let float = chain.last(where: { name in
      EnvironmentNames.figures.contains(log.contexts[name].name)
        || EnvironmentNames.tables.contains(log.contexts[name].name)
        || EnvironmentNames.algorithms.contains(log.contexts[name].name)
    }) {
      let inside = entries.filter { units[$0.unit].float.map { isSame(float, $0) } ?? false }
      return (inside.first { $0.region.label != .caption } ?? inside.first)?.region.id
    }
    // A label that stands before the text of its theorem names the theorem, not the paragraph in front of it.
    if let environment = chain.last, log.contexts[environment].mark == 0, log.contexts[environment].name != "document",
      let unit = units.indices.filter({
        units[$0].context != environment && log.chain(units[$0].context).contains(environment)
      }).min(by: { units[$0].order < units[$1].order }), let id = first[unit]
    {
      return id
    }
    if let unit = unit(at: context), let id = first[unit], !chain.isEmpty, log.contexts[chain.last!].name != "document"
    {
      return id
    }
    // Behind a heading: the last one before.
    return entries.last { $0.region.label == .title && units[$0.unit].order < label.after }?.region.id
  }

  /// The unit that a context belongs to: the one whose context is the innermost around it.
  private func unit(at context: Int) -> Int? {
    let chain = Set(log.chain(context))
    return units.indices.filter { chain.contains(units[$0].context) }.max { units[$0].context < units[$1].context }
  }

  /// A footnote and the text that its mark stands in.
  private func footnotes() -> [Relation] {
    let first = firstOfUnit
    var result: [Relation] = []
    for (index, unit) in units.enumerated() where unit.label == .footnote {
      guard let note = first[index], let outer = self.unit(at: log.contexts[unit.context].parent), outer != index,
        let from = first[outer]
      else { continue }
      result.append(Relation(type: .explicitCite, from: from, to: note))
    }
    return result
  }
}

/// Labels and references in LaTeX text.
enum LatexLabels {
  static func labels(in source: String) -> [String] { arguments(of: ["\\label"], in: source) }

  static func references(in source: String) -> [String] {
    arguments(
      of: [
        "\\ref", "\\eqref", "\\cref", "\\Cref", "\\autoref", "\\pageref", "\\nameref", "\\vref", "\\subref", "\\figref",
        "\\tabref", "\\secref", "\\fref", "\\Fref", "\\hyperref", "\\labelcref", "\\crefrange",
      ], in: source
    ).flatMap { $0.split(separator: ",").map { $0.trimmingWhitespace() } }
  }

  private static func arguments(of commands: [String], in source: String) -> [String] {
    guard commands.contains(where: source.contains) else { return [] }
    var result: [String] = []
    var scan = LatexScanner(Array(source.utf8))
    while let byte = scan.byte() {
      guard byte == 92 else {
        scan.position += 1
        continue
      }
      let name = "\\" + scan.controlSequence()
      guard commands.contains(name) else { continue }
      if scan.byte() == 42 { scan.position += 1 }
      if scan.byte() == 91, let end = scan.endOfGroup(from: scan.position, open: 91, close: 93) {
        if name == "\\hyperref" {
          result.append(String(decoding: scan.bytes[(scan.position + 1)..<(end - 1)], as: UTF8.self))
        }
        scan.position = end
      }
      if name != "\\hyperref", let group = scan.group() { result.append(String(decoding: group, as: UTF8.self)) }
    }
    return result
  }
}

extension Substring {
  func trimmingWhitespace() -> String { String(self).trimmingCharacters(in: .whitespacesAndNewlines) }
}
