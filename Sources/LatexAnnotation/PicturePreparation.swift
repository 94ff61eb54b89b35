import Foundation

/// pdfTeX includes no PostScript: every .eps and .ps gets a PDF beside it under the name that graphics looks for.
struct PicturePreparation {
  let folder: URL
  let engine: TexEngine
  let clock: Int

  /// Returns a warning for each picture that became an empty frame of its size.
  func convertPostScript() -> [String] {
    var warnings: [String] = []
    let walk = FileManager.default.enumerator(atPath: folder.path)
    var pictures: [String] = []
    while let path = walk?.nextObject() as? String, pictures.count < 500 {
      let ending = path.lowercased().split(separator: ".").last.map(String.init) ?? ""
      if ["eps", "ps", "epsf", "epsi"].contains(ending) { pictures.append(path) }
    }
    for path in pictures.sorted() {
      let stem = path.split(separator: ".", omittingEmptySubsequences: false).dropLast().joined(separator: ".")
      let ending = path.split(separator: ".").last.map(String.init) ?? "eps"
      let beside = folder.appendingPathComponent(stem + ".pdf")
      let target = stem + "-\(ending)-converted-to.pdf"
      if !convert(path, target) {
        guard let box = boundingBox(path) else {
          warnings.append("\(path) is no PostScript picture with a bounding box")
          continue
        }
        try? emptyPicture(box).write(to: folder.appendingPathComponent(target))
        warnings.append("\(path) could not be converted: its place is left empty")
      }
      if !FileManager.default.fileExists(atPath: beside.path) {
        try? FileManager.default.copyItem(at: folder.appendingPathComponent(target), to: beside)
      }
    }
    return warnings
  }

  private func convert(_ path: String, _ target: String) -> Bool {
    guard TexEngine.path(of: "gs") != nil else { return false }
    let status = try? engine.run(
      "gs",
      [
        "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dEPSCrop", "-sDEVICE=pdfwrite", "-sOutputFile=\(target)", "-f", path,
      ], clock: clock)
    let file = folder.appendingPathComponent(target)
    guard status == 0, let data = try? Data(contentsOf: file), data.starts(with: Data("%PDF".utf8)) else {
      try? FileManager.default.removeItem(at: file)
      return false
    }
    return true
  }

  private func boundingBox(_ path: String) -> [Double]? {
    guard let data = try? Data(contentsOf: folder.appendingPathComponent(path)) else { return nil }
    for line in FlattenedSource.decode(data).split(whereSeparator: \.isNewline) where line.hasPrefix("%%BoundingBox:") {
      let numbers = line.dropFirst(14).split(separator: " ").compactMap { Double($0) }
      if numbers.count == 4, numbers[2] > numbers[0], numbers[3] > numbers[1] { return numbers }
    }
    return nil
  }

  /// A PDF of one empty page.
  private func emptyPicture(_ box: [Double]) -> Data {
    let objects = [
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 \(box[2] - box[0]) \(box[3] - box[1])] /Resources << >> >>",
    ]
    var text = "%PDF-1.4\n"
    var offsets: [Int] = []
    for (index, object) in objects.enumerated() {
      offsets.append(text.utf8.count)
      text += "\(index + 1) 0 obj\n\(object)\nendobj\n"
    }
    let start = text.utf8.count
    text += "xref\n0 4\n0000000000 65535 f \n"
    for offset in offsets { text += String(format: "%010d 00000 n \n", offset) }
    text += "trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n\(start)\n%%EOF\n"
    return Data(text.utf8)
  }
}

/// Packages that need a shell or PostScript get stand-ins beside the main file, where TeX looks first.
struct PackageStandIns {
  let folder: URL

  /// Returns a warning for each stand-in.
  func install(main: String) -> [String] {
    let text = SourceFlattener.text(of: folder, main)
    func uses(_ name: String) -> Bool {
      text.range(
        of: "\\\\(usepackage|RequirePackage)(\\[[^\\]]*\\])?\\{[^}]*\\b\(name)\\b[^}]*\\}", options: .regularExpression)
        != nil
        || text.range(of: "\\\\documentstyle\\[[^\\]]*\\b\(name)\\b", options: .regularExpression) != nil
        || text.range(of: "\\\\input[ {]*\(name)\\b", options: .regularExpression) != nil
    }
    var warnings: [String] = []
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: folder.path)) ?? []
    if uses("minted"), !names.contains(where: { $0.hasPrefix("_minted") }), copy("minted", as: ["minted.sty"]) {
      warnings.append("minted needs a shell: code is set without colours")
    }
    if uses("epsf"), copy("epsf", as: ["epsf.sty", "epsf.tex"]) {
      warnings.append("epsf needs PostScript: its pictures are included by graphicx")
    }
    if uses("psfig") {
      for name in ["psfig.sty", "psfig.tex"] {
        try? Data("\\RequirePackage{epsfig}\n".utf8).write(to: folder.appendingPathComponent(name))
      }
      warnings.append("psfig needs PostScript: its pictures are included by graphicx")
    }
    return warnings
  }

  private func copy(_ resource: String, as names: [String]) -> Bool {
    guard let source = Bundle.module.url(forResource: "Resources/\(resource)", withExtension: "sty") else {
      return false
    }
    for name in names {
      let target = folder.appendingPathComponent(name)
      try? FileManager.default.removeItem(at: target)
      try? FileManager.default.copyItem(at: source, to: target)
    }
    return true
  }
}
