"""Attacks: bodies of functions that return true when they got through.

`real` says that the attack succeeds without confinement, which a test confirms, so that a mistake
in an attack cannot pass for a defence. The others would harm the machine or need another kernel.
`world` holds what the test laid out on the host: files, ports, process ids.
"""

from __future__ import annotations

from typing import NamedTuple


class Attack(NamedTuple):
    """A name, the body of `attack(world)`, and whether it is known to work unconfined."""

    name: str
    body: str
    real: bool = True


READING = [
    Attack("reads /etc/passwd", "return 'root' in open('/etc/passwd').read()"),
    Attack("reads an answers file", "return 'secret' in open(world['answers']).read()"),
    Attack("reads it as bytes", "import os; return os.read(os.open(world['answers'], 0), 9)"),
    Attack("reads it through a link", "return 'secret' in open(world['link']).read()"),
    Attack(
        "reads it through /proc/self/root",
        "return 'secret' in open('/proc/self/root' + world['answers']).read()",
    ),
    Attack(
        "reads it through /proc/1/root",
        "return 'secret' in open('/proc/1/root' + world['answers']).read()",
        real=False,
    ),
    Attack(
        "reads it through /proc/self/cwd",
        "return 'secret' in open('/proc/self/cwd/..' + world['answers']).read()",
    ),
    Attack(
        "maps it", "import mmap, os; return mmap.mmap(os.open(world['answers'], 0), 0, prot=1)[:]"
    ),
    Attack(
        "imports it",
        """
import importlib.util
spec = importlib.util.spec_from_file_location('planted', world['folder'] + '/planted.py')
spec.loader.exec_module(importlib.util.module_from_spec(spec))
return True
""",
    ),
    Attack(
        "reads the evalsets beside the packages",
        """
import os, sys
for folder in sys.path:
    for name in ('evalsets', 'flywheel', 'graders'):
        for root, _, files in os.walk(os.path.join(folder, name)):
            for file in files:
                if open(os.path.join(root, file)).read(1):
                    return True
return 'secret' in open(world['answers']).read()
""",
    ),
    Attack("reads a package that is not for graders", "return open(world['package']).read(1)"),
    Attack("reads this module's own source", "return open(world['start_script']).read(1)"),
    Attack(
        "reads the environment of others",
        """
import os
for pid in {os.getppid(), 1, world['host']}:
    try:
        if open(f'/proc/{pid}/environ', 'rb').read():
            return True
    except OSError:
        pass
""",
    ),
    Attack(
        "has an environment of its own",
        "import os; return 'PATH' in os.environ or os.environ.get('HOME') == world['home']",
        False,
    ),
    Attack(
        "reads its parent's memory", "import os; return open(f'/proc/{os.getppid()}/mem', 'rb')"
    ),
    Attack("reads the host's memory", "return open(f'/proc/{world[\"host\"]}/mem', 'rb')"),
    Attack("lists processes", "import os; return any(n.isdigit() for n in os.listdir('/proc'))"),
    Attack("lists the root", "import os; return os.listdir('/')"),
    Attack("lists a host folder", "import os; return os.listdir(world['folder'])"),
    Attack("lists /etc", "import os; return os.listdir('/etc')"),
    Attack("lists the home", "import os; return os.scandir(world['home']).__next__()"),
    Attack("opens a raw device", "return open('/dev/mem', 'rb') or open('/dev/kmsg', 'rb')", False),
]

WRITING = [
    Attack("writes to /tmp", "return open('/tmp/' + world['mark'], 'w').write('x')"),
    Attack("writes to /dev/shm", "return open('/dev/shm/' + world['mark'], 'w').write('x')"),
    Attack("writes to /etc", "return open('/etc/' + world['mark'], 'w').write('x')", False),
    Attack("writes here", "return open(world['mark'], 'w').write('x')", False),
    Attack(
        "writes beside the host's file", "return open(world['folder'] + '/new', 'w').write('x')"
    ),
    Attack(
        "writes to the standard library",
        "import os; return open(os.__file__, 'a').write('#')",
        False,
    ),
    Attack("changes the host's file", "return open(world['answers'], 'a').write('x')"),
    Attack("truncates it", "import os; os.truncate(world['answers'], 6); return True"),
    Attack("changes its mode", "import os; os.chmod(world['answers'], 0o777); return True"),
    Attack("links it", "import os; os.link(world['answers'], world['answers'] + '2'); return True"),
    Attack("deletes a file", "import os; os.unlink(world['doomed']); return True"),
    Attack("makes a folder", "import os; os.mkdir(world['folder'] + '/made'); return True"),
    Attack(
        "makes a set-user-ID file", "import os; os.chmod(world['doomed2'], 0o4755); return True"
    ),
    Attack(
        "leaves a file for the next call",
        """
import os
for folder in ('/tmp', '/dev/shm', '/var/tmp', '/dev', '/run', os.getcwd(), '/'):
    try:
        open(f"{folder}/{world['mark']}", 'w').close()
        return True
    except OSError:
        pass
""",
    ),
    Attack(
        "fills the disk",
        "f = open('/tmp/' + world['mark'], 'wb'); return f.write(b'x' * (64 << 20))",
        False,
    ),
    Attack("makes a memory file", "import os; return os.memfd_create('x') >= 0"),
]

