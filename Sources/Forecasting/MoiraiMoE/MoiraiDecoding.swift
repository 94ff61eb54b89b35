import Foundation
import MixtureOfExperts
import Synchronization
import Tensor

/// How sample paths are drawn patch by patch.
public enum MoiraiDecoding: String, CaseIterable, Sendable {
  /// The scale is fixed on the context, so that the context's keys and values are computed once and shared.
  case cached
  /// The reference implementation's way: every drawn patch changes the scale of its path, and everything is computed
  /// anew for every path and patch.
  case exact
}

extension MoiraiMoE {
  /// Sample paths [inputs][samples][targets][horizon].
  ///
  /// - Parameters:
  ///   - inputs: the seed of each gives its paths, whatever else is in the batch.
  func samplePaths(
    _ inputs: [MoiraiInput], samples: Int, decoding: MoiraiDecoding, routing: RoutingReport? = nil
  ) -> [[[[Double]]]] {
    switch decoding {
    case .cached: return cachedPaths(inputs, samples: samples, routing)
    case .exact: return inputs.map { exactPaths($0, samples, routing) }
    }
  }

  // MARK: - Cached

  /// One input while it is decoded.
  private struct Course {
    let input: MoiraiInput
    let tokens: MoiraiTokens
    let location: [Double]
    let scale: [Double]
    /// Tokens of the context, and where they begin in the packed batch.
    let context: [Int]
    let start: Int
  }

  private func cachedPaths(
    _ inputs: [MoiraiInput], samples: Int, _ routing: RoutingReport?
  ) -> [[[[Double]]]] {
    let patch = configuration.patchSize
    var start = 0
    let courses = inputs.map { input -> Course in
      let tokens = MoiraiTokens(input, patchSize: patch)
      let (location, scale) = configuration.isScaling ? tokens.scaling() : tokens.noScaling
      let last = tokens.times[tokens.lastContextToken(0)]
      let context = (0..<tokens.count).filter { !tokens.isPredicted[$0] && tokens.times[$0] <= last }
      defer { start += context.count }
      return Course(input: input, tokens: tokens, location: location, scale: scale, context: context, start: start)
    }
    let x = embed(joined(courses.map { scaled($0.tokens, $0.context, $0.location, $0.scale) }))
    let layout = TokenLayout(
      segments: courses.map { $0.start..<$0.start + $0.context.count },
      times: courses.flatMap { course in course.context.map { course.tokens.times[$0] } },
      variates: courses.flatMap { course in course.context.map { course.tokens.variates[$0] } })

    // The first patch of every path comes from the last token of each target's context.
    let needsMore = courses.contains { $0.tokens.horizonPatches > 1 }
    var prefix: PrefixCache?
    let ends = courses.flatMap { course in
      course.input.targets.indices.map { target in
        course.start + course.context.firstIndex(of: course.tokens.lastContextToken(target))!
      }
    }
    let encoded: Tensor
    if needsMore {
      let (result, cache) = encoder.prefill(x, layout, asked: ends, routing: routing)
      (encoded, prefix) = (result, cache)
    } else {
      encoded = encoder.forward(x, layout, asked: ends, routing: routing)
    }
    var raw = parameters(encoded)
    var paths = courses.map { course in
      Array(
        repeating: course.input.targets.map { _ in [Double](repeating: 0, count: course.tokens.horizonPatches * patch)
        },
        count: samples)
    }
    draw(&paths, courses, raw, patchIndex: 0, isShared: true)

    // Inputs go on together while they have the same horizon and number of tokens per step.
    let groups = Dictionary(grouping: courses.indices.filter { courses[$0].tokens.horizonPatches > 1 }) { index in
      let input = courses[index].input
      return [courses[index].tokens.horizonPatches, input.targets.count, input.futureCovariates.count]
    }
    for (key, members) in groups.sorted(by: { $0.value[0] < $1.value[0] }) {
      guard let prefix else { break }
      let perBranch = key[1] + key[2]
      let branches = BranchCache(
        prefix, parents: members.flatMap { Array(repeating: $0, count: samples) },
        capacity: perBranch * (key[0] - 1))
      for step in 1..<key[0] {
        let (patches, layout) = next(courses, members, paths, samples, step: step, perBranch)
        let targets = (0..<members.count * samples).flatMap { branch in
          (0..<key[1]).map { branch * perBranch + $0 }
        }
        raw = parameters(encoder.step(embed(patches), layout, branches, asked: targets, routing: routing))
        draw(&paths, courses, raw, patchIndex: step, isShared: false, members)
      }
    }
    return zip(paths, courses).map { samples, course in
      samples.map { $0.map { Array($0.prefix(course.input.horizon)) } }
    }
  }

