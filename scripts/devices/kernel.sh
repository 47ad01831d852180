# Debian's kernel and the modules that scripts/test-devices needs, in $cache. Sourced.
# shellcheck shell=bash disable=SC2154

boot_modules=(virtio_pci 9pnet_virtio 9p)
device_modules=(vivid v4l2loopback)

have_programs() {
    # modprobe and v4l2-ctl may lie in sbin, which is not on every user's path
    PATH=$PATH:/usr/sbin:/sbin
    command -v qemu-system-x86_64 v4l2-ctl modprobe >/dev/null && [[ -x /bin/busybox ]]
}

install_programs() { apt_install qemu-system-x86 v4l-utils busybox-static kmod && have_programs; }

have_kernel() { [[ -s $cache/version ]]; }

# The kernel is unpacked, not installed, so that nothing of this system's own start-up changes; the headers have their paths built in.
make_kernel() {
    local version
    apt_install kmod >/dev/null || true # refreshes apt's lists, which may be empty
    version=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -n 1)
    [[ $version ]] || return
    apt_install "linux-headers-$version" gcc make || return
    (cd "$work" && apt-get download -qq "linux-image-$version" v4l2loopback-dkms) || return
    say "building v4l2loopback for $version"
    unpack && build_loopback "$version" && pick_modules "$version"
}

unpack() {
    local package
    for package in "$work"/*.deb; do
        dpkg -x "$package" "$work/root" || return
    done
}

build_loopback() {
    local source=("$work"/root/usr/src/v4l2loopback-*)
    make -s -C "/usr/src/linux-headers-$1" M="${source[0]}" modules || return
    mkdir "$work/root/lib/modules/$1/updates"
    cp "${source[0]}/v4l2loopback.ko" "$work/root/lib/modules/$1/updates/"
    depmod -b "$work/root" "$1"
}

# Of 400 MB a dozen stays. `version` is written last: it says that the rest is whole.
pick_modules() {
    mkdir -p "$cache"
    rm -f "$cache"/*
    list_modules "$1" "${boot_modules[@]}" >"$work/boot" && list_modules "$1" "${device_modules[@]}" >"$work/devices" || return
    sort -u "$work/boot" "$work/devices" | xargs cp -t "$cache" "$work/root/boot/vmlinuz-$1" || return
    sed 's:.*/::' "$work/boot" >"$cache/boot"
    sed 's:.*/::' "$work/devices" >"$cache/devices"
    mv "$cache/vmlinuz-$1" "$cache/vmlinuz"
    echo "$1" >"$cache/version"
}

# The files to load, in order.
list_modules() {
    modprobe -d "$work/root" -S "$1" --all --show-depends "${@:2}" | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}
