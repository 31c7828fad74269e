// Reads the catalogue's files into the app. This one file is all that the app needs of the project:
// add it to a target. `README.md` beside it has the steps. Foundation alone, Swift 6, iOS 15 or newer.

import Foundation

#if canImport(Compression)
    import Compression
#endif

// MARK: - Rows

/// A row of `cached_artists.jsonl`.
struct CatalogArtist: CatalogRow, Identifiable {
    @SpotifyID var id: String
    var name: String
    /// Lower case, "-" written as " " and "&" as "and".
    var genres: [String]
    /// 0 to 100.
    @OrNull var popularity: Int?
}

/// A row of `cached_tracks.jsonl`. Its keys that begin with `_` tell where the row came from and are
/// not for the app.
struct CatalogTrack: CatalogRow, Identifiable {
    @SpotifyID var id: String
    var name: String
    @SpotifyID var artistId: String
    var artistName: String
    var durationMs: Int
    var albumName: String
    @OrNull var albumReleaseYear: Int?
    /// 0 to 100.
    @OrNull var popularity: Int?
    var explicit: Bool
    @Moment var addedAt: Date
    var isPlayable: Bool
}

/// A row of `audio_features.jsonl`. A track of which nothing is known has none.
struct CatalogAudioFeature: CatalogRow {
    @SpotifyID var trackId: String
    /// Beats a minute.
    @OrNull var tempo: Double?
    /// 0 to 1, as are danceability and valence.
    @OrNull var energy: Double?
    @OrNull var danceability: Double?
    @OrNull var valence: Double?
    /// Decibels, mostly below 0.
    @OrNull var loudness: Double?
    /// 0 is C, 11 is B, -1 says that none was found.
    @OrNull var key: Int?
    /// 1 is major, 0 is minor.
    @OrNull var mode: Int?
    @OrNull var timeSignature: Int?
}

/// What the importer asks of a row. Keys that it does not know it passes over.
protocol CatalogRow: Codable, Hashable, Sendable {}

/// A value that may be `null` in the file, but whose key is never missing.
@propertyWrapper
struct OrNull<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    var wrappedValue: Value?

    init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        wrappedValue = value.decodeNil() ? nil : try value.decode(Value.self)
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        if let wrappedValue {
            try value.encode(wrappedValue)
        } else {
            try value.encodeNil()
        }
    }
}

/// An id of 22 letters and digits.
@propertyWrapper
struct SpotifyID: Codable, Hashable, Sendable {
    var wrappedValue: String

    init(wrappedValue: String) {
        self.wrappedValue = wrappedValue
    }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        wrappedValue = try value.decode(String.self)
        let signs = wrappedValue.utf8
        let known = signs.allSatisfy { sign in
            switch sign {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: false
            }
        }
        guard known, signs.count == 22 else {
            throw DecodingError.dataCorruptedError(in: value, debugDescription: "no Spotify id")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(wrappedValue)
    }
}

/// A moment, `YYYY-MM-DDTHH:MM:SSZ`.
@propertyWrapper
struct Moment: Codable, Hashable, Sendable {
    private static let format = Date.ISO8601FormatStyle()

    var wrappedValue: Date

    init(wrappedValue: Date) {
        self.wrappedValue = wrappedValue
    }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let text = try value.decode(String.self)
        // The format alone would take 30 February for 2 March, and whatever stands behind the Z.
        guard let date = try? Self.format.parse(text), Self.format.format(date) == text else {
            throw DecodingError.dataCorruptedError(
                in: value, debugDescription: "no moment YYYY-MM-DDTHH:MM:SSZ")
        }
        wrappedValue = date
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(Self.format.format(wrappedValue))
    }
}

// MARK: - Files

/// The app's files of a release, in the order they are imported: artists before the tracks that name
/// them, tracks before the features that name those.
enum CatalogFile: String, CaseIterable, Sendable {
    case artists = "cached_artists.jsonl"
    case tracks = "cached_tracks.jsonl"
    case features = "audio_features.jsonl"
}

