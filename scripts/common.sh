# What scripts/demo and scripts/test share: a virtual environment that fits this checkout. Sourced, not run.
# Every step looks first whether it is needed, so that a second run starts at once and a broken-off one goes on.
# shellcheck shell=bash
set -euo pipefail
unset PYTHONHOME PYTHONPATH

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
stamp=$venv/livematte-installed

say() { printf '\n==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# set_up EXTRAS: .venv holds livematte with these extras ("" or those of scripts/test) and its weights lie ready.
set_up() {
    venv_works || make_venv
    is_installed "$1" || install "$1"
    opencv_loads 2>/dev/null || mend_opencv
    say "weights"
    "$venv/bin/livematte" models fetch rvm-mobilenetv3
}

venv_works() {
    "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

make_venv() {
    local python
    python=$(find_python)
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" >/dev/null 2>&1 || venv_without_ensurepip "$python" || venv_with_apt "$python" ||
        die "$python cannot make a virtual environment here; on Debian or Ubuntu: sudo apt-get install $(venv_package "$python")"
}

find_python() {
    local name
    for name in python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    die "got $(python3 --version 2>/dev/null || echo "no Python"), wanted Python 3.11 or newer; try: sudo apt-get install python3.11"
}

# Debian keeps ensurepip in a package of its own. The system's pip fills the environment as well, and needs no root for it.
venv_without_ensurepip() {
    "$1" -m venv --clear --without-pip "$venv" && "$1" -m pip --python "$venv/bin/python" install --quiet pip
}

venv_with_apt() {
    apt_install "$(venv_package "$1")" && "$1" -m venv --clear "$venv"
}

venv_package() { "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'; }

# What the stamp holds after an installation. The root is in it because an environment that was moved is broken.
fingerprint() {
    { echo "$root"; cat "$root/pyproject.toml" "$root/constraints.txt"; } | cksum
}

is_installed() {
    local have
    have=$(cat "$stamp" 2>/dev/null) || return
    [[ $have == "$(fingerprint) $1" || $have == "$(fingerprint) dev,example,whip,ndi,bench,trimap,heif" ]]
}

# The constraints spare gigabytes: without them pip may take another build of torch with all that it brings along.
install() {
    say "installing livematte into .venv (the first time this takes some minutes)"
    rm -f "$stamp"
    (cd "$root" && "$venv/bin/python" -m pip install --disable-pip-version-check -c constraints.txt -e ".${1:+[$1]}") ||
        die "the installation failed, pip says why above; run this again to go on"
    echo "$(fingerprint) $1" >"$stamp"
}

opencv_loads() { "$venv/bin/python" -c 'import cv2'; }

# OpenCV's wheel links to two system libraries that a bare machine lacks.
mend_opencv() {
    local why
    apt_install libgl1 libglib2.0-0 || true
    why=$(opencv_loads 2>&1) || die "OpenCV does not load: ${why##*$'\n'}
It needs libGL.so.1 and libgthread-2.0.so.0; try: sudo apt-get install libgl1 libglib2.0-0, or your system's packages of them"
}

# Fails where there is no apt or no right to use it. sudo asks for a password only where someone can type it.
apt_install() {
    local as=()
    command -v apt-get >/dev/null || return
    if ((EUID != 0)); then
        command -v sudo >/dev/null || return
        as=(sudo)
        [[ -t 0 ]] || as+=(-n)
    fi
    say "installing system packages: $*"
    "${as[@]}" apt-get update -qq || true # one dead entry in the list of sources must not stop the rest
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"
}
