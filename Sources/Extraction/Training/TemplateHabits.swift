import Foundation

/// What documents of one template have in common: the words that stand before or above the value of a field.
///
/// Forms of one template print a value beside the same words. Where labellers find a field at one place in most documents of
/// a template, that place has an opinion on the rest of them.
package struct TemplateHabits {
  /// For each unlabelled document the values at the usual places; nothing for fields without a usual place.
  package private(set) var opinions: [WeakLabels.Opinion]

  /// Documents of a template that must agree on a place.
  private static let leastSupport = 2.0

  init(
    _ schema: ExtractionSchema,
    labelled: [(fields: [String: [ExtractedValue]], prepared: LabelAlignment.Prepared)],
    unlabelled: [(readings: [WeakLabels.Reading], prepared: LabelAlignment.Prepared)]
  ) {
    let groups = TemplateGroups.groups(unlabelled.map(\.prepared.document) + labelled.map(\.prepared.document))
    var known: [[String: [WeakLabels.Place]]] = unlabelled.map { one in
      Self.merged(one.readings.map(\.places), schema)
    }
    known += labelled.map { fields, prepared in
      var places: [String: [WeakLabels.Place]] = [:]
      for (name, field) in schema.fields {
        for value in fields[name] ?? [] {
          for span in LabelAlignment.places(value, field.type, prepared) {
            places[name, default: []].append((value, 1, LabelAlignment.context(span, prepared.document)))
          }
        }
      }
      return places
    }
    opinions = Self.opinions(known, groups: groups, schema.fields.keys.sorted())
    opinions.removeLast(labelled.count)
  }

  /// Places of several labellers, those of one value as one with the mean score.
  private static func merged(_ all: [[String: [WeakLabels.Place]]], _ schema: ExtractionSchema) -> [String:
    [WeakLabels.Place]]
  {
    var result: [String: [WeakLabels.Place]] = [:]
    for (name, field) in schema.fields {
      var byValue: [String: WeakLabels.Place] = [:]
      for place in all.flatMap({ $0[name] ?? [] }) {
        guard let key = ExtractionScore.normalised(name, place.value, type: field.type) else { continue }
        let share = place.score / Double(all.count)
        if var known = byValue[key] {
          known.score += share
          known.context = Set(known.context + place.context).sorted()
          byValue[key] = known
        } else {
          byValue[key] = (place.value, share, place.context)
        }
      }
      result[name] = byValue.sorted { ($0.value.score, $1.key) > ($1.value.score, $0.key) }.map(\.value)
    }
    return result
  }

  /// - Parameters:
  ///   - documents: for each document and field its places, the likeliest first.
  ///   - groups: the template of each document.
  /// - Returns: for each document the likeliest value at the place where most documents of its template have theirs.
  package static func opinions(
    _ documents: [[String: [WeakLabels.Place]]], groups: [Int], _ fields: [String]
  ) -> [WeakLabels.Opinion] {
    var result = [WeakLabels.Opinion](repeating: [:], count: documents.count)
    for members in Dictionary(grouping: documents.indices, by: { groups[$0] }).values {
      for name in fields {
        var support: [String: Double] = [:], voters = 0.0
        for member in members {
          guard let best = documents[member][name]?.first else { continue }
          voters += best.score
          for context in Set(best.context) { support[context, default: 0] += best.score }
        }
        guard let usual = support.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), usual.value >= leastSupport,
          usual.value >= 0.5 * voters
        else { continue }
        for member in members {
          if let place = documents[member][name]?.first(where: { $0.context.contains(usual.key) }) {
            result[member][name] = (place.value, min(0.95, usual.value / voters))
          }
        }
      }
    }
    return result
  }
}
