import Foundation

/// Where webhooks may go: only to hosts that whoever runs the service named.
public struct WebhookPolicy: Sendable, Hashable {
  struct Host: Sendable, Hashable {
    /// "example.org", or ".example.org" for every name below it.
    var name: String
    var port: Int?
  }

  let hosts: [Host]

  /// - Parameter allowed: names ("example.org"), names below one ("*.example.org"), or addresses ("10.0.0.7:8080"), each
  ///   with a port or for any. A private address has to be named itself; a name that leads to one does not do.
  /// - Throws: `GatewayError.badWebhookHost`.
  public init(allowed: [String]) throws {
    hosts = try allowed.map { text in
      guard let parts = URLComponents(string: "https://\(text.hasPrefix("*.") ? String(text.dropFirst(2)) : text)"),
        let name = parts.host, !name.isEmpty, parts.path.isEmpty, parts.query == nil, parts.user == nil
      else { throw GatewayError.badWebhookHost(text) }
      return Host(name: (text.hasPrefix("*.") ? "." : "") + name.lowercased(), port: parts.port)
    }
  }

  private init(hosts: [Host]) { self.hosts = hosts }

  /// Nowhere.
  public static let none = WebhookPolicy(hosts: [])

  struct Refusal: Error, CustomStringConvertible {
    var description: String
  }

  /// - Throws: a `Refusal` that says what is wrong with the address.
  func check(_ url: String) throws {
    guard !hosts.isEmpty else {
      throw Refusal(description: "webhooks are off here; whoever runs the service names hosts with --webhook-host")
    }
    guard url.utf8.count <= 2000, let parts = URLComponents(string: url),
      ["http", "https"].contains(parts.scheme?.lowercased() ?? ""), let host = parts.host?.lowercased(),
      !host.isEmpty
    else { throw Refusal(description: "'\(url.prefix(200))' is not an http or https address") }
    guard parts.user == nil, parts.password == nil, parts.fragment == nil else {
      throw Refusal(description: "an address with a user, a password or a fragment is not accepted")
    }
    let port = parts.port ?? (parts.scheme?.lowercased() == "https" ? 443 : 80)
    let isListed = hosts.contains { allowed in
      (allowed.port == nil || allowed.port == port)
        && (allowed.name.hasPrefix(".") ? host.hasSuffix(allowed.name) : host == allowed.name)
    }
    guard isListed else { throw Refusal(description: "the host '\(host.prefix(100))' is not on this server's list") }
  }

  /// Whether a connection to this address may be made for `url`: public ones, and those that the list names themselves.
  func mayConnect(to address: String, url: String) -> Bool {
    if IPAddress.isPublic(address) { return true }
    let host = URLComponents(string: url)?.host?.trimmingCharacters(in: ["[", "]"])
    return host == address && (try? check(url)) != nil
  }
}

/// Addresses that belong to no network of ours.
enum IPAddress {
  /// Neither loopback nor private, link-local, shared, multicast, reserved (IANA's special-purpose registries).
  static func isPublic(_ text: String) -> Bool {
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 { return isPublic(UInt32(bigEndian: four.s_addr)) }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return false }
    let bytes = withUnsafeBytes(of: &six) { Array($0) }
    let last = bytes[12...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    // Mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96) addresses lead to the IPv4 address inside.
    if bytes[..<10].allSatisfy({ $0 == 0 }) && bytes[10] == 0xFF && bytes[11] == 0xFF { return isPublic(last) }
    if bytes.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) { return isPublic(last) }
    // Only 2000::/3 is given out; of it 2001::/23 and 2002::/16 are for protocols, 2001:db8::/32 for examples.
    guard bytes[0] & 0xE0 == 0x20 else { return false }
    if bytes[0] == 0x20, bytes[1] == 0x01, bytes[2] < 2 || (bytes[2] == 0x0D && bytes[3] == 0xB8) { return false }
    return !(bytes[0] == 0x20 && bytes[1] == 0x02)
  }

  private static func isPublic(_ address: UInt32) -> Bool {
    let special: [(UInt32, UInt32)] = [
      (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16), (0xAC10_0000, 12),
      (0xC000_0000, 24), (0xC000_0200, 24), (0xC058_6300, 24), (0xC0A8_0000, 16), (0xC612_0000, 15),
      (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 3),
    ]
    return !special.contains { address >> (32 - $0.1) == $0.0 >> (32 - $0.1) }
  }
}
