// SPDX-License-Identifier: BSD-3-Clause
// The computations of DH-HMAC-CHAP, by OpenSSL (Base Specification 2.0, 8.13.5). Failures throw
// bdevkit::Error.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "../../crypto/secret_memory.hpp"
#include "pdu.hpp"

namespace nvme::tcp {

/// Identifiers of hash functions, in messages and keys.
enum class DhchapHash : uint8_t { sha256 = 1, sha384 = 2, sha512 = 3 };

/// To be called before the other functions: keeps OpenSSL's copies of keys out of core dumps.
void dhchap_prepare();

bool is_dhchap_hash(uint8_t id) noexcept;
/// Bytes of a hash.
size_t dhchap_hash_size(DhchapHash hash) noexcept;

inline Bytes bytes_of(const Secret& secret) noexcept {
    return std::as_bytes(std::span(secret.data(), secret.size()));
}
inline Bytes bytes_of(const std::string& text) noexcept {
    return std::as_bytes(std::span(text));
}

Secret dhchap_hash(DhchapHash hash, Bytes data);
/// The HMAC of the concatenated parts.
Secret dhchap_hmac(DhchapHash hash, Bytes key, std::initializer_list<Bytes> parts);
void dhchap_random(std::span<std::byte> bytes);

/// Identifiers of groups: 1 to 5 are FFDHE2048 to FFDHE8192; 0 is no group.
constexpr uint8_t dhchap_groups = 6;
/// Bytes of the numbers in a group; 0 for no group.
size_t dhchap_group_size(uint8_t group) noexcept;

/// The key pair of one Diffie-Hellman exchange.
class DhchapPair {
public:
    /// @param group  1 to 5
    explicit DhchapPair(uint8_t group);
    ~DhchapPair();
    DhchapPair(const DhchapPair&) = delete;
    DhchapPair& operator=(const DhchapPair&) = delete;

    /// dhchap_group_size() bytes.
    std::vector<std::byte> public_value() const;
    /// The secret that both sides compute, dhchap_group_size() bytes. Throws when the other side's value is
    /// not valid in the group.
    Secret shared(Bytes others_public) const;

private:
    struct Pair;
    std::unique_ptr<Pair> pair_;
};

}  // namespace nvme::tcp
