// SPDX-License-Identifier: BSD-3-Clause
#include "key.hpp"

#include <keyutils.h>
#include <bdevkit/error.hpp>

#include "key_file.hpp"

namespace {

using bdevkit::Error, bdevkit::format;

[[noreturn]] void fail(const char* what, const char* name) {
    const int error = errno;
    throw Error(error,
                format("cannot %s '%s': %s", what, name, std::generic_category().message(error).c_str()));
}

void check_length(const char* where, size_t length, size_t size) {
    if (length != size)
        throw Error(EINVAL, format("the key in '%s' has %zu bytes, `cipher` needs %zu", where, length, size));
}

}  // namespace

Secret key_from_file(const char* path, size_t size) {
    constexpr size_t most = 4096;  // read the whole file, so that the error can give its length
    Secret key = read_key_file(path, most);
    check_length(path, key.size(), size);
    return key;
}

Secret key_from_keyring(const char* description, size_t size) {
    const key_serial_t serial = request_key("user", description, nullptr, 0);
    if (serial < 0) fail("find the keyring key", description);
    Secret key(size);
    // Returns the length of the key, even if the buffer is shorter.
    const long length = keyctl_read(serial, reinterpret_cast<char*>(key.data()), size);
    if (length < 0) fail("read the keyring key", description);
    check_length(description, size_t(length), size);
    return key;
}
