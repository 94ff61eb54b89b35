extension JobStoreError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .leaseLost(let id): "job \(id) was cancelled, finished or given to another worker meanwhile"
    case .notFound(let id): "there is no job \(id.prefix(80)) (any more)"
    case .idempotencyConflict(let key):
      "the idempotency key '\(key.prefix(80))' was used before with another request; choose a new key"
    case .wrongState(let id, let state): "job \(id) is \(state.rawValue): that cannot be done now"
    case .queueFull(let limit): "\(limit) jobs are waiting already; try again later"
    case .draining(let kind): "the queue of \(kind.rawValue) jobs is draining and takes nothing in; try again later"
    case .noSuchDependency(let id): "there is no job \(id.prefix(80)) to run after (any more)"
    case .dependencyFailed(let id, let dependency):
      "job \(id.isEmpty ? "" : id + " ")was to run after job \(dependency), which did not succeed; retry that one first"
    case .noSuchKey(let id): "there is no API key \(id.prefix(80)); `docq keys list` shows them"
    case .diskFull: "the disk of the data folder is full; free some space"
    case .unavailable(let detail):
      "the disk of the data folder does not answer as it should (\(detail)); look into the system's log"
    case .newerSchema(let found, let supported):
      "the queue has schema \(found), made by a newer docq (this one knows \(supported)); update docq"
    case .corrupt(let detail):
      "the queue is damaged (\(detail)); restore it from a backup or start with a new data folder"
    }
  }
}
