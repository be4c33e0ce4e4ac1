// SPDX-License-Identifier: BSD-3-Clause
// Memory for keys: left out of core dumps, and wiped before it is given back.
#pragma once

#include <memory_resource>
#include <vector>

/// Where it comes from.
std::pmr::memory_resource& secret_memory() noexcept;

/// Bytes that nobody else sees.
class Secret {
public:
    explicit Secret(size_t size) : bytes_(size, &secret_memory()) {}
    ~Secret();
    Secret(Secret&&) = default;
    Secret& operator=(Secret&&) = delete;

    unsigned char* data() noexcept { return bytes_.data(); }
    const unsigned char* data() const noexcept { return bytes_.data(); }
    size_t size() const noexcept { return bytes_.size(); }

private:
    std::pmr::vector<unsigned char> bytes_;
};

/// Has OpenSSL, which is linked into the plugin for it, keep all it has in such memory: what it makes of a
/// key tells the key. Once, before anything else of OpenSSL. False when it is too late.
bool keep_openssl_secret() noexcept;
