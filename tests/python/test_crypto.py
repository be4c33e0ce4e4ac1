# SPDX-License-Identifier: BSD-3-Clause
"""The data that crypto stores, compared with AES-XTS built from `openssl enc`, and with the kernel's dm-crypt."""

import os
import random
import socket
import subprocess

import bdevkit
import pytest
import yaml
from conftest import SOURCE


def openssl_ecb(key, data):
    """AES in ECB mode, as `openssl enc` makes it."""
    result = subprocess.run(["openssl", "enc", f"-aes-{len(key) * 8}-ecb", "-K", key.hex(), "-nopad"], input=data,
                            capture_output=True, timeout=60, check=True)
    return result.stdout


def tweaks(encrypted, count):
    """The encrypted tweak of a sector and its multiples by x^1, x^2, ... in GF(2^128) (IEEE 1619)."""
    value = int.from_bytes(encrypted, "little")
    for _ in range(count):
        yield value
        value = value << 1 ^ (0x87 if value >> 127 else 0)
        value &= (1 << 128) - 1


def xor(left, right):
    return (int.from_bytes(left, "little") ^ int.from_bytes(right, "little")).to_bytes(len(left), "little")


def xts(key, data, sector_size, numbers):
    """AES-XTS of whole sectors, each with its number as plain64 tweak."""
    half = len(key) // 2
    plain_tweaks = b"".join(number.to_bytes(16, "little") for number in numbers)
    encrypted = openssl_ecb(key[half:], plain_tweaks)
    masks = b"".join(tweak.to_bytes(16, "little") for at in range(0, len(encrypted), 16)
                     for tweak in tweaks(encrypted[at:at + 16], sector_size // 16))
    return xor(openssl_ecb(key[:half], xor(data, masks)), masks)


def kernel_xts(key, data, sector_size, numbers):
    """The same data from the kernel's cipher, which dm-crypt uses."""
    result = b""
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as algorithm:
        algorithm.bind(("skcipher", "xts(aes)"))
        algorithm.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, key)
        for index, number in enumerate(numbers):
            operation, _ = algorithm.accept()
            with operation:
                operation.sendmsg_afalg([data[index * sector_size:(index + 1) * sector_size]],
                                        op=socket.ALG_OP_ENCRYPT, iv=number.to_bytes(16, "little"))
                result += operation.recv(sector_size)
    return result


def has_kernel_xts():
    try:
        with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as algorithm:
            algorithm.bind(("skcipher", "xts(aes)"))
    except (OSError, AttributeError):
        return False
    return True


needs_kernel = pytest.mark.skipif(not has_kernel_xts(), reason="this kernel has no AF_ALG with xts(aes)")


def write_key(path, key):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(key)


@pytest.mark.parametrize("reference", [xts, pytest.param(kernel_xts, marks=needs_kernel)])
@pytest.mark.parametrize("options, key_size, sector_size, per_number", [
    ({"cipher": "aes_xts_256"}, 64, 512, 512),
    ({"cipher": "aes_xts_128"}, 32, 512, 512),
    ({"sector_size": 4096}, 64, 4096, 512),
    ({"sector_size": 4096, "iv_large_sectors": True}, 64, 4096, 4096),
])
def test_ciphertext_is_what_others_make(start_host, tmp_path, bdevkit_log, reference, options, key_size, sector_size, per_number):
    randomness = random.Random(key_size + sector_size + per_number)
    key = randomness.randbytes(key_size)
    write_key(tmp_path / "disk.key", key)
    disk = {"name": "disk", "module": "uring", "path": "disk.img", "size": "3TiB", "block_size": 4096}
    host = start_host({"version": 1, "bdevs": [
        {"name": "plain", "module": "crypto", "key_file": "disk.key", "base": disk, **options}]})
    with host.open("plain", write=True) as plain, open(tmp_path / "disk.img", "rb") as image:
        for offset in [0, 4096, (2 << 40) + 8192, (3 << 40) - 65536]:  # 2 TiB are 2^32 sectors
            data = randomness.randbytes(65536 if offset != 4096 else 4096)
            plain.write(offset, data)
            plain.flush()
            numbers = range(offset // per_number, (offset + len(data)) // per_number, sector_size // per_number)
            image.seek(offset)
            assert image.read(len(data)) == reference(key, data, sector_size, numbers)
            assert plain.read(offset, len(data)) == data
    assert key.hex() not in "".join(bdevkit_log()) + str(host.bdevs["plain"].info)


def test_example(start_host, tmp_path):
    write_key(tmp_path / "disk.key", os.urandom(64))
    example = yaml.safe_load((SOURCE / "examples" / "crypto.yaml").read_text())
    secret = b"nobody reads this." * 2048
    with start_host({"version": 1, "bdevs": example["bdevs"]}).open("plain", write=True) as plain:
        plain.write(4096, secret)
        plain.flush()
        assert plain.read(4096, len(secret)) == secret
    assert secret[:16] not in (tmp_path / "disk.img").read_bytes()


def test_a_key_that_others_may_read_is_refused(host, tmp_path, bdevkit_log):
    write_key(tmp_path / "disk.key", os.urandom(64))
    (tmp_path / "disk.key").chmod(0o644)
    with pytest.raises(bdevkit.Error):
        host.create("crypto", "plain", key_file="disk.key", base="disk")
    assert f"chmod 600 {tmp_path}/disk.key" in "".join(bdevkit_log())
