// SPDX-License-Identifier: BSD-3-Clause
#include "test_authenticator.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>

namespace nvme::tcp::test {

namespace {

constexpr uint32_t sequence = 0x01020304;

void expect(bool right, const char* what) {
    if (!right) throw std::runtime_error(what);
}

const EVP_MD* digest(uint8_t hash) {
    return hash == 1 ? EVP_sha256() : hash == 2 ? EVP_sha384() : EVP_sha512();
}

const unsigned char* raw(const Octets& octets) {
    return reinterpret_cast<const unsigned char*>(octets.data());
}

Octets hmac(uint8_t hash, const Octets& key, const Octets& data) {
    Octets result(16 + 16u * hash);
    HMAC(digest(hash), key.data(), int(key.size()), raw(data), data.size(),
         reinterpret_cast<unsigned char*>(result.data()), nullptr);
    return result;
}

Octets hashed(uint8_t hash, const Octets& data) {
    Octets result(16 + 16u * hash);
    EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(result.data()), nullptr,
               digest(hash), nullptr);
    return result;
}

void add(Octets& to, const Octets& more) {
    to.insert(to.end(), more.begin(), more.end());
}
void add(Octets& to, const std::string& text) {
    append(to, text.data(), text.size());
}
template <class Number>
void add_number(Octets& to, Number number) {
    append(to, &number, sizeof(number));
}
template <class Number>
Number number_at(const Octets& message, size_t at) {
    Number number;
    expect(at + sizeof(number) <= message.size(), "a message is too short");
    std::memcpy(&number, message.data() + at, sizeof(number));
    return number;
}
Octets part(const Octets& message, size_t at, size_t length) {
    expect(at + length <= message.size(), "a message is too short");
    return {message.begin() + long(at), message.begin() + long(at + length)};
}

using Number = std::unique_ptr<BIGNUM, void (*)(BIGNUM*)>;

Number number_of(const Octets& octets) {
    return {BN_bin2bn(raw(octets), int(octets.size()), nullptr), BN_free};
}

/// base ^ exponent modulo the prime of FFDHE group 1 to 5, as long as that.
Octets power(uint8_t group, const Octets& base, const Octets& exponent) {
    constexpr const char* names[] = {"", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"};
    const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr), EVP_PKEY_CTX_free);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(names[group]), 0),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* made = nullptr;
    EVP_PKEY_paramgen_init(context.get());
    EVP_PKEY_CTX_set_params(context.get(), params);
    EVP_PKEY_generate(context.get(), &made);
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(made, EVP_PKEY_free);
    BIGNUM* taken = nullptr;
    EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_FFC_P, &taken);
    const Number prime(taken, BN_free), result(BN_new(), BN_free);
    const std::unique_ptr<BN_CTX, void (*)(BN_CTX*)> scratch(BN_CTX_new(), BN_CTX_free);
    BN_mod_exp(result.get(), number_of(base).get(), number_of(exponent).get(), prime.get(), scratch.get());
    Octets octets(size_t(BN_num_bytes(prime.get())));
    BN_bn2binpad(result.get(), reinterpret_cast<unsigned char*>(octets.data()), int(octets.size()));
    return octets;
}

Octets fill(size_t length, uint8_t first) {
    Octets octets(length);
    for (size_t i = 0; i < length; i++)
        octets[i] = std::byte(first + i);
    return octets;
}

}  // namespace

void TestAuthenticator::take(const Octets& got) {
    const auto type = number_at<uint8_t>(got, 0), id = number_at<uint8_t>(got, 1);
    const auto transaction = number_at<uint16_t>(got, 4);
    if (type == 0 && id == 0) {
        const Octets expected{std::byte(0), std::byte(1), std::byte(1),
                              std::byte(0), std::byte(3), std::byte(6)};
        expect(got.size() == 72 && part(got, 6, 6) == expected, "a wrong negotiation");
        for (uint8_t i = 0; i < 3; i++)
            expect(number_at<uint8_t>(got, 12u + i) == i + 1, "a hash function is not offered");
        for (uint8_t i = 0; i < 6; i++)
            expect(number_at<uint8_t>(got, 42u + i) == i, "a group is not offered");
        transaction_ = transaction;
        next_ = 1;
        return;
    }
    expect(transaction == transaction_, "another transaction");
    if (type == 0 && id == 0xf0) return;  // a failure
    expect(type == 1, "a wrong type of a message");
    if (id == 2) return take_reply(got);
    expect(id == 4 && got.size() == 16 && next_ == 4, "a wrong message");
    is_done_ = true;
}

