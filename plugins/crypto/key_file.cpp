// SPDX-License-Identifier: BSD-3-Clause
#include "key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bdevkit/error.hpp>

namespace {

using bdevkit::Error, bdevkit::format;

[[noreturn]] void fail(const char* what, const char* path) {
    const int error = errno;
    throw Error(error, format("cannot %s the key file '%s': %s", what, path,
                              std::generic_category().message(error).c_str()));
}

/// A descriptor that its destructor closes.
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

}  // namespace

Secret read_key_file(const char* path, size_t most) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) fail("open", path);
    const Descriptor file(fd);
    struct stat status {};
    if (fstat(fd, &status) != 0) fail("look at", path);
    if (!S_ISREG(status.st_mode))
        throw Error(EINVAL, format("the key file '%s' is not a regular file", path));
    if ((status.st_mode & 077) != 0)
        throw Error(EPERM,
                    format("other users have permissions on the key file '%s': chmod 600 %s", path, path));
    if (status.st_uid != geteuid() && status.st_uid != 0)
        throw Error(EPERM, format("the key file '%s' belongs to another user: chown it", path));
    if (size_t(status.st_size) > most)
        throw Error(EINVAL, format("the key in '%s' has %lld bytes, but at most %zu are allowed", path,
                                   static_cast<long long>(status.st_size), most));
    Secret content(size_t(status.st_size));
    const ssize_t length = read(fd, content.data(), content.size());
    if (length < 0) fail("read", path);
    if (size_t(length) != content.size())
        throw Error(EAGAIN, format("the key file '%s' is being changed", path));
    return content;
}