/// What of `manifest.json` the app needs: which release this is, and how many rows it holds.
struct CatalogManifest: Decodable, Sendable {
    struct Totals: Decodable, Sendable {
        let tracks: Int
        let artists: Int
        let audioFeatures: Int
    }

    /// Differs whenever the data do.
    let version: String
    let totals: Totals

    init(of folder: URL) throws {
        let data = try Data(contentsOf: folder.appendingPathComponent("manifest.json"))
        self = try JSONDecoder().decode(Self.self, from: data)
    }

    func rows(of file: CatalogFile) -> Int {
        switch file {
        case .artists: totals.artists
        case .tracks: totals.tracks
        case .features: totals.audioFeatures
        }
    }
}

// MARK: - Import

/// Where the rows go: the app's models, for instance a `@ModelActor`.
///
/// Each call brings one batch and ends when it is stored. A row replaces the one that has its id.
protocol CatalogStore: Sendable {
    func upsert(artists: [CatalogArtist]) async throws
    func upsert(tracks: [CatalogTrack]) async throws
    func upsert(features: [CatalogAudioFeature]) async throws
}

/// A line that is no row of its file. It costs only itself.
struct DamagedRow: Hashable, Sendable {
    let file: CatalogFile
    /// The first line is 1.
    let line: Int
    /// Names the field, never its content.
    let reason: String
}

/// How many lines of a file were stored, and how many could not be read.
struct CatalogCounts: Hashable, Sendable {
    var rows = 0
    var damaged = 0
}

/// What an import tells while it runs.
enum CatalogEvent: Sendable {
    /// A batch is stored: the file's counts so far, and the part of all files that is read, 0 to 1.
    case progress(file: CatalogFile, counts: CatalogCounts, fraction: Double)
    case damaged(DamagedRow)
}

enum CatalogError: Error, CustomStringConvertible {
    case missing(CatalogFile)
    /// There is only the compressed file, and nothing here that unpacks it.
    case packed(CatalogFile)
    case noGzip(CatalogFile)
    case cutShort(CatalogFile)

    var description: String {
        switch self {
        case .missing(let file): "\(file.rawValue) is not in the folder"
        case .packed(let file): "\(file.rawValue).gz has to be unpacked first on this system"
        case .noGzip(let file): "\(file.rawValue).gz is no gzip file"
        case .cutShort(let file): "\(file.rawValue).gz is not whole; copy it anew"
        }
    }
}

/// Imports the folder of a release, in bounded memory.
struct CatalogImporter: Sendable {
    /// Lines a batch.
    var batchSize = 500
    /// Bytes read at a time.
    var chunkSize = 65_536
    /// A line of more bytes counts as damaged and is not kept in memory.
    var longestLine = 1_048_576

    /// Stores every row of the three files, `.jsonl` or else `.jsonl.gz`.
    ///
    /// All files are opened before the first row is stored. What the store throws ends the import; the
    /// batches before it stay, and importing again replaces them by the same.
    ///
    /// - Parameters:
    ///   - folder: the release, such as `export/latest`.
    ///   - report: told of each damaged row and each stored batch, from the importing task.
    /// - Returns: the counts of each file. Their sum is the number of its lines.
    /// - Throws: `CatalogError`, what reading a file or the store throws, `CancellationError`.
    func importRelease(
        at folder: URL, into store: some CatalogStore,
        report: @Sendable (CatalogEvent) -> Void = { _ in }
    ) async throws -> [CatalogFile: CatalogCounts] {
        let sources = try CatalogFile.allCases.map { try Source($0, in: folder, chunk: chunkSize) }
        let total = sources.reduce(0) { $0 + $1.size }
        // A file that is empty or still grows must not lead beyond the end.
        let fraction = {
            min(1, Double(sources.reduce(0) { $0 + $1.taken }) / Double(max(1, total)))
        }
        var summary: [CatalogFile: CatalogCounts] = [:]
        for source in sources {
            summary[source.file] =
                switch source.file {
                case .artists:
                    try await read(source, report, fraction) { try await store.upsert(artists: $0) }
                case .tracks:
                    try await read(source, report, fraction) { try await store.upsert(tracks: $0) }
                case .features:
                    try await read(source, report, fraction) {
                        try await store.upsert(features: $0)
                    }
                }
        }
        return summary
    }

