// Holds the importer against `vectors.json` and a release: `checks VECTORS RELEASE`.

import Foundation

/// Keeps what it is given, as the JSON it would be again.
actor Kept: CatalogStore {
    struct Refused: Error {}

    private(set) var rows: [CatalogFile: [Data]] = [:]
    private(set) var order: [CatalogFile] = []
    private(set) var largest = 0
    /// Calls that are taken before one is refused.
    private let calls: Int

    init(calls: Int = .max) {
        self.calls = calls
    }

    func upsert(artists: [CatalogArtist]) throws { try keep(artists, .artists) }
    func upsert(tracks: [CatalogTrack]) throws { try keep(tracks, .tracks) }
    func upsert(features: [CatalogAudioFeature]) throws { try keep(features, .features) }

    private func keep(_ batch: [some CatalogRow], _ file: CatalogFile) throws {
        guard order.count < calls else {
            throw Refused()
        }
        order.append(file)
        largest = max(largest, batch.count)
        rows[file, default: []] += try batch.map { try plain(JSONEncoder().encode($0)) }
    }
}

/// Counts, keeps nothing, and ends its own task when it is told to.
actor Counted: CatalogStore {
    private(set) var rows = 0
    private let cancels: Bool

    init(cancels: Bool = false) {
        self.cancels = cancels
    }

    func upsert(artists: [CatalogArtist]) { count(artists) }
    func upsert(tracks: [CatalogTrack]) { count(tracks) }
    func upsert(features: [CatalogAudioFeature]) { count(features) }

    private func count(_ batch: [some CatalogRow]) {
        rows += batch.count
        if cancels {
            withUnsafeCurrentTask { $0?.cancel() }
        }
    }
}

/// What an import told.
final class Told: @unchecked Sendable {
    private(set) var damaged: [DamagedRow] = []
    private(set) var fractions: [Double] = []

    // The importer calls from one task.
    func hear(_ event: CatalogEvent) {
        switch event {
        case .damaged(let row): damaged.append(row)
        case .progress(_, _, let fraction): fractions.append(fraction)
        }
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
}

func expect(_ holds: Bool, _ says: @autoclosure () -> String) throws {
    if !holds {
        throw Failure(description: says())
    }
}

/// One spelling for equal JSON, so that bytes tell: texts by code point, not as Swift compares them.
func plain(_ json: Data) throws -> Data {
    let value = try JSONSerialization.jsonObject(with: json)
    return try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
}

func plain(_ value: Any) throws -> Data {
    try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
}

/// A folder of a release that is gone when the body is done.
func withFolder<Result>(
    _ files: [CatalogFile: Data], _ body: (URL) async throws -> Result
) async throws -> Result {
    let manager = FileManager.default
    let folder = manager.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try manager.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? manager.removeItem(at: folder) }
    for file in CatalogFile.allCases {
        try (files[file] ?? Data()).write(to: folder.appendingPathComponent(file.rawValue))
    }
    return try await body(folder)
}

/// What a file's bytes should become.
struct Expected {
    /// Which line is damaged, and which field its report names.
    var damaged: [Int: String?] = [:]
    var rows: [Data] = []
}

/// Imports the bytes and compares what comes of them.
func imported(
    _ file: CatalogFile, _ bytes: Data, _ expected: Expected, by importer: CatalogImporter
) async throws {
    let store = Kept()
    let told = Told()
    let summary = try await withFolder([file: bytes]) { folder in
        try await importer.importRelease(at: folder, into: store) { told.hear($0) }
    }
    let lines = told.damaged.map(\.line)
    let wanted = expected.damaged.keys.sorted()
    try expect(lines == wanted, "damaged are lines \(lines), not \(wanted)")
    for row in told.damaged {
        if let field = expected.damaged[row.line], let field {
            try expect(
                row.reason.hasPrefix("\(field) ") || row.reason.hasPrefix("\(field)."),
                "line \(row.line): “\(row.reason)” names no \(field)")
        }
    }
    let rows = await store.rows[file] ?? []
    for (found, wanted) in zip(rows, expected.rows) where found != wanted {
        throw Failure(
            description: "\(String(decoding: found, as: UTF8.self)) is not "
                + String(decoding: wanted, as: UTF8.self))
    }
    try expect(rows.count == expected.rows.count, "\(rows.count) rows, not \(expected.rows.count)")
    let counts = CatalogCounts(rows: rows.count, damaged: lines.count)
    try expect(summary[file] == counts, "the summary says \(String(describing: summary[file]))")
}

/// The usual way, and ways that cut within lines, signs and batches.
let ways = [
    CatalogImporter(),
    CatalogImporter(batchSize: 1, chunkSize: 7),
    CatalogImporter(batchSize: 3, chunkSize: 1),
]

struct Vectors: @unchecked Sendable {
    private let lines: [String: [[String: Any]]]
    private let texts: [[String: Any]]

    init(_ path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let all = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        guard let lines = all?["lines"] as? [String: [[String: Any]]],
            let texts = all?["texts"] as? [[String: Any]]
        else {
            throw Failure(description: "\(path) holds no vectors")
        }
        self.lines = lines
        self.texts = texts
    }

