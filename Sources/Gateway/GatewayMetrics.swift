import JobQueue
import Synchronization

/// Counts and latencies, written in Prometheus' text format.
final class GatewayMetrics: Sendable {
  private struct Key: Hashable {
    var method: String
    var route: String
    var status: Int
  }
  private struct State {
    var requests: [Key: Int] = [:]
    var buckets = [Int](repeating: 0, count: GatewayMetrics.bounds.count + 1)
    var seconds = 0.0
    var uploadedBytes = 0
    var slowConnections = 0
  }
  private static let bounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60]
  private let state = Mutex(State())

  func count(method: String, route: String, status: Int, seconds: Double) {
    state.withLock { state in
      state.requests[Key(method: method, route: route, status: status), default: 0] += 1
      state.buckets[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
      state.seconds += seconds
    }
  }

  func countUpload(_ bytes: Int) { state.withLock { $0.uploadedBytes += bytes } }

  func countSlowConnection() { state.withLock { $0.slowConnections += 1 } }

  /// - Parameters:
  ///   - jobs: number of jobs by kind and state.
  ///   - ages: seconds that the oldest job which could run waits, by kind.
  func text(jobs: [JobKind: [JobState: Int]], ages: [JobKind: Double]) -> String {
    let state = state.withLock { $0 }
    var lines = ["# HELP docq_http_requests_total Requests answered.", "# TYPE docq_http_requests_total counter"]
    for (key, count) in state.requests.sorted(by: { "\($0.key)" < "\($1.key)" }) {
      lines.append(
        "docq_http_requests_total{method=\"\(key.method)\",route=\"\(key.route)\",status=\"\(key.status)\"} \(count)")
    }
    lines += [
      "# HELP docq_http_request_seconds Time until the answer's head.", "# TYPE docq_http_request_seconds histogram",
    ]
    var total = 0
    for (index, count) in state.buckets.enumerated() {
      total += count
      let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
      lines.append("docq_http_request_seconds_bucket{le=\"\(bound)\"} \(total)")
    }
    lines += [
      "docq_http_request_seconds_sum \(state.seconds)", "docq_http_request_seconds_count \(total)",
      "# HELP docq_upload_bytes_total Bytes of uploads received.", "# TYPE docq_upload_bytes_total counter",
      "docq_upload_bytes_total \(state.uploadedBytes)",
      "# HELP docq_slow_connections_total Connections closed because a head or a body hardly came.",
      "# TYPE docq_slow_connections_total counter", "docq_slow_connections_total \(state.slowConnections)",
      "# HELP docq_oldest_queued_seconds How long the oldest job that could run waits.",
      "# TYPE docq_oldest_queued_seconds gauge",
    ]
    for kind in JobKind.allCases {
      lines.append("docq_oldest_queued_seconds{kind=\"\(kind.rawValue)\"} \(ages[kind] ?? 0)")
    }
    lines += [
      "# HELP docq_jobs Jobs in the store.", "# TYPE docq_jobs gauge",
    ]
    for kind in JobKind.allCases {
      for jobState in JobState.allCases {
        lines.append(
          "docq_jobs{kind=\"\(kind.rawValue)\",state=\"\(jobState.rawValue)\"} \(jobs[kind]?[jobState] ?? 0)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
