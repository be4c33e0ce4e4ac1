// SPDX-License-Identifier: BSD-3-Clause
#include "dhchap.hpp"

#include <bdevkit/error.hpp>

#include <openssl/crypto.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "fabrics.hpp"

namespace nvme::tcp {

using bdevkit::Error, bdevkit::format;

namespace {

// ---- messages, little-endian ----

constexpr uint8_t common_type = 0, dhchap_type = 1;
constexpr uint8_t negotiate_id = 0x00, failure2_id = 0xf0, failure1_id = 0xf1;  // of common_type
constexpr uint8_t challenge_id = 1, reply_id = 2, success1_id = 3, success2_id = 4;

/// Why authentication fails, as the messages say it.
enum class Reason : uint8_t {
    failed = 1,
    protocol = 2,
    concatenation = 3,
    hash = 4,
    group = 5,
    payload = 6,
    message = 7,
};

struct Head {
    uint8_t type, id;
    uint8_t reserved[2];
    uint16_t transaction;
};
static_assert(sizeof(Head) == 6);

struct Negotiate {
    Head head;
    uint8_t concatenation;  ///< 0: no TLS is to follow
    uint8_t protocols;
    uint8_t protocol, reserved;  ///< of the only descriptor
    uint8_t hash_count, group_count;
    uint8_t hashes[30], groups[30];
};
static_assert(sizeof(Negotiate) == 72);

struct Challenge {
    Head head;
    uint8_t hash_length, reserved;
    uint8_t hash, group;
    uint16_t value_length;  ///< bytes of the Diffie-Hellman value, which follows the challenge
    uint32_t sequence;
};
static_assert(sizeof(Challenge) == 16);

struct Reply {
    Head head;
    uint8_t hash_length, reserved;
    uint8_t challenges;  ///< 1: the response is followed by a challenge for the controller
    uint8_t reserved2;
    uint16_t value_length;
    uint32_t sequence;
};
static_assert(sizeof(Reply) == 16);

struct Success1 {
    Head head;
    uint8_t hash_length, reserved;
    uint8_t responds;  ///< 1: the response to the host's challenge follows
    uint8_t reserved2[7];
};
static_assert(sizeof(Success1) == 16);

struct Success2 {
    Head head;
    uint8_t reserved[10];
};
static_assert(sizeof(Success2) == 16);

struct Failure {
    Head head;
    uint8_t reason;  ///< 1
    uint8_t explanation;
};
static_assert(sizeof(Failure) == 8);

/// Thrown when the host breaks the dialogue off. The target is told the reason.
struct Refusal {
    Reason reason;
    std::string text;
};

/// @param asked_for_proof  whether the target was asked to authenticate itself as well
std::string text_of(uint8_t explanation, bool asked_for_proof) {
    switch (Reason(explanation)) {
        case Reason::failed:
            return asked_for_proof
                       ? "the key is not the one that it has for this host, or it has no key to prove itself "
                         "(`dhchap_ctrl_key_file`)"
                       : "the key is not the one that it has for this host";
        case Reason::protocol:
            return "it does not use DH-HMAC-CHAP";
        case Reason::concatenation:
            return "it asks for TLS after authentication, which is not supported";
        case Reason::hash:
            return "it accepts none of SHA-256, SHA-384 and SHA-512";
        case Reason::group:
            return "it accepts neither a Diffie-Hellman group from FFDHE2048 to FFDHE8192 nor authentication "
                   "without a group";
        case Reason::payload:
            return "it has received an invalid message";
        case Reason::message:
            return "it expected another message";
        default:
            return format("explanation %u", explanation);
    }
}

template <class T>
Bytes raw(const T& value) noexcept {
    return std::as_bytes(std::span(&value, 1));
}

// ---- the dialogue ----

class Dialogue {
public:
    Dialogue(Caller& caller, const Target& target, const DhchapKeys& keys)
        : caller_(caller), target_(target), keys_(keys) {
        dhchap_random(std::as_writable_bytes(std::span(&transaction_, 1)));
    }