    /// All lines for a file, one after the other.
    func lines(of file: CatalogFile) throws -> (bytes: Data, expected: Expected) {
        guard let cases = lines[file.rawValue], !cases.isEmpty else {
            throw Failure(description: "no lines for \(file.rawValue)")
        }
        var expected = Expected()
        var bytes = Data()
        for (at, one) in cases.enumerated() {
            guard let line = one["line"] as? String else {
                throw Failure(description: "line \(at + 1) is none")
            }
            bytes += Data(line.utf8) + Data("\n".utf8)
            if let row = one["row"] as? [String: Any] {
                expected.rows.append(try plain(row))
            } else {
                expected.damaged[at + 1] = .some(one["field"] as? String)
            }
        }
        return (bytes, expected)
    }

    /// Whole files, by what is special about them.
    func files() throws -> [(about: String, file: CatalogFile, bytes: Data, expected: Expected)] {
        try texts.map { one in
            let packed = (one["base64"] as? String).flatMap { Data(base64Encoded: $0) }
            guard let about = one["about"] as? String,
                let file = (one["file"] as? String).flatMap(CatalogFile.init(rawValue:)),
                let bytes = packed ?? (one["text"] as? String).map({ Data($0.utf8) }),
                let rows = one["rows"] as? [[String: Any]], let damaged = one["damaged"] as? [Int]
            else {
                throw Failure(description: "a text is not as it should be: \(one)")
            }
            let expected = Expected(
                damaged: Dictionary(uniqueKeysWithValues: damaged.map { ($0, nil) }),
                rows: try rows.map { try plain($0) })
            return (about, file, bytes, expected)
        }
    }
}