    private func read<Row: CatalogRow>(
        _ source: Source, _ report: (CatalogEvent) -> Void, _ fraction: () -> Double,
        upsert: ([Row]) async throws -> Void
    ) async throws -> CatalogCounts {
        var reader = RowReader<Row>(source: source, longest: longestLine)
        var counts = CatalogCounts()
        while let batch = try inPool({ try reader.next(batchSize) }) {
            try Task.checkCancellation()
            for row in batch.damaged {
                report(.damaged(row))
            }
            if !batch.rows.isEmpty {
                try await upsert(batch.rows)
            }
            counts.rows += batch.rows.count
            counts.damaged += batch.damaged.count
            report(.progress(file: source.file, counts: counts, fraction: fraction()))
        }
        return counts
    }
}

// MARK: - Reading

/// Rows of one file, a batch of lines at a time.
private struct RowReader<Row: CatalogRow> {
    struct Batch {
        var rows: [Row] = []
        var damaged: [DamagedRow] = []
    }

    private let file: CatalogFile
    private let decoder = JSONDecoder()
    private var lines: LineReader
    private var number = 0

    init(source: Source, longest: Int) {
        file = source.file
        lines = LineReader(read: source.read, longest: longest)
    }

    /// The next lines, as many as asked for; nil where the file ends.
    mutating func next(_ most: Int) throws -> Batch? {
        var batch = Batch()
        var left = max(1, most)
        while left > 0, let line = try lines.next() {
            left -= 1
            number += 1
            do throws(Damage) {
                batch.rows.append(try row(of: line))
            } catch {
                batch.damaged.append(DamagedRow(file: file, line: number, reason: error.reason))
            }
        }
        return batch.rows.isEmpty && batch.damaged.isEmpty ? nil : batch
    }

    private func row(of line: LineReader.Line) throws(Damage) -> Row {
        switch line {
        case .overlong: throw Damage(reason: "the line is too long")
        case .text(let text) where text.isEmpty: throw Damage(reason: "the line is empty")
        case .text(let text):
            do {
                return try decoder.decode(Row.self, from: text)
            } catch {
                throw Damage(error)
            }
        }
    }
}

/// Why a line is no row.
private struct Damage: Error {
    let reason: String

    init(reason: String) {
        self.reason = reason
    }

    init(_ error: any Error) {
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
            return path.isEmpty ? "the row" : path.joined(separator: ".")
        }
        switch error as? DecodingError {
        case .keyNotFound(let key, _): reason = "\(key.stringValue) is missing"
        case .valueNotFound(_, let context): reason = "\(place(context)) is null"
        case .typeMismatch(_, let context): reason = "\(place(context)) is of another type"
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            // Foundation does not everywhere tell broken JSON from a fraction where an integer belongs.
            reason = "the line is no JSON, or a number in it does not fit its field"
        case .dataCorrupted(let context):
            reason = "\(place(context)) is not usable: \(context.debugDescription)"
        default: reason = "\(error)"
        }
    }
}

/// Lines of a file, cut at line feeds alone: U+2028, U+0085 and the like may stand in a song's name.
private struct LineReader {
    enum Line {
        case text(Data)
        case overlong
    }

    let read: () throws -> Data?
    let longest: Int
    private var chunk = Data()
    private var line = Data()
    private var overlong = false

    init(read: @escaping () throws -> Data?, longest: Int) {
        self.read = read
        self.longest = longest
    }

    /// The next line without its line feed; nil where the file ends.
    mutating func next() throws -> Line? {
        while true {
            if let end = chunk.firstIndex(of: UInt8(ascii: "\n")) {
                keep(chunk[..<end])
                chunk = chunk[(end + 1)...]
                return take()
            }
            keep(chunk)
            chunk = try read() ?? Data()
            if chunk.isEmpty {
                return line.isEmpty && !overlong ? nil : take()
            }
        }
    }

    private mutating func keep(_ piece: Data) {
        overlong = overlong || line.count + piece.count > longest
        if overlong {
            line.removeAll()
        } else {
            line.append(piece)
        }
    }

