"""What a process asks the system to refuse it, for the rest of its life.

Limits of memory everywhere that POSIX is; on Linux also files (Landlock) and everything else that
reaches out of the process (seccomp). None of it needs a privilege, and none can be taken back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store")
_MACHINE: Final = (
    *("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom"),
    *("/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm"),
    # Which libraries are loaded (threadpoolctl); how much memory is in use (CatBoost).
    *("/proc/self/maps", "/proc/self/statm"),
)
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights on files each version of Landlock knows; later ones know as many as the fifth."""
_DENIED: Final[dict[str, tuple[int, int, tuple[int, ...]]]] = {
    # Sockets; programs; other processes; memory, messages and keys that outlive a process; files
    # by handle; the kernel's side doors.
    "x86_64": (
        0xC000003E,
        56,
        (
            *(41, 42, 57, 58, 59, 322, 101, 310, 311, 312, 434, 438, 29, 30, 64, 68, 240),
            *(248, 249, 250, 304, 425, 321, 298, 323, 165, 272, 308),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        (
            *(198, 203, 221, 281, 117, 270, 271, 272, 434, 438, 194, 196, 190, 186, 180),
            *(217, 218, 219, 265, 425, 280, 241, 282, 40, 97, 268),
        ),
    ),
}
"""By machine: its audit number, the number of `clone`, the numbers of what is refused."""
_CLONE3 = 435
_CLONE_THREAD = 0x00010000


def limit_memory(gigabytes: float) -> None:
    """Refuse this process more memory, and a core file."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        size = int(gigabytes * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def outlive_nobody() -> None:
    """End this process when its parent has ended, also in the middle of its work."""

    def look(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=look, args=(os.getppid(),), daemon=True).start()


def list_code() -> tuple[Path, ...]:
    """Return the folders and files that Python and its libraries are in."""
    paths = sysconfig.get_paths()
    own = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    prefixes = [Path(prefix) / "lib" for prefix in (sys.base_prefix, sys.prefix)]
    packages = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    ours = Path(__file__).parents[1]
    given: list[str | Path] = [*own, *prefixes, *packages, ours, *_LIBRARIES, *_MACHINE]
    return tuple(path for path in dict.fromkeys(map(Path, given)) if path.exists())


def shut_in(readable: Iterable[Path]) -> bool:
    """Refuse this process all files but some, programs, other processes and the network.

    To be called before a library starts threads.

    Parameters
    ----------
    readable : iterable of Path
        Files, and folders with all below them, that may still be read.

    Returns
    -------
    bool
        Whether the system does it; False where it cannot.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in _DENIED:
        return False
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        return False
    return _shut_files(system, readable) and _shut_calls(system)


def _shut_files(system: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    version = system.syscall(444, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    asked = struct.pack("QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = system.syscall(444, asked, ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    for path in readable:
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_PATH)
            allowed = _READ_FILE | (_READ_FOLDER if path.is_dir() else 0)
            system.syscall(445, rules, 1, struct.pack("=Qi", allowed, handle), 0)
            os.close(handle)
    shut = system.syscall(446, rules, 0) == 0
    os.close(rules)
    return bool(shut)


def _shut_calls(system: ctypes.CDLL) -> bool:
    machine, clone, denied = _DENIED[platform.machine()]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    no, allow = 0x00050000 | errno.EPERM, 0x7FFF0000
    steps = [
        (load, 0, 0, 4),
        (equal, 1, 0, machine),
        (answer, 0, 0, no),
        (load, 0, 0, 0),
        # Numbers of the second interface of x86 begin here.
        (at_least, 0, 1, 0x40000000),
        (answer, 0, 0, no),
        # The newer call's flags cannot be looked at: the C library goes back to the older one.
        (equal, 0, 1, _CLONE3),
        (answer, 0, 0, 0x00050000 | errno.ENOSYS),
        (equal, 0, 4, clone),
        (load, 0, 0, 16),
        (any_bit, 1, 0, _CLONE_THREAD),
        (answer, 0, 0, no),
        (answer, 0, 0, allow),
    ]
    for number in denied:
        steps += [(equal, 0, 1, number), (answer, 0, 0, no)]
    steps.append((answer, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    return not system.prctl(22, 2, program, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
