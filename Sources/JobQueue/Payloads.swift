import Foundation

// The payload of each kind of job: what the gateway stores and a handler reads. No model types here, so that the
// gateway can check requests without loading a weight.

/// A document that was uploaded.
public struct UploadedDocument: Codable, Sendable, Hashable {
  /// Name of the blob.
  public var blob: String
  /// The user's file name, without folders; for messages only.
  public var fileName: String

  public init(blob: String, fileName: String) {
    self.blob = blob
    self.fileName = fileName
  }
}

public struct IngestPayload: Codable, Sendable, Hashable {
  public var document: UploadedDocument
  /// "1-3,7", counting from 1; nil for all pages.
  public var pages: String?
  public var password: String?
  /// Resolution of page images in dots per inch; nil for none.
  public var imageDPI: Double?
  /// "auto", "never" or "always"; nil for auto.
  public var ocr: String?
  /// Languages of text recognition, "eng+deu"; nil for the standard.
  public var ocrLanguage: String?

  public init(
    document: UploadedDocument, pages: String? = nil, password: String? = nil, imageDPI: Double? = nil,
    ocr: String? = nil, ocrLanguage: String? = nil
  ) {
    self.document = document
    self.pages = pages
    self.password = password
    self.imageDPI = imageDPI
    self.ocr = ocr
    self.ocrLanguage = ocrLanguage
  }
}

public struct ExtractPayload: Codable, Sendable, Hashable {
  public var document: UploadedDocument
  public var schema: String
  public var ignoreEmbedded: Bool
  public var password: String?
  /// Name of a model that was trained on this server; its own schema then counts.
  public var model: String?

  public init(
    document: UploadedDocument, schema: String = "invoice", ignoreEmbedded: Bool = false, password: String? = nil,
    model: String? = nil
  ) {
    self.model = model
    self.document = document
    self.schema = schema
    self.ignoreEmbedded = ignoreEmbedded
    self.password = password
  }
}

/// Either `series`, the JSON list of input lines or the CSV as the user sent it, or a table of a document.
public struct ForecastPayload: Codable, Sendable, Hashable {
  /// A table of a document as series.
  public struct Table: Codable, Sendable, Hashable {
    public var document: UploadedDocument
    public var password: String?
    /// Counting from 1 in reading order.
    public var number: Int
    /// Name or number of one series; nil for all.
    public var column: String?

    public init(document: UploadedDocument, password: String? = nil, number: Int, column: String? = nil) {
      self.document = document
      self.password = password
      self.number = number
      self.column = column
    }
  }

  public var series: Data
  public var table: Table?
  public var model: String?
  public var horizon: Int?
  public var quantileLevels: [Double]?

  public init(
    series: Data = Data(), table: Table? = nil, model: String? = nil, horizon: Int? = nil,
    quantileLevels: [Double]? = nil
  ) {
    self.series = series
    self.table = table
    self.model = model
    self.horizon = horizon
    self.quantileLevels = quantileLevels
  }
}

public struct ImpactPayload: Codable, Sendable, Hashable {
  public struct Article: Codable, Sendable, Hashable {
    public var id: String?
    public var title: String
    public var abstract: String

    public init(id: String? = nil, title: String, abstract: String) {
      self.id = id
      self.title = title
      self.abstract = abstract
    }
  }
  /// Either articles, or a PDF whose title and abstract are found first.
  public var articles: [Article]?
  public var document: UploadedDocument?
  /// Phrases that moved each score are wanted.
  public var explain: Bool?
  /// How many similar papers of the training set are wanted for each article.
  public var similar: Int?

  public init(
    articles: [Article]? = nil, document: UploadedDocument? = nil, explain: Bool? = nil, similar: Int? = nil
  ) {
    self.articles = articles
    self.document = document
    self.explain = explain
    self.similar = similar
  }
}

/// Texts whose embeddings are wanted.
public struct EmbedPayload: Codable, Sendable, Hashable {
  public var texts: [String]

  public init(texts: [String]) { self.texts = texts }
}

/// Training of an extractor for a new form.
public struct TrainPayload: Codable, Sendable, Hashable {
  public struct Labelled: Codable, Sendable, Hashable {
    public var document: UploadedDocument
    /// JSON object with "fields" and perhaps "line_items".
    public var label: Data

    public init(document: UploadedDocument, label: Data) {
      self.document = document
      self.label = label
    }
  }

  /// What the model is to be called.
  public var name: String
  /// A schema as JSON.
  public var schema: Data
  /// Seconds.
  public var budget: Double
  public var labelled: [Labelled] = []
  public var unlabelled: [UploadedDocument] = []

  public init(name: String, schema: Data, budget: Double) {
    self.name = name
    self.schema = schema
    self.budget = budget
  }
}