    private mutating func take() -> Line {
        defer {
            line = Data()
            overlong = false
        }
        return overlong ? .overlong : .text(line)
    }
}

/// A file that is open for reading, packed or not.
private final class Source {
    let file: CatalogFile
    /// Bytes of the file on disk.
    let size: Int
    /// Bytes of it that were read.
    private(set) var taken = 0
    private let handle: FileHandle
    private let chunk: Int
    private var unpacked: (() throws -> Data?)?

    init(_ file: CatalogFile, in folder: URL, chunk: Int) throws {
        self.file = file
        self.chunk = max(1, chunk)
        let plain = folder.appendingPathComponent(file.rawValue)
        let packed = plain.appendingPathExtension("gz")
        let here = FileManager.default.fileExists(atPath: plain.path)
        guard here || FileManager.default.fileExists(atPath: packed.path) else {
            throw CatalogError.missing(file)
        }
        handle = try FileHandle(forReadingFrom: here ? plain : packed)
        size = Int(try handle.seekToEnd())
        try handle.seek(toOffset: 0)
        if !here {
            #if canImport(Compression)
                unpacked = try unpacking()
            #else
                throw CatalogError.packed(file)
            #endif
        }
    }

    deinit {
        try? handle.close()
    }

    /// The next bytes of the text; nil or none where it ends.
    func read() throws -> Data? {
        guard let unpacked else {
            return try bytes(chunk)
        }
        return try unpacked()
    }

    private func bytes(_ most: Int) throws -> Data? {
        let data = try handle.read(upToCount: most)
        taken += data?.count ?? 0
        return data
    }

    #if canImport(Compression)
        // Untested: `make test-swift` runs where there is no Compression.

        /// A reader of the unpacked bytes of a gzip file of one member, as the release has them.
        private func unpacking() throws -> () throws -> Data? {
            let length = try lengthAtEnd()
            try skipHeader()
            // What `.zlib` names is bare deflate, which lies between gzip's header and its checksum.
            let filter = try InputFilter(.decompress, using: .zlib) {
                [unowned self] (count: Int) -> Data? in try bytes(count)
            }
            var given: UInt32 = 0
            return { [chunk, file] in
                if let data = try filter.readData(ofLength: chunk), !data.isEmpty {
                    given &+= UInt32(truncatingIfNeeded: data.count)
                    return data
                }
                guard given == length else {
                    throw CatalogError.cutShort(file)
                }
                return nil
            }
        }

        /// The text's length modulo 2³², which are gzip's last four bytes.
        private func lengthAtEnd() throws -> UInt32 {
            guard size >= 18 else {
                throw CatalogError.noGzip(file)
            }
            try handle.seek(toOffset: UInt64(size - 4))
            let tail = try handle.read(upToCount: 4) ?? Data()
            try handle.seek(toOffset: 0)
            return tail.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }

        private func skipHeader() throws {
            func next(_ count: Int) throws -> [UInt8] {
                guard let data = try bytes(count), data.count == count else {
                    throw CatalogError.noGzip(file)
                }
                return [UInt8](data)
            }
            let head = try next(10)
            guard head[0] == 0x1f, head[1] == 0x8b, head[2] == 8 else {
                throw CatalogError.noGzip(file)
            }
            let flags = head[3]
            if flags & 4 != 0 {  // more fields, behind their length
                let length = try next(2)
                let count = Int(length[0]) + 256 * Int(length[1])
                if count > 0 { _ = try next(count) }
            }
            // A name and a remark; both end with 0.
            for flag in [UInt8(8), 16] where flags & flag != 0 {
                while try next(1)[0] != 0 {}
            }
            if flags & 2 != 0 { _ = try next(2) }  // the header's checksum
        }
    #endif
}

/// Frees what Foundation leaves behind on Apple's systems while a batch is read.
private func inPool<Result>(_ body: () throws -> Result) rethrows -> Result {
    #if canImport(ObjectiveC)
        try autoreleasepool(invoking: body)
    #else
        try body()
    #endif
}
