# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2054,SC2154
# What build and exec share: names, places, the machine's devices. Sourced with $KIND set to the kind of guest.

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
top=$(dirname "$(dirname "$here")")
# shellcheck source=tests/setup.sh
. "$here/../setup.sh"
# 125 is the virtual machine's own failure: a command in it may end with 1.
die() { printf 'vm %s: %s\n' "${0##*/}" "$*" >&2; exit 125; }

VM_CACHE=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/caisson-vm}
VM_MEM=${VM_MEM:-1024}           # MiB
VM_CPUS=${VM_CPUS:-2}

case $KIND in v1 | v2-light | systemd | apparmor | selinux) ;;
  *) die "unknown kind of guest '$KIND': v1, v2-light, systemd, apparmor or selinux" ;;
esac
# bookworm: 6.1; trixie: 6.12; sid: the newest. From 6.12 on Debian's kernels have no memory and no cpuset of cgroup v1.
default_kernel=trixie
[ "$KIND" != v1 ] || default_kernel=bookworm
VM_KERNEL=${VM_KERNEL:-$default_kernel}
case $VM_KERNEL in bookworm | trixie | sid) ;; *) die "unknown kernel '$VM_KERNEL': bookworm, trixie or sid" ;; esac

has_disk() { [ "$KIND" != v1 ] && [ "$KIND" != v2-light ]; }

# What was built of other scripts is built anew: the names bear a digest of what they were made from.
digest() { cat "$@" | sha256sum | cut -c 1-8; }
# vmlinux, release, modules
kernel_dir=$VM_CACHE/kernel-$VM_KERNEL-$(digest "$here/kernel.sh" "$here/extract_vmlinux.py")
# A tree of Debian trixie, and the same as an ext4 image.
root_dir=$VM_CACHE/root-$(digest "$here/root.sh" "$here/guest/vm-agent.service")
root_image=$root_dir.ext4
parts=$(digest "$here"/*.sh "$here/build" "$here"/guest/*init "$here/guest/agent")
initrd=$kernel_dir/initrd-$(has_disk && echo disk || echo light)-$parts.cpio
machine_dir=$VM_CACHE/machine-$KIND-$VM_KERNEL-${VM_CPUS}c${VM_MEM}m-$parts   # the booted machine's state and disk

# Words with vm. in front are read by the initramfs.
kernel_arguments() {
  local line='console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr random.trust_cpu=on tsc=reliable'
  # On a busy host the emulated timer is late, and the kernel takes that for a broken machine.
  line+=' no_timer_check'
  case $KIND in
    v1) line+=' vm.cgroup=v1' ;;
    v2-light) ;;
    apparmor) line+=' vm.init=/vm/light-init apparmor=1 security=apparmor' ;;
    systemd) line+=' vm.init=/sbin/init systemd.show_status=0' ;;
    selinux) line+=' vm.init=/sbin/init systemd.show_status=0 selinux=1 enforcing=0'
      line+=' lsm=landlock,lockdown,yama,integrity,selinux,bpf' ;;
  esac
  echo "$line"
}

# machine CONTROL SHARE DISK: fills the array QEMU. The devices are the same for saving a state and for resuming it,
# which migration demands. One thread for both processors: with a thread for each, QEMU 7.2 was seen to lose a race
# against the kernel patching its own code.
machine() {
  local control=$1 share=$2 disk=$3
  QEMU=(qemu-system-x86_64 -M pc -accel tcg,thread=single -cpu max -smp "$VM_CPUS" -m "$VM_MEM"
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$kernel_dir/vmlinux" -initrd "$initrd" -append "$(kernel_arguments)"
    -serial "file:$control/console.log"
    -chardev stdio,id=agent,signal=off
    -device virtio-serial-pci,max_ports=1 -device virtconsole,chardev=agent
    -fsdev "local,id=control,path=$control,security_model=none" -device virtio-9p-pci,fsdev=control,mount_tag=control
    -fsdev "local,id=share,path=$share,security_model=passthrough,multidevs=remap"
    -device virtio-9p-pci,fsdev=share,mount_tag=share)
  if has_disk; then
    QEMU+=(-drive "if=none,id=root,$disk,discard=unmap" -device virtio-blk-pci,drive=root)
  fi
}