NETWORK = [
    Attack(
        "connects to a loopback service",
        "import socket; socket.create_connection(('127.0.0.1', world['port']), 1); return True",
    ),
    Attack(
        "connects to an abstract Unix socket",
        "import socket; return not socket.socket(1).connect('\\0' + world['abstract'])",
    ),
    Attack(
        "sends a datagram",
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM)\n"
        "return s.sendto(b'x', ('127.0.0.1', world['port']))",
    ),
    Attack(
        "listens",
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); return not s.listen()",
    ),
    Attack(
        "opens netlink",
        "import socket; return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    ),
    Attack(
        "opens a raw socket", "import socket; return socket.socket(2, socket.SOCK_RAW, 1)", False
    ),
    Attack("resolves a name", "import socket; return socket.getaddrinfo('localhost', 80)", False),
    Attack("makes a socket pair", "import socket; return socket.socketpair()"),
    Attack(
        "uses its line as a socket",
        "import socket; s = socket.socket(fileno=3); return s.getsockopt(1, 17)",
        False,
    ),
]

PROCESSES = [
    Attack("forks", "import os\nif os.fork() == 0: os._exit(0)\nreturn True"),
    Attack("runs os.system", "import os; return os.system('true') == 0"),
    Attack(
        "runs a subprocess",
        "import subprocess; return subprocess.run(['/bin/true']).returncode == 0",
    ),
    Attack("spawns", "import os; return os.posix_spawn('/bin/true', ['true'], {})"),
    Attack(
        "starts multiprocessing",
        "import multiprocessing as m; return not m.Process().start()",
    ),
    Attack("signals its parent", "import os; os.kill(os.getppid(), 0); return True"),
    Attack("kills its parent", "import os; os.kill(os.getppid(), 9); return True", False),
    Attack("kills everything", "import os; os.kill(-1, 9); return True", False),
    Attack("kills its group", "import os; os.killpg(0, 9); return True", False),
    Attack(
        "signals through a pidfd",
        "import os, signal; signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 0); return True",
    ),
    Attack(
        "has the kernel signal its parent",
        "import fcntl, os; fcntl.fcntl(3, 8, os.getppid()); return True",
    ),
    Attack("has the kernel send SIGKILL", "import fcntl; fcntl.fcntl(3, 10, 9); return True"),
    Attack("renices", "import os; os.nice(1); return True"),
    Attack(
        "moves a process to another core", "import os; os.sched_setaffinity(0, {0}); return True"
    ),
    Attack("leaves its session", "import os; os.setsid(); return True", False),
    Attack("becomes another user", "import os; os.setuid(1); return True", False),
    Attack(
        "raises its limits",
        "import resource as r\n"
        "r.setrlimit(r.RLIMIT_CPU, (r.getrlimit(r.RLIMIT_CPU)[0] - 1, -1)); return True",
        False,
    ),
    Attack(
        "lowers its limits", "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0)); return True"
    ),
    Attack(
        "pushes terminal input", "import fcntl; fcntl.ioctl(0, 0x5412, b'x'); return True", False
    ),
    Attack(
        "finds inherited files", "import os; return [n for n in range(4, 900) if _open(n)]", False
    ),
]

_RAW = {
    # name: (x86-64, aarch64)
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "pivot_root": (155, 41), "chroot": (161, 51),
    "bpf": (321, 280), "keyctl": (250, 219), "add_key": (248, 217), "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282), "perf_event_open": (298, 241), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "memfd_create": (319, 279), "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104), "init_module": (175, 105), "reboot": (169, 142),
    "personality": (135, 92), "prctl": (157, 167), "seccomp": (317, 277), "setuid": (105, 146),
    "capset": (126, 91), "socket": (41, 198), "sendmsg": (46, 211), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "timer_create": (222, 107), "shmget": (29, 194),
    "mq_open": (240, 180), "fanotify_init": (300, 262), "openat2": (437, 437),
    "pidfd_getfd": (438, 438), "symlinkat": (266, 36), "mknodat": (259, 33),
    "setxattr": (188, 5), "vmsplice": (278, 75), "copy_file_range": (326, 285),
    "name_to_handle_at": (303, 264), "acct": (163, 89), "swapon": (167, 224),
    "landlock_create_ruleset": (444, 444), "mseal": (462, 462), "fchdir": (81, 50),
}  # fmt: skip

# EPERM is the filter's answer. Anything else means that the kernel looked at the arguments.
RAW_CALLS = [
    Attack(
        f"calls {name}",
        "import ctypes, os\n"
        f"number = {numbers}[os.uname().machine == 'aarch64']\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "return libc.syscall(number, -1, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != 1",
        real=False,
    )
    for name, numbers in _RAW.items()
] + [
    Attack(
        "makes a process by clone",
        "import ctypes, os\n"
        "number = 220 if os.uname().machine == 'aarch64' else 56\n"
        "pid = ctypes.CDLL(None).syscall(number, 17, 0, 0, 0, 0)\n"
        "if pid == 0: os._exit(0)\n"
        "return pid > 0",
    ),
    Attack(
        "makes a process by clone3",
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
        "return libc.syscall(435, bytes(64), 64) >= 0 or ctypes.get_errno() != 38",
        False,
    ),
    Attack("calls vfork", "import ctypes; return ctypes.CDLL(None).syscall(58) > 0", False),
]

ATTACKS = [*READING, *WRITING, *NETWORK, *PROCESSES, *RAW_CALLS]

_FRAME = """
def _open(number):
    import os
    try:
        return os.fstat(number) or True
    except OSError:
        return False

def attack(world):
{body}

def grade(sample, item):
    try:
        return 1.0 if attack(item) else 0.0
    except Exception:
        return 0.0
"""


def grader(attack: Attack) -> str:
    """The attack as a grader that scores 1.0 when it got through."""
    body = "\n".join(f"    {line}" for line in attack.body.strip().splitlines())
    return _FRAME.format(body=body)
