// SPDX-License-Identifier: BSD-3-Clause
#include "dhchap_key.hpp"

#include <bdevkit/error.hpp>

#include <endian.h>
#include <isa-l/crc.h>

#include <cerrno>
#include <cstring>

#include "../../crypto/key_file.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

namespace {

constexpr std::string_view prefix = "DHHC-1:";
constexpr size_t checksum = 4, longest_key = 64;
constexpr size_t longest_text = 256;

[[noreturn]] void refuse(const char* name, const char* why) {
    throw Error(EINVAL, format("the key in '%s' %s: expected DHHC-1:HASH:BASE64: as `nvme gen-dhchap-key` "
                               "writes it",
                               name, why));
}

/// The six bits of a base64 character; -1 for another character.
int value_of(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// @return how many bytes of `to` are filled; 0: the text is not base64, or too long
size_t decode(std::string_view text, Secret& to) noexcept {
    if (text.size() % 4 != 0 || text.size() / 4 * 3 > to.size()) return 0;
    const size_t last = text.find_last_not_of('=');
    const size_t padding = last == std::string_view::npos ? text.size() : text.size() - last - 1;
    if (padding > 2) return 0;
    size_t filled = 0;
    for (size_t at = 0; at < text.size(); at += 4) {
        const size_t missing = at + 4 == text.size() ? padding : 0;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            const int value = i < 4 - missing ? value_of(text[at + i]) : 0;
            if (value < 0) return 0;
            bits = bits << 6 | uint32_t(value);
        }
        for (size_t i = 0; i < 3 - missing; i++)
            to.data()[filled++] = uint8_t(bits >> (16 - 8 * i));
    }
    return filled;
}

}  // namespace

DhchapKey DhchapKey::from_file(const char* path) {
    const Secret text = read_key_file(path, longest_text);
    return from_text({reinterpret_cast<const char*>(text.data()), text.size()}, path);
}

DhchapKey DhchapKey::from_text(std::string_view text, const char* name) {
    const size_t end = text.find_last_not_of(" \t\r\n");
    text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
    constexpr size_t head = prefix.size() + 3;  // with the hash and its colon
    if (text.size() < head + 1 || !text.starts_with(prefix) || text[head - 1] != ':' || text.back() != ':')
        refuse(name, "has the wrong form");
    const std::string_view hash = text.substr(prefix.size(), 2);
    if (hash[0] != '0' || hash[1] < '0' || hash[1] > '3') refuse(name, "has an unknown hash");
    Secret decoded(longest_text);
    const size_t length = decode(text.substr(head, text.size() - head - 1), decoded);
    if (length != 32 + checksum && length != 48 + checksum && length != longest_key + checksum)
        refuse(name, "does not have 32, 48 or 64 bytes and a checksum");
    Secret key(length - checksum);
    std::memcpy(key.data(), decoded.data(), key.size());
    uint32_t told;
    std::memcpy(&told, decoded.data() + key.size(), sizeof(told));
    if (le32toh(told) != crc32_gzip_refl(0, key.data(), key.size())) refuse(name, "has a wrong checksum");
    return {uint8_t(hash[1] - '0'), std::move(key)};
}

Secret DhchapKey::transformed(const std::string& nqn) const {
    if (hash_ != 0)
        return dhchap_hmac(DhchapHash(hash_), bytes_of(key_), {bytes_of(nqn), bytes_of("NVMe-over-Fabrics")});
    Secret key(key_.size());
    std::memcpy(key.data(), key_.data(), key.size());
    return key;
}

}  // namespace nvme::tcp
