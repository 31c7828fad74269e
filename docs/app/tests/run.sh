#!/usr/bin/env bash
# Compiles the app's importer with Swift 6, and holds it against vectors.json and a release.
#
#   SWIFT_ROOT     folder of a Linux with Swift 6 in it; "/" is this machine. Without it a
#                  Debian 13 is made in the temp folder, and kept for the next time
#   DEBIAN_MIRROR  where that Debian comes from, if not from debootstrap's own
#   RELEASE        the release to import, if not a made-up one of 2,000 tracks
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
project=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}

refuse() {
  echo "make test-swift: $1" >&2
  exit 2
}
is_root() { [ "$(id -u)" = 0 ]; }

# What is set up here is taken down in reverse, however it ends.
undo=()
take_down() {
  local at
  for ((at = ${#undo[@]} - 1; at >= 0; at--)); do eval "${undo[at]}"; done
}
trap take_down EXIT

# A Debian 13 with Swift 6. Its last step leaves a mark, so that a half-made one is made anew.
make_root() {
  local root=$1 mark=$1/.has-swift
  if [ -e "$root" ] && [ ! -O "$root" ]; then refuse "$root is somebody else's"; fi
  if [ -e "$mark" ]; then return; fi
  if ! is_root || ! command -v debootstrap >/dev/null; then
    refuse "needs Swift 6: set SWIFT_ROOT, or run it as root with debootstrap installed"
  fi
  echo "Making a Debian 13 with Swift 6 in $root: once, some minutes, 3.5 GB ..." >&2
  if mountpoint -q "$root/proc"; then umount "$root/proc"; fi
  rm -rf --one-file-system "$root"
  fill_root "$root" >"$root.log" 2>&1 || {
    tail -n 5 "$root.log" >&2
    refuse "no Debian came of it; all that was said is in $root.log"
  }
  rm "$root.log"
  touch "$mark"
}

fill_root() {
  debootstrap --variant=minbase trixie "$1" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} &&
    with_proc "$1" &&
    DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get install -y --no-install-recommends \
      swiftlang libc6-dev libstdc++-14-dev &&
    chroot "$1" apt-get clean
}

# Swift's programs find their libraries by /proc.
with_proc() {
  mountpoint -q "$1/proc" && return
  mount -t proc proc "$1/proc" && undo+=("umount $(printf %q "$1/proc")")
}

root=${SWIFT_ROOT:-}
if [ -z "$root" ]; then
  root=${TMPDIR:-/tmp}/runclub-swift-root
  make_root "$root"
fi
root=${root%/}
inside=()
if [ -z "$root" ]; then
  command -v swiftc >/dev/null || refuse "this machine has no Swift: swiftc is not in the PATH"
else
  [ -x "$root/usr/bin/swiftc" ] || refuse "SWIFT_ROOT holds no Swift: $root/usr/bin/swiftc is missing"
  is_root || refuse "only root may enter $root; SWIFT_ROOT=/ is this machine's own Swift"
  with_proc "$root"
  inside=(chroot "$root")
fi

work=$(mktemp -d "$root/tmp/runclub-swift.XXXXXX")
undo+=("rm -rf $(printf %q "$work")")
cp "$here"/RunClubCatalog.swift "$here"/tests/Checks.swift "$here"/vectors.json "$work"
cp "$here"/.swift-format "$work"
release=${RELEASE:-}
if [ -z "$release" ]; then
  release=$(cd "$project" && "$python" -c 'import sys; from pathlib import Path
from testkit.release_factory import Release
print(Release(2000).build().write(Path(sys.argv[1])))' "$work")
fi
mkdir "$work/release"
for name in cached_artists cached_tracks audio_features; do
  cp "$release/$name.jsonl" "$release/$name.jsonl.gz" "$work/release"
done
cp "$release/manifest.json" "$work/release"

# An empty list is an unset one to the bash of a Mac.
${inside[@]+"${inside[@]}"} env HOME="${work#"$root"}" TMPDIR="${work#"$root"}" LC_ALL=C.UTF-8 sh -euc '
  cd "$HOME"
  swiftc --version 2>/dev/null | head -n 1
  swiftc -swift-version 6 -warnings-as-errors -O -parse-as-library -o checks \
    RunClubCatalog.swift Checks.swift
  swift format lint --configuration .swift-format RunClubCatalog.swift Checks.swift
  ./checks vectors.json release'
