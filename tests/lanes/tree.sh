# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The tree of the next Debian release, with its compiler, its Boost, and sdbus-c++ 2.x: how the lanes that build in it, distro
# and bench, make and enter it. It is made once and kept; sources are copied in anew each time, the build folders inside stay.
# Sourced after common.sh.
# shellcheck disable=SC2154  # top and cache are from there

readonly suite=trixie
readonly store=$cache/distro
readonly root=$store/$suite

# What the fast lane needs, named as that release names it. Nothing is started in the tree: there sshd is simply installed.
tree_packages() {
    { "$top/tests/setup" --list build run test && echo openssh-server; } |
        sed 's/\blibboost[0-9.]*-dev\b/libboost-dev/' | xargs | tr ' ' ','
}

# The Debian mirror this machine uses, found by asking apt where it would update from.
mirror() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    apt-get --print-uris update | sed -n "s|^'\(.*/debian\)/*/dists/$codename/[^/]*'.*|\1|p" | head -n 1
}

# make_tree PACKAGES
make_tree() {
    local from apt_options=$store/apt.conf
    from=$(mirror)
    [[ -n $from ]] || give_up "apt has no Debian mirror to make a $suite tree from"
    # How this machine reaches the mirror holds for the tree as well.
    apt-config dump --format '%F "%v";%n' Acquire::http::Proxy Acquire::https::Proxy \
        Acquire::Check-Valid-Until Acquire::Check-Date >"$apt_options"
    step "make a $suite tree"
    rm -rf "$root" "$root.new"
    mmdebstrap --mode=root --variant=buildd --aptopt="$apt_options" --include="$1" "$suite" "$root.new" \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $from $suite main"
    mkdir -p "$root.new/src" "$root.new/build"
    # Any; programs ask for it.
    tr -d - </proc/sys/kernel/random/uuid >"$root.new/etc/machine-id"
    printf '%s\n' "$1" >"$root.new/.doed-packages"
    mv "$root.new" "$root"
}

# The work tree as it is now: what git knows or would add, committed or not.
copy_sources() {
    local file
    rm -rf "$root/src"
    mkdir "$root/src"
    git -C "$top" -c safe.directory="$top" ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            [[ ! -e $top/$file ]] || printf '%s\0' "$file"
        done |
        tar -C "$top" --create --null --files-from=- | tar -C "$root/src" --extract --no-same-owner
}

# Makes the tree when there is none, or one for other packages, puts the sources into it as /src, and keeps it for this
# process until that ends.
take_tree() {
    local wanted
    ((EUID == 0)) || give_up "entering another release's tree needs root"
    git -C "$top" -c safe.directory="$top" rev-parse --git-dir >/dev/null || give_up "the sources are no git work tree"
    mkdir -p "$store"
    # One at a time: the tree, its sources and its build folders are shared by all work trees of this user.
    exec {lock}>"$store/lock"
    flock --nonblock "$lock" || give_up "another run is using $root"

    wanted=$(tree_packages)
    if [[ ! -e $root/.doed-packages || $(<"$root/.doed-packages") != "$wanted" ]]; then
        make_tree "$wanted"
    fi
    copy_sources
}

# inside [NAME=VALUE...] COMMAND...: runs it in the tree. Mounts and processes live in namespaces of their own and end with
# them, however that comes about.
inside() {
    # shellcheck disable=SC2016  # expanded by the shell inside the namespaces
    unshare --mount --pid --fork --kill-child -- bash -euc '
        root=$1
        shift
        mount --make-rprivate /
        # The root of those inside has to be a mount point, for unshare(1) to make namespaces.
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/run"
        mount -t tmpfs tmpfs "$root/tmp"
        exec chroot "$root" "$@"
    ' inside "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DOED_LANE_MARK="${DOED_LANE_MARK-}" "$@"
}
