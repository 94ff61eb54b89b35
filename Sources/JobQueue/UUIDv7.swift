import Foundation
import Synchronization

/// Identifiers that sort by the time of their creation (RFC 9562, section 5.7).
public enum UUIDv7 {
  private static let last = Mutex<(time: Int64, counter: UInt16)>((0, 0))

  /// A new lower-case id; ids of one process are strictly increasing.
  public static func make() -> String {
    let (time, counter) = last.withLock { last in
      let now = WallClock.milliseconds()
      if now > last.time {
        last = (now, UInt16.random(in: 0..<0x400))
      } else if last.counter < 0xFFF {
        last.counter += 1
      } else {
        last = (last.time + 1, 0)
      }
      return last
    }
    let random = UInt64.random(in: 0...UInt64.max)
    let high = UInt64(time) << 16 | 0x7000 | UInt64(counter)
    let low = 0x8000_0000_0000_0000 | random >> 2
    return String(unsafeUninitializedCapacity: 36) { text in
      var end = 0
      for digit in 0..<32 {
        if [8, 12, 16, 20].contains(digit) {
          text[end] = UInt8(ascii: "-")
          end += 1
        }
        let value = UInt8((digit < 16 ? high : low) >> UInt64(60 - 4 * (digit % 16)) & 15)
        text[end] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
        end += 1
      }
      return end
    }
  }
}
