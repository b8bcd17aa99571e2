# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# What quickstart and tests/run share: the Debian packages that are needed, the build, root file systems.
# Sourced with $top set to the source tree.

build_packages=(g++ meson ninja-build pkg-config libcli11-dev rapidjson-dev libseccomp-dev libselinux1-dev
  libnl-3-dev libdbus-1-dev libspdlog-dev libfmt-dev catch2)
rootfs_packages=(busybox-static)
engine_packages=(podman conmon containerd docker.io uidmap netavark iptables)
test_packages=(debootstrap clang-format clang-tidy-19 python3-jsonschema shellcheck codespell
  man-db groff git iproute2 tmux)

say() {
  if [ -t 2 ]; then printf '\033[1m%s\033[0m\n' "$*" >&2; else printf '%s\n' "$*" >&2; fi
}
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Installs the packages that are not there. Asks apt nothing when all are.
need() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get: ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "these packages are missing; as root: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 || die 'apt-get update failed'
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 || die 'apt-get install failed'
}

# make_build DIR [TARGET...]: configures once, then builds the targets.
make_build() {
  local dir=$1
  shift
  if [ ! -e "$dir/build.ninja" ]; then
    say "configuring $dir"
    meson setup "$dir" "$top" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; die "meson setup $dir failed"; }
    rm -f "$dir.log"
  fi
  ninja -C "$dir" -n "$@" 2>/dev/null | grep -q 'no work to do' && return
  say "building (some minutes the first time)"
  if [ -t 2 ]; then
    ninja -C "$dir" "$@" >&2 || die 'the build failed'
  else
    ninja -C "$dir" "$@" >"$dir/build.log" 2>&1 || { grep -v '^\[' "$dir/build.log" >&2; die 'the build failed'; }
  fi
}

# make_busybox_tree DIR: Debian's static busybox with a link for each of its programs.
make_busybox_tree() {
  local dir=$1 applet
  [ -e "$dir/.made" ] && return
  say "making a root file system of busybox in $dir"
  rm -rf "$dir"
  mkdir -p "$dir"/{bin,sbin,etc,root,tmp,proc,sys,dev,run,var}
  cp /bin/busybox "$dir/bin/busybox"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -sf /bin/busybox "$dir/bin/$applet"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$dir/etc/passwd"
  printf 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' >"$dir/etc/group"
  chmod 1777 "$dir/tmp"
  touch "$dir/.made"
}

# make_debian_tree DIR [PACKAGE...]: a minimal Debian of this machine's own release.
make_debian_tree() {
  local dir=$1 release mirror
  shift
  [ -e "$dir/.made" ] && return
  need debootstrap
  # shellcheck disable=SC1091
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # The mirror that this machine's apt uses; debootstrap's own default when it cannot be told.
  mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $release" 2>/dev/null | head -n 1)
  say "making a root file system of Debian $release in $dir (a minute or two)"
  rm -rf "$dir"
  mkdir -p "$dir"
  # debootstrap mounts proc in the tree: in a mount namespace of its own nothing of that stays behind.
  unshare --mount debootstrap --variant=minbase ${1:+--include="$(IFS=,; echo "$*")"} "$release" "$dir" ${mirror:+"$mirror"} \
    >"$dir.log" 2>&1 || { tail -n 20 "$dir.log" >&2; return 1; }
  rm -f "$dir.log"
  touch "$dir/.made"
}
