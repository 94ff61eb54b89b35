/// A rectangle in points (1/72 inch), origin at the page's top left, y growing downwards.
public struct Rect: Codable, Hashable, Sendable {
  public var x0: Double
  public var y0: Double
  public var x1: Double
  public var y1: Double

  public init(x0: Double, y0: Double, x1: Double, y1: Double) {
    self.x0 = x0
    self.y0 = y0
    self.x1 = x1
    self.y1 = y1
  }

  public var width: Double { x1 - x0 }
  public var height: Double { y1 - y0 }
  public var midX: Double { (x0 + x1) / 2 }
  public var midY: Double { (y0 + y1) / 2 }
  public var area: Double { max(0, width) * max(0, height) }

  public func union(_ other: Rect) -> Rect {
    Rect(x0: min(x0, other.x0), y0: min(y0, other.y0), x1: max(x1, other.x1), y1: max(y1, other.y1))
  }

  /// The overlap of two rectangles, or nil when they share no area.
  public func intersection(_ other: Rect) -> Rect? {
    let result = Rect(
      x0: max(x0, other.x0), y0: max(y0, other.y0), x1: min(x1, other.x1), y1: min(y1, other.y1))
    return result.width > 0 && result.height > 0 ? result : nil
  }

  public func contains(x: Double, y: Double) -> Bool { x >= x0 && x <= x1 && y >= y0 && y <= y1 }

  /// Intersection over union, 0 for disjoint rectangles.
  public func intersectionOverUnion(_ other: Rect) -> Double {
    guard let shared = intersection(other)?.area else { return 0 }
    return shared / (area + other.area - shared)
  }

  /// Length shared by the two vertical extents, in points.
  public func verticalOverlap(_ other: Rect) -> Double { max(0, min(y1, other.y1) - max(y0, other.y0)) }

  /// Length shared by the two horizontal extents, in points.
  public func horizontalOverlap(_ other: Rect) -> Double { max(0, min(x1, other.x1) - max(x0, other.x0)) }

  /// Boxes are written as `[x0, y0, x1, y1]`.
  public init(from decoder: any Decoder) throws {
    var values = try decoder.unkeyedContainer()
    x0 = try values.decode(Double.self)
    y0 = try values.decode(Double.self)
    x1 = try values.decode(Double.self)
    y1 = try values.decode(Double.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.unkeyedContainer()
    for value in [x0, y0, x1, y1] { try values.encode((value * 100).rounded() / 100) }
  }
}
