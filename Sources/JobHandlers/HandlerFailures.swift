import Extraction
import Foundation
import JobQueue
import PDFReader

/// Decodes the payload that the gateway stored. A payload that does not decode will not do so next time either.
func decodePayload<Payload: Decodable>(_ type: Payload.Type, of job: Job) throws -> Payload {
  do {
    return try JSONDecoder().decode(type, from: job.payload)
  } catch {
    throw JobFailure(
      code: "invalid-payload", message: "job \(job.id): its request cannot be read (\(error))", permanent: true)
  }
}

/// Turns what reading a document may throw into a failure that says whether trying again makes sense.
func namingFailures<Value>(of fileName: String, _ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch let error as DocumentReadError {
    // A missing parser is the installation's fault; everything else is the document's.
    let isOurs = error.code == "parser_missing"
    throw JobFailure(code: error.code, message: error.description, permanent: !isOurs)
  } catch let error as ExtractionError {
    throw JobFailure(code: "invalid-input", message: error.description, permanent: true)
  }
}
