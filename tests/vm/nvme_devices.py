# SPDX-License-Identifier: BSD-3-Clause
"""NVMe controllers of qemu's."""


def controller(folder, name, *namespaces, **properties):
    """Arguments for a controller `name`, its serial number too, with a namespace for each dict of properties.

    The namespace's `size` is in bytes; a disk image of zeroes is made for it.
    """
    extra = "".join(f",{key}={value}" for key, value in properties.items())
    arguments = ["-device", f"nvme,id={name},serial={name}{extra}"]
    for number, given in enumerate(namespaces, start=1):
        image = folder / f"{name}n{number}.img"
        with open(image, "wb") as file:
            file.truncate(given["size"])
        more = "".join(f",{key}={value}" for key, value in given.items() if key != "size")
        arguments += ["-drive", f"file={image},if=none,id={name}n{number},format=raw,discard=unmap,detect-zeroes=off",
                      "-device", f"nvme-ns,drive={name}n{number},bus={name},nsid={number}{more}"]
    return arguments


# A namespace with zones.
ZONED = {"size": 64 << 20, "zoned": "true", "zoned.zone_size": 256 << 10, "zoned.zone_capacity": 192 << 10,
         "zoned.max_open": 6, "zoned.max_active": 8}


def failing_controller(folder, name, size, bad_sector, **properties):
    """A controller whose one namespace has an unreadable sector (512 bytes), in a disk of `size` bytes."""
    image, rules = folder / f"{name}.img", folder / f"{name}.blkdebug"
    with open(image, "wb") as file:
        file.truncate(size)
    rules.write_text(f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{bad_sector}"\n')
    extra = "".join(f",{key}={value}" for key, value in properties.items())
    return ["-drive", f"if=none,id={name}n1,driver=raw,file.driver=blkdebug,file.config={rules},"
                      f"file.image.driver=file,file.image.filename={image}",
            "-device", f"nvme,id={name},serial={name}{extra}", "-device", f"nvme-ns,drive={name}n1,bus={name},nsid=1"]