  /// The tokens that follow patch `step` - 1 of the horizon: each branch's drawn patches and its known covariates.
  private func next(
    _ courses: [Course], _ members: [Int], _ paths: [[[[Double]]]], _ samples: Int, step: Int, _ perBranch: Int
  ) -> (Tensor, TokenLayout) {
    let patch = configuration.patchSize
    let count = members.count * samples * perBranch
    let patches = Tensor(shape: [count, patch], zeroed: false)
    var times: [Int32] = [], variates: [Int32] = []
    var row = 0
    for member in members {
      let course = courses[member], tokens = course.tokens
      let targetCount = course.input.targets.count
      let covariates = course.input.futureCovariates.indices.map { index in
        tokens.targetCount * (tokens.contextPatches + tokens.horizonPatches)
          + course.input.futureCovariates.count * tokens.contextPatches + index * tokens.horizonPatches + step - 1
      }
      let known = scaled(tokens, covariates, course.location, course.scale)
      for sample in 0..<samples {
        for target in 0..<targetCount {
          let token = tokens.horizonToken(target, step - 1)
          for index in 0..<patch {
            let value = paths[member][sample][target][(step - 1) * patch + index]
            patches.row(row)[index] = Float((value - course.location[token]) / course.scale[token])
          }
          times.append(tokens.times[token])
          variates.append(tokens.variates[token])
          row += 1
        }
        for (index, token) in covariates.enumerated() {
          patches.row(row).update(from: known.row(index), count: patch)
          times.append(tokens.times[token])
          variates.append(tokens.variates[token])
          row += 1
        }
      }
    }
    let segments = (0..<members.count * samples).map { $0 * perBranch..<($0 + 1) * perBranch }
    return (patches, TokenLayout(segments: segments, times: times, variates: variates))
  }

  /// Draws one patch of every path.
  /// - Parameter raw: parameters by input and target (`isShared`), or by input, sample and target.
  private func draw(
    _ paths: inout [[[[Double]]]], _ courses: [Course], _ raw: Tensor, patchIndex: Int, isShared: Bool,
    _ members: [Int]? = nil
  ) {
    let patch = configuration.patchSize
    /// A patch to draw: where it goes, and which row of `raw` has its distribution.
    typealias Place = (member: Int, sample: Int, target: Int, row: Int)
    var places: [Place] = [], row = 0
    for member in members ?? Array(courses.indices) {
      let targets = courses[member].input.targets.count
      for sample in paths[member].indices {
        for target in 0..<targets {
          places.append((member, sample, target, isShared ? row + target : row + sample * targets + target))
        }
      }
      row += isShared ? targets : targets * paths[member].count
    }
    let drawn = [Double](unsafeUninitializedCapacity: places.count * patch) { buffer, count in
      count = places.count * patch
      nonisolated(unsafe) let buffer = buffer
      Parallel.forRanges(places.count, least: 32) { range in
        for index in range {
          let place = places[index]
          let course = courses[place.member]
          let token = course.tokens.horizonToken(place.target, patchIndex)
          let distribution = distribution(raw, place.row)
          var random = stream(course.input.seed, sample: place.sample, target: place.target, patch: patchIndex)
          for step in 0..<patch {
            buffer[index * patch + step] =
              course.location[token] + course.scale[token] * distribution.sample(step, &random)
          }
        }
      }
    }
    for (index, place) in places.enumerated() {
      for step in 0..<patch {
        paths[place.member][place.sample][place.target][patchIndex * patch + step] = drawn[index * patch + step]
      }
    }
  }