    void run() {
        try {
            negotiate();
            take_challenge();
            reply();
            take_success();
        } catch (const Refusal& refusal) {
            tell(refusal.reason);
            throw Error(EACCES, format("%s: authentication (DH-HMAC-CHAP) breaks off: %s",
                                       target_.name().c_str(), refusal.text.c_str()));
        }
    }

private:
    /// The longest message that is accepted. All expected messages are shorter.
    static constexpr uint32_t most = 4096;
    static constexpr uint32_t protocol = 0xe9u << 24 | 1u << 16 | 1u << 8;  // in dword 10

    Head head(uint8_t type, uint8_t id) const { return {type, id, {}, transaction_}; }
    bool proves_both() const { return keys_.controller != nullptr; }

    void send(std::initializer_list<Bytes> parts, bool must = true) {
        std::vector<std::byte> message;
        for (const Bytes part : parts)
            message.insert(message.end(), part.begin(), part.end());
        Command command = fabrics_command(nvme_fabrics_type_auth_send);
        command.cdw10 = protocol;
        command.cdw11 = uint32_t(message.size());
        const Result result = caller_.call(command, "authentication",
                                           {.buf = message.data(), .bytes = uint32_t(message.size())});
        if (must && !result.ok()) refused(status_text(result));
    }

    /// Ignores errors: a target may close the connection when it gets this message, as the kernel's does, and
    /// the reason of the refusal matters more.
    void tell(Reason reason) {
        const Failure failure{head(common_type, failure2_id), 1, uint8_t(reason)};
        try {
            send({raw(failure)}, /*must=*/false);
        } catch (const Error& error) {
            if (error.rc() == -ECANCELED) throw;
        }
    }

    [[noreturn]] void refused(const std::string& why) const {
        throw Error(EACCES, format("%s refuses to authenticate '%s': %s", target_.name().c_str(),
                                   target_.host_nqn.c_str(), why.c_str()));
    }

    /// Receives a message that begins with an `M`; rest_ has the bytes after that.
    template <class M>
    M receive(uint8_t id, const char* what) {
        std::vector<std::byte> message(most);
        Command command = fabrics_command(nvme_fabrics_type_auth_receive);
        command.cdw10 = protocol;
        command.cdw11 = most;
        const Result result = caller_.call(command, "authentication", {.buf = message.data(), .bytes = most});
        if (!result.ok()) refused(status_text(result));
        message.resize(result.bytes);
        Failure failure;
        if (message.size() < sizeof(failure)) throw Refusal{Reason::payload, format("%s is too short", what)};
        std::memcpy(&failure, message.data(), sizeof(failure));
        if (failure.head.type == common_type && failure.head.id == failure1_id)
            refused(text_of(failure.explanation, proves_both()));
        if (failure.head.type != dhchap_type || failure.head.id != id)
            throw Refusal{Reason::message, format("message %u/0x%02x came instead of %s", failure.head.type,
                                                  failure.head.id, what)};
        if (failure.head.transaction != transaction_)
            throw Refusal{Reason::message, format("%s is of another transaction", what)};
        M head_of;
        if (message.size() < sizeof(head_of)) throw Refusal{Reason::payload, format("%s is too short", what)};
        std::memcpy(&head_of, message.data(), sizeof(head_of));
        rest_.assign(message.begin() + sizeof(head_of), message.end());
        return head_of;
    }

    void negotiate() {
        Negotiate message{};
        message.head = head(common_type, negotiate_id);
        message.protocols = message.protocol = 1;
        message.hash_count = 3;
        for (uint8_t i = 0; i < message.hash_count; i++)
            message.hashes[i] = uint8_t(i + 1);
        message.group_count = dhchap_groups;
        for (uint8_t i = 0; i < message.group_count; i++)
            message.groups[i] = i;
        send({raw(message)});
    }

