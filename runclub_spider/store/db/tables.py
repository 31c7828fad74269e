"""The tables. Times are whole seconds since 1970 UTC; `migrations/` creates them.

Natural keys throughout: no number that depends on arrival order ever reaches a release.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    case,
    event,
    func,
    select,
    text,
)

metadata = MetaData()


@event.listens_for(metadata, "before_create")
def _on_server(made: MetaData, connection: Any, **_: Any) -> None:
    """A partial index is one on both databases.

    To declare `postgresql_where` beside `sqlite_where` would load that dialect at every start.
    """
    if connection.dialect.name == "postgresql":
        for index in (index for table in made.tables.values() for index in table.indexes):
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


# Keys sort by code point on every database, or releases would differ in row order.
Key = Text().with_variant(Text(collation="C"), "postgresql")

# SQLite keeps such a table in the order of its key. Those whose rows are long and come in any order
# are kept in that of their arrival instead (`track`, `audio_features`): what comes together, and is
# completed together, stands in few places of the file.
_compact: dict[str, Any] = {"sqlite_with_rowid": False}

meta = Table(
    "meta",
    metadata,
    Column("key", Key, primary_key=True),
    Column("value", Text, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("spider", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("result", Text),
    Column("counts", Text),
    # The fleet's plan that the run belongs to.
    Column("plan_id", Integer),
)

# What many workers do together: one order of `scrapy fleet start`.
fleet_plan = Table(
    "fleet_plan",
    metadata,
    Column("plan_id", Integer, primary_key=True),
    Column("spider", Text, nullable=False),
    # JSON: argument -> value, as typed.
    Column("arguments", Text, nullable=False),
    Column("budget", Integer),
    # open, done or stopped
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

fleet_job = Table(
    "fleet_job",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("plan_id", Integer, ForeignKey("fleet_plan.plan_id"), nullable=False),
    # crawl, enrich, window (of a station) or publish
    Column("kind", Text, nullable=False),
    # JSON: the command's words.
    Column("command", Text, nullable=False),
    Column("account", Text),
    # How often it was begun: who was given a lower number may no longer write.
    Column("attempt", Integer, nullable=False, server_default="0"),
    # waiting, running, paused, done, failed or stopped
    Column("state", Text, nullable=False),
    Column("worker", Text),
    Column("exit_code", Integer),
    # How often in a row it ended with that code and no moment to resume at that anybody knew.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("resume_at", BigInteger),
    # What its command said last.
    Column("note", Text),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Index("fleet_job_plan", "plan_id"),
)

# What the stages will ask of what a plan's pages found, sent or not: a budget reckons with it.
fleet_need = Table(
    "fleet_need",
    metadata,
    Column("plan_id", Integer, primary_key=True, autoincrement=False),
    Column("stage", Key, primary_key=True),
    # The id of a track or an artist.
    Column("needed", Key, primary_key=True),
    **_compact,
)

# The seed ledger. `next_offset` is the first row not yet asked in this generation.
seed = Table(
    "seed",
    metadata,
    Column("term", Key, primary_key=True),
    Column("search_type", Key, primary_key=True),
    Column("market", Key, primary_key=True),
    Column("family", Text, nullable=False),
    Column("umbrella", Text),
    Column("decade", Text),
    Column("bpm", Integer),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False, server_default="fresh"),
    Column("next_offset", Integer, nullable=False, server_default="0"),
    Column("last_offset", Integer),
    Column("last_seen_at", BigInteger),
    Column("requests", Integer, nullable=False, server_default="0"),
    Column("rows", Integer, nullable=False, server_default="0"),
    # Of stores of older versions, which counted in the order of commits (`read/brought.py`).
    Column("new_tracks", Integer, nullable=False, server_default="0"),
    Column("eligible_new", Integer, nullable=False, server_default="0"),
    # Eligible tracks that this generation brought, once it was looked at (`seeds.refresh`), and
    # generations in a row that brought none.
    Column("generation_new", Integer, nullable=False, server_default="0"),
    Column("dry_runs", Integer, nullable=False, server_default="0"),
    **_compact,
)

# The work queue and the delta memory in one: a page is planned (`open`), then `done` in the
# transaction that stores its rows. `raw` is what was served, compressed, until its retention.
page = Table(
    "page",
    metadata,
    Column("key", Key, primary_key=True),
    Column("spider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("first_row", Integer, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("run_id", Integer),
    Column("fetched_at", BigInteger),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("track_rows", Integer, nullable=False, server_default="0"),
    Column("null_rows", Integer, nullable=False, server_default="0"),
    Column("local_rows", Integer, nullable=False, server_default="0"),
    Column("episode_rows", Integer, nullable=False, server_default="0"),
    # As that of a seed.
    Column("new_tracks", Integer, nullable=False, server_default="0"),
    Column("raw", LargeBinary),
    # An open page of which no row could be read: how often in a row, until when it waits, and
    # for which version of the parsers.
    Column("drifts", Integer, nullable=False, server_default="0"),
    Column("retry_at", BigInteger),
    Column("parser_version", Integer),
    # Who of a fleet has it in hand, until when, and how often it was given out: who was given a
    # lower number may no longer store it.
    Column("lease_owner", Text),
    Column("lease_until", BigInteger),
    Column("lease_token", Integer, nullable=False, server_default="0"),
    Index(
        "page_open",
        "spider",
        "ordinal",
        sqlite_where=text("state = 'open'"),
    ),
    Index("page_ordinal", "ordinal"),
    Index("page_run", "run_id"),
    Index("page_source", "source_key"),
)

playlist = Table(
    "playlist",
    metadata,
    Column("playlist_id", Key, primary_key=True),
    Column("owner_id", Text),
    Column("owner_name", Text),
    Column("name", Text, nullable=False),
    Column("snapshot_id", Text),
    Column("total", Integer),
    Column("followers", Integer),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_processed_at", BigInteger),
    Column("last_snapshot_processed", Text),
    Column("processed_rows", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="found"),
    **_compact,
)

# Which playlists a playlist search served, and in what order.
seed_playlist = Table(
    "seed_playlist",
    metadata,
    Column("term", Key, primary_key=True),
    Column("market", Key, primary_key=True),
    Column("playlist_id", Key, primary_key=True),
    Column("position", Integer, nullable=False),
    # Whether the latest answer still served it; older ones stay as provenance.
    Column("current", Boolean, nullable=False),
    **_compact,
)

# What a new snapshot of a known list brought and took away, as JSON lists of track ids.
playlist_change = Table(
    "playlist_change",
    metadata,
    Column("playlist_id", Key, primary_key=True),
    Column("new_snapshot", Key, primary_key=True),
    Column("old_snapshot", Text, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("added", Text, nullable=False),
    Column("removed", Text, nullable=False),
    **_compact,
)

track = Table(
    "track",
    metadata,
    Column("track_id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("isrc", Text),
    Column("duration_ms", Integer, nullable=False),
    Column("explicit", Boolean, nullable=False),
    Column("album_id", Text),
    Column("album_name", Text, nullable=False),
    Column("album_type", Text),
    Column("release_date", Text),
    Column("image_url", Text),
    Column("popularity", Integer),
    Column("preview_url", Text),
    Column("linked_from", Text),
    Column("available_markets", Text),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("last_enriched_at", BigInteger),
    Column("has_features", Boolean, nullable=False, server_default=text("false")),
    Column("has_artist", Boolean, nullable=False, server_default=text("false")),
    # The least ordinal of the pages that showed it: that page brought it, whichever was stored
    # first. Null of tracks that older versions stored.
    Column("first_ordinal", Integer),
    Index("track_isrc", "isrc"),
)

track_market = Table(
    "track_market",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("market", Key, primary_key=True),
    Column("playable", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("restriction", Text),
    # When it was last found to be something else.
    Column("checked_at", BigInteger, nullable=False),
    **_compact,
)

# Edges seed -> track and playlist -> track; source_type is `search` or `playlist`.
track_source = Table(
    "track_source",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("source_type", Key, primary_key=True),
    Column("source_key", Key, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("run_id", Integer, nullable=False),
    # Playlists only: the snapshot it was last seen in, the one it came with, and when it went.
    Column("snapshot", Text),
    Column("added_snapshot", Text),
    Column("removed_at", BigInteger),
    # Searches only: the radio station of whose songs it looked for one.
    Column("station", Text),
    Index("track_source_source", "source_type", "source_key"),
    **_compact,
)

artist = Table(
    "artist",
    metadata,
    Column("artist_id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("genres", Text),
    Column("popularity", Integer),
    Column("image_url", Text),
    Column("fetched_at", BigInteger),
    **_compact,
)

track_artist = Table(
    "track_artist",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("artist_id", Key, ForeignKey("artist.artist_id"), nullable=False),
    Index("track_artist_artist", "artist_id"),
    **_compact,
)

audio_features = Table(
    "audio_features",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("recco_track_id", Text),
    Column("tempo", Float),
    Column("energy", Float),
    Column("danceability", Float),
    Column("valence", Float),
    Column("loudness", Float),
    Column("acousticness", Float),
    Column("instrumentalness", Float),
    Column("liveness", Float),
    Column("speechiness", Float),
    Column("key", Integer),
    Column("mode", Integer),
    Column("time_signature", Integer),
    Column("version", Text, nullable=False),
    Column("fetched_at", BigInteger, nullable=False),
    Column("borrowed_from", Text),
)

feature_miss = Table(
    "feature_miss",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("checked_at", BigInteger, nullable=False),
    Column("next_check_at", BigInteger, nullable=False),
    **_compact,
)

# Features from elsewhere: a row for each key and source, with nulls for what it does not know.
# `key_kind` is `id` (Spotify's), `isrc` or `mbid` (of a recording); the track need not be stored.
imported_features = Table(
    "imported_features",
    metadata,
    Column("key_kind", Key, primary_key=True),
    Column("key_value", Key, primary_key=True),
    Column("source", Key, primary_key=True),
    Column("licence", Text, nullable=False),
    Column("imported_at", BigInteger, nullable=False),
    Column("tempo", Float),
    Column("energy", Float),
    Column("danceability", Float),
    Column("valence", Float),
    Column("loudness", Float),
    Column("acousticness", Float),
    Column("instrumentalness", Float),
    Column("liveness", Float),
    Column("speechiness", Float),
    Column("key", Integer),
    Column("mode", Integer),
    Column("time_signature", Integer),
    **_compact,
)

# What ReccoBeats says of a track where Spotify's answers withhold it; never mixed with theirs.
track_detail = Table(
    "track_detail",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("isrc", Text),
    Column("popularity", Integer),
    Column("countries", Text),
    Column("fetched_at", BigInteger, nullable=False),
    Column("duration_ms", Integer),
    **_compact,
)

# When ReccoBeats was last asked which editions share the ISRC of a feature miss.
edition_search = Table(
    "edition_search",
    metadata,
    Column("isrc", Key, primary_key=True),
    Column("asked_at", BigInteger, nullable=False),
    **_compact,
)

# Those editions, and when their features were last asked for in place of the miss's own.
edition = Table(
    "edition",
    metadata,
    Column("isrc", Key, primary_key=True),
    Column("track_id", Key, primary_key=True),
    Column("duration_ms", Integer),
    Column("popularity", Integer),
    Column("asked_at", BigInteger),
    **_compact,
)

# What open metadata was asked for, by kind (`isrc`, `title`, `url`, `recording`, `artist`): what
# was found is not asked again, a miss after a gap that doubles.
open_ask = Table(
    "open_ask",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("found", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("next_check_at", BigInteger, nullable=False),
    **_compact,
)

# Recordings of MusicBrainz that a stored track may be; the year is that of the first release.
recording = Table(
    "recording",
    metadata,
    Column("mbid", Key, primary_key=True),
    Column("title", Text, nullable=False),
    Column("remark", Text, nullable=False),
    Column("length_ms", Integer),
    Column("year", Integer),
    **_compact,
)

recording_artist = Table(
    "recording_artist",
    metadata,
    Column("mbid", Key, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("artist_mbid", Key, nullable=False),
    # What the recording calls the artist, where that is another name than the artist's own.
    Column("credited_as", Text),
    Index("recording_artist_artist", "artist_mbid"),
    **_compact,
)

open_artist = Table(
    "open_artist",
    metadata,
    Column("mbid", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text),
    Column("begin_year", Integer),
    **_compact,
)

# Which recordings an answer named for a key: those that bear an ISRC, those of a title.
open_answer = Table(
    "open_answer",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("key", Key, primary_key=True),
    Column("mbid", Key, primary_key=True),
    **_compact,
)

# Which of these a track is, and whether its ISRC or its title says so.
track_recording = Table(
    "track_recording",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("mbid", Key, primary_key=True),
    Column("route", Text, nullable=False),
    Index("track_recording_mbid", "mbid"),
    **_compact,
)

# Spotify artist -> MusicBrainz artist, by the address that MusicBrainz links to (`url`) or by
# the credits of recordings (`recording`).
artist_link = Table(
    "artist_link",
    metadata,
    Column("artist_id", Key, primary_key=True),
    Column("artist_mbid", Key, nullable=False),
    Column("route", Text, nullable=False),
    **_compact,
)

# Votes for the tags of a `recording`, the `release_group` of one, or an `artist`.
open_tag = Table(
    "open_tag",
    metadata,
    Column("entity", Key, primary_key=True),
    Column("mbid", Key, primary_key=True),
    Column("name", Key, primary_key=True),
    Column("votes", Integer, nullable=False),
    **_compact,
)

# Names of official genres, as far as they are known.
open_genre = Table(
    "open_genre",
    metadata,
    Column("name", Key, primary_key=True),
    **_compact,
)

# What follows of all that for a track; JSON lists of artists' MBIDs and of [genre, thousandths].
open_metadata = Table(
    "open_metadata",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("recording_mbid", Text),
    Column("artist_mbids", Text),
    Column("original_year", Integer),
    Column("year_source", Text),
    Column("year_confidence", Float),
    Column("genres", Text),
    **_compact,
)

# Spotify's length of a track; where its answers tell none, ReccoBeats'; else 0.
LENGTH_MS = case(
    (track.c.duration_ms > 0, track.c.duration_ms),
    else_=func.coalesce(
        select(track_detail.c.duration_ms)
        .where(track_detail.c.track_id == track.c.track_id)
        .correlate(track)
        .scalar_subquery(),
        0,
    ),
)

# An artist can come without a name; one that has none is left out of what a release says.
NAMED = func.trim(artist.c.name) != ""

# Verdicts of the filter under the policy named in `meta`; no row means eligible.
rejection = Table(
    "rejection",
    metadata,
    Column("track_id", Key, ForeignKey("track.track_id"), primary_key=True),
    Column("rule", Key, primary_key=True),
    Column("run_id", Integer),
    Column("detail", Text),
    **_compact,
)

# Hourly buckets of calls per account and endpoint family: the quota ledger.
quota = Table(
    "quota",
    metadata,
    Column("account", Key, primary_key=True),
    Column("family", Key, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("calls", Integer, nullable=False),
    **_compact,
)

# Until when an API (or one family of it) must not be asked.
api_block = Table(
    "api_block",
    metadata,
    Column("account", Key, primary_key=True),
    Column("family", Key, primary_key=True),
    Column("blocked_until", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    **_compact,
)

release = Table(
    "release",
    metadata,
    Column("version", Key, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("input_digest", Text, nullable=False),
    Column("data_digest", Text, nullable=False),
    Column("tracks", Integer, nullable=False),
    **_compact,
)

# The tracks of the newest release and their cells: what the next one starts from.
release_row = Table(
    "release_row",
    metadata,
    Column("track_id", Key, primary_key=True),
    Column("version", Text, nullable=False),
    Column("umbrella", Text),
    Column("decade", Text),
    **_compact,
)

# ISRC -> surviving Spotify id, kept across releases.
canonical = Table(
    "canonical",
    metadata,
    Column("isrc", Key, primary_key=True),
    Column("track_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    **_compact,
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("kind", Key, primary_key=True),
    Column("value", Key, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    **_compact,
)

# The songs of the catalogue, whoever named them; `track_id` is the Spotify track of the same
# recording. The keys are those of `catalog/matching.py`; they are filled in for rows that come
# without (another program's), and only then null.
song = Table(
    "song",
    metadata,
    Column("id", Key, primary_key=True),
    Column("title", Text, nullable=False),
    Column("artist", Text, nullable=False),
    Column("album", Text),
    Column("year", Integer),
    Column("mbid", Key),
    Column("isrc", Key),
    Column("duration_ms", Integer),
    Column("source", Text, nullable=False),
    Column("is_placeholder", Boolean, nullable=False, server_default=text("false")),
    Column("has_embedding", Boolean, nullable=False, server_default=text("false")),
    Column("track_id", Key, ForeignKey("track.track_id", ondelete="SET NULL")),
    Column("match_key", Key),
    Column("artist_key", Key),
    Column("created_at", BigInteger, nullable=False, server_default="0"),
    Index("song_match_key", "match_key", unique=True),
    Index("song_artist_key", "artist_key"),
    Index(
        "song_mbid",
        "mbid",
        sqlite_where=text("mbid IS NOT NULL"),
    ),
    Index(
        "song_isrc",
        "isrc",
        sqlite_where=text("isrc IS NOT NULL"),
    ),
    Index(
        "song_track",
        "track_id",
        sqlite_where=text("track_id IS NOT NULL"),
    ),
    **_compact,
)

# Where a song was heard: one row a play, as its source names it.
external_play = Table(
    "external_play",
    metadata,
    Column("source", Key, primary_key=True),
    Column("source_play_id", Key, primary_key=True),
    Column("title", Text, nullable=False),
    Column("artist", Text, nullable=False),
    Column("album", Text),
    Column("airdate", BigInteger),
    Column("mbid", Text),
    Column("year", Integer),
    Column("song_id", Key, ForeignKey("song.id")),
    Column("match_tier", Text),
    Column("match_confidence", Float),
    Column("created_at", BigInteger, nullable=False),
    Index("external_play_song", "source", "song_id"),
    Index("external_play_airdate", "source", "airdate"),
    **_compact,
)

# How far a source was read: `cursor` is the newest moment up to which nothing is missing above
# the last gap (ISO 8601, UTC).
ingestion_checkpoint = Table(
    "ingestion_checkpoint",
    metadata,
    Column("source", Key, primary_key=True),
    Column("cursor", Text),
    Column("metadata", Text),
    Column("updated_at", BigInteger, nullable=False),
    **_compact,
)

# The stretches of time of which every play is stored, apart from each other; ends not included.
covered_interval = Table(
    "covered_interval",
    metadata,
    Column("source", Key, primary_key=True),
    Column("start_at", BigInteger, primary_key=True),
    Column("end_at", BigInteger, nullable=False),
    **_compact,
)

# Plays that a person should look at: refused near matches, contradictions, unknown rows.
play_review = Table(
    "play_review",
    metadata,
    Column("source", Key, primary_key=True),
    Column("source_play_id", Key, primary_key=True),
    Column("kind", Key, primary_key=True),
    Column("detail", Text, nullable=False),
    **_compact,
)
