// SPDX-License-Identifier: BSD-3-Clause
// crypto: a virtual bdev whose base holds its data encrypted, in the format of dm-crypt's aes-xts-plain64.
#include <openssl/evp.h>
#include <bdevkit/bdevkit.hpp>
#include <bdevkit/transform_bdev.hpp>

#include "key.hpp"
#include "sector_cipher.hpp"

namespace {

using bdevkit::Error, bdevkit::format, bdevkit::IoType;

enum class Cipher : uint32_t { aes_xts_256, aes_xts_128 };
constexpr const char* cipher_names[] = {"aes_xts_256", "aes_xts_128", nullptr};

class Crypto : public bdevkit::TransformBdev<Crypto> {
public:
    struct Options {
        bdevkit::BdevName base;
        Cipher cipher;
        bdevkit::Path key_file;
        const char* keyring_key;
        uint32_t sector_size;
        bool iv_large_sectors, unmap;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that holds the encrypted data; claimed for writing.")
            .required()
            .claimed(),
        BDEVKIT_OPTION(cipher, "AES-XTS with keys of 2 x 256 or 2 x 128 bits.")
            .one_of(cipher_names)
            .defaults_to("aes_xts_256"),
        BDEVKIT_OPTION(key_file, "A file of 64 (or 32) bytes that only its owner may read: the key."),
        BDEVKIT_OPTION(keyring_key,
                       "Instead of key_file: the description of a `user` key in the kernel's keyrings."),
        BDEVKIT_OPTION(sector_size, "Bytes that are encrypted as one unit: 512 or 4096.").defaults_to("512"),
        BDEVKIT_OPTION(
            iv_large_sectors,
            "Sectors are counted one by one, not in units of 512 bytes as in LUKS: for plain volumes "
            "made with --iv-large-sectors."),
        BDEVKIT_OPTION(unmap, "Unmaps go to the base, where they reveal which blocks are not in use."),
    };
    static constexpr const char* product_name = "Crypto disk";

    struct Channel : TransformBdev::Channel {
        explicit Channel(Crypto& bdev)
            : TransformBdev::Channel(bdev), encryption(bdev.encryption_), decryption(bdev.decryption_) {}
        SectorCipher encryption, decryption;
    };

    static int module_init() {
        if (!keep_openssl_secret())
            throw Error(EBUSY, "OpenSSL is already in use, so keys could not be kept out of core dumps");
        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr);
        return 0;
    }

    Crypto(const char* name, const Options& given) : Crypto(name, given, key_of(given)) {}

    bool io_type_supported(IoType type) const {
        return (type != IoType::unmap || unmap_) && TransformBdev::io_type_supported(type);
    }

    void encode(Channel& ch, std::span<std::byte> data, uint64_t offset) const {
        ch.encryption.run(data, offset);
    }
    void decode(Channel& ch, std::span<std::byte> data, uint64_t offset) const {
        ch.decryption.run(data, offset);
    }

    void dump_info(bdevkit::Json json) const {
        json.value("cipher", cipher_name_);
        json.value("sector_size", sector_size_);
    }

private:
    /// The key is wiped when this returns; only the ciphers' key schedules remain.
    Crypto(const char* name, const Options& given, const Secret& key)
        : TransformBdev(name, given.base),
          cipher_name_(cipher_names[size_t(given.cipher)]),
          sector_size_(given.sector_size),
          unmap_(given.unmap),
          encryption_(cipher_of(given), key, SectorCipher::Direction::encrypt, sectors_of(given)),
          decryption_(cipher_of(given), key, SectorCipher::Direction::decrypt, sectors_of(given)) {
        if (sector_size_ != 512 && sector_size_ != 4096)
            throw Error(EINVAL, "`sector_size` must be 512 or 4096");
        if (bdev().blocklen % sector_size_ != 0)
            throw Error(EINVAL,
                        format("'%s' has blocks of %u bytes: use larger blocks, or `sector_size: 512`",
                               given.base.name, unsigned(bdev().blocklen)));
    }

    static const EVP_CIPHER* cipher_of(const Options& given) {
        return given.cipher == Cipher::aes_xts_256 ? EVP_aes_256_xts() : EVP_aes_128_xts();
    }

    static SectorCipher::Sectors sectors_of(const Options& given) {
        return {given.sector_size, given.iv_large_sectors ? given.sector_size : 512};
    }

    static Secret key_of(const Options& given) {
        if ((given.key_file == nullptr) == (given.keyring_key == nullptr))
            throw Error(EINVAL, "give either `key_file` or `keyring_key`");
        const size_t size = given.cipher == Cipher::aes_xts_256 ? 64 : 32;
        return given.key_file != nullptr ? key_from_file(given.key_file, size)
                                         : key_from_keyring(given.keyring_key, size);
    }

    const char* cipher_name_;
    uint32_t sector_size_;
    bool unmap_;
    SectorCipher encryption_, decryption_;  ///< to copy
};

}  // namespace

BDEVKIT_MODULE(Crypto, .name = "crypto", .version = "1.0.0",
               .description = "Encrypts a bdev with AES-XTS, in the format of dm-crypt", .author = "bdevkit",
               .license = "BSD-3-Clause");
