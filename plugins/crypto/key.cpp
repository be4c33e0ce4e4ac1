// SPDX-License-Identifier: BSD-3-Clause
#include "key.hpp"

#include <fcntl.h>
#include <keyutils.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bdevkit/error.hpp>

#include <memory>

namespace {

using bdevkit::Error, bdevkit::format;

[[noreturn]] void fail(const char* what, const char* name) {
    const int error = errno;
    throw Error(error,
                format("cannot %s '%s': %s", what, name, std::generic_category().message(error).c_str()));
}

/// A descriptor that is closed at the end.
class Descriptor {
public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() { close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

void check_length(const char* where, size_t length, size_t size) {
    if (length != size)
        throw Error(EINVAL, format("the key in '%s' has %zu bytes, `cipher` needs %zu", where, length, size));
}

}  // namespace

Secret key_from_file(const char* path, size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) fail("open the key file", path);
    const Descriptor file(fd);
    struct stat status {};
    if (fstat(fd, &status) != 0) fail("look at the key file", path);
    if (!S_ISREG(status.st_mode)) throw Error(EINVAL, format("the key file '%s' is no file", path));
    if ((status.st_mode & 077) != 0)
        throw Error(EPERM, format("others may use the key file '%s': chmod 600 %s", path, path));
    if (status.st_uid != geteuid() && status.st_uid != 0)
        throw Error(EPERM, format("the key file '%s' belongs to another user: chown it", path));
    check_length(path, size_t(status.st_size), size);
    Secret key(size);
    const ssize_t length = read(fd, key.data(), size);
    if (length < 0) fail("read the key file", path);
    check_length(path, size_t(length), size);
    return key;
}

Secret key_from_keyring(const char* description, size_t size) {
    const key_serial_t serial = request_key("user", description, nullptr, 0);
    if (serial < 0) fail("find in the kernel's keyrings the key", description);
    Secret key(size);
    // Says how long the key is, however much of it fits.
    const long length = keyctl_read(serial, reinterpret_cast<char*>(key.data()), size);
    if (length < 0) fail("read from the kernel's keyrings the key", description);
    check_length(description, size_t(length), size);
    return key;
}
