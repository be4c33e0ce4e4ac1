// SPDX-License-Identifier: BSD-3-Clause
// Memory for keys: left out of core dumps, and wiped before it is freed.
#pragma once

#include <memory_resource>
#include <vector>

/// Its allocator.
std::pmr::memory_resource& secret_memory() noexcept;

/// Secret bytes.
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

/// Makes OpenSSL allocate all its memory here, because its key schedules reveal the key. OpenSSL is linked
/// into the plugin for this purpose. Call it once, before any other function of OpenSSL. False when it is too
/// late.
bool keep_openssl_secret() noexcept;
