// SPDX-License-Identifier: BSD-3-Clause
#include "dhchap_crypto.hpp"

#include <bdevkit/error.hpp>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include <cerrno>

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

namespace {

constexpr const char* digest_names[] = {"", "SHA256", "SHA384", "SHA512"};
constexpr const char* group_names[dhchap_groups] = {"",          "ffdhe2048", "ffdhe3072",
                                                    "ffdhe4096", "ffdhe6144", "ffdhe8192"};

/// Deletes an object of OpenSSL.
template <auto release>
struct Release {
    template <class T>
    void operator()(T* object) const noexcept {
        release(object);
    }
};
using Mac = std::unique_ptr<EVP_MAC, Release<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Release<EVP_MAC_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Release<BN_clear_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;

void must(bool done, const char* what) {
    if (!done) throw Error(EIO, format("OpenSSL fails: %s", what));
}

const unsigned char* octets(Bytes bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

KeyContext context_for(EVP_PKEY* key) {
    KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    must(context != nullptr, "a context for a key");
    return context;
}

Key public_key(uint8_t group, Bytes value) {
    const Number number(BN_bin2bn(octets(value), int(value.size()), nullptr));
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    must(number && builder &&
             OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group_names[group],
                                             0) == 1 &&
             OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, number.get()) == 1,
         "a public key");
    const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
    EVP_PKEY* key = nullptr;
    must(params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
             EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) == 1,
         "a public key");
    return Key(key);
}

}  // namespace

void dhchap_prepare() {
    if (!keep_openssl_secret())
        throw Error(EBUSY,
                    "OpenSSL has been used before: its copies of keys cannot be kept out of core dumps");
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr);
}

bool is_dhchap_hash(uint8_t id) noexcept {
    return id >= uint8_t(DhchapHash::sha256) && id <= uint8_t(DhchapHash::sha512);
}

size_t dhchap_hash_size(DhchapHash hash) noexcept {
    return 16 + 16 * size_t(hash);
}

Secret dhchap_hash(DhchapHash hash, Bytes data) {
    Secret result(dhchap_hash_size(hash));
    must(EVP_Q_digest(nullptr, digest_names[size_t(hash)], nullptr, octets(data), data.size(), result.data(),
                      nullptr) == 1,
         "a hash");
    return result;
}

Secret dhchap_hmac(DhchapHash hash, Bytes key, std::initializer_list<Bytes> parts) {
    const Mac mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    must(mac != nullptr, "HMAC");
    const MacContext context(EVP_MAC_CTX_new(mac.get()));
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(
                                     OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest_names[size_t(hash)]), 0),
                                 OSSL_PARAM_construct_end()};
    must(context && EVP_MAC_init(context.get(), octets(key), key.size(), params) == 1, "HMAC's key");
    for (const Bytes part : parts)
        must(EVP_MAC_update(context.get(), octets(part), part.size()) == 1, "HMAC");
    Secret result(dhchap_hash_size(hash));
    must(EVP_MAC_final(context.get(), result.data(), nullptr, result.size()) == 1, "HMAC");
    return result;
}

void dhchap_random(std::span<std::byte> bytes) {
    must(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), int(bytes.size())) == 1, "random bytes");
}

// ---- Diffie-Hellman ----

struct DhchapPair::Pair {
    uint8_t group;
    Key key;
};

size_t dhchap_group_size(uint8_t group) noexcept {
    constexpr size_t bits[dhchap_groups] = {0, 2048, 3072, 4096, 6144, 8192};
    return bits[group] / 8;
}

DhchapPair::DhchapPair(uint8_t group) : pair_(new Pair{group, nullptr}) {
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                                  const_cast<char*>(group_names[group]), 0),
                                 OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    must(context && EVP_PKEY_keygen_init(context.get()) == 1 &&
             EVP_PKEY_CTX_set_params(context.get(), params) == 1 &&
             EVP_PKEY_generate(context.get(), &key) == 1,
         "a key pair");
    pair_->key.reset(key);
}

DhchapPair::~DhchapPair() = default;

std::vector<std::byte> DhchapPair::public_value() const {
    BIGNUM* taken = nullptr;
    must(EVP_PKEY_get_bn_param(pair_->key.get(), OSSL_PKEY_PARAM_PUB_KEY, &taken) == 1, "a public value");
    const Number number(taken);
    std::vector<std::byte> value(dhchap_group_size(pair_->group));
    must(BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(value.data()), int(value.size())) >= 0,
         "a public value");
    return value;
}

Secret DhchapPair::shared(Bytes others_public) const {
    const Key others = public_key(pair_->group, others_public);
    const KeyContext check = context_for(others.get());
    if (EVP_PKEY_public_check(check.get()) != 1)
        throw Error(EPROTO, "the target's Diffie-Hellman value is not in its group");
    const KeyContext context = context_for(pair_->key.get());
    Secret result(dhchap_group_size(pair_->group));
    size_t length = result.size();
    must(EVP_PKEY_derive_init(context.get()) == 1 && EVP_PKEY_CTX_set_dh_pad(context.get(), 1) == 1 &&
             EVP_PKEY_derive_set_peer(context.get(), others.get()) == 1 &&
             EVP_PKEY_derive(context.get(), result.data(), &length) == 1 && length == result.size(),
         "a Diffie-Hellman exchange");
    return result;
}

}  // namespace nvme::tcp
