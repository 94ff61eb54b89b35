import Foundation
import JobQueue
import Testing

@Suite struct DataFolderTests {
  @Test func aNewFolderIsReadableByItsOwnerOnly() throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url.appendingPathComponent("a/b"))
    for part in [data.root, data.blobs, data.temporary, data.run] {
      let attributes = try FileManager.default.attributesOfItem(atPath: part.path)
      #expect(attributes[.posixPermissions] as? Int == 0o700)
    }
    #expect(folder.files("a/b") == ["version"])
    _ = try DataFolder.open(data.root)
  }

  @Test(arguments: ["2\n", "later", ""])
  func aFolderOfANewerDocqIsRefused(_ version: String) throws {
    let folder = try TemporaryFolder()
    let data = try DataFolder.open(folder.url)
    try Data(version.utf8).write(to: data.root.appendingPathComponent("version"))
    #expect(throws: DataFolderError.newer(data.root.path, version.trimmingCharacters(in: .newlines))) {
      _ = try DataFolder.open(folder.url)
    }
  }

  @Test func aFileInTheWayIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("file")
    try Data().write(to: file)
    #expect {
      _ = try DataFolder.open(file.appendingPathComponent("data"))
    } throws: { error in
      "\(error)".contains(file.path) && "\(error)".contains("--data")
    }
    #expect(throws: DataFolderError.self) { _ = try DataFolder.open(file) }
  }

  @Test func idsSortByTheirTime() {
    let ids = (0..<5000).map { _ in UUIDv7.make() }
    #expect(ids == ids.sorted() && Set(ids).count == ids.count)
    for id in ids.prefix(100) {
      let characters = Array(id)
      #expect(UUID(uuidString: id) != nil && characters[14] == "7" && "89ab".contains(characters[19]))
    }
  }
}
