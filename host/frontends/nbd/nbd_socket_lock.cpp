// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_socket_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/limit_text.hpp"

namespace bdevkit::host::nbd {

namespace {

constexpr std::chrono::seconds patience{5};
constexpr std::chrono::milliseconds between_attempts{5};

/// The previous owner of the lock has removed the file. Then the locked file has no name and excludes no
/// other server.
bool still_has_its_name(const bdk::UniqueFd& fd, const std::string& file) {
    struct stat locked {};
    struct stat named {};
    return ::fstat(fd.get(), &locked) == 0 && ::lstat(file.c_str(), &named) == 0 &&
           locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

}  // namespace

tl::expected<SocketLock, std::string> SocketLock::take(const std::string& path) {
    const std::string file = path + ".lock";
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (true) {
        bdk::UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd)
            return tl::make_unexpected("the lock file '" + file + "': " + bdk::errno_text_with_limit(errno));
        const bool locked = ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
        if (locked && still_has_its_name(fd, file)) return SocketLock(file, std::move(fd));
        if (std::chrono::steady_clock::now() > deadline)
            return tl::make_unexpected("another process has held the lock file '" + file +
                                       "' for 5 s; stop it or choose another path");
        if (!locked) std::this_thread::sleep_for(between_attempts);
    }
}

SocketLock::~SocketLock() {
    // The file is removed while it is locked, so no other server can have taken it.
    if (fd_) ::unlink(file_.c_str());
}

}  // namespace bdevkit::host::nbd