func artist(_ number: Int) -> Data {
    let id = String(String(number).reversed()).padding(toLength: 22, withPad: "0", startingAt: 0)
    return Data(#"{"id":"\#(id)","name":"A","genres":["rock"],"popularity":null}"#.utf8)
}

#if os(Linux)
    /// The most memory that this process held since the last call with `anew`, in bytes.
    func peakMemory(anew: Bool = false) throws -> Int {
        if anew {
            try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
        }
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first,
            let number = Int(kilobytes)
        else {
            throw Failure(description: "the system does not tell the memory of a process")
        }
        return 1024 * number
    }
#endif

// MARK: - The checks

@main
struct Checks {
    private var passed = 0
    private var failed = 0

    static func main() async throws {
        guard CommandLine.arguments.count == 3 else {
            print("usage: checks VECTORS RELEASE")
            exit(2)
        }
        var checks = Checks()
        try await checks.vectors(Vectors(CommandLine.arguments[1]))
        await checks.files()
        await checks.release(URL(fileURLWithPath: CommandLine.arguments[2], isDirectory: true))
        print("\(checks.passed) passed, \(checks.failed) failed")
        exit(checks.failed == 0 ? 0 : 1)
    }

    private mutating func check(_ what: String, _ body: () async throws -> String?) async {
        do {
            let more = try await body()
            passed += 1
            print("ok      \(what)\(more.map { ": \($0)" } ?? "")")
        } catch {
            failed += 1
            print("FAILED  \(what): \(error)")
        }
    }

    private mutating func vectors(_ vectors: Vectors) async throws {
        for file in CatalogFile.allCases {
            await check("lines of \(file.rawValue)") {
                let (bytes, expected) = try vectors.lines(of: file)
                for way in ways {
                    try await imported(file, bytes, expected, by: way)
                }
                return "\(expected.rows.count) rows, \(expected.damaged.count) damaged"
            }
        }
        for (about, file, bytes, expected) in try vectors.files() {
            await check("a file: \(about)") {
                for way in ways {
                    try await imported(file, bytes, expected, by: way)
                }
                return nil
            }
        }
    }

    private mutating func files() async {
        await check("a line without end is not kept in memory") {
            let endless = Data(repeating: UInt8(ascii: "x"), count: 3_000_000)
            let feed = Data("\n".utf8)
            let bytes = artist(1) + feed + endless + feed + artist(2) + feed + endless
            let rows = try [artist(1), artist(2)].map { try plain($0) }
            let expected = Expected(
                damaged: [2: "the line is too", 4: "the line is too"], rows: rows)
            try await imported(.artists, bytes, expected, by: CatalogImporter())
            return nil
        }

        #if os(Linux)
            await check("memory does not grow with the file") {
                let number = 300_000
                return try await withFolder([:]) { folder in
                    let path = folder.appendingPathComponent(CatalogFile.artists.rawValue)
                    let file = try FileHandle(forWritingTo: path)
                    for one in 0..<number {
                        try file.write(contentsOf: artist(one) + Data("\n".utf8))
                    }
                    let length = Int(try file.offset())
                    try file.close()
                    let store = Counted()
                    let before = try peakMemory(anew: true)
                    _ = try await CatalogImporter().importRelease(at: folder, into: store)
                    let grown = try peakMemory() - before
                    let rows = await store.rows
                    try expect(rows == number, "\(rows) rows")
                    try expect(grown < length / 4, "\(grown) bytes more for a file of \(length)")
                    return "\(grown / 1024) KiB more for a file of \(length / 1024) KiB"
                }
            }
        #endif

        await check("a missing file is told before anything is stored") {
            try await withFolder([.artists: artist(1)]) { folder in
                try FileManager.default.removeItem(
                    at: folder.appendingPathComponent(CatalogFile.features.rawValue))
                let store = Kept()
                do {
                    _ = try await CatalogImporter().importRelease(at: folder, into: store)
                } catch let error as CatalogError {
                    let order = await store.order
                    try expect(order.isEmpty, "stored: \(order)")
                    return "\(error)"
                }
                throw Failure(description: "it was not told")
            }
        }
    }

    private mutating func release(_ release: URL) async {
        await check("a release is imported in order, whole and in batches") {
            let manifest = try CatalogManifest(of: release)
            let store = Kept()
            let told = Told()
            let importer = CatalogImporter(batchSize: 100)
            let summary = try await importer.importRelease(at: release, into: store) {
                told.hear($0)
            }
            for file in CatalogFile.allCases {
                let counts = CatalogCounts(rows: manifest.rows(of: file), damaged: 0)
                try expect(
                    summary[file] == counts,
                    "\(file.rawValue): \(String(describing: summary[file]))")
                // Each row is what its line says, without the keys that are not for the app.
                let text = try Data(contentsOf: release.appendingPathComponent(file.rawValue))
                let lines = text.split(separator: UInt8(ascii: "\n"))
                let rows = await store.rows[file] ?? []
                try expect(rows.count == lines.count, "\(rows.count) rows of \(lines.count) lines")
                for (row, line) in zip(rows, lines) {
                    let said = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                    let wanted = try plain((said ?? [:]).filter { !$0.key.hasPrefix("_") })
                    try expect(
                        row == wanted, "\(String(decoding: row, as: UTF8.self)) is not its line")
                }
            }
            var order = await store.order
            order = order.indices.filter { $0 == 0 || order[$0] != order[$0 - 1] }.map { order[$0] }
            try expect(order == [.artists, .tracks, .features], "the order is \(order)")
            let largest = await store.largest
            try expect(largest == min(100, manifest.totals.tracks), "\(largest) rows in one batch")
            try expect(told.fractions == told.fractions.sorted(), "the progress goes back")
            try expect(
                told.fractions.last == 1, "the progress ends at \(told.fractions.last ?? -1)")
            let totals = manifest.totals
            return "\(manifest.version): \(totals.artists) artists, \(totals.tracks) tracks, "
                + "\(totals.audioFeatures) features, as its manifest says"
        }

        await check("the packed files of a release") {
            try await withFolder([:]) { folder in
                for file in CatalogFile.allCases {
                    let packed = file.rawValue + ".gz"
                    try FileManager.default.removeItem(
                        at: folder.appendingPathComponent(file.rawValue))
                    try FileManager.default.copyItem(
                        at: release.appendingPathComponent(packed),
                        to: folder.appendingPathComponent(packed))
                }
                let store = Kept()
                #if canImport(Compression)
                    let plain = Kept()
                    _ = try await CatalogImporter().importRelease(at: release, into: plain)
                    _ = try await CatalogImporter(chunkSize: 100)
                        .importRelease(at: folder, into: store)
                    let (rows, wanted) = (await store.rows, await plain.rows)
                    try expect(rows == wanted, "other rows than the plain ones")
                    return "the same rows"
                #else
                    do {
                        _ = try await CatalogImporter().importRelease(at: folder, into: store)
                    } catch let error as CatalogError {
                        return "\(error)"
                    }
                    throw Failure(description: "nothing here unpacks them, and it was not told")
                #endif
            }
        }

        await check("an import again gives the same") {
            let first = Kept()
            let second = Kept()
            let once = try await CatalogImporter().importRelease(at: release, into: first)
            let twice = try await CatalogImporter().importRelease(at: release, into: second)
            let (rows, again) = (await first.rows, await second.rows)
            try expect(once == twice && rows == again, "it does not")
            return nil
        }

        await check("what the store refuses ends the import, and is not lost") {
            let store = Kept(calls: 1)
            do {
                _ = try await CatalogImporter(batchSize: 5).importRelease(at: release, into: store)
            } catch is Kept.Refused {
                let order = await store.order
                try expect(order == [.artists], "stored: \(order)")
                return nil
            }
            throw Failure(description: "it was lost")
        }

        await check("a cancelled import ends") {
            let store = Counted(cancels: true)
            let importer = CatalogImporter(batchSize: 5)
            let task = Task { try await importer.importRelease(at: release, into: store) }
            do {
                _ = try await task.value
            } catch is CancellationError {
                let rows = await store.rows
                try expect(rows == 5, "\(rows) rows were stored")
                return nil
            }
            throw Failure(description: "it went on")
        }
    }
}
