# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# One Debian 13 for all kinds of guest, labelled for SELinux, as a tree and as an ext4 image. Sourced by build.

guest_packages=(systemd systemd-sysv dbus dbus-user-session libpam-systemd udev kmod procps iproute2 iptables
  busybox-static passwd uidmap util-linux-extra apparmor policycoreutils selinux-policy-default selinux-utils strace)

# Units that cost time at each boot and serve nothing here.
masked_units=(systemd-networkd.service systemd-resolved.service systemd-timesyncd.service systemd-pstore.service
  systemd-update-utmp.service systemd-random-seed.service systemd-machine-id-commit.service systemd-firstboot.service
  systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-update-done.service ldconfig.service
  systemd-journal-flush.service systemd-modules-load.service systemd-binfmt.service systemd-sysusers.service
  systemd-udev-trigger.service systemd-udev-settle.service systemd-growfs-root.service systemd-remount-fs.service
  e2scrub_reap.service e2scrub_all.timer fstrim.timer apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
  systemd-tmpfiles-clean.timer getty.target getty-static.service serial-getty@ttyS0.service serial-getty@hvc0.service
  console-getty.service systemd-ask-password-wall.path systemd-ask-password-console.path
  selinux-autorelabel-mark.service apparmor.service modprobe@drm.service modprobe@configfs.service
  modprobe@fuse.service modprobe@efi_pstore.service modprobe@dm_mod.service modprobe@loop.service
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount)

build_root() {
  [ -e "$root_image" ] && return
  local dir=$root_dir.part unit
  rm -rf "$dir" "$dir.ext4"
  mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "${guest_packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    trixie "$dir" "$mirror" >"$VM_CACHE/mmdebstrap.log" 2>&1 ||
    die "mmdebstrap failed, see $VM_CACHE/mmdebstrap.log"
  mkdir -p "$dir"/{vm,vm-control,mnt/share,lib/modules,etc/systemd/system/multi-user.target.wants}
  cp "$here"/guest/{agent,light-init} "$dir/vm/"
  cp "$here/guest/vm-agent.service" "$dir/etc/systemd/system/"
  ln -sf ../vm-agent.service "$dir/etc/systemd/system/multi-user.target.wants/"
  ln -sf /lib/systemd/system/multi-user.target "$dir/etc/systemd/system/default.target"
  for unit in "${masked_units[@]}"; do ln -sf /dev/null "$dir/etc/systemd/system/$unit"; done
  echo 5f2c1a7e0d9b4c3e8a6f7b1d2e3c4a5b >"$dir/etc/machine-id"
  echo vm >"$dir/etc/hostname"
  echo '127.0.0.1 localhost vm' >"$dir/etc/hosts"
  : >"$dir/etc/fstab"
  chroot "$dir" useradd -m -u 1000 -s /bin/sh tester  # with ranges of subordinate ids
  printf 'SELINUX=permissive\nSELINUXTYPE=default\n' >"$dir/etc/selinux/config"
  rm -rf "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* "$dir"/var/log/*.log
  # The labels are the tree's own, which mkfs.ext4 keeps: no guest has to be booted for them.
  chroot "$dir" setfiles -F /etc/selinux/default/contexts/files/file_contexts / >/dev/null 2>&1 || die 'setfiles failed'
  truncate -s 4G "$dir.ext4"
  mkfs.ext4 -q -F -m 0 -O ^has_journal,^metadata_csum -E lazy_itable_init=1,nodiscard -d "$dir" "$dir.ext4"
  rm -rf "$root_dir"
  mv "$dir" "$root_dir"
  mv "$dir.ext4" "$root_image"
  say "vm: Debian's root file system, ${SECONDS} s"
}
