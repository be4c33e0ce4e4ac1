// SPDX-License-Identifier: BSD-3-Clause
// DH-HMAC-CHAP with a target that answers what it likes, and the text of keys. First byte: what is tried;
// then each message of the target's as a length and its bytes, with the right transaction unless it asks for
// another.
#include <bdevkit/error.hpp>

#include <cerrno>
#include <deque>
#include <vector>

#include "../../plugins/nvme/tcp/dhchap.hpp"
#include "fuzz_input.hpp"

using bdk::fuzz::FuzzInput, bdk::fuzz::must_hold;

namespace {

using namespace nvme;
using namespace nvme::tcp;

/// The messages of the target, and the transaction that the host has chosen.
struct ScriptedTarget {
    std::deque<std::vector<std::byte>> messages;
    uint16_t transaction = 0;
};
ScriptedTarget* target = nullptr;

constexpr const char* key_text = "DHHC-1:00:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+KfiaR:";
constexpr size_t transaction_at = 4, shortest_message = 6;

}  // namespace

// In place of a connection: commands are answered out of the input.
Result Caller::call(const Command&, const char*, const Data& data) {
    constexpr uint8_t opcode_specific = 1, invalid_field = 2;
    must_hold(data.bytes >= shortest_message, "a message of the host's has a head");
    const bool is_receive = data.bytes == 4096;
    if (!is_receive) {
        std::memcpy(&target->transaction, static_cast<const std::byte*>(data.buf) + transaction_at, 2);
        return {};
    }
    if (target->messages.empty()) return {.sct = opcode_specific, .sc = invalid_field};
    std::vector<std::byte> message = std::move(target->messages.front());
    target->messages.pop_front();
    const bool has_own_transaction =
        message.size() >= shortest_message && message[transaction_at] == std::byte{0xff};
    if (message.size() >= shortest_message && !has_own_transaction)
        std::memcpy(&message[transaction_at], &target->transaction, 2);
    std::ranges::copy(message, static_cast<std::byte*>(data.buf));
    return {.bytes = uint32_t(message.size())};
}

namespace {

void run_dialogue(FuzzInput& input, bool both) {
    ScriptedTarget now;
    target = &now;
    while (!input.empty()) {
        const size_t length = input.take<uint16_t>() % 1200;
        const Bytes bytes = input.take_bytes(length);
        now.messages.emplace_back(bytes.begin(), bytes.end());
    }
    Target name;
    name.subsystem = "nqn.2024-01.org.example:target";
    name.host_nqn = "nqn.2024-01.org.example:host";
    const DhchapKeys keys{
        DhchapKey::from_text(key_text, "host"),
        both ? std::make_unique<const DhchapKey>(DhchapKey::from_text(key_text, "target")) : nullptr};
    static Connection unused(Fd(), {});
    static const Cancel cancel;
    Caller caller(unused, cancel, {});
    try {
        authenticate(caller, name, keys);
        must_hold(!both, "nobody proves to have the controller's key by chance");
    } catch (const bdevkit::Error&) {
    }
}

void read_key(FuzzInput& input) {
    try {
        const DhchapKey key = DhchapKey::from_text(input.take_text(300), "key");
        must_hold(key.transformed("nqn.2024-01.org.example:host").size() >= 32, "a key has 32 bytes or more");
    } catch (const bdevkit::Error& error) {
        must_hold(error.rc() == -EINVAL || error.rc() == -EIO, "a key that is none is refused");
    }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    dhchap_prepare();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    const auto what = input.take<uint8_t>();
    if ((what & 3) == 3)
        read_key(input);
    else
        run_dialogue(input, (what & 1) != 0);
    return 0;
}
