# Starts, watches and ends the emulated machine of scripts/test-devices. Sourced.
# shellcheck shell=bash disable=SC2034,SC2154

boot_limit=120 # seconds; it takes 5 to 10
run_limit=720

# The first programs of the machine: busybox, the modules, and what to run with which arguments.
pack_initrd() {
    local tree=$work/initrd
    mkdir -p "$tree"/{bin,dev,proc,sys,host,modules}
    cp /bin/busybox "$tree/bin/"
    cp "$cache"/*.ko "$cache/boot" "$cache/devices" "$tree/modules/"
    cp "$root/scripts/devices/init" "$tree/init"
    # the host's home tells where weights are cached
    printf '%q ' export HOME="$HOME" XDG_CACHE_HOME="${XDG_CACHE_HOME:-}" LIVEMATTE_CACHE="${LIVEMATTE_CACHE:-}" >"$tree/command"
    printf '\n%q' /bin/bash >>"$tree/command"
    printf ' %q' "$root/scripts/devices/inside" "$root" "$@" >>"$tree/command"
    (cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd.cpio"
}

# Emulated, not virtualised: /dev/kvm is not everywhere, and where it is nested it may hang.
start_machine() {
    qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 4G -nodefaults -no-user-config -display none -no-reboot \
        -fsdev local,id=host,path=/,security_model=none,multidevs=remap,readonly=on -device virtio-9p-pci,fsdev=host,mount_tag=host \
        -fsdev local,id=out,path="$out",security_model=none -device virtio-9p-pci,fsdev=out,mount_tag=out \
        -kernel "$cache/vmlinuz" -initrd "$work/initrd.cpio" -append "console=ttyS0 panic=-1 quiet" \
        -serial "file:$out/console" </dev/null >"$out/qemu" 2>&1 &
    machine=$!
}

stop_machine() {
    [[ $machine ]] || return 0
    kill -9 "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
}

await_boot() {
    local end=$((SECONDS + boot_limit))
    until [[ -e $out/booted ]]; do
        kill -0 "$machine" 2>/dev/null || die "the machine ended while starting: $(tail -n 3 "$out/qemu" "$out/console" 2>&1)"
        ((SECONDS < end)) || die "the machine did not start within $boot_limit s: $(tail -n 3 "$out/console")"
        sleep 0.2
    done
}

follow_run() {
    timeout "$run_limit" tail -n +1 -f --pid="$machine" "$out/console" &
    wait $! || die "the test did not end within $run_limit s" # waited for in the background, so that a signal ends the machine at once
    [[ -s $out/rc ]] || die "the machine ended without a result, its last words are above"
}
