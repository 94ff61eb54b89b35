// swift-tools-version: 6.1
import PackageDescription

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
  name: "docq",
  products: ["docq", "docq-gateway", "docq-ingestor", "docq-forecaster", "docq-scorer"].map {
    .executable(name: $0, targets: [$0])
  } + [.library(name: "docq-faults", type: .dynamic, targets: ["FaultInjection"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    // C libraries of the system.
    .systemLibrary(
      name: "CPoppler", pkgConfig: "poppler-glib", providers: [.apt(["libpoppler-glib-dev", "libcairo2-dev"])]),
    .systemLibrary(name: "CQPDF", pkgConfig: "libqpdf", providers: [.apt(["libqpdf-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CTesseract", providers: [.apt(["libtesseract-dev", "libleptonica-dev"])]),
    .target(name: "CSandbox"),
    .target(name: "CKernels"),

    // The core that all models run on.
    .target(name: "Tensor", dependencies: ["CKernels"]),
    .target(name: "MixtureOfExperts", dependencies: ["Tensor", "CKernels"]),

    // What docq does.
    .target(name: "DocumentModel"),
    .target(name: "PDFReader", dependencies: ["CPoppler", "CQPDF", "CSandbox", "CTesseract", "DocumentModel"]),
    .target(
      name: "LayoutAnalysis", dependencies: ["CKernels", "DocumentModel", "MixtureOfExperts", "Tensor"],
      resources: [.copy("Resources")]),
    .target(
      name: "LatexAnnotation", dependencies: ["CSandbox", "CZlib", "DocumentModel", "PDFReader"],
      resources: [.copy("Resources")]),
    .target(
      name: "Extraction", dependencies: ["DocumentModel", "MixtureOfExperts", "Tensor", "CKernels"],
      resources: [.copy("Resources")]),
    .target(
      name: "Forecasting", dependencies: ["CZlib", "MixtureOfExperts", "Tensor"], resources: [.copy("Resources")]),
    .target(
      name: "ImpactScoring", dependencies: ["DocumentModel", "MixtureOfExperts", "Tensor"],
      resources: [.copy("Resources")]),

    // The service.
    .target(name: "JobQueue", dependencies: [logging, grdb, sqlite, crypto]),
    .target(
      name: "JobHandlers",
      dependencies: [
        "CSandbox", "DocumentModel", "PDFReader", "LayoutAnalysis", "Extraction", "Forecasting", "ImpactScoring",
        "JobQueue", logging,
      ]),
    .target(
      name: "Gateway", dependencies: ["CCurl", "JobQueue", hummingbird, hummingbirdTLS, lifecycle, logging, crypto],
      resources: [.copy("Resources")]),
    .target(name: "DocqClient", dependencies: ["CCurl"]),

    // The programs.
    .executableTarget(name: "docq", dependencies: ["JobHandlers", "LatexAnnotation", "DocqClient", argumentParser]),
    .executableTarget(name: "docq-gateway", dependencies: ["Gateway", "JobHandlers", argumentParser]),
    .executableTarget(name: "docq-ingestor", dependencies: ["JobHandlers", argumentParser]),
    .executableTarget(name: "docq-forecaster", dependencies: ["JobHandlers", argumentParser]),
    .executableTarget(name: "docq-scorer", dependencies: ["JobHandlers", argumentParser]),

    // Measured, not shipped.
    .executableTarget(
      name: "CoreBenchmark", dependencies: ["Forecasting", "MixtureOfExperts", "Tensor", argumentParser],
      path: "Benchmarks/Core"),

    .target(
      name: "EnqueueLoop", path: "Benchmarks/EnqueueLoop", publicHeadersPath: "include",
      linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "FaultInjection", path: "Benchmarks/FaultInjection", publicHeadersPath: "include",
      linkerSettings: [.linkedLibrary("dl")]),
    .executableTarget(
      name: "docq-reliability", dependencies: ["EnqueueLoop", "JobHandlers", "JobQueue", argumentParser, logging],
      path: "Benchmarks/Reliability", exclude: ["http_peer.py", "requirements.txt", "run", "schemathesis.toml"]),

    .testTarget(name: "TensorTests", dependencies: ["Tensor", "CKernels"]),
    .testTarget(name: "MixtureOfExpertsTests", dependencies: ["MixtureOfExperts", "Tensor"]),
    .testTarget(name: "PDFReaderTests", dependencies: ["PDFReader", "docq-ingestor"]),
    .testTarget(name: "LatexAnnotationTests", dependencies: ["LatexAnnotation", "docq-ingestor"]),
    .testTarget(name: "LayoutAnalysisTests", dependencies: ["LayoutAnalysis", "Tensor"]),
    .testTarget(name: "ExtractionTests", dependencies: ["Extraction"]),
    .testTarget(name: "ForecastingTests", dependencies: ["Forecasting"]),
    .testTarget(name: "ImpactScoringTests", dependencies: ["ImpactScoring", "Tensor"]),
    .testTarget(name: "JobHandlersTests", dependencies: ["JobHandlers", "docq-ingestor"]),
    .executableTarget(
      name: "JobQueueCrashProbe", dependencies: ["JobQueue"], path: "Tests/JobQueueCrashProbe"),
    .testTarget(
      name: "JobQueueTests", dependencies: ["JobQueue", "JobQueueCrashProbe", grdb, crypto, logging],
      exclude: ["schema-1.sql", "schema-2.sql"]),
    .testTarget(name: "GatewayTests", dependencies: ["Gateway", "JobQueue", logging]),
    .testTarget(
      name: "ServiceTests",
      dependencies: [
        "DocqClient", "docq", "docq-gateway", "docq-ingestor", "docq-forecaster", "docq-reliability", "docq-scorer",
        crypto,
      ]),
  ],
  swiftLanguageModes: [.v6]
)
