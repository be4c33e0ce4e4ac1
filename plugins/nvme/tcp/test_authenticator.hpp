// SPDX-License-Identifier: BSD-3-Clause
// The controller's side of DH-HMAC-CHAP, for tests: written from the specification (Base Specification 2.0,
// 8.13.5), without code of the module.
#pragma once

#include <functional>
#include <string>

#include "test_pdus.hpp"

namespace nvme::tcp::test {

/// What a target asks of hosts.
struct TestAuthentication {
    Octets host_key;        ///< the host's key
    Octets controller_key;  ///< the target's key; empty: it answers no challenge
    uint8_t hash = 1;       ///< 1 to 3
    uint8_t group = 0;      ///< 0 to 5
    uint16_t asks = 2;      ///< bits of connect's answer: 2 authentication, 4 TLS after it
    /// May change a message before it is sent.
    std::function<void(uint8_t id, Octets& message)> tamper = [](uint8_t, Octets&) {};
};

/// The dialogue on one connection.
class TestAuthenticator {
public:
    TestAuthenticator(const TestAuthentication& how, std::string host, std::string subsystem)
        : how_(how), host_(std::move(host)), subsystem_(std::move(subsystem)) {}

    /// Takes a message from the host. Throws when the message is wrong.
    void take(const Octets& message);
    /// The next message for the host.
    Octets give();
    bool is_done() const { return is_done_; }

private:
    void take_reply(const Octets& message);
    Octets challenge();
    Octets success();
    Octets message(uint8_t id) const;
    Octets augmented(const Octets& challenge) const;

    const TestAuthentication how_;
    const std::string host_, subsystem_;
    uint16_t transaction_ = 0;
    Octets challenge_, private_value_, shared_, hosts_challenge_;
    uint32_t hosts_sequence_ = 0;
    uint8_t next_ = 0;  ///< the message to give; 0xf1: a failure
    bool is_done_ = false;
};

}  // namespace nvme::tcp::test
