"use strict";
// The tracks of a release in a table of which only what is seen is drawn. All texts go into the page
// as texts: none of them is ever read as markup.
(() => {
  const UNASSIGNED = "Unassigned", UNDATED = "Undated";
  const byId = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en-US");

  const blocks = (kind) => [...document.querySelectorAll(`script.${kind}`)];
  const read = (element) => JSON.parse(element.textContent);
  // What the stories need is read when the first of a block is asked for.
  const stories = blocks("stories").map((element) => {
    let known;
    return () => (known ??= read(element));
  });
  const rows = [];
  const found = new Set();
  blocks("rows").map(read).forEach(({ columns, values }, block) => {
    for (const name of Object.keys(values)) columns[name] = columns[name].map((at) => values[name][at]);
    values.labels.flat().forEach((label) => found.add(label));
    const names = Object.keys(columns);
    for (let at = 0; at < columns.id.length; at += 1) {
      const row = { block, at, order: rows.length, open: false };
      for (const name of names) row[name] = columns[name][at];
      rows.push(row);
    }
  });
  const labels = [...found].sort();
  for (const label of labels) byId("label").add(new Option(label, `is ${label}`));

  // --- texts

  const el = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
  // Letters of one direction must not turn their neighbours around.
  const bdi = (text, more) => el("bdi", text ?? "", more);
  const clock = (ms) => (ms === null ? "" : `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`);
  const plainly = (text) => (text ?? "").normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const link = (kind, id, text) => {
    if (!/^[0-9A-Za-z]{22}$/.test(id)) return bdi(text);
    return el("a", text, { dir: "auto", href: `https://open.spotify.com/${kind}/${id}`, target: "_blank", rel: "noopener noreferrer" });
  };

  // --- the story of a track

  const list = (title, items) => {
    const part = document.createElement("section");
    const ul = document.createElement("ul");
    for (const item of items) {
      const li = document.createElement("li");
      li.append(...[item].flat());
      ul.append(li);
    }
    part.append(el("h2", title), ul);
    return part;
  };
  const source = ([type, key, owner, name]) =>
    type === "playlist"
      ? ["playlist ", link("playlist", key, name || key), ...(owner ? [" by ", bdi(owner)] : [])]
      : [type === "search" ? "search " : `heard on ${type}: `, bdi(key)];

  const story = (row) => {
    const { block, at, id, tempo, umbrellas } = row;
    const { columns, values } = stories[block]();
    const is = (name) => (name in columns ? columns[name][at] : row[name]);
    const of = (name) => (name in columns ? values[name][columns[name][at]] : row[name]);
    const why = [];
    why.push(umbrellas.length
      ? `${umbrellas.join(", ")}: by ${String(of("origin")).replaceAll("_", " ")}, confidence ${is("confidence")}`
      : "No umbrella: nothing says what kind of music it is");
    why.push(of("decade") ? `${of("decade")}: its album is from ${is("year")}` : "No decade from the 70s on");
    if (is("originalYear")) why.push(`First released in ${is("originalYear")}`);
    const helped = of("backfill");
    if (helped) why.push(`Stands in for a thin cell: ${helped[0]}, ${helped[1]} (${helped[2]})`);
    why.push(of("playable") ? `Plays in the US (${of("playable").replaceAll("_", " ")})` : "Not known to play in the US");
    why.push(of("labels").length ? `Labelled ${of("labels").join(", ")}` : "No content label");
    why.push(is("suits") === null ? "Not rated for a run: no tempo or energy" : `Suits a run: ${is("suits")}, cadence ${of("band")}`);

    const facts = [[link("track", id, "Open in Spotify")], ["Album ", bdi(is("album")), is("date") ? `, ${is("date")}` : ""]];
    if (is("isrc")) facts.push(["ISRC ", bdi(is("isrc"))]);
    for (const one of is("apart")) facts.push(["Another recording with this ISRC: ", link("track", one, one)]);
    if (of("features")) {
      const told = [["tempo", tempo === null ? null : `${tempo} BPM`], ["energy", is("energy")], ["danceability", is("danceability")], ["valence", is("valence")]];
      facts.push(`${told.filter(([, value]) => value !== null).map((pair) => pair.join(" ")).join(", ")} (${of("features")})`);
      if (is("borrowed")) facts.push(["Features of another edition: ", link("track", is("borrowed"), is("borrowed"))]);
    } else facts.push("No audio features");
    if (is("explicit")) facts.push("Explicit");

    const seen = is("sources").map((one) => source(values.sources[one]));
    const more = is("found") - seen.length;
    if (more > 0) seen.push(`and ${number.format(more)} more`);
    const others = [
      ...is("same").map((one) => ["same recording ", link("track", one, one)]),
      ...is("similar").map((one) => ["another rendering ", link("track", one, one)]),
    ];
    const made = el("div", "", { className: "story" });
    made.append(
      list("Why it is in", why),
      list("What it is", facts),
      list(`Found by ${number.format(is("found"))} ${is("found") === 1 ? "source" : "sources"}`, seen.length ? seen : ["nothing on record"]),
      list("Stands for", others.length ? others : ["itself alone: no duplicate was merged into it"]),
    );
    return made;
  };

  // --- the table

  const narrow = window.matchMedia("(max-width: 40rem)");
  const title = (cell) => {
    const row = cell.getData();
    const made = el("div", "", { className: "track" });
    const button = el("button", row.open ? "▾" : "▸", { type: "button" });
    button.setAttribute("aria-expanded", String(row.open));
    button.setAttribute("aria-label", `Story of ${row.name}`);
    const names = document.createElement("div");
    names.append(bdi(row.name), bdi(row.artists, { className: "soft" }));
    if (narrow.matches) {
      const told = [row.year, row.umbrellas[0], row.tempo === null ? null : `${Math.round(row.tempo)} BPM`, row.suits, clock(row.ms)];
      names.append(bdi(told.filter((one) => one !== null && one !== undefined).join(" · "), { className: "soft" }));
    }
    made.append(button, names);
    return made;
  };
  // What is missing comes last, whatever the direction.
  const sorter = (value) => (a, b, rowA, rowB, column, direction) => {
    const [one, two] = [value(rowA.getData()), value(rowB.getData())];
    if (one === null || two === null) return one === two ? 0 : (one === null ? 1 : -1) * (direction === "asc" ? 1 : -1);
    return one < two ? -1 : one > two ? 1 : 0;
  };
  const folded = new WeakMap();
  const foldedOnce = (row) => {
    if (!folded.has(row)) folded.set(row, { name: plainly(row.name), artists: plainly(row.artists), all: plainly(`${row.name}\n${row.artists}\n${row.album}`) });
    return folded.get(row);
  };
  const text = (name) => (cell) => bdi(cell.getData()[name]);
  const numeric = { hozAlign: "right", headerHozAlign: "right" };
  const columns = () => [
    { title: "Track", field: "name", minWidth: 180, widthGrow: 4, formatter: title, sorter: sorter((row) => foldedOnce(row).name) },
    { title: "", field: "order", visible: false, sorter: sorter((row) => row.order) },
    { title: "Artist", field: "artists", visible: false, sorter: sorter((row) => foldedOnce(row).artists) },
    ...[
      { title: "Album", field: "album", widthGrow: 3, minWidth: 90, formatter: text("album"), sorter: sorter((row) => plainly(row.album)) },
      { title: "Year", field: "year", width: 80, ...numeric },
      { title: "Umbrella", field: "umbrellas", widthGrow: 2, minWidth: 90, formatter: (cell) => bdi(cell.getData().umbrellas.join(", ")), sorter: sorter((row) => row.umbrellas[0] ?? null) },
      { title: "Length", field: "ms", width: 98, ...numeric, formatter: (cell) => bdi(clock(cell.getData().ms)) },
      { title: "BPM", field: "tempo", width: 80, ...numeric },
      { title: "Cadence", field: "band", width: 96, ...numeric, formatter: text("band"), headerSort: false },
      { title: "Suits", field: "suits", width: 86, ...numeric },
      { title: "Popularity", field: "popularity", width: 122, ...numeric },
      ...(labels.length ? [{ title: "Labels", field: "labels", widthGrow: 1, minWidth: 80, formatter: (cell) => bdi(cell.getData().labels.join(", ")), headerSort: false }] : []),
    ].map((one) => ({ visible: !narrow.matches, sorter: sorter((row) => row[one.field]), formatter: (cell) => bdi(cell.getData()[one.field]), ...one })),
  ];
  const table = new Tabulator("#tracks", {
    data: rows, index: "order", height: "100%", layout: "fitColumns", columns: columns(),
    renderVerticalBuffer: 300, selectableRows: false, autoResize: true, headerSortClickElement: "header",
    placeholder: "No track matches", movableColumns: false, columnDefaults: { resizable: false },
    rowFormatter: (row) => {
      const element = row.getElement();
      element.querySelector(":scope > .story")?.remove();
      if (row.getData().open) element.append(story(row.getData()));
    },
  });
  const unfold = (row) => {
    const track = row.getData();
    track.open = !track.open;
    row.reformat();
    row.getElement().querySelector("button")?.focus({ preventScroll: true });
  };
  table.on("rowClick", (event, row) => {
    const pressed = event.target.closest("button");
    // Who marks a text to copy it does not ask for the story.
    if (!pressed && (event.target.closest("a, .story") || String(window.getSelection()))) return;
    unfold(row);
  });

  // --- search, filters, order

  const chosen = (id) => byId(id).value;
  const passes = () => {
    const words = plainly(chosen("search")).split(/\s+/).filter(Boolean);
    const id = chosen("search").trim();
    // A code is meant as one when it is long enough to be the beginning of few.
    const isrc = id.length >= 5 ? id.toUpperCase() : null;
    const [umbrella, decade, band, label, suits] = ["umbrella", "decade", "band", "label", "suits"].map(chosen);
    return (row) =>
      (!umbrella || (umbrella === UNASSIGNED ? !row.umbrellas.length : row.umbrellas.includes(umbrella))) &&
      (!decade || (row.decade ?? UNDATED) === decade) &&
      (!band || (row.band ?? "none") === band) &&
      (!label || (label === "none" ? !row.labels.length : row.labels.includes(label.slice(3)))) &&
      (!suits || (suits === "none" ? row.suits === null : row.suits !== null && row.suits >= Number(suits))) &&
      (!words.length || row.id === id || (isrc && row.isrc?.startsWith(isrc)) || words.every((word) => foldedOnce(row).all.includes(word)));
  };
  const count = () => {
    const seen = table.getDataCount("active");
    byId("count").textContent = seen === rows.length
      ? `${number.format(rows.length)} tracks`
      : `${number.format(seen)} of ${number.format(rows.length)} tracks`;
  };
  const filter = () => {
    table.setFilter(passes());
    count();
  };
  const order = () => {
    table.setSort(...chosen("sort").split(" "));
  };
  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  };
  table.on("tableBuilt", () => {
    count();
    byId("search").addEventListener("input", soon);
    for (const id of ["umbrella", "decade", "band", "label", "suits"]) byId(id).addEventListener("change", filter);
    byId("sort").addEventListener("change", order);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("reset", () => setTimeout(() => (order(), filter())));
    narrow.addEventListener("change", () => table.setColumns(columns()));
    performance.mark("ready");
  });
})();
