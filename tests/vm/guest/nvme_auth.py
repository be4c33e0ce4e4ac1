# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_auth.py: authentication with a target that is not of this project."""

import base64
import struct
import zlib

import pytest
from tests.vm.guest import nvme_target
from tests.vm.guest.tools import MIB, perf

HOST = "nqn.2024-01.io.bdevkit:me"
NQN = "nqn.2024-01.io.bdevkit:disks"
HASHES = {"hmac(sha256)": 32, "hmac(sha384)": 48, "hmac(sha512)": 64}


def key(seed, length=32, transform=0):
    """A key as nvme gen-dhchap-key prints it."""
    secret = bytes((seed + i) % 256 for i in range(length))
    return f"DHHC-1:{transform:02}:{base64.b64encode(secret + struct.pack('<I', zlib.crc32(secret))).decode()}:"


HOST_KEY, CONTROLLER_KEY, WRONG_KEY = key(1), key(100), key(200)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The target's settings for this host."""
    device = nvme_target.loop_device(tmp_path_factory.mktemp("target") / "disk", 8 * MIB)
    subsystem = nvme_target.Subsystem(NQN, device)
    nvme_target.Port(1, 4420).link(subsystem)
    return nvme_target.AllowedHost(subsystem, HOST)


def verify(folder, **keys):
    """Writes and reads back, with the keys in files."""
    options = ""
    for option, text in keys.items():
        file = folder / option
        file.write_text(text + "\n")
        file.chmod(0o600)
        options += f", {option}: {file}"
    stack = f"""
version: 1
bdevs: [ {{ name: Nvme0, module: nvme, address: 127.0.0.1, subsystem: "{NQN}", host_nqn: "{HOST}"{options} }} ]
"""
    return perf(folder, stack, "Nvme0n1", "--rw", "verify", "--count", "20")


def refusal(folder, **keys):
    ended = verify(folder, **keys)
    assert ended.returncode != 0
    return ended.stderr


@pytest.mark.parametrize("group", ["null", "ffdhe2048", "ffdhe4096"])
@pytest.mark.parametrize("hash_name, transform", [("hmac(sha256)", 0), ("hmac(sha384)", 2), ("hmac(sha512)", 3)])
@pytest.mark.parametrize("both", [False, True])
def test_the_host_is_let_in(host, tmp_path, hash_name, transform, group, both):
    host_key = key(1, HASHES[hash_name], transform)
    controller_key = key(100, HASHES[hash_name], transform) if both else None
    host.authenticate(host_key, controller_key, hash_name, group)
    keys = {"dhchap_key_file": host_key}
    if both:
        keys["dhchap_ctrl_key_file"] = controller_key
    ended = verify(tmp_path, **keys)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 errors" in ended.stdout


def test_a_wrong_key_is_refused_with_the_targets_reason(host, tmp_path):
    host.authenticate(HOST_KEY)
    text = refusal(tmp_path, dhchap_key_file=WRONG_KEY)
    assert f"refuses to authenticate '{HOST}': the key is not the one that it has for this host" in text


def test_a_missing_key_is_asked_for(host, tmp_path):
    host.authenticate(HOST_KEY)
    assert f"asks '{HOST}' for authentication (DH-HMAC-CHAP): set `dhchap_key_file`" in refusal(tmp_path)


def test_a_target_with_another_key_is_not_believed(host, tmp_path):
    host.authenticate(HOST_KEY, CONTROLLER_KEY)
    text = refusal(tmp_path, dhchap_key_file=HOST_KEY, dhchap_ctrl_key_file=WRONG_KEY)
    assert "the target has not the key of `dhchap_ctrl_key_file`" in text


def test_a_target_without_a_key_is_not_believed(host, tmp_path):
    host.authenticate(HOST_KEY)
    text = refusal(tmp_path, dhchap_key_file=HOST_KEY, dhchap_ctrl_key_file=CONTROLLER_KEY)
    # Linux 6.12 says no more than that it failed.
    assert "it has no key to prove itself (`dhchap_ctrl_key_file`)" in text
