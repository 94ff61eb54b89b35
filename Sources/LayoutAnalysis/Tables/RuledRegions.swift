import DocumentModel

/// Where rules draw a table.
enum RuledRegions {
  /// Boxes of horizontal and vertical rules that touch each other.
  static func grids(on page: Page) -> [Rect] {
    let rules = page.rulings.map(\.bbox)
    guard rules.count >= 4, rules.count < 1500 else { return [] }
    var parent = Array(rules.indices)
    func root(_ index: Int) -> Int {
      var index = index
      while parent[index] != index {
        parent[index] = parent[parent[index]]
        index = parent[index]
      }
      return index
    }
    let order = rules.indices.sorted { rules[$0].y0 < rules[$1].y0 }
    for (place, first) in order.enumerated() {
      for second in order[(place + 1)...] {
        if rules[second].y0 > rules[first].y1 + 3 { break }
        if rules[first].x0 - 3 <= rules[second].x1, rules[second].x0 - 3 <= rules[first].x1 {
          parent[root(second)] = root(first)
        }
      }
    }
    var groups: [Int: [Int]] = [:]
    for index in rules.indices { groups[root(index), default: []].append(index) }
    return groups.values.compactMap { group -> Rect? in
      let box = group.dropFirst().reduce(rules[group[0]]) { $0.union(rules[$1]) }
      let across = Set(group.filter { page.rulings[$0].isHorizontal }.map { Int(rules[$0].midY / 4) })
      let down = Set(group.filter { !page.rulings[$0].isHorizontal }.map { Int(rules[$0].midX / 4) })
      // A frame has two and two; a grid has more of one of them.
      guard across.count >= 2, down.count >= 1, across.count + down.count >= 5 else { return nil }
      guard box.width > 40, box.height > 15, box.area < 0.97 * page.width * page.height else { return nil }
      return box
    }.sorted { $0.area > $1.area }
  }

  /// Boxes between horizontal rules of one width, as books set tables: what is between two of them looks tabular.
  static func betweenRules(on page: Page, lines: [Int]) -> [Rect] {
    let rules = page.rulings.filter { $0.isHorizontal && $0.bbox.width > 50 }.map(\.bbox).sorted {
      ($0.y0, $0.x0) < ($1.y0, $1.x0)
    }
    guard rules.count < 500 else { return [] }
    var result: [Rect] = []
    var used = Set<Int>()
    for (index, top) in rules.enumerated() where !used.contains(index) {
      var group = [index]
      var last = top
      for (next, rule) in rules.enumerated().dropFirst(index + 1)
      where abs(rule.x0 - top.x0) < 6 && abs(rule.x1 - top.x1) < 6 && rule.y0 > last.y1 {
        let between = Rect(x0: top.x0 - 2, y0: last.y1 - 2, x1: top.x1 + 2, y1: rule.y0 + 2)
        guard isTabular(between, page, lines) else { break }
        group.append(next)
        last = rule
      }
      guard group.count >= 2 else { continue }
      used.formUnion(group)
      result.append(Rect(x0: top.x0 - 2, y0: top.y0 - 1, x1: top.x1 + 2, y1: last.y1 + 1))
    }
    return result
  }

  /// Some line of text has a wide space in it, or a short one stands alone; running text fills its lines.
  private static func isTabular(_ box: Rect, _ page: Page, _ lines: [Int]) -> Bool {
    let inside = lines.filter { box.contains(x: page.lines[$0].bbox.midX, y: page.lines[$0].bbox.midY) }
    guard !inside.isEmpty, inside.count < 400 else { return false }
    let text = TableText(inside.flatMap { page.lines[$0].words }, in: box, on: page)
    let divided = text.rows.filter { $0.segments.count >= 2 }.count
    let full = text.rows.filter { $0.segments.count == 1 && $0.box.width > 0.75 * box.width }.count
    // The lines of one cell stand alone beside the other cells' single line.
    let isCell = text.rows.count <= 4 && divided >= 1 || text.rows.count == 1 && full == 0
    return (divided * 2 >= text.rows.count || isCell) && full * 4 <= text.rows.count
  }
}
