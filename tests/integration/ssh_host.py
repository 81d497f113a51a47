# SPDX-License-Identifier: Apache-2.0
"""Another host, as ssh sees it: a real sshd on a port and with keys of its own, in a mount namespace in which the bus of the
test is the system bus. Nothing of the machine's own ssh is used or changed: neither its service nor its user, keys and
settings."""

import os
import pathlib
import pwd
import socket
import subprocess

from harness import PATIENCE_S, die_with_parent

ALIAS = "far-host"

# What sshd insists on: its user, its folder, an account that is not locked. /run is empty but for what is made here.
FAR_SIDE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd /run/dbus
ln -s "$FOLDER/bus" /run/dbus/system_bus_socket
mount --bind "$FOLDER/passwd" /etc/passwd
mount --bind "$FOLDER/shadow" /etc/shadow
exec "$SSHD" -D -e -f "$FOLDER/sshd_config"
"""
# ssh looks for its settings in the home that the user database names.
NEAR_SIDE = 'set -e; mount --bind "$FOLDER/passwd" /etc/passwd; exec "$@"'


def find_sshd():
    """sshd, and the folder that stands for / where tests/setup has unpacked it."""
    cache = os.environ.get("DOED_CACHE", os.environ.get("XDG_CACHE_HOME", f"{pathlib.Path.home()}/.cache") + "/doed")
    for root in ("/", f"{cache}/sshd"):
        if os.access(f"{root}/usr/sbin/sshd", os.X_OK):
            return f"{root}/usr/sbin/sshd", root
    raise AssertionError("there is no sshd: tests/setup test gets one")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SshHost:
    def __init__(self, folder):
        """`folder` has the socket of the bus."""
        self.folder = folder
        sshd, root = find_sshd()
        port = free_port()
        home = folder / "home"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        for key in (folder / "host_key", home / ".ssh/key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        public = (folder / "host_key.pub").read_text()
        (home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
        (home / ".ssh/config").write_text(
            f"Host {ALIAS}\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile {home}/.ssh/key\n"
            f" UserKnownHostsFile {home}/.ssh/known_hosts\n StrictHostKeyChecking yes\n BatchMode yes\n")
        (home / ".ssh/config").chmod(0o600)
        # OpenSSH from 9.8 on runs a second program.
        session = f"{root}/usr/lib/openssh/sshd-session"
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {home}/.ssh/key.pub\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
            + (f"SshdSessionPath {session}\n" if os.path.exists(session) else ""))
        users = [user for user in pwd.getpwall() if user.pw_name not in ("root", "sshd")]
        (folder / "passwd").write_text(
            f"root:x:0:0:root:{home}:/bin/sh\nsshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
            + "".join(":".join(map(str, user)) + "\n" for user in users))
        (folder / "shadow").write_text("root:*:1::::::\nsshd:*:1::::::\n")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", FAR_SIDE], env={"FOLDER": str(folder), "SSHD": str(sshd), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        said = []
        while not (said and "listening on" in said[-1]):
            said.append(self.process.stderr.readline())
            assert said[-1], f"sshd ended: {''.join(said)}"

    def run(self, *words):
        """A program here, for whose ssh the host is ALIAS."""
        env = {"FOLDER": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        return subprocess.run(["unshare", "--mount", "sh", "-c", NEAR_SIDE, "sh", *map(str, words)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, timeout=2 * PATIENCE_S,
                              check=False)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.process.stderr.close()
