// SPDX-License-Identifier: BSD-3-Clause
// AES-XTS over the sectors of a disk, each with its number as the tweak.
#pragma once

#include <openssl/evp.h>
#include <bdevkit/error.hpp>

#include <bit>
#include <cstring>
#include <memory>
#include <span>

#include "secret_memory.hpp"

/// A cipher for one direction, used by one thread at a time; make a copy for another thread.
class SectorCipher {
public:
    enum class Direction { decrypt, encrypt };

    /// The size and numbering of sectors.
    struct Sectors {
        uint32_t size;          ///< bytes, a power of two from 512
        uint32_t numbered_per;  ///< bytes per sector number: 512, or `size`
    };

    /// @param key both halves. Throws Error for a key that OpenSSL refuses, such as one with two equal
    /// halves.
    SectorCipher(const EVP_CIPHER* cipher, const Secret& key, Direction direction, const Sectors& sectors)
        : sectors_(sectors) {
        check(EVP_CipherInit_ex(context(), cipher, nullptr, key.data(), nullptr,
                                direction == Direction::encrypt ? 1 : 0),
              "OpenSSL refuses the key: create another one whose halves differ");
    }
    SectorCipher(const SectorCipher& other) : sectors_(other.sectors_) {
        check(EVP_CIPHER_CTX_copy(context(), other.context()), "OpenSSL cannot copy a cipher");
    }
    SectorCipher& operator=(const SectorCipher&) = delete;

    /// In place. Throws Error when OpenSSL fails. @param data whole sectors @param offset offset of the first
    /// sector, in bytes
    void run(std::span<std::byte> data, uint64_t offset) {
        static_assert(std::endian::native == std::endian::little, "plain64 numbers are little-endian");
        for (; !data.empty(); data = data.subspan(sectors_.size), offset += sectors_.size) {
            unsigned char tweak[16] = {};
            const uint64_t number = offset / sectors_.numbered_per;
            std::memcpy(tweak, &number, sizeof(number));
            auto* sector = reinterpret_cast<unsigned char*>(data.data());
            int length = 0;
            check(EVP_CipherInit_ex(context(), nullptr, nullptr, nullptr, tweak, -1) == 1 &&
                      EVP_CipherUpdate(context(), sector, &length, sector, int(sectors_.size)) == 1,
                  "OpenSSL failed");
        }
    }

private:
    struct Free {
        void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
    };

    static void check(int ok, const char* message) {
        if (ok != 1) throw bdevkit::Error(EIO, message);
    }
    EVP_CIPHER_CTX* context() const {
        if (context_ == nullptr) throw std::bad_alloc();
        return context_.get();
    }

    Sectors sectors_;
    std::unique_ptr<EVP_CIPHER_CTX, Free> context_{EVP_CIPHER_CTX_new()};
};