Octets TestAuthenticator::augmented(const Octets& challenge) const {
    return how_.group == 0 ? challenge : hmac(how_.hash, hashed(how_.hash, shared_), challenge);
}

void TestAuthenticator::take_reply(const Octets& got) {
    const size_t length = 16 + 16u * how_.hash, value_length = number_at<uint16_t>(got, 10);
    expect(number_at<uint8_t>(got, 6) == length, "a wrong hash length");
    expect(got.size() == 16 + 2 * length + value_length, "a wrong length of a reply");
    if (how_.group != 0)
        shared_ = power(how_.group, part(got, 16 + 2 * length, value_length), private_value_);
    Octets data = augmented(challenge_);
    add_number(data, sequence);
    add_number(data, transaction_);
    add_number(data, uint8_t(0));
    add(data, "HostHost");
    add(data, host_);
    add_number(data, uint8_t(0));
    add(data, subsystem_);
    const bool right = part(got, 16, length) == hmac(how_.hash, how_.host_key, data);
    next_ = right ? 3 : 0xf1;
    if ((number_at<uint8_t>(got, 8) & 1) == 0)
        is_done_ = right;
    else
        hosts_challenge_ = part(got, 16 + length, length);
    hosts_sequence_ = number_at<uint32_t>(got, 12);
    expect((hosts_sequence_ != 0) == !hosts_challenge_.empty(), "a challenge without a sequence number");
}

Octets TestAuthenticator::message(uint8_t id) const {
    Octets message{std::byte(id == 0xf1 ? 0 : 1), std::byte(id), std::byte(), std::byte()};
    add_number(message, transaction_);
    return message;
}

Octets TestAuthenticator::give() {
    const uint8_t id = next_;
    Octets out = message(id);
    if (id == 1) out = challenge();
    if (id == 3) out = success();
    if (id == 0xf1) add_number(out, uint16_t(0x0101));  // the key is wrong
    how_.tamper(id, out);
    return out;
}

Octets TestAuthenticator::challenge() {
    const auto length = uint8_t(16 + 16 * how_.hash);
    challenge_ = fill(length, 0x30);
    Octets value;
    if (how_.group != 0) {
        private_value_ = fill(40, 0x77);
        value = power(how_.group, {std::byte(2)}, private_value_);
    }
    Octets out = message(1);
    add_number(out, length);
    add_number(out, uint8_t(0));
    add_number(out, how_.hash);
    add_number(out, how_.group);
    add_number(out, uint16_t(value.size()));
    add_number(out, sequence);
    add(out, challenge_);
    add(out, value);
    return out;
}

Octets TestAuthenticator::success() {
    const bool responds = !hosts_challenge_.empty() && !how_.controller_key.empty();
    Octets out = message(3);
    add_number(out, uint8_t(16 + 16 * how_.hash));
    add_number(out, uint8_t(0));
    add_number(out, uint8_t(responds ? 1 : 0));
    add(out, Octets(7));
    next_ = 4;
    if (!responds) return out;
    Octets data = augmented(hosts_challenge_);
    add_number(data, hosts_sequence_);
    add_number(data, transaction_);
    add_number(data, uint8_t(0));
    add(data, "Controller");
    add(data, subsystem_);
    add_number(data, uint8_t(0));
    add(data, host_);
    add(out, hmac(how_.hash, how_.controller_key, data));
    return out;
}

}  // namespace nvme::tcp::test
