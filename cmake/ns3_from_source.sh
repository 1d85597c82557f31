#!/usr/bin/env bash
# ns3_from_source.sh ENGINE DIR: builds ns-3 from Debian's source package into DIR/include and DIR/lib, with the modules
# that overlaysim links and no others. ENGINE is
#   tuned  one static archive for link-time optimisation, for this machine's processor, without logging
#   mpi    shared libraries, with the MPI module (Open MPI)
# Called by ./dev, which has installed what it needs (kEnginePackages).
set -euo pipefail
engine=$1 dir=$(realpath -m "$2")
jobs=${OVERLAYSIM_JOBS:-2}
modules="core;network;stats;bridge;traffic-control;internet;point-to-point;virtual-net-device"
stamp="$dir/built" recipe=$(cat "$0" "$(dirname "$0")/ns3_mpi.patch" | sha256sum)
[[ -f $stamp && $(<"$stamp") == "$recipe" ]] && exit

# Where binary packages come from there are sources too; the lists are kept apart from the system's.
FetchSource() {
  local apt=(apt-get -qq -o Acquire::Retries=3 -o "Dir::Etc::sourcelist=$dir/deb-src.list" -o Dir::Etc::sourceparts=-
             -o "Dir::State::lists=$dir/lists" -o APT::Sandbox::User=root)
  mkdir -p "$dir/lists/partial"
  # shellcheck disable=SC2016  # the fields are apt's
  apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sort -u >"$dir/deb-src.list"
  "${apt[@]}" update </dev/null || echo "apt-get update failed, trying with the lists that are there" >&2
  (cd "$dir" && "${apt[@]}" source --download-only ns3 </dev/null)
  rm -rf "$dir/source"
  dpkg-source --no-check -x "$dir"/ns3_*.dsc "$dir/source" >/dev/null
}

mkdir -p "$dir"
[[ -d $dir/source ]] || FetchSource
tree=$(echo "$dir"/source/ns-*)

options=(-DNS3_EXAMPLES=OFF -DNS3_TESTS=OFF -DNS3_PYTHON_BINDINGS=OFF -DNS3_SQLITE=OFF -DNS3_GSL=OFF
         -DNS3_WARNINGS_AS_ERRORS=OFF -DNS3_ASSERT=OFF -DNS3_LOG=OFF
         # What is computed is the same on every processor.
         -DCMAKE_CXX_FLAGS=-ffp-contract=off
         # Where lld is there, ns-3 would take it, and it cannot read what GCC leaves for the link.
         -DUSING_FAST_LINKER=BFD)
case $engine in
  tuned)
    options+=(-DNS3_STATIC=ON -DNS3_NATIVE_OPTIMIZATIONS=ON -DNS3_LINK_TIME_OPTIMIZATION=ON)
    target=ns3.37-static-optimized
    ;;
  mpi)
    options+=(-DNS3_MPI=ON)
    patch --silent --forward --reject-file=- --directory="$tree" --strip=1 <"$(dirname "$0")/ns3_mpi.patch" || [[ $? == 1 ]]
    modules+=";mpi"
    target=all
    ;;
  *)
    echo "ns3_from_source.sh: there is no engine \"$engine\"" >&2
    exit 2
    ;;
esac

cmake -S "$tree" -B "$dir/build" -G Ninja -DCMAKE_BUILD_TYPE=release "${options[@]}" \
  "-DNS3_ENABLED_MODULES=$modules" "-DNS3_OUTPUT_DIRECTORY=$dir" >"$dir/configure.log" 2>&1 ||
  { tail -n 30 "$dir/configure.log" >&2; exit 1; }
ninja -C "$dir/build" -j "$jobs" "$target"
echo "$recipe" >"$stamp"