    void take_challenge() {
        const auto message = receive<Challenge>(challenge_id, "the challenge");
        if (!is_dhchap_hash(message.hash) ||
            message.hash_length != dhchap_hash_size(DhchapHash(message.hash)))
            throw Refusal{Reason::hash, format("the challenge has hash function %u with %u bytes",
                                               message.hash, message.hash_length)};
        hash_ = DhchapHash(message.hash);
        if (message.group >= dhchap_groups)
            throw Refusal{Reason::group, format("the challenge has Diffie-Hellman group %u", message.group)};
        const size_t length = message.value_length, group_size = dhchap_group_size(message.group);
        if (length > group_size || (length == 0) != (group_size == 0))
            throw Refusal{Reason::payload, format("the challenge has a value of %zu bytes for group %u",
                                                  length, message.group)};
        if (rest_.size() < message.hash_length + length)
            throw Refusal{Reason::payload, "the challenge is too short"};
        sequence_ = message.sequence;
        const Bytes bytes(rest_);
        challenge_.assign(bytes.begin(), bytes.begin() + message.hash_length);
        if (message.group != 0) exchange(message.group, bytes.subspan(message.hash_length, length));
    }

    void exchange(uint8_t group, Bytes value) {
        const DhchapPair pair(group);
        value_ = pair.public_value();
        try {
            session_.emplace(dhchap_hash(hash_, bytes_of(pair.shared(value))));
        } catch (const Error& error) {
            throw Refusal{Reason::payload, error.what()};
        }
    }

    /// The response to a challenge, for the side that has `key`.
    Secret response(const Secret& key, Bytes challenge, uint32_t sequence, const std::string& role,
                    const std::string& own, const std::string& others) const {
        // With a group, the shared secret augments the challenge.
        const Secret augmented = session_ ? dhchap_hmac(hash_, bytes_of(*session_), {challenge}) : Secret(0);
        const uint8_t none = 0;
        return dhchap_hmac(hash_, bytes_of(key),
                           {session_ ? bytes_of(augmented) : challenge, raw(sequence), raw(transaction_),
                            raw(none), bytes_of(role), bytes_of(own), raw(none), bytes_of(others)});
    }

    void reply() {
        const Secret own = response(keys_.host.transformed(target_.host_nqn), challenge_, sequence_,
                                    "HostHost", target_.host_nqn, target_.subsystem);
        own_challenge_.resize(own.size());
        if (proves_both()) {
            dhchap_random(own_challenge_);
            dhchap_random(std::as_writable_bytes(std::span(&own_sequence_, 1)));
            own_sequence_ |= 1;  // 0 means no challenge
        }
        Reply message{};
        message.head = head(dhchap_type, reply_id);
        message.hash_length = uint8_t(own.size());
        message.challenges = proves_both() ? 1 : 0;
        message.value_length = uint16_t(value_.size());
        message.sequence = own_sequence_;
        send({raw(message), bytes_of(own), own_challenge_, value_});
    }

    void take_success() {
        const auto message = receive<Success1>(success1_id, "the success");
        if (!proves_both()) return;
        if ((message.responds & 1) == 0)
            throw Refusal{Reason::failed,
                          "the target does not prove who it is: give it a key as well, or remove "
                          "`dhchap_ctrl_key_file`"};
        const Secret expected = response(keys_.controller->transformed(target_.subsystem), own_challenge_,
                                         own_sequence_, "Controller", target_.subsystem, target_.host_nqn);
        if (message.hash_length != expected.size() || rest_.size() < expected.size())
            throw Refusal{Reason::payload, "the success is too short"};
        if (CRYPTO_memcmp(rest_.data(), expected.data(), expected.size()) != 0)
            throw Refusal{Reason::failed, "the target has not the key of `dhchap_ctrl_key_file`"};
        const Success2 thanks{head(dhchap_type, success2_id), {}};
        send({raw(thanks)});
    }

    Caller& caller_;
    const Target& target_;
    const DhchapKeys& keys_;
    uint16_t transaction_ = 0;
    std::vector<std::byte> rest_;  ///< of the last message
    DhchapHash hash_ = DhchapHash::sha256;
    uint32_t sequence_ = 0, own_sequence_ = 0;
    std::vector<std::byte> challenge_, own_challenge_;
    std::vector<std::byte> value_;   ///< the host's public value, with a group
    std::optional<Secret> session_;  ///< the session key, with a group
};

}  // namespace

void authenticate(Caller& caller, const Target& target, const DhchapKeys& keys) {
    Dialogue(caller, target, keys).run();
}

}  // namespace nvme::tcp
