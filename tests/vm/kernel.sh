# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The kernel of a Debian suite and the modules that guests need. Sourced by build.

# The archive that this machine's own apt uses.
archive() { apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' | sed -n "s/^Debian|$1|//p" | head -n 1; }

# apt_of SUITE TOOL ARGUMENT...: apt with package lists for the suite, apart from the machine's.
apt_of() {
  local suite=$1 dir=$VM_CACHE/apt-$1 tool=$2
  shift 2
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  : >>"$dir/status"
  {
    echo "deb $mirror $suite main"
    [ "$suite" = sid ] || [ -z "$security" ] || echo "deb $security $suite-security main"
  } >"$dir/sources.list"
  "$tool" -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$dir" \
    -o Dir::State::Lists="$dir/lists" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
    -o Dir::Etc::preferencesparts=/dev/null -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# Loaded at boot (crc32c_generic: ext4 asks for it in a way that busybox's modprobe does not see) ...
boot_modules=(virtio_pci virtio_blk virtio_console 9pnet_virtio 9p crc32c_generic ext4 overlay)
# ... and there for modprobe.
more_modules=(fuse loop squashfs veth dummy tun bridge macvlan ipvlan vxlan br_netfilter ip_tables iptable_filter
  iptable_nat iptable_mangle ip6_tables ip6table_filter nf_tables nft_chain_nat nft_compat nft_ct nft_masq nft_nat
  nft_reject_inet nft_fib_inet xt_conntrack xt_comment xt_MASQUERADE xt_addrtype xt_mark xt_multiport xt_tcpudp xt_nat
  null_blk bfq rdma_rxe crc32_generic sch_ingress sch_tbf)

# pick_modules DIR: copies them uncompressed, with what they depend on, from DIR/x.
pick_modules() {
  local dir=$1 release base=$1/x source target module file out
  release=$(cat "$dir/release")
  source=$base/lib/modules/$release
  [ -d "$source" ] || { base=$dir/x/usr source=$dir/x/usr/lib/modules/$release; }
  depmod -b "$base" "$release"
  target=$dir/modules/lib/modules/$release
  mkdir -p "$target"
  for module in "${boot_modules[@]}" "${more_modules[@]}"; do
    modprobe -d "$base" -S "$release" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || true
  done | sort -u | while read -r file; do
    out=$target/${file#*"/lib/modules/$release/"}
    mkdir -p "$(dirname "$out")"
    case $file in
      *.xz) xz -dc "$file" >"${out%.xz}" ;;
      *.zst) zstd -dcq "$file" >"${out%.zst}" ;;
      *) cp "$file" "$out" ;;
    esac
  done
  cp "$source"/modules.{order,builtin,builtin.modinfo} "$target/"
  depmod -b "$dir/modules" "$release"
  # Only what is a module in this kernel; the rest is built in.
  for module in "${boot_modules[@]}"; do
    [ -z "$(find "$target" -name "${module//_/[-_]}.ko")" ] || echo "$module"
  done >"$dir/modules.load"
}

build_kernel() {
  [ -e "$kernel_dir/vmlinux" ] && return
  local dir=$kernel_dir.part image packages package
  rm -rf "$dir"
  mkdir -p "$dir/x"
  apt_of "$VM_KERNEL" apt-get -qq update
  # The cloud flavour has no 9p.
  image=$(apt_of "$VM_KERNEL" apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-/linux-image-/p' | head -n 1)
  [ -n "$image" ] || die "no kernel in Debian $VM_KERNEL"
  packages=("$image")
  # From Debian 14 on the image's package is empty and these have what was in it.
  if apt_of "$VM_KERNEL" apt-cache show "${image/image/modules}" >/dev/null 2>&1; then
    packages=("${image/image/modules}" "${image/image/binary}" "${image/image/base}")
  fi
  (cd "$dir" && apt_of "$VM_KERNEL" apt-get -qq download "${packages[@]}")
  for package in "$dir"/*.deb; do dpkg-deb -x "$package" "$dir/x"; done
  rm -f "$dir"/*.deb
  echo "${image#linux-image-}" >"$dir/release"
  python3 "$here/extract_vmlinux.py" "$(find "$dir/x" -name 'vmlinuz*' | head -n 1)" "$dir/vmlinux"
  pick_modules "$dir"
  rm -rf "$dir/x" "$kernel_dir"
  mv "$dir" "$kernel_dir"
  say "vm: kernel $(cat "$kernel_dir/release"), ${SECONDS} s"
}
