#!/bin/bash
# A real `systemd --system` as PID 1 of namespaces of its own, on a throw-away layer over / : nothing that happens in it
# is written outside.
#
#   box.sh up NAME             boot; BIND="SRC:DST ..." shows folders there, read-only
#   box.sh in NAME COMMAND...  run a command inside
#   box.sh down NAME           power off, and remove everything
#
# It needs root, a mounted cgroup2 and overlayfs.
set -euo pipefail
what=$1 name=$2
dir=/tmp/curfew-box/$name
cgroups=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

inside() { nsenter --target "$(cat "$dir/pid")" --all --wdns=/ env -i "PATH=$path" LANG=C.UTF-8 HOME=/root "$@"; }

up() {
  mkdir -p "$dir" "$cgroups/curfew-box-$name"
  # A cgroup of its own comes first: otherwise this systemd would take over the machine's own processes.
  ( echo "$BASHPID" >"$cgroups/curfew-box-$name/cgroup.procs"
    exec setsid unshare --mount --uts --ipc --pid --cgroup --fork --kill-child --propagation private \
      "$0" _init "$name" </dev/null >"$dir/console.log" 2>&1 ) &
  local parent=$! child
  for _ in $(seq 400); do
    child=$(tr -d ' ' <"/proc/$parent/task/$parent/children" 2>/dev/null || true)
    if [ -n "$child" ]; then
      echo "$child" >"$dir/pid"
      inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && return 0
    fi
    kill -0 "$parent" 2>/dev/null || break
    sleep 0.05
  done
  cat "$dir/console.log" >&2
  return 1
}

_init() {
  local root=$dir/root
  mkdir -p "$root" "$dir/layer"
  mount -t tmpfs -o mode=755 box "$dir/layer"
  mkdir "$dir"/layer/{upper,work}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/layer/upper,workdir=$dir/layer/work" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  devices "$root/dev"
  local each
  for each in ${BIND:-}; do
    mkdir -p "$root${each#*:}"
    mount --rbind "${each%%:*}" "$root${each#*:}"
    mount -o remount,bind,ro "$root${each#*:}"
  done
  units "$root/etc/systemd/system"
  : >"$root/etc/fstab"
  echo "curfew-box" >"$root/etc/hostname"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  cd "$root"
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  rmdir .old
  # LoadCredential= needs it, and systemd leaves it to whoever made the container.
  mount --make-rshared /
  exec env -i container=box "PATH=$path" LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=box.target --log-target=journal
}

devices() {
  mount -t tmpfs -o mode=755 tmpfs "$1"
  mkdir "$1"/{pts,shm}
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$1/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$1/shm"
  ln -s pts/ptmx "$1/ptmx"
  ln -s /proc/self/fd "$1/fd"
  local each
  for each in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    # shellcheck disable=SC2086
    set -- "$1" $each
    mknod -m 666 "$1/$2" c "$3" "$4"
  done
  for each in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${each%:*}" "$1/${each#*:}"; done
}

# What there's no machine for in a box, or what only costs time.
units() {
  mkdir -p "$1"
  printf '[Unit]\nDescription=box\nRequires=basic.target systemd-journald.service\nAfter=basic.target\nAllowIsolate=yes\n' \
    >"$1/box.target"
  local each
  for each in systemd-{udevd,udev-trigger,timesyncd,firstboot,remount-fs,sysctl,modules-load,binfmt}.service \
    systemd-{journal-flush,update-utmp,random-seed,machine-id-commit}.service tmp.mount dev-{hugepages,mqueue}.mount \
    sys-kernel-{debug,tracing,config}.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
    systemd-tmpfiles-clean.timer {apt-daily,apt-daily-upgrade,dpkg-db-backup,e2scrub_all,fstrim,logrotate,man-db}.timer; do
    ln -sf /dev/null "$1/$each"
  done
}

down() {
  local pid
  pid=$(cat "$dir/pid")
  # It may be gone before it has answered.
  inside systemctl poweroff 2>/dev/null || true
  for _ in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  kill -KILL "$pid" 2>/dev/null || true
  for _ in $(seq 40); do
    find "$cgroups/curfew-box-$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$cgroups/curfew-box-$name" ] || break
    sleep 0.05
  done
  rm -rf --one-file-system "$dir"
}

shift 2
case $what in
  up | down | _init) "$what" ;;
  in) inside "$@" ;;
esac
