"""The system calls that a grader may make, by name, with their numbers on each machine.

What is not named here is refused. Nothing here starts a program, signals another process, opens a
socket or changes a file. `open` and its like are here, and Landlock decides which files they
reach; without Landlock the filter leaves out everything in `PATHS`. Calls in `GUARDED` are allowed
for some arguments only: see `seccomp.py`. A test compares the numbers with the kernel's headers.
"""

from __future__ import annotations

_X86_64 = """
    read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11
    brk 12 rt_sigaction 13 rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 pread64 17 pwrite64 18
    readv 19 writev 20 access 21 pipe 22 select 23 sched_yield 24 mremap 25 madvise 28 dup 32
    dup2 33 pause 34 nanosleep 35 getitimer 36 alarm 37 setitimer 38 getpid 39 clone 56 exit 60
    uname 63 fcntl 72 getdents 78 getcwd 79 readlink 89 gettimeofday 96 getrlimit 97 getrusage 98
    sysinfo 99 times 100 getuid 102 getgid 104 geteuid 107 getegid 108 getppid 110 getpgrp 111
    getgroups 115 getpgid 121 getsid 124 rt_sigpending 127 rt_sigtimedwait 128 sigaltstack 131
    gettid 186 time 201 futex 202 sched_getaffinity 204 getdents64 217 set_tid_address 218
    restart_syscall 219 fadvise64 221 clock_gettime 228 clock_getres 229 clock_nanosleep 230
    exit_group 231 epoll_wait 232 epoll_ctl 233 openat 257 newfstatat 262 readlinkat 267
    faccessat 269 pselect6 270 ppoll 271 set_robust_list 273 get_robust_list 274 epoll_pwait 281
    eventfd2 290 epoll_create1 291 dup3 292 pipe2 293 prlimit64 302 getrandom 318 membarrier 324
    statx 332 rseq 334 clone3 435 faccessat2 439
"""

_AARCH64 = """
    getcwd 17 eventfd2 19 epoll_create1 20 epoll_ctl 21 epoll_pwait 22 dup 23 dup3 24 fcntl 25
    ioctl 29 faccessat 48 openat 56 close 57 pipe2 59 getdents64 61 lseek 62 read 63 write 64
    readv 65 writev 66 pread64 67 pwrite64 68 pselect6 72 ppoll 73 readlinkat 78 newfstatat 79
    fstat 80 exit 93 exit_group 94 set_tid_address 96 futex 98 set_robust_list 99
    get_robust_list 100 nanosleep 101 getitimer 102 setitimer 103 clock_gettime 113
    clock_getres 114 clock_nanosleep 115 sched_getaffinity 123 sched_yield 124 restart_syscall 128
    sigaltstack 132 rt_sigaction 134 rt_sigprocmask 135 rt_sigpending 136 rt_sigtimedwait 137
    rt_sigreturn 139 times 153 getpgid 155 getsid 156 getgroups 158 uname 160 getrlimit 163
    getrusage 165 gettimeofday 169 getpid 172 getppid 173 getuid 174 geteuid 175 getgid 176
    getegid 177 gettid 178 sysinfo 179 brk 214 munmap 215 mremap 216 clone 220 mmap 222
    fadvise64 223 mprotect 226 madvise 233 prlimit64 261 getrandom 278 membarrier 283 statx 291
    rseq 293 clone3 435 faccessat2 439
"""


def _numbers(table: str) -> dict[str, int]:
    words = table.split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


NUMBERS = {"x86_64": _numbers(_X86_64), "aarch64": _numbers(_AARCH64)}

_PATHS = """
    open openat stat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat
    getdents getdents64 getcwd
"""
PATHS = frozenset(_PATHS.split())
GUARDED = frozenset({"clone", "clone3", "fcntl", "ioctl", "prlimit64"})