  /// Numbers of their own for every patch of every path.
  private func stream(_ seed: UInt64, sample: Int, target: Int, patch: Int) -> CounterBasedRandom {
    CounterBasedRandom(
      seed: seed,
      stream: UInt64(sample) << 40 | UInt64(target & 0xFFFFF) << 20 | UInt64(patch & 0xFFFFF))
  }

  // MARK: - Exact

  private func exactPaths(
    _ input: MoiraiInput, _ samples: Int, _ routing: RoutingReport?
  ) -> [[[Double]]] {
    let patch = configuration.patchSize
    let base = MoiraiTokens(input, patchSize: patch)
    var paths = Array(
      repeating: input.targets.map { _ in [Double](repeating: 0, count: base.horizonPatches * patch) }, count: samples)
    for step in 0..<base.horizonPatches {
      // All paths are the same until the first patch is drawn.
      let copies = step == 0 ? 1 : samples
      // Few enough at once that the memory stays small.
      let perBlock = max(1, 6144 / base.count)
      for block in stride(from: 0, to: copies, by: perBlock) {
        let members = Array(block..<min(copies, block + perBlock))
        let states = members.map { sample -> (tokens: MoiraiTokens, location: [Double], scale: [Double]) in
          var tokens = base
          for target in input.targets.indices {
            for earlier in 0..<step {
              let token = base.horizonToken(target, earlier)
              tokens.isPredicted[token] = false
              for index in 0..<patch {
                tokens.values[token * patch + index] = Float(paths[sample][target][earlier * patch + index])
              }
            }
          }
          let (location, scale) = configuration.isScaling ? tokens.scaling() : tokens.noScaling
          return (tokens, location, scale)
        }
        // What is later than the asking tokens is not seen by them and can be left out.
        let last = base.times[base.lastContextToken(0)] + Int32(step)
        let used = (0..<base.count).filter { base.times[$0] <= last }
        let x = embed(joined(states.map { scaled($0.tokens, used, $0.location, $0.scale) }))
        let layout = TokenLayout(
          segments: members.indices.map { $0 * used.count..<($0 + 1) * used.count },
          times: members.flatMap { _ in used.map { base.times[$0] } },
          variates: members.flatMap { _ in used.map { base.variates[$0] } })
        let asking = input.targets.indices.map { target in
          used.firstIndex(of: step == 0 ? base.lastContextToken(target) : base.horizonToken(target, step - 1))!
        }
        let raw = parameters(
          encoder.forward(
            x, layout, asked: members.indices.flatMap { member in asking.map { member * used.count + $0 } },
            routing: routing))
        for sample in step == 0 ? Array(0..<samples) : members {
          let member = step == 0 ? 0 : sample - block
          for target in input.targets.indices {
            let token = base.horizonToken(target, step)
            let distribution = distribution(raw, member * asking.count + target)
            var random = stream(input.seed, sample: sample, target: target, patch: step)
            for index in 0..<patch {
              paths[sample][target][step * patch + index] =
                states[member].location[token] + states[member].scale[token] * distribution.sample(index, &random)
            }
          }
        }
      }
    }
    return paths.map { $0.map { Array($0.prefix(input.horizon)) } }
  }

  // MARK: - Rows

  private func joined(_ parts: [Tensor]) -> Tensor {
    let result = Tensor(shape: [parts.reduce(0) { $0 + $1.rows }, parts[0].rowSize], zeroed: false)
    var row = 0
    for part in parts where part.rows > 0 {
      result.row(row).update(from: part.pointer, count: part.count)
      row += part.rows
    }
    return result
  }
}

extension MoiraiTokens {
  var noScaling: (location: [Double], scale: [Double]) {
    ([Double](repeating: 0, count: count), [Double](repeating: 1, count: count))
  }
}
